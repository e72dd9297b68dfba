"""Which of the ways to label a source uses, and reading it that way.

- A folder with a `labels.csv` or with labels that reports have downloaded, or a CSV: `table`.
- A folder in which recordings have label tracks beside them, a single such recording, or a track: `tracks`.
- Any other folder: a folder per class, `folders`.

Tracks inside folders called like popclass's own classes may mean either; that is refused instead of guessed. Nothing
but label files is opened here; which event of a recording a label means is decided in `matching`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from popclass.errors import LabelError
from popclass.labels.folders import files_in, inner_folders, is_audio, read_class_folders
from popclass.labels.records import Labels, Note, some
from popclass.labels.sidecar import Beside, read_one_recording, read_one_track, read_tracks, tracks_of
from popclass.labels.table import TABLE, read_table, read_tables, tables_in
from popclass.results import CAVITATION, OTHER, SNAPPING
from popclass.utils.text import one_line


def read_labels(source: str | os.PathLike[str]) -> Labels:
    """Read labels from a folder per class, a CSV, or recordings with label tracks beside them.

    Parameters
    ----------
    source : path
        A folder of any of the three kinds, a `.csv`, a recording that has a track, or a track (`.txt`).

    Returns
    -------
    Labels
        With warnings of what was left out (recordings without a track) and what is odd (overlaps, duplicates).

    Raises
    ------
    LabelError
        If there are none, or one of them cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "take.wav").touch()
    ...     _ = Path(folder, "take.txt").write_text("1.5\\t1.5\\tcavitation 0.93\\n")
    ...     read_labels(folder).recordings[0].rows
    (LabelRow(start_s=1.5, end_s=1.5, label='cavitation'),)
    """
    path = Path(source)
    shown = one_line(str(path))
    if path.is_dir():
        return _read_folder(path)
    if not path.exists():
        raise LabelError(f"{shown}: no such folder or label file")
    if path.suffix.lower() == ".csv":
        return read_table(path)
    if is_audio(path):
        return read_one_recording(path)
    if path.suffix.lower() == ".txt":
        return read_one_track(path)
    raise LabelError(
        f"{shown}: labels are read from a folder, a .csv file, a recording with a label track beside it, or that track "
        "(.txt)"
    )


def label_files(source: str | os.PathLike[str]) -> list[Path]:
    """The files that `read_labels` reads of a source; none where a folder per class is the label.

    Parameters
    ----------
    source : path
        As `read_labels` takes it, and has read without complaint.

    Returns
    -------
    list of Path
        Sorted.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "labels.csv").touch()
    ...     [path.name for path in label_files(folder)]
    ['labels.csv']
    """
    path = Path(source)
    if path.is_dir():
        return tables_in(path) or sorted(Beside.of(files_in(path)).tracks)
    return sorted(tracks_of(path)) if is_audio(path) else [path]


def _read_folder(folder: Path) -> Labels:
    tables = tables_in(folder)
    beside = Beside.of(files_in(folder))
    if tables:
        labels = read_tables(tables)
        if not beside.tracked:
            return labels
        names = some([path.relative_to(folder).as_posix() for path in sorted(beside.tracked)])
        read = f"{some([table.name for table in tables])} {'is' if len(tables) == 1 else 'are'} read"
        told = Note(f"{read}; the label tracks beside recordings are not", names)
        return replace(labels, warnings=(told, *labels.warnings))
    if not beside.tracks:
        return read_class_folders(folder)
    _refuse_both(folder, beside)
    return read_tracks(folder, beside)


def _refuse_both(folder: Path, beside: Beside) -> None:
    classes = {CAVITATION, SNAPPING, OTHER}
    audio = {path.relative_to(folder).parts[0] for path in beside.recordings if path.parent != folder}
    both = [inner.name for inner in inner_folders(folder) if inner.name in classes & audio]
    if both:
        track = min(beside.tracks).relative_to(folder).as_posix()
        raise LabelError(
            f"{one_line(str(folder))}: labelled in two ways: folders named like classes ({some(both)}) and label "
            f"tracks ({one_line(track)}); move one of them elsewhere, rename the folders, or write a {TABLE}"
        )
