"""Two models on the same recordings: paired differences with intervals, and the usual method beside them.

The bootstrap draws the same groups for both models, so that what makes a group hard for both cancels out. Scores of the
classification are those of the labelled sounds that both have found, with all evidence. They need the same classes; the
others compare the classes that both have.

The baseline is what most published classifiers of short sounds are: a random forest on mean and standard deviation of
MFCC (`popclass.training.dataset`). It is trained on these very recordings, each group predicted by the others. That
favours it: it knows the labels, rooms and sensors, which the models may not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import LabelError
from popclass.evaluation.counts import RECORDING, Counted
from popclass.evaluation.end_to_end import Complete, counted_cases
from popclass.evaluation.matching import MATCHED, Case, groups_of_recordings
from popclass.label_rules import LabelRules
from popclass.labels import LabelledRecording
from popclass.metrics.bootstrap import Indices, spans
from popclass.metrics.scores import log_losses, squared_distances
from popclass.metrics.tables import MFCC_FOREST
from popclass.schema import OTHER
from popclass.training.classifiers import predict_with
from popclass.training.cross_validation import cross_calibrated
from popclass.training.folds import make_folds

Scores = dict[str, Any]
Array = NDArray[np.float64]
Key = tuple[str, Any]  # of a labelled sound: its recording, and its row or None
Numbers = dict[str, Array]  # what each group adds to sums
Figure = Callable[[Mapping[str, float]], float | None]

FOLDS = 5
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Side:
    """One of two models, with what it found in the recordings.

    Attributes
    ----------
    rules : LabelRules
    cases : sequence of Case
    counted : Counted
    """

    rules: LabelRules
    cases: Sequence[Case]
    counted: Counted

    @property
    def found(self) -> dict[Key, Case]:
        """Labelled sounds that were found and whose class the model knows."""
        cases = (case for case in self.cases if case.status == MATCHED and case.truth in self.rules.classes)
        return {(case.recording.name, case.row): case for case in cases}


def score_comparison(
    first: Side,
    second: Side,
    recordings: Sequence[LabelledRecording],
    complete: Complete,
    mfcc: Callable[[Case], Array],
) -> Scores:
    """Return the scores of two models, their differences, first less second, and the scores of the baseline.

    Parameters
    ----------
    first, second : Side
    recordings : sequence of LabelledRecording
        All that were used.
    complete
        As `popclass.evaluation.end_to_end.score_answers`.
    mfcc : callable
        Returns the MFCC statistics of the event of a case.
    """
    over, names = groups_of_recordings(recordings)
    groups = sorted(set(names))
    place = {recording.name: groups.index(name) for recording, name in zip(recordings, names, strict=True)}
    classes = tuple(name for name in first.rules.classes if name in second.rules.classes)
    ours, theirs = first.found, second.found
    shared = [key for key in ours if key in theirs]
    sides = [_sums(side, classes, complete, place, len(groups)) for side in (first, second)]
    figures = _figures(classes, complete=bool(complete))
    baseline: Scores = {"name": MFCC_FOREST, "folds": None, "reason": None}
    own: Numbers = {}
    if set(first.rules.classes) == set(second.rules.classes) and shared:
        y = np.array([classes.index(str(ours[key].truth)) for key in shared])
        at = np.array([place[key[0]] for key in shared])
        for side, cases, sums in ((first, ours, sides[0]), (second, theirs, sides[1])):
            order = [side.rules.classes.index(name) for name in classes]
            p = np.array([cases[key].probabilities["both"] for key in shared])
            answers = np.argsort(order)[side.rules.answers(p)]
            sums |= _classified(y, p[:, order], answers, at, len(groups))
        figures = _classification_figures(classes) | figures
        table = np.stack([mfcc(ours[key]) for key in shared])
        try:
            p, baseline["folds"] = _baseline(table, y, [groups[i] for i in at], classes, over)
            own = _classified(y, p, p.argmax(axis=1), at, len(groups))
        except LabelError as error:
            baseline["reason"] = str(error)
    else:
        baseline["reason"] = "the models have other classes" if shared else "no labelled sound was found by both"
    return {
        "classes": list(classes),
        "events": len(shared),
        "intervals_over": over,
        "groups": len(groups),
        "figures": _compared(figures, sides, own, groups),
        "baseline": baseline,
    }


def _sums(side: Side, classes: Sequence[str], complete: Complete, place: Mapping[str, int], groups: int) -> Numbers:
    """Return what each group adds to the sums of the scores from recording to label, and of counts."""
    known = counted_cases(side.cases, complete)
    at = np.array([place[case.recording.name] for case in known], dtype=np.intp)
    labelled = np.array([case.truth for case in known], dtype=object)
    truth = np.array([case.truth or OTHER for case in known], dtype=object)
    called = np.array([None if case.event is None else case.event.label for case in known], dtype=object)
    flags: dict[str, NDArray[np.bool_]] = {}
    for name in classes:
        own, calls, right = labelled == name, called == name, truth == name
        flags |= {f"{name} own": own, f"{name} hits": own & calls, f"{name} calls": calls}
        flags |= {f"{name} right": calls & right, f"{name} others": ~right, f"{name} cleared": ~right & ~calls}
    joint = [name for name in classes if name != OTHER]
    full = np.isin([case.recording.name for case in known], [recording.name for recording, _ in complete])
    flags["false"] = full & np.isin(called, joint) & ~np.isin(truth, joint)
    sums = {name: _total(at, flag, groups) for name, flag in flags.items()}
    lengths = np.array([seconds / 60 for _, seconds in complete], dtype=float)
    sums["minutes"] = _total(np.array([place[one.name] for one, _ in complete], dtype=np.intp), lengths, groups)
    counts = side.counted.of(RECORDING)
    x = np.array([each.true for each in counts], dtype=float)
    y = np.array([each.counted.expected for each in counts], dtype=float)
    where = np.array([place[each.recording.name] for each in counts], dtype=np.intp)
    moments = {"n": np.ones(len(x)), "x": x, "y": y, "xx": x * x, "yy": y * y, "xy": x * y, "error": np.abs(x - y)}
    return sums | {f"counts {name}": _total(where, values, groups) for name, values in moments.items()}


def _total(at: Indices, values: NDArray[Any], groups: int) -> Array:
    return np.asarray(np.bincount(at, values, groups), dtype=np.float64)


def _classified(y: Indices, p: Array, answers: Indices, at: Indices, groups: int) -> Numbers:
    """Return what each group adds to the sums of the scores of the classification."""
    sums = {"log loss": log_losses(y, p), "Brier": squared_distances(y, p), "found": np.ones(len(y))}
    for i in range(p.shape[1]):
        sums |= {f"of {i}": y == i, f"right {i}": (y == i) & (answers == i)}
    return {name: _total(at, values, groups) for name, values in sums.items()}


def _ratio(part: str, whole: str) -> Figure:
    return lambda sums: sums[part] / sums[whole] if sums[whole] else None


def _classification_figures(classes: Sequence[str]) -> dict[str, tuple[Figure, list[str]]]:
    """Return the scores of the classification as functions of sums, and the sums that each needs."""

    def balanced(sums: Mapping[str, float]) -> float | None:
        recalls = [sums[f"right {i}"] / sums[f"of {i}"] for i in range(len(classes)) if sums[f"of {i}"]]
        return float(np.mean(recalls)) if recalls else None

    return {
        "balanced_accuracy": (balanced, [f"of {i}" for i in range(len(classes))]),
        "log_loss": (_ratio("log loss", "found"), ["found"]),
        "brier": (_ratio("Brier", "found"), ["found"]),
    }


def _figures(classes: Sequence[str], *, complete: bool) -> dict[str, tuple[Figure, list[str]]]:
    found: dict[str, tuple[Figure, list[str]]] = {}
    for name in classes:
        found[f"sensitivity {name}"] = _ratio(f"{name} hits", f"{name} own"), [f"{name} own"]
        found[f"specificity {name}"] = _ratio(f"{name} cleared", f"{name} others"), [f"{name} others"]
        found[f"positive_predictive_value {name}"] = _ratio(f"{name} right", f"{name} calls"), [f"{name} calls"]
    if complete:
        found["false_joint_calls_per_minute"] = _ratio("false", "minutes"), ["minutes"]
        found["counts_mean_absolute_error"] = _ratio("counts error", "counts n"), ["counts n"]
        found["counts_concordance"] = _concordance, ["counts n"]
    return found


def _concordance(sums: Mapping[str, float]) -> float | None:
    """Return `popclass.metrics.agreement.concordance` from sums of counts, their squares and products."""
    n = sums["counts n"]
    if n < 2:
        return None
    x, y = sums["counts x"] / n, sums["counts y"] / n
    varied, other = sums["counts xx"] / n - x * x, sums["counts yy"] / n - y * y
    together = sums["counts xy"] / n - x * y
    return 2 * together / (varied + other + (x - y) ** 2) if varied > _ROUNDING else None


def _compared(
    figures: Mapping[str, tuple[Figure, list[str]]], sides: Sequence[Numbers], own: Numbers, groups: Sequence[str]
) -> list[Scores]:
    """Return each score of both models and of the baseline, and the differences with intervals."""
    first, second = sides

    def drawn(numbers: Numbers, at: Indices | slice) -> dict[str, float | None]:
        sums = {name: float(values[at].sum()) for name, values in numbers.items()}
        return {name: of(sums) if set(needed) <= set(sums) else None for name, (of, needed) in figures.items()}

    def differences(at: Indices) -> dict[str, float | None]:
        ours, theirs = drawn(first, at), drawn(second, at)
        found = {name: _less(ours[name], theirs[name]) for name in figures}
        if own:
            baseline = drawn(own, at)
            found |= {f"{name} baseline": _less(ours[name], baseline[name]) for name in figures}
        return found

    behind = {}
    for name, (_, needed) in figures.items():
        behind[name] = [side[key] > 0 for side in sides for key in needed if side[key].any()]
        if own and set(needed) <= set(own):
            behind[f"{name} baseline"] = behind[name]
    everything = [drawn(numbers, slice(None)) for numbers in (first, second, own)]
    found = spans(differences, groups, behind)
    return [
        {
            "figure": name.split(" ")[0],
            "class": name.partition(" ")[2] or None,
            "model": everything[0][name],
            "compared": everything[1][name],
            "difference": _less(everything[0][name], everything[1][name]),
            "interval": found[name],
            "baseline": everything[2][name],
            "less_baseline": _less(everything[0][name], everything[2][name]),
            "less_baseline_interval": found.get(f"{name} baseline"),
        }
        for name in figures
    ]


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _baseline(table: Array, y: Indices, groups: Sequence[str], classes: Sequence[str], kind: str) -> tuple[Array, int]:
    """Return the probabilities of the baseline for each sound, trained on other groups, and the number of folds."""
    present, own = np.unique(y, return_inverse=True)
    if len(present) < 2:
        raise LabelError("all labelled sounds that were found are of one class")
    names = [classes[i] for i in present]
    splits = make_folds(own, groups, folds=FOLDS, classes=names, grouped_by=kind)
    raw = np.zeros((len(y), len(present)))
    for train, test in splits:
        raw[test] = predict_with(MFCC_FOREST, table[train], own[train], table[test])
    probabilities = np.zeros((len(y), len(classes)))
    probabilities[:, present] = cross_calibrated(raw, own, [test for _, test in splits])
    return probabilities, len(splits)
