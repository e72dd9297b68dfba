"""Labels given by folder names: `LABELLED/cavitation/*.wav`, `LABELLED/snapping/...`, `LABELLED/other/...`.

Clips may lie in any depth. Each holds one sound of its class: its strongest onset. Hidden files and folders are
skipped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from popclass.audio.paths import AUDIO_SUFFIXES
from popclass.errors import LabelError
from popclass.labels.records import LabelledRecording, Labels, Note, abbreviated
from popclass.labels.validation import check_class_name
from popclass.utils.text import one_line


def read_class_folders(folder: Path) -> Labels:
    """Read a folder per class.

    Raises
    ------
    LabelError
        If fewer than two folders contain audio, or a folder's name cannot be a class.
    """
    shown = one_line(str(folder))
    recordings: list[LabelledRecording] = []
    warnings: list[str] = []
    for inner in subfolders(folder):
        clips = sorted(path for path in walk_files(inner) if is_audio(path))
        if not clips:
            warnings.append(Note("a folder without audio is ignored", one_line(str(inner))))
            continue
        check_class_name(inner.name, where=shown)
        recordings += [LabelledRecording(clip, clip.relative_to(folder).as_posix(), whole=inner.name) for clip in clips]
    classes = sorted({name for recording in recordings for name in recording.classes})
    if len(classes) < 2:
        found = f"only '{classes[0]}'" if classes else "none with audio"
        raise LabelError(
            f"{shown}: expected a folder per class, at least two, or a labels.csv, or recordings with label tracks "
            f"beside them (REC.txt for REC.wav); class folders found: {found}"
        )
    if loose := [path.name for path in list_folder(folder) if path.is_file() and is_audio(path)]:
        warnings.append(Note("recordings outside the class folders are ignored", abbreviated(loose)))
    return Labels(tuple(recordings), tuple(warnings))


def subfolders(folder: Path) -> list[Path]:
    """Return the folders directly in a folder, sorted, without hidden ones."""
    return [path for path in list_folder(folder) if path.is_dir() and not path.name.startswith(".")]


def list_folder(folder: Path) -> list[Path]:
    """Return the contents of a folder, sorted; raise LabelError if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        _raise_unreadable(error)


def walk_files(folder: Path) -> Iterator[Path]:
    """Yield all files in a folder and below it, without hidden ones; raise LabelError if a folder cannot be read."""
    for place, inner, files in os.walk(folder, onerror=_raise_unreadable):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from (Path(place) / name for name in files if not name.startswith("."))


def is_audio(path: Path) -> bool:
    """Return whether a file has the suffix of a recording and is not hidden."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def _raise_unreadable(error: OSError) -> NoReturn:
    raise LabelError(f"{one_line(str(error.filename))}: cannot be read: {error.strerror}") from None
