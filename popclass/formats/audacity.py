r"""Audacity label tracks: ``start TAB end TAB label``, one line a label, seconds with six decimals.

A label track belongs to one recording. The text of a label is the class and its probability (``cavitation 0.93``);
`label_name` returns the class, so that a track corrected in Audacity can be used for training. The reader also accepts
Audacity's extended form (a second line ``\ TAB low TAB high`` with the frequency range), the form of its first versions
(``start TAB label``), decimal commas, and labels without text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from popclass.errors import UsageError
from popclass.formats.text import Row, TrackLabel, number, read_rows
from popclass.results import Event, RecordingResult
from popclass.utils.text import visible

_PROBABILITY = re.compile(r"(?<!\s)\s+(0\.\d\d|1\.00)$")  # one try for each run of spaces, however long


def audacity(results: Sequence[RecordingResult]) -> Iterator[str]:
    """Return the lines of a label track with the events of one recording.

    Raises
    ------
    UsageError
        If there are several recordings.
    """
    if len(results) > 1:
        raise UsageError(
            f"an Audacity label track belongs to one recording, not to {len(results)}; "
            "classify them one at a time, or use --format csv or raven"
        )
    return (_event_line(event) for result in results for event in result.events)


def _event_line(event: Event) -> str:
    probability = "" if event.p_label is None else f" {event.p_label:.2f}"
    return audacity_line(event.start_s, event.end_s, event.label + probability)


def single_field(text: str) -> str:
    r"""Return `text` as one tab-separated field: white space of any kind becomes one space.

    Examples
    --------
    >>> single_field("left\thip ")
    'left hip'
    """
    return " ".join(visible(text).split())


def label_name(text: str) -> str:
    """Return the class in a label's text, without the probability that `audacity` appends.

    Examples
    --------
    >>> label_name("cavitation 0.93"), label_name("finger 2")
    ('cavitation', 'finger 2')
    """
    return _PROBABILITY.sub("", text.strip())


def read_audacity(path: str | os.PathLike[str]) -> Iterator[tuple[Row, TrackLabel]]:
    """Yield the rows of a track with their labels.

    Raises
    ------
    LabelError
        If the file cannot be read or a row is not a label; the message names the file and the row and quotes it.
    """
    label = None
    for row in read_rows(path):
        if row.cells[0].strip() != "\\":
            label = _label(row)
            yield row, label
        elif label is None:
            raise row.error("a frequency range without a label before it")


def audacity_line(start_s: float, end_s: float, text: str) -> str:
    r"""Return one line of a label track with its line end.

    Examples
    --------
    >>> audacity_line(1.5, 1.75, "cavitation")
    '1.500000\t1.750000\tcavitation\n'
    """
    return f"{start_s:.6f}\t{end_s:.6f}\t{single_field(text)}\n"


def _label(row: Row) -> TrackLabel:
    first, *others = row.cells
    start, end = number(first), number(others[0]) if others else None
    if start is not None and end is None and len(others) == 1:
        return TrackLabel(start, start, others[0].strip())  # a point as Audacity 1.2 wrote it
    if start is None or end is None:
        raise row.error("expected start TAB end TAB label, with times in seconds")
    if end < start:
        raise row.error(f"the end ({end} s) lies before the start ({start} s)")
    return TrackLabel(start, end, " ".join(others[1:]).strip())
