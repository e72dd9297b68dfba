"""Which recordings share a timeline, and where on it each of them starts.

Recordings of one subject and site form one timeline; a site that is unknown counts as one of its own. A recording
stands alone where its subject or its starting time is unknown.

Starting times with a time zone are compared with each other, and so are those without; the two are never mixed, since
a clock without a zone may be hours away. They form separate timelines of the same subject and site, and that is said.

Recordings may overlap in time, as with two phones in one room; a sound that both heard then counts twice. That is
said as well, where the lengths of the recordings are known. Clocks count whole seconds, so up to one second is no
overlap: a recorder that splits a long info writes such times.

A clock that was set back between two recordings cannot be repaired, but it shows where a counter in their names goes on
(`take2.wav`, `take3.wav`) while the time goes back; then both are named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.results import RecordingInfo

_CLOCK_STEP_S = 1.0
_COUNTER = re.compile(r"(?P<name>.*?)(?P<number>\d{1,9})(?P<rest>\D*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Placed:
    """The events of a timeline in one row of arrays, recording after recording.

    Attributes
    ----------
    time_s : ndarray of float64, (n,)
        Onsets in seconds from the start of the timeline's first recording.
    burst : ndarray of int64, (n,)
        Numbers of bursts, unique on the timeline, counted from 1.
    recording : ndarray of int64, (n,)
        Which of the recordings handed to `timelines` the event belongs to.
    """

    time_s: NDArray[np.float64]
    burst: NDArray[np.int64]
    recording: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Recordings whose events are checked against each other.

    Attributes
    ----------
    subject, site : str or None
    recordings : tuple of int
        Which of the recordings handed to `timelines`, in order of their start.
    offsets_s : tuple of float
        Start of each after the first, in seconds.
    started_at : datetime or None
        Start of the first.
    """

    subject: str | None
    site: str | None
    recordings: tuple[int, ...]
    offsets_s: tuple[float, ...]
    started_at: datetime | None

    def place(self, onsets: Sequence[ArrayLike], bursts: Sequence[ArrayLike]) -> Placed:
        """The events of this timeline's recordings, given those of all recordings.

        Parameters
        ----------
        onsets : sequence of array_like of float
            For each recording handed to `timelines`, its onsets in seconds.
        bursts : sequence of array_like of int
            For each recording, the burst of each event.
        """
        columns = []
        used = 0
        for index, offset in zip(self.recordings, self.offsets_s, strict=True):
            onset = np.asarray(onsets[index], dtype=np.float64)
            names, number = np.unique(np.asarray(bursts[index], dtype=np.int64), return_inverse=True)
            columns.append((onset + offset, number + (used + 1), np.full(len(onset), index)))
            used += len(names)
        if len(columns) == 1:
            return Placed(*columns[0])
        return Placed(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def timelines(recordings: Iterable[RecordingInfo]) -> list[Timeline]:
    """Every recording on exactly one timeline, timelines in the order of their first recordings as handed in.

    Recordings that start at the same moment are ordered by name. The timelines of one subject do not depend on the
    recordings of another.
    """
    known = list(recordings)
    groups: dict[object, list[int]] = {}
    for index, info in enumerate(known):
        groups.setdefault(_key(index, info), []).append(index)
    return [_timeline(known, members) for members in groups.values()]


def warnings(recordings: Iterable[RecordingInfo]) -> list[list[str]]:
    """For each recording, one line for each thing that limits what its timing can say; mostly none."""
    known = list(recordings)
    said: list[list[str]] = [[] for _ in known]
    regions: dict[tuple[str, str | None], list[int]] = {}
    for index, info in enumerate(known):
        if info.subject is not None:
            regions.setdefault((info.subject, info.site), []).append(index)
    for members in regions.values():
        _warn_of_clocks(known, members, said)
    for timeline in timelines(known):
        if len(timeline.recordings) == 1:
            continue
        _warn_of_overlaps(known, timeline, said)
        _warn_of_clocks_set_back(known, timeline, said)
    return said


def _key(index: int, info: RecordingInfo) -> object:
    if info.subject is None or info.recorded_at is None:
        return index
    return info.subject, info.site, _has_zone(info.recorded_at)


def _has_zone(moment: datetime) -> bool:
    return moment.utcoffset() is not None


def _timeline(recordings: Sequence[RecordingInfo], members: Sequence[int]) -> Timeline:
    first = recordings[members[0]]
    if first.recorded_at is None:
        return Timeline(first.subject, first.site, tuple(members), (0.0,), None)
    clock = {index: _clock(moment) for index in members if (moment := recordings[index].recorded_at) is not None}
    order = sorted(clock, key=lambda index: (clock[index], recordings[index].name))
    offsets_s = tuple((clock[index] - clock[order[0]]).total_seconds() for index in order)
    return Timeline(first.subject, first.site, tuple(order), offsets_s, recordings[order[0]].recorded_at)


def _clock(moment: datetime) -> timedelta:
    """Time since 1970; plain subtraction would ignore a change to summer time between two moments of one zone."""
    return moment.replace(tzinfo=None) - datetime(1970, 1, 1) - (moment.utcoffset() or timedelta())


def _warn_of_clocks(recordings: Sequence[RecordingInfo], members: Sequence[int], said: list[list[str]]) -> None:
    """Recordings of one subject and site that cannot be compared with all the others."""
    zoned = [
        moment is not None and _has_zone(moment) for moment in (recordings[index].recorded_at for index in members)
    ]
    for index in members:
        moment = recordings[index].recorded_at
        if moment is None and len(members) > 1:
            said[index].append("no starting time: timing was checked within this recording only")
        elif moment is not None and not _has_zone(moment) and any(zoned):
            said[index].append("starting time without a time zone: timing was checked apart from recordings with one")


def _warn_of_overlaps(recordings: Sequence[RecordingInfo], timeline: Timeline, said: list[list[str]]) -> None:
    """Recordings that start before the one of the same timeline that lasts longest so far has ended."""
    until, holder = 0.0, -1
    for index, offset in zip(timeline.recordings, timeline.offsets_s, strict=True):
        if holder >= 0 and offset < until - _CLOCK_STEP_S:
            said[index].append(f"overlaps in time with {recordings[holder].name}: a sound heard in both counts twice")
        duration = recordings[index].duration_s
        if duration is not None and offset + duration > until:
            until, holder = offset + duration, index


def _warn_of_clocks_set_back(recordings: Sequence[RecordingInfo], timeline: Timeline, said: list[list[str]]) -> None:
    """Recordings that begin before one whose name has a smaller counter."""
    rows: dict[tuple[str, str], list[tuple[int, float, int]]] = {}
    for index, offset in zip(timeline.recordings, timeline.offsets_s, strict=True):
        stem, ending = os.path.splitext(recordings[index].name)
        if counter := _COUNTER.fullmatch(stem):
            row = rows.setdefault((counter["name"], counter["rest"] + ending), [])
            row.append((int(counter["number"]), offset, index))
    for row in rows.values():
        latest, holder = -1.0, -1
        for _, offset, index in sorted(row):
            if offset < latest:
                said[index].append(
                    f"begins before {recordings[holder].name}, though its number is higher: if a clock was set back "
                    "between them, timing across recordings is wrong; say in a manifest when they began"
                )
            if offset > latest:
                latest, holder = offset, index
