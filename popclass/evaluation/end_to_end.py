"""Scores from recording to label: sensitivity, specificity, predictive values, false joint calls.

Detection and classification apart each look better than both together, so these scores leave nothing out.
Sensitivity: of all labelled sounds of a class, those that were found and given it as label; `missed` and `uncertain`
ones count against it. Specificity: of all other sounds, those that were not given it. Positive predictive value: of all
sounds that were given a class as label, those that are of it.

A sound without a label in a recording that was labelled completely is taken for `other`, as training does. Where labels
are partial, and beside the labelled sound of a clip, it may be anything and is not counted.

A false joint call gives a class other than `other` to a sound that has none of these labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from popclass.evaluation.matching import MISSED, UNLABELLED, Case, groups_of, groups_of_recordings
from popclass.labels import LabelledRecording
from popclass.metrics.bootstrap import Counts, Indices, ratios, spans
from popclass.metrics.decisions import predictive_values
from popclass.schema import OTHER, UNCERTAIN

RATIOS = ("sensitivity", "specificity", "positive_predictive_value")
PREDICTIVE = ("positive_predictive_value", "negative_predictive_value")

Scores = dict[str, Any]
Complete = Sequence[tuple[LabelledRecording, float]]


def counted_cases(cases: Sequence[Case], complete: Complete) -> list[Case]:
    """Return the cases whose truth is known: all with a label, and those without in completely labelled recordings."""
    full = {recording.name for recording, _ in complete}
    return [case for case in cases if case.status != UNLABELLED or case.recording.name in full]


def score_answers(
    cases: Sequence[Case],
    classes: Sequence[str],
    complete: Complete,
    prevalence: Mapping[str, float] | None = None,
) -> Scores:
    """Return the scores of each class, false joint calls, and the table behind them.

    Parameters
    ----------
    cases : sequence of Case
    classes : sequence of str
        Of the model.
    complete : sequence of (LabelledRecording, float)
        Recordings that were labelled completely, with their length in seconds.
    prevalence : mapping of str to float, optional
        Share of a class among the sounds of the population, for which its predictive values are computed.

    Returns
    -------
    dict
        Plain numbers; None where there is nothing to divide by.
    """
    known = counted_cases(cases, complete)
    over, groups = groups_of(cases)
    group_of = {case.recording.name: group for case, group in zip(cases, groups, strict=True)}
    of = [group_of[case.recording.name] for case in known]
    labelled = np.array([case.truth for case in known], dtype=object)
    truth = np.array([OTHER if case.truth is None else case.truth for case in known], dtype=object)
    called = np.array([None if case.event is None else case.event.label for case in known], dtype=object)
    counts: dict[str, Counts] = {}
    for name in classes:
        own, calls, right = labelled == name, called == name, truth == name
        counts[f"{name} sensitivity"] = (own & calls, own)
        counts[f"{name} specificity"] = (~right & ~calls, ~right)
        counts[f"{name} positive_predictive_value"] = (calls & right, calls, right)
    values, intervals = ratios(counts, of)
    stated = {name: _at_prevalence(counts, name, share, of) for name, share in (prevalence or {}).items()}
    return {
        "intervals_over": over,
        "groups": len(set(of)),
        "classes": [
            {
                "class": name,
                "labelled": int((labelled == name).sum()),
                "called": int((called == name).sum()),
                **{key: values[f"{name} {key}"] for key in RATIOS},
                "intervals": {key: intervals[f"{name} {key}"] for key in RATIOS},
                "at_prevalence": stated.get(name),
            }
            for name in classes
        ],
        "false_joint_calls": _false_calls(known, classes, complete),
        "table": _answer_table(known, classes, unlabelled=bool(complete)),
    }


def _at_prevalence(counts: Mapping[str, Counts], name: str, share: float, groups: Sequence[str]) -> Scores:
    """Return the predictive values of a class at a stated prevalence, with intervals."""
    (hits, own), (cleared, others) = counts[f"{name} sensitivity"], counts[f"{name} specificity"]

    def figures(at: Indices | slice) -> dict[str, float | None]:
        sums = [part[at].sum().item() for part in (hits, own, cleared, others)]
        if not sums[1] or not sums[3]:
            return dict.fromkeys(PREDICTIVE)
        return dict(zip(PREDICTIVE, predictive_values(sums[0] / sums[1], sums[2] / sums[3], share), strict=True))

    behind = {key: [own > 0, others > 0] for key in PREDICTIVE}
    return {"prevalence": share, **figures(slice(None)), "intervals": spans(figures, groups, behind)}


def _false_calls(known: Sequence[Case], classes: Sequence[str], complete: Complete) -> Scores:
    """Return the false joint calls in completely labelled recordings, and their rate with its interval."""
    joint = {name for name in classes if name != OTHER}
    false = Counter(
        case.recording.name
        for case in known
        if case.event is not None and case.event.label in joint and (case.truth or OTHER) not in joint
    )
    numbers = np.array([false[recording.name] for recording, _ in complete], dtype=float)
    minutes = np.array([seconds for _, seconds in complete], dtype=float) / 60
    _, groups = groups_of_recordings([recording for recording, _ in complete])
    values, intervals = ratios({"per_minute": (numbers, minutes)}, groups)
    total = float(sum(seconds for _, seconds in complete)) / 60
    interval = intervals["per_minute"]
    return {"count": int(numbers.sum()), "minutes": total, "per_minute": values["per_minute"], "interval": interval}


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
