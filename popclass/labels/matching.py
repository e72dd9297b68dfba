"""Matching of labels to events, for training.

Labels set by hand miss the onset by some milliseconds, and detection has its own tolerance. So an event belongs to a
label if its onset lies in the labelled interval or at most 15 ms outside, to the nearest where there are several.

- A **point**, or an interval of at most 10 ms, marks an onset: the nearest onset within 15 ms of its start takes the
  label. Points choose first, the closest pair of point and onset before all others.
- An **exported** interval starts at an onset, to the rounding of its decimals. It marks that onset, as a point would,
  so labels that popclass wrote return to their events even where the intervals overlap.
- Any other **interval** contains one sound: the strongest event that no point took gets the label. An interval drawn by
  hand begins in the echo or the rub before the sound as often as at its onset. Onsets up to 1 ms before its start count
  as inside, so that of adjacent intervals each keeps its own.

The other events that belong to a label (echoes, the rub before a snap) are not used for training. Events that no label
covers are `other` where a recording is fully labelled, and are not used where it is not.

Events of an `unsure` label are not used for training, and are not `other`.

Scoring matches differently, see `popclass.evaluation.matching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.labels.records import EXACT_S, ROUNDING_S, UNSURE, LabelledRecording, LabelRow
from popclass.results import Event
from popclass.schema import OTHER

TOLERANCE_S = 0.015  # chosen, not measured: wider than the error of a label set by hand, narrower than most gaps
_REACH_S = TOLERANCE_S + ROUNDING_S
_EARLY_S = 0.001  # by which a detected onset may precede the true one, chosen

Times = NDArray[np.float64]
Groups = dict[int, list[int]]


@dataclass(frozen=True, slots=True)
class Matched:
    """Events of a recording with the labels they were given.

    Attributes
    ----------
    labels : tuple of (str or None)
        One an event; None where its class is unknown, also by an `unsure` label.
    missed : tuple of LabelRow
        Labels without an event in reach, without `unsure`.
    uncovered : tuple of int
        Indices of the events that no label covers: `other`, or None where labels are partial. The label of a whole clip
        covers all its events.
    lost : tuple of LabelRow
        Labels whose events in reach were all given to other labels, without `unsure`.
    """

    labels: tuple[str | None, ...]
    missed: tuple[LabelRow, ...] = ()
    uncovered: tuple[int, ...] = ()
    lost: tuple[LabelRow, ...] = ()


def match(events: Sequence[Event], recording: LabelledRecording, *, partial: bool = False) -> Matched:
    """Assign a label to each event.

    Parameters
    ----------
    events : sequence of Event
        All events detected in the recording.
    recording : LabelledRecording
    partial : bool
        Whether events without a label are unknown instead of `other`.
    """
    if recording.whole is not None:
        best = None if recording.whole == UNSURE else strongest(events)
        return Matched(tuple(recording.whole if i == best else None for i in range(len(events))))
    rows = recording.rows
    onsets = np.array([event.start_s for event in events])
    by_row = match_starts(onsets, rows, [_REACH_S if row.names_onset else EXACT_S for row in rows])
    marks_onset = [row.names_onset or at in by_row for at, row in enumerate(rows)]
    inside, uncovered = _group_by_row(onsets, rows, sorted(set(range(len(events))) - set(by_row.values())))
    labels: list[str | None] = [None if partial and not recording.verified else OTHER] * len(events)
    for at, members in inside.items():
        for i in members:
            labels[i] = None if rows[at].label else OTHER
        if not marks_onset[at]:
            by_row[at] = max(members, key=lambda i: events[i].snr_db)
    for at, i in by_row.items():
        labels[i] = None if rows[at].label == UNSURE else rows[at].label or OTHER
    missed, lost = list[LabelRow](), list[LabelRow]()
    for at, row in enumerate(rows):
        if row.label not in ("", UNSURE) and at not in by_row:
            near = (onsets >= row.start_s - _REACH_S) & (onsets <= row.end_s + _REACH_S)
            (lost if near.any() else missed).append(row)
    return Matched(tuple(labels), tuple(missed), tuple(uncovered), tuple(lost))


def strongest(events: Sequence[Event]) -> int | None:
    """Return the index of the event with the highest SNR; None where there are no events."""
    return max(range(len(events)), key=lambda i: events[i].snr_db, default=None)


def match_starts(onsets: Times, rows: Sequence[LabelRow], reach_s: Sequence[float]) -> dict[int, int]:
    """Return the index of the onset that each row takes, by the index of its row; the closest pairs first.

    Parameters
    ----------
    onsets : ndarray
        Seconds.
    rows : sequence of LabelRow
        Of several that are equally close to an onset, the one that ends first takes it.
    reach_s : sequence of float
        Largest distance of an onset from the start of each row.

    Examples
    --------
    >>> rows = [LabelRow(1.0, 1.05, "cavitation"), LabelRow(1.006, 1.05, "snapping")]
    >>> match_starts(np.array([1.0, 1.0060004]), rows, [EXACT_S, EXACT_S])
    {0: 0, 1: 1}
    """
    pairs = []
    for at, (row, reach) in enumerate(zip(rows, reach_s, strict=True)):
        distance = np.abs(onsets - row.start_s)
        pairs += [(float(distance[i]), row.end_s, at, int(i)) for i in np.flatnonzero(distance <= reach)]
    taken: dict[int, int] = {}
    used: set[int] = set()
    for _, _, at, i in sorted(pairs):
        if at not in taken and i not in used:
            taken[at] = i
            used.add(i)
    return taken


def _group_by_row(onsets: Times, rows: Sequence[LabelRow], free: Iterable[int]) -> tuple[Groups, list[int]]:
    """Return the free events that belong to each row, by the index of the row, and those that belong to none.

    An event belongs to the nearest row; of several that contain its onset, to the one that begins nearest to it.
    """
    starts, ends = np.array([row.start_s for row in rows]), np.array([row.end_s for row in rows])
    groups: Groups = {}
    uncovered: list[int] = []
    for i in free:
        early = starts - onsets[i]
        outside = np.maximum(np.maximum(np.where(early <= _EARLY_S, 0.0, early), onsets[i] - ends), 0.0)
        if outside.min(initial=np.inf) > _REACH_S:
            uncovered.append(i)
            continue
        nearest = np.flatnonzero(outside == outside.min())
        at = int(nearest[np.argmin(np.abs(onsets[i] - starts[nearest]))])
        groups.setdefault(at, []).append(i)
    return groups, uncovered
