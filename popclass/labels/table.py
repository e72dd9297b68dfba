"""Labels in a CSV: columns `file,start_s,label` and, where known, `end_s,subject,site,recorded_at,side`.

Columns of the user's own begin with `x_` and are kept as they are, where all rows of a recording agree. Other columns
are ignored, with a warning. Paths are relative to the CSV. A row without times labels a whole clip, as a
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
from collections.abc import Iterable, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from popclass.errors import LabelError, UsageError
from popclass.formats.csv_io import is_result
from popclass.formats.read_csv import EMPTY_CELLS, check_text, encoding_fault, read_columns
from popclass.formats.text import number, shortened
from popclass.labels.records import LabelledRecording, LabelRow, Labels, Note, read_name
from popclass.labels.validation import validated
from popclass.metadata import check_side
from popclass.schema import is_extra
from popclass.utils.duration import parse_moment
from popclass.utils.files import existing
from popclass.utils.text import abbreviated, one_line, visible

TABLE, TABLE_END = "labels.csv", ".labels.csv"
# Names that Chromium, Firefox and Safari give to a second download. `labels-2.csv` may be a name written by hand, so
# for labels.csv only the form with brackets counts.
_SECOND_DOWNLOAD = re.compile(
    r"(?P<name>labels) ?\(\d+\)\.csv|(?P<page>.+\.labels)( ?\(\d+\)|[- ]\d+)\.csv", re.IGNORECASE
)
NEEDED = ("file", "start_s", "label")
COLUMNS = ("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")
READ_COLUMNS = (*COLUMNS, "side")
_SYNONYMS = {
    **dict.fromkeys(("participant", "person", "patient", "people", "speaker", "id", "subject_id"), "subject"),
    **dict.fromkeys(("start", "onset", "onset_s", "begin", "begin_s", "time", "time_s"), "start_s"),
    **dict.fromkeys(("end", "stop", "stop_s", "offset", "offset_s"), "end_s"),
    **dict.fromkeys(("class", "annotation", "name", "type"), "label"),
    **dict.fromkeys(("filename", "file_name", "path", "recording"), "file"),
    **dict.fromkeys(("joint", "location", "region"), "site"),
    **dict.fromkeys(("date", "datetime", "recorded", "timestamp"), "recorded_at"),
    **dict.fromkeys(("laterality", "body_side"), "side"),
}
_SIMILARITY = 0.75  # difflib's ratio from which a column may be a misspelling of another
_TO_LABEL = "save labels from a report (popclass classify --report), or correct a label track (--format audacity)"

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
        found = [recording_of(path.parent, name, rows, unread) for name, rows in rows_by_file.items()]
        # os.path accepts any name, such as one with a zero byte
        if missing := sorted((each.name for each in found if not os.path.isfile(each.path)), key=one_line):
            fault = next(filter(None, (encoding_fault("file", name) for name in missing)), None)
            raise LabelError(f"{shown}: {fault or f'{abbreviated(missing)} not found; paths are relative to the CSV'}")
        recordings += found
    return validated(sorted(recordings, key=lambda recording: recording.name), paths, unread)


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
    spellings: dict[str, str] = {}
    for where, cells in read_columns(path, lambda shown, columns: unread.extend(check_columns(shown, columns))):
        if not cells["file"]:
            raise LabelError(f"{where}: no file is named")
        check_text(where, "subject", cells.get("subject", ""))
        name = cells["file"]
        if name not in spellings:  # each looks at the disk
            spellings[name] = spelling(path.parent, name)
        rows_by_file.setdefault(spellings[name], []).append((where, cells))
    if not rows_by_file:
        raise LabelError(f"{one_line(str(path))}: no rows; give a row for each labelled sound")
    return rows_by_file


def spelling(folder: Path, name: str) -> str:
    """Return one name for all spellings of a path: relative to the folder of the table, and as the disk has it."""
    try:
        return Path(os.path.relpath(existing(Path(os.path.abspath(folder / name))), folder)).as_posix()
    except ValueError:  # a null byte, or another drive
        return Path(name).as_posix()


def check_columns(shown: str, columns: Sequence[str]) -> list[Note]:
    """Return warnings of ignored columns; raise LabelError if a needed column or one of times is missing."""
    if is_result(columns):
        raise LabelError(f"{shown}: these are results of popclass, not labels; {_TO_LABEL}")
    ignored = [name for name in columns if name and name not in READ_COLUMNS and not is_extra(name)]
    meant = {name: meant_column(name, columns, READ_COLUMNS) for name in ignored}
    for needed in (*NEEDED, "end_s"):
        instead = next((name for name, column in meant.items() if column == needed), None)
        if needed in columns or (needed == "end_s" and instead is None):
            continue
        wanted = f"needed are {', '.join(NEEDED)}"
        raise LabelError(f"{shown}: {missing_column(needed, columns, wanted, instead)}")
    hints = {name: "" if column is None else f"; did you mean {column}?" for name, column in meant.items()}
    return [Note("a column is ignored", f"'{shortened(name, 40)}' in {shown}{hint}") for name, hint in hints.items()]


def missing_column(needed: str, columns: Sequence[str], wanted: str, instead: str | None) -> str:
    """Return the message for a column that a table lacks, given what it should have and a column that may stand for it.

    Examples
    --------
    >>> missing_column("file", ["recording", "label"], "needed is file", "recording")
    "column file is missing; needed is file, found: recording, label; did you mean it by 'recording'? Rename it file"
    """
    found = one_line(", ".join(columns))[:80] or "nothing"
    hint = "" if instead is None else f"; did you mean it by '{one_line(instead)}'? Rename it {needed}"
    return f"column {needed} is missing; {wanted}, found: {found}{hint}"


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


def recording_of(folder: Path, name: str, rows: Rows, unread: list[Note]) -> LabelledRecording:
    """Return a recording with the labels of its rows; raise LabelError if they are invalid."""
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
        side=_side(rows),
        extra=_extra(name, rows, unread),
        where=first,
    )


def _side(rows: Rows) -> str | None:
    try:
        return check_side(_common(rows, "side"))
    except UsageError as error:
        raise LabelError(f"{rows[0][0]}: {error}") from None


def _extra(name: str, rows: Rows, unread: list[Note]) -> dict[str, str]:
    """Return the user's own columns of a recording; those that differ from row to row are left out with a note."""
    found = {}
    for column in filter(is_extra, rows[0][1]):
        values = {cells[column] for _, cells in rows} - {"", *EMPTY_CELLS}
        if len(values) > 1:
            brief = f"'{shortened(column, 40)}' has several values in a recording and is ignored there"
            unread.append(Note(brief, one_line(name)))
        elif values:
            found[visible(column)] = visible(values.pop())
    return found


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
