"""Matching of events to labelled sounds, and the cases that are scored.

A point marks an onset, and so does an interval of at most 10 ms: an event matches if its onset lies at most 10 ms away.
In a longer interval any onset from 10 ms before its start to its end may match, and the strongest event does, as in
training (`popclass.labels.matching`). A maximum matching (Raffel et al. 2014, ISMIR: `mir_eval`) is not unique and may
give a label its neighbour's event. Among the maximum matchings the one with the least total distance is taken, by
linear assignment (Crouse 2016, IEEE Trans. Aerosp. Electron. Syst. 52(4), as scipy solves it).

There is one `Case` for each labelled sound and each detected one, paired where they match. In a clip with one label
the strongest event is the labelled sound, as in training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.labels import LabelledRecording, LabelRow
from popclass.labels.matching import strongest
from popclass.labels.records import ONSET_S, ROUNDING_S
from popclass.results import Event

WINDOW_S = ONSET_S  # largest distance of an onset from the label that marks it
_WEAKEST_S = 1e-7  # what the weakest event costs a stretch: less than a sample, so that distances decide first

Array = NDArray[np.float64]


def pair(rows: Sequence[LabelRow], events: Sequence[Event]) -> list[tuple[int, int]]:
    """Match events to labelled sounds.

    Parameters
    ----------
    rows : sequence of LabelRow
        In any order.
    events : sequence of Event
        In any order.

    Returns
    -------
    list of (int, int)
        Places of rows and events, by the row.

    Examples
    --------
    >>> click = Event(1002, 1002, 1010, 1000, channel=1, snr_db=20.0, peak_dbfs=-6.0)
    >>> pair([LabelRow(0.995, 0.995, "snapping"), LabelRow(1.0, 1.0, "cavitation")], [click])
    [(1, 0)]
    """
    reach = _reach(rows, np.array([event.start_s for event in events], dtype=float))
    pairs: list[tuple[int, int]] = []
    for some, candidates in _apart(reach, len(events)):
        cost = np.array([_costs(rows[i], reach[i], candidates, events) for i in some])
        pairs += _assigned(cost, some, candidates)
    return sorted(pairs)


def _reach(rows: Sequence[LabelRow], onsets: Array) -> list[NDArray[np.intp]]:
    """Return the events that each row may match."""
    order = np.argsort(onsets, kind="stable")
    window_s = WINDOW_S + ROUNDING_S
    first = np.searchsorted(onsets[order], [row.start_s - window_s for row in rows], side="left")
    last = [row.start_s + window_s if row.names_onset else row.end_s for row in rows]
    stop = np.searchsorted(onsets[order], last, side="right")
    return [order[a:b] for a, b in zip(first, stop, strict=True)]


def _apart(reach: Sequence[NDArray[np.intp]], events: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield groups of rows and events that compete with each other."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(reach) + events
    rows = np.repeat(np.arange(len(reach)), [len(near) for near in reach])
    near = np.concatenate([*reach, np.empty(0, dtype=np.intp)]).astype(np.intp)
    graph = coo_array((np.ones(len(rows)), (rows, len(reach) + near)), shape=(n, n))
    groups: dict[int, tuple[list[int], list[int]]] = {}
    for node, group in enumerate(connected_components(graph, directed=False)[1].tolist()):
        of_rows, of_events = groups.setdefault(group, ([], []))
        (of_rows.append(node) if node < len(reach) else of_events.append(node - len(reach)))
    return (each for each in groups.values() if each[0] and each[1])


def _costs(row: LabelRow, reach: NDArray[np.intp], candidates: Sequence[int], events: Sequence[Event]) -> Array:
    """Return the cost of each candidate for a row, shape (candidates,); infinite where it is out of reach."""
    cost = np.full(len(candidates), np.inf)
    inside = np.flatnonzero(np.isin(candidates, reach)).tolist()
    if row.names_onset:
        cost[inside] = [abs(events[candidates[at]].start_s - row.start_s) for at in inside]
    elif inside:
        levels = np.array([events[candidates[at]].snr_db for at in inside])
        cost[inside] = _WEAKEST_S * (levels.max() - levels) / max(float(np.ptp(levels)), 1.0)
    return cost


def _assigned(cost: Array, rows: Sequence[int], candidates: Sequence[int]) -> Iterator[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment

    allowed = np.isfinite(cost)
    forbidden = 1.0 + cost[allowed].max() * min(
        cost.shape
    )  # dearer than any choice of pairs: as many as possible come first
    chosen = linear_sum_assignment(np.where(allowed, cost, forbidden))
    return ((rows[i], candidates[j]) for i, j in zip(*chosen, strict=True) if allowed[i, j])


MATCHED = "matched"
MISSED = "missed"
UNLABELLED = "unlabelled"


@dataclass(frozen=True, slots=True)
class Case:
    """A labelled sound, a detected one, or both.

    Attributes
    ----------
    recording : LabelledRecording
    truth : str or None
        The label; None where the sound has none.
    start_s, end_s : float or None
        Of the label; None where it has no time.
    event : Event or None
        What was detected; None where nothing was.
    probabilities : mapping of str to ndarray, shape (classes,)
        What each reading (`popclass.evaluation.classification`) makes of the event; empty where there is none.
    """

    recording: LabelledRecording
    truth: str | None
    start_s: float | None
    end_s: float | None
    event: Event | None
    probabilities: Mapping[str, Array]

    @property
    def status(self) -> str:
        """`matched`, `missed` or `unlabelled`."""
        if self.truth is None:
            return UNLABELLED
        return MISSED if self.event is None else MATCHED

    @property
    def onset_error_s(self) -> float | None:
        """Delay of the event's onset after the label's start."""
        return None if self.event is None or self.start_s is None else self.event.start_s - self.start_s

    @property
    def names_onset(self) -> bool:
        """True if the label marks an onset, so that an onset error is defined."""
        return (
            self.start_s is not None and self.end_s is not None and LabelRow(self.start_s, self.end_s, "").names_onset
        )

    @property
    def time_s(self) -> float:
        """Time in the recording: the onset, or the label's start where nothing was detected."""
        at = self.start_s if self.event is None else self.event.start_s
        return 0.0 if at is None else at


def cases_of(
    recording: LabelledRecording, events: Sequence[Event], probabilities: Mapping[str, Array]
) -> Iterator[Case]:
    """Return the cases of one recording in order of time.

    Parameters
    ----------
    recording : LabelledRecording
    events : sequence of Event
        With their labels.
    probabilities : mapping of str to ndarray, shape (events, classes)
        Of each reading.
    """
    own = [{name: table[i] for name, table in probabilities.items()} for i in range(len(events))]
    found: dict[int, Case] = {}
    missed: list[Case] = []
    if recording.whole is not None:
        best = strongest(events)
        if best is None:
            missed.append(Case(recording, recording.whole, None, None, None, {}))
        else:
            found[best] = Case(recording, recording.whole, None, None, events[best], own[best])
    else:
        rows = [row for row in recording.rows if row.label]
        pairs = dict(pair(rows, events))
        for i, row in enumerate(rows):
            if i in pairs:
                at = pairs[i]
                found[at] = Case(recording, row.label, row.start_s, row.end_s, events[at], own[at])
            else:
                missed.append(Case(recording, row.label, row.start_s, row.end_s, None, {}))
    detected = [found.get(i, Case(recording, None, None, None, event, own[i])) for i, event in enumerate(events)]
    yield from sorted([*detected, *missed], key=lambda case: case.time_s)
