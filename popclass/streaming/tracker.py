"""Pending events of a stream: those whose label can still change, and the history that earlier ones leave.

The label of an event depends on its context (events within the model's window, a minute, on either side) and on the
timeline (a cavity may go to a likelier cavitation up to a refractory period later). An event is **closed** once no
later event can change it:

- its context is complete: the window after it has passed;
- its cavity is decided (`popclass.timing.refractory`);
- every event that its reason could name, up to a period later, is decided too.

Candidates of cavitation stay for another period as history. That is some three periods of events, an hour, as long as
there are not more candidates than cavities. While conflicts follow each other without a gap, all events stay pending.

An update takes time in proportion to the pending events. It therefore waits until a thousandth of their number is new,
so that the work per event stays the same. The update at the end of the stream is always made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.extraction import BURST_GAP_S, number_events
from popclass.formats.text import rounded
from popclass.label_rules import LabelRules
from popclass.model.model import Model
from popclass.postprocess import TimelineLabels, assign_labels
from popclass.results import Event
from popclass.schema import ESTIMATE, PER_BURST, UNCHECKED
from popclass.streaming.session import History
from popclass.timing.refractory import Conflicts
from popclass.timing.timeline import Placed

Array = NDArray[Any]

UPDATE_SHARE = 1 / 1000
"""Share of the pending events that must be new before all are updated."""
# columns of a row that are attributes of `Event` and of `History`
_STORED = ("onset", "peak", "end", "channel", "snr_db", "peak_dbfs", "event", "burst")
_HISTORY = ("time_s", "burst", "contextual", "novelty")


@dataclass(frozen=True, slots=True, repr=False)
class LiveEvent(Event):
    """Present state of one short sound in a stream.

    Attributes
    ----------
    revision : int
        0 in the first report of its number, one more in each further report. The last revision is valid.
    """

    revision: int = 0

    def __repr__(self) -> str:
        state = "withdrawn" if self.withdrawn else f"revision {self.revision}"
        return f"{Event.__repr__(self)[:-1]}, {state}>"

    @property
    def withdrawn(self) -> bool:
        """True if no event has this number any more, because a provisional event was not confirmed."""
        return not self.label

    def plain(self) -> Event:
        """Return the event without its revision, as `popclass.classify` returns it."""
        return Event(**_values(self))


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
    rows : ndarray
        Pending events, and candidates of earlier streams (see `row_type`).
    last : Event
        Last confirmed event; its number is 0 before the first.
    """

    def __init__(self, model: Model, sample_rate: int, rules: LabelRules, history: History) -> None:
        self._model, self._rate, self._rules = model, sample_rate, rules
        self.rows: Array = np.zeros(len(history.time_s), row_type(len(model.classes)))
        for name in _HISTORY:
            self.rows[name] = getattr(history, name)
        self.rows["candidate"] = self.rows["closed"] = True
        self._class_counts = history.class_counts  # of events without a row, and of those of earlier streams
        if self._class_counts is None:
            self._class_counts = np.zeros(len(model.classes))
        self._last_cavitation_s = history.last_cavitation_s
        self._features = np.zeros((0, len(model.features)))  # of the last rows, as long as they may be context
        self.last = Event(-sample_rate, 0, 0, sample_rate, 0, 0.0, 0.0)  # a second before the stream
        self._provisional: dict[int, tuple[int, tuple[object, ...]]] = {}  # last revision and its values, by number
        self._new = 0  # rows since the last update
        context = model.context
        self._reach_s = 0.0 if context is None else context.similarity.window_s + 2 * context.similarity.pair_s[1]

    @property
    def final_events(self) -> int:
        """Events up to this number will not be reported again."""
        still_open = self.rows["event"][~self.rows["closed"]]
        return int(still_open[0]) - 1 if len(still_open) else self.last.event

    @property
    def frequencies(self) -> dict[str, float] | None:
        """Class frequencies estimated so far; None where they are not."""
        return self._rules.estimated_shares

    def add(self, events: Sequence[Event], features: Array) -> None:
        """Add confirmed events, in order, with the features of each."""
        numbered = number_events(events, self.last)
        rows: Array = np.zeros(len(numbered), self.rows.dtype)
        for name in _STORED:
            rows[name] = [getattr(event, name) for event in numbered]
        rows["time_s"] = [event.start_s for event in numbered]
        rows["acoustic"], rows["novelty"] = self._model.probabilities(features), self._model.novelty(features)
        rows["contextual"], rows["revision"] = self._model.include_novelty(rows["acoustic"], rows["novelty"]), -1
        self.rows = np.concatenate([self.rows, rows])
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
                yield LiveEvent(0, 0, 0, self._rate, 0, 0.0, 0.0, event=number, revision=revision + 1)

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
        if not last and self._new < UPDATE_SHARE * len(self.rows):
            for row in self.rows[-self._new :]:
                yield from self._report_by_sound(*event_of(row, self._rate))
            return
        self._apply_context()
        yield from self._relabel()
        self._new = 0
        self._forget(known_until / self._rate)

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until a joint cavity is free again; 0 where one is."""
        period_s, capacity = self._rules.refractory_s, self._rules.capacity
        took = np.sort(self.rows["time_s"][self.rows["takes_cavity"] & (self.rows["time_s"] > now_s - period_s)])
        if capacity is None:  # the first burst takes the only one
            took, capacity = took[:1], 1
        return 0.0 if len(took) < capacity else max(float(took[-capacity]) + period_s - now_s, 0.0)

    def history(self) -> History:
        """Return the history for later streams of this timeline, in seconds from the start of this one."""
        time_s, burst, contextual, novelty = history_columns(self.rows[self.rows["candidate"]])
        counts = self._count(self.rows) if self._rules.class_frequencies == ESTIMATE else None
        return History(time_s, burst, contextual, novelty, self._last_cavitation_s, counts)

    def _count(self, rows: Array) -> Array:
        """Return the expected number of events of each class, these rows included."""
        own = rows["contextual"][rows["event"] > 0]  # those of earlier streams are counted already
        return np.asarray(self._class_counts + self._rules.at_frequencies(own).sum(axis=0))

    def _report_by_sound(self, event: Event, acoustic: Array, novelty: float) -> Iterator[LiveEvent]:
        """Report an event labelled by its sound alone, where that changes anything."""
        placed = Placed(np.array([event.start_s]), np.array([event.burst]), np.zeros(1, np.int64))
        novelties = np.array([novelty])
        known = self._model.include_novelty(acoustic[None], novelties)
        labels = assign_labels(placed, known, novelties, replace(self._rules, capacity=None))
        event = labels.apply(0, event, self._model.classes, acoustic, novelty).gain(timing=UNCHECKED)
        revision, values = self._provisional.get(event.event, (-1, ()))
        if shown_values(event) != values:
            self._provisional[event.event] = (revision + 1, shown_values(event))
            yield LiveEvent(**_values(event), revision=revision + 1)

    def _relabel(self) -> Iterator[LiveEvent]:
        """Label all rows and report those that changed; forgotten ones count for the time since the last cavitation."""
        rows = self.rows
        time_s, burst, contextual, novelties = history_columns(rows)
        placed = Placed(time_s, burst, np.zeros_like(burst))
        self._rules = self._rules.with_frequencies_of(contextual[rows["event"] > 0], self._class_counts)
        labels = assign_labels(placed, contextual, novelties, self._rules, last_cavitation_s=self._last_cavitation_s)
        values = fingerprints(labels)
        changed = np.flatnonzero((values != rows["fingerprint"]) & ~rows["closed"])  # part of their past is forgotten
        rows["fingerprint"] = values
        rows["candidate"] = [flag != UNCHECKED for flag in labels.timing]
        rows["cavitation"], rows["takes_cavity"] = labels.cavitation, labels.takes_cavity
        for at in changed.tolist():
            event, acoustic, novelty = event_of(rows[at], self._rate)
            event = labels.apply(at, event, self._model.classes, acoustic, novelty)
            revision, shown = self._provisional.pop(event.event, (int(rows["revision"][at]), None))
            if shown != shown_values(event):
                revision += 1
                yield LiveEvent(**_values(event), revision=revision)
            rows["revision"][at] = revision

    def _apply_context(self) -> None:
        """Compute the contextual probabilities of all events that have new events in their context."""
        context = self._model.context
        if context is None or self.last.event < 2:
            return
        recent = self.rows[len(self.rows) - len(self._features) :]
        new_from = recent["time_s"][-self._new]
        first = int(np.searchsorted(recent["time_s"], new_from - 2 * self._reach_s))
        near = recent[first:]
        known = self._model.include_novelty(near["acoustic"], near["novelty"])
        columns = (near[name].copy() for name in ("time_s", "burst", "snr_db"))
        contextual = context.probabilities(self._features[first:], known, *columns)
        changed = near["time_s"] >= new_from - self._reach_s
        near["contextual"][changed] = contextual[changed]

    def _forget(self, known_s: float) -> None:
        """Drop the features of events that are context of no new event, and rows that no longer matter."""
        rows, rules = self.rows, self._rules
        time_s = rows["time_s"]
        recent = time_s[len(rows) - len(self._features) :]
        self._features = self._features[int(np.searchsorted(recent, known_s - 2 * self._reach_s)) :]
        contextual_s = known_s - self._reach_s  # the context of earlier events is complete
        which = np.flatnonzero(rows["candidate"])
        columns = (rows[name][which] for name in ("time_s", "burst", "takes_cavity"))
        conflicts = Conflicts(*columns, capacity=rules.capacity, period_s=rules.refractory_s, count_by=rules.count_by)
        ahead_s = 0.0 if rules.capacity is None else rules.refractory_s  # reach of a reason
        complete_s = contextual_s
        if rules.count_by == PER_BURST:  # later pops may still change the weight of a burst
            last_burst = rows["burst"][time_s >= contextual_s - BURST_GAP_S][:1]
            candidates = rows["candidate"] & np.isin(rows["burst"], last_burst)
            complete_s = min([contextual_s, *time_s[candidates][:1].tolist()])
        closed = (time_s < contextual_s) & (time_s + ahead_s <= conflicts.decided_s(complete_s))
        closed[len(rows) - len(self._features) :] = False
        closed |= rows["closed"]
        rows["closed"] = closed
        burst = min([self.last.burst, *rows["burst"][~closed][:1].tolist()])
        oldest_s = min([contextual_s, *time_s[rows["burst"] >= burst][:1].tolist()])
        gone = closed & ~rows["candidate"]
        gone[which[: conflicts.forgettable(oldest_s, burst)]] = True
        past = rows[gone & rows["cavitation"]]
        if len(past):
            self._last_cavitation_s = float(past["time_s"][past["burst"] == past["burst"][-1]][0])
        if rules.class_frequencies == ESTIMATE:
            self._class_counts = self._count(rows[gone])
        self.rows = rows[~gone]


def shown_values(event: Event) -> tuple[object, ...]:
    """Return the values of an event with the decimals that are written; a report is due only where they change."""
    return (
        *(event.onset, event.peak, event.end, event.channel, event.burst, event.label, event.acoustic_label),
        *(event.timing, event.timing_reason, rounded(event.since_cavitation_s, 6)),
        *(rounded(value, 4) for value in (event.novelty, *event.probabilities.values(), *event.posteriors.values())),
        *(rounded(event.snr_db, 2), rounded(event.peak_dbfs, 2)),
    )


def row_type(classes: int) -> np.dtype[Any]:
    """Return the type of one row of the table: about 140 bytes, while an `Event` with its labels takes a kilobyte."""
    whole = [(name, np.int64) for name in ("onset", "peak", "end", "event", "burst", "fingerprint")]
    real = [(name, np.float64) for name in ("snr_db", "peak_dbfs", "time_s", "novelty")]
    flags = [(name, np.bool_) for name in ("candidate", "cavitation", "takes_cavity", "closed")]
    probabilities = [(name, np.float64, (classes,)) for name in ("acoustic", "contextual")]
    return np.dtype([*whole, *real, *flags, *probabilities, ("channel", np.int16), ("revision", np.int32)])


def history_columns(rows: Array) -> list[Array]:
    """Return the columns of rows that `History` has, in its order, as contiguous arrays."""
    return [rows[name].copy() for name in _HISTORY]


def event_of(row: Any, sample_rate: int) -> tuple[Event, Array, float]:
    """Return the event of a row, its acoustic probabilities and its novelty."""
    values = {name: row[name].item() for name in _STORED}
    return Event(**values, sample_rate=sample_rate), row["acoustic"].copy(), float(row["novelty"])


def fingerprints(labels: TimelineLabels) -> NDArray[np.int64]:
    """Return a number for the labels of each event, with the decimals that are written; never 0."""
    posterior, since = map(tuple, labels.posterior.round(4).tolist()), labels.since_cavitation_s
    each = zip(labels.labels, labels.timing, labels.reasons, posterior, since, strict=True)
    return np.array([hash((*words, rounded(since_s, 6))) or 1 for *words, since_s in each], np.int64)


def _values(event: Event) -> dict[str, Any]:
    return {each.name: getattr(event, each.name) for each in fields(Event)}
