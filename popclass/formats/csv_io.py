r"""CSV tables that popclass writes: events, bursts and recordings.

Written tables are UTF-8 with commas, ``\n`` line ends, always a header, and quotes only where a field needs them.

- The events table has the columns of `popclass.schema.event_columns`, one row an event.
- The table of bursts has the columns of `burst_columns`, one row a burst that holds a joint event or an uncertain one.
- The table of recordings has the columns of `recording_columns`, one row for every file that a batch found. A failed
  recording has a reason, and empty fields for what is unknown; zeros are counts.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from popclass.errors import LabelError
from popclass.formats.read_csv import open_csv
from popclass.formats.text import INTEGERS, decimals, fields, rounded, shortened
from popclass.info import HasInfo, RecordingInfo
from popclass.results import UNCOUNTED, Cavitations, HasCavitations, RecordingResult
from popclass.schema import UNCERTAIN, event_columns
from popclass.utils.text import one_line, visible

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
    with open_csv(path) as rows:
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
