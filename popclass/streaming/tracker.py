"""The events of a stream whose answer can still change, and what the earlier ones leave behind.

What is said of an event depends on others: on its company (those within the model's window, a minute, on either side)
and on the timeline (a cavity it takes may go to a clearer crack up to a refractory period later, and that one's to
another). An event is **closed**, and forgotten, once nothing that comes can change what was said of it:

- its company is complete: the window after it has been heard; then its features go;
- its cavity is decided: candidates compete only where more of them than there are cavities lie within one period, so
  the first moment that no such crowd reaches across settles everything before it. Where the site is unknown the first
  burst takes the joint, and time alone settles it;
- every event that its reason could name, up to a period later, is decided too.

Candidates of cavitation stay for another period as history. That is some three periods of events, an hour, where cracks
are no more than the cavities can give. Where crowds follow each other without a gap all day, every event of that day
stays open, at some 140 bytes each, for one of them may still change places with its neighbour.

ContextWeights takes time in proportion to the open events, so it waits until a thousandth of their number has come anew:
the work for an event stays the same however many are open. `close` always weighs all.

From when on the cavities of a stream are decided, whatever follows.

Candidates of cavitation compete for cavities only where more of them than there are cavities lie within one period
(`popclass.timing.scheduling`): such a crowd reaches from its first candidate to the last that lies within a period of one
of its crowded members. Between two crowds every candidate has its cavity, and nothing on one side of a gap changes
anything on the other.

Events in a table of numbers: some 140 bytes each, where an object with its labels takes a kilobyte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.formats.text import rounded
from popclass.model.model import Model
from popclass.pipeline import BURST_GAP_S
from popclass.postprocess import LabelRules, TimelineLabels, assign_labels
from popclass.results import UNCHECKED, Event
from popclass.streaming.records import LiveEvent, answer, revised, withdrawal
from popclass.streaming.session import History
from popclass.timing.timeline import Placed

Array = NDArray[np.float64]

WAITS_FOR = 1 / 1000  # of the open events must have come anew before all are weighed again


class Standing:
    """The open events of one stream.

    Parameters
    ----------
    model : Model
    sample_rate : int
    rules : LabelRules
    history : History
        What earlier sittings of the same timeline leave, in seconds from the start of this one.
    """

    def __init__(
        self,
        model: Model,
        sample_rate: int,
        rules: LabelRules,
        history: History,
    ) -> None:
        self._model, self._rate, self._rules = model, sample_rate, rules
        self._rows = Rows(len(model.classes))
        self._rows.add_history(history)
        self._last_cavitation_s = history.last_cavitation_s
        self._features = np.zeros((0, len(model.features)))  # of the last rows, as long as they may be company
        self._number = self._burst = 0
        self._last_onset: int | None = None
        self._glimpsed: dict[int, tuple[int, tuple[object, ...]]] = {}  # revision and answer of numbers not decided
        self._unweighed = 0
        context = model.context
        self._reach_s = 0.0 if context is None else context.similarity.window_s + 2 * context.similarity.pair_s[1]

    @property
    def open_rows(self) -> int:
        """How many events are held."""
        return len(self._rows)

    @property
    def events(self) -> int:
        """How many events are certain by now."""
        return self._number

    @property
    def final_events(self) -> int:
        """Events up to this number will not be reported again."""
        rows = self._rows.held
        still_open = rows["event"][~rows["closed"]]
        return int(still_open[0]) - 1 if len(still_open) else self._number

    def add(self, events: Sequence[Event], features: Array) -> None:
        """Take events that are certain, in order, with the features of each."""
        acoustic, novelty = self._model.probabilities(features), self._model.novelty(features)
        for event, sound, new in zip(events, acoustic, novelty.tolist(), strict=True):
            self._number, self._burst = self._number + 1, self._burst_of(event.onset)
            self._last_onset = event.onset
            self._rows.add(event.gain(event=self._number, burst=self._burst), sound, new)
        self._features = np.concatenate([self._features, features])
        self._unweighed += len(events)

    def glimpse(self, events: Sequence[Event], features: Array) -> Iterator[LiveEvent]:
        """Report all events that were seen after the certain ones by their sound alone, where that is news.

        Numbers that were given before and belong to nothing any more are withdrawn.
        """
        acoustic, novelty = self._model.probabilities(features), self._model.novelty(features)
        onset, burst = self._last_onset, self._burst
        for number, (event, sound, new) in enumerate(
            zip(events, acoustic, novelty.tolist(), strict=True), start=self._number + 1
        ):
            if onset is None or event.onset - onset > BURST_GAP_S * self._rate:
                burst += 1
            onset = event.onset
            yield from self._glimpsed_anew(self._alone(event.gain(event=number, burst=burst), sound, new))
        for number in sorted(number for number in self._glimpsed if number > self._number + len(events)):
            revision, said = self._glimpsed[number]
            if said:
                self._glimpsed[number] = (revision + 1, ())
                yield withdrawal(number, revision + 1, self._rate)

    def weigh(self, heard_until: int, *, last: bool = False) -> Iterator[LiveEvent]:
        """Weigh the open events again and report what is new.

        Parameters
        ----------
        heard_until : int
            Every event before this sample has been added.
        last : bool
            Nothing follows.
        """
        if not self._unweighed:
            return
        if not last and self._unweighed < WAITS_FOR * len(self._rows):
            yield from self._by_sound()
            return
        self._keep_company()
        rows = self._rows.held
        judged = self._judge()
        said = fingerprints(judged)
        news = np.flatnonzero((said != rows["answer"]) & ~rows["closed"])  # what closed ones rest on is forgotten
        rows["answer"] = said
        rows["candidate"] = [flag != UNCHECKED for flag in judged.timing]
        rows["cavitation"], rows["takes"] = judged.cavitation, judged.takes_cavity
        for at in news.tolist():
            event, acoustic, novelty = event_of(rows[at], self._rate)
            yield from self._report(judged.apply(at, event, self._model.classes, acoustic, novelty), at)
        self._unweighed = 0
        self._forget(heard_until / self._rate)

    def rest_s(self, now_s: float) -> float:
        """Seconds until a joint cavity is free again; 0 where one is."""
        rows = self._rows.held
        took = np.sort(rows["time_s"][rows["takes"] & (rows["time_s"] > now_s - self._rules.refractory_s)])
        if self._rules.capacity is None:
            bursts = rows["burst"][rows["takes"] & (rows["time_s"] > now_s - self._rules.refractory_s)]
            took = took[:1] if len(np.unique(bursts)) else took[:0]
        needed = 1 if self._rules.capacity is None else self._rules.capacity
        return 0.0 if len(took) < needed else max(float(took[-needed]) + self._rules.refractory_s - now_s, 0.0)

    def history(self) -> History:
        """What later sittings need to know of this timeline, in seconds from the start of this one."""
        rows = self._rows.held
        rows = rows[rows["candidate"]]
        return History(
            time_s=rows["time_s"].copy(),
            burst=rows["burst"].copy(),
            contextual=rows["believed"].copy(),
            novelty=rows["novelty"].copy(),
            last_cavitation_s=self._last_cavitation_s,
        )

    def _burst_of(self, onset: int) -> int:
        together = self._last_onset is not None and onset - self._last_onset <= BURST_GAP_S * self._rate
        return self._burst if together else self._burst + 1

    def _alone(self, event: Event, acoustic: Array, novelty: float) -> Event:
        """What the sound alone says, with no timeline."""
        placed = Placed(np.array([event.start_s]), np.array([event.burst]), np.zeros(1, np.int64))
        judged = assign_labels(placed, acoustic[None], np.array([novelty]), replace(self._rules, capacity=None))
        labelled = judged.apply(0, event, self._model.classes, acoustic, novelty)
        return labelled.gain(timing=UNCHECKED)

    def _glimpsed_anew(self, event: Event) -> Iterator[LiveEvent]:
        revision, said = self._glimpsed.get(event.event, (-1, ()))
        if answer(event) != said:
            self._glimpsed[event.event] = (revision + 1, answer(event))
            yield revised(event, revision + 1)

    def _by_sound(self) -> Iterator[LiveEvent]:
        """Events that wait to be weighed with the others, by their sound alone."""
        for row in self._rows.held[-self._unweighed :]:
            yield from self._glimpsed_anew(self._alone(*event_of(row, self._rate)))

    def _report(self, event: Event, at: int) -> Iterator[LiveEvent]:
        """A weighed event under its number, unless exactly this was reported at a glance."""
        rows = self._rows.held
        revision, said = self._glimpsed.pop(event.event, (int(rows["revision"][at]), None))
        if said != answer(event):
            revision += 1
            yield revised(event, revision)
        rows["revision"][at] = revision

    def _judge(self) -> TimelineLabels:
        """The reading of all that is held; what was forgotten counts for the time since the last cavitation."""
        time_s, burst, contextual, novelty = self._rows.columns("time_s", "burst", "believed", "novelty")
        return assign_labels(
            Placed(time_s, burst, np.zeros_like(burst)),
            contextual,
            novelty,
            self._rules,
            last_cavitation_s=self._last_cavitation_s,
        )

    def _keep_company(self) -> None:
        """Weigh company anew for all that new events are company of."""
        rows, context = self._rows.held, self._model.context
        if context is None or self._number < 2:
            return
        recent = rows[len(rows) - len(self._features) :]
        new_from = recent["time_s"][-self._unweighed]
        first = int(np.searchsorted(recent["time_s"], new_from - 2 * self._reach_s))
        some = recent[first:]
        columns = (some[name].copy() for name in ("acoustic", "time_s", "burst", "snr_db"))
        contextual = context.probabilities(self._features[first:], *columns)
        changed = some["time_s"] >= new_from - self._reach_s
        some["believed"][changed] = contextual[changed]

    def _forget(self, heard_s: float) -> None:
        """Let go of the features of events that are company of nothing new, and of closed events."""
        rows = self._rows.held
        recent = rows["time_s"][len(rows) - len(self._features) :]
        self._features = self._features[int(np.searchsorted(recent, heard_s - 2 * self._reach_s)) :]
        decided_s = heard_s - self._reach_s  # what was said of the sound and company of events before it is final
        which = np.flatnonzero(rows["candidate"])
        crowd = Crowds(
            rows["time_s"][which],
            rows["burst"][which],
            rows["takes"][which],
            self._rules.capacity,
            self._rules.refractory_s,
        )
        settled_s = crowd.settled_s(decided_s)
        reach_s = 0.0 if self._rules.capacity is None else self._rules.refractory_s  # how far ahead a reason looks
        closed = (rows["time_s"] < decided_s) & (rows["time_s"] + reach_s <= settled_s)
        closed[len(rows) - len(self._features) :] = False
        closed |= rows["closed"]
        rows["closed"] = closed
        oldest_s, burst = decided_s, self._burst
        if not closed.all():
            oldest = rows[~closed][0]
            oldest_s, burst = min(float(oldest["time_s"]), decided_s), int(oldest["burst"])
        gone = closed & ~rows["candidate"]
        gone[which[: crowd.forgettable(oldest_s, burst)]] = True
        past = rows[gone & rows["cavitation"]]
        if len(past):
            starts = past["time_s"][past["burst"] == past["burst"][-1]]
            self._last_cavitation_s = float(starts[0])
        self._rows.keep(~gone)


_MICROSECONDS = 1_000_000


class Crowds:
    """The candidates of one timeline in order of time.

    Parameters
    ----------
    time_s, burst : ndarray, shape (n,)
    takes : ndarray of bool, shape (n,)
        Which have a cavity by now.
    capacity : int or None
        Joint cavities; None where the site is unknown and the first burst takes the one joint.
    period_s : float
    """

    def __init__(
        self,
        time_s: NDArray[np.float64],
        burst: NDArray[np.int64],
        takes: NDArray[np.bool_],
        capacity: int | None,
        period_s: float,
    ) -> None:
        self._time = np.rint(time_s * _MICROSECONDS).astype(np.int64)
        self._period = round(period_s * _MICROSECONDS)
        self._burst, self._capacity = burst, capacity
        begins = np.ones(len(burst) + 1, dtype=bool)
        begins[1:-1] = burst[1:] != burst[:-1]
        if capacity is None:
            begins[:-1] &= takes  # the joint is free where a burst takes it
            self._apart = begins
            return
        after = np.searchsorted(self._time, self._time + self._period, side="left")
        crowded = after - np.arange(len(after)) > capacity
        reach = np.maximum.accumulate(np.concatenate([[0], np.where(crowded, after, 0)]))
        self._apart = begins & (reach <= np.arange(len(reach)))

    def settled_s(self, decided_s: float) -> float:
        """The moment before which no cavity will change hands.

        Parameters
        ----------
        decided_s : float
            Candidates before it are all known, with their final weights.
        """
        decided = np.floor(decided_s * _MICROSECONDS)
        if self._capacity is None:
            return decided_s
        # up to here all that could make a crowd of earlier candidates is known
        complete = int(np.searchsorted(self._time + self._period, decided, side="right"))
        first = int(np.flatnonzero(self._apart[: complete + 1])[-1])
        return min(float(self._time[first]) / _MICROSECONDS, decided_s) if first < len(self._time) else decided_s

    def forgettable(self, needed_s: float, burst: int) -> int:
        """How many of the first candidates are of no account for events from a moment and a burst on."""
        past = int(np.searchsorted(self._time + self._period, np.floor(needed_s * _MICROSECONDS), side="right"))
        past = min(past, int(np.searchsorted(self._burst, burst, side="left")))
        return int(np.flatnonzero(self._apart[: past + 1])[-1])


_FIRST = 64  # rows there is room for at first
_POSITION = ("onset", "peak", "end", "channel", "snr_db", "peak_dbfs", "event", "burst")


class Rows:
    """A growing table of events in order of time; those of earlier sittings come first.

    Parameters
    ----------
    classes : int
        How many probabilities a row holds.
    """

    def __init__(self, classes: int) -> None:
        whole = [(name, np.int64) for name in ("onset", "peak", "end", "event", "burst", "answer")]
        real = [(name, np.float64) for name in ("snr_db", "peak_dbfs", "time_s", "novelty")]
        flags = [(name, np.bool_) for name in ("candidate", "cavitation", "takes", "closed")]
        chances = [(name, np.float64, (classes,)) for name in ("acoustic", "believed")]
        small = [("channel", np.int16), ("revision", np.int32)]
        self._table: NDArray[Any] = np.zeros(_FIRST, np.dtype([*whole, *real, *flags, *chances, *small]))
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def held(self) -> NDArray[Any]:
        """The rows there are; what is written into them stays."""
        return self._table[: self._size]

    def columns(self, *names: str) -> Iterator[NDArray[Any]]:
        """Copies of columns."""
        return (self.held[name].copy() for name in names)

    def add(self, event: Event, acoustic: Array, novelty: float) -> None:
        """One more event, not yet reported."""
        row = self._next()
        for name in _POSITION:
            row[name] = getattr(event, name)
        row["time_s"], row["novelty"], row["revision"] = event.start_s, novelty, -1
        row["acoustic"] = row["believed"] = acoustic

    def add_history(self, history: History) -> None:
        """The candidates of earlier sittings."""
        for at in range(len(history.time_s)):
            row = self._next()
            row["time_s"], row["burst"] = history.time_s[at], history.burst[at]
            row["believed"], row["novelty"] = history.contextual[at], history.novelty[at]
            row["candidate"] = row["closed"] = True

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Let go of all other rows."""
        kept = self.held[which]
        self._size = len(kept)
        if 4 * self._size < len(self._table) and len(self._table) > _FIRST:
            self._table = np.resize(self._table, max(2 * self._size, _FIRST))
        self._table[: self._size] = kept

    def _next(self) -> Any:
        if self._size == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        self._size += 1
        self._table[self._size - 1] = np.zeros((), self._table.dtype)
        return self._table[self._size - 1]


def event_of(row: Any, sample_rate: int) -> tuple[Event, Array, float]:
    """The event of a row, its acoustic probabilities and its novelty."""
    values = {name: row[name].item() for name in _POSITION}
    return Event(**values, sample_rate=sample_rate), row["acoustic"].copy(), float(row["novelty"])


def fingerprints(judged: TimelineLabels) -> NDArray[np.int64]:
    """A number for what is said of each event after its company and timing, to the decimals that are written."""
    said = zip(
        *(judged.labels, judged.timing, judged.reasons, judged.p_label.round(4).tolist(), judged.since_cavitation_s),
        strict=True,
    )
    return np.array([hash((*words, rounded(since, 6))) or 1 for *words, since in said], np.int64)
