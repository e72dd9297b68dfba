"""Recordings with the very same bytes under several names: noticed, never dropped.

Hashing every file would take a good part of the time of hearing it. So whoever hears a recording also looks at a piece
of it, 4 KiB from its middle, and the journal keeps a checksum of that. Only files of one size with one such checksum
are read whole and compared by their SHA-256. Sounds of a file that is there twice count twice, on a timeline too; that
is worth a warning.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path

from popclass.formats.text import one_line

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
