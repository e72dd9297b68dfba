"""Which event of a recording a label means.

Hand-made labels miss the onset by some milliseconds, and detection has its own tolerance. So an event belongs to a
label if its onset lies in the labelled stretch or at most 15 ms outside, to the nearest where there are several.

- A **point** marks a moment: of the onsets within 15 ms of it, the nearest takes the label.
- A **stretch** is one sound: its strongest event takes the label, since a stretch drawn by hand begins in the echo or
  the rub before it as often as at the onset.

The other events that belong to a label (echoes, the rub before a snap) are neither that nor `other` and stay out of
training. Events that no label covers are `other` where a recording is fully labelled, and left out where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from popclass.labels.records import LabelledRecording, LabelRow
from popclass.results import OTHER, Event

TOLERANCE_S = 0.015  # chosen, not measured: wider than the error of a label set by hand, narrower than most gaps
_ROUNDING_S = 1e-9


@dataclass(frozen=True, slots=True)
class Matched:
    """What the labels make of the events.

    Attributes
    ----------
    labels : tuple of (str or None)
        One an event; None where nothing can be said.
    missed : tuple of LabelRow
        Labels near which nothing was detected.
    uncovered : tuple of int
        Indices of the events that no label covers: `other`, or None where labels are partial. The label of a whole clip
        covers all its events.
    """

    labels: tuple[str | None, ...]
    missed: tuple[LabelRow, ...] = ()
    uncovered: tuple[int, ...] = ()


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
        return Matched(tuple(recording.whole if i == best else None for i in range(len(events))))
    elsewhere = None if partial and not recording.verified else OTHER
    labels: list[str | None] = [elsewhere] * len(events)
    rows = recording.rows
    claimed, uncovered = _claims(events, rows)
    for row, inside in zip(rows, claimed, strict=True):
        for i in inside:
            labels[i] = None if row.label else OTHER
        if row.label and inside:
            labels[_meant(row, inside, events)] = row.label
    missed = (row for row, inside in zip(rows, claimed, strict=True) if row.label and not inside)
    return Matched(tuple(labels), tuple(missed), tuple(uncovered))


def strongest(events: Sequence[Event]) -> int | None:
    """Index of the event that stands out most from the noise; None where there is none."""
    return max(range(len(events)), key=lambda i: events[i].snr_db, default=None)


def _claims(events: Sequence[Event], rows: Sequence[LabelRow]) -> tuple[list[list[int]], list[int]]:
    """The events that belong to each row, and those that belong to none."""
    starts, ends = np.array([row.start_s for row in rows]), np.array([row.end_s for row in rows])
    claimed: list[list[int]] = [[] for _ in rows]
    uncovered: list[int] = []
    for i, event in enumerate(events):
        place = _nearest(event.start_s, starts, ends)
        (uncovered if place is None else claimed[place]).append(i)
    return claimed, uncovered


def _meant(row: LabelRow, inside: Sequence[int], events: Sequence[Event]) -> int:
    """Index of the event that takes the label of a row."""
    if row.is_point:
        return min(inside, key=lambda i: abs(events[i].start_s - row.start_s))
    return max(inside, key=lambda i: events[i].snr_db)


def _nearest(onset_s: float, starts: np.ndarray, ends: np.ndarray) -> int | None:
    """Index of the row an onset belongs to: the nearest, and of several around it the one that begins nearest."""
    if not len(starts):
        return None
    outside = np.maximum(np.maximum(starts - onset_s, onset_s - ends), 0.0)
    nearest = np.flatnonzero(outside == outside.min())
    best = int(nearest[np.argmin(np.abs(onset_s - starts[nearest]))])
    return best if outside[best] <= TOLERANCE_S + _ROUNDING_S else None
