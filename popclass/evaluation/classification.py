"""Classification scores of the labelled sounds that were found, by four kinds of evidence.

`sound` is the acoustic classifier alone, `company` (a stored name) adds the context, `timing` adds the refractory
rule without context, and `both` has all of it, as `popclass classify`. The most likely class counts, whether it was
named or `uncertain`; the share of `uncertain` is given beside it. Scores are those of `popclass.metrics.scores` with
95 % intervals (`popclass.evaluation.intervals`). Area under the ROC curve and average precision come from scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.evaluation.intervals import spans
from popclass.evaluation.matching import Case
from popclass.metrics.scores import risk_coverage, score
from popclass.results import UNCERTAIN

READINGS = ("sound", "company", "timing", "both")
TOTALS = ("accuracy", "balanced_accuracy", "log_loss", "brier", "ece")
PER_CLASS = ("precision", "recall", "f1")

Array = NDArray[np.float64]


def score_readings(
    cases: Sequence[Case], groups: Sequence[str], classes: Sequence[str], least: Array, novelty: float
) -> dict[str, Any]:
    """Scores of each reading, and how often each class was given each label.

    Parameters
    ----------
    cases : sequence of Case
        Matched, of classes that the model knows.
    groups : sequence of str
        What each is from, for the intervals.
    classes : sequence of str
        Of the model.
    least : ndarray, shape (classes,)
        Probabilities below which a class is not named.
    novelty : float
        From which on an event is `uncertain`.
    """
    y = truths(cases, classes)
    readings = {}
    for name in READINGS:
        probabilities = probabilities_of(cases, name, len(classes))
        readings[name] = {
            **_with_intervals(y, probabilities, classes, groups),
            "uncertain": _share(doubtful(cases, probabilities, least, novelty)),
            "risk_coverage": risk_coverage(y, probabilities),
        }
    return {"events": len(y), "groups": len(set(groups)), "readings": readings, "labels": label_counts(cases, classes)}


def score_parts(
    parts: Mapping[str, Sequence[Case]], classes: Sequence[str], least: Array, novelty: float
) -> list[dict[str, Any]]:
    """Scores of `both` for each subject, site or the like, without intervals."""
    rows = []
    for name, cases in sorted(parts.items()):
        probabilities = probabilities_of(cases, "both", len(classes))
        figures = score(truths(cases, classes), probabilities, classes)
        totals = {key: figures[key] for key in TOTALS}
        rows.append(
            {
                "name": name,
                "events": len(cases),
                **totals,
                "uncertain": _share(doubtful(cases, probabilities, least, novelty)),
            }
        )
    return rows


def truths(cases: Sequence[Case], classes: Sequence[str]) -> NDArray[np.intp]:
    """Return the class index of each case, shape (n,)."""
    place = {name: i for i, name in enumerate(classes)}
    return np.array([place[case.truth] for case in cases if case.truth is not None], dtype=np.intp)


def probabilities_of(cases: Sequence[Case], reading: str, classes: int) -> Array:
    """Return the probabilities of one reading, shape (n, classes)."""
    return np.array([case.probabilities[reading] for case in cases], dtype=float).reshape(len(cases), classes)


def doubtful(cases: Sequence[Case], probabilities: Array, least: Array, novelty: float) -> NDArray[np.bool_]:
    """Return the cases that are `uncertain` under these probabilities, by the rule of `popclass.postprocess`."""
    novel = np.array([_novelty(case) >= novelty for case in cases], dtype=bool)
    faint = probabilities.max(axis=1, initial=0.0) < least[probabilities.argmax(axis=1)]
    return np.asarray(novel | faint)


def label_counts(cases: Sequence[Case], classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the labels given to each class, `uncertain` included."""
    counts = {truth: dict.fromkeys((*classes, UNCERTAIN), 0) for truth in classes}
    for case in cases:
        if case.truth is not None and case.event is not None:
            counts[case.truth][case.event.label] += 1
    return counts


def worst(cases: Sequence[Case], classes: Sequence[str], count: int) -> list[Case]:
    """Cases in which another class is more likely than the truth, the least likely truth first."""
    y, probabilities = truths(cases, classes), probabilities_of(cases, "both", len(classes))
    given = probabilities[np.arange(len(y)), y]
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    return [cases[i] for i in wrong[np.argsort(given[wrong], kind="stable")][:count]]


def ranking(y: NDArray[np.intp], probabilities: Array, classes: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Of each class against the rest, area under the ROC curve and average precision.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True classes.
    probabilities : ndarray, shape (n, classes)
    classes : sequence of str

    Returns
    -------
    dict of dict
        None where there is no sound of the class, or no other.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> ranking(np.array([0, 1, 1]), p, ["cavitation", "other"])["cavitation"]
    {'roc_auc': 1.0, 'average_precision': 1.0}
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    found: dict[str, dict[str, float | None]] = {}
    for i, name in enumerate(classes):
        own = y == i
        if own.any() and not own.all():
            area, mean = roc_auc_score(own, probabilities[:, i]), average_precision_score(own, probabilities[:, i])
            found[name] = {"roc_auc": float(area), "average_precision": float(mean)}
        else:
            found[name] = {"roc_auc": None, "average_precision": None}
    return found


def _with_intervals(
    y: NDArray[np.intp], probabilities: Array, classes: Sequence[str], groups: Sequence[str]
) -> dict[str, Any]:
    def figures(at: NDArray[np.intp]) -> dict[str, float | None]:
        drawn = score(y[at], probabilities[at], classes)
        each = {f"{one['class']} {key}": one[key] for one in drawn["classes"] for key in PER_CLASS}
        return {**{key: drawn[key] for key in TOTALS}, **each}

    found = spans(figures, groups, _behind(y, probabilities.argmax(axis=1), classes))
    scores, ranked = score(y, probabilities, classes), ranking(y, probabilities, classes)
    scores["intervals"] = {key: found[key] for key in TOTALS}
    for one in scores["classes"]:
        one["intervals"] = {key: found[f"{one['class']} {key}"] for key in PER_CLASS}
        one.update(ranked[one["class"]])
    return scores


def _behind(
    y: NDArray[np.intp], answer: NDArray[np.intp], classes: Sequence[str]
) -> dict[str, list[NDArray[np.bool_]]]:
    """Return the groups of events behind each figure."""
    behind: dict[str, list[NDArray[np.bool_]]] = {key: [] for key in TOTALS}
    behind["balanced_accuracy"] = [y == i for i in np.unique(y)]
    for i, name in enumerate(classes):
        behind[f"{name} recall"] = behind[f"{name} f1"] = [y == i]
        behind[f"{name} precision"] = [y == i, answer == i]
    return behind


def _share(flags: NDArray[np.bool_]) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _novelty(case: Case) -> float:
    return 0.0 if case.event is None or case.event.novelty is None else case.event.novelty
