"""Labels in a table in memory, with recordings as files or arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np

from popclass.errors import LabelError, UsageError
from popclass.formats.read_csv import check_text
from popclass.labels.records import Labels, Note
from popclass.labels.table import COLUMNS, Rows, check_columns, recording_of, spelling
from popclass.labels.validation import validated
from popclass.utils.checks import as_array, check_path
from popclass.utils.text import abbreviated, counted, one_line


def read_records(recordings: Any, table: Any) -> Labels:
    """Read a table in memory with the columns of a CSV of labels.

    Parameters
    ----------
    recordings : mapping of str to path or (ndarray, int), or path
        Recordings by the names in the column `file`, as a path or samples with their rate; or the folder to which the
        names are relative.
    table : DataFrame or sequence of mapping
        A table of pandas, polars or pyarrow, or a record for each row. Missing values, None and NaN are empty cells.

    Raises
    ------
    LabelError
        With row (counted from 1) and reason, if a row is invalid or a recording is missing.
    UsageError
        If an argument has another type.
    """
    if isinstance(recordings, Mapping):
        sources = {_name(name): _source(name, given) for name, given in recordings.items()}
        folder = Path()
    else:
        sources, folder = None, Path(check_path(recordings, "labelled recordings"))
    unread: list[Note] = []
    rows_by_file: dict[str, Rows] = {}
    for where, cells in _cells(table, unread):
        if not cells["file"]:
            raise LabelError(f"{where}: no file is named")
        check_text(where, "subject", cells.get("subject", ""))
        name = cells["file"] if sources is not None else spelling(folder, cells["file"])
        rows_by_file.setdefault(name, []).append((where, cells))
    if not rows_by_file:
        raise LabelError("labels: no rows; give a row for each labelled sound")
    found = [recording_of(folder, name, rows, unread) for name, rows in rows_by_file.items()]
    if sources is not None:
        if missing := sorted(one_line(name) for name in rows_by_file if name not in sources):
            raise LabelError(f"labels: {abbreviated(missing)} not among the recordings given")
        found = [replace(each, **sources[each.name]) for each in found]
        if unnamed := sorted(set(sources) - set(rows_by_file)):
            brief = f"{counted(len(unnamed), 'recording')} that no table of labels names ignored"
            unread.append(Note(brief, abbreviated(unnamed)))
    absent = [each for each in found if each.samples is None and not os.path.isfile(each.path)]
    if absent:
        raise LabelError(f"labels: {abbreviated(sorted(str(each.path) for each in absent))} not found; check the paths")
    return validated(sorted(found, key=lambda recording: recording.name), (), unread)


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise UsageError(f"{one_line(repr(name))[:60]} cannot name a recording; names are texts")
    return name


def _source(name: str, given: Any) -> dict[str, Any]:
    """Return the fields of `LabelledRecording` that a recording given in memory or by its path sets."""
    if not isinstance(given, tuple):
        if isinstance(given, str | os.PathLike):
            return {"path": Path(check_path(given, f"the recording {one_line(name)}"))}
        given = ()
    if len(given) != 2 or np.ndim(given[1]):
        raise UsageError(f"the recording {one_line(name)} is not a path or a pair of samples and sample rate")
    array = as_array(given[0], f"the samples of {one_line(name)}")
    if isinstance(given[0], list | tuple):
        array = array.astype(np.float64)
    return {"path": Path(name), "samples": (array, given[1])}


def _cells(table: Any, unread: list[Note]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place of each row of a table in memory and its cells by column, as `read_columns` does for a file."""
    columns = [str(name) for name in getattr(table, "columns", ())] if hasattr(table, "to_dict") else []
    for method, arguments in (("to_dicts", ()), ("to_pylist", ()), ("to_dict", ("records",))):
        if callable(getattr(table, method, None)):
            table = getattr(table, method)(*arguments)
            break
    if isinstance(table, str | Mapping) or not isinstance(table, Sequence):
        raise UsageError(f"labels cannot be of type {type(table).__name__}; give a DataFrame or a list of records")
    for index, row in enumerate(table, start=1):
        if not isinstance(row, Mapping):
            raise UsageError(f"labels, row {index}: not a record; give a mapping of {', '.join(COLUMNS)} to values")
    given = [*columns, *(str(name) for row in table for name in row)]
    names = dict.fromkeys(name.strip().lower() for name in given)
    unread += check_columns("labels", list(names))
    for index, row in enumerate(table, start=1):
        cells = {str(name).strip().lower(): normalize("NFC", _as_text(value)) for name, value in row.items()}
        if any(cells.values()):
            yield f"labels, row {index}", dict.fromkeys(names, "") | cells


def _as_text(value: Any) -> str:
    """Return a value as the text that a CSV would have; empty if it is missing."""
    if value is None or (not isinstance(value, str) and str(value) in ("nan", "<NA>", "NaT")):
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():  # whole numbers beside missing values
        return str(int(value))
    return str(value).strip()
