"""Which event of a recording a label means.

An event belongs to the labelled stretch that its onset lies in, or at most 10 ms outside (hand-made labels start early,
and detection has its own tolerance), the nearest where there are several. A stretch is one sound: its strongest event
takes the label. The others in it (echoes, the rub before a snap) are neither that nor `other` and stay out of training.
Events that no stretch claims are `other` where a recording is fully labelled, and left out where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from popclass.results import OTHER, Event
from popclass.training.labels import LabelledRecording, LabelRow

TOLERANCE_S = 0.010


@dataclass(frozen=True, slots=True)
class Matched:
    """What the labels make of the events.

    Attributes
    ----------
    labels : tuple of (str or None)
        One an event; None where nothing can be said.
    missed : tuple of LabelRow
        Labelled stretches in which nothing was detected.
    """

    labels: tuple[str | None, ...]
    missed: tuple[LabelRow, ...]


def match(events: Sequence[Event], recording: LabelledRecording, *, partial: bool = False) -> Matched:
    """Give each event its label.

    Parameters
    ----------
    events : sequence of Event
        Everything detected in the recording.
    recording : LabelledRecording
    partial : bool
        Whether sounds without a label are unknown instead of `other`.
    """
    if recording.whole is not None:
        best = strongest(events)
        return Matched(tuple(recording.whole if i == best else None for i in range(len(events))), ())
    elsewhere = None if partial and not recording.verified else OTHER
    labels: list[str | None] = [elsewhere] * len(events)
    rows = recording.rows
    starts, ends = np.array([row.start_s for row in rows]), np.array([row.end_s for row in rows])
    claimed: list[list[int]] = [[] for _ in rows]
    for i, event in enumerate(events):
        place = _nearest(event.start_s, starts, ends)
        if place is not None:
            claimed[place].append(i)
            labels[i] = None if rows[place].label else OTHER
    for row, inside in zip(rows, claimed, strict=True):
        if row.label and inside:
            labels[max(inside, key=lambda i: events[i].snr_db)] = row.label
    missed = (row for row, inside in zip(rows, claimed, strict=True) if row.label and not inside)
    return Matched(tuple(labels), tuple(missed))


def strongest(events: Sequence[Event]) -> int | None:
    """Index of the event that stands out most from the noise; None where there is none."""
    return max(range(len(events)), key=lambda i: events[i].snr_db, default=None)


def _nearest(onset_s: float, starts: np.ndarray, ends: np.ndarray) -> int | None:
    """Index of the stretch an onset belongs to: the nearest, and of several it lies in the one that began last."""
    if not len(starts):
        return None
    outside = np.maximum(np.maximum(starts - onset_s, onset_s - ends), 0.0)
    nearest = np.flatnonzero(outside == outside.min())
    best = int(nearest[np.argmin(np.abs(onset_s - starts[nearest]))])
    return best if outside[best] <= TOLERANCE_S else None
