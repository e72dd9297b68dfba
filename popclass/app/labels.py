"""Tables of labels of a project: read as the commands read them, changed without losing what they hold besides.

A table may name recordings that are not there any more, and have columns that popclass does not read. Both stay.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from popclass.errors import UsageError
from popclass.formats.csv_io import csv_line, read_columns
from popclass.formats.text import number
from popclass.labels.matching import match
from popclass.labels.read import read_labels
from popclass.labels.records import UNSURE, LabelledRecording, LabelRow, Labels
from popclass.labels.table import READ_COLUMNS
from popclass.labels.write import table_rows
from popclass.results import Event
from popclass.schema import is_extra
from popclass.utils.files import Stamp, existing, write_bytes, write_synced
from popclass.utils.text import one_line

_UNSURE = f"{UNSURE} "  # no label read from a file ends in a blank


class LabelTable:
    """Labels of one observer, in a file that other programs may change.

    Parameters
    ----------
    path : Path
        It need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[Stamp, Labels, _Unread] | None = None

    def read(self) -> Labels:
        """Return the labels of recordings that are there; raises LabelError if the table cannot be used."""
        if self._read is None or self._read[0] != Stamp.of(self._path) or self._moved():
            stamp = Stamp.of(self._path)
            table, missing = without_missing(self._path)
            self._read = stamp, read_present(table), _Unread.of(self._path, missing)
        return self._read[1]

    def missing(self) -> list[str]:
        """Return the recordings that the table names, but that are not there."""
        self.read()
        return [] if self._read is None else self._read[2].missing()

    def change(self, changed: Callable[[Labels], Labels]) -> None:
        """Write other labels, and what the table holds besides; they are on disk when this returns.

        Recordings without a label are left out, and nothing is written if the labels stay the same.

        Parameters
        ----------
        changed : callable
            Returns the labels, given those of the table. It is called again if another program writes the table
            in the meantime.

        Raises
        ------
        LabelError
            If the table cannot be used.
        OutputError
            If it cannot be written; it is as before then.
        """
        written = None
        while written is None:
            labels = self.read()
            assert self._read is not None
            before, _, unread = self._read
            found = changed(labels)
            kept = replace(found, recordings=tuple(each for each in found.recordings if _holds(each)))
            if kept.recordings == labels.recordings:
                return
            text = unread.merged(table_rows(kept, self._path.parent))
            written = write_synced(self._path, text, before=before)
        self._read = written, kept, unread

    def _moved(self) -> bool:
        """Return True if a recording is gone, or back."""
        if self._read is None:
            return True
        _, labels, unread = self._read
        back = any(os.path.isfile(self._path.parent / name) for name in unread.missing())
        return back or any(not os.path.isfile(each.path) for each in labels.recordings)


def with_rows(recording: LabelledRecording, rows: Sequence[LabelRow]) -> LabelledRecording:
    """Return a recording with further labels, which replace those of the same start; empty ones remove them.

    Raises
    ------
    UsageError
        If the recording is labelled as a whole.
    """
    if recording.whole is not None:
        raise UsageError(f"{one_line(recording.name)} is labelled as a whole; remove this row to label its sounds")
    kept = {round(row.start_s, 6): row for row in recording.rows} | {row.start_s: row for row in rows}
    # an interval verified to hold nothing has no label, and stays
    return replace(recording, rows=tuple(sorted(row for row in kept.values() if row.label or row in recording.rows)))


def read_project_labels(path: Path) -> Labels:
    """Return the labels of a file like `labels.csv`; none if it does not exist or has no rows.

    Rows of recordings that are not there are left out.

    Raises
    ------
    LabelError
        If the labels cannot be used.
    """
    return read_present(without_missing(path)[0])


def read_present(table: Path) -> Labels:
    """Return the labels of a table whose files all exist; none if it does not exist or has no rows."""
    if not table.exists() or next(read_columns(table, lambda *_: None), None) is None:
        return Labels(())
    return read_labels(table)


def without_missing(table: Path) -> tuple[Path, list[dict[str, str]]]:
    """Return a table whose files all exist, and the rows of those that do not.

    The commands refuse a table that names a missing file. A project goes on with the others: without such rows this is
    the table itself, with them a hidden copy beside it. The table is not changed, so they count again when the file is
    back.

    Raises
    ------
    LabelError
        If the table cannot be read.
    OutputError
        If the copy cannot be written.
    """
    rows = [cells for _, cells in read_columns(table, lambda *_: None)] if table.exists() else []
    there = {name: not name or os.path.isfile(_existing(table.parent, name)) for name in {_file(row) for row in rows}}
    copy = present_copy(table)
    missing = [row for row in rows if not there[_file(row)]]
    if not missing:
        copy.unlink(missing_ok=True)
        return table, []
    kept = [list(row.values()) if there[_file(row)] else [] for row in rows]  # messages count the same rows
    write_bytes(copy, "".join(map(csv_line, [list(rows[0]), *kept])).encode("utf-8", "surrogateescape"))
    return copy, missing


def present_copy(table: Path) -> Path:
    """Return the copy of a table without the rows of missing files, where there is one."""
    return table.with_name(f".{table.name}")


def _file(row: Mapping[str, str]) -> str:
    return row.get("file", "")


def _existing(folder: Path, name: str) -> Path:
    return folder / name if "\0" in name else existing(folder / name)


def given_labels(events: Sequence[Event], labelled: LabelledRecording | None) -> list[str | None]:
    """Return the label that was given to each sound of a recording by hand, `unsure` included; None without one."""
    if labelled is None:
        return [None] * len(events)
    # `match` gives sounds labelled as unsure no label
    rows = tuple(replace(row, label=_UNSURE) if row.label == UNSURE else row for row in labelled.rows)
    named = replace(labelled, rows=rows, whole=_UNSURE if labelled.whole == UNSURE else labelled.whole)
    return [UNSURE if label == _UNSURE else label for label in match(events, named, partial=True).labels]


class _Unread(NamedTuple):
    """Parts of a table that `Labels` does not hold: rows of missing recordings, and columns that nobody reads."""

    folder: Path
    rows: list[dict[str, str]]
    cells: dict[tuple[str, float | None], dict[str, str]]

    @classmethod
    def of(cls, path: Path, missing: list[dict[str, str]]) -> _Unread:
        """Return it for a table, which need not exist, and its rows of missing recordings."""
        cells = {}
        for _, row in read_columns(path, lambda *_: None) if path.exists() else ():
            own = {name: text for name, text in row.items() if text and name not in READ_COLUMNS and not is_extra(name)}
            if own:
                cells[_key(path.parent, row)] = own
        return cls(path.parent, missing, cells)

    def missing(self) -> list[str]:
        return sorted({row["file"] for row in self.rows})

    def merged(self, lines: Iterable[Sequence[str | None]]) -> str:
        """Return a table, given its header and rows, with what is not read as well."""
        header, *others = lines
        names = [name or "" for name in header]
        rows: list[dict[str, str | None]] = [dict(zip(names, line, strict=True)) for line in others]
        if self.cells:
            rows = [{**row, **self.cells.get(_key(self.folder, row), {})} for row in rows]
        rows += [{name: text or None for name, text in row.items()} for row in self.rows]
        columns = list(dict.fromkeys([*names, *(name for row in rows for name in row)]))
        return "".join([csv_line(columns), *(csv_line([row.get(name) for name in columns]) for row in rows)])


def _key(folder: Path, row: Mapping[str, str | None]) -> tuple[str, float | None]:
    start = number(row.get("start_s") or "")
    return os.path.abspath(folder / (row["file"] or "")), None if start is None else round(start, 6)


def _holds(recording: LabelledRecording) -> bool:
    return bool(recording.rows) or recording.whole is not None or recording.verified
