"""Raven selection tables: tab-separated, one row a selection, the columns Raven itself writes and then our own.

``Begin Time (s)`` counts, as Raven has it, from the start of the sound it has open. Several recordings open in Raven as
one sequence, so the times run on from recording to recording; ``Begin File`` and ``File Offset (s)`` say where in which
file a selection begins. Reading takes any table with a begin and an end time: other columns in any order, the rows
Raven writes for every view of the same selection, a decimal comma.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from popclass.errors import LabelError
from popclass.formats.audacity import single_field
from popclass.formats.csv_io import cell
from popclass.formats.text import bad_row, number, read_rows, rounded
from popclass.results import Event, RecordingResult
from popclass.utils.text import one_line

COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"),
    *("Begin Path", "Begin File", "File Offset (s)"),
    *("Label", "Probability", "Acoustic Label", "Novelty", "Timing", "Since Cavitation (s)", "Burst", "SNR (dB)"),
)
VIEW = "Waveform 1"
# Raven calls the column whatever its user did; these names are tried in this order, in any case.
LABEL_COLUMNS = ("label", "annotation", "annotations", "class")

_BEGIN, _END, _OFFSET = "begin time (s)", "end time (s)", "file offset (s)"


class RavenSelection(NamedTuple):
    """One selection: seconds from the start of its file, the text of its label, and the file and its path, if named."""

    start_s: float
    end_s: float
    text: str
    file: str | None
    path: str | None = None


def raven(results: Sequence[RecordingResult]) -> Iterator[str]:
    """The events of several recordings as one selection table, header first."""
    yield raven_line(COLUMNS)
    selection, elapsed = 0, 0.0
    for result in results:
        for event in result.events:
            selection += 1
            yield raven_line(_cells(selection, elapsed, result, event))
        elapsed += result.duration_s


def raven_line(cells: Sequence[str | None]) -> str:
    """A line of a selection table with its line end; what is unknown is an empty field."""
    return "\t".join("" if text is None else single_field(text) for text in cells) + "\n"


def _cells(selection: int, elapsed: float, result: RecordingResult, event: Event) -> list[str | None]:
    return [
        str(selection),
        VIEW,
        str(event.channel),
        f"{elapsed + event.start_s:.6f}",
        f"{elapsed + event.end_s:.6f}",
        "0.000",
        f"{result.sample_rate / 2:.3f}",
        result.recording,
        result.recording.replace("\\", "/").rpartition("/")[2],
        f"{event.start_s:.6f}",
        event.label,
        cell("p_label", rounded(event.p_label, 4)),
        event.acoustic_label,
        cell("novelty", rounded(event.novelty, 4)),
        event.timing,
        cell("since_cavitation_s", rounded(event.since_cavitation_s, 6)),
        str(event.burst),
        cell("snr_db", rounded(event.snr_db, 2)),
    ]


def read_raven(path: str | os.PathLike[str], *, label_column: str | None = None) -> list[RavenSelection]:
    """Read a selection table.

    Parameters
    ----------
    path : path
    label_column : str, optional
        The column that holds the labels; by default the first there is of `LABEL_COLUMNS`.

    Returns
    -------
    list of RavenSelection
        In the order of the file, each selection once however many views it has a row for.

    Raises
    ------
    LabelError
        Where the file cannot be read, a column is missing or a row is no selection; it names the file and the row.
    """
    return [selection for _, selection in numbered_selections(path, label_column=label_column)]


def is_raven(path: str | os.PathLike[str]) -> bool:
    """Whether the first line of a text file names the columns of a selection table.

    Raises
    ------
    LabelError
        If the file cannot be read.
    """
    _, header = next(read_rows(path), (0, []))
    return _BEGIN in (name.strip().casefold() for name in header)


def numbered_selections(
    path: str | os.PathLike[str], *, label_column: str | None = None
) -> list[tuple[int, RavenSelection]]:
    """`read_raven`, each selection with the number of its (first) row in the file, counted from 1."""
    rows = read_rows(path)
    _, header = next(rows, (0, []))
    names = [name.strip().casefold() for name in header]
    _check_header(path, names)
    selections: dict[tuple[str, ...], tuple[int, RavenSelection]] = {}
    for row, content in rows:
        label = _label_column(path, names, label_column)
        if len(content) > len(names):
            raise bad_row(path, row, content, f"{len(content)} fields where the header has {len(names)}")
        # A spreadsheet drops the empty fields at the end of a row.
        padded = [text.strip() for text in content] + [""] * (len(names) - len(content))
        fields = dict(zip(names, padded, strict=True))
        selection = _selection(path, row, content, fields, fields[label])
        views = (fields.get("selection", ""), fields.get("begin file", ""), fields[_BEGIN], fields[_END])
        key = views if fields.get("selection") else (*views, selection.text)
        selections.setdefault(key, (row, selection))
    return list(selections.values())


def _check_header(path: str | os.PathLike[str], names: Sequence[str]) -> None:
    for column in ("Begin Time (s)", "End Time (s)"):
        if column.casefold() not in names:
            raise LabelError(
                f"{one_line(os.fspath(path))}: no Raven selection table: its first line has no column '{column}'"
            )


def _label_column(path: str | os.PathLike[str], names: Sequence[str], wanted: str | None) -> str:
    candidates = LABEL_COLUMNS if wanted is None else (wanted.casefold(),)
    for name in candidates:
        if name in names:
            return name
    raise LabelError(
        f"{one_line(os.fspath(path))}: no column {' or '.join(repr(name) for name in candidates)} for the labels; "
        f"it has {one_line(', '.join(names))}"
    )


def _selection(
    path: str | os.PathLike[str], row: int, content: list[str], fields: Mapping[str, str], text: str
) -> RavenSelection:
    begin, end = number(fields[_BEGIN]), number(fields[_END])
    if begin is None or end is None:
        raise bad_row(path, row, content, "the begin and the end time must be numbers of seconds")
    if end < begin:
        raise bad_row(path, row, content, f"the end ({end} s) lies before the begin ({begin} s)")
    offset = begin
    if fields.get(_OFFSET):
        found = number(fields[_OFFSET])
        if found is None:
            raise bad_row(path, row, content, "the file offset must be a number of seconds")
        offset = found
    # Nine decimals undo the rounding of the sum and keep every sample apart.
    finish = end if offset == begin else max(offset, round(offset + (end - begin), 9))
    if not math.isfinite(finish):
        raise bad_row(path, row, content, "it is longer than any recording")
    return RavenSelection(offset, finish, text, fields.get("begin file") or None, fields.get("begin path") or None)
