"""Matching of events to labelled sounds, and the cases that are scored.

A point marks an onset, and so does an interval of at most 10 ms: an event matches if its onset lies at most 10 ms away.
In a longer interval any onset from 10 ms before its start to its end may match, and the strongest event does, as in
training (`popclass.labels.matching`). An interval that starts exactly at an onset was exported and matches that onset
before all others.

Labels set by hand differ by more. Where two observers are compared, labels match up to 50 ms from each other, the
window of `mir_eval.onset`, and events match labels as far away: a narrower window would make the model look worse than
the observers. An event outside a stretch costs its distance, so that one inside comes first.

A maximum matching (Raffel et al. 2014, ISMIR: `mir_eval`) is not unique and may
give a label its neighbour's event. Among the maximum matchings the one with the least total distance is taken, by
linear assignment (Crouse 2016, IEEE Trans. Aerosp. Electron. Syst. 52(4), as scipy solves it).

There is one `Case` for each labelled sound and each detected one, paired where they match. In a clip with one label
the strongest event is the labelled sound, as in training. Sounds labelled `unsure` and events in them have none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.labels import LabelledRecording, LabelRow
from popclass.labels.matching import match_starts, strongest
from popclass.labels.records import EXACT_S, ONSET_S, ROUNDING_S, UNSURE
from popclass.results import Event

WINDOW_S = ONSET_S  # largest distance of an onset from the label that marks it
OBSERVERS_S = 0.050  # the same between labels that two people set by hand, and between these and events
_MARGIN_S = OBSERVERS_S - WINDOW_S
_WEAKEST_S = 1e-7  # cost of an interval's weakest event: less than a sample, so that distances decide first

MATCHED, MISSED, UNLABELLED = "matched", "missed", "unlabelled"

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


def pair(rows: Sequence[LabelRow], events: Sequence[Event], *, by_hand: bool = False) -> list[tuple[int, int]]:
    """Match events to labelled sounds.

    Parameters
    ----------
    rows : sequence of LabelRow
        In any order.
    events : sequence of Event
        In any order.
    by_hand : bool
        Whether labels reach up to `OBSERVERS_S` instead of `WINDOW_S`, and as much farther behind their end.

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
    onsets = np.array([event.start_s for event in events], dtype=float)
    levels = np.array([event.snr_db for event in events], dtype=float)
    starts = match_starts(onsets, rows, [EXACT_S] * len(rows))
    exported = {i: j for i, j in starts.items() if not rows[i].names_onset}
    free = np.ones(len(events), dtype=bool)
    free[list(exported.values())] = False
    within = _reach(rows, onsets, _MARGIN_S if by_hand else 0.0)
    reach = [near[free[near] & (i not in exported)] for i, near in enumerate(within)]

    def cost(i: int, candidates: Indices) -> Array:
        row, level = rows[i], levels[candidates]
        if row.names_onset:
            return np.abs(onsets[candidates] - row.start_s)
        early, late = row.start_s - WINDOW_S - ROUNDING_S - onsets[candidates], onsets[candidates] - row.end_s
        outside = np.maximum(np.maximum(early, late), 0.0)
        return np.asarray(outside + _WEAKEST_S * (level.max() - level) / max(float(np.ptp(level)), 1.0))

    return sorted([*exported.items(), *_cheapest(reach, len(events), cost)])


def pair_labels(first: Sequence[LabelRow], second: Sequence[LabelRow]) -> list[tuple[int, int]]:
    """Match the labels of two observers: those that overlap or lie at most 50 ms apart, the closest starts together.

    Parameters
    ----------
    first, second : sequence of LabelRow
        In any order. Labels that mark an onset count as their start.

    Returns
    -------
    list of (int, int)
        Places in both, by the first.

    Examples
    --------
    >>> pair_labels([LabelRow(1.0, 1.0, "other")], [LabelRow(1.2, 1.4, "other"), LabelRow(0.9, 1.1, "snapping")])
    [(0, 1)]
    """
    (starts, ends), (others, others_end) = _stretches(first), _stretches(second)
    gaps = (np.maximum(others - end, start - others_end) for start, end in zip(starts, ends, strict=True))
    reach = [np.flatnonzero(gap <= OBSERVERS_S + ROUNDING_S) for gap in gaps]
    return sorted(_cheapest(reach, len(second), lambda i, at: np.abs(others[at] - starts[i])))


def _stretches(rows: Sequence[LabelRow]) -> tuple[Array, Array]:
    starts = np.array([row.start_s for row in rows], dtype=float)
    return starts, np.array([row.start_s if row.names_onset else row.end_s for row in rows], dtype=float)


def _cheapest(
    reach: Sequence[Indices], columns: int, cost_of: Callable[[int, Indices], Array]
) -> list[tuple[int, int]]:
    """Return the maximum matching of rows with columns in their reach that has the least total cost."""
    from scipy.optimize import linear_sum_assignment

    pairs = []
    for some, candidates in apart(reach, columns):
        cost = np.full((len(some), len(candidates)), np.inf)
        for at, i in enumerate(some):
            inside = np.isin(candidates, reach[i])
            cost[at, inside] = cost_of(int(i), candidates[inside])
        allowed = np.isfinite(cost)
        # dearer than any choice of pairs: as many as possible come first
        forbidden = 1.0 + cost[allowed].max() * min(cost.shape)
        chosen = zip(*linear_sum_assignment(np.where(allowed, cost, forbidden)), strict=True)
        pairs += [(int(some[at]), int(candidates[j])) for at, j in chosen if allowed[at, j]]
    return pairs


def _reach(rows: Sequence[LabelRow], onsets: Array, margin_s: float) -> list[Indices]:
    """Return the events that each row may match, with a margin on both sides."""
    order = np.argsort(onsets, kind="stable")
    window_s = WINDOW_S + ROUNDING_S + margin_s
    first = np.searchsorted(onsets[order], [row.start_s - window_s for row in rows], side="left")
    last = [row.start_s + window_s if row.names_onset else row.end_s + margin_s for row in rows]
    stop = np.searchsorted(onsets[order], last, side="right")
    return [order[a:b] for a, b in zip(first, stop, strict=True)]


def apart(reach: Sequence[Indices], columns: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield groups of rows and columns that are connected, given the columns in reach of each row."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(reach) + columns
    rows = np.repeat(np.arange(len(reach)), [len(near) for near in reach])
    near = np.concatenate([*reach, np.empty(0, dtype=np.intp)]).astype(np.intp)
    graph = coo_array((np.ones(len(rows)), (rows, len(reach) + near)), shape=(n, n))
    group = connected_components(graph, directed=False)[1]
    of_rows, of_columns = group[: len(reach)], group[len(reach) :]
    for number in np.intersect1d(of_rows, of_columns):
        yield np.flatnonzero(of_rows == number), np.flatnonzero(of_columns == number)


@dataclass(frozen=True, slots=True)
class Case:
    """A labelled sound, a detected one, or both.

    Attributes
    ----------
    recording : LabelledRecording
    truth : str or None
        The label; None where the sound has none.
    row : LabelRow or None
        The label with its times; None where the sound has none, or its recording is a clip.
    event : Event or None
        None where nothing was detected.
    probabilities : mapping of str to ndarray, shape (classes,)
        Probabilities of each reading (`popclass.evaluation.scores`); empty where there is no event.
    """

    recording: LabelledRecording
    truth: str | None
    row: LabelRow | None
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
        return None if self.event is None or self.row is None else self.event.start_s - self.row.start_s

    @property
    def time_s(self) -> float:
        """Time in the recording: the onset, or the label's start where nothing was detected."""
        if self.event is not None:
            return self.event.start_s
        return 0.0 if self.row is None else self.row.start_s


def cases_of(
    recording: LabelledRecording,
    events: Sequence[Event],
    probabilities: Mapping[str, Array],
    *,
    by_hand: bool = False,
) -> list[Case]:
    """Return the cases of one recording in order of time.

    Parameters
    ----------
    recording : LabelledRecording
    events : sequence of Event
        With their labels.
    probabilities : mapping of str to ndarray, shape (events, classes)
        Of each reading.
    by_hand : bool
        As `pair` takes it.
    """
    own = [{name: table[i] for name, table in probabilities.items()} for i in range(len(events))]
    if recording.whole == UNSURE:
        return []
    labels: list[tuple[str, LabelRow | None]]
    if recording.whole is not None:
        best = strongest(events)
        labels, taken = [(recording.whole, None)], {} if best is None else {0: best}
    else:
        rows = [row for row in recording.rows if row.label]
        labels, taken = [(row.label, row) for row in rows], dict(pair(rows, events, by_hand=by_hand))
    unsure = [row for truth, row in labels if truth == UNSURE and row is not None]
    missed = [
        Case(recording, truth, row, None, {})
        for i, (truth, row) in enumerate(labels)
        if i not in taken and truth != UNSURE
    ]
    truths = {at: labels[i] for i, at in taken.items()}
    onsets = np.array([event.start_s for event in events])
    covered = {int(i) for near in _reach(unsure, onsets, _MARGIN_S if by_hand else 0.0) for i in near}
    detected = []
    for i, event in enumerate(events):
        truth, label = truths.get(i, (None, None))
        if truth == UNSURE or (truth is None and i in covered):
            continue
        detected.append(Case(recording, truth, label, event, own[i]))
    return sorted([*detected, *missed], key=lambda case: case.time_s)


def groups_of(cases: Sequence[Case]) -> tuple[str, list[str]]:
    """Return the kind and names of the groups for intervals, one name a case; see `groups_of_recordings`."""
    return groups_of_recordings([case.recording for case in cases])


def groups_of_recordings(recordings: Sequence[LabelledRecording]) -> tuple[str, list[str]]:
    """Return the kind and names of the groups of recordings, with repetitions.

    Groups are subjects if several and all known, else recordings; a clip belongs to the one it was cut from.
    """
    subjects = [recording.subject for recording in recordings]
    if None not in subjects and len(set(subjects)) > 1:
        return "subject", [str(subject) for subject in subjects]
    return "recording", [recording.source or recording.name for recording in recordings]


def count_labels(cases: Iterable[Case]) -> dict[str, int]:
    """Return the number of cases with each true label, by name."""
    return dict(sorted(Counter(case.truth for case in cases if case.truth is not None).items()))
