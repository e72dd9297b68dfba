r"""CSV tables: events, recordings, and tables that users write.

Written tables are UTF-8 with commas, ``\n`` line ends, always a header, and quotes only where a field needs them.

- The events table has the columns of `popclass.schema.event_columns`, one row an event.
- The table of bursts has the columns of `burst_columns`, one row a burst that holds a joint event or an uncertain one.
- The table of recordings has the columns of `recording_columns`, one row for every file that a batch found. A failed
  recording has a reason, and empty fields for what is unknown; zeros are counts.
- Label tables (`popclass.labels`) and batch manifests (`popclass.batch.manifest`) are read with `read_columns`.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any
from unicodedata import normalize

from popclass.errors import LabelError
from popclass.formats.text import INTEGERS, decimals, encoding_of, fields, rounded, shortened
from popclass.info import HasInfo, RecordingInfo
from popclass.results import UNCOUNTED, Cavitations, HasCavitations, RecordingResult
from popclass.schema import EXTRA, UNCERTAIN, event_columns, is_extra
from popclass.utils.text import one_line, visible

EMPTY_CELLS = ("nan", "NaN", "None", "none", "null", "NULL", "<NA>", "#N/A")
DELIMITERS = (",", ";", "\t")  # a spreadsheet writes ";" where the comma is the decimal sign, tabs in Unicode text
WORKBOOK = "is an Excel workbook; save it as CSV UTF-8 (.csv)"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # of today, and before 2007
OK = "ok"
FAILED = "failed"
# Starts of spreadsheet formulas, wide forms of East Asian keyboards and the characters skipped before them included.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
UTC_COLUMN = "recorded_at_utc"
CAVITATIONS = ("expected_cavitations", "cavitations_low", "cavitations_high")


def plain_path(path: str) -> str:
    """Return a relative path that a spreadsheet reads as text, not as a formula.

    Examples
    --------
    >>> plain_path("=1+1.wav"), plain_path("knee/=1+1.wav")
    ('./=1+1.wav', 'knee/=1+1.wav')
    """
    return f"./{path}" if path.startswith(FORMULA_STARTS) else path


def csv_line(cells: Iterable[Any]) -> str:
    r"""Return one CSV line with its line end; None becomes an empty field.

    Examples
    --------
    >>> csv_line(["left, right.wav", None, "0.000000"])
    '"left, right.wav",,0.000000\n'
    """
    line = io.StringIO()
    # The writer only quotes a lone carriage return while its own line end contains one.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"


def csv_rows(result: RecordingResult) -> Iterator[str]:
    """Yield the lines of the events of one recording, without a header."""
    for row in fields(result):
        yield csv_line(cell(column, value) for column, value in row.items())


def cell(column: str, value: Any) -> str | None:
    """Return a value of the events table as text; fractions have all decimals of their column."""
    if value is None:
        return None
    places = decimals(column)
    return str(value) if places is None else f"{value:.{places}f}"


def events_csv(results: Sequence[RecordingResult]) -> Iterator[str]:
    """Yield the events of several recordings as CSV, header first.

    Raises
    ------
    ValueError
        If the results are of models with different classes.
    """
    classes = results[0].classes if results else ()
    yield csv_line(event_columns(classes, tuple(results[0].extra) if results else ()))
    for result in results:
        if result.classes != classes:
            raise ValueError(f"one table needs one set of classes: {classes} and {result.classes}")
        yield from csv_rows(result)


def burst_columns(classes: Sequence[str], extra: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the columns of the table of bursts, in order; those of the user's own come last."""
    return (
        *("recording", "burst", "start_s", "end_s", "events", *classes, UNCERTAIN),
        *(*CAVITATIONS, "cavities_needed", "subject", "site", "side", "recorded_at", *extra),
    )


def burst_rows(result: RecordingResult) -> Iterator[str]:
    """Yield the lines of the bursts of one recording, without a header."""
    info, started = result.info, result.recorded_at.isoformat() if result.recorded_at else None
    about = [visible(text or "") for text in (info.subject, info.site, info.side)]
    own = list(map(visible, info.extra.values()))
    for burst in result.bursts:
        times = (cell(name, getattr(burst, name)) for name in ("start_s", "end_s"))
        counts = burst.counts.values()
        cells = (*_count_cells(burst), burst.cavities_needed, *about, started, *own)
        yield csv_line((visible(info.name), burst.burst, *times, burst.events, *counts, *cells))


def _count_cells(counted: HasCavitations) -> list[str | None]:
    return [cell(name, getattr(counted, name)) for name in CAVITATIONS]


def read_events_csv(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of an events table one by one.

    Yields
    ------
    dict
        One for each event, in the columns of the file. Numbers are int or float; an empty field is None.

    Raises
    ------
    LabelError
        If the file cannot be read or is not an events table.
    """
    shown = one_line(os.fspath(path))
    with _csv_reader(path) as rows:
        expected = event_columns(())[:4]
        header: list[str] = next(rows, [])
        if tuple(header[:4]) != expected:
            raise LabelError(f"{shown}: not an events table: its first line must begin '{','.join(expected)}'")
        for number, row in enumerate(rows, start=2):
            yield _parsed(f"{shown}, row {number}", header, row)


def _parsed(where: str, header: list[str], row: list[str]) -> dict[str, Any]:
    if len(row) != len(header):
        raise LabelError(f"{where}: {len(row)} fields where the header has {len(header)}")
    try:
        return {column: _value(column, text) for column, text in zip(header, row, strict=True)}
    except ValueError as error:
        raise LabelError(f"{where}: {error}") from error


def _value(column: str, text: str) -> Any:
    if text == "":
        return None
    if column in INTEGERS:
        return int(text)
    if decimals(column) is None:
        return text
    if math.isfinite(number := float(text)):
        return number
    raise ValueError(f"{column} is '{shortened(text, 40)}', which is not a finite number")


@dataclass(frozen=True, slots=True)
class RecordingRow(HasInfo, HasCavitations):
    """One row of the table of recordings.

    Attributes
    ----------
    info : RecordingInfo
    status : str
        `ok` or `failed`.
    reason : str or None
        Cause of a failure, in one line.
    events : int or None
        Number of events.
    counts : mapping of str to int
        Number of events with each label, every class and `uncertain` included.
    cavities_needed : int or None
        As in `RecordingResult`.
    cavitations : Cavitations
        As in `RecordingResult`.
    """

    info: RecordingInfo
    status: str = OK
    reason: str | None = None
    events: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    cavities_needed: int | None = None
    cavitations: Cavitations = UNCOUNTED

    @classmethod
    def from_result(cls, result: RecordingResult) -> RecordingRow:
        """Return the row of a classified recording."""
        counts, needed = result.counts(), result.cavities_needed
        return cls(result.info, OK, None, len(result.events), counts, needed, result.cavitations)


def recording_columns(classes: Sequence[str], extra: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the columns of the table of recordings, in order; those of the user's own come last."""
    return (
        *("recording", "status", "reason", "duration_s", "sample_rate", "channels", "events"),
        *classes,
        *(UNCERTAIN, "cavities_needed", "subject", "site", "recorded_at", "warnings"),
        *(*CAVITATIONS, "side", UTC_COLUMN, *extra),
    )


def recordings_csv(rows: Iterable[RecordingRow], *, classes: Sequence[str], extra: Sequence[str] = ()) -> Iterator[str]:
    """Yield the table of recordings as CSV, header first.

    Parameters
    ----------
    rows : iterable of RecordingRow
    classes : sequence of str
        The model's classes, in the order of their columns.
    extra : sequence of str
        Columns of the user's own.
    """
    yield csv_line(recording_columns(classes, extra))
    for row in rows:
        info = row.info
        sound = (cell("duration_s", rounded(info.duration_s, 6)), info.sample_rate, info.channels)
        cells = [
            *(visible(info.name), row.status, None if row.reason is None else one_line(row.reason)),
            *((None, None, None) if row.status == FAILED else sound),
            row.events,
            *(row.counts.get(label) for label in (*classes, UNCERTAIN)),
            row.cavities_needed,
            *(visible(info.subject or ""), visible(info.site or "")),
            info.recorded_at.isoformat() if info.recorded_at else None,
            "; ".join(one_line(warning) for warning in info.warnings),
            *(
                *_count_cells(row),
                visible(info.side or ""),
                info.recorded_at_utc.isoformat() if info.recorded_at_utc else None,
            ),
            *(visible(info.extra.get(column, "")) for column in extra),
        ]
        yield csv_line(cells)


def is_result(columns: Sequence[str]) -> bool:
    """Return whether a table with these columns is one of events, bursts or recordings that popclass wrote.

    Examples
    --------
    >>> is_result(event_columns(("cavitation", "other"))), is_result(["recording", "start_s", "label"])
    (True, False)
    """
    return any(tuple(columns[:4]) == of(())[:4] for of in (event_columns, burst_columns, recording_columns))


def check_text(where: str, column: str, text: str) -> None:
    """Raise LabelError if a text from `read_columns` has a `text_fault`."""
    if fault := text_fault(column, text):
        raise LabelError(f"{where}: {fault}")


def text_fault(column: str, text: str) -> str | None:
    """Return a message if a text is not UTF-8, or what programs write for an empty cell; else None.

    It would be another name than the one meant, or one that several people share.
    """
    if text in EMPTY_CELLS:
        return f"{column} is '{text}', a missing value; leave the cell empty"
    return encoding_fault(column, text)


def encoding_fault(column: str, text: str) -> str | None:
    """Return a message if a text from `read_columns` is not UTF-8, else None."""
    if not text.isascii() and any("\udc80" <= each <= "\udcff" for each in text):
        return f"{column} '{one_line(text)}' is not UTF-8: save the table as UTF-8 (CSV UTF-8)"
    return None


def read_columns(path: Path, check: Callable[[str, Sequence[str]], None]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place of each row (for messages) and its cells by column; rows without text are skipped.

    The header shows which of `DELIMITERS` separates the columns. Only names of files may have bytes that are not UTF-8.

    Parameters
    ----------
    path : Path
    check : callable
        Receives the file's name for messages and the names of its columns; raises `LabelError` if they are wrong.

    Raises
    ------
    LabelError
        If the file cannot be read, is not UTF-8, the header has several delimiters, or a row has more fields than it.
    """
    shown = one_line(str(path))
    # bytes in an older encoding survive as surrogates, as they do in file names
    with _csv_reader(path, DELIMITERS, errors="surrogateescape") as reader:
        columns = [_column(name.strip()) for name in next(reader, [])]
        while columns and not columns[-1]:  # spreadsheets write empty cells to the right of a table
            columns.pop()
        _check_encoding(shown, (("column", name) for name in columns))
        check(shown, columns)
        named = [name.lower() for name in columns if name]
        if len(set(named)) < len(named):
            raise LabelError(f"{shown}: a column is named twice")
        for row in reader:
            cells = [cell.strip() for cell in row]
            where = f"{shown}, row {reader.line_num}"
            if any(cells[len(columns) :]):
                raise LabelError(f"{where}: {len(cells)} fields, but the header names {len(columns)} columns")
            if any(cells):
                row_cells = dict.fromkeys(columns, "") | dict(zip(columns, cells, strict=False))
                _check_encoding(where, ((name, each) for name, each in row_cells.items() if name != "file"))
                yield where, {name: cell_text(name, each) for name, each in row_cells.items()}


def _check_encoding(where: str, cells: Iterable[tuple[str, str]]) -> None:
    for name, text in cells:
        if fault := encoding_fault(name, text):
            raise LabelError(f"{where}: {fault}")


def cell_text(column: str, text: str) -> str:
    """Return the text of a cell as `read_columns` reads it: without blanks around it, one spelling for one subject.

    A file keeps its name, which the file system compares byte by byte, and the columns of the user's own are not ours
    to change.
    """
    text = text.strip()
    return text if column == "file" or is_extra(column) else normalize("NFC", text)


def _column(name: str) -> str:
    """Return the name of a column in lower case; that of a column of the user's own keeps its case after `x_`."""
    lower = name.lower()
    return EXTRA + name[len(EXTRA) :] if is_extra(lower) else lower


@contextmanager
def _csv_reader(path: str | os.PathLike[str], delimiters: Sequence[str] = ",", errors: str = "strict") -> Iterator[Any]:
    """Open a CSV; an error in reading it becomes a LabelError with its name."""
    shown = one_line(os.fspath(path))
    try:
        with open(path, "rb") as file:
            head = file.peek(4)  # a pipe can be read only once
            if head.startswith(_WORKBOOKS):
                raise LabelError(f"{shown}: {WORKBOOK}")
            encoding = encoding_of(head)
            text = io.TextIOWrapper(file, encoding, errors, newline="")
            first = text.readline()
            names = re.sub('"[^"]*"', "", first)
            found = [each for each in delimiters if each in names]
            if len(found) > 1:
                both = " and ".join(f"'{one_line(each)}'" for each in found)
                raise LabelError(f"{shown}: the header has {both}; separate the columns by one of them")
            yield csv.reader(chain([first], text), strict=True, delimiter=found[0] if found else ",")
    except FileNotFoundError as error:
        raise LabelError(f"{shown}: no such file; check the path") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, UnicodeDecodeError):
            reason = "it is not UTF-8, or is damaged; save it as CSV UTF-8"
        raise LabelError(f"{shown}: cannot be read as CSV: {reason}") from error
