"""Scores that are ratios of counted sounds: detection, and labels from recording to answer.

Detection is scored on recordings labelled with times; a clip with one label for the whole of it shows nothing about
detection, since its event is chosen after the fact. Precision needs recordings of which every sound is labelled, so
there is none where labels are partial.

Detection and classification apart each look better than both together, so the scores of answers leave nothing out.
Sensitivity: of all labelled sounds of a class, those that were found and given it as label; `missed` and `uncertain`
ones count against it. Positive predictive value: of all sounds that were given a class as label, those that are of it.
A sound without a label in a recording that was labelled completely is taken for `other`, as training does. Where labels
are partial, and beside the labelled sound of a clip, it may be anything and is not counted.

A false joint call gives a class other than `other` to a sound that has none of these labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from typing import Any

import numpy as np

from popclass.evaluation.intervals import Counts, Scores, ratios
from popclass.evaluation.matching import MATCHED, MISSED, UNLABELLED, WINDOW_S, Case, groups_of
from popclass.results import OTHER, UNCERTAIN

ALL_CLIPS = "all recordings are clips with one label for the whole; their sound is the strongest one found"
PARTIAL = "labels are partial, so that a sound without a label may be one that nobody labelled"


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
