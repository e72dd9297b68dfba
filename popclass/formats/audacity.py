r"""Audacity label tracks: ``start TAB end TAB label``, a line a label, seconds with six decimals.

One label track belongs to one recording. The text of a label is the class and its probability (``cavitation 0.93``);
`label_name` takes the class out again, so that a track corrected in Audacity can be trained on. Reading also takes what
Audacity writes in its extended form (a second line ``\ TAB low TAB high`` with the frequency range), what its first
versions wrote (``start TAB label``), a decimal comma, and labels without text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from popclass.errors import UsageError
from popclass.formats.text import bad_row, number, read_rows
from popclass.results import RecordingResult
from popclass.utils.text import visible

_PROBABILITY = re.compile(r"(?<!\s)\s+(0\.\d\d|1\.00)$")  # one try for each run of spaces, however long
_EXPECTED = "expected start TAB end TAB label, with times in seconds"


class AudacityLabel(NamedTuple):
    """One label: a stretch of the recording in seconds, and its text. A point has its end at its start."""

    start_s: float
    end_s: float
    text: str


def audacity(results: Sequence[RecordingResult]) -> Iterator[str]:
    """The events of one recording as a label track; nothing where there are none.

    Raises
    ------
    UsageError
        Where there are several recordings.
    """
    if len(results) > 1:
        raise UsageError(
            f"an Audacity label track belongs to one recording, not to {len(results)}; "
            "classify them one at a time, or use --format csv or raven"
        )
    return _lines(results)


def _lines(results: Sequence[RecordingResult]) -> Iterator[str]:
    for result in results:
        for event in result.events:
            probability = "" if event.p_label is None else f" {event.p_label:.2f}"
            yield audacity_line(event.start_s, event.end_s, event.label + probability)


def single_field(text: str) -> str:
    r"""`text` fit for a tab-separated field: white space of any kind becomes one space.

    Examples
    --------
    >>> single_field("left\thip ")
    'left hip'
    """
    return " ".join(visible(text).split())


def label_name(text: str) -> str:
    """The class in a label's text, without the probability `audacity` writes after it.

    Examples
    --------
    >>> label_name("cavitation 0.93"), label_name("finger 2")
    ('cavitation', 'finger 2')
    """
    return _PROBABILITY.sub("", text.strip())


def read_audacity(path: str | os.PathLike[str]) -> list[AudacityLabel]:
    """Read a label track.

    Returns
    -------
    list of AudacityLabel
        In the order of the file; an empty file is no labels.

    Raises
    ------
    LabelError
        Where the file cannot be read or a row is no label; it names the file, the row and what stands there.
    """
    return [label for _, label in numbered_labels(path)]


def numbered_labels(path: str | os.PathLike[str]) -> Iterator[tuple[int, AudacityLabel]]:
    """`read_audacity`, each label with the number of its row in the file, counted from 1."""
    before = False
    for row, content in read_rows(path):
        if content[0].strip() == "\\":
            if not before:
                raise bad_row(path, row, content, "a frequency range without a label before it")
            continue
        before = True
        yield row, _label(path, row, content)


def audacity_line(start_s: float, end_s: float, text: str) -> str:
    r"""A line of a label track with its line end.

    Examples
    --------
    >>> audacity_line(1.5, 1.75, "cavitation")
    '1.500000\t1.750000\tcavitation\n'
    """
    return f"{start_s:.6f}\t{end_s:.6f}\t{single_field(text)}\n"


def _label(path: str | os.PathLike[str], row: int, content: list[str]) -> AudacityLabel:
    start = number(content[0])
    if start is None or len(content) < 2:
        raise bad_row(path, row, content, _EXPECTED)
    end = number(content[1])
    if end is None:
        if len(content) > 2:
            raise bad_row(path, row, content, _EXPECTED)
        return AudacityLabel(start, start, content[1].strip())  # as Audacity 1.2 wrote points
    if end < start:
        raise bad_row(path, row, content, f"the end ({end} s) lies before the start ({start} s)")
    return AudacityLabel(start, end, " ".join(content[2:]).strip())
