"""What is odd about labels that can be read: the same one twice, and two classes at the same time.

Nothing is decided here about who is right. A label that stands twice is used once and told of; labels of different
classes that overlap both stay, with a warning that names their times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from popclass.formats.text import one_line
from popclass.labels.records import LabelledRecording, LabelRow, Labels, Note, in_order, some

_OVERLAP = (
    "labels of different classes overlap; a point takes the onset nearest to it, and any other onset in both goes to "
    "the one that begins nearest to it"
)


def checked(recordings: Sequence[LabelledRecording], warnings: Sequence[str] = ()) -> Labels:
    """Labels of these recordings, each label once, and warnings of what is odd about them.

    Parameters
    ----------
    recordings : sequence of LabelledRecording
    warnings : sequence of str
        What was noticed before; it comes first.
    """
    told = list(warnings)
    for recording in recordings:
        name = one_line(recording.name)
        if twice := [row for row, count in Counter(recording.rows).items() if count > 1]:
            told.append(Note("labels that stand there more than once are used once", f"{name}, {_places(twice)}"))
        if pairs := overlaps(in_order(list(set(recording.rows)))):
            listed = some([f"{first.place} and {second.place}" for first, second in pairs])
            told.append(Note(_OVERLAP, f"{name}, {listed}"))
    once = tuple(replace(recording, rows=in_order(list(set(recording.rows)))) for recording in recordings)
    return Labels(once, tuple(told))


def overlaps(rows: Sequence[LabelRow]) -> list[tuple[LabelRow, LabelRow]]:
    """Pairs of rows with different labels that share a stretch of time or begin at the same moment.

    Parameters
    ----------
    rows : sequence of LabelRow
        Sorted by start.

    Examples
    --------
    >>> rows = [LabelRow(0, 2, "other"), LabelRow(1, 1, "cavitation"), LabelRow(2, 3, "snapping")]
    >>> [(a.label, b.label) for a, b in overlaps(rows)]
    [('other', 'cavitation')]
    """
    pairs = []
    for place, first in enumerate(rows):
        for second in rows[place + 1 :]:
            if second.start_s > first.start_s and second.start_s >= first.end_s:
                break
            if second.label != first.label:
                pairs.append((first, second))
    return pairs


def _places(rows: Sequence[LabelRow]) -> str:
    return some([row.place for row in in_order(rows)])
