r"""By which a file is known to be the one it was.

Putting results where they were asked for, whole or not at all.

A file is written beside its target under a temporary name and moved over it when it is complete, so that nobody ever
sees half a result. `-` is standard output. What is no ordinary file (a named pipe, ``/dev/null``) is written to as it
is, never replaced. Text is UTF-8 with ``\\n`` line ends on every platform. A reader that closes standard output early
(``popclass classify ... | head``) is no error.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from popclass.errors import OutputError
from popclass.utils.text import one_line, visible


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which a file is known to be the one that was heard."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Stamp:
        """The stamp of a file; of one that cannot be asked, a stamp that no file has."""
        try:
            found = os.stat(path)
        except OSError:
            return cls.of_none()
        return cls(found.st_size, found.st_mtime_ns)

    @classmethod
    def of_none(cls) -> Stamp:
        """The stamp that no file has."""
        return cls(-1, -1)


STDOUT = "-"

Target = str | os.PathLike[str]


def check_writable(target: Target, *, force: bool = True) -> None:
    """Find out before the work starts whether `write_text` will be able to write `target`.

    Parameters
    ----------
    target : path or "-"
    force : bool
        Whether a file that is already there may be replaced.

    Raises
    ------
    OutputError
        Where the folder is missing or not writable, `target` is a folder or a write-protected file, or it exists and
        `force` is off.
    """
    if _is_stdout(target):
        return
    path = Path(target)
    try:
        _refuse(path, force=force)
        if not _is_special(path):
            part = _part(path)
            part.touch(exist_ok=False)
            part.unlink()
    except OSError as error:
        raise _cannot_write(path, error) from error


def write_text(target: Target, text: str | Iterable[str], *, force: bool = True) -> bool:
    """Write text to a file, in one move, or to standard output.

    Parameters
    ----------
    target : path or "-"
    text : str or iterable of str
        The text, or pieces of it that are written as they come; line ends are part of them.
    force : bool
        Whether a file that is already there may be replaced.

    Returns
    -------
    bool
        False where standard output was closed by its reader before everything was written, which is no error.

    Raises
    ------
    OutputError
        Where `target` cannot be written; what was there before is still there then.
    """
    pieces = (text,) if isinstance(text, str) else text
    return _write(target, (visible(piece).encode("utf-8") for piece in pieces), force=force)


def write_bytes(target: Target, data: bytes, *, force: bool = True) -> bool:
    """`write_text` for bytes."""
    return _write(target, (data,), force=force)


def _write(target: Target, pieces: Iterable[bytes], *, force: bool) -> bool:
    if _is_stdout(target):
        return _write_stdout(pieces)
    with replacing(target, force=force) as part, _opened(part, Path(target)) as file:
        for piece in pieces:
            _write_piece(file, piece, Path(target))
    return True


@contextmanager
def placing(target: Target, text: str, *, force: bool = True) -> Iterator[None]:
    """Write text to a file that appears at the end of the block, and only where that ends without an exception.

    For two files that belong together: what can fail in writing this one fails before the other is there.

    Raises
    ------
    OutputError
        Where `target` cannot be written.
    """
    with replacing(target, force=force) as part:
        with _opened(part, Path(target)) as file:
            _write_piece(file, visible(text).encode("utf-8"), Path(target))
        yield


@contextmanager
def replacing(target: Target, *, force: bool = True) -> Iterator[Path]:
    """A temporary path beside `target` to write to; moved over `target` when the block ends without an exception.

    For whatever writes a file of its own accord (a model, a figure, a Parquet table).

    Raises
    ------
    OutputError
        Where `target` cannot be written. The temporary file is removed whatever happens.

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
    try:
        _refuse(path, force=force)
    except OSError as error:
        raise _cannot_write(path, error) from error
    if _is_special(path):
        yield path
        return
    # A link stays a link: the file it points to is replaced.
    final = Path(os.path.realpath(path))
    part = _part(final)
    try:
        yield part
        _move(part, final, force=force)
    finally:
        with suppress(OSError):
            part.unlink()


def _move(part: Path, final: Path, *, force: bool) -> None:
    try:
        _refuse(final, force=force)  # somebody else may have written it in the meantime
        if final.exists():
            shutil.copymode(final, part)
        elif not force:
            _link(part, final)
            return
        os.replace(part, final)
    except OSError as error:
        raise _cannot_write(final, error) from error


def _link(part: Path, final: Path) -> None:
    """Give a new file its name unless somebody else takes it at this very moment."""
    try:
        os.link(part, final)
    except FileExistsError:
        _refuse(final, force=False)
        raise
    except OSError:  # a file system without links
        os.replace(part, final)


def _part(path: Path) -> Path:
    # Not made from the target's own name, which may already be as long as a name can be.
    return Path(os.path.realpath(path)).parent / f".popclass-{uuid.uuid4().hex}.part"


def _refuse(path: Path, *, force: bool) -> None:
    shown = one_line(os.fspath(path))
    if path.is_dir():
        raise OutputError(f"{shown} is a folder; name a file to write to")
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise OutputError(f"cannot write {shown}: there is no folder {one_line(os.fspath(folder))}; create it first")
    if not path.exists():
        return
    if not force and not _is_special(path):
        raise OutputError(f"{shown} exists already; choose another name or say --force to replace it")
    if not os.access(path, os.W_OK):
        raise OutputError(f"cannot write {shown}: it is write-protected; choose another name")


def _is_stdout(target: Target) -> bool:
    return os.fspath(target) == STDOUT


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def _opened(path: Path, target: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("wb" if _is_special(path) else "xb")
    except OSError as error:
        raise _cannot_write(target, error) from error
    try:
        yield file
    except BaseException:
        with suppress(OSError):
            file.close()
        raise
    try:
        file.close()  # the last bytes may find a full disk only here
    except OSError as error:
        raise _cannot_write(target, error) from error


def _write_piece(file: BinaryIO, piece: bytes, target: Path) -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise _cannot_write(target, error) from error


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {one_line(os.fspath(path))}: {error.strerror or error}")


def _write_stdout(pieces: Iterable[bytes]) -> bool:
    if not _on_stdout(sys.stdout.flush):  # what was printed before comes first
        return False
    binary = getattr(sys.stdout, "buffer", None)
    for piece in pieces:
        # A notebook and the like replace standard output by a stream of text.
        put = partial(binary.write, piece) if binary else partial(sys.stdout.write, piece.decode("utf-8"))
        if not _on_stdout(put):
            return False
    return _on_stdout(binary.flush if binary else sys.stdout.flush)


def _on_stdout(action: Callable[[], object]) -> bool:
    """Do something with standard output; False where its reader has gone."""
    try:
        action()
    except OSError as error:
        _silence_stdout()
        if isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL):
            return False
        raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error
    return True


def _silence_stdout() -> None:
    """Let the interpreter's own flush at exit go nowhere; it would fail once more and print a traceback."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
