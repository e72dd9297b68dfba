"""Tables that people write: CSV with a head of named columns, read row by row with where each row is.

Label tables (`popclass.labels`) and batch manifests (`popclass.batch.manifest`) are such tables; which columns
they need is their own affair.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from popclass.errors import LabelError
from popclass.formats.text import one_line


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
