"""Labels that are names of folders: `LABELLED/cavitation/*.wav`, `LABELLED/snapping/...`, `LABELLED/other/...`.

Clips lie in any depth. Each holds one sound of its class: its strongest onset. Hidden files and folders are passed
over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from popclass.audio.paths import AUDIO_SUFFIXES
from popclass.errors import LabelError
from popclass.labels.records import LabelledRecording, Labels, Note, some
from popclass.labels.validation import check_class_name
from popclass.utils.text import one_line


def read_class_folders(folder: Path) -> Labels:
    """Read a folder per class.

    Raises
    ------
    LabelError
        If fewer than two folders hold audio, or a folder's name cannot be a class.
    """
    shown = one_line(str(folder))
    recordings: list[LabelledRecording] = []
    warnings: list[str] = []
    for inner in inner_folders(folder):
        clips = sorted(path for path in files_in(inner) if is_audio(path))
        if not clips:
            warnings.append(Note("a folder without audio is no class", one_line(str(inner))))
            continue
        check_class_name(inner.name, where=shown)
        recordings += [LabelledRecording(clip, clip.relative_to(folder).as_posix(), whole=inner.name) for clip in clips]
    classes = sorted({name for recording in recordings for name in recording.classes})
    if len(classes) < 2:
        found = f"only '{classes[0]}'" if classes else "none with audio"
        raise LabelError(
            f"{shown}: expected a folder per class, at least two, or a labels.csv, or recordings with label tracks "
            f"beside them (REC.txt for REC.wav); of class folders there is {found}"
        )
    if loose := [path.name for path in listed(folder) if path.is_file() and is_audio(path)]:
        warnings.append(Note("recordings outside the folders of the classes are left out", some(loose)))
    return Labels(tuple(recordings), tuple(warnings))


def inner_folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted, without hidden ones."""
    return [path for path in listed(folder) if path.is_dir() and not path.name.startswith(".")]


def listed(folder: Path) -> list[Path]:
    """What is in a folder, sorted.

    Raises
    ------
    LabelError
        If it cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise LabelError(f"{one_line(str(folder))}: cannot be read: {error.strerror}") from None


def files_in(folder: Path) -> Iterator[Path]:
    """All files in a folder and the folders below it, without hidden ones.

    Raises
    ------
    LabelError
        If one of the folders cannot be read.
    """
    for place, inner, files in os.walk(folder, onerror=_unreadable):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from (Path(place) / name for name in files if not name.startswith("."))


def _unreadable(error: OSError) -> None:
    raise LabelError(f"{one_line(str(error.filename))}: cannot be read: {error.strerror}") from None


def is_audio(path: Path) -> bool:
    """Whether a file's name ends like that of a recording."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
