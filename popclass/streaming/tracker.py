"""Pending events of a stream: those whose label can still change, and the history that earlier ones leave.

The label of an event depends on its context (events within the model's window, a minute, on either side) and on the
timeline (a cavity may go to a likelier cavitation up to a refractory period later). An event is **closed** once no
later event can change it:

- its context is complete: the window after it has passed;
- its cavity is decided (`Conflicts`);
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
from popclass.pipeline import number_events
from popclass.postprocess import LabelRules, assign_labels
from popclass.results import UNCHECKED, Event
from popclass.streaming import records
from popclass.streaming.records import LiveEvent
from popclass.streaming.session import History
from popclass.timing.refractory import MICROSECONDS
from popclass.timing.timeline import Placed

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

UPDATE_SHARE = 1 / 1000
"""Share of the pending events that must be new before all are updated."""


class Conflicts:
    """Conflicts between the candidates of cavitation on one timeline.

    Candidates compete only where more of them than there are cavities lie within one refractory period
    (`popclass.timing.scheduling`). Such a conflict reaches from its first candidate to the last one that lies within a
    period of a conflicting candidate. Between two conflicts every candidate has its cavity, and nothing on one side of
    a gap changes anything on the other.

    Parameters
    ----------
    time_s, burst : ndarray, shape (n,)
        Of the candidates in order of time.
    takes_cavity : ndarray of bool, shape (n,)
        Candidates that have a cavity so far.
    capacity : int or None
        Joint cavities; None where the site is unknown and the first burst takes the only one.
    period_s : float
    """

    def __init__(
        self, time_s: Array, burst: NDArray[np.int64], takes_cavity: Flags, *, capacity: int | None, period_s: float
    ) -> None:
        self._time = np.rint(time_s * MICROSECONDS).astype(np.int64)
        self._period = round(period_s * MICROSECONDS)
        self._burst, self._capacity = burst, capacity
        gap = np.ones(len(burst) + 1, dtype=bool)  # before each candidate and after the last
        gap[1:-1] = burst[1:] != burst[:-1]
        if capacity is None:
            gap[:-1] &= takes_cavity  # the joint is free where a burst takes it
        else:
            after = np.searchsorted(self._time, self._time + self._period, side="left")
            conflicting = after - np.arange(len(after)) > capacity
            reach = np.maximum.accumulate(np.concatenate([[0], np.where(conflicting, after, 0)]))
            gap &= reach <= np.arange(len(reach))
        self._gap = gap

    def decided_s(self, known_s: float) -> float:
        """Return the time before which no cavity will change hands.

        Parameters
        ----------
        known_s : float
            Candidates before it are all known, with their final weights.
        """
        if self._capacity is None:
            return known_s
        first = self._last_gap(known_s, len(self._time))  # a later candidate may still extend the conflict before it
        return min(float(self._time[first]) / MICROSECONDS, known_s) if first < len(self._time) else known_s

    def forgettable(self, needed_s: float, burst: int) -> int:
        """Return the number of first candidates that do not matter to events from a time and a burst on."""
        return self._last_gap(needed_s, int(np.searchsorted(self._burst, burst, side="left")))

    def _last_gap(self, until_s: float, at_most: int) -> int:
        """Return the last gap before which all periods have ended by a time."""
        past = np.searchsorted(self._time + self._period, np.floor(until_s * MICROSECONDS), side="right")
        return int(np.flatnonzero(self._gap[: min(int(past), at_most) + 1])[-1])


class EventTracker:
    """Pending events of one stream.

    Parameters
    ----------
    model : Model
    sample_rate : int
    rules : LabelRules
    history : History
        Of earlier streams of the same timeline, in seconds from the start of this one.

    Attributes
    ----------
    last : Event
        Last confirmed event; its number is 0 before the first.
    """

    def __init__(self, model: Model, sample_rate: int, rules: LabelRules, history: History) -> None:
        self._model, self._rate, self._rules = model, sample_rate, rules
        self._rows = records.history_rows(history)
        self._last_cavitation_s = history.last_cavitation_s
        self._features = np.zeros((0, len(model.features)))  # of the last rows, as long as they may be context
        self.last = Event(-sample_rate, 0, 0, sample_rate, 0, 0.0, 0.0)  # a second before the stream
        self._provisional: dict[int, tuple[int, tuple[object, ...]]] = {}  # last revision and its values, by number
        self._new = 0  # rows since the last update
        context = model.context
        self._reach_s = 0.0 if context is None else context.similarity.window_s + 2 * context.similarity.pair_s[1]

    @property
    def pending(self) -> int:
        """Number of events that are held."""
        return len(self._rows)

    @property
    def final_events(self) -> int:
        """Events up to this number will not be reported again."""
        still_open = self._rows["event"][~self._rows["closed"]]
        return int(still_open[0]) - 1 if len(still_open) else self.last.event

    def add(self, events: Sequence[Event], features: Array) -> None:
        """Add confirmed events, in order, with the features of each."""
        numbered = number_events(events, self.last)
        rows = records.event_rows(numbered, self._model.probabilities(features), self._model.novelty(features))
        self._rows = np.concatenate([self._rows, rows])
        self._features = np.concatenate([self._features, features])
        self.last = numbered[-1]
        self._new += len(events)

    def report_provisional(self, events: Sequence[Event], features: Array) -> Iterator[LiveEvent]:
        """Report all events after the confirmed ones by their sound alone, where that changes anything.

        Numbers that were reported before and belong to no event any more are withdrawn.
        """
        acoustic, novelty = self._model.probabilities(features), self._model.novelty(features)
        for each in zip(number_events(events, self.last), acoustic, novelty.tolist(), strict=True):
            yield from self._report_by_sound(*each)
        for number, (revision, values) in sorted(self._provisional.items()):
            if values and number > self.last.event + len(events):
                self._provisional[number] = (revision + 1, ())
                yield records.withdrawal(number, revision + 1, self._rate)

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
                yield from self._report_by_sound(*records.event_of(row, self._rate))
            return
        self._apply_context()
        yield from self._relabel()
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
        time_s, burst, contextual, novelty = records.history_columns(self._rows[self._rows["candidate"]])
        return History(time_s, burst, contextual, novelty, self._last_cavitation_s)

    def _report_by_sound(self, event: Event, acoustic: Array, novelty: float) -> Iterator[LiveEvent]:
        """Report an event labelled by its sound alone, where that changes anything."""
        placed = Placed(np.array([event.start_s]), np.array([event.burst]), np.zeros(1, np.int64))
        labels = assign_labels(placed, acoustic[None], np.array([novelty]), replace(self._rules, capacity=None))
        event = labels.apply(0, event, self._model.classes, acoustic, novelty).gain(timing=UNCHECKED)
        revision, values = self._provisional.get(event.event, (-1, ()))
        if records.shown_values(event) != values:
            self._provisional[event.event] = (revision + 1, records.shown_values(event))
            yield records.revised(event, revision + 1)

    def _relabel(self) -> Iterator[LiveEvent]:
        """Label all rows and report those that changed; forgotten ones count for the time since the last cavitation."""
        rows = self._rows
        time_s, burst, contextual, novelties = records.history_columns(rows)
        placed = Placed(time_s, burst, np.zeros_like(burst))
        labels = assign_labels(placed, contextual, novelties, self._rules, last_cavitation_s=self._last_cavitation_s)
        values = records.fingerprints(labels)
        changed = np.flatnonzero((values != rows["fingerprint"]) & ~rows["closed"])  # part of their past is forgotten
        rows["fingerprint"] = values
        rows["candidate"] = [flag != UNCHECKED for flag in labels.timing]
        rows["cavitation"], rows["takes_cavity"] = labels.cavitation, labels.takes_cavity
        for at in changed.tolist():
            event, acoustic, novelty = records.event_of(rows[at], self._rate)
            event = labels.apply(at, event, self._model.classes, acoustic, novelty)
            revision, shown = self._provisional.pop(event.event, (int(rows["revision"][at]), None))
            if shown != records.shown_values(event):
                revision += 1
                yield records.revised(event, revision)
            rows["revision"][at] = revision

    def _apply_context(self) -> None:
        """Compute the contextual probabilities of all events that have new events in their context."""
        context = self._model.context
        if context is None or self.last.event < 2:
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
        rows, rules = self._rows, self._rules
        time_s = rows["time_s"]
        recent = time_s[len(rows) - len(self._features) :]
        self._features = self._features[int(np.searchsorted(recent, known_s - 2 * self._reach_s)) :]
        contextual_s = known_s - self._reach_s  # the context of earlier events is complete
        which = np.flatnonzero(rows["candidate"])
        columns = (rows[name][which] for name in ("time_s", "burst", "takes_cavity"))
        conflicts = Conflicts(*columns, capacity=rules.capacity, period_s=rules.refractory_s)
        ahead_s = 0.0 if rules.capacity is None else rules.refractory_s  # reach of a reason
        closed = (time_s < contextual_s) & (time_s + ahead_s <= conflicts.decided_s(contextual_s))
        closed[len(rows) - len(self._features) :] = False
        closed |= rows["closed"]
        rows["closed"] = closed
        oldest_s, burst = contextual_s, self.last.burst
        if not closed.all():
            oldest = rows[~closed][0]
            oldest_s, burst = min(float(oldest["time_s"]), contextual_s), int(oldest["burst"])
        gone = closed & ~rows["candidate"]
        gone[which[: conflicts.forgettable(oldest_s, burst)]] = True
        past = rows[gone & rows["cavitation"]]
        if len(past):
            self._last_cavitation_s = float(past["time_s"][past["burst"] == past["burst"][-1]][0])
        self._rows = rows[~gone]
