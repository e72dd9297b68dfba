"""CSV tables that users write, such as labels and manifests: encodings, delimiters, and the cells by column."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any
from unicodedata import normalize

from popclass.errors import LabelError
from popclass.formats.text import encoding_of
from popclass.schema import EXTRA, is_extra
from popclass.utils.text import one_line

EMPTY_CELLS = ("nan", "NaN", "None", "none", "null", "NULL", "<NA>", "#N/A")
DELIMITERS = (",", ";", "\t")  # a spreadsheet writes ";" where the comma is the decimal sign, tabs in Unicode text
WORKBOOK = "is an Excel workbook; save it as CSV UTF-8 (.csv)"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # of today, and before 2007


@contextmanager
def open_csv(path: str | os.PathLike[str], delimiters: Sequence[str] = ",", errors: str = "strict") -> Iterator[Any]:
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
    with open_csv(path, DELIMITERS, errors="surrogateescape") as reader:
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
