"""From recording to answer: what becomes of every labelled sound, and how far an answer can be trusted.

Detection and classification apart each look better than both together, so here nothing is left out. Sensitivity: of all
labelled sounds of a class, those that were found and given it as label; `missed` and `uncertain` ones count against it.
Positive predictive value: of all sounds that were given a class as label, those that are of it. What has no label in a
recording that was labelled completely is taken for `other`, as training does: called `other` it is right, called
anything else wrong. Where labels are partial, and beside the labelled sound of a clip, it may be anything and is not
counted.

A false joint call gives a class other than `other` to a sound that has none of these labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.evaluation.intervals import spans
from popclass.evaluation.matching import MISSED, UNLABELLED, Case
from popclass.results import OTHER, UNCERTAIN

FIGURES = ("sensitivity", "positive_predictive_value")


def score_answers(
    cases: Sequence[Case], groups: Sequence[str], classes: Sequence[str], full: Collection[str], seconds: float
) -> dict[str, Any]:
    """Sensitivity and positive predictive value of each class, false joint calls, and the table behind them.

    Parameters
    ----------
    cases : sequence of Case
        All of them.
    groups : sequence of str
        What each is from, for the intervals.
    classes : sequence of str
        Of the model.
    full : collection of str
        Names of the recordings that were labelled completely.
    seconds : float
        How long these last.

    Returns
    -------
    dict
        Plain numbers; None where there is nothing to divide by.
    """
    counted = [case.status != UNLABELLED or case.recording.name in full for case in cases]
    known = [case for case, counts in zip(cases, counted, strict=True) if counts]
    of = [group for group, counts in zip(groups, counted, strict=True) if counts]
    joint = set(classes) - {OTHER}
    false = sum(c.recording.name in full and _called(c) in joint and _truth(c) not in joint for c in known)
    return {
        "groups": len(set(of)),
        "classes": _class_scores(known, of, classes),
        "false_joint_calls": {
            "count": false,
            "minutes": seconds / 60,
            "per_minute": 60 * false / seconds if seconds else None,
        },
        "table": answer_table(known, classes, unlabelled=bool(full)),
    }


def answer_table(cases: Sequence[Case], classes: Sequence[str], *, unlabelled: bool) -> dict[str, Any]:
    """Count the labels given to the sounds of each label, or missed; the model's classes first.

    Parameters
    ----------
    cases : sequence of Case
    classes : sequence of str
    unlabelled : bool
        Whether there is a row for sounds without a label.

    Returns
    -------
    dict
        `columns`, names of what is given; `rows`, a dict of `truth`, `given` (a number for each column), and `missed`;
        and `unlabelled`, such numbers, or None.
    """
    columns = (*classes, UNCERTAIN)
    given = Counter((case.truth, _called(case)) for case in cases if case.event is not None)
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


def _class_scores(cases: Sequence[Case], groups: Sequence[str], classes: Sequence[str]) -> list[dict[str, Any]]:
    labelled = np.array([case.truth or "" for case in cases], dtype=object)
    truth = np.array([_truth(case) for case in cases], dtype=object)
    called = np.array([_called(case) for case in cases], dtype=object)

    def figures(at: NDArray[np.intp]) -> dict[str, float | None]:
        one: dict[str, float | None] = {}
        for name in classes:
            own, calls = labelled[at] == name, called[at] == name
            one[f"{name} {FIGURES[0]}"] = _ratio(int((own & calls).sum()), int(own.sum()))
            one[f"{name} {FIGURES[1]}"] = _ratio(int((calls & (truth[at] == name)).sum()), int(calls.sum()))
        return one

    of_sounds = {f"{name} {FIGURES[0]}": [labelled == name] for name in classes}
    of_calls = {f"{name} {FIGURES[1]}": [truth == name, called == name] for name in classes}
    all_, found = figures(np.arange(len(cases))), spans(figures, groups, of_sounds | of_calls)
    return [
        {
            "class": name,
            "labelled": int((labelled == name).sum()),
            "called": int((called == name).sum()),
            **{key: all_[f"{name} {key}"] for key in FIGURES},
            "intervals": {key: found[f"{name} {key}"] for key in FIGURES},
        }
        for name in classes
    ]


def _truth(case: Case) -> str:
    """Return the label, `other` where there is none."""
    return OTHER if case.truth is None else case.truth


def _called(case: Case) -> str | None:
    return None if case.event is None else case.event.label


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
