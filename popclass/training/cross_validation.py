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

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from popclass.metrics.tables import BASELINE, MFCC_FOREST
from popclass.model.calibration import Calibration, log_probabilities
from popclass.training.classifiers import predict_with, trainable
from popclass.training.folds import Folds

Progress = Callable[[str, int, int], None]
"""Called with a description, how many steps are done, and how many there are."""
Job = tuple[str, tuple[int, ...]]  # a classifier, and the numbers of the folds that are left out
Arrays = dict[str, np.ndarray]
Rank = Callable[[np.ndarray, np.ndarray], Any]  # lower is better, from the classes and probabilities of events

WORKERS = 2  # threads; the result does not depend on how many
EVENTS_FOR_DIRICHLET = 1000  # of each class
EVENTS_FOR_TEMPERATURE = 30  # in all
EVENTS_OF_EACH_CLASS = 3  # for any calibration
SHRINKAGE = 10.0  # towards temperature scaling: as strong as some ten events a number
BIAS_SHRINKAGE = 1.0  # towards 0, of the bias of a class beside a temperature
INVERSE_TEMPERATURES = (0.1, 4.0)  # least and largest


def tracked(steps: Iterable[Any], description: str, total: int, progress: Progress | None) -> Iterator[Any]:
    """Yield the results of steps, and report the beginning, and each when it has been handled."""
    if progress is not None:
        progress(description, 0, total)
    for done, step in enumerate(steps, start=1):
        yield step
        if progress is not None:
            progress(description, done, total)


class CrossValidation:
    """Predictions of candidates and baselines for events that they were not trained on.

    Parameters
    ----------
    tables : mapping of str to ndarray, shape (n, f)
        The features of each candidate, see `popclass.training.classifiers.train_classifier`.
    y : ndarray of int, shape (n,)
    splits : list of (training indices, held-out indices)
    mfcc : ndarray, shape (n, 40), optional
        MFCC statistics of the same events for the MFCC baseline (`popclass.training.dataset.mfcc_statistics`).
    seed : int
    progress : callable, optional

    Attributes
    ----------
    raw : dict of ndarray, shape (n, k)
        Held-out probabilities of each candidate and baseline, not calibrated.
    held_out : dict of ndarray, shape (n, k)
        The same, each fold calibrated on the others.
    """

    def __init__(
        self,
        tables: Mapping[str, np.ndarray],
        y: np.ndarray,
        splits: Folds,
        *,
        mfcc: np.ndarray | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.kinds, self.y, self.splits, self._options = tuple(tables), y, splits, (seed, progress)
        baselines = {BASELINE: np.zeros((len(y), 1))} | ({} if mfcc is None else {MFCC_FOREST: mfcc})
        self._tables = {**tables, **baselines}
        self._tests = [test for _, test in splits]
        self._predicted: dict[Job, np.ndarray] = {}
        self._predict([(kind, (i,)) for kind in self._tables for i in range(len(splits))])
        self.raw = {kind: self._gather(kind) for kind in self._tables}
        self.held_out = {
            kind: p if kind == BASELINE else cross_calibrated(p, y, self._tests) for kind, p in self.raw.items()
        }

    def best(self, rank: Rank) -> str:
        """Return the candidate with the lowest rank."""
        return min(self.kinds, key=lambda kind: rank(self.y, self.held_out[kind]))

    def nest(self, rank: Rank) -> tuple[np.ndarray, list[str]] | None:
        """Repeat the selection without each outer fold.

        Returns
        -------
        nested : ndarray, shape (n, k)
            Calibrated probabilities of events that neither selection nor training nor calibration has seen.
        chosen : list of str
            Candidate that was chosen while each outer fold was held out.
            None instead of both where there is one candidate, or where two folds left out leave too little.
        """
        y, splits, tests = self.y, self.splits, self._tests
        pairs = [*combinations(range(len(splits)), 2)] if len(self.kinds) > 1 else []
        sides = [_training_side(splits, pair) for pair in pairs]
        if not pairs or not all(trainable(kind, y, sides) for kind in self.kinds):
            return None
        self._predict([(kind, pair) for pair in pairs for kind in self.kinds])
        nested, chosen = np.empty_like(self.raw[self.kinds[0]]), []
        for i, (train, test) in enumerate(splits):
            inner, others = {kind: self._gather(kind, i) for kind in self.kinds}, tests[:i] + tests[i + 1 :]
            ranks = {kind: rank(y[train], cross_calibrated(p, y, others)[train]) for kind, p in inner.items()}
            best = min(self.kinds, key=lambda kind: ranks[kind])
            nested[test] = fit_calibration(inner[best][train], y[train]).apply(inner[best][test])
            chosen.append(best)
        return nested, chosen

    def _predict(self, jobs: Sequence[Job]) -> None:
        """Add the probabilities of the left-out events of each job; those of other events are not a number."""
        from joblib import Parallel, delayed

        y, splits, (seed, progress) = self.y, self.splits, self._options

        def predict(kind: str, left_out: tuple[int, ...]) -> np.ndarray:
            train, test = _training_side(splits, left_out), np.concatenate([splits[i][1] for i in left_out])
            out, X = np.full((len(y), int(y.max()) + 1), np.nan), self._tables[kind]
            out[test] = predict_with(kind, X[train], y[train], X[test], seed=seed)
            return out

        made = Parallel(n_jobs=WORKERS, prefer="threads", return_as="generator")(delayed(predict)(*job) for job in jobs)
        self._predicted |= zip(jobs, tracked(made, "cross-validation", len(jobs), progress), strict=True)

    def _gather(self, kind: str, *outer: int) -> np.ndarray:
        """Return probabilities of each fold by a classifier that has seen neither it nor the outer fold."""
        out = np.full_like(self._predicted[kind, (0,)], np.nan)
        for i, test in enumerate(self._tests):
            out[test] = self._predicted[kind, tuple(sorted({i, *outer}))][test]
        return out


def _training_side(splits: Folds, left_out: tuple[int, ...]) -> np.ndarray:
    """Return the events on the training side of every fold that is left out."""
    return reduce(np.intersect1d, (splits[i][0] for i in left_out))


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
