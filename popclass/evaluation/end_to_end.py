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
from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from typing import Any

import numpy as np

from popclass.evaluation.matching import MISSED, UNLABELLED, Case, groups_of
from popclass.metrics.bootstrap import Counts, ratios
from popclass.results import OTHER, UNCERTAIN

Scores = dict[str, Any]


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
