"""One sitting: from a source of samples to what is written, shown and kept, until the source ends or is interrupted.

Where the source begins anew (another rate, a device that came back) the listener is closed and the next takes its
place; it is a recording of its own, with numbers from 1, and the refractory clock runs on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np

from popclass.errors import AudioError
from popclass.streaming.listener import Listener
from popclass.streaming.records import LiveEvent
from popclass.streaming.source import Begin, Notice, Samples, Source

SAVE_EVERY_S = 60.0  # of the session file, so that a process that is killed keeps its refractory clock


class Sink(Protocol):
    """Takes what happens in a sitting."""

    def begin(self, listener: Listener, number: int) -> None:
        """Begin a recording, the `number`th of the source."""

    def take(self, block: Samples, news: list[LiveEvent]) -> None:
        """Process samples and the reports made with them; either may be empty."""

    def say(self, text: str) -> None:
        """Show a notice."""

    def end(self) -> None:
        """End the recording."""


@dataclass(slots=True)
class Sitting:
    """Listens to a source.

    Attributes
    ----------
    source : Source
    options : dict
        For `Listener`, beside rate, channels and start.
    sinks : list of Sink
    say : callable
        Takes lines for people.
    resume, keep : path, optional
        Session file to begin with, and to leave.
    now : callable
        The clock by which a recording begins; None where its start is of no account.
    enough : callable
        Whether to stop.
    """

    source: Source
    options: dict[str, Any]
    sinks: list[Sink]
    say: Callable[[str], None]
    resume: str | None = None
    keep: str | None = None
    now: Callable[[], datetime] | None = None
    enough: Callable[[], bool] = lambda: False
    heard_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    listener: Listener | None = None
    _number: int = 0
    _broken: bool = False  # a sample that is no number was said of this recording
    _saved_at: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Listen until the source ends, or nobody reads any more, or Ctrl-C.

        Raises
        ------
        PopclassError
            Where the source, a session file or the output cannot be used. What was heard so far has been reported.
        """
        try:
            for message in self.source.messages():
                if isinstance(message, Begin):
                    self._begin(message)
                elif isinstance(message, Notice):
                    self._notice(message.text)
                elif message is None:
                    self._hand(np.zeros((0, self.listener.channels if self.listener else 1), np.float32), [])
                else:
                    self._hear(message)
                if self.enough():
                    break
        except KeyboardInterrupt:
            pass  # the way to end it
        finally:
            self._end(last=True)

    def _begin(self, begin: Begin) -> None:
        before = self.listener
        self._end(last=False)
        resume: Any = self.resume if before is None else before
        started = self.now() if self.now is not None else None
        if isinstance(resume, Listener):
            started = _after(resume, started)
        self.listener = Listener(
            begin.rate, channels=begin.channels, recorded_at=started, resume=resume, **self.options
        )
        self._number += 1
        self._broken = False
        for sink in self.sinks:
            sink.begin(self.listener, self._number)

    def _hear(self, block: Samples) -> None:
        assert self.listener is not None
        try:
            news = self.listener.feed(block)
        except AudioError as error:  # a float stream may hold what is no number
            if not self._broken:
                self._notice(f"{error}; such samples are taken for silence from here on")
            self._broken = True
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
            news = self.listener.feed(block)
        self._hand(block, news)
        if self.keep is not None and time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self.listener.save_session(self.keep)
            self._saved_at = time.monotonic()

    def _hand(self, block: Samples, news: list[LiveEvent]) -> None:
        for sink in self.sinks:
            sink.take(block, news)

    def _notice(self, text: str) -> None:
        where = f" at {self.listener.time_s:.1f} s" if self.listener is not None else ""
        self.say(f"{self.source.name}{where}: {text}")
        for sink in self.sinks:
            sink.say(text)

    def _end(self, *, last: bool) -> None:
        listener = self.listener
        if listener is None:
            return
        news = listener.close()
        self._hand(np.zeros((0, listener.channels), np.float32), news)
        self.heard_s += listener.time_s
        for line in listener.warnings if listener.time_s else ():
            self.say(f"{self.source.name}: warning: {line}")
        for sink in self.sinks:
            sink.end()
        if last:
            self.listener = None
            if self.keep is not None:
                listener.save_session(self.keep)


def _after(before: Listener, now: datetime | None) -> datetime | None:
    """When a recording begins that follows another, at the earliest when that ended."""
    began = before.metadata.recorded_at
    if began is None or now is None:
        return now
    return max(now, began + timedelta(seconds=before.time_s))
