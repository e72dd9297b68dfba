"""Timelines: recordings whose events are checked against each other.

Recordings of one subject, site and side form one timeline; an unknown site counts as a site of its own, an unknown side
as a side of its own. A recording without a subject or a starting time has a timeline to itself.

Starting times with a time zone are compared with each other, and so are those without. The two are never mixed, since a
clock without a zone may be hours away: they form separate timelines, with a warning.

Recordings may overlap in time, as with two phones in one room. A sound in both then counts twice, which is warned of.
Clocks count whole seconds, so an overlap of up to one second is ignored: a recorder that splits a long recording writes
such times.

A clock that was set back between two recordings cannot be corrected. It shows where a counter in the names goes on
(`hip2.wav`, `hip3.wav`) while the time goes back; then both are named in a warning.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from popclass.info import RecordingInfo
from popclass.utils.text import abbreviated

_CLOCK_STEP_S = 1.0
_OVERLAP = "overlaps in time with {}: a sound in both recordings counts twice"
_SET_BACK = (
    "begins before {}, though its number is higher: if a clock was set back between them, timing across recordings is "
    "wrong; state their starting times in a manifest"
)
# One text for one recording and for several, whose equal warnings are shown together.
_NO_START = (
    "no starting time: timing was checked within each such recording only; state it in a manifest "
    "(popclass batch --manifest)"
)
_COUNTER = re.compile(r"(?P<name>.*?)(?P<number>\d{1,9})(?P<rest>\D*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Placed:
    """Events of a timeline, recording after recording.

    Attributes
    ----------
    time_s : ndarray of float64, (n,)
        Onsets in seconds from the start of the timeline's first recording.
    burst : ndarray of int64, (n,)
        Numbers of bursts, unique on the timeline, counted from 1.
    recording : ndarray of int64, (n,)
        Index of the recording among those given to `timelines`.
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
        Indices among the recordings given to `timelines`, in order of their start.
    offsets_s : tuple of float
        Start of each in seconds after the first.
    started_at : datetime or None
        Start of the first.
    side : str or None
    """

    subject: str | None
    site: str | None
    recordings: tuple[int, ...]
    offsets_s: tuple[float, ...]
    started_at: datetime | None
    side: str | None = None

    def place(self, onsets: Sequence[Sequence[float]], bursts: Sequence[Sequence[int]]) -> Placed:
        """Return the events of this timeline's recordings.

        Parameters
        ----------
        onsets : sequence of sequence of float
            Onsets in seconds of each recording given to `timelines`.
        bursts : sequence of sequence of int
            Burst of each event of each recording.
        """
        time_s: list[float] = []
        burst: list[int] = []
        recording: list[int] = []
        used = 0
        for index, offset in zip(self.recordings, self.offsets_s, strict=True):
            numbers = {name: number for number, name in enumerate(sorted(set(bursts[index])), start=used + 1)}
            used += len(numbers)
            time_s += [onset + offset for onset in onsets[index]]
            burst += [numbers[name] for name in bursts[index]]
            recording += [index] * len(bursts[index])
        return Placed(np.array(time_s, np.float64), np.array(burst, np.int64), np.array(recording, np.int64))


def timelines(recordings: Sequence[RecordingInfo]) -> list[Timeline]:
    """Return the timelines of recordings, ordered by the first recording given of each.

    Every recording is on exactly one timeline. Recordings that start at the same moment are ordered by name.
    """
    groups: dict[object, list[int]] = {}
    for index, info in enumerate(recordings):
        alone = info.subject is None or info.recorded_at is None
        key = index if alone else (info.subject, info.site, info.side, _has_zone(info.recorded_at))
        groups.setdefault(key, []).append(index)
    return [_timeline(recordings, members) for members in groups.values()]


def timeline_warnings(recordings: Sequence[RecordingInfo]) -> list[list[str]]:
    """Return, for each recording, one line for each limitation of its timing; mostly none."""
    found: list[list[str]] = [[] for _ in recordings]
    groups: dict[tuple[str, str | None, str | None], list[int]] = {}
    for index, info in enumerate(recordings):
        if info.subject is not None:
            groups.setdefault((info.subject, info.site, info.side), []).append(index)
    for members in groups.values():
        _warn_of_missing_zones(recordings, members, found)
    for timeline in timelines(recordings):
        series: dict[tuple[str, str], list[tuple[int, float, int]]] = {}
        spans = []
        for index, start in zip(timeline.recordings, timeline.offsets_s, strict=True):
            spans.append((index, start, start + recordings[index].duration_s - _CLOCK_STEP_S))
            stem, ending = os.path.splitext(recordings[index].name)
            if counter := _COUNTER.fullmatch(stem):
                numbered = series.setdefault((counter["name"], counter["rest"] + ending), [])
                numbered.append((int(counter["number"]), start, index))
        _warn_of_earlier_starts(recordings, spans, _OVERLAP, found)
        for numbered in series.values():
            starts = [(index, start, start) for _, start, index in sorted(numbered)]
            _warn_of_earlier_starts(recordings, starts, _SET_BACK, found)
    return found


def mixed_offsets(recordings: Sequence[RecordingInfo]) -> str | None:
    """Return one warning if only some of the starting times have an offset from UTC; None otherwise.

    Examples
    --------
    >>> local, utc = (datetime.fromisoformat(f"2026-11-22T10:15:00{zone}") for zone in ("", "Z"))
    >>> mixed_offsets([RecordingInfo("a", recorded_at=local), RecordingInfo("b", recorded_at=utc)])[:48]
    '1 of 2 starting times has no offset from UTC (a)'
    """
    known = [info for info in recordings if info.recorded_at is not None]
    local = [info.name for info in known if not _has_zone(info.recorded_at)]
    if len(local) in (0, len(known)):
        return None
    which = f"{len(local)} of {len(known)} starting times {'has' if len(local) == 1 else 'have'} no offset from UTC"
    advice = "state recorded_at with one for all, such as 2026-11-22T10:15:00+01:00"
    return f"{which} ({abbreviated(local)}): timing between these and the others is not checked; {advice}"


def _has_zone(moment: datetime | None) -> bool:
    return moment is not None and moment.utcoffset() is not None


def _timeline(recordings: Sequence[RecordingInfo], members: Sequence[int]) -> Timeline:
    clock = {index: _clock(recordings[index].recorded_at) for index in members}
    order = sorted(clock, key=lambda index: (clock[index], recordings[index].name))
    offsets_s = tuple((clock[index] - clock[order[0]]).total_seconds() for index in order)
    first = recordings[order[0]]
    return Timeline(first.subject, first.site, tuple(order), offsets_s, first.recorded_at, first.side)


def _clock(moment: datetime | None) -> timedelta:
    """Return the time since 1970; plain subtraction would ignore a change to summer time within one zone."""
    if moment is None:
        return timedelta()
    return moment.replace(tzinfo=None) - datetime(1970, 1, 1) - (moment.utcoffset() or timedelta())


def _warn_of_missing_zones(recordings: Sequence[RecordingInfo], members: Sequence[int], found: list[list[str]]) -> None:
    """Warn of recordings of one subject, site and side that cannot be compared with all the others."""
    moments = [recordings[index].recorded_at for index in members]
    any_zone = any(map(_has_zone, moments))
    for index, moment in zip(members, moments, strict=True):
        if moment is None and len(members) > 1:
            found[index].append(_NO_START)
        elif moment is not None and not _has_zone(moment) and any_zone:
            found[index].append("starting time without a time zone: timing was checked apart from recordings with one")


def _warn_of_earlier_starts(
    recordings: Sequence[RecordingInfo], spans: Sequence[tuple[int, float, float]], warning: str, found: list[list[str]]
) -> None:
    """Warn of recordings, given with start and end, that start before the latest end of those before them."""
    latest, name = 0.0, ""
    for index, start, end in spans:
        if start < latest:
            found[index].append(warning.format(name))
        if end > latest:
            latest, name = end, recordings[index].name
