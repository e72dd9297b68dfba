"""Labels in a CSV: columns `file,start_s,label` and, where known, `end_s,subject,site,recorded_at`.

Other columns are not read, and named in a warning. Paths are relative to the CSV. A row without times labels a whole
clip, as a folder of its class would; a row without an end is a point, and so is every row where there is no column of
ends; a row without a label says that nothing but `other` is heard there, and if it has no times either, nowhere in the
recording.

The tables of a folder are `labels.csv` and what reports have downloaded, one for each page (`hip.labels.csv`). They are
read as one, except that a recording belongs to one of them: which of two opinions holds is not for a program to say.
Nor is which of two downloads of one page does, and a browser gives the second a number in its name that no table has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from popclass.errors import LabelError
from popclass.formats.csv_io import check_text, read_columns
from popclass.formats.text import number
from popclass.labels.folders import listed
from popclass.labels.records import LabelledRecording, LabelRow, Labels, Note, in_order, some
from popclass.labels.validation import Names, checked
from popclass.utils.text import one_line

TABLE, TABLE_END = "labels.csv", ".labels.csv"
# as Chromium, Firefox and Safari name what is there already; where labels may well have a number of their own, only
# the form that nobody writes by hand
_AGAIN = re.compile(r"(?P<name>labels) ?\(\d+\)\.csv|(?P<page>.+\.labels)( ?\(\d+\)|[- ]\d+)\.csv", re.IGNORECASE)
NEEDED = ("file", "start_s", "label")
COLUMNS = ("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")
_MEANT = {
    **dict.fromkeys(("participant", "person", "patient", "people", "speaker", "id", "subject_id"), "subject"),
    **dict.fromkeys(("start", "onset", "onset_s", "begin", "begin_s", "time", "time_s"), "start_s"),
    **dict.fromkeys(("end", "stop", "stop_s", "offset", "offset_s"), "end_s"),
    **dict.fromkeys(("class", "annotation", "name", "type"), "label"),
    **dict.fromkeys(("filename", "file_name", "path", "recording"), "file"),
    **dict.fromkeys(("joint", "location", "region"), "site"),
    **dict.fromkeys(("date", "datetime", "recorded", "timestamp"), "recorded_at"),
}
_LIKE = 0.75  # of the ratio of difflib, from which a column's name is taken for a misspelt one


def read_table(path: Path) -> Labels:
    """Read a CSV of labels. Raises as `read_tables`."""
    return read_tables([path])


def read_tables(paths: Sequence[Path]) -> Labels:
    """Read several CSVs of labels that lie in one folder, each about recordings of its own.

    Raises
    ------
    LabelError
        With file, row and reason, if a row cannot be used, a recording is missing, or is in two of them.
    """
    names, unread = Names(), list[Note]()
    owners: dict[str, Path] = {}
    recordings: list[LabelledRecording] = []
    for path in paths:
        grouped = _rows_of(path, names, unread)
        for name in grouped:
            if (other := owners.setdefault(os.path.normpath(name), path)) != path:
                raise LabelError(
                    f"{one_line(str(path))}: {one_line(name)} is labelled in {one_line(other.name)}, too; "
                    "keep its rows in one of them"
                )
        found = [_recording(path.parent, name, rows) for name, rows in grouped.items()]
        # os.path takes any name, such as one with a zero byte
        if missing := sorted(one_line(each.name) for each in found if not os.path.isfile(each.path)):
            raise LabelError(f"{one_line(str(path))}: {some(missing)} not found; paths are relative to the CSV")
        recordings += found
    names.check()
    return checked(sorted(recordings, key=lambda recording: recording.name), unread)


def tables_in(folder: Path) -> list[Path]:
    """The tables of labels in a folder, sorted: `labels.csv` and those that reports have downloaded.

    Raises
    ------
    LabelError
        If one was downloaded twice, so that it is not known which holds.
    """
    found = [path for path in listed(folder) if path.is_file() and path.name.lower().endswith(".csv")]
    for path in found:
        if (again := _AGAIN.fullmatch(path.name)) is not None:
            name = one_line(f"{again['name'] or again['page']}.csv")
            raise LabelError(
                f"{one_line(str(path))}: a second download of {name}, by its name; keep the one that holds as {name}, "
                "and move the other elsewhere"
            )
    return [path for path in found if path.name == TABLE or path.name.endswith(TABLE_END)]


def _rows_of(path: Path, names: Names, unread: list[Note]) -> dict[str, list[tuple[str, dict[str, str]]]]:
    """Where each row of a table is, and its cells, by recording."""
    grouped: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for where, cells in read_columns(path, lambda shown, columns: unread.extend(_check_columns(shown, columns))):
        if not cells["file"]:
            raise LabelError(f"{where}: no file is named")
        check_text(where, "subject", cells.get("subject", ""))
        if cells["label"]:
            names.take(cells["label"], where)
        grouped.setdefault(Path(cells["file"]).as_posix(), []).append((where, cells))
    if not grouped:
        raise LabelError(f"{one_line(str(path))}: no rows; give a row for each labelled sound")
    return grouped


def _check_columns(shown: str, columns: Sequence[str]) -> list[Note]:
    """Warnings of the columns that are not read; a needed or misspelt column of times is an error."""
    meant = {name: _meant(name, columns) for name in columns if name and name not in COLUMNS}
    for needed in (*NEEDED, "end_s"):
        instead = next((name for name, column in meant.items() if column == needed), None)
        if needed in columns or (needed == "end_s" and instead is None):
            continue
        found = one_line(", ".join(columns))[:80] or "nothing"
        hint = "" if instead is None else f"; did you mean '{one_line(instead)}' by it? Call it {needed}"
        raise LabelError(f"{shown}: column {needed} is missing; needed are {', '.join(NEEDED)}, found: {found}{hint}")
    return [_unread(shown, name, column) for name, column in meant.items()]


def _unread(shown: str, name: str, meant: str | None) -> Note:
    hint = "" if meant is None else f"; did you mean {meant}?"
    return Note("a column is not read", f"'{one_line(name)[:40]}' in {shown}{hint}")


def _meant(name: str, columns: Sequence[str]) -> str | None:
    """The column that is not there and that this one may be meant for."""
    free = [column for column in COLUMNS if column not in columns]
    if _MEANT.get(name) in free:
        return _MEANT[name]
    return next(iter(get_close_matches(name, free, n=1, cutoff=_LIKE)), None)


def _recording(folder: Path, name: str, rows: Sequence[tuple[str, dict[str, str]]]) -> LabelledRecording:
    labelled: list[LabelRow] = []
    whole: list[str] = []
    for where, cells in rows:
        label = cells["label"]
        start, end = _seconds(where, cells, "start_s"), _seconds(where, cells, "end_s")
        if start is None and end is None:
            whole.append(label)
            continue
        if start is None:
            raise LabelError(f"{where}: an end without a start; give start_s in seconds")
        end = start if end is None else end
        if end < start:
            raise LabelError(f"{where}: ends at {end:g} s, before it starts at {start:g} s")
        labelled.append(LabelRow(start, end, label, where))
    clip = sorted({label for label in whole if label})
    if len(clip) > 1 or (clip and (labelled or "" in whole)):
        raise LabelError(f"{rows[0][0]}: '{one_line(name)}' is labelled as a whole and otherwise, too; give times")
    return LabelledRecording(
        path=folder / name,
        name=name,
        rows=in_order(labelled),
        whole=clip[0] if clip else None,
        verified="" in whole,
        subject=_common(rows, "subject"),
        site=_common(rows, "site"),
        recorded_at=_time(rows),
        where=rows[0][0],
    )


def _seconds(where: str, cells: dict[str, str], column: str) -> float | None:
    text = cells.get(column, "")
    if not text:
        return None
    value = number(text)
    if value is None or value < 0:
        raise LabelError(f"{where}: {column} is '{one_line(text)}'; give seconds from the start of the recording")
    return value


def _common(rows: Sequence[tuple[str, dict[str, str]]], column: str) -> str | None:
    """What the rows of one recording say in a column, which must not contradict each other."""
    found: str | None = None
    for where, cells in rows:
        value = cells.get(column, "")
        if value and found is not None and value != found:
            raise LabelError(f"{where}: {column} '{one_line(value)}' contradicts '{one_line(found)}' of the same file")
        found = value if value else found
    return found


def _time(rows: Sequence[tuple[str, dict[str, str]]]) -> datetime | None:
    text = _common(rows, "recorded_at")
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        example = "2026-11-22T10:15:00+01:00"
        raise LabelError(f"{rows[0][0]}: recorded_at '{one_line(text)}'; write it like {example}") from None
