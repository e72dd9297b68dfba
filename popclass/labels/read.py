"""Reading labels of any of the supported kinds.

- A CSV, or a folder with a `labels.csv` or with labels downloaded from reports: `table`.
- A folder of recordings with label tracks beside them, a single such recording, or a track: `sidecar`.
- Any other folder: a folder per class, `LABELLED/cavitation/*.wav`, `LABELLED/snapping/...`, `LABELLED/other/...`.

`unsure`, in any case, is a label in all of them, but not a class.

Tracks inside folders named like popclass's own classes may mean either kind, and are an error. Only label files are
opened here; `matching` assigns labels to events.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from popclass.audio.decode import holds_audio
from popclass.errors import LabelError, UsageError
from popclass.formats.read_csv import WORKBOOK, read_columns
from popclass.labels.records import UNSURE, LabelledRecording, Labels, Note, read_name
from popclass.labels.sidecar import (
    Sidecars,
    find_sidecars,
    is_audio,
    list_files,
    read_folder,
    read_one_recording,
    read_one_track,
)
from popclass.labels.table import TABLE, read_tables, tables_in
from popclass.labels.validation import STANDARD, check_class_names
from popclass.schema import UNCERTAIN
from popclass.utils.checks import check_path
from popclass.utils.text import abbreviated, counted, one_line

SPLITS = frozenset(
    (
        *("train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval", "holdout"),
        *("fold", "split", "set", "part", "data", "dataset"),
    )
)
"""Words in names of folders that divide data (`train`, `test_set`, `fold1`); below them lie folders of classes."""

CLIPS = "clips.csv"
"""Index that `popclass clips` writes beside class folders."""
_OWN_TABLES = ("events.csv", "recordings.csv", CLIPS)
_WORKBOOKS = (".xlsx", ".xlsm", ".xls")
_OTHER_LABELS = (".csv", ".tsv", *_WORKBOOKS, ".ods", ".textgrid", ".eaf", ".svl", ".boris")


def read_labels(source: str | os.PathLike[str]) -> Labels:
    r"""Read labels from a folder per class, a CSV, or recordings with label tracks beside them.

    Parameters
    ----------
    source : path
        A folder of any of the three kinds, a `.csv`, a recording that has a track, or a track (`.txt`).

    Returns
    -------
    Labels
        With warnings of ignored files, overlaps and duplicates, and the number of sounds labelled `unsure`.

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
    if isinstance(source, Mapping):
        raise UsageError("labelled recordings in memory need their labels: give a table as labels=")
    return note_unsure(_read(Path(check_path(source, "labelled recordings"))))


def note_unsure(labels: Labels) -> Labels:
    """Return labels with a note on those that are left out as `unsure`."""
    counts = {one_line(each.name): each.unsure for each in labels.recordings if each.unsure}
    if not counts:
        return labels
    brief = f"{counted(sum(counts.values()), 'sound')} labelled '{UNSURE}' left out"
    note = Note(brief, abbreviated([f"{name} {count}" for name, count in counts.items()]))
    return replace(labels, warnings=(*labels.warnings, note))


def _read(path: Path) -> Labels:
    suffix = path.suffix.lower()
    if path.is_dir():
        return _read_directory(path)
    if not path.exists():
        raise LabelError(f"{one_line(str(path))}: no such folder or label file")
    if suffix == ".csv":
        return read_tables([path])
    if is_audio(path):
        return read_one_recording(path)
    if suffix == ".txt":
        return read_one_track(path)
    if suffix in _WORKBOOKS:
        raise LabelError(f"{one_line(str(path))}: {WORKBOOK}")
    raise LabelError(f"{one_line(str(path))}: expected a folder, a .csv, a label track (.txt), or a recording with one")


def _read_directory(folder: Path) -> Labels:
    files = list_files(folder)
    sidecars = find_sidecars(files)
    if tables := tables_in(path for path in files if path.parent == folder):
        labels = read_tables(tables)
        known = {recording.path for recording in labels.recordings}
        if unnamed := [path.relative_to(folder).as_posix() for path in sidecars.recordings if path not in known]:
            brief = f"{counted(len(unnamed), 'recording')} that no table of labels names ignored"
            labels = replace(labels, warnings=(*labels.warnings, Note(brief, abbreviated(unnamed))))
        tracked = sorted({owner for owners in sidecars.tracks.values() for owner in owners})
        if not tracked:
            return labels
        read = abbreviated([table.name for table in tables])
        brief = f"labels were read from {read}; the label tracks beside recordings are ignored"
        ignored = Note(brief, abbreviated([path.relative_to(folder).as_posix() for path in tracked]))
        return replace(labels, warnings=(ignored, *labels.warnings))
    if not sidecars.tracks:
        return _with_unread(folder, files, sidecars, _read_class_folders(folder))
    with_audio = {path.relative_to(folder).parts[0] for path in sidecars.recordings if path.parent != folder}
    if both := sorted(with_audio & set(STANDARD)):
        track = min(sidecars.tracks).relative_to(folder).as_posix()
        found = f"folders named like classes ({abbreviated(both)}) and label tracks ({one_line(track)})"
        shown = one_line(str(folder))
        raise LabelError(f"{shown}: labelled twice: {found}; move or rename one of them, or write a {TABLE}")
    return _with_unread(folder, files, sidecars, read_folder(folder, sidecars))


def _with_unread(folder: Path, files: list[Path], sidecars: Sidecars, labels: Labels) -> Labels:
    """Add warnings of files and folders that are not read, but may hold labels or recordings."""
    others = [path for path in files if not is_audio(path) and path not in sidecars.tracks]
    tops = {folder / recording.name.split("/")[0] for recording in labels.recordings}  # a linked class folder is read
    linked = sorted(path for path in folder.rglob("*") if path.is_symlink() and path.is_dir() and path not in tops)
    unread = {
        f"{counted(len(sidecars.strays), 'label track')} without a recording ignored": sidecars.strays,
        f"files that may hold labels are ignored; read are {TABLE} in the folder itself, and REC.txt beside REC.wav": [
            path for path in others if path.suffix.lower() in _OTHER_LABELS and path.name not in _OWN_TABLES
        ],
        "files that hold sound are ignored, since their names do not end like those of recordings": [
            path for path in others if path.is_file() and holds_audio(path)
        ],
        "links to folders are not followed": linked,
    }
    found = {brief: [path.relative_to(folder).as_posix() for path in paths] for brief, paths in unread.items() if paths}
    return replace(labels, warnings=(*labels.warnings, *(Note(brief, abbreviated(found[brief])) for brief in found)))


def _read_class_folders(folder: Path) -> Labels:
    """Read a folder for each class, with clips at any depth that hold one sound of the class: the strongest onset."""
    shown = one_line(str(folder))
    recordings: list[LabelledRecording] = []
    warnings: list[str] = []
    sources = _read_sources(folder / CLIPS)
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        clips = [path for path in list_files(inner) if is_audio(path)]
        if not clips:
            warnings.append(Note("a folder without audio is ignored", one_line(str(inner))))
            continue
        if inner.name == UNCERTAIN:  # popclass clips writes it
            warnings.append(
                Note("clips without a class are ignored; move them into class folders", one_line(str(inner)))
            )
            continue
        _check_class_folder(folder, inner, clips)
        label = read_name(inner.name)
        for clip in clips:
            subject, source = sources.get(clip.name, (None, None))
            name = clip.relative_to(folder).as_posix()
            recordings.append(LabelledRecording(clip, name, whole=label, subject=subject, source=source))
    classes = sorted({name for recording in recordings for name in recording.classes})
    if len(classes) < 2:
        found = f"only '{classes[0]}'" if classes else "none with audio"
        wanted = "a folder per class, at least two, or a labels.csv, or label tracks (REC.txt beside REC.wav)"
        raise LabelError(f"{shown}: expected {wanted}; class folders found: {found}")
    inner_names = {(top, below) for top, below, *clip in (each.name.split("/") for each in recordings) if clip}
    shared = [name for name, count in Counter(name for _, name in inner_names).items() if count > 1]
    if shared and not set(classes) & set(STANDARD):
        brief = f"folders of the same names lie in several class folders; if these are the classes, write a {TABLE}"
        warnings.append(Note(brief, abbreviated(sorted(shared))))
    if loose := [path.name for path in list_files(folder, below=False) if is_audio(path)]:
        warnings.append(Note("recordings outside the class folders are ignored", abbreviated(loose)))
    return Labels(tuple(recordings), tuple(warnings))


def _read_sources(index: Path) -> dict[str, tuple[str | None, str | None]]:
    """Return subject and recording of each clip by the name of its file; empty without an index of popclass."""
    found: dict[str, tuple[str | None, str | None]] = {}
    with suppress(LabelError):  # a table of the user's own, with other columns
        for _, row in read_columns(index, lambda *_: None):
            found[PurePosixPath(row.get("file", "")).name] = row.get("subject") or None, row.get("recording") or None
    return found


def _check_class_folder(folder: Path, inner: Path, clips: list[Path]) -> None:
    """Raise LabelError if a folder cannot be a class: by its name, or since the classes lie one level below."""
    below = sorted({clip.relative_to(inner).parts[0] for clip in clips if clip.parent != inner})
    shown = one_line(str(folder))
    words = set(re.findall("[a-z]+", inner.name.casefold()))
    if {name.casefold() for name in below} & set(STANDARD) or (below and words and words <= SPLITS):
        found = f"'{one_line(inner.name)}' holds folders ({abbreviated(below)}), which seem to be the classes"
        wanted = f"give {one_line(str(inner))} itself, or list the recordings in a {TABLE} with their subjects"
        raise LabelError(f"{shown}: {found}; {wanted}")
    try:
        check_class_names({read_name(inner.name): (1, shown)})
    except LabelError as error:
        raise LabelError(f"{error}; folders in {shown} are read as classes") from None
    if tables := [path for path in list_files(inner) if path.name.lower().endswith(TABLE)]:
        found = f"by folders of classes, and in {one_line(tables[0].relative_to(folder).as_posix())}"
        raise LabelError(f"{shown}: labelled twice: {found}; move its rows into a {TABLE} in the folder itself")
