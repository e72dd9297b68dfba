"""A project: a folder of plain files, which the commands read and write too.

    recordings/        audio, found as `popclass batch` finds it
    recordings.csv     its manifest: who, where, when
    labels.csv         labels, as `popclass train` reads them; labels-NAME.csv are those of another observer
    results/           what `popclass batch` writes
    models/            models trained here
    evaluation/        what `popclass evaluate` writes
    takes/             what is recorded or sent, until it is complete; the lock of the app
    app.json           the model in use
    .cache/            may be deleted at any time

A table is read again before each change, if its file has changed, and written whole to disk before the change counts.
So what another program or an editor wrote is kept, and what is saved survives a crash of the computer.

Labels follow the manifest: before they are saved or used, they get what it states of their recordings. What it leaves
open, and recordings that it does not name, stay as the table of labels has them.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import Any

from popclass.app.labels import LabelTable, with_metadata, with_rows
from popclass.app.manifest import Described, Manifest, cells_of
from popclass.app.models import Models
from popclass.app.names import NAME, check_name, recording_parts
from popclass.batch.files import find_recordings
from popclass.batch.manifest import Places
from popclass.errors import LabelError, OutputError, UsageError
from popclass.formats.csv_io import plain_path
from popclass.labels.records import LabelledRecording, LabelRow, Labels
from popclass.labels.table import TABLE
from popclass.labels.validation import check_class_names
from popclass.utils.files import lock, system_errors
from popclass.utils.text import one_line

RECORDINGS, RESULTS, MODELS, EVALUATION = "recordings", "results", "models", "evaluation"  # folders
TAKES, CACHE = "takes", ".cache"
MANIFEST, SETTINGS = "recordings.csv", "app.json"  # files
MOST_RECORDINGS = 10_000
LONGEST_LABEL = 60  # characters
PART_S = 60  # what another program writes at this moment is younger
LATEST_S = 1e7  # of a label: longer than any recording

Row = tuple[str, float, float, str]  # recording, start and end in seconds, label
_Stated = Mapping[str, Described]
_NO_ROWS: Mapping[Path, Sequence[LabelRow]] = MappingProxyType({})


class Project:
    """A folder of recordings, labels, results and models.

    Parameters
    ----------
    folder : path
        Made if it does not exist.

    Attributes
    ----------
    models : popclass.app.models.Models

    Raises
    ------
    OutputError
        If it cannot be made, is a file, or is open in another `popclass app`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Project(folder) as project:
    ...     sorted(os.listdir(folder)), project.recordings(), project.observers()
    (['.cache', 'models', 'recordings', 'takes'], (), [''])
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).absolute()
        self.recordings_dir, self.manifest_path = self.folder / RECORDINGS, self.folder / MANIFEST
        self.results_dir, self.models_dir = self.folder / RESULTS, self.folder / MODELS
        self.takes_dir, self.cache_dir = self.folder / TAKES, self.folder / CACHE
        self.evaluation_dir, self.models = self.folder / EVALUATION, Models(self.models_dir, self.folder / SETTINGS)
        with system_errors(self.folder):
            for place in (self.recordings_dir, self.models_dir, self.takes_dir, self.cache_dir):
                place.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()  # requests come from several threads
        self._tables: dict[str, LabelTable] = {}  # by observer
        self._followed: dict[str, _Stated] = {}  # what the manifest stated when labels got it last
        self._manifest = Manifest(self.manifest_path, self.recordings_dir)
        with system_errors(self.folder):
            self._file = (self.takes_dir / ".lock").open("ab")
        if not lock(self._file):
            self._file.close()
            shown = one_line(os.fspath(self.folder))
            raise OutputError(f"{shown} is open in another popclass app: use its window, or end it first")
        for part in self.folder.glob(".popclass-*.part"):  # of an app that was killed while it wrote
            with suppress(OSError):
                if abs(time.time() - part.stat().st_mtime) > PART_S:
                    part.unlink()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    # --- recordings

    def recordings(self) -> tuple[str, ...]:
        """Return the recordings, relative to their folder with `/`, sorted."""
        try:
            found = find_recordings(self.recordings_dir, exclude=self.results_dir)[0]
        except UsageError:  # none yet
            return ()
        folders = {name.rpartition("/")[0] for name in found}
        inside = {folder for folder in folders if self._inside(self.recordings_dir / folder)}
        return tuple(name for name in found if name.rpartition("/")[0] in inside and self._own(name))

    def _own(self, name: str) -> bool:
        path = self.recordings_dir / name
        return not path.is_symlink() or self._inside(path)

    def _inside(self, path: Path) -> bool:
        """Return True if a path stays in the folder of recordings, links followed."""
        return path.resolve().is_relative_to(self.recordings_dir.resolve())

    def path(self, recording: str) -> Path:
        """Return the path of a recording of the project; anything else raises UsageError."""
        path = self.recordings_dir / recording
        with suppress(OSError, ValueError):  # a name too long, a null byte, what no file name can hold
            if recording and ".." not in path.parts and self._inside(path) and path.is_file():
                return path
        raise UsageError(f"'{one_line(recording)[:80]}' is no recording of this project")

    def new_path(self, name: str) -> Path:
        """Return the path for a new recording, which another recording may have; nothing is made.

        Parameters
        ----------
        name : str
            A file name, or a path below the folder of recordings with `/`.

        Raises
        ------
        UsageError
            If the name cannot be used, or the project holds as many recordings as it may.
        """
        parts, shown = recording_parts(name), f"'{one_line(name)[:80]}'"
        if len(self.recordings()) >= MOST_RECORDINGS:
            raise UsageError(f"a project holds at most {MOST_RECORDINGS} recordings; begin another one")
        path = self.recordings_dir.joinpath(*parts)
        with system_errors(path.parent):
            if not self._inside(path.parent):
                raise UsageError(f"{shown} lies in a linked folder outside of the project")
            there = next(each for each in path.parents if os.path.lexists(each))
            if not there.is_dir():
                raise UsageError(f"{shown} lies in a folder, but '{one_line(there.name)}' is a file; rename the folder")
        return path

    def free_path(self, name: str) -> Path:
        """Return the path of a new recording, with a number if there is one of that name, and make its folder.

        Raises as `new_path`, and OutputError if the folder cannot be made.
        """
        wanted = path = self.new_path(name)
        with system_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        number = 2
        while os.path.lexists(path):
            path = path.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
            number += 1
        return path

    def name_of(self, path: Path) -> str:
        """Return the name of a recording in tables."""
        return plain_path(path.relative_to(self.recordings_dir).as_posix())

    # --- metadata

    def described(self, recordings: Sequence[str]) -> dict[str, Described]:
        """Return metadata and symptoms of recordings; raises LabelError if the manifest cannot be used."""
        with self._lock:
            return self._manifest.read(recordings)

    def describe(self, recordings: Iterable[str], changes: Mapping[str, Any]) -> None:
        """Change the metadata of recordings in the manifest and the tables of labels; other rows and columns stay.

        Parameters
        ----------
        recordings : iterable of str
        changes : mapping
            As for `popclass.app.manifest.cells_of`.

        Raises
        ------
        UsageError
            If a recording, or a value, is not allowed.
        LabelError
            If the manifest, or labels of an observer, cannot be used; nothing is changed then.
        OutputError
            If they cannot be written.
        """
        cells = cells_of(changes)
        changed = list(recordings)
        for name in changed:
            self.path(name)
        with self._lock:
            self.follow_manifest()
            self._manifest.change(changed, cells, self.recordings())
            self.follow_manifest()

    def follow_manifest(self) -> None:
        """Bring the labels of all observers in line with the manifest; raises LabelError if either cannot be used."""
        self._change_labels(self.observers())

    # --- labels

    def observers(self) -> list[str]:
        """Return the observers that have labels: the first one has no name."""
        found = (path.stem.partition("-")[2] for path in self.folder.glob("labels-*.csv"))
        return ["", *sorted(name for name in found if NAME.fullmatch(name))]

    def labels_path(self, observer: str = "") -> Path:
        """Return the table of an observer's labels, which need not exist."""
        return self.folder / (f"labels-{check_name(observer, 'an observer')}.csv" if observer else TABLE)

    def described_labels(self, observer: str = "") -> Path:
        """Return the table of an observer's labels, once they are in line with the manifest; it need not exist.

        Raises LabelError if either cannot be used.
        """
        self._change_labels([observer])
        return self.labels_path(observer)

    def labels(self, observer: str = "") -> Labels:
        """Return the labels of an observer; raises LabelError if they cannot be used."""
        with self._lock:
            return self._table(observer).read()

    def missing(self, observer: str = "") -> list[str]:
        """Return the recordings that the labels of an observer name, but that are not there; their rows are kept."""
        with self._lock:
            return self._table(observer).missing()

    def _table(self, observer: str) -> LabelTable:
        return self._tables.setdefault(observer, LabelTable(self.labels_path(observer)))

    def label(self, rows: Sequence[Row], observer: str = "") -> None:
        """Save labels of sounds; they are on disk when this returns.

        Parameters
        ----------
        rows : sequence of (recording, start, end, label)
            Times in seconds. A label replaces that of the same start; an empty one removes it.
        observer : str

        Raises
        ------
        UsageError
            If a recording, a time or a label is not allowed.
        LabelError
            If the table on disk cannot be used.
        OutputError
            If the table cannot be written; the labels are as before then.
        """
        try:
            check_class_names({label: (1, f"the label of {one_line(name)}") for name, *_, label in rows if label})
        except LabelError as error:
            raise UsageError(str(error)) from None
        if any(len(label) > LONGEST_LABEL for *_, label in rows):
            raise UsageError(f"a label has at most {LONGEST_LABEL} characters")
        by_recording: dict[Path, list[LabelRow]] = {}
        for name, start, end, label in rows:
            row = LabelRow(round(float(start), 6), round(float(end), 6), label)
            if not 0 <= row.start_s <= row.end_s < LATEST_S:
                raise UsageError(f"{one_line(name)}: {start} to {end} s is no interval of a recording")
            by_recording.setdefault(self.path(name), []).append(row)
        self._change_labels([observer], by_recording)

    def _change_labels(self, observers: Iterable[str], rows: Mapping[Path, Sequence[LabelRow]] = _NO_ROWS) -> None:
        """Bring labels in line with the manifest, since training holds out by its subjects, and add those of sounds."""
        with self._lock:
            names = self.recordings()
            places, stated = Places(self.recordings_dir, names), self.described(names)
            for observer in observers:
                before = self._followed.get(observer, {})
                self._table(observer).change(partial(self._changed, rows, places, stated, before))
                self._followed[observer] = stated

    def _changed(
        self, rows: Mapping[Path, Sequence[LabelRow]], places: Places, stated: _Stated, before: _Stated, labels: Labels
    ) -> Labels:
        """Return labels with further rows, and with what the manifest states, given what it had stated before."""
        found = {each.path: each for each in labels.recordings}
        known = {places.find(path)[0]: path for path in reversed(found)}
        for path, new in rows.items():
            own = known.setdefault(places.find(path)[0], path)
            found[own] = with_rows(found.get(own) or LabelledRecording(path, self.name_of(path)), new)
        for path in found:
            name = places.find(path)[1]
            if name is not None and name in stated:
                now, old = stated[name].metadata, before.get(name, Described()).metadata
                found[path] = with_metadata(found[path], now, old)
        return replace(labels, recordings=tuple(found.values()))

    def label_counts(self, observer: str = "") -> dict[str, int]:
        """Return the number of labels of each kind, `unsure` included."""
        return dict(Counter(row.label for each in self.labels(observer).recordings for row in each.rows if row.label))
