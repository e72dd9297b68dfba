"""Session of `popclass listen`: samples of a source to a listener, its events to the sinks.

If the source begins anew (another rate, a reconnected device), the listener is closed and a new one continues its
timeline. The samples that follow are a recording of their own, with event numbers from 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from popclass.errors import AudioError
from popclass.streaming.listener import Listener
from popclass.streaming.pcm import Samples
from popclass.streaming.records import LiveEvent
from popclass.streaming.source import Begin, Notice, Source

SAVE_EVERY_S = 60.0  # session file, so that a killed process loses no more of the timeline


class Sink:
    """Consumer of a session's samples and events; every method does nothing."""

    def begin(self, listener: Listener, number: int) -> None:
        """Begin the `number`th recording of the source; the other methods but `idle` and `notify` follow it."""

    def process(self, block: Samples, events: list[LiveEvent]) -> None:
        """Process samples and the events reported with them; either may be empty."""

    def idle(self) -> None:
        """Do what is due while no samples arrive."""

    def notify(self, text: str) -> None:
        """Show a notice."""

    def end(self) -> None:
        """End the recording."""


@dataclass(slots=True)
class Runner:
    """Runner of one session.

    Attributes
    ----------
    source : Source
    options : dict
        For `Listener`, besides rate, channels and start.
    sinks : list of Sink
    notify : callable
        Shows a line to the user.
    resume, save_to : path, optional
        Session file to continue, and to write.
    clock : callable, optional
        Returns the time at which a recording begins; None if the samples are not live.
    stop : callable
        Returns True to end the session.
    processed_s : float
        Length of all samples so far.
    counts : dict
        Events by label.
    """

    source: Source
    options: dict[str, Any]
    sinks: list[Sink]
    notify: Callable[[str], None]
    resume: str | None = None
    save_to: str | None = None
    clock: Callable[[], datetime] | None = None
    stop: Callable[[], bool] = lambda: False
    processed_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    listener: Listener | None = None
    _number: int = 0
    _nan_reported: bool = False
    _saved_at: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Run until the source ends, `stop` returns True, or Ctrl-C.

        Raises
        ------
        PopclassError
            If the source, a session file or the output cannot be used. All samples before are processed and reported.
        """
        try:
            for message in self.source.messages():
                if isinstance(message, Begin):
                    self._begin(message)
                elif isinstance(message, Notice):
                    self._notify(message.text)
                elif message is None:
                    for sink in self.sinks:
                        sink.idle()
                else:
                    self._process(message)
                if self.stop():
                    break
        except KeyboardInterrupt:
            pass  # the ordinary end
        finally:
            self._end(last=True)

    def _begin(self, begin: Begin) -> None:
        before = self.listener
        self._end(last=False)
        resume: Any = self.resume if before is None else before
        started = self.clock() if self.clock is not None else None
        if before is not None:
            started = _not_before_end(before, started)
        self.listener = Listener(
            begin.rate, channels=begin.channels, recorded_at=started, resume=resume, **self.options
        )
        self._number += 1
        self._nan_reported = False
        for sink in self.sinks:
            sink.begin(self.listener, self._number)

    def _process(self, block: Samples) -> None:
        assert self.listener is not None
        try:
            events = self.listener.feed(block)
        except AudioError as error:  # a float stream may contain NaN
            if not self._nan_reported:
                self._notify(f"{error}; such samples are replaced by silence from here on")
            self._nan_reported = True
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
            events = self.listener.feed(block)
        self._pass_on(block, events)
        if self.save_to is not None and time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self.listener.save_session(self.save_to)
            self._saved_at = time.monotonic()

    def _pass_on(self, block: Samples, events: list[LiveEvent]) -> None:
        for sink in self.sinks:
            sink.process(block, events)

    def _notify(self, text: str) -> None:
        where = f" at {self.listener.time_s:.1f} s" if self.listener is not None else ""
        self.notify(f"{self.source.name}{where}: {text}")
        for sink in self.sinks:
            sink.notify(text)

    def _end(self, *, last: bool) -> None:
        listener = self.listener
        if listener is None:
            return
        events = listener.close()
        self._pass_on(np.zeros((0, listener.channels), np.float32), events)
        self.processed_s += listener.time_s
        for line in listener.warnings if listener.time_s else ():
            self.notify(f"{self.source.name}: warning: {line}")
        for sink in self.sinks:
            sink.end()
        if last:
            self.listener = None
            if self.save_to is not None:
                listener.save_session(self.save_to)


def _not_before_end(before: Listener, now: datetime | None) -> datetime | None:
    """Return the start of the next recording: now, but not before the end of the previous one."""
    began = before.metadata.recorded_at
    if began is None or now is None:
        return now
    return max(now, began + timedelta(seconds=before.time_s))
