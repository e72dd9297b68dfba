"""Standard streams, messages, progress, the recordings named on the command line, and failures of the system.

A message is one line on standard error. Failures of the system (no space, no memory, a missing folder) can come from
any line of any library; each becomes one line that tells what to do, since a traceback would hide it.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeVar

import click

from popclass.errors import AudioError, UsageError
from popclass.utils.files import STDOUT, discard
from popclass.utils.text import counted, one_line

if TYPE_CHECKING:
    from popclass.model.model import Model

SHOWN_AFTER_S = 2.0
_MEMORY = ("bad_alloc", "failed to map segment", "cannot allocate memory", "can't start new thread")
_NO_MEMORY = "memory ran out; close other programs, raise the limit of memory, or process fewer recordings at a time"
_ADVICE = {
    errno.EBADF: ": standard input or standard output is closed",
    errno.EMFILE: "; raise the limit of open files (ulimit -n), or work in fewer processes (--jobs)",
    errno.ENFILE: "; other programs hold them: close some",
    errno.ENOSPC: "; make room on the disk, or choose another",
    errno.EDQUOT: "; make room, or choose another disk",
}

STDIN = "-"
_MANY = 50  # recordings; so many were not typed, but named by the shell
T = TypeVar("T")
Progress = Callable[..., None]
"""Callback with the amount done, the total (None if unknown), and optionally the current step."""


def print_error(message: str) -> None:
    """Print an error in one line on standard error."""
    print_note(f"popclass: {message}")


def print_note(message: str) -> None:
    """Print one line on standard error; if that is closed or full, the line is lost and the work continues."""
    try:
        click.echo(one_line(message), err=True)
    except (OSError, ValueError):
        discard(sys.stderr)


@contextmanager
def progress_bar(step: str) -> Iterator[Progress]:
    """Show a bar on standard error for work longer than two seconds, if that is a terminal.

    Parameters
    ----------
    step : str
        Text before the bar until a callback names another step.
    """
    began, bar = time.monotonic(), None

    def show(done: int, total: int | None, now: str | None = None) -> None:
        nonlocal bar
        text = one_line(now or step)
        if bar is not None:
            bar.update(bar.task_ids[0], completed=done, total=total, description=text)
        elif time.monotonic() - began >= SHOWN_AFTER_S:
            bar = _start_bar()
            bar.add_task(text, completed=done, total=total)

    try:
        yield show if sys.stderr.isatty() else lambda *_: None
    finally:
        if bar is not None:
            bar.stop()


def _start_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    bar.start()
    return bar


def check_paths(recordings: Sequence[str], output: str) -> None:
    """Raise UsageError if a recording is named twice, or the output would replace one, or a file named like one."""
    from popclass.audio.paths import AUDIO_SUFFIXES

    seen: set[str] = set()
    for first, last in combinations(range(len(recordings)), 2) if len(recordings) <= _MANY else ():
        name = " ".join(recordings[first : last + 1])
        if not os.path.exists(recordings[first]) and os.path.isfile(name):
            raise UsageError(f"{one_line(name)} is one recording: put the name in quotes, since it has spaces")
    for recording in recordings:
        place = recording if recording == STDIN else os.path.realpath(recording)
        if place in seen:
            raise UsageError(f"{one_line(recording)} is given twice, so its events would count twice: name it once")
        seen.add(place)
    other = output.lower().endswith(AUDIO_SUFFIXES) and os.path.isfile(output)
    if output != STDOUT and (other or os.path.realpath(output) in seen):
        raise UsageError(f"{one_line(output)} is a recording: choose another name for the result")


def warn_if_useless(model: Model) -> None:
    """Print a warning if nobody should use a model."""
    from popclass.model.limitations import reason_against

    if (reason := reason_against(model)) is not None:
        print_note(f"warning: {model.name}: {reason}")


def process_each(recordings: Sequence[str], process: Callable[[str, Progress], T]) -> tuple[list[T], list[str]]:
    """Process recordings one after the other, with a progress bar.

    Parameters
    ----------
    recordings : sequence of str
    process : callable
        Receives a recording and a progress callback.

    Returns
    -------
    results : list
        Of the recordings that could be used.
    failures : list of str
        One line for each of the others.

    Raises
    ------
    AudioError
        If there is only one recording and it failed.
    """
    results: list[T] = []
    failures: list[str] = []
    for number, recording in enumerate(recordings, start=1):
        count = "" if len(recordings) == 1 else f"{number}/{len(recordings)} "
        with progress_bar(count + one_line(recording)) as progress:
            try:
                results.append(process(recording, progress))
            except AudioError as error:
                if len(recordings) == 1:
                    raise
                failures.append(str(error))
    return results, failures


def exit_code(failures: Sequence[str], succeeded: int) -> int:
    """Print the failed recordings; return 0 if there are none, 1 if others succeeded, else 2."""
    if not failures:
        return 0
    for failure in failures:
        print_error(failure)
    print_error(f"{len(failures)} of {counted(len(failures) + succeeded, 'recording')} failed")
    return 1 if succeeded else 2


def system_failure(error: BaseException) -> str | None:
    """Return a message for a failure of the system, or None if the exception is a bug.

    Examples
    --------
    >>> system_failure(OSError(errno.ENOSPC, "No space left on device", "hip.wav"))
    'hip.wav: no space left on device; make room on the disk, or choose another'
    >>> system_failure(ZeroDivisionError())
    """
    chain = _chain(error)
    if any(_is_for_memory(each) for each in chain):
        return _NO_MEMORY
    if isinstance(error, OSError) and error.errno is not None:
        return _os_failure(error)
    if isinstance(error, ImportError):
        root = [each for each in chain if isinstance(each, ImportError)][-1]
        first = one_line(str(root).strip().split("\n")[0])
        return f"a library cannot be loaded ({first}); install popclass and its dependencies again"
    return None


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return an exception and those that it was raised from or during."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _is_for_memory(error: BaseException) -> bool:
    named = any(sign in str(error).lower() for sign in _MEMORY)
    return named or isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM


def _os_failure(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        try:
            os.getcwd()
        except OSError:
            return "the folder this was started in is gone; change to another one"
    where = f"{one_line(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
    what = error.strerror or "an unknown failure"
    return f"{where}{what[:1].lower()}{what[1:]}{_ADVICE.get(error.errno or 0, '')}"


def open_closed_streams() -> None:
    """Open the standard streams that are closed on the null device.

    Otherwise the next file to be opened would get the number of a closed stream, and a library that prints a warning
    would write it into a recording or a result.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # opposite direction: reading standard input and writing standard output fail as if they were closed
            taken = os.open(os.devnull, os.O_RDONLY if name == "stdout" else os.O_WRONLY)
            if taken != number:
                os.dup2(taken, number)
                os.close(taken)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - never closed
