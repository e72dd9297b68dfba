"""Raven selection tables: tab-separated, one row a selection, Raven's own columns followed by those of popclass.

``Begin Time (s)`` counts from the start of the sound that Raven has open. Several recordings open as one sequence, so
these times run on from recording to recording; ``Begin File`` and ``File Offset (s)`` locate a selection in its file.
The reader accepts any table with a begin and an end time: other columns in any order, one row for each view of a
selection, decimal commas.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest

from popclass.errors import LabelError
from popclass.formats.audacity import single_field
from popclass.formats.csv_io import cell
from popclass.formats.text import Row, TrackLabel, fields, number, read_header, read_rows
from popclass.results import RecordingResult
from popclass.utils.text import one_line

# columns of popclass, and the column of the events table in each
_OWN = {
    "File Offset (s)": "start_s",
    "Label": "label",
    "Probability": "p_label",
    "Acoustic Label": "acoustic_label",
    "Novelty": "novelty",
    "Timing": "timing",
    "Since Cavitation (s)": "since_cavitation_s",
    "Burst": "burst",
    "SNR (dB)": "snr_db",
}
STANDARD_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"),
)
COLUMNS = (*STANDARD_COLUMNS, "Begin Path", "Begin File", *_OWN)
VIEW = "Waveform 1"
LABEL_COLUMNS = ("label", "annotation", "annotations", "class")  # users name the column; tried in order, in any case

_BEGIN, _END, _OFFSET = "begin time (s)", "end time (s)", "file offset (s)"


def raven(results: Sequence[RecordingResult]) -> Iterator[str]:
    """Yield the events of several recordings as one selection table, header first."""
    yield raven_line(COLUMNS)
    selection, elapsed = 0, 0.0
    for result in results:
        nyquist, name = f"{result.sample_rate / 2:.3f}", result.recording.replace("\\", "/").rpartition("/")[2]
        for event, row in zip(result.events, fields(result), strict=True):
            selection += 1
            times = (f"{elapsed + event.start_s:.6f}", f"{elapsed + event.end_s:.6f}")
            own = (cell(column, row[column]) for column in _OWN.values())
            head = (str(selection), VIEW, str(event.channel), *times, "0.000", nyquist, result.recording, name)
            yield raven_line((*head, *own))
        elapsed += result.duration_s


def raven_line(cells: Sequence[str | None]) -> str:
    """Return one line of a selection table with its line end; None becomes an empty field."""
    return "\t".join("" if text is None else single_field(text) for text in cells) + "\n"


def is_raven(path: str | os.PathLike[str]) -> bool:
    """Return whether the first line of a text file names the columns of a selection table.

    Raises
    ------
    LabelError
        If the file cannot be read.
    """
    return _BEGIN in read_header(path)


def read_raven(path: str | os.PathLike[str]) -> list[tuple[Row, TrackLabel]]:
    """Read a selection table, whose labels are in the first column of `LABEL_COLUMNS` that exists.

    Returns
    -------
    list of (Row, TrackLabel)
        In the order of the file. A selection that has a row for each view is listed once, with its first row.

    Raises
    ------
    LabelError
        If the file cannot be read, a column is missing or a row is not a selection.
    """
    names = read_header(path)
    shown = one_line(os.fspath(path))
    for column in ("Begin Time (s)", "End Time (s)"):
        if column.casefold() not in names:
            raise LabelError(f"{shown}: not a Raven selection table: its first line has no column '{column}'")
    label = next((name for name in LABEL_COLUMNS if name in names), None)
    selections: dict[tuple[str, ...], tuple[Row, TrackLabel]] = {}
    for row in islice(read_rows(path), 1, None):
        if label is None:
            wanted = " or ".join(map(repr, LABEL_COLUMNS))
            raise LabelError(f"{shown}: no column {wanted} for the labels; it has {one_line(', '.join(names))}")
        if len(row.cells) > len(names):
            raise row.error(f"{len(row.cells)} fields where the header has {len(names)}")
        # A spreadsheet drops the empty values at the end of a row.
        values = dict(zip_longest(names, map(str.strip, row.cells), fillvalue=""))
        selection = _selection(row, values, values[label])
        views = (values.get("selection", ""), values.get("begin file", ""), values[_BEGIN], values[_END])
        key = views if values.get("selection") else (*views, selection.text)
        selections.setdefault(key, (row, selection))
    return list(selections.values())


def _selection(row: Row, values: Mapping[str, str], text: str) -> TrackLabel:
    begin, end = number(values[_BEGIN]), number(values[_END])
    if begin is None or end is None:
        raise row.error("the begin and the end time must be numbers of seconds")
    if end < begin:
        raise row.error(f"the end ({end} s) lies before the begin ({begin} s)")
    offset = number(values[_OFFSET]) if values.get(_OFFSET) else begin
    if offset is None:
        raise row.error("the file offset must be a number of seconds")
    # Nine decimals undo the rounding of the sum and keep every sample apart.
    finish = end if offset == begin else max(offset, round(offset + (end - begin), 9))
    if not math.isfinite(finish):
        raise row.error("it is longer than any recording")
    return TrackLabel(offset, finish, text, values.get("begin file") or None, values.get("begin path") or None)
