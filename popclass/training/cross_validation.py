"""Cross-validation of candidates on held-out groups, and nested cross-validation of the selection among them.

Each candidate predicts each event once without having seen its group. The candidate with the least log loss is
chosen; its own score is then a little too good, since it was used to choose it. So the selection is held out, too
(nested cross-validation; Varma & Simon 2006, BMC Bioinformatics; Cawley & Talbot 2010, JMLR).

The inner folds of an outer fold are the other outer folds. A classifier trained without folds a and b serves twice: it
predicts b where a is held out, and a where b is held out. Ten trainings a candidate are enough for five folds. None of
them has seen the outer fold, and neither have the selection and the calibration made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from popclass.metrics.bootstrap import mean_interval, score_with_intervals
from popclass.metrics.scores import log_losses, risk_coverage, score
from popclass.metrics.tables import BASELINE, MFCC_FOREST
from popclass.training.baseline import predict_mfcc_forest
from popclass.training.calibration import cross_calibrated, fit_calibration
from popclass.training.classifiers import predict_with, trainable_kinds
from popclass.training.folds import Folds

WORKERS = 2  # threads; the result does not depend on how many

Job = tuple[str, tuple[int, ...]]  # a classifier, and the numbers of the folds that are left out
Predictions = dict[Job, np.ndarray]
Arrays = dict[str, np.ndarray]
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
    held_out: Arrays
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

    def predict(kind: str, left_out: tuple[int, ...]) -> np.ndarray:
        train, test = _training_rows(splits, left_out), np.concatenate([splits[i][1] for i in left_out])
        if kind == MFCC_FOREST and mfcc is not None:
            return predict_mfcc_forest(mfcc[train], y[train], mfcc[test], seed=seed)
        return predict_with(kind, X[train], y[train], X[test], seed=seed)

    jobs: list[Job] = [(kind, (i,)) for kind in tested for i in range(len(splits))]
    pairs = list(combinations(range(len(splits)), 2)) if len(kinds) > 1 else []
    if pairs and not set(kinds) <= set(trainable_kinds(y, [_training_rows(splits, pair) for pair in pairs])):
        pairs = []
    jobs += [(kind, pair) for pair in pairs for kind in kinds]
    predicted = _run_all(predict, jobs, progress)
    raw = {kind: np.empty((len(y), int(y.max()) + 1)) for kind in tested}
    for kind, p in raw.items():
        for i, (_, test) in enumerate(splits):
            p[test] = predicted[kind, (i,)]
    tests = [test for _, test in splits]
    held_out = {kind: p if kind == BASELINE else cross_calibrated(p, y, tests) for kind, p in raw.items()}
    chosen = min(kinds, key=lambda kind: log_losses(y, held_out[kind]).mean())
    nested = _nest(kinds, predicted, raw, y, splits) if pairs else None
    return CrossValidation(chosen, raw[chosen], held_out, nested)


def candidate_scores(
    y: np.ndarray, held_out: Arrays, classes: Sequence[str], groups: Sequence[str], *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Return a row of the table of candidates for each: its totals, and the interval of its log loss."""
    rows = {}
    for kind, p in held_out.items():
        figures = score(y, p, classes)
        totals = {key: figures[key] for key in ("log_loss", "balanced_accuracy", "brier", "ece")}
        rows[kind] = {**totals, "interval": mean_interval(log_losses(y, p), groups, seed=seed)}
    return rows


def _training_rows(splits: Folds, left_out: tuple[int, ...]) -> np.ndarray:
    """Return the events on the training side of every fold that is left out."""
    return reduce(np.intersect1d, (splits[i][0] for i in left_out))


def _run_all(predict: Callable[..., np.ndarray], jobs: Sequence[Job], progress: Progress | None) -> Predictions:
    from joblib import Parallel, delayed

    out = []
    for found in Parallel(n_jobs=WORKERS, prefer="threads", return_as="generator")(
        delayed(predict)(*job) for job in jobs
    ):
        out.append(found)
        if progress is not None:
            progress("cross-validation", len(out), len(jobs))
    return dict(zip(jobs, out, strict=True))


def _nest(kinds: Sequence[str], predicted: Predictions, raw: Arrays, y: np.ndarray, splits: Folds) -> Nested:
    """Choose and calibrate on the training side of each outer fold and predict its events."""
    out, chosen = np.empty_like(raw[kinds[0]]), []
    for i, (train, test) in enumerate(splits):
        others = {j: aside for j, (_, aside) in enumerate(splits) if j != i}
        inner = {kind: np.full_like(out, np.nan) for kind in kinds}
        for kind, p in inner.items():
            for j, aside in others.items():
                both = predicted[kind, (min(i, j), max(i, j))]
                p[aside] = both[: len(aside)] if j < i else both[-len(aside) :]
        losses = {
            kind: log_losses(y[train], cross_calibrated(p, y, list(others.values()))[train]).mean()
            for kind, p in inner.items()
        }
        best = min(losses, key=lambda kind: losses[kind])
        out[test] = fit_calibration(inner[best][train], y[train]).apply(raw[best][test])
        chosen.append(best)
    return Nested(out, tuple(chosen))
