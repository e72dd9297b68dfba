"""What `classify` and `features` have in common: a list of recordings, of which some may fail."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from popclass.cli.console import complain, progress_bar
from popclass.errors import AudioError, UsageError
from popclass.utils.files import STDOUT
from popclass.utils.text import one_line

T = TypeVar("T")
Progress = Callable[[int, int | None], None]


def check_paths(recordings: Sequence[str], output: str) -> None:
    """Refuse a recording given twice, and a result that would replace a recording.

    Raises
    ------
    UsageError
    """
    seen: set[str] = set()
    for recording in recordings:
        place = recording if recording == STDOUT else os.path.realpath(recording)
        if place in seen:
            raise UsageError(f"{one_line(recording)} is given twice; a sound heard twice would count twice")
        seen.add(place)
    if output != STDOUT and os.path.realpath(output) in seen:
        raise UsageError(f"{one_line(output)} is a recording: choose another name for the result")


@contextmanager
def readable_again(recordings: Sequence[str]) -> Iterator[dict[str, str]]:
    """Where each recording can be read more than once; standard input is copied into a temporary file."""
    with tempfile.TemporaryDirectory(prefix="popclass-") as folder:
        places = {recording: recording for recording in recordings}
        if STDOUT in places:
            places[STDOUT] = os.path.join(folder, "recording")
            try:
                with open(places[STDOUT], "wb") as copy:
                    shutil.copyfileobj(sys.stdin.buffer, copy, 1 << 20)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise AudioError(
                    f"-: cannot be copied into a temporary file ({reason}); the folder for these is TMPDIR"
                ) from error
        yield places


def hear_all(recordings: Sequence[str], hear: Callable[[str, Progress], T]) -> tuple[list[T], list[str]]:
    """Hear recordings one after the other.

    Parameters
    ----------
    recordings : sequence of str
    hear : callable
        Takes a recording and a function to report its progress to.

    Returns
    -------
    heard : list
    failures : list of str
        A line for each recording that could not be used.

    Raises
    ------
    AudioError
        If there is but one recording and it failed.
    """
    heard: list[T] = []
    failures: list[str] = []
    for number, recording in enumerate(recordings, start=1):
        title = one_line(recording) if len(recordings) == 1 else f"{number}/{len(recordings)} {one_line(recording)}"
        with progress_bar(title) as report:
            try:
                heard.append(hear(recording, report))
            except AudioError as error:
                if len(recordings) == 1:
                    raise
                failures.append(str(error))
    return heard, failures


def exit_code(failures: Sequence[str], heard: int) -> int:
    """List the recordings that failed; 0 where none did, 2 where none was heard, else 1."""
    for failure in failures:
        complain(failure)
    if failures:
        complain(f"{len(failures)} of {len(failures) + heard} recordings failed")
    return 0 if not failures else 1 if heard else 2
