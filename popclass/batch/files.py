"""Recordings of a folder tree, and recordings with the same content.

A file is a recording if its name ends like one, in upper or lower case, or its content is audio. All other files are
listed as skipped. So are hidden folders (a leading dot); they and the folder of results are not searched. Links to
folders are followed, each folder is visited once, and a file inside the tree keeps its name there. Folders that cannot
be read are reported. So are pipes, sockets and broken links that have the name of a recording.

A path that begins like a formula (`=`, `+`, `-`, `@`, a tab or a line break) gets a leading `./`: it names the same
file, and a spreadsheet that opens the tables reads it as text.

Files with the same content get a warning, since their events count twice, on timelines too. Hashing every file would
take nearly as long as processing it. So each file has a fingerprint (its size and a checksum of 4 KiB from its middle),
and only files with equal fingerprints are compared by SHA-256.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from popclass.audio.decode import READABLE, holds_audio
from popclass.audio.paths import AUDIO_SUFFIXES
from popclass.errors import UsageError
from popclass.formats.csv_io import plain_path
from popclass.utils.files import equal_files
from popclass.utils.text import one_line

FINGERPRINT_BYTES = 4096

Fingerprint = tuple[int, int]


def find_recordings(folder: Path, *, exclude: Path) -> tuple[tuple[str, ...], dict[str, str], dict[str, str]]:
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
    skipped : dict of str to str
        Other files, with the reason, sorted.

    Raises
    ------
    UsageError
        If the folder does not exist or holds no recordings.
    """
    shown = one_line(os.fspath(folder))
    if not folder.is_dir():
        what = "is a file; popclass classify reads single recordings" if folder.exists() else "no such folder"
        raise UsageError(f"{shown}: {what}")
    unreadable: dict[str, str] = {}
    found = dict(_walk(folder, os.path.realpath(exclude), unreadable))
    recordings = tuple(sorted(name for name, reason in found.items() if not reason))
    if not recordings and not unreadable:
        raise UsageError(f"{shown}: no recordings here, by content or by name ({READABLE} and more)")
    return recordings, unreadable, {name: found[name] for name in sorted(found) if found[name]}


def relative(path: Path, folder: Path) -> str:
    """Return the relative path of a recording in its form in tables.

    Examples
    --------
    >>> relative(Path("in/=1+1.wav"), Path("in")), relative(Path("in/knee/=1+1.wav"), Path("in"))
    ('./=1+1.wav', 'knee/=1+1.wav')
    """
    return plain_path(path.relative_to(folder).as_posix())


def _walk(folder: Path, exclude: str, unreadable: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each file of the tree and the reason to skip it, empty for a recording; linked folders come last."""
    seen = {exclude} - {os.path.realpath(folder)}

    def report(error: OSError) -> None:
        real = os.path.realpath(error.filename)
        if real not in seen:
            reason = f"this folder cannot be read ({(error.strerror or 'unknown').lower()})"
            unreadable[relative(Path(error.filename), folder)] = reason
        seen.add(real)

    pending = [os.fspath(folder)]
    while pending:
        for place, inner, names in os.walk(pending.pop(0), onerror=report):
            real = os.path.realpath(place)
            if real in seen:
                inner.clear()
                continue
            seen.add(real)
            for name in inner:
                if name.startswith("."):
                    yield f"{relative(Path(place, name), folder)}/", "a hidden folder"
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            pending += [path for path in (os.path.join(place, name) for name in inner) if os.path.islink(path)]
            for path in (Path(place, name) for name in names):
                yield relative(path, folder), _reason_to_skip(path)


def _reason_to_skip(path: Path) -> str:
    """Return why a file is not a recording; empty for one."""
    if path.name.startswith("."):
        return "hidden"
    name = path.name.lower().removesuffix(".part").removesuffix(".crdownload")  # of browsers, while they download
    recording = name.endswith(AUDIO_SUFFIXES) or (path.is_file() and holds_audio(path))
    return "" if recording else "not recognized as audio by name or content"


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
    shared = Counter(fingerprints.values())
    names = {folder / name: name for name in sorted(fingerprints) if shared[fingerprints[name]] > 1}
    warnings = {}
    for group in equal_files(names):
        for name in (names[path] for path in group):
            first, *more = (names[path] for path in group if names[path] != name)
            warnings[name] = f"same content as {one_line(first)}" + (f" and {len(more)} more" if more else "")
    return warnings
