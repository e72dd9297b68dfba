"""Kinds of paths: named pipes are opened with a timeout; devices, sockets and folders are refused.

Opening a named pipe without a writer blocks for ever, and reading a device such as ``/dev/zero`` never ends.
"""

from __future__ import annotations

import os
import select
import stat
from contextlib import suppress
from typing import BinaryIO

from popclass.errors import AudioError

AUDIO_SUFFIXES = (
    *(".wav", ".wave", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf"),
    *(".au", ".snd", ".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".qta", ".3gp", ".3g2", ".3gpp", ".aac", ".amr", ".ac3"),
    *(".webm", ".mka", ".mkv", ".wma", ".wmv", ".asf", ".avi", ".flv", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".ape"),
    *(".3ga", ".m4r", ".mp2", ".spx", ".awb", ".eac3", ".ec3", ".dsf", ".wv", ".tta", ".dss", ".voc"),
    *(".m2t", ".vob", ".f4a", ".f4v", ".adts"),
)
"""Suffixes of recordings, for searching folders. The content of a file alone decides how it is read."""

WAIT_S = 5.0
"""Time to wait for the writer of a named pipe, which may still be starting."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind_of(mode: int) -> str | None:
    """Return the kind of a file by its `os.stat` mode; None for an ordinary file.

    Examples
    --------
    >>> kind_of(0o100644), kind_of(0o020666)
    (None, 'a device')
    """
    return _KINDS.get(stat.S_IFMT(mode))


def refuse_special(path: str | os.PathLike[str]) -> None:
    """Raise AudioError if a path is not an ordinary file, without opening it.

    The message lacks the name of the file. A path that cannot be examined passes; opening it will fail.
    """
    kind = None
    with suppress(OSError, ValueError):
        kind = kind_of(os.stat(path).st_mode)
    if kind is not None:
        raise AudioError(f"is {kind}, not a file; leave it out or copy its content into a file")


def open_pipe(path: str, *, seconds: float = WAIT_S) -> tuple[BinaryIO, bytes]:
    """Open a named pipe for reading as soon as it has a writer.

    Parameters
    ----------
    path : str
    seconds : float
        Time to wait for the writer.

    Returns
    -------
    stream : binary file
    first : bytes
        Bytes that were already read from it.

    Raises
    ------
    AudioError
        If there is no writer by then; the message lacks the name of the pipe.
    OSError
        If the pipe cannot be opened.
    """
    stream = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)  # noqa: SIM115 - the caller's
    try:
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        first = b""
        events = poll.poll(seconds * 1000)  # data, or a writer that closed it without writing
        with suppress(BlockingIOError):  # a writer has it open, but has not written yet
            first = os.read(stream.fileno(), 1)
            if not first and not events:
                raise AudioError(f"is a pipe without a writer after {seconds:g} s; start the program that writes first")
        os.set_blocking(stream.fileno(), True)
    except BaseException:
        stream.close()
        raise
    return stream, first
