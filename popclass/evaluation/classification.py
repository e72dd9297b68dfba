"""Scores of the classification of labelled sounds that were found.

They are classified by four kinds of evidence: `sound` is the acoustic classifier alone, `company` (a stored name) adds
the context, `timing` adds the refractory rule without context, and `both` has all of it, as `popclass classify`. The
answer is the class that the model would name, whether it was named or `uncertain`: the most likely one, or that of the
largest weighted probability where the model has weights. The share of `uncertain` is given beside it. Scores are those
of `popclass.metrics.scores` with 95 % intervals (`popclass.metrics.bootstrap.spans`). Area under the ROC curve and
average precision come from scikit-learn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.evaluation.matching import MATCHED, MISSED, Case, count_labels, groups_of
from popclass.label_rules import LabelRules
from popclass.labels import LabelledRecording
from popclass.metrics.bootstrap import Indices, spans
from popclass.metrics.scores import Floats, risk_coverage, score
from popclass.schema import UNCERTAIN
from popclass.timing.sites import lookup

# The keys are stored names of scores.json and events.csv.
READINGS = {"sound": "sound alone", "company": "with context", "timing": "with timing", "both": "with both"}
TOTALS = ("accuracy", "balanced_accuracy", "log_loss", "brier", "ece")
PER_CLASS = ("precision", "recall", "f1")

Scores = dict[str, Any]


def score_classification(cases: Sequence[Case], rules: LabelRules) -> Scores:
    """Return the scores of each reading, the counts of assigned labels, and the scores by subject and site.

    Parameters
    ----------
    cases : sequence of Case
        Those that are matched and whose class the model knows are scored.
    rules : LabelRules
        Rules by which the events were labelled.
    """
    classes = rules.classes
    matched = [case for case in cases if case.status == MATCHED]
    known = [case for case in matched if case.truth in classes]
    over, groups = groups_of(known)
    y = _truths(known, classes)
    readings = {}
    for name in READINGS:
        probabilities = _probabilities(known, name, classes)
        readings[name] = {
            **_with_intervals(y, probabilities, rules, groups),
            "uncertain": _uncertain(known, probabilities, rules),
            "risk_coverage": risk_coverage(y, probabilities, answers=rules.answers(probabilities)),
        }
    given = Counter((case.truth, case.event.label) for case in known if case.event is not None)
    return {
        "intervals_over": over,
        "events": len(y),
        "groups": len(set(groups)),
        "readings": readings,
        "labels": {truth: {label: given[truth, label] for label in (*classes, UNCERTAIN)} for truth in classes},
        "found_without_class": count_labels(case for case in matched if case.truth not in classes),
        "not_found": sum(case.status == MISSED for case in cases),
        "subjects": _score_parts(known, rules, lambda recording: recording.subject),
        "sites": _score_parts(known, rules, lambda recording: recording.site and lookup(recording.site).name),
    }


def _score_parts(
    cases: Sequence[Case], rules: LabelRules, part_of: Callable[[LabelledRecording], str | None]
) -> list[Scores]:
    """Return the scores of `both` for each subject or site, without intervals."""
    parts: dict[str, list[Case]] = {}
    for case in cases:
        if (name := part_of(case.recording)) is not None:
            parts.setdefault(name, []).append(case)
    rows = []
    for name, own in sorted(parts.items()):
        probabilities = _probabilities(own, "both", rules.classes)
        y, answers = _truths(own, rules.classes), rules.answers(probabilities)
        figures = score(y, probabilities, rules.classes, answers=answers)
        totals = {key: figures[key] for key in TOTALS}
        rows.append({"name": name, "events": len(own), **totals, "uncertain": _uncertain(own, probabilities, rules)})
    return rows


def _truths(cases: Sequence[Case], classes: Sequence[str]) -> Indices:
    return np.array([classes.index(case.truth) for case in cases if case.truth is not None], dtype=np.intp)


def _probabilities(cases: Sequence[Case], reading: str, classes: Sequence[str]) -> Floats:
    return np.array([case.probabilities[reading] for case in cases], dtype=float).reshape(-1, len(classes))


def _uncertain(cases: Sequence[Case], probabilities: Floats, rules: LabelRules) -> float | None:
    """Return the share of cases that are `uncertain` under these probabilities."""
    novelty = np.array([case.event.novelty for case in cases if case.event is not None], dtype=float)
    return float(rules.unclear(probabilities, novelty).mean()) if cases else None


def worst(cases: Sequence[Case], rules: LabelRules, count: int) -> list[Case]:
    """Return cases whose answer is wrong, the least likely truth first."""
    y, probabilities = _truths(cases, rules.classes), _probabilities(cases, "both", rules.classes)
    given = probabilities[np.arange(len(y)), y]
    wrong = np.flatnonzero(rules.answers(probabilities) != y)
    return [cases[i] for i in wrong[np.argsort(given[wrong], kind="stable")][:count]]


def ranking(y: Indices, probabilities: Floats, classes: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Return area under the ROC curve and average precision of each class against the rest.

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

    ranks = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}
    found: dict[str, dict[str, float | None]] = {}
    for i, name in enumerate(classes):
        own = y == i
        defined = own.any() and not own.all()
        found[name] = {key: float(rank(own, probabilities[:, i])) if defined else None for key, rank in ranks.items()}
    return found


def _with_intervals(y: Indices, probabilities: Floats, rules: LabelRules, groups: Sequence[str]) -> Scores:
    classes, answer = rules.classes, rules.answers(probabilities)

    def figures(at: Indices) -> dict[str, float | None]:
        drawn = score(y[at], probabilities[at], classes, answers=answer[at])
        each = {f"{one['class']} {key}": one[key] for one in drawn["classes"] for key in PER_CLASS}
        return {**{key: drawn[key] for key in TOTALS}, **each}

    behind: dict[str, list[NDArray[np.bool_]]] = {key: [] for key in TOTALS}
    behind["balanced_accuracy"] = [y == i for i in np.unique(y)]
    for i, name in enumerate(classes):
        behind |= {f"{name} recall": [y == i], f"{name} f1": [y == i], f"{name} precision": [y == i, answer == i]}
    found = spans(figures, groups, behind)
    scores, ranked = score(y, probabilities, classes, answers=answer), ranking(y, probabilities, classes)
    scores["intervals"] = {key: found[key] for key in TOTALS}
    for one in scores["classes"]:
        one["intervals"] = {key: found[f"{one['class']} {key}"] for key in PER_CLASS}
        one.update(ranked[one["class"]])
    return scores
