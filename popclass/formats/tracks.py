r"""Label tracks of other programs: Audacity's, and selection tables of Raven.

An Audacity track has one line a label, ``start TAB end TAB label`` in seconds with six decimals, and belongs to one
recording. The text of a label is the class and its probability (``cavitation 0.93``); `label_name` returns the class,
so that a track corrected in Audacity can be used for training. The reader also accepts Audacity's extended form (a
second line ``\ TAB low TAB high`` with the frequency range), the form of its first versions (``start TAB label``),
decimal commas, and labels without text.

A selection table is tab-separated, one row a selection, Raven's own columns followed by those of popclass. ``Begin Time
(s)`` counts from the start of the sound that Raven has open. Several recordings open as one sequence, so these times
run on from recording to recording; ``Begin File`` and ``File Offset (s)`` locate a selection in its file. The reader
accepts any table with a begin and an end time: other columns in any order, one row for each view of a selection,
decimal commas.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest

from popclass.errors import LabelError, UsageError
from popclass.formats.csv_io import cell
from popclass.formats.text import Row, TrackLabel, fields, number, read_header, read_rows
from popclass.results import RecordingResult
from popclass.utils.text import one_line, visible

_PROBABILITY = re.compile(r"(?<!\s)\s+(0\.\d\d|1\.00)$")  # one try for each run of spaces, however long
# columns of popclass, and the column of the events table in each
_OWN = {
    **{"File Offset (s)": "start_s", "Label": "label", "Probability": "p_label", "Acoustic Label": "acoustic_label"},
    **{"Novelty": "novelty", "Timing": "timing", "Since Cavitation (s)": "since_cavitation_s"},
    **{"Burst": "burst", "SNR (dB)": "snr_db"},
}
RAVEN_STANDARD = ("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)")
RAVEN_COLUMNS = (*RAVEN_STANDARD, "Begin Path", "Begin File", *_OWN)
VIEW = "Waveform 1"
LABEL_COLUMNS = ("label", "annotation", "annotations", "class")  # users name the column; tried in order, in any case

BEGIN, _END, OFFSET = "begin time (s)", "end time (s)", "file offset (s)"


def audacity(results: Sequence[RecordingResult]) -> Iterator[str]:
    """Return the lines of a label track with the events of one recording.

    Raises
    ------
    UsageError
        If there are several recordings.
    """
    if len(results) > 1:
        what = f"an Audacity label track belongs to one recording, not to {len(results)}"
        raise UsageError(f"{what}; classify them one at a time, or use --format csv or raven")
    events = [event for result in results for event in result.events]
    texts = (each.label if each.p_label is None else f"{each.label} {each.p_label:.2f}" for each in events)
    return (audacity_line(event.start_s, event.end_s, text) for event, text in zip(events, texts, strict=True))


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


def raven(results: Sequence[RecordingResult]) -> Iterator[str]:
    """Yield the events of several recordings as one selection table, header first."""
    yield raven_line(RAVEN_COLUMNS)
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
        key = (*map(str, selection), values.get("selection", ""), values[BEGIN])
        selections.setdefault(key, (row, selection))
    return list(selections.values())


def _selection(row: Row, values: Mapping[str, str], text: str) -> TrackLabel:
    begin, end = number(values[BEGIN]), number(values[_END])
    if begin is None or end is None:
        raise row.error("the begin and the end time must be numbers of seconds")
    if end < begin:
        raise row.error(f"the end ({end} s) lies before the begin ({begin} s)")
    offset = number(values[OFFSET]) if values.get(OFFSET) else begin
    if offset is None:
        raise row.error("the file offset must be a number of seconds")
    # Nine decimals undo the rounding of the sum and keep every sample apart.
    finish = end if offset == begin else max(offset, round(offset + (end - begin), 9))
    if not math.isfinite(finish):
        raise row.error("it is longer than any recording")
    path = values.get("begin path") or None
    file = values.get("begin file") or (path and re.split(r"[\\/]", path)[-1]) or None
    return TrackLabel(offset, finish, text, file, path)
