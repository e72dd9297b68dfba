"""Labels in a CSV: columns `file,start_s,label` and, where known, `end_s,subject,site,recorded_at`.

Other columns are ignored, with a warning. Paths are relative to the CSV. A row without times labels a whole clip, as a
folder of its class would. A row without an end is a point, and so is every row where there is no column of ends. A row
without a label marks an interval that contains nothing but `other`; without times either, it covers the whole
recording.

The tables of a folder are `labels.csv` and the downloads of reports, one for each page (`hip.labels.csv`). They are
read as one, but each recording may be in only one of them. A second download of one page, to which browsers give a
number in its name, is an error: popclass cannot know which of the two is valid.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np

from popclass.errors import LabelError, UsageError
from popclass.formats.csv_io import check_text, read_columns
from popclass.formats.text import number, shortened
from popclass.labels.records import LabelledRecording, LabelRow, Labels, Note, read_name
from popclass.labels.validation import validated
from popclass.utils.checks import as_array, check_path
from popclass.utils.duration import parse_moment
from popclass.utils.files import existing
from popclass.utils.text import abbreviated, counted, one_line

TABLE, TABLE_END = "labels.csv", ".labels.csv"
# Names that Chromium, Firefox and Safari give to a second download. `labels-2.csv` may be a name written by hand, so
# for labels.csv only the form with brackets counts.
_SECOND_DOWNLOAD = re.compile(
    r"(?P<name>labels) ?\(\d+\)\.csv|(?P<page>.+\.labels)( ?\(\d+\)|[- ]\d+)\.csv", re.IGNORECASE
)
NEEDED = ("file", "start_s", "label")
COLUMNS = ("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")
_SYNONYMS = {
    **dict.fromkeys(("participant", "person", "patient", "people", "speaker", "id", "subject_id"), "subject"),
    **dict.fromkeys(("start", "onset", "onset_s", "begin", "begin_s", "time", "time_s"), "start_s"),
    **dict.fromkeys(("end", "stop", "stop_s", "offset", "offset_s"), "end_s"),
    **dict.fromkeys(("class", "annotation", "name", "type"), "label"),
    **dict.fromkeys(("filename", "file_name", "path", "recording"), "file"),
    **dict.fromkeys(("joint", "location", "region"), "site"),
    **dict.fromkeys(("date", "datetime", "recorded", "timestamp"), "recorded_at"),
}
_SIMILARITY = 0.75  # difflib's ratio from which a column may be a misspelling of another

Rows = list[tuple[str, dict[str, str]]]
"""Place of each row in its file, and its cells by column."""


def read_tables(paths: Sequence[Path]) -> Labels:
    """Read CSVs of labels that lie in one folder, each of recordings of its own.

    Raises
    ------
    LabelError
        With file, row and reason, if a row is invalid, a recording is missing, or is in two of them.
    """
    unread: list[Note] = []
    tables: dict[str, Path] = {}
    recordings: list[LabelledRecording] = []
    for path in paths:
        shown, rows_by_file = one_line(str(path)), _read_rows(path, unread)
        for name in rows_by_file:
            if (other := tables.setdefault(name, path)) != path:
                both = f"{one_line(name)} is also labelled in {one_line(other.name)}"
                raise LabelError(f"{shown}: {both}; keep its rows in one of them")
        found = [_recording(path.parent, name, rows) for name, rows in rows_by_file.items()]
        # os.path accepts any name, such as one with a zero byte
        if missing := sorted(one_line(each.name) for each in found if not os.path.isfile(each.path)):
            raise LabelError(f"{shown}: {abbreviated(missing)} not found; paths are relative to the CSV")
        recordings += found
    return validated(sorted(recordings, key=lambda recording: recording.name), paths, unread)


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
        name = cells["file"] if sources is not None else _spelling(folder, cells["file"])
        rows_by_file.setdefault(name, []).append((where, cells))
    if not rows_by_file:
        raise LabelError("labels: no rows; give a row for each labelled sound")
    found = [_recording(folder, name, rows) for name, rows in rows_by_file.items()]
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
        return {"path": Path(check_path(given, f"the recording {one_line(name)}"))}
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
    unread += _check_columns("labels", list(names))
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


def tables_in(files: Iterable[Path]) -> list[Path]:
    """Return the tables of labels among the files of a folder; raise LabelError if one was downloaded twice."""
    found = [path for path in files if path.name.lower().endswith(".csv") and path.is_file()]
    for path in found:
        if (second := _SECOND_DOWNLOAD.fullmatch(path.name)) is not None:
            name, shown = one_line(f"{second['name'] or second['page']}.csv"), one_line(str(path))
            raise LabelError(f"{shown}: a second download of {name}, by its name; keep only the valid one, as {name}")
    return [path for path in found if path.name.lower() == TABLE or path.name.lower().endswith(TABLE_END)]


def _read_rows(path: Path, unread: list[Note]) -> dict[str, Rows]:
    """Return the rows of a table by file."""
    rows_by_file: dict[str, Rows] = {}
    for where, cells in read_columns(path, lambda shown, columns: unread.extend(_check_columns(shown, columns))):
        if not cells["file"]:
            raise LabelError(f"{where}: no file is named")
        check_text(where, "subject", cells.get("subject", ""))
        rows_by_file.setdefault(_spelling(path.parent, cells["file"]), []).append((where, cells))
    if not rows_by_file:
        raise LabelError(f"{one_line(str(path))}: no rows; give a row for each labelled sound")
    return rows_by_file


def _spelling(folder: Path, name: str) -> str:
    """Return one name for all spellings of a path: relative to the folder of the table, and as the disk has it."""
    try:
        return Path(os.path.relpath(existing(Path(os.path.abspath(folder / name))), folder)).as_posix()
    except ValueError:  # a null byte, or another drive
        return Path(name).as_posix()


def _check_columns(shown: str, columns: Sequence[str]) -> list[Note]:
    """Return warnings of ignored columns; raise LabelError if a needed column or one of times is missing."""
    meant = {name: meant_column(name, columns, COLUMNS) for name in columns if name and name not in COLUMNS}
    for needed in (*NEEDED, "end_s"):
        instead = next((name for name, column in meant.items() if column == needed), None)
        if needed in columns or (needed == "end_s" and instead is None):
            continue
        found = one_line(", ".join(columns))[:80] or "nothing"
        hint = "" if instead is None else f"; did you mean it by '{one_line(instead)}'? Rename it {needed}"
        raise LabelError(f"{shown}: column {needed} is missing; needed are {', '.join(NEEDED)}, found: {found}{hint}")
    hints = {name: "" if column is None else f"; did you mean {column}?" for name, column in meant.items()}
    return [Note("a column is ignored", f"'{shortened(name, 40)}' in {shown}{hint}") for name, hint in hints.items()]


def meant_column(name: str, columns: Sequence[str], allowed: Sequence[str]) -> str | None:
    """Return the column of those allowed, but not in the table, that the name of another may stand for.

    Examples
    --------
    >>> meant_column("participant", ["file", "participant"], COLUMNS)
    'subject'
    """
    free = [column for column in allowed if column not in columns]
    if _SYNONYMS.get(name) in free:
        return _SYNONYMS[name]
    return next(iter(get_close_matches(name, free, n=1, cutoff=_SIMILARITY)), None)


def _recording(folder: Path, name: str, rows: Rows) -> LabelledRecording:
    first = rows[0][0]
    labelled, whole = list[LabelRow](), set[str]()
    for where, cells in rows:
        start, end = _seconds(where, cells, "start_s"), _seconds(where, cells, "end_s")
        if start is None and end is None:
            whole.add(read_name(cells["label"]))
            continue
        if start is None:
            raise LabelError(f"{where}: an end without a start; give start_s in seconds")
        end = start if end is None else end
        if end < start:
            raise LabelError(f"{where}: ends at {end:g} s, before it starts at {start:g} s")
        labelled.append(LabelRow(start, end, read_name(cells["label"]), where))
    clip = whole - {""}
    if len(clip) > 1 or (clip and (labelled or "" in whole)):
        raise LabelError(f"{first}: '{one_line(name)}' is labelled as a whole and has other labels, too; give times")
    return LabelledRecording(
        path=folder / name,
        name=name,
        rows=tuple(sorted(labelled)),
        whole=next(iter(clip), None),
        verified="" in whole,
        subject=_common(rows, "subject"),
        site=_common(rows, "site"),
        recorded_at=_start_time(rows),
        where=first,
    )


def _seconds(where: str, cells: dict[str, str], column: str) -> float | None:
    text = cells.get(column, "")
    if not text:
        return None
    value = number(text)
    if value is None or value < 0:
        raise LabelError(f"{where}: {column} is '{one_line(text)}'; give seconds from the start of the recording")
    return value


def _common(rows: Rows, column: str) -> str | None:
    """Return the value of a column, which must be the same in all rows of a recording that have one."""
    first = next((cells[column] for _, cells in rows if cells.get(column)), None)
    for where, cells in rows:
        value = cells.get(column)
        if value and first and value != first:
            raise LabelError(f"{where}: {column} '{one_line(value)}' contradicts '{one_line(first)}' of the same file")
    return first


def _start_time(rows: Rows) -> datetime | None:
    text = _common(rows, "recorded_at") or ""
    try:
        return parse_moment(text, "recorded_at") if text else None
    except UsageError as error:
        raise LabelError(f"{rows[0][0]}: {error}") from None
