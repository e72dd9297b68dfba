"""Interruption by signals: Ctrl-C (SIGINT), SIGTERM and SIGHUP.

All three end a command with an exception, so that temporary files are removed and worker processes are ended. The exit
code is 128 plus the number of the signal, as in shells. A signal that was ignored before (a job in the background,
`nohup`) stays ignored. This module is imported before all others and therefore imports little.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
_NUMBERS = [signal.Signals[name] for name in _WORDS if hasattr(signal, name)]  # SIGHUP does not exist on Windows
REPEATED_S = 1.0  # a second signal within this time is ignored, so that the clean-up can finish
RERAISE_S = 0.01


class Stopped(KeyboardInterrupt):
    """Interruption by a signal; code that handles KeyboardInterrupt handles all of them.

    Parameters
    ----------
    number : int
        Number of the signal.

    Attributes
    ----------
    word : str
        Outcome of the command, for messages.
    exit_code : int
        Exit code in shells of a process that ended by this signal.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(number)
        self.number = int(number)
        self.word = _WORDS[signal.Signals(number).name]
        self.exit_code = 128 + self.number


def as_stopped(error: BaseException) -> Stopped:
    """Return an interruption as `Stopped`; any other KeyboardInterrupt counts as SIGINT.

    Examples
    --------
    >>> as_stopped(KeyboardInterrupt()).exit_code
    130
    """
    return error if isinstance(error, Stopped) else Stopped()


class SignalHandler:
    """Signal handler of `handle_signals`.

    Attributes
    ----------
    received : Stopped or None
        Last signal.
    deferred : bool
        Whether `defer_signals` is active.
    """

    def __init__(self) -> None:
        self.received: Stopped | None = None
        self.deferred = False
        self._at: float | None = None

    def handle(self, number: int, _frame: FrameType | None = None) -> None:
        """Raise `Stopped`, unless signals are deferred or another one came within `REPEATED_S`."""
        now = time.monotonic()
        if self._at is not None and now - self._at < REPEATED_S:
            return
        is_second = self._at is not None
        self._at = now
        self.received = Stopped(number)
        if is_second or not self.deferred:
            raise self.received

    def reraise(self, lost: Any) -> None:
        """Send a signal again whose exception Python dropped, since it was raised inside a destructor."""
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(lost)
            return
        self._at = None
        timer = threading.Timer(RERAISE_S, os.kill, (os.getpid(), as_stopped(lost.exc_value).number))
        timer.daemon = True
        timer.start()


_active: SignalHandler | None = None


@contextmanager
def handle_signals() -> Iterator[SignalHandler]:
    """Raise `Stopped` for signals that end a process, while the block runs in the main thread.

    A block inside such a block, or in another thread, changes nothing.

    Examples
    --------
    >>> with handle_signals() as stops:
    ...     stops.received is None
    True
    """
    global _active
    if _active is not None or threading.current_thread() is not threading.main_thread():
        yield _active or SignalHandler()
        return
    stops = _active = SignalHandler()
    defaults = (signal.SIG_DFL, signal.default_int_handler)
    before = {number: signal.getsignal(number) for number in _NUMBERS if signal.getsignal(number) in defaults}
    hook = sys.unraisablehook
    try:
        sys.unraisablehook = stops.reraise
        for number in before:
            signal.signal(number, stops.handle)
        yield stops
    finally:
        _active = None
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook


@contextmanager
def defer_signals() -> Iterator[None]:
    """Defer an interruption until the end of the block, for short work that must not stop half-way.

    A second signal later than `REPEATED_S` after the first is not deferred.
    """
    stops = _active or SignalHandler()
    stops.deferred = True
    try:
        yield
    finally:
        stops.deferred = False
    if stops.received is not None:
        raise stops.received


def end_quietly() -> None:
    """Restore the default signal handlers: from now on a signal ends the process at once, without a message."""
    for number in _NUMBERS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
