"""Tables of labels of a project: read as the commands read them, changed without losing what they hold besides.

A table may name recordings that are not there any more, and have columns that popclass does not read. Both stay.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from popclass.errors import UsageError
from popclass.formats.csv_io import csv_line
from popclass.formats.read_csv import read_columns
from popclass.formats.text import number
from popclass.labels.matching import match
from popclass.labels.read import read_labels
from popclass.labels.records import UNSURE, LabelledRecording, LabelRow, Labels, read_name
from popclass.labels.table import COLUMNS, READ_COLUMNS, spelling
from popclass.labels.write import table_rows
from popclass.metadata import Metadata
from popclass.results import Event
from popclass.utils.files import Stamp, existing, write_bytes, write_synced
from popclass.utils.text import one_line, visible

_Row = dict[str, str]
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
        self._read: tuple[Stamp, Labels, _Rows] | None = None

    def read(self) -> Labels:
        """Return the labels of recordings that are there; raises LabelError if the table cannot be used."""
        if self._read is None or self._read[0] != Stamp.of(self._path) or self._moved():
            stamp = Stamp.of(self._path)
            self._read = stamp, read_present(without_missing(self._path)[0]), _Rows.of(self._path)
        return self._read[1]

    def missing(self) -> list[str]:
        """Return the recordings that the table names, but that are not there."""
        labels = self.read()
        assert self._read is not None
        return sorted({row["file"] for rows in self._read[2].missing(labels).values() for row in rows})

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
            before, _, rows = self._read
            found = changed(labels)
            kept = replace(found, recordings=tuple(each for each in found.recordings if _holds(each)))
            if kept.recordings == labels.recordings:
                return
            rows = rows.changed(labels, kept)
            written = write_synced(self._path, rows.text(), before=before)
        self._read = written, kept, rows

    def _moved(self) -> bool:
        """Return True if a recording is gone, or back."""
        if self._read is None:
            return True
        _, labels, rows = self._read
        back = any(map(os.path.isfile, rows.missing(labels)))
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
    given = {row.start_s: row for row in rows}
    kept = [row for row in recording.rows if round(row.start_s, 6) not in given]
    # an interval verified to hold nothing has no label, and stays
    kept += [row for row in given.values() if row.label or row in recording.rows]
    return replace(recording, rows=tuple(sorted(kept)))


def with_metadata(recording: LabelledRecording, stated: Metadata, before: Metadata) -> LabelledRecording:
    """Return a recording with the metadata of a manifest.

    Parameters
    ----------
    recording : LabelledRecording
    stated : Metadata
        What it leaves open stays as it is in the recording, unless it is from the manifest.
    before : Metadata
        What the manifest had stated when the recording got it last.

    Examples
    --------
    >>> labelled = LabelledRecording(Path("a.wav"), "a.wav", subject="P1", site="hip")
    >>> found = with_metadata(labelled, Metadata(side="left"), Metadata(subject="P1"))
    >>> found.subject, found.site, found.side
    (None, 'hip', 'left')
    """
    found: dict[str, Any] = {}
    for name in ("subject", "site", "side", "recorded_at"):
        own, new, old = (getattr(each, name) for each in (recording, stated, before))
        found[name] = new if new is not None or own == old else own
    extra = {name: text for name, text in recording.extra.items() if before.extra.get(name) != text}
    extra |= {name: text for name, text in stated.extra.items() if text}
    return replace(recording, **found, extra=extra)


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


class _Rows(NamedTuple):
    """Rows of a table as they are in the file: `Labels` does not hold all of their cells."""

    folder: Path
    by_path: dict[Path, list[_Row]]

    @classmethod
    def of(cls, path: Path) -> _Rows:
        """Return the rows of a table, which need not exist."""
        folder, by_path = path.parent, dict[Path, list[_Row]]()
        name_of = cache(partial(spelling, folder))  # looks at the disk
        for _, row in read_columns(path, lambda *_: None) if path.exists() else ():
            by_path.setdefault(folder / name_of(_file(row)), []).append(row)
        return cls(folder, by_path)

    def missing(self, labels: Labels) -> dict[Path, list[_Row]]:
        """Return the rows of recordings that are not there, given the labels of all others."""
        known = {each.path for each in labels.recordings}
        return {path: rows for path, rows in self.by_path.items() if path not in known}

    def changed(self, before: Labels, labels: Labels) -> _Rows:
        """Return the rows for other labels: those of a recording whose labels stay the same stay as they are."""
        old = {each.path: each for each in before.recordings}
        found: dict[Path, list[_Row]] = {}
        for each in labels.recordings:
            known, rows = old.get(each.path), self.by_path.get(each.path, [])
            if each != known:
                header, *lines = table_rows(replace(labels, recordings=(each,)), self.folder)
                unread = _unread_cells(rows, {} if known is None else known.extra)
                new = [{str(name): text or "" for name, text in zip(header, line, strict=True)} for line in lines]
                rows = [{**row, **unread.get(_interval(row), unread.get(_interval(row)[0], {}))} for row in new]
            found[each.path] = rows
        return _Rows(self.folder, found | self.missing(before))

    def text(self) -> str:
        rows = list(chain.from_iterable(self.by_path.values()))
        columns = list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
        return "".join([csv_line(columns), *(csv_line([row.get(name) or None for name in columns]) for row in rows)])


def _unread_cells(rows: Iterable[_Row], read: Collection[str]) -> dict[object, _Row]:
    """Return the cells of rows that `Labels` does not hold, by interval and by start.

    They are in unknown columns, and in those of the user's own that are not `read`, since they differ in a recording.
    """
    found: dict[object, _Row] = {}
    for row in rows:
        cells = {name: each for name, each in row.items() if name not in READ_COLUMNS and visible(name) not in read}
        found[_interval(row)] = found[_interval(row)[0]] = {name: each for name, each in cells.items() if each}
    return found


def _interval(row: _Row) -> tuple[float | None, float | None, str]:
    start, end = (number(row.get(name, "")) for name in ("start_s", "end_s"))
    start = None if start is None else round(start, 6)
    return start, start if end is None else round(end, 6), read_name(row.get("label", ""))


def _holds(recording: LabelledRecording) -> bool:
    return bool(recording.rows) or recording.whole is not None or recording.verified
