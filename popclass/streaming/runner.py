"""Session of `popclass listen`: samples of a source to a listener, its events to the sinks.

If the source begins anew (another rate, a reconnected device), the listener is closed and a new one continues its
timeline. The samples that follow are a recording of their own, with event numbers from 1.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from popclass.errors import AudioError
from popclass.formats.text import stated_frequencies
from popclass.label_rules import LabelRules
from popclass.results import Session
from popclass.schema import CAVITATION
from popclass.streaming.listener import Listener
from popclass.streaming.pcm import Samples
from popclass.streaming.source import Begin, Source
from popclass.streaming.tracker import LiveEvent
from popclass.timing.refractory import cavities_needed

NO_SAMPLES = np.zeros((0, 1), np.float32)
SAVE_EVERY_S = 60.0  # session file, so that a killed process loses no more of the timeline


class Sink:
    """Consumer of a session's samples and events; every method does nothing."""

    def begin(self, listener: Listener) -> None:
        """Begin a recording of the source; the other methods follow it."""

    def process(self, block: Samples, events: list[LiveEvent]) -> None:
        """Process samples and the events reported with them; do what is due if both are empty."""

    def end(self) -> None:
        """End the recording."""


def forget_final(values: dict[int, Any], listener: Listener) -> None:
    """Remove the values of events that will not be reported again, once there are many."""
    if len(values) > 2 * listener.pending_events + 100:
        final = listener.final_events
        for number in [number for number in values if number <= final]:
            del values[number]


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
    session : path, optional
        Session file to continue, if it exists, and to write; needs a `clock`.
    clock : callable, optional
        Returns the time at which a recording begins; None if the samples are not live.
    stop : callable
        Returns True to end the session.
    processed_s : float
        Length of all samples so far.
    counts : Counter
        Events by their last label; those without an event any more have the label "".
    timeline : Session or None
        Recordings of the source with the joint cavities that their cavitations need; None before the first begins.
    """

    source: Source
    options: dict[str, Any]
    sinks: list[Sink]
    notify: Callable[[str], None]
    session: str | None = None
    clock: Callable[[], datetime] | None = None
    stop: Callable[[], bool] = lambda: False
    processed_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    timeline: Session | None = None
    _cavitations: dict[tuple[int, int], tuple[float, int]] = field(default_factory=dict)
    _starts: list[float] = field(default_factory=list)
    _began: datetime | None = None
    _listener: Listener | None = None
    _labels: dict[int, str] = field(default_factory=dict)
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
                elif isinstance(message, str):
                    self._notify(message)
                elif self._listener is not None:
                    self._process(self._listener, NO_SAMPLES if message is None else message)
                if self.stop():
                    break
        except KeyboardInterrupt:
            pass  # the ordinary end
        finally:
            self._end()

    def _begin(self, begin: Begin) -> None:
        before = self._end()
        resumable = self.session is not None and os.path.exists(self.session)
        resume = before if before is not None else self.session if resumable else None
        started = self.clock() if self.clock is not None else None
        if before is not None and started is not None and before.metadata.recorded_at is not None:
            started = max(started, before.metadata.recorded_at + timedelta(seconds=before.time_s))
        options = {**self.options, "recorded_at": started, "resume": resume}
        self._listener = Listener(begin.rate, channels=begin.channels, **options)
        self._began = self._began or started
        apart = None if started is None or self._began is None else (started - self._began).total_seconds()
        self._starts.append(self.processed_s if apart is None else apart)
        self._nan_reported = False
        for sink in self.sinks:
            sink.begin(self._listener)

    def _process(self, listener: Listener, block: Samples) -> None:
        try:
            events = listener.feed(block) if len(block) else []
        except AudioError as error:  # a float stream may contain NaN
            if not self._nan_reported:
                self._notify(f"{error}; such samples are replaced by silence from here on")
            self._nan_reported = True
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
            events = listener.feed(block)
        self._pass_on(listener, block, events)
        if self.session is not None and time.monotonic() - self._saved_at > SAVE_EVERY_S:
            listener.save_session(self.session)
            self._saved_at = time.monotonic()

    def _pass_on(self, listener: Listener, block: Samples, events: list[LiveEvent]) -> None:
        for event in events:
            self.counts[self._labels.get(event.event, "")] -= 1
            self.counts[event.label] += 1
            self._labels[event.event] = event.label
            place = len(self._starts), event.event
            self._cavitations.pop(place, None)
            if event.label == CAVITATION:
                self._cavitations[place] = self._starts[-1] + event.start_s, event.burst
        forget_final(self._labels, listener)
        for sink in self.sinks:
            sink.process(block, events)

    def _notify(self, text: str) -> None:
        where = f" at {self._listener.time_s:.1f} s" if self._listener is not None else ""
        self.notify(f"{self.source.name}{where}: {text}")

    def _end(self) -> Listener | None:
        """End the recording, if one has begun, and return its closed listener."""
        listener, self._listener = self._listener, None
        if listener is None:
            return None
        self._pass_on(listener, NO_SAMPLES, listener.close())
        self._labels.clear()
        self.processed_s += listener.time_s
        self.timeline = self._timeline(listener.rules)
        for line in listener.warnings if listener.time_s else ():
            self.notify(f"{self.source.name}: warning: {line}")
        if listener.frequencies is not None:
            self.notify(f"{self.source.name}: {stated_frequencies(listener.frequencies)}")
        for sink in self.sinks:
            sink.end()
        if self.session is not None:
            listener.save_session(self.session)
        return listener

    def _timeline(self, rules: LabelRules) -> Session:
        time_s = [at for at, _ in self._cavitations.values()]
        bursts = [(number, burst) for (number, _), (_, burst) in self._cavitations.items()]  # numbered by recording
        index = {burst: at for at, burst in enumerate(dict.fromkeys(bursts))}
        options: dict[str, Any] = {"refractory_s": rules.refractory_s, "count_by": rules.count_by}
        needed = cavities_needed(time_s, [index[burst] for burst in bursts], [True] * len(bursts), **options)
        return Session((self.source.name,) * len(self._starts), rules.capacity, cavities_needed=needed, **options)
