"""Recordings named on the command line, of which some may fail; shared by `classify` and `features`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from popclass.cli.console import Progress, print_error, progress_bar
from popclass.errors import AudioError, UsageError
from popclass.utils.files import STDOUT
from popclass.utils.text import one_line

T = TypeVar("T")
STDIN = "-"


def check_paths(recordings: Sequence[str], output: str) -> None:
    """Raise UsageError if a recording is named twice, or the output would replace a recording."""
    seen: set[str] = set()
    for recording in recordings:
        place = recording if recording == STDIN else os.path.realpath(recording)
        if place in seen:
            raise UsageError(f"{one_line(recording)} is given twice, so its events would count twice: name it once")
        seen.add(place)
    if output != STDOUT and os.path.realpath(output) in seen:
        raise UsageError(f"{one_line(output)} is a recording: choose another name for the result")


@contextmanager
def copied_stdin() -> Iterator[str]:
    """Copy standard input into a temporary file, which can be read more than once; yield its path."""
    with tempfile.TemporaryDirectory(prefix="popclass-") as folder:
        path = os.path.join(folder, "recording")
        try:
            with open(path, "wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy, 1 << 20)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise AudioError(
                f"-: cannot be copied into a temporary file ({reason}); set TMPDIR to a folder with room"
            ) from error
        yield path


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
    print_error(f"{len(failures)} of {len(failures) + succeeded} recordings failed")
    return 1 if succeeded else 2
