"""Cross-validation of candidates on held-out groups, nested for their selection, and the calibration fitted to it.

Each candidate predicts each event once without having seen its group. The candidate with the least log loss is
chosen; its own score is then a little too good, since it was used to choose it. So the selection is held out, too
(nested cross-validation; Varma & Simon 2006, BMC Bioinformatics; Cawley & Talbot 2010, JMLR).

The inner folds of an outer fold are the other outer folds. A classifier trained without folds a and b serves twice: it
predicts b where a is held out, and a where b is held out. Ten trainings a candidate are enough for five folds. None of
them has seen the outer fold, and neither have the selection and the calibration made from them.

With very many events of every class a full Dirichlet calibration is fitted, shrunk towards temperature scaling. With
fewer only a temperature and a bias of each class are (Alexandari, Kundaje & Shrikumar 2020, ICML): on the events of a
dozen people, one of whom has most of a class, a full matrix learns to reverse the classifier. With very few events
nothing is changed: a calibration that fits noise is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from popclass.metrics.scores import log_losses
from popclass.metrics.tables import BASELINE, MFCC_FOREST
from popclass.model.calibration import Calibration, log_probabilities
from popclass.training.classifiers import predict_with, trainable_kinds
from popclass.training.folds import Folds

Progress = Callable[[str, int, int], None]
"""Called with a description, how many steps are done, and how many there are."""
Job = tuple[str, tuple[int, ...]]  # a classifier, and the numbers of the folds that are left out
Arrays = dict[str, np.ndarray]

WORKERS = 2  # threads; the result does not depend on how many
EVENTS_FOR_DIRICHLET = 1000  # of each class
EVENTS_FOR_TEMPERATURE = 30  # in all
EVENTS_OF_EACH_CLASS = 3  # for any calibration
SHRINKAGE = 10.0  # towards temperature scaling: as strong as some ten events a number
BIAS_SHRINKAGE = 1.0  # towards 0, of the bias of a class beside a temperature
INVERSE_TEMPERATURES = (0.1, 4.0)  # least and largest


def tracked(steps: Iterable[Any], description: str, total: int, progress: Progress | None) -> Iterator[Any]:
    """Yield the results of steps, and report each when it has been handled."""
    for done, step in enumerate(steps, start=1):
        yield step
        if progress is not None:
            progress(description, done, total)


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """Result of cross-validation.

    Attributes
    ----------
    chosen : str
        Candidate with the least log loss.
    raw : ndarray, shape (n, k)
        Held-out probabilities of the chosen candidate, not calibrated.
    held_out : dict of ndarray, shape (n, k)
        Held-out probabilities of each candidate and baseline; each fold is calibrated on the others.
    nested : ndarray, shape (n, k), or None
        Calibrated probabilities of events that neither selection nor training nor calibration has seen. None where
        there was one candidate, or where two folds left out leave too little.
    nested_chosen : tuple of str
        Candidate that was chosen while each outer fold was held out.
    """

    chosen: str
    raw: np.ndarray
    held_out: Arrays
    nested: np.ndarray | None = None
    nested_chosen: tuple[str, ...] = ()


def cross_validate(
    kinds: Sequence[str],
    X: np.ndarray,
    y: np.ndarray,
    splits: Folds,
    *,
    mfcc: np.ndarray | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> CrossValidation:
    """Train candidates and baselines on the same folds and choose a candidate.

    Parameters
    ----------
    kinds : sequence of str
        Candidates, see `popclass.training.classifiers.train_classifier`.
    X : ndarray, shape (n, f)
    y : ndarray of int, shape (n,)
    splits : list of (training indices, held-out indices)
    mfcc : ndarray, shape (n, 40), optional
        MFCC statistics of the same events for the MFCC baseline (`popclass.training.dataset.mfcc_statistics`).
    seed : int
    progress : callable, optional
    """
    features = dict.fromkeys((*kinds, BASELINE), X) | ({} if mfcc is None else {MFCC_FOREST: mfcc})
    pairs = [*combinations(range(len(splits)), 2)] if len(kinds) > 1 else []
    if pairs and not set(kinds) <= set(trainable_kinds(y, [_training_side(splits, pair) for pair in pairs])):
        pairs = []
    jobs: list[Job] = [(kind, (i,)) for kind in features for i in range(len(splits))]
    jobs += [(kind, pair) for pair in pairs for kind in kinds]
    predicted = _predict_all(jobs, features, y, splits, seed, progress)
    tests = [test for _, test in splits]
    raw = {kind: _gather(predicted, kind, tests) for kind in features}
    held_out = {kind: p if kind == BASELINE else cross_calibrated(p, y, tests) for kind, p in raw.items()}
    chosen = min(kinds, key=lambda kind: log_losses(y, held_out[kind]).mean())
    if not pairs:
        return CrossValidation(chosen, raw[chosen], held_out)
    nested, nested_chosen = np.empty_like(raw[chosen]), []
    for i, (train, test) in enumerate(splits):
        inner, others = {kind: _gather(predicted, kind, tests, i) for kind in kinds}, tests[:i] + tests[i + 1 :]
        losses = {kind: log_losses(y[train], cross_calibrated(p, y, others)[train]).mean() for kind, p in inner.items()}
        best = min(kinds, key=lambda kind: losses[kind])
        nested[test] = fit_calibration(inner[best][train], y[train]).apply(inner[best][test])
        nested_chosen.append(best)
    return CrossValidation(chosen, raw[chosen], held_out, nested, tuple(nested_chosen))


def _training_side(splits: Folds, left_out: tuple[int, ...]) -> np.ndarray:
    """Return the events on the training side of every fold that is left out."""
    return reduce(np.intersect1d, (splits[i][0] for i in left_out))


def _predict_all(
    jobs: Sequence[Job], features: Arrays, y: np.ndarray, splits: Folds, seed: int, progress: Progress | None
) -> dict[Job, np.ndarray]:
    """Return the probabilities of the left-out events of each job; those of other events are not a number."""
    from joblib import Parallel, delayed

    def predict(kind: str, left_out: tuple[int, ...]) -> np.ndarray:
        train, test = _training_side(splits, left_out), np.concatenate([splits[i][1] for i in left_out])
        out, X = np.full((len(y), int(y.max()) + 1), np.nan), features[kind]
        out[test] = predict_with(kind, X[train], y[train], X[test], seed=seed)
        return out

    found = Parallel(n_jobs=WORKERS, prefer="threads", return_as="generator")(delayed(predict)(*job) for job in jobs)
    return dict(zip(jobs, tracked(found, "cross-validation", len(jobs), progress), strict=True))


def _gather(predicted: dict[Job, np.ndarray], kind: str, tests: Sequence[np.ndarray], *outer: int) -> np.ndarray:
    """Return probabilities of each fold by a classifier that has seen neither it nor the outer fold."""
    out = np.full_like(predicted[kind, (0,)], np.nan)
    for i, test in enumerate(tests):
        out[test] = predicted[kind, tuple(sorted({i, *outer}))][test]
    return out


def fit_calibration(raw: np.ndarray, y: np.ndarray) -> Calibration:
    """Return the calibration that maximizes the likelihood of held-out events.

    Parameters
    ----------
    raw : ndarray, shape (n, k)
        Probabilities of held-out events by the classifier.
    y : ndarray of int, shape (n,)
        Their classes.
    """
    n, k = raw.shape
    fewest = int(np.bincount(y, minlength=k).min()) if n else 0
    if n < EVENTS_FOR_TEMPERATURE or fewest < EVENTS_OF_EACH_CLASS:
        return Calibration.identity(k)
    logs, truth = log_probabilities(raw), np.eye(k)[y]
    if fewest < EVENTS_FOR_DIRICHLET:
        return Calibration("temperature and bias", *_temperature_and_bias(logs, truth), n)
    return Calibration("dirichlet", *_dirichlet(logs, truth, _inverse_temperature(logs, truth)), n)


def cross_calibrated(raw: np.ndarray, y: np.ndarray, folds: Sequence[np.ndarray]) -> np.ndarray:
    """Return held-out probabilities, those of each fold calibrated on the other folds."""
    out = np.empty_like(raw, dtype=np.float64)
    for fold in folds:
        others = np.setdiff1d(np.concatenate(folds), fold)
        out[fold] = fit_calibration(raw[others], y[others]).apply(raw[fold])
    return out


def _inverse_temperature(logs: np.ndarray, truth: np.ndarray) -> float:
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(log_inverse: float) -> float:
        return float(-(truth * log_softmax(np.exp(log_inverse) * logs, axis=1)).sum())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(INVERSE_TEMPERATURES), method="bounded").x))


def _temperature_and_bias(logs: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    k = logs.shape[1]

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        inverse, bias = np.exp(numbers[0]), numbers[1:]
        log_p = log_softmax(inverse * logs + bias, axis=1)
        off = np.exp(log_p) - truth
        value = -(truth * log_p).sum() + BIAS_SHRINKAGE / 2 * (bias**2).sum()
        return float(value), np.append(inverse * (off * logs).sum(), off.sum(axis=0) + BIAS_SHRINKAGE * bias)

    bounds = [tuple(np.log(INVERSE_TEMPERATURES)), *[(None, None)] * k]
    found = minimize(loss, np.zeros(k + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.eye(k) * np.exp(found[0]), found[1:]


def _dirichlet(logs: np.ndarray, truth: np.ndarray, inverse_temperature: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    k = logs.shape[1]
    start = np.hstack([np.eye(k) * inverse_temperature, np.zeros((k, 1))])
    inputs = np.hstack([logs, np.ones((len(logs), 1))])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        numbers = flat.reshape(start.shape)
        log_p, off = log_softmax(inputs @ numbers.T, axis=1), numbers - start
        value = -(truth * log_p).sum() + SHRINKAGE / 2 * (off**2).sum()
        return float(value), ((np.exp(log_p) - truth).T @ inputs + SHRINKAGE * off).ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    numbers = found.x.reshape(start.shape)
    return numbers[:, :k], numbers[:, k]
