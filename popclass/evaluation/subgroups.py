"""Scores of subgroups of recordings: by site, side, and the user's own columns.

A column is shown unless all recordings have the same value or none. Sounds of recordings without a value are in none of
its parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from popclass.evaluation.end_to_end import Complete, score_answers
from popclass.evaluation.matching import Case
from popclass.labels import LabelledRecording
from popclass.timing.sites import lookup

Scores = dict[str, Any]


def score_subgroups(
    cases: Sequence[Case], recordings: Sequence[LabelledRecording], classes: Sequence[str], complete: Complete
) -> list[Scores]:
    """Return the scores from recording to label of each part, by column.

    Parameters
    ----------
    cases : sequence of Case
    recordings : sequence of LabelledRecording
        All that were used.
    classes : sequence of str
    complete
        As `popclass.evaluation.end_to_end.score_answers`.
    """
    found = []
    for column, values in _columns(recordings):
        parts = []
        for value in sorted(set(values.values())):
            own = [case for case in cases if values.get(case.recording.name) == value]
            part = [each for each in complete if values.get(each[0].name) == value]
            answers = score_answers(own, classes, part)
            kept = {key: answers[key] for key in ("intervals_over", "groups", "classes", "false_joint_calls")}
            count = sum(value == each for each in values.values())
            parts.append({"name": value, "recordings": count, **kept})
        found.append({"column": column, "parts": parts})
    return found


def _columns(recordings: Sequence[LabelledRecording]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield columns that divide the recordings, with the value of each recording that has one, by its name."""
    extra = dict.fromkeys(name for recording in recordings for name in recording.extra)
    for column in ("site", "side", *extra):
        values = {recording.name: _value(recording, column) for recording in recordings}
        given = {name: value for name, value in values.items() if value}
        if len(set(values.values())) > 1 and given:
            yield column, given


def _value(recording: LabelledRecording, column: str) -> str | None:
    if column == "site":
        return recording.site and lookup(recording.site).name
    return recording.side if column == "side" else recording.extra.get(column)
