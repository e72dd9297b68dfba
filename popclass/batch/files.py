"""Which files of a folder tree are recordings.

A file is taken for a recording by the ending of its name, in upper or lower case. Hidden files and folders (a leading
dot) are passed over, and so is the folder the results go to. Links to folders are followed, each folder is visited
once, and what lies in the tree itself keeps its name there. A folder that cannot be read is reported, not passed over,
and so is what has the name of a recording and is none: a pipe, a socket, a link that leads nowhere.

A path that begins like a formula (`=`, `+`, `-`, `@`, a tab or a line break) gets a leading `./`: it names the same
file, and a spreadsheet that opens the tables takes it for text.

Recordings with the very same bytes under several names: noticed, never dropped.

Hashing every file would take a good part of the time of hearing it. So whoever hears a recording also looks at a piece
of it, 4 KiB from its middle, and the journal keeps a checksum of that. Only files of one size with one such checksum
are read whole and compared by their SHA-256. Sounds of a file that is there twice count twice, on a timeline too; that
is worth a warning.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from popclass.audio.paths import AUDIO_SUFFIXES
from popclass.errors import UsageError
from popclass.utils.text import one_line

# What formulas of a spreadsheet begin with, the wide forms of East Asian keyboards too, and what is skipped before it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder tree holds.

    Attributes
    ----------
    recordings : tuple of str
        Paths relative to the folder with `/`, sorted.
    unreadable : dict of str to str
        Folders that could not be listed, and why.
    """

    recordings: tuple[str, ...]
    unreadable: dict[str, str]


def find_recordings(folder: Path, *, leave_out: Path) -> Found:
    """The recordings below a folder.

    Parameters
    ----------
    folder : Path
    leave_out : Path
        A folder inside it that holds results.

    Raises
    ------
    UsageError
        Where there is no such folder, or no recording in it.
    """
    shown = one_line(os.fspath(folder))
    if not folder.is_dir():
        what = "is a file; popclass classify reads single recordings" if folder.exists() else "no such folder"
        raise UsageError(f"{shown}: {what}")
    recordings: list[str] = []
    unreadable: dict[str, str] = {}
    for place, names in _folders(folder, os.path.realpath(leave_out), unreadable):
        below = Path(place).relative_to(folder).as_posix()
        recordings += [as_written(name if below == "." else f"{below}/{name}") for name in names]
    if not recordings and not unreadable:
        raise UsageError(
            f"{shown}: no recordings in this folder; looked for names that end in {' '.join(AUDIO_SUFFIXES)}"
        )
    return Found(tuple(sorted(recordings)), unreadable)


def as_written(path: str) -> str:
    """A relative path as tables have it.

    Examples
    --------
    >>> as_written("=1+1.wav"), as_written("knee/=1+1.wav")
    ('./=1+1.wav', 'knee/=1+1.wav')
    """
    return f"./{path}" if path.startswith(FORMULA_STARTS) else path


def _folders(folder: Path, leave_out: str, unreadable: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Each folder of the tree with the names of its recordings; links to folders come after all real ones."""
    seen = {leave_out} - {os.path.realpath(folder)}
    waiting, links = [os.fspath(folder)], list[str]()
    while waiting or links:
        place = waiting.pop() if waiting else links.pop(0)
        real = os.path.realpath(place)
        if real in seen:
            continue
        seen.add(real)
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            name = as_written(Path(place).relative_to(folder).as_posix())
            unreadable[name] = f"this folder cannot be read ({(error.strerror or 'unknown').lower()})"
            continue
        shown = [entry for entry in entries if not entry.name.startswith(".")]
        inner = [entry for entry in shown if _is_folder(entry)]
        waiting += [entry.path for entry in reversed(inner) if not entry.is_symlink()]
        links += [entry.path for entry in inner if entry.is_symlink()]
        yield place, [entry.name for entry in shown if _is_recording(entry)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_recording(entry: os.DirEntry[str]) -> bool:
    """Whatever has such a name and is no folder: a pipe, or a link that leads nowhere, fails instead of vanishing."""
    return entry.name.lower().endswith(AUDIO_SUFFIXES) and not _is_folder(entry)


PIECE_BYTES = 4096

Piece = tuple[int, int]


def piece_of(path: Path) -> Piece:
    """Size of a file and CRC-32 of 4 KiB from its middle; equal files have equal pieces, others hardly ever.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a").write_bytes(b"123456789")
    ...     piece_of(Path(folder) / "a")
    (9, 3421780262)
    """
    try:
        with open(path, "rb", buffering=0) as file:
            size = file.seek(0, 2)
            file.seek(max(0, (size - PIECE_BYTES) // 2))
            return size, zlib.crc32(file.read(PIECE_BYTES))
    except OSError:
        return -1, 0


def same_content(folder: Path, pieces: Mapping[str, Piece]) -> dict[str, str]:
    """A warning for every recording whose bytes another one has, too.

    Parameters
    ----------
    folder : Path
    pieces : mapping of str to (int, int)
        Of recordings relative to it.

    Returns
    -------
    dict of str to str
        Only of recordings that are there several times.
    """
    warnings: dict[str, str] = {}
    for alike in _groups(pieces, pieces.__getitem__):
        for same in _groups(alike, lambda name: _hash(folder / name)):
            for name in same:
                warnings[name] = _warning([other for other in same if other != name])
    return warnings


def _groups(names: Iterable[str], key: Callable[[str], Hashable]) -> list[list[str]]:
    """Names with one key, sorted, where there are at least two; a key of None is like no other."""
    found: dict[Hashable, list[str]] = defaultdict(list)
    for name in sorted(names):
        value = key(name)
        if value is not None:
            found[value].append(name)
    return [group for group in found.values() if len(group) > 1]


def _hash(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # gone since it was heard
        return None


def _warning(others: list[str]) -> str:
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"same content as {one_line(others[0])}{more}"
