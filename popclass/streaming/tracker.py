"""Pending events of a stream: those whose label can still change, and the history that earlier ones leave.

The label of an event depends on its context (events within the model's window, a minute, on either side) and on the
timeline (a cavity may go to a likelier cavitation up to a refractory period later). An event is **closed** once no
later event can change it:

- its context is complete: the window after it has passed;
- its cavity is decided (`popclass.streaming.conflicts`);
- every event that its reason could name, up to a period later, is decided too.

Candidates of cavitation stay for another period as history. That is some three periods of events, an hour, as long as
there are not more candidates than cavities. While conflicts follow each other without a gap, all events stay pending.

An update takes time in proportion to the pending events. It therefore waits until a thousandth of their number is new,
so that the work per event stays the same. The update at the end of the stream is always made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from popclass.model.model import Model
from popclass.pipeline import BURST_GAP_S
from popclass.postprocess import LabelRules, TimelineLabels, assign_labels
from popclass.results import UNCHECKED, Event
from popclass.streaming.conflicts import Conflicts
from popclass.streaming.records import (
    LiveEvent,
    event_of,
    event_rows,
    fingerprints,
    history_rows,
    revised,
    shown_values,
    withdrawal,
)
from popclass.streaming.session import History
from popclass.timing.timeline import Placed

Array = NDArray[np.float64]

UPDATE_SHARE = 1 / 1000
"""Share of the pending events that must be new before all are updated."""


class EventTracker:
    """Pending events of one stream.

    Parameters
    ----------
    model : Model
    sample_rate : int
    rules : LabelRules
    history : History
        Of earlier streams of the same timeline, in seconds from the start of this one.
    """

    def __init__(self, model: Model, sample_rate: int, rules: LabelRules, history: History) -> None:
        self._model, self._rate, self._rules = model, sample_rate, rules
        self._rows = history_rows(history)
        self._last_cavitation_s = history.last_cavitation_s
        self._features = np.zeros((0, len(model.features)))  # of the last rows, as long as they may be context
        self._number = self._burst = 0
        self._last_onset: int | None = None
        self._provisional: dict[int, tuple[int, tuple[object, ...]]] = {}  # last revision and its values, by number
        self._new = 0  # rows since the last update
        context = model.context
        self._reach_s = 0.0 if context is None else context.similarity.window_s + 2 * context.similarity.pair_s[1]

    @property
    def pending(self) -> int:
        """Number of events that are held."""
        return len(self._rows)

    @property
    def events(self) -> int:
        """Number of confirmed events so far."""
        return self._number

    @property
    def final_events(self) -> int:
        """Events up to this number will not be reported again."""
        still_open = self._rows["event"][~self._rows["closed"]]
        return int(still_open[0]) - 1 if len(still_open) else self._number

    def add(self, events: Sequence[Event], features: Array) -> None:
        """Add confirmed events, in order, with the features of each."""
        numbered = []
        for event in events:
            self._burst += self._begins_burst(self._last_onset, event.onset)
            self._number, self._last_onset = self._number + 1, event.onset
            numbered.append(event.gain(event=self._number, burst=self._burst))
        rows = event_rows(numbered, self._model.probabilities(features), self._model.novelty(features))
        self._rows = np.concatenate([self._rows, rows])
        self._features = np.concatenate([self._features, features])
        self._new += len(events)

    def report_provisional(self, events: Sequence[Event], features: Array) -> Iterator[LiveEvent]:
        """Report all events after the confirmed ones by their sound alone, where that changes anything.

        Numbers that were reported before and belong to no event any more are withdrawn.
        """
        acoustic, novelty = self._model.probabilities(features), self._model.novelty(features)
        onset, burst = self._last_onset, self._burst
        for at, event in enumerate(events):
            burst += self._begins_burst(onset, event.onset)
            onset = event.onset
            numbered = event.gain(event=self._number + 1 + at, burst=burst)
            yield from self._report_by_sound(numbered, acoustic[at], float(novelty[at]))
        for number in sorted(number for number in self._provisional if number > self._number + len(events)):
            revision, values = self._provisional[number]
            if values:
                self._provisional[number] = (revision + 1, ())
                yield withdrawal(number, revision + 1, self._rate)

    def update(self, known_until: int, *, last: bool = False) -> Iterator[LiveEvent]:
        """Label the pending events anew and report those that changed.

        Parameters
        ----------
        known_until : int
            Every event before this sample has been added.
        last : bool
            The stream has ended.
        """
        if not self._new:
            return
        if not last and self._new < UPDATE_SHARE * len(self._rows):
            for row in self._rows[-self._new :]:
                yield from self._report_by_sound(*event_of(row, self._rate))
            return
        self._apply_context()
        rows, labels = self._rows, self._labels()
        values = fingerprints(labels)
        changed = np.flatnonzero((values != rows["fingerprint"]) & ~rows["closed"])  # part of their past is forgotten
        rows["fingerprint"] = values
        rows["candidate"] = [flag != UNCHECKED for flag in labels.timing]
        rows["cavitation"], rows["takes_cavity"] = labels.cavitation, labels.takes_cavity
        for at in changed.tolist():
            event, acoustic, novelty = event_of(rows[at], self._rate)
            yield from self._report(labels.apply(at, event, self._model.classes, acoustic, novelty), at)
        self._new = 0
        self._forget(known_until / self._rate)

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until a joint cavity is free again; 0 where one is."""
        period_s, capacity = self._rules.refractory_s, self._rules.capacity
        took = np.sort(self._rows["time_s"][self._rows["takes_cavity"] & (self._rows["time_s"] > now_s - period_s)])
        if capacity is None:  # the first burst takes the only one
            took, capacity = took[:1], 1
        return 0.0 if len(took) < capacity else max(float(took[-capacity]) + period_s - now_s, 0.0)

    def history(self) -> History:
        """Return the history for later streams of this timeline, in seconds from the start of this one."""
        rows = self._rows[self._rows["candidate"]]
        time_s, burst, contextual, novelty = (rows[name] for name in ("time_s", "burst", "contextual", "novelty"))
        return History(time_s, burst, contextual, novelty, self._last_cavitation_s)

    def _begins_burst(self, before: int | None, onset: int) -> bool:
        return before is None or onset - before > BURST_GAP_S * self._rate

    def _report_by_sound(self, event: Event, acoustic: Array, novelty: float) -> Iterator[LiveEvent]:
        """Report an event labelled by its sound alone, where that changes anything."""
        placed = Placed(np.array([event.start_s]), np.array([event.burst]), np.zeros(1, np.int64))
        labels = assign_labels(placed, acoustic[None], np.array([novelty]), replace(self._rules, capacity=None))
        event = labels.apply(0, event, self._model.classes, acoustic, novelty).gain(timing=UNCHECKED)
        revision, values = self._provisional.get(event.event, (-1, ()))
        if shown_values(event) != values:
            self._provisional[event.event] = (revision + 1, shown_values(event))
            yield revised(event, revision + 1)

    def _report(self, event: Event, at: int) -> Iterator[LiveEvent]:
        """Report a labelled event, unless its provisional report had the same values."""
        revision, values = self._provisional.pop(event.event, (int(self._rows["revision"][at]), None))
        if values != shown_values(event):
            revision += 1
            yield revised(event, revision)
        self._rows["revision"][at] = revision

    def _labels(self) -> TimelineLabels:
        """Label all rows; forgotten ones count for the time since the last cavitation."""
        time_s, burst, contextual, novelty = (
            self._rows[name].copy() for name in ("time_s", "burst", "contextual", "novelty")
        )
        placed = Placed(time_s, burst, np.zeros_like(burst))
        return assign_labels(placed, contextual, novelty, self._rules, last_cavitation_s=self._last_cavitation_s)

    def _apply_context(self) -> None:
        """Compute the contextual probabilities of all events that have new events in their context."""
        context = self._model.context
        if context is None or self._number < 2:
            return
        recent = self._rows[len(self._rows) - len(self._features) :]
        new_from = recent["time_s"][-self._new]
        first = int(np.searchsorted(recent["time_s"], new_from - 2 * self._reach_s))
        near = recent[first:]
        columns = (near[name].copy() for name in ("acoustic", "time_s", "burst", "snr_db"))
        contextual = context.probabilities(self._features[first:], *columns)
        changed = near["time_s"] >= new_from - self._reach_s
        near["contextual"][changed] = contextual[changed]

    def _forget(self, known_s: float) -> None:
        """Drop the features of events that are context of no new event, and rows that no longer matter."""
        rows = self._rows
        recent = rows["time_s"][len(rows) - len(self._features) :]
        self._features = self._features[int(np.searchsorted(recent, known_s - 2 * self._reach_s)) :]
        contextual_s = known_s - self._reach_s  # the context of earlier events is complete
        which = np.flatnonzero(rows["candidate"])
        time_s, burst_of, takes = (rows[name][which] for name in ("time_s", "burst", "takes_cavity"))
        conflicts = Conflicts(time_s, burst_of, takes, self._rules.capacity, self._rules.refractory_s)
        rows["closed"] |= self._closed(contextual_s, conflicts.decided_s(contextual_s))
        closed = rows["closed"]
        oldest_s, burst = contextual_s, self._burst
        if not closed.all():
            oldest = rows[~closed][0]
            oldest_s, burst = min(float(oldest["time_s"]), contextual_s), int(oldest["burst"])
        gone = closed & ~rows["candidate"]
        gone[which[: conflicts.forgettable(oldest_s, burst)]] = True
        past = rows[gone & rows["cavitation"]]
        if len(past):
            self._last_cavitation_s = float(past["time_s"][past["burst"] == past["burst"][-1]][0])
        self._rows = rows[~gone]

    def _closed(self, contextual_s: float, decided_s: float) -> NDArray[np.bool_]:
        """Return which rows cannot change any more."""
        time_s = self._rows["time_s"]
        ahead_s = 0.0 if self._rules.capacity is None else self._rules.refractory_s  # reach of a reason
        closed = (time_s < contextual_s) & (time_s + ahead_s <= decided_s)
        closed[len(closed) - len(self._features) :] = False
        return np.asarray(closed)
