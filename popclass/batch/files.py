"""Recordings of a folder tree, and recordings with the same content.

A file is a recording if its name ends like one, in upper or lower case. Hidden files and folders (a leading dot) and
the folder of results are skipped. Links to folders are followed, each folder is visited once, and a file inside the
tree keeps its name there. Folders that cannot be read are reported. So are pipes, sockets and broken links that have
the name of a recording.

A path that begins like a formula (`=`, `+`, `-`, `@`, a tab or a line break) gets a leading `./`: it names the same
file, and a spreadsheet that opens the tables reads it as text.

Files with the same content get a warning, since their events count twice, on timelines too. Hashing every file would
take nearly as long as processing it. So each file has a fingerprint (its size and a checksum of 4 KiB from its middle),
and only files with equal fingerprints are compared by SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from pathlib import Path

from popclass.audio.paths import AUDIO_SUFFIXES
from popclass.errors import UsageError
from popclass.utils.text import one_line

# Starts of spreadsheet formulas, wide forms of East Asian keyboards and the characters skipped before them included.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
FINGERPRINT_BYTES = 4096

Fingerprint = tuple[int, int]


def find_recordings(folder: Path, *, exclude: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Find the recordings below a folder.

    Parameters
    ----------
    folder : Path
    exclude : Path
        A folder that is skipped: that of the results.

    Returns
    -------
    recordings : tuple of str
        Paths relative to the folder with `/`, sorted.
    unreadable : dict of str to str
        Folders that could not be listed, with the reason.

    Raises
    ------
    UsageError
        If the folder does not exist or holds no recordings.
    """
    shown = one_line(os.fspath(folder))
    if not folder.is_dir():
        what = "is a file; popclass classify reads single recordings" if folder.exists() else "no such folder"
        raise UsageError(f"{shown}: {what}")
    recordings: list[str] = []
    unreadable: dict[str, str] = {}
    for place, names in _folders(folder, os.path.realpath(exclude), unreadable):
        below = Path(place).relative_to(folder).as_posix()
        recordings += [as_written(name if below == "." else f"{below}/{name}") for name in names]
    if not recordings and not unreadable:
        raise UsageError(
            f"{shown}: no recordings in this folder; looked for names ending in {' '.join(AUDIO_SUFFIXES)}"
        )
    return tuple(sorted(recordings)), unreadable


def as_written(path: str) -> str:
    """Return a relative path in its form in tables.

    Examples
    --------
    >>> as_written("=1+1.wav"), as_written("knee/=1+1.wav")
    ('./=1+1.wav', 'knee/=1+1.wav')
    """
    return f"./{path}" if path.startswith(FORMULA_STARTS) else path


def _folders(folder: Path, exclude: str, unreadable: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder of the tree with the names of its recordings; linked folders come after all real ones."""
    seen = {exclude} - {os.path.realpath(folder)}

    def report(error: OSError) -> None:
        real = os.path.realpath(error.filename)
        if real not in seen:
            name = as_written(Path(error.filename).relative_to(folder).as_posix())
            unreadable[name] = f"this folder cannot be read ({(error.strerror or 'unknown').lower()})"
        seen.add(real)

    pending = [os.fspath(folder)]
    while pending:
        for place, inner, names in os.walk(pending.pop(0), onerror=report):
            real = os.path.realpath(place)
            if real in seen:
                inner.clear()
                continue
            seen.add(real)
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            pending += [path for path in (os.path.join(place, name) for name in inner) if os.path.islink(path)]
            yield place, [name for name in names if name.lower().endswith(AUDIO_SUFFIXES) and name[0] != "."]


def fingerprint(path: Path) -> Fingerprint:
    """Return the size of a file and the CRC-32 of 4 KiB from its middle; (-1, 0) if it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a").write_bytes(b"123456789")
    ...     fingerprint(Path(folder) / "a")
    (9, 3421780262)
    """
    try:
        with open(path, "rb", buffering=0) as file:
            size = file.seek(0, 2)
            file.seek(max(0, (size - FINGERPRINT_BYTES) // 2))
            return size, zlib.crc32(file.read(FINGERPRINT_BYTES))
    except OSError:
        return -1, 0


def same_content(folder: Path, fingerprints: Mapping[str, Fingerprint]) -> dict[str, str]:
    """Return a warning for each recording that has the same bytes as another.

    Parameters
    ----------
    folder : Path
    fingerprints : mapping of str to (int, int)
        By the path of the recording relative to the folder.
    """
    warnings: dict[str, str] = {}
    for candidates in _groups(fingerprints, fingerprints.__getitem__):
        for same in _groups(candidates, lambda name: _hash(folder / name)):
            for name in same:
                first, *more = (other for other in same if other != name)
                warnings[name] = f"same content as {one_line(first)}" + (f" and {len(more)} more" if more else "")
    return warnings


def _groups(names: Iterable[str], key: Callable[[str], Hashable]) -> list[list[str]]:
    """Return names with equal keys, sorted, in groups of at least two; names whose key is None are left out."""
    found: dict[Hashable, list[str]] = defaultdict(list)
    for name in sorted(names):
        found[key(name)].append(name)
    return [group for value, group in found.items() if value is not None and len(group) > 1]


def _hash(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # removed since it was processed
        return None
