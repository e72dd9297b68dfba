"""What is scored: one record for each labelled sound and each detected one, paired where they are the same.

A labelled sound is found where an event's onset lies at most 10 ms from the label's start. Pairs are those of a maximum
matching (Raffel et al. 2014, ISMIR: `mir_eval`), so that no event finds two sounds; among events that would all do, the
nearest is taken. In a clip that is labelled as a whole the strongest event is the labelled sound, as in training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.labels import LabelledRecording
from popclass.labels.matching import strongest
from popclass.results import Event

WINDOW_S = 0.010

MATCHED = "matched"
MISSED = "missed"
UNLABELLED = "unlabelled"

Array = NDArray[np.float64]


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
    chances : mapping of str to ndarray, shape (classes,)
        What each reading (`popclass.evaluation.classification`) makes of the event; empty where there is none.
    """

    recording: LabelledRecording
    truth: str | None
    start_s: float | None
    end_s: float | None
    event: Event | None
    chances: Mapping[str, Array]

    @property
    def status(self) -> str:
        """`matched`, `missed` or `unlabelled`."""
        if self.truth is None:
            return UNLABELLED
        return MISSED if self.event is None else MATCHED

    @property
    def onset_error_s(self) -> float | None:
        """How much later than the label's start the event's onset is."""
        return None if self.event is None or self.start_s is None else self.event.start_s - self.start_s

    @property
    def time_s(self) -> float:
        """Where in the recording it is: the onset, or the label's start where nothing was detected."""
        at = self.start_s if self.event is None else self.event.start_s
        return 0.0 if at is None else at


def pair(truth_s: Sequence[float], found_s: Sequence[float], window_s: float = WINDOW_S) -> list[tuple[int, int]]:
    """Which onset found is which true one.

    Parameters
    ----------
    truth_s, found_s : sequences of float
        In seconds, in any order.
    window_s : float
        The largest distance of a pair.

    Returns
    -------
    list of (int, int)
        Places of true and found onsets, by the true one; as many pairs as there can be.

    Examples
    --------
    >>> pair([1.000, 2.000], [0.994, 1.001, 3.0])
    [(0, 1)]
    """
    from mir_eval.util import match_events

    if not len(truth_s) or not len(found_s):
        return []
    truth, found = np.asarray(truth_s, dtype=float), np.asarray(found_s, dtype=float)
    pairs = match_events(truth, found, window_s)
    # In the order of time, pairs lie no farther apart than crosswise.
    true = sorted((int(i) for i, _ in pairs), key=lambda i: (truth[i], i))
    taken = sorted((int(j) for _, j in pairs), key=lambda j: (found[j], j))
    free = set(range(len(found))) - set(taken)
    chosen = []
    for i, j in zip(true, taken, strict=True):
        best = min([j, *free], key=lambda at: (abs(found[at] - truth[i]), at != j))
        if best != j:
            free = (free - {best}) | {j}
        chosen.append((i, best))
    return sorted(chosen)


def cases_of(recording: LabelledRecording, events: Sequence[Event], chances: Mapping[str, Array]) -> Iterator[Case]:
    """The cases of one recording, in the order of time.

    Parameters
    ----------
    recording : LabelledRecording
    events : sequence of Event
        With their labels.
    chances : mapping of str to ndarray, shape (events, classes)
        Of each reading.
    """
    own = [{name: table[i] for name, table in chances.items()} for i in range(len(events))]
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
        pairs = dict(pair([row.start_s for row in rows], [event.start_s for event in events]))
        for i, row in enumerate(rows):
            if i in pairs:
                at = pairs[i]
                found[at] = Case(recording, row.label, row.start_s, row.end_s, events[at], own[at])
            else:
                missed.append(Case(recording, row.label, row.start_s, row.end_s, None, {}))
    heard = [found.get(i, Case(recording, None, None, None, event, own[i])) for i, event in enumerate(events)]
    yield from sorted([*heard, *missed], key=lambda case: case.time_s)
