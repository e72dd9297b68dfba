"""Reading labels of any of the supported kinds.

- A CSV, or a folder with a `labels.csv` or with labels downloaded from reports: `table`.
- A folder of recordings with label tracks beside them, a single such recording, or a track: `sidecar`.
- Any other folder: a folder per class, `folders`.

Tracks inside folders named like popclass's own classes may mean either kind, and are an error. Only label files are
opened here; `matching` assigns labels to events.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from popclass.errors import LabelError
from popclass.labels.folders import is_audio, read_class_folders, subfolders, walk_files
from popclass.labels.records import Labels, Note, abbreviated
from popclass.labels.sidecar import (
    Sidecars,
    find_sidecars,
    read_folder,
    read_one_recording,
    read_one_track,
    tracks_of,
)
from popclass.labels.table import TABLE, read_tables, tables_in
from popclass.labels.validation import STANDARD
from popclass.utils.text import one_line


def read_labels(source: str | os.PathLike[str]) -> Labels:
    r"""Read labels from a folder per class, a CSV, or recordings with label tracks beside them.

    Parameters
    ----------
    source : path
        A folder of any of the three kinds, a `.csv`, a recording that has a track, or a track (`.txt`).

    Returns
    -------
    Labels
        With warnings of ignored files, overlaps and duplicates.

    Raises
    ------
    LabelError
        If there are no labels, or one of them is invalid.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "hip.wav").touch()
    ...     _ = Path(folder, "hip.txt").write_text("1.5\t1.5\tcavitation 0.93\n")
    ...     read_labels(folder).recordings[0].rows
    (LabelRow(start_s=1.5, end_s=1.5, label='cavitation'),)
    """
    path = Path(source)
    shown = one_line(str(path))
    if path.is_dir():
        return _read_directory(path)
    if not path.exists():
        raise LabelError(f"{shown}: no such folder or label file")
    if path.suffix.lower() == ".csv":
        return read_tables([path])
    if is_audio(path):
        return read_one_recording(path)
    if path.suffix.lower() == ".txt":
        return read_one_track(path)
    raise LabelError(
        f"{shown}: labels are read from a folder, a .csv file, a recording with a label track beside it, or that track "
        "(.txt)"
    )


def label_files(source: str | os.PathLike[str]) -> list[Path]:
    """Return the files that `read_labels` reads, sorted; none for a folder per class.

    Parameters
    ----------
    source : path
        As for `read_labels`, which must have accepted it.

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
        return tables_in(path) or sorted(find_sidecars(walk_files(path)).tracks)
    return tracks_of(path) if is_audio(path) else [path]


def _read_directory(folder: Path) -> Labels:
    tables = tables_in(folder)
    sidecars = find_sidecars(walk_files(folder))
    if tables:
        labels = read_tables(tables)
        if not sidecars.tracked:
            return labels
        names = abbreviated([path.relative_to(folder).as_posix() for path in sidecars.tracked])
        read = abbreviated([table.name for table in tables])
        brief = f"labels were read from {read}; the label tracks beside recordings are ignored"
        return replace(labels, warnings=(Note(brief, names), *labels.warnings))
    if not sidecars.tracks:
        return read_class_folders(folder)
    _refuse_both(folder, sidecars)
    return read_folder(folder, sidecars)


def _refuse_both(folder: Path, sidecars: Sidecars) -> None:
    with_audio = {path.relative_to(folder).parts[0] for path in sidecars.recordings if path.parent != folder}
    both = [inner.name for inner in subfolders(folder) if inner.name in set(STANDARD) & with_audio]
    if both:
        track = min(sidecars.tracks).relative_to(folder).as_posix()
        raise LabelError(
            f"{one_line(str(folder))}: labelled twice: folders named like classes ({abbreviated(both)}) and label "
            f"tracks ({one_line(track)}); move one of them elsewhere, rename the folders, or write a {TABLE}"
        )
