"""Cross-validation of candidates on held-out groups, and nested cross-validation of the selection among them.

Each candidate predicts each event once without having seen its group. The candidate with the least log loss is
chosen; its own score is then a little too good, since it was used to choose it. So the selection is held out, too
(nested cross-validation; Varma & Simon 2006, BMC Bioinformatics; Cawley & Talbot 2010, JMLR).

The inner folds of an outer fold are the other outer folds. A classifier trained without folds a and b serves twice: it
predicts b where a is held out, and a where b is held out. Ten trainings a candidate are enough for five folds. None of
them has seen the outer fold, and neither have the selection and the calibration made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from popclass.metrics.bootstrap import mean_interval, score_with_intervals
from popclass.metrics.scores import log_losses, risk_coverage, score
from popclass.metrics.tables import BASELINE, MFCC_FOREST
from popclass.training.baseline import predict_mfcc_forest
from popclass.training.calibration import cross_calibrated, fit_calibration
from popclass.training.classifiers import enough_for, predict_with
from popclass.training.folds import Folds

WORKERS = 2  # threads; the result does not depend on how many

Progress = Callable[[str, int, int], None]
"""Called with a description, how many steps are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Nested:
    """Result of nested cross-validation.

    Attributes
    ----------
    probabilities : ndarray, shape (n, k)
        Calibrated, of events that neither selection nor training nor calibration has seen.
    chosen : tuple of str
        Candidate that was chosen while each outer fold was held out.
    """

    probabilities: np.ndarray
    chosen: tuple[str, ...]


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
    nested : Nested or None
        None where there was one candidate, or where two folds left out leave too little.
    """

    chosen: str
    raw: np.ndarray
    held_out: dict[str, np.ndarray]
    nested: Nested | None

    @property
    def calibrated(self) -> np.ndarray:
        """Calibrated held-out probabilities of the chosen candidate."""
        return self.held_out[self.chosen]

    def scores(self, y: np.ndarray, classes: Sequence[str], groups: Sequence[str], *, seed: int = 0) -> dict[str, Any]:
        """Return what a model file stores; `held_out` is the main result, nested where something was chosen."""
        best = self.calibrated if self.nested is None else self.nested.probabilities
        return {
            "chosen": self.chosen,
            "candidates": candidate_scores(y, self.held_out, classes, groups, seed=seed),
            "nested": None if self.nested is None else {"chosen": list(self.nested.chosen)},
            "held_out": score_with_intervals(y, best, classes, groups, seed=seed),
            "risk_coverage": risk_coverage(y, best),
        }


@dataclass(frozen=True, slots=True)
class _Job:
    """One training: a kind, the events it is trained on, those it predicts, and the folds left out."""

    kind: str
    train: np.ndarray
    test: np.ndarray
    outer: tuple[int, ...]


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
        MFCC statistics of the same events for the MFCC baseline (`popclass.training.baseline.mfcc_statistics`).
    seed : int
    progress : callable, optional
    """
    tested = (*kinds, BASELINE) if mfcc is None else (*kinds, BASELINE, MFCC_FOREST)
    jobs = [_Job(kind, *split, (i,)) for kind in tested for i, split in enumerate(splits)]
    pairs = _pairs(kinds, y, splits) if len(kinds) > 1 else []
    predicted = _run([*jobs, *pairs], X, y, mfcc, seed, progress)
    shape = (len(y), int(y.max()) + 1)
    raw = {kind: np.empty(shape) for kind in tested}
    for job, found in zip(jobs, predicted, strict=False):
        raw[job.kind][job.test] = found
    tests = [test for _, test in splits]
    held_out = {kind: p if kind == BASELINE else cross_calibrated(p, y, tests) for kind, p in raw.items()}
    chosen = min(kinds, key=lambda kind: log_losses(y, held_out[kind]).mean())
    inner = _by_outer_fold(pairs, predicted[len(jobs) :], splits, shape)
    return CrossValidation(chosen, raw[chosen], held_out, _nest(inner, raw, y, splits) if pairs else None)


def candidate_scores(
    y: np.ndarray, held_out: Mapping[str, np.ndarray], classes: Sequence[str], groups: Sequence[str], *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Return a row of the table of candidates for each: its totals, and the interval of its log loss."""
    rows = {}
    for kind, p in held_out.items():
        figures = score(y, p, classes)
        totals = {key: figures[key] for key in ("log_loss", "balanced_accuracy", "brier", "ece")}
        rows[kind] = {**totals, "interval": mean_interval(log_losses(y, p), groups, seed=seed)}
    return rows


def _pairs(kinds: Sequence[str], y: np.ndarray, splits: Folds) -> list[_Job]:
    """Return the trainings without each pair of folds; none at all where one of them lacks events of a class."""
    jobs = []
    for a, b in combinations(range(len(splits)), 2):
        train = np.intersect1d(splits[a][0], splits[b][0])
        if len(np.unique(y[train])) <= y.max() or not all(enough_for(kind, y[train]) for kind in kinds):
            return []
        test = np.concatenate([splits[a][1], splits[b][1]])
        jobs += [_Job(kind, train, test, (a, b)) for kind in kinds]
    return jobs


def _run(
    jobs: Sequence[_Job], X: np.ndarray, y: np.ndarray, mfcc: np.ndarray | None, seed: int, progress: Progress | None
) -> list[np.ndarray]:
    """Return the predictions of each training, in the order of the jobs."""
    from joblib import Parallel, delayed

    def predict(job: _Job) -> np.ndarray:
        if job.kind == MFCC_FOREST and mfcc is not None:
            return predict_mfcc_forest(mfcc[job.train], y[job.train], mfcc[job.test], seed=seed)
        return predict_with(job.kind, X[job.train], y[job.train], X[job.test], seed=seed)

    out = []
    tasks = (delayed(predict)(job) for job in jobs)
    for found in Parallel(n_jobs=WORKERS, prefer="threads", return_as="generator")(tasks):
        out.append(found)
        if progress is not None:
            progress("cross-validation", len(out), len(jobs))
    return out


def _by_outer_fold(
    pairs: Sequence[_Job], predicted: Sequence[np.ndarray], splits: Folds, shape: tuple[int, int]
) -> dict[str, list[np.ndarray]]:
    """Return the inner predictions of each kind and outer fold, NaN for the events of that fold."""
    inner = {job.kind: [np.full(shape, np.nan) for _ in splits] for job in pairs}
    for job, found in zip(pairs, predicted, strict=True):
        a, b = job.outer
        size = len(splits[a][1])
        inner[job.kind][b][splits[a][1]] = found[:size]
        inner[job.kind][a][splits[b][1]] = found[size:]
    return inner


def _nest(inner: dict[str, list[np.ndarray]], raw: dict[str, np.ndarray], y: np.ndarray, splits: Folds) -> Nested:
    """Choose and calibrate on the training side of each outer fold and predict its events."""
    out = np.empty_like(next(iter(raw.values())))
    chosen = []
    for i, (train, test) in enumerate(splits):
        others = [aside for j, (_, aside) in enumerate(splits) if j != i]
        losses = {
            kind: log_losses(y[train], cross_calibrated(found[i], y, others)[train]).mean()
            for kind, found in inner.items()
        }
        best = min(losses, key=lambda kind: losses[kind])
        out[test] = fit_calibration(inner[best][i][train], y[train]).apply(raw[best][test])
        chosen.append(best)
    return Nested(out, tuple(chosen))
