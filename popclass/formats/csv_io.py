"""The events table as CSV: the columns of `popclass.results.event_columns`, one row an event.

UTF-8, commas, ``\\n`` line ends, a header even where there are no events; quotes only where a field needs them. A batch
writes its ``events.csv`` with the same functions, one recording after the other. `read_events_csv` reads it back.

Tables that people write: CSV with a head of named columns, read row by row with where each row is.

Label tables (`popclass.labels`) and batch manifests (`popclass.batch.manifest`) are such tables; which columns
they need is their own affair.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from popclass.errors import LabelError
from popclass.formats.text import INTEGERS, decimals, fields
from popclass.results import RecordingResult, event_columns
from popclass.utils.text import one_line


class _Line:
    """A file for `csv.writer` that hands the line back."""

    def write(self, line: str) -> str:
        # The writer only quotes a lone carriage return while its own line end contains one.
        return line.removesuffix("\r\n") + "\n"


def csv_line(cells: Iterable[Any]) -> str:
    r"""One CSV line with its line end; None is an empty field.

    Examples
    --------
    >>> csv_line(["left, right.wav", None, "0.000000"])
    '"left, right.wav",,0.000000\n'
    """
    line: str = csv.writer(_Line(), lineterminator="\r\n").writerow(["" if cell is None else cell for cell in cells])
    return line


def csv_header(classes: Sequence[str]) -> str:
    """The header line of an events table of a model with these classes."""
    return csv_line(event_columns(tuple(classes)))


def csv_rows(result: RecordingResult) -> Iterator[str]:
    """The lines of one recording's events, without a header."""
    for row in fields(result):
        yield csv_line(cell(column, value) for column, value in row.items())


def cell(column: str, value: Any) -> str | None:
    """A value as it is written: fractions always with all decimals of their column."""
    if value is None:
        return None
    places = decimals(column)
    return str(value) if places is None else f"{value:.{places}f}"


def events_csv(results: Sequence[RecordingResult], *, classes: Sequence[str] | None = None) -> Iterator[str]:
    """The events of several recordings as CSV, header first.

    Parameters
    ----------
    results : sequence of RecordingResult
        All from models with the same classes.
    classes : sequence of str, optional
        The model's classes; by default those of the first result.

    Raises
    ------
    ValueError
        Where a result has other classes.
    """
    if classes is None:
        classes = results[0].classes if results else ()
    yield csv_header(classes)
    for result in results:
        if result.classes != tuple(classes):
            raise ValueError(f"one table needs one set of classes: {tuple(classes)} and {result.classes}")
        yield from csv_rows(result)


def read_events_csv(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read an events table back.

    Returns
    -------
    list of dict
        One an event, in the columns of the file: numbers as int and float, text as str, an empty field as None.

    Raises
    ------
    LabelError
        Where the file cannot be read or is no events table.
    """
    shown = one_line(os.fspath(path))
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            if tuple(header[:4]) != event_columns(())[:4]:
                raise LabelError(f"{shown}: no events table: its first line must begin 'recording,event,burst,start_s'")
            return [_parsed(shown, number, header, row) for number, row in enumerate(rows, start=2)]
    except OSError as error:
        raise LabelError(f"{shown}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{shown}: no CSV in UTF-8: {error}") from error


def _parsed(shown: str, number: int, header: list[str], row: list[str]) -> dict[str, Any]:
    if len(row) != len(header):
        raise LabelError(f"{shown}, row {number}: {len(row)} fields where the header has {len(header)}")
    try:
        return {column: _value(column, text) for column, text in zip(header, row, strict=True)}
    except ValueError as error:
        raise LabelError(f"{shown}, row {number}: {error}") from error


def _value(column: str, text: str) -> Any:
    if text == "":
        return None
    if column in INTEGERS:
        return int(text)
    if decimals(column) is None:
        return text
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{column} is '{one_line(text)[:40]}', which is no finite number")
    return number


def check_text(where: str, column: str, text: str) -> None:
    """Refuse text in another encoding than UTF-8, which would be another name than the one that is meant.

    Raises
    ------
    LabelError
        With where it is.
    """
    if not text.isascii() and any("\udc80" <= each <= "\udcff" for each in text):
        raise LabelError(f"{where}: {column} '{one_line(text)}' is no UTF-8: save the table as UTF-8 (CSV UTF-8)")


def read_columns(path: Path, check: Callable[[str, Sequence[str]], None]) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row is, and its cells by column; rows without any text are passed over.

    Parameters
    ----------
    path : Path
    check : callable
        Given what messages call the file and the names of its columns, raises `LabelError` if they will not do.

    Raises
    ------
    LabelError
        If the file cannot be read, or a row has more fields than the head names.
    """
    shown = one_line(str(path))
    try:
        # bytes in an older encoding survive as surrogates, as they do in file names
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = [name.strip().lower() for name in next(reader, [])]
            if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
                raise LabelError(f"{shown}: columns must be separated by commas")
            check(shown, columns)
            if len(set(columns)) < len(columns):
                raise LabelError(f"{shown}: a column is named twice")
            for cells in reader:
                where = f"{shown}, row {reader.line_num}"
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) > len(columns):
                    raise LabelError(f"{where}: {len(cells)} fields, but the head names {len(columns)} columns")
                padded = [cell.strip() for cell in cells] + [""] * (len(columns) - len(cells))
                yield where, dict(zip(columns, padded, strict=True))
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LabelError(f"{shown}: cannot be read as CSV: {reason}") from None
