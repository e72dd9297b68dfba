"""What is scored: one record for each labelled sound and each detected one, paired where they are the same.

Which event is which labelled sound is decided in `popclass.evaluation.pairs`. In a clip that is labelled as a whole the
strongest event is the labelled sound, as in training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.evaluation.pairs import names_onset, pair
from popclass.labels import LabelledRecording
from popclass.labels.matching import strongest
from popclass.results import Event

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
    def names_onset(self) -> bool:
        """Whether the label says when its sound begins, so that the event's onset can be held against it."""
        return self.start_s is not None and self.end_s is not None and names_onset(self.start_s, self.end_s)

    @property
    def time_s(self) -> float:
        """Where in the recording it is: the onset, or the label's start where nothing was detected."""
        at = self.start_s if self.event is None else self.event.start_s
        return 0.0 if at is None else at


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
        pairs = dict(pair(rows, events))
        for i, row in enumerate(rows):
            if i in pairs:
                at = pairs[i]
                found[at] = Case(recording, row.label, row.start_s, row.end_s, events[at], own[at])
            else:
                missed.append(Case(recording, row.label, row.start_s, row.end_s, None, {}))
    heard = [found.get(i, Case(recording, None, None, None, event, own[i])) for i, event in enumerate(events)]
    yield from sorted([*heard, *missed], key=lambda case: case.time_s)
