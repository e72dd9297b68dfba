r"""CSV tables: written and read events, and tables that users write.

The events table has the columns of `popclass.results.event_columns`, one row an event: UTF-8, commas, ``\n`` line
ends, always a header, quotes only where a field needs them. Label tables (`popclass.labels`) and batch manifests
(`popclass.batch.manifest`) are read with `read_columns`.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from popclass.errors import LabelError
from popclass.formats.text import INTEGERS, decimals, fields
from popclass.results import RecordingResult, event_columns
from popclass.utils.text import one_line


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


def csv_header(classes: Sequence[str]) -> str:
    """Return the header line of an events table of a model with these classes."""
    return csv_line(event_columns(tuple(classes)))


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
    yield csv_header(classes)
    for result in results:
        if result.classes != classes:
            raise ValueError(f"one table needs one set of classes: {classes} and {result.classes}")
        yield from csv_rows(result)


def read_events_csv(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read an events table.

    Returns
    -------
    list of dict
        One for each event, in the columns of the file. Numbers are int or float; an empty field is None.

    Raises
    ------
    LabelError
        If the file cannot be read or is not an events table.
    """
    shown = one_line(os.fspath(path))
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header, expected = next(rows, []), event_columns(())[:4]
            if tuple(header[:4]) != expected:
                raise LabelError(f"{shown}: not an events table: its first line must begin '{','.join(expected)}'")
            return [_parsed(f"{shown}, row {number}", header, row) for number, row in enumerate(rows, start=2)]
    except OSError as error:
        raise LabelError(f"{shown}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{shown}: not CSV in UTF-8: {error}") from error


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
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{column} is '{one_line(text)[:40]}', which is not a finite number")
    return number


def check_text(where: str, column: str, text: str) -> None:
    """Raise LabelError if a text from `read_columns` is not UTF-8: it would be another name than the one meant."""
    if not text.isascii() and any("\udc80" <= each <= "\udcff" for each in text):
        raise LabelError(f"{where}: {column} '{one_line(text)}' is not UTF-8: save the table as UTF-8 (CSV UTF-8)")


def read_columns(path: Path, check: Callable[[str, Sequence[str]], None]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place of each row (for messages) and its cells by column; rows without text are skipped.

    Parameters
    ----------
    path : Path
    check : callable
        Receives the file's name for messages and the names of its columns; raises `LabelError` if they are wrong.

    Raises
    ------
    LabelError
        If the file cannot be read, or a row has more fields than the header.
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
            for row in reader:
                cells = [cell.strip() for cell in row]
                where = f"{shown}, row {reader.line_num}"
                if len(cells) > len(columns) and any(cells):
                    raise LabelError(f"{where}: {len(cells)} fields, but the header names {len(columns)} columns")
                if any(cells):
                    yield where, dict.fromkeys(columns, "") | dict(zip(columns, cells, strict=False))
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LabelError(f"{shown}: cannot be read as CSV: {reason}") from None
