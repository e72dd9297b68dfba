"""Labels in a CSV: columns `file,start_s,end_s,label` and, where known, `subject,site,recorded_at`.

Further columns are ignored. Paths are relative to the CSV. A row without times labels a whole clip, as a folder of its
class would; a row without an end is a point; a row without a label says that nothing but `other` is heard there, and if
it has no times either, nowhere in the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from popclass.errors import LabelError
from popclass.formats.columns import read_columns
from popclass.formats.text import number, one_line
from popclass.labels.checks import checked
from popclass.labels.names import Names
from popclass.labels.records import LabelledRecording, LabelRow, Labels, in_order, some

TABLE = "labels.csv"
NEEDED = ("file", "start_s", "end_s", "label")
COLUMNS = (*NEEDED, "subject", "site", "recorded_at")


def read_table(path: Path) -> Labels:
    """Read a CSV of labels.

    Raises
    ------
    LabelError
        With file, row and reason, if a row cannot be used or a recording is missing.
    """
    grouped: dict[str, list[tuple[str, dict[str, str]]]] = {}
    names = Names()
    for where, cells in read_columns(path, _check_columns):
        if not cells["file"]:
            raise LabelError(f"{where}: no file is named")
        if cells["label"]:
            names.take(cells["label"], where)
        grouped.setdefault(Path(cells["file"]).as_posix(), []).append((where, cells))
    if not grouped:
        raise LabelError(f"{one_line(str(path))}: no rows; give a row for each labelled sound")
    names.check()
    recordings = [_recording(path.parent, name, rows) for name, rows in sorted(grouped.items())]
    if missing := [one_line(r.name) for r in recordings if not r.path.is_file()]:
        raise LabelError(f"{one_line(str(path))}: {some(missing)} not found; paths are relative to the CSV")
    return checked(recordings)


def _check_columns(shown: str, columns: Sequence[str]) -> None:
    if missing := [name for name in NEEDED if name not in columns]:
        found = one_line(", ".join(columns))[:80] or "nothing"
        raise LabelError(f"{shown}: column {missing[0]} is missing; needed are {', '.join(NEEDED)}, found: {found}")


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
        labelled.append(LabelRow(start, end, label))
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
    )


def _seconds(where: str, cells: dict[str, str], column: str) -> float | None:
    text = cells[column]
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
