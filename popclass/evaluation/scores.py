"""Scores of an evaluation: of detection, of labels from recording to answer, and of the classification alone.

Detection is scored on recordings labelled with times; a clip with one label for the whole of it shows nothing about
detection, since its event is chosen after the fact. Precision needs recordings of which every sound is labelled, so
there is none where labels are partial.

Detection and classification apart each look better than both together, so the scores of answers leave nothing out.
Sensitivity: of all labelled sounds of a class, those that were found and given it as label; `missed` and `uncertain`
ones count against it. Positive predictive value: of all sounds that were given a class as label, those that are of it.
A sound without a label in a recording that was labelled completely is taken for `other`, as training does. Where labels
are partial, and beside the labelled sound of a clip, it may be anything and is not counted.

A false joint call gives a class other than `other` to a sound that has none of these labels.

The labelled sounds that were found are classified by four kinds of evidence: `sound` is the acoustic classifier alone,
`company` (a stored name) adds the context, `timing` adds the refractory rule without context, and `both` has all of it,
as `popclass classify`. The most likely class counts, whether it was named or `uncertain`; the share of `uncertain` is
given beside it. Scores are those of `popclass.metrics.scores` with 95 % intervals (`popclass.metrics.bootstrap.spans`).
Area under the ROC curve and average precision come from scikit-learn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.evaluation.matching import MATCHED, MISSED, UNLABELLED, WINDOW_S, Case, count_labels, groups_of
from popclass.label_rules import LabelRules
from popclass.labels import LabelledRecording
from popclass.metrics.bootstrap import Counts, Indices, ratios, spans
from popclass.metrics.scores import Floats, risk_coverage, score
from popclass.results import OTHER, UNCERTAIN
from popclass.timing.sites import lookup

ALL_CLIPS = "all recordings are clips with one label for the whole; their sound is the strongest one found"
PARTIAL = "labels are partial, so that a sound without a label may be one that nobody labelled"
# The keys are stored names of scores.json and events.csv.
READINGS = {"sound": "sound alone", "company": "with context", "timing": "with timing", "both": "with both"}
TOTALS = ("accuracy", "balanced_accuracy", "log_loss", "brier", "ece")
PER_CLASS = ("precision", "recall", "f1")

Scores = dict[str, Any]


def score_detection(cases: Sequence[Case], *, partial: bool = False) -> Scores:
    """Return precision, recall and F of onsets, the recall of each class, and onset errors.

    Parameters
    ----------
    cases : sequence of Case
        Those of clips are ignored.
    partial : bool
        Whether sounds without a label may be real.

    Returns
    -------
    dict
        Plain numbers; None where there is nothing to divide by.
    """
    timed = [case for case in cases if case.recording.whole is None]
    if cases and not timed:
        return {"scored": False, "reason": ALL_CLIPS}
    over, groups = groups_of(timed)
    status = np.array([case.status for case in timed], dtype=object)
    truth = np.array([case.truth for case in timed], dtype=object)
    labelled, detected, matched = status != UNLABELLED, status != MISSED, status == MATCHED
    of_kind = {kind: truth == kind for kind in sorted({case.truth for case in timed if case.truth is not None})}
    totals = {
        "precision": (matched, detected * (not partial)),
        "recall": (matched, labelled),
        "f": (2 * matched, (labelled.astype(int) + detected) * (not partial), labelled, detected),
    }
    recalls = {f"recall_{kind}": (matched & own, own) for kind, own in of_kind.items()}
    values, intervals = ratios(totals | recalls, groups)
    return {
        "scored": True,
        "intervals_over": over,
        "window_s": WINDOW_S,
        "labelled": int(labelled.sum()),
        "detected": int(detected.sum()),
        "matched": int(matched.sum()),
        **{name: values[name] for name in totals},
        "intervals": {name: intervals[name] for name in totals},
        "precision_undefined": PARTIAL if partial else None,
        "onset_error_ms": _onset_errors(timed),
        "classes": [
            {
                "class": kind,
                "labelled": int(own.sum()),
                "recall": values[f"recall_{kind}"],
                "interval": intervals[f"recall_{kind}"],
            }
            for kind, own in of_kind.items()
        ],
    }


def _onset_errors(cases: Sequence[Case]) -> Scores:
    """Return median and 95 % quantile of the onset errors, and the median delay, of labels that name an onset."""
    named = [case for case in cases if case.row is not None and case.row.names_onset]
    errors = [1e3 * case.onset_error_s for case in named if case.onset_error_s is not None]
    if not errors:
        return {"n": 0, "median": None, "p95": None, "bias": None}
    middle, far = np.quantile(np.abs(errors), [0.5, 0.95])
    return {"n": len(errors), "median": float(middle), "p95": float(far), "bias": float(np.median(errors))}


def score_answers(cases: Sequence[Case], classes: Sequence[str], full: Collection[str], seconds: float) -> Scores:
    """Return sensitivity and positive predictive value of each class, false joint calls, and the table behind them.

    Parameters
    ----------
    cases : sequence of Case
    classes : sequence of str
        Of the model.
    full : collection of str
        Names of the recordings that were labelled completely.
    seconds : float
        Total length of these.

    Returns
    -------
    dict
        Plain numbers; None where there is nothing to divide by.
    """
    over, groups = groups_of(cases)
    counted = [case.status != UNLABELLED or case.recording.name in full for case in cases]
    known, of = list(compress(cases, counted)), list(compress(groups, counted))
    labelled = np.array([case.truth for case in known], dtype=object)
    truth = np.array([OTHER if case.truth is None else case.truth for case in known], dtype=object)
    called = np.array([None if case.event is None else case.event.label for case in known], dtype=object)
    complete = np.array([case.recording.name in full for case in known], dtype=bool)
    joint = [name for name in classes if name != OTHER]
    false = int((complete & np.isin(called, joint) & ~np.isin(truth, joint)).sum())
    counts: dict[str, Counts] = {}
    for name in classes:
        own, calls, right = labelled == name, called == name, truth == name
        counts[f"{name} sensitivity"] = (own & calls, own)
        counts[f"{name} positive_predictive_value"] = (calls & right, calls, right)
    values, intervals = ratios(counts, of)
    keys = ("sensitivity", "positive_predictive_value")
    return {
        "intervals_over": over,
        "groups": len(set(of)),
        "classes": [
            {
                "class": name,
                "labelled": int((labelled == name).sum()),
                "called": int((called == name).sum()),
                **{key: values[f"{name} {key}"] for key in keys},
                "intervals": {key: intervals[f"{name} {key}"] for key in keys},
            }
            for name in classes
        ],
        "false_joint_calls": {
            "count": false,
            "minutes": seconds / 60,
            "per_minute": 60 * false / seconds if seconds else None,
        },
        "table": _answer_table(known, classes, unlabelled=bool(full)),
    }


def _answer_table(cases: Sequence[Case], classes: Sequence[str], *, unlabelled: bool) -> Scores:
    """Count the labels given to the sounds of each label, or missed; the model's classes first."""
    columns = (*classes, UNCERTAIN)
    given = Counter((case.truth, case.event.label) for case in cases if case.event is not None)
    missed = Counter(case.truth for case in cases if case.status == MISSED)
    foreign = sorted({case.truth for case in cases if case.truth is not None} - set(classes))
    return {
        "columns": list(columns),
        "rows": [
            {"truth": truth, "given": [given[truth, name] for name in columns], "missed": missed[truth]}
            for truth in (*classes, *foreign)
        ],
        "unlabelled": [given[None, name] for name in columns] if unlabelled else None,
    }


def score_unlabelled(answers: Mapping[str, Any]) -> Scores:
    """Count the labels given to unlabelled events of fully labelled recordings; joint labels there are mostly false.

    Parameters
    ----------
    answers : mapping
        Result of `score_answers`.
    """
    columns, given = answers["table"]["columns"], answers["table"]["unlabelled"]
    called = dict.fromkeys(columns, 0) if given is None else dict(zip(columns, given, strict=True))
    return {"events": sum(called.values()), "minutes": answers["false_joint_calls"]["minutes"], "called": called}


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
            **_with_intervals(y, probabilities, classes, groups),
            "uncertain": _uncertain(known, probabilities, rules),
            "risk_coverage": risk_coverage(y, probabilities),
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
        figures = score(_truths(own, rules.classes), probabilities, rules.classes)
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


def worst(cases: Sequence[Case], classes: Sequence[str], count: int) -> list[Case]:
    """Return cases in which another class is more likely than the truth, the least likely truth first."""
    y, probabilities = _truths(cases, classes), _probabilities(cases, "both", classes)
    given = probabilities[np.arange(len(y)), y]
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
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


def _with_intervals(y: Indices, probabilities: Floats, classes: Sequence[str], groups: Sequence[str]) -> Scores:
    def figures(at: Indices) -> dict[str, float | None]:
        drawn = score(y[at], probabilities[at], classes)
        each = {f"{one['class']} {key}": one[key] for one in drawn["classes"] for key in PER_CLASS}
        return {**{key: drawn[key] for key in TOTALS}, **each}

    answer = probabilities.argmax(axis=1)
    behind: dict[str, list[NDArray[np.bool_]]] = {key: [] for key in TOTALS}
    behind["balanced_accuracy"] = [y == i for i in np.unique(y)]
    for i, name in enumerate(classes):
        behind |= {f"{name} recall": [y == i], f"{name} f1": [y == i], f"{name} precision": [y == i, answer == i]}
    found = spans(figures, groups, behind)
    scores, ranked = score(y, probabilities, classes), ranking(y, probabilities, classes)
    scores["intervals"] = {key: found[key] for key in TOTALS}
    for one in scores["classes"]:
        one["intervals"] = {key: found[f"{one['class']} {key}"] for key in PER_CLASS}
        one.update(ranked[one["class"]])
    return scores
