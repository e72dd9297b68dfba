"""What is said on standard error, and how far along a long task is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import click

from popclass.cli.streams import discard
from popclass.formats.text import one_line

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
