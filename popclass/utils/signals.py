"""Being stopped: by Ctrl-C, by whoever ends the process (SIGTERM), by a terminal that goes away (SIGHUP).

All three end a command the same way: an exception runs through it, so that what was half written is removed and worker
processes are ended, and the exit code is 128 and the number of the signal, as shells have it. A signal that was to be
ignored (a job in the background, `nohup`) stays ignored. This module imports next to nothing, since it has to be there
before everything else.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
REPEATED_S = 1.0  # a signal so soon after the first does not disturb what the first makes end
AGAIN_S = 0.01

Handler = Callable[[int, FrameType | None], Any] | int | None


class Stopped(KeyboardInterrupt):
    """A signal came that ends the command; whoever handles Ctrl-C handles the others as well.

    Parameters
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(number)
        self.number = int(number)

    @property
    def word(self) -> str:
        """What became of the command."""
        return _WORDS[signal.Signals(self.number).name]

    @property
    def exit_code(self) -> int:
        """What shells give for a process that ended by this signal."""
        return 128 + self.number


def stopped(error: BaseException) -> Stopped:
    """An interruption of any kind as one that knows its signal.

    Examples
    --------
    >>> stopped(KeyboardInterrupt()).exit_code
    130
    """
    return error if isinstance(error, Stopped) else Stopped()


class Stops:
    """The signals that come while `stoppable` holds."""

    def __init__(self) -> None:
        self.asked: Stopped | None = None
        self.held = False
        self._at: float | None = None

    def handle(self, number: int, _frame: FrameType | None = None) -> None:
        """Raise `Stopped`, unless another signal did so a moment ago."""
        now = time.monotonic()
        if self._at is not None and now - self._at < REPEATED_S:
            return
        waited = self._at is not None
        self._at = now
        self.asked = Stopped(number)
        if waited or not self.held:
            raise self.asked

    def again(self, lost: Any) -> None:
        """Python drops an exception that is raised inside a destructor or the like: raise it once more, elsewhere."""
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(lost)
            return
        self._at = None
        timer = threading.Timer(AGAIN_S, os.kill, (os.getpid(), stopped(lost.exc_value).number))
        timer.daemon = True
        timer.start()


_holding: Stops | None = None


@contextmanager
def stoppable() -> Iterator[Stops]:
    """Turn the signals that end a process into `Stopped` while the block runs; only the main thread can.

    A block within such a block is part of it.

    Examples
    --------
    >>> with stoppable() as stops:
    ...     stops.asked is None
    True
    """
    global _holding
    if _holding is not None or threading.current_thread() is not threading.main_thread():
        yield _holding or Stops()
        return
    stops = _holding = Stops()
    before = {number: signal.getsignal(number) for number in _numbers()}
    ours = [number for number, handler in before.items() if handler != signal.SIG_IGN and _is_default(handler)]
    hook = sys.unraisablehook
    try:
        sys.unraisablehook = stops.again
        for number in ours:
            signal.signal(number, stops.handle)
        yield stops
    finally:
        _holding = None
        for number in ours:
            signal.signal(number, before[number])
        sys.unraisablehook = hook


@contextmanager
def held() -> Iterator[None]:
    """Put off what a signal would end until the block is over: its work is short, and half of it could not be undone.

    A second signal a while after the first is not put off.
    """
    stops = _holding
    if stops is None:
        yield
        return
    stops.held = True
    try:
        yield
    finally:
        stops.held = False
    if stops.asked is not None:
        raise stops.asked


def end_quietly() -> None:
    """From here on a signal ends the process at once and without a word: all that is left to do is to end."""
    for number in _numbers():
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def not_interrupted() -> Iterator[None]:
    """Processes that are started meanwhile never see Ctrl-C; this one sees it when the block is over."""
    mask = getattr(signal, "pthread_sigmask", None)
    if mask is None:  # Windows
        yield
        return
    before = mask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        mask(signal.SIG_SETMASK, before)


def _numbers() -> list[signal.Signals]:
    """The signals of this system that end a process and can be answered."""
    return [signal.Signals[name] for name in _WORDS if hasattr(signal, name)]


def _is_default(handler: Handler) -> bool:
    """Whether nobody else asked to be told."""
    return handler in (signal.SIG_DFL, signal.default_int_handler)
