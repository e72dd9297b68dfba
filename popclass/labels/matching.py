"""Which event of a recording a label means.

Hand-made labels miss the onset by some milliseconds, and detection has its own tolerance. So an event belongs to a
label if its onset lies in the labelled stretch or at most 15 ms outside, to the nearest where there are several.

- A **point**, or a stretch of at most 10 ms, marks an onset: of those within 15 ms of its start, the nearest takes the
  label. Points choose first, the closest pair of point and onset before all others: whoever set one meant that very
  onset.
- A longer **stretch** is one sound: of the events that no point took, its strongest takes the label, since a stretch
  drawn by hand begins in the echo or the rub before it as often as at the onset.

The other events that belong to a label (echoes, the rub before a snap) are neither that nor `other` and stay out of
training. Events that no label covers are `other` where a recording is fully labelled, and left out where it is not.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from popclass.labels.records import LabelledRecording, LabelRow
from popclass.results import OTHER, Event

TOLERANCE_S = 0.015  # chosen, not measured: wider than the error of a label set by hand, narrower than most gaps
ONSET_S = 0.010  # a label no longer than this marks an onset, as in evaluation
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
    lost : tuple of LabelRow
        Labels near which something was detected that another label took.
    uncovered : tuple of int
        Indices of the events that no label covers: `other`, or None where labels are partial. The label of a whole clip
        covers all its events.
    """

    labels: tuple[str | None, ...]
    missed: tuple[LabelRow, ...] = ()
    uncovered: tuple[int, ...] = ()
    lost: tuple[LabelRow, ...] = ()


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
    onsets = np.array([event.start_s for event in events])
    taken = _points_first(onsets, rows)
    claimed, uncovered = _claims(onsets, rows, set(taken.values()))
    for row, inside in zip(rows, claimed, strict=True):
        for i in inside:
            labels[i] = None if row.label else OTHER
    given = dict(taken)
    for place, (row, inside) in enumerate(zip(rows, claimed, strict=True)):
        if not _is_point(row) and inside:
            given[place] = max(inside, key=lambda i: events[i].snr_db)
    for place, i in given.items():
        labels[i] = rows[place].label or OTHER
    without = [row for place, row in enumerate(rows) if row.label and place not in given]
    missed = tuple(row for row in without if not _in_reach(onsets, row))
    return Matched(tuple(labels), missed, tuple(uncovered), tuple(row for row in without if row not in missed))


def strongest(events: Sequence[Event]) -> int | None:
    """Index of the event that stands out most from the noise; None where there is none."""
    return max(range(len(events)), key=lambda i: events[i].snr_db, default=None)


def _points_first(onsets: np.ndarray, rows: Sequence[LabelRow]) -> dict[int, int]:
    """For each point that finds an onset, its place among the rows and the index of the onset, one to one."""
    pairs = []
    for place, row in enumerate(rows):
        if _is_point(row):
            apart = np.abs(onsets - row.start_s)
            pairs += [(float(apart[i]), place, int(i)) for i in np.flatnonzero(apart <= TOLERANCE_S + _ROUNDING_S)]
    taken: dict[int, int] = {}
    used: set[int] = set()
    for _, place, i in sorted(pairs):
        if place not in taken and i not in used:
            taken[place] = i
            used.add(i)
    return taken


def _is_point(row: LabelRow) -> bool:
    return row.end_s - row.start_s <= ONSET_S + _ROUNDING_S


def _claims(onsets: np.ndarray, rows: Sequence[LabelRow], taken: Collection[int]) -> tuple[list[list[int]], list[int]]:
    """The events that belong to each row, and those that belong to none, without those already taken."""
    starts, ends = np.array([row.start_s for row in rows]), np.array([row.end_s for row in rows])
    claimed: list[list[int]] = [[] for _ in rows]
    uncovered: list[int] = []
    for i, onset in enumerate(onsets.tolist()):
        if i in taken:
            continue
        place = _nearest(onset, starts, ends)
        (uncovered if place is None else claimed[place]).append(i)
    return claimed, uncovered


def _in_reach(onsets: np.ndarray, row: LabelRow) -> bool:
    """Whether any onset lies in a labelled stretch or at most the tolerance outside."""
    reach = TOLERANCE_S + _ROUNDING_S
    return bool(((onsets >= row.start_s - reach) & (onsets <= row.end_s + reach)).any())


def _nearest(onset_s: float, starts: np.ndarray, ends: np.ndarray) -> int | None:
    """Index of the row an onset belongs to: the nearest, and of several around it the one that begins nearest."""
    if not len(starts):
        return None
    outside = np.maximum(np.maximum(starts - onset_s, onset_s - ends), 0.0)
    nearest = np.flatnonzero(outside == outside.min())
    best = int(nearest[np.argmin(np.abs(onset_s - starts[nearest]))])
    return best if outside[best] <= TOLERANCE_S + _ROUNDING_S else None
