"""What is said on standard error, and how far along a long task is.

What the system refuses, in one line: no space, no memory, too many open files, a folder that is gone.

Such a refusal can come from any line of any library, as many kinds of exception. None of them is a bug of popclass, and
a traceback would only hide what is to be done.

Standard input, output and error as the command line needs them: open, or safely not.

Whoever starts a process may have closed one of the three. Its number would then go to the next file that is opened, and
a library that writes a warning to standard error would write it into a recording or a result. So the number is taken:
reading or writing there fails as it would on a closed one, and what is said on standard error goes nowhere.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import click

from popclass.utils.text import one_line

SHOWN_AFTER_S = 2.0


class Report(Protocol):
    """Takes how much is done, how much there is (None: unknown), and what is being done."""

    def __call__(self, done: int, total: int | None, what: str | None = None) -> None: ...


def complain(message: str) -> None:
    """Say what is wrong, in one line."""
    say(f"popclass: {message}")


def say(message: str) -> None:
    """One line on standard error; where that is closed or full, nobody hears it, and the work goes on."""
    try:
        click.echo(one_line(message), err=True)
    except (OSError, ValueError):
        discard(sys.stderr)


@contextmanager
def progress_bar(what: str) -> Iterator[Report]:
    """A bar on standard error for what takes longer than two seconds, if that is a terminal.

    Parameters
    ----------
    what : str
        What is being done, until a report says otherwise.
    """
    if not sys.stderr.isatty():
        yield _no_report
        return
    bar = _Bar(what)
    try:
        yield bar
    finally:
        bar.close()


def _no_report(done: int, total: int | None, what: str | None = None) -> None:
    """Nobody is looking."""


class _Bar:
    """A bar of rich that appears, and is imported, once the work has lasted a while."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._shown: Any = None
        self._task: Any = None

    def __call__(self, done: int, total: int | None, what: str | None = None) -> None:
        if self._shown is None:
            if time.monotonic() - self._began < SHOWN_AFTER_S:
                return
            self._show()
        self._shown.update(self._task, completed=done, total=total, description=one_line(what or self._what))

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._shown = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._shown.start()
        self._task = self._shown.add_task(one_line(self._what), total=None)

    def close(self) -> None:
        if self._shown is not None:
            self._shown.stop()


_MEMORY = ("bad_alloc", "failed to map segment", "cannot allocate memory", "can't start new thread")
_NO_MEMORY = (
    "memory ran out; close other programs, raise the limit of memory, or take shorter or fewer recordings at a time"
)
_ADVICE = {
    errno.EBADF: ": standard input or standard output is closed",
    errno.EMFILE: "; raise the limit of open files (ulimit -n), or work in fewer processes (--jobs)",
    errno.ENFILE: "; other programs hold them: close some",
    errno.ENOSPC: "; make room on the disk, or choose another",
    errno.EDQUOT: "; make room, or choose another disk",
}


def refused(error: BaseException) -> str | None:
    """What the system refused, or None where the exception is a bug.

    Examples
    --------
    >>> refused(MemoryError())
    'memory ran out; close other programs, raise the limit of memory, or take shorter or fewer recordings at a time'
    >>> refused(OSError(errno.ENOSPC, "No space left on device", "take.wav"))
    'take.wav: no space left on device; make room on the disk, or choose another'
    >>> refused(ZeroDivisionError())
    """
    chain = list(_chain(error))
    if any(_for_memory(each) for each in chain):
        return _NO_MEMORY
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(error)
    if isinstance(error, ImportError):
        root = [each for each in chain if isinstance(each, ImportError)][-1]
        said = str(root).strip().split("\n")[0]
        return f"a library cannot be loaded ({one_line(said)}); install popclass and what it needs again"
    return None


def _of_system(error: OSError) -> str:
    if error.errno == errno.ENOENT and _folder_is_gone():
        return "the folder this was started in is gone; change to another one"
    named = isinstance(error.filename, str | bytes)
    where = f"{one_line(os.fsdecode(error.filename))}: " if named else ""
    what = error.strerror or "an unknown failure"
    return f"{where}{what[:1].lower()}{what[1:]}{_ADVICE.get(error.errno or 0, '')}"


def _folder_is_gone() -> bool:
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def _for_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return any(sign in str(error).lower() for sign in _MEMORY)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those it was raised from or in the course of."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def fill_gaps() -> None:
    """Take the numbers of standard streams that are closed."""
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):  # the wrong way round: see the module
        try:
            os.fstat(number)
        except OSError:
            taken = os.open(os.devnull, flags)
            if taken != number:
                os.dup2(taken, number)
                os.close(taken)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def discard(stream: object) -> None:
    """Let what a standard stream still holds go nowhere; written at exit, it would fail once more and say so."""
    with suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[attr-defined]
        os.close(null)
