"""What has the name of a file and is none: pipes are waited for, devices, sockets and folders refused.

A named pipe that nobody writes to would be waited for for ever, and a device such as ``/dev/zero`` never ends.

How the names of recordings end, for those who look for them in folders; what is in a file decides how it is read.
"""

from __future__ import annotations

import os
import select
import stat
import time
from typing import BinaryIO

from popclass.errors import AudioError

WAIT_S = 5.0
"""How long a named pipe is waited for: a program that is to write to it may just be starting."""


def kind_of(mode: int) -> str | None:
    """What a path leads to, by the mode that `os.stat` gives; None for an ordinary file.

    Examples
    --------
    >>> kind_of(0o100644), kind_of(0o020666)
    (None, 'a device')
    """
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for is_one, name in kinds if is_one(mode)), None)


def refuse_special(path: str | os.PathLike[str]) -> None:
    """Refuse what is no ordinary file, without opening it; what cannot be asked is left to whoever opens it.

    Raises
    ------
    AudioError
        The message lacks the name of the file.
    """
    try:
        kind = kind_of(os.stat(path).st_mode)
    except (OSError, ValueError):
        return
    if kind is not None:
        raise AudioError(f"is {kind} and no file; leave it out, or copy what it gives into a file")


def open_pipe(path: str, *, seconds: float | None = None) -> tuple[BinaryIO, bytes]:
    """Open a named pipe to read from as soon as somebody writes to it.

    Parameters
    ----------
    path : str
    seconds : float, optional
        How long to wait for the writer; `WAIT_S` where None.

    Returns
    -------
    stream : binary file
    first : bytes
        What was read from it already.

    Raises
    ------
    AudioError
        Where nobody has opened it to write by then; the message lacks the name of the pipe.
    OSError
        Where it cannot be opened.
    """
    seconds = WAIT_S if seconds is None else seconds
    stream = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)  # noqa: SIM115 - the caller's
    try:
        first = _first_byte(stream.fileno(), time.monotonic() + seconds)
        if first is None:
            raise AudioError(
                f"is a pipe that nobody writes to, and {seconds:g} s were waited; start the program that writes first"
            )
        os.set_blocking(stream.fileno(), True)
    except BaseException:
        stream.close()
        raise
    return stream, first


def _first_byte(descriptor: int, until: float) -> bytes | None:
    """The first byte of a pipe, none where there is a writer that has not written yet; None where nobody came."""
    gone = select.poll()
    gone.register(descriptor, select.POLLIN)
    while True:
        try:
            if first := os.read(descriptor, 1):
                return first
        except BlockingIOError:  # somebody has it open
            return b""
        left = until - time.monotonic()
        if left <= 0:
            return None
        if any(event & select.POLLHUP for _, event in gone.poll(min(left, 0.05) * 1000)):
            return b""  # somebody had, and wrote nothing


AUDIO_SUFFIXES = (
    *(".wav", ".wave", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf"),
    *(".au", ".snd", ".m4a", ".mp4", ".mov", ".3gp", ".3g2", ".aac", ".amr", ".webm", ".mka", ".mkv", ".wma", ".ac3"),
)
