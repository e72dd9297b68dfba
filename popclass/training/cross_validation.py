"""Trying classifiers on groups they were not trained on, and what the choice among them is worth.

Each candidate answers each event once without having seen its group. Where there are several, the one with the least
log loss is taken, and its own score is then a little too good: the luckiest of several was picked by it. So the choice
itself is held out, too (nested cross-validation; Varma & Simon 2006, BMC Bioinformatics; Cawley & Talbot 2010, JMLR).
The inner folds of an outer fold are the other outer folds. A classifier trained without folds a and b serves twice: it
judges b where a is held out, and a where b is held out. Ten trainings a candidate are enough for five folds, none
of which has seen the outer fold's events or their labels, and neither have the choice and the calibration made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from popclass.metrics.bootstrap import mean_interval, score_intervals
from popclass.metrics.scores import BY_HAND, log_loss, log_losses, risk_coverage, score
from popclass.training.baseline import train_by_hand
from popclass.training.calibration import cross_calibrated, fit_calibration
from popclass.training.classifiers import BASELINE, enough_for, train_classifier
from popclass.training.folds import Folds

WORKERS = 2  # threads; the result does not depend on how many

_SUMMARY = ("log_loss", "balanced_accuracy", "brier", "ece")

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Nested:
    """What "choose, train, calibrate" says of events on which none of the three was done.

    Attributes
    ----------
    answers : numpy.ndarray, shape (n, k)
        Calibrated probabilities.
    chosen : tuple of str
        What was chosen while each outer fold was held out.
    """

    answers: np.ndarray
    chosen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came out of trying classifiers on held-out groups.

    Attributes
    ----------
    chosen : str
        The candidate with the least log loss.
    raw : numpy.ndarray, shape (n, k)
        What the chosen one said of each event while it was held out.
    calibrated : numpy.ndarray, shape (n, k)
        What that means, each fold calibrated by the others.
    figures : dict
        Scores of each candidate, the baselines included.
    losses : dict of numpy.ndarray, shape (n,)
        Log loss of each held-out event by each of them.
    nested : Nested or None
        None where nothing was chosen, or where two folds left out leave too little.
    """

    chosen: str
    raw: np.ndarray
    calibrated: np.ndarray
    figures: dict[str, dict[str, Any]]
    losses: dict[str, np.ndarray]
    nested: Nested | None

    @property
    def honest(self) -> np.ndarray:
        """The answers that the headline rests on: those of the whole procedure where something was chosen."""
        return self.calibrated if self.nested is None else self.nested.answers


@dataclass(frozen=True, slots=True)
class _Job:
    """One training: a kind, the events it learns from, and those it then judges."""

    kind: str
    train: np.ndarray
    test: np.ndarray
    outer: tuple[int, ...]  # the folds left out: one, or the two of a pair


def try_out(
    kinds: Sequence[str],
    X: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    splits: Folds,
    *,
    mfcc: np.ndarray | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Trial:
    """Try candidates and baselines on the same events in the same folds.

    Parameters
    ----------
    kinds : sequence of str
        Candidates, as `popclass.training.classifiers.train_classifier` knows them.
    X : numpy.ndarray, shape (n, f)
    y : numpy.ndarray of int, shape (n,)
    classes : sequence of str
        Their names.
    splits : list of (training indices, held-out indices)
    mfcc : numpy.ndarray, shape (n, 40), optional
        What `popclass.training.baseline.describe` gives for the same events; the baseline made by hand needs it.
    seed : int
    progress : callable, optional
    """
    jobs = [_Job(kind, *split, (i,)) for kind in (*kinds, BASELINE) for i, split in enumerate(splits)]
    if mfcc is not None:
        jobs += [_Job(BY_HAND, *split, (i,)) for i, split in enumerate(splits)]
    pairs = _pairs(kinds, y, splits) if len(kinds) > 1 else []
    answers = _all_answers([*jobs, *pairs], X, y, mfcc, seed, progress)
    held_out = {kind: np.empty((len(y), len(classes))) for kind in {job.kind: None for job in jobs}}
    for job, answer in zip(jobs, answers, strict=False):
        held_out[job.kind][job.test] = answer
    tests = [test for _, test in splits]
    calibrated = {kind: cross_calibrated(raw, y, tests) for kind, raw in held_out.items() if kind != BASELINE}
    answers_of = {**calibrated, BASELINE: held_out[BASELINE]}
    figures = {kind: score(y, p, classes) for kind, p in answers_of.items()}
    losses = {kind: log_losses(y, p) for kind, p in answers_of.items()}
    chosen = min(kinds, key=lambda kind: figures[kind]["log_loss"])
    inner = _by_outer_fold(pairs, answers[len(jobs) :], splits, (len(y), len(classes)))
    nested = _nested(inner, held_out, y, splits) if pairs else None
    return Trial(chosen, held_out[chosen], calibrated[chosen], figures, losses, nested)


def _pairs(kinds: Sequence[str], y: np.ndarray, splits: Folds) -> list[_Job]:
    """The trainings without each pair of folds; none at all where one of them would lack events of a class."""
    jobs = []
    for a, b in combinations(range(len(splits)), 2):
        train = np.intersect1d(splits[a][0], splits[b][0])
        enough = len(np.unique(y[train])) == y.max() + 1 and all(enough_for(kind, y[train]) for kind in kinds)
        if not enough:
            return []
        test = np.concatenate([splits[a][1], splits[b][1]])
        jobs += [_Job(kind, train, test, (a, b)) for kind in kinds]
    return jobs


def _all_answers(
    jobs: Sequence[_Job], X: np.ndarray, y: np.ndarray, mfcc: np.ndarray | None, seed: int, progress: Progress | None
) -> list[np.ndarray]:
    """What each training says of the events it was not trained on, in the order of the jobs."""
    from joblib import Parallel, delayed

    def judge(job: _Job) -> np.ndarray:
        if job.kind == BY_HAND and mfcc is not None:
            forest = train_by_hand(mfcc[job.train], y[job.train], seed=seed)
            return np.asarray(forest.predict_proba(mfcc[job.test]))
        estimator = train_classifier(job.kind, X[job.train], y[job.train], seed=seed)
        return np.asarray(estimator.predict_proba(X[job.test].astype(np.float32).astype(np.float64)))

    answers = []
    tasks = (delayed(judge)(job) for job in jobs)
    for answer in Parallel(n_jobs=WORKERS, prefer="threads", return_as="generator")(tasks):
        answers.append(answer)
        if progress is not None:
            progress("cross-validation", len(answers), len(jobs))
    return answers


def _by_outer_fold(
    pairs: Sequence[_Job], answers: Sequence[np.ndarray], splits: Folds, shape: tuple[int, int]
) -> dict[str, list[np.ndarray]]:
    """For each kind and outer fold, what was said of the events outside it by trainings that left it out, too."""
    inner = {job.kind: [np.full(shape, np.nan) for _ in splits] for job in pairs}
    for job, answer in zip(pairs, answers, strict=True):
        a, b = job.outer
        size = len(splits[a][1])
        inner[job.kind][b][splits[a][1]] = answer[:size]
        inner[job.kind][a][splits[b][1]] = answer[size:]
    return inner


def _nested(
    inner: dict[str, list[np.ndarray]], held_out: dict[str, np.ndarray], y: np.ndarray, splits: Folds
) -> Nested:
    """Choose and calibrate on the training side of each outer fold, and judge its events by that."""
    answers = np.empty_like(next(iter(held_out.values())))
    chosen = []
    for i, (train, test) in enumerate(splits):
        others = [aside for j, (_, aside) in enumerate(splits) if j != i]
        losses = {k: log_loss(y[train], cross_calibrated(raw[i], y, others)[train]) for k, raw in inner.items()}
        best = min(losses, key=lambda kind: losses[kind])
        answers[test] = fit_calibration(inner[best][i][train], y[train]).apply(held_out[best][test])
        chosen.append(best)
    return Nested(answers, tuple(chosen))


def trial_scores(
    trial: Trial, y: np.ndarray, classes: Sequence[str], groups: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """What a model file tells about the trial: `held_out` is the headline."""
    return {
        "chosen": trial.chosen,
        "candidates": {
            kind: row(figures, trial.losses[kind], groups, seed=seed) for kind, figures in trial.figures.items()
        },
        "nested": None if trial.nested is None else {"chosen": list(trial.nested.chosen)},
        "held_out": scored(y, trial.honest, classes, groups, seed=seed),
        "risk_coverage": risk_coverage(y, trial.honest),
    }


def row(figures: Mapping[str, Any], losses: np.ndarray, groups: Sequence[str], *, seed: int = 0) -> dict[str, Any]:
    """What the table of candidates tells of one: its totals, and the interval of its log loss."""
    return {**{key: figures[key] for key in _SUMMARY}, "interval": mean_interval(losses, groups, seed=seed)}


def scored(
    y: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], groups: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """Scores with their intervals."""
    spans = score_intervals(y, probabilities, classes, groups, seed=seed)
    return {**score(y, probabilities, classes), "intervals": spans}


def remarks_on(trial: Trial, candidates: int, by_hand: bool) -> list[str]:
    """What a reader of the scores should know about how they came about."""
    out = []
    if candidates > 1 and trial.nested is None:
        out.append(
            "the scores are those of the classifier they chose, so a little too good: choosing cannot be held out, "
            "too, with fewer than three folds, or where two of them hold all the events of a class"
        )
    if not by_hand:
        out.append(f"{BY_HAND}, the baseline made by hand, was not tried: there were features but no clips")
    return out
