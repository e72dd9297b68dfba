r"""Output files that are written completely or not at all, and stamps that detect changed files.

A file is written under a temporary name beside its target and moved over it when it is complete, so nobody sees half a
result. `-` is standard output. A target that is not a regular file (a named pipe, ``/dev/null``) is written to directly
and never replaced. Text is UTF-8 with ``\n`` line ends on every platform. A reader that closes standard output early
(``popclass classify ... | head``) is not an error.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import unicodedata
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

from popclass.errors import OutputError
from popclass.utils.text import one_line, visible

STDOUT = "-"
Target = str | os.PathLike[str]


_MOST_PARTS = 256  # of a path whose spelling is looked for: each takes a call


@dataclass(frozen=True, slots=True)
class Stamp:
    """Size and modification time of a file, to detect that it has changed."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Stamp:
        """Return the stamp of a file, or `NO_FILE` if the system does not give its properties."""
        with suppress(OSError):
            found = os.stat(path)
            return cls(found.st_size, found.st_mtime_ns)
        return NO_FILE


NO_FILE = Stamp(-1, -1)  # differs from the stamp of every file


def lock(file: IO[bytes]) -> bool:
    """Lock an open file until it is closed, and return False if another process has locked it.

    The system unlocks it if the program is killed. Windows and file systems without locks notice nothing.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass
    return True


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def equal_files(paths: Iterable[Path]) -> list[list[Path]]:
    """Return the groups of files with the same content, in their order; a file that cannot be read is in none."""
    by_size: dict[int, list[Path]] = {}
    for path in paths:
        by_size.setdefault(Stamp.of(path).size, []).append(path)
    by_content: dict[str, list[Path]] = {}
    for path in chain.from_iterable(group for group in by_size.values() if len(group) > 1):
        with suppress(OSError):  # it may be gone by now
            by_content.setdefault(sha256_of(path), []).append(path)
    return [group for group in by_content.values() if len(group) > 1]


def existing(path: Path) -> Path:
    """Return a path as the file system spells it, if only the Unicode form (NFC, NFD) or slashes differ.

    macOS and some archives write `o` and a combining mark where a table has one letter. A path without such a file, or
    with several, or of more than 256 parts is returned as it is.
    """
    if os.path.lexists(path) or path.parent == path or len(path.parts) > _MOST_PARTS:
        return path
    if "\\" in path.name:  # a table from Windows
        return existing(path.parent / path.name.replace("\\", "/"))
    folder, wanted = existing(path.parent), unicodedata.normalize("NFC", path.name)
    with suppress(OSError, ValueError):
        found = [name for name in os.listdir(folder) if unicodedata.normalize("NFC", name) == wanted]
        return folder / found[0] if len(found) == 1 else path
    return path


def check_writable(target: Target, *, force: bool = True) -> None:
    """Raise OutputError if `write_text` could not write `target`; called before long work starts.

    Parameters
    ----------
    target : path or "-"
    force : bool
        Whether a file that is already there may be replaced.

    Raises
    ------
    OutputError
        If the folder is missing or not writable, `target` is a folder or a write-protected file, or it exists and
        `force` is false.
    """
    if os.fspath(target) == STDOUT:
        return
    path = Path(target)
    with system_errors(path):
        _check(path, force=force)
        if not _is_special(path):
            part = _part(path)
            part.touch(exist_ok=False)
            part.unlink()


def write_text(target: Target, text: str | Iterable[str], *, force: bool = True) -> bool:
    """Write text to a file or to standard output.

    Parameters
    ----------
    target : path or "-"
    text : str or iterable of str
        The text, or pieces of it that are written one by one; line ends are not added.
    force : bool
        Whether a file that is already there may be replaced.

    Returns
    -------
    bool
        False if the reader of standard output closed it before everything was written.

    Raises
    ------
    OutputError
        If `target` cannot be written; an earlier file is kept then.
    """
    texts = (text,) if isinstance(text, str) else text
    pieces = (visible(each).encode("utf-8") for each in texts)
    if os.fspath(target) == STDOUT:
        return _write_stdout(pieces)
    # a full disk may show only when the file is closed
    with replacing(target, force=force) as part, system_errors(target), part.open("wb") as file:
        file.writelines(pieces)
    return True


def write_bytes(target: Target, data: bytes, *, force: bool = True) -> None:
    """Write bytes to a file, as `write_text` does."""
    with replacing(target, force=force) as part, system_errors(target):
        part.write_bytes(data)


def write_synced(target: Target, text: str, *, before: Stamp | None = None) -> Stamp | None:
    """Write a file whole, as `write_text` does, so that it survives a crash of the computer once this returns.

    Parameters
    ----------
    target : path
    text : str
    before : Stamp, optional
        Of the file that this text was made from (default: it may have changed).

    Returns
    -------
    Stamp or None
        Of the written file. None if the file is another one than `before`; it is left as it is.
    """
    path = Path(target)
    try:
        with replacing(path, before=before) as part:
            with system_errors(path), part.open("wb") as file:
                file.write(text.encode("utf-8", "surrogateescape"))
                file.flush()
                os.fsync(file.fileno())
            written = Stamp.of(part)
    except _ChangedError:
        return None
    if hasattr(os, "O_DIRECTORY"):  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return written


class _ChangedError(Exception):
    """Another program has written a file that was to be replaced."""


@contextmanager
def placing(target: Target, text: str, *, force: bool = True) -> Iterator[None]:
    """Write text to a file that appears when the block ends without an exception.

    Used for two files that belong together: errors in writing this one occur before the other exists.

    Raises
    ------
    OutputError
        If `target` cannot be written.
    """
    with replacing(target, force=force) as part:
        with system_errors(target):
            part.write_bytes(visible(text).encode("utf-8"))
        yield


@contextmanager
def replacing(target: Target, *, force: bool = True, before: Stamp | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `target`; it replaces `target` when the block ends without an exception.

    Used where a library writes the file (a model, a figure, a Parquet table). `before` is as for `write_synced`.

    Raises
    ------
    OutputError
        If `target` cannot be written. The temporary file is removed in any case.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     target = Path(folder) / "a.txt"
    ...     with replacing(target) as part:
    ...         _ = part.write_text("whole")
    ...     target.read_text()
    'whole'
    """
    path = Path(target)
    with system_errors(path):
        _check(path, force=force)
    if _is_special(path):
        yield path
        return
    # A link stays a link: the file it points to is replaced.
    final = Path(os.path.realpath(path))
    part = _part(final)
    try:
        yield part
        _move(part, final, force=force, before=before)
    finally:
        with suppress(OSError):
            part.unlink()


def _move(part: Path, final: Path, *, force: bool, before: Stamp | None) -> None:
    with system_errors(final):
        _check(final, force=force)  # another process may have written it in the meantime
        if final.exists():
            shutil.copymode(final, part)
        elif not force:
            try:
                os.link(part, final)  # unlike a move, fails if another process creates the target at the same moment
                return
            except FileExistsError:
                _check(final, force=False)
            except OSError:  # a file system without links
                pass
        if before is not None and before != Stamp.of(final):
            raise _ChangedError
        os.replace(part, final)


def _part(path: Path) -> Path:
    # not derived from the target's name, which may already have the maximum length
    return Path(os.path.realpath(path)).parent / f".popclass-{uuid.uuid4().hex}.part"


def _check(path: Path, *, force: bool) -> None:
    shown = one_line(os.fspath(path))
    if path.is_dir():
        raise OutputError(f"{shown} is a folder; name a file to write to")
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise OutputError(f"cannot write {shown}: there is no folder {one_line(os.fspath(folder))}; create it first")
    if not path.exists():
        return
    if not force and not _is_special(path):
        raise OutputError(f"{shown} exists already; choose another name or use --force to replace it")
    if not os.access(path, os.W_OK):
        raise OutputError(f"cannot write {shown}: it is write-protected; choose another name")


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def system_errors(target: Target, action: str = "write") -> Iterator[None]:
    """Turn errors of the system into OutputError with the action and the name of the target."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot {action} {one_line(os.fspath(target))}: {error.strerror or error}") from error


def _write_stdout(pieces: Iterable[bytes]) -> bool:
    """Write to standard output; return False if its reader has closed it."""
    binary = getattr(sys.stdout, "buffer", None)
    try:
        sys.stdout.flush()  # printed text comes first
        for piece in pieces:
            if binary is None:  # a notebook replaces standard output by a stream of text
                sys.stdout.write(piece.decode("utf-8"))
            else:
                binary.write(piece)
        sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        if isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL):
            return False
        raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error
    return True


def discard(stream: object) -> None:
    """Redirect a broken standard stream to the null device.

    The interpreter flushes the stream at exit, which would fail again and print a traceback.
    """
    with suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[attr-defined]
        os.close(null)
