"""Agreement of the counted cavitations with the labels: per recording, burst and subject.

The count of popclass is the expected number of cavitations with its bounds, as in `recordings.csv` and `bursts.csv`.
The true one is the number of labels `cavitation`. Counts need recordings in which every sound is labelled: none is
scored where labels are partial, and clips with one label for the whole of them do not count.

A labelled burst is a series of cavitations with gaps up to 250 ms. It is counted by the rows of `bursts.csv` that
overlap with it, give or take 50 ms; labelled bursts that share a row are one. Without a row it counts 0 and lies
outside the bounds. Rows without a labelled cavitation are listed apart: among the bursts they would count as agreement
on 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.bursts import LEVEL, count_cavitations, in_bursts
from popclass.evaluation.matching import apart, groups_of_recordings
from popclass.extraction import BURST_GAP_S
from popclass.labels import LabelledRecording
from popclass.metrics.agreement import concordance, limits_of_agreement
from popclass.metrics.bootstrap import Indices, spans
from popclass.results import Burst, Cavitations, Event, RecordingResult
from popclass.schema import CAVITATION

RECORDING, BURST, SUBJECT = "recording", "burst", "subject"
UNITS = (RECORDING, BURST, SUBJECT)
MARGIN_S = 0.05  # from a labelled burst to a row that overlaps with it
NO_CLASS = "the model has no class cavitation"
NOT_COMPLETE = "no recording is labelled completely and with times"
COUNT_FIGURES = ("mean_absolute_error", "bias", "limits_low", "limits_high", "concordance")

Scores = dict[str, Any]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Count:
    """True and counted number of cavitations of a recording, burst or subject.

    Attributes
    ----------
    unit : str
        One of `UNITS`.
    recording : LabelledRecording
        The first one of a subject.
    true : int
    counted : Cavitations
    named : int
        Number of events with the label cavitation.
    start_s : float or None
        Of a burst.
    rows : int
        Of `bursts.csv`.
    """

    unit: str
    recording: LabelledRecording
    true: int
    counted: Cavitations
    named: int
    start_s: float | None = None
    rows: int = 0

    @property
    def inside(self) -> bool:
        """True if the true number lies within the bounds, and there is a row to give them."""
        low, high = self.counted.low, self.counted.high
        return low is not None and high is not None and low <= self.true <= high and (self.rows > 0 or not self.true)


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts of labelled recordings.

    Attributes
    ----------
    counts : tuple of Count
        Of recordings, labelled bursts and subjects.
    elsewhere : tuple of Burst
        Rows of `bursts.csv` without a labelled cavitation.
    """

    counts: tuple[Count, ...] = ()
    elsewhere: tuple[Burst, ...] = field(default=(), repr=False)

    def of(self, unit: str) -> list[Count]:
        """Return the counts of one unit."""
        return [each for each in self.counts if each.unit == unit]


def series(onsets: Sequence[float]) -> list[Array]:
    """Return onsets in seconds as bursts, with gaps up to 250 ms.

    Examples
    --------
    >>> [each.tolist() for each in series([1.0, 1.1, 3.0])]
    [[1.0, 1.1], [3.0]]
    """
    times = np.sort(np.asarray(onsets, dtype=np.float64))
    return np.split(times, np.flatnonzero(np.diff(times) > BURST_GAP_S) + 1) if len(times) else []


def overlaps(burst: Burst, onsets: Array) -> bool:
    """Return True if a row overlaps with a labelled burst."""
    return bool(burst.start_s <= onsets[-1] + MARGIN_S and burst.end_s >= onsets[0] - MARGIN_S)


def match_bursts(thrusts: Sequence[Array], rows: Sequence[Burst]) -> Iterator[tuple[Array, list[Burst]]]:
    """Yield labelled bursts as onsets, with the rows that count them; those that share a row are one."""
    reach = [np.flatnonzero([overlaps(row, onsets) for row in rows]) for onsets in thrusts]
    for some, found in apart(reach, len(rows)):
        yield np.concatenate([thrusts[i] for i in some]), [rows[j] for j in found]
    yield from ((onsets, []) for onsets, near in zip(thrusts, reach, strict=True) if not len(near))


def count_recordings(complete: Sequence[tuple[LabelledRecording, RecordingResult]]) -> Counted:
    """Return the counts of completely labelled recordings, of their bursts and of their subjects."""
    recordings, bursts, elsewhere = list[Count](), list[Count](), list[Burst]()
    members: dict[str, list[tuple[Count, list[Event], Sequence[Burst]]]] = {}
    for recording, result in complete:
        if CAVITATION not in result.classes:
            return Counted()
        onsets = [row.start_s for row in recording.rows if row.label == CAVITATION]
        events = in_bursts(result.events, result.bursts)
        whole = Count(RECORDING, recording, len(onsets), result.cavitations, _named(events), rows=len(result.bursts))
        recordings.append(whole)
        if recording.subject is not None:
            members.setdefault(recording.subject, []).append((whole, events, result.bursts))
        matched = list(match_bursts(series(onsets), result.bursts))
        for times, rows in matched:
            own = in_bursts(events, rows)
            number = count_cavitations(own, result.classes, rows)
            bursts.append(Count(BURST, recording, len(times), number, _named(own), float(times[0]), len(rows)))
        taken = {row.burst for _, rows in matched for row in rows}
        elsewhere += [row for row in result.bursts if row.burst not in taken]
    subjects = []
    for own_counts in members.values():
        wholes = [whole for whole, _, _ in own_counts]
        events = [event for _, some, _ in own_counts for event in some]
        rows = [row for _, _, some in own_counts for row in some]
        true, number = sum(whole.true for whole in wholes), count_cavitations(events, (CAVITATION,), rows)
        subjects.append(Count(SUBJECT, wholes[0].recording, true, number, _named(events), rows=len(rows)))
    return Counted((*recordings, *bursts, *subjects), tuple(elsewhere))


def _named(events: Sequence[Event]) -> int:
    return sum(event.label == CAVITATION for event in events)


def score_counts(counted: Counted, reason: str | None = None) -> Scores:
    """Return the agreement of counts; that of recordings comes first, those of bursts and subjects have their names.

    Parameters
    ----------
    counted : Counted
    reason : str, optional
        Why nothing was counted.
    """
    if not counted.counts:
        return {"scored": False, "reason": reason or NOT_COMPLETE}
    rows = counted.elsewhere
    expected = [row.expected_cavitations or 0.0 for row in rows]
    return {
        "scored": True,
        "class": CAVITATION,
        "bounds_level": LEVEL,
        **_agreement(counted.of(RECORDING)),
        "bursts": _agreement(counted.of(BURST)),
        "bursts_without_row": sum(not each.rows for each in counted.of(BURST)),
        "rows_without_label": {"rows": len(rows), "expected": float(sum(expected))},
        "subjects": _agreement(counted.of(SUBJECT)),
    }


def _agreement(counts: Sequence[Count]) -> Scores:
    """Return the agreement of some counts with intervals, and that of the numbers of labels beside it."""
    over, groups = groups_of_recordings([each.recording for each in counts])
    true = np.array([each.true for each in counts], dtype=float)
    expected = np.array([each.counted.expected for each in counts], dtype=float)
    named = np.array([each.named for each in counts], dtype=float)
    inside = np.array([each.inside for each in counts], dtype=float)
    everything = np.arange(len(counts))

    def figures(at: Indices) -> dict[str, float | None]:
        coverage = float(inside[at].mean()) if len(at) else None
        return {**count_figures(true[at], expected[at]), "coverage": coverage}

    names = (*COUNT_FIGURES, "coverage")
    return {
        "n": len(counts),
        "true": int(true.sum()),
        "expected": float(expected.sum()),
        "intervals_over": over,
        **with_limits(figures(everything)),
        "intervals": spans(figures, groups, {name: [] for name in names}) if counts else dict.fromkeys(names),
        "labels": {"counted": int(named.sum()), **with_limits(count_figures(true, named))},
    }


def count_figures(true: Array, measured: Array) -> dict[str, float | None]:
    """Return `COUNT_FIGURES` of pairs of counts."""
    if not len(true):
        return dict.fromkeys(COUNT_FIGURES)
    limits, differences = limits_of_agreement(true, measured), measured - true
    return {
        "mean_absolute_error": float(np.abs(differences).mean()),
        "bias": float(differences.mean()),
        "limits_low": None if limits is None else limits.low,
        "limits_high": None if limits is None else limits.high,
        "concordance": concordance(true, measured),
    }


def with_limits(figures: Mapping[str, float | None]) -> Scores:
    """Return the figures with the two limits of agreement as one entry."""
    pair = [figures["limits_low"], figures["limits_high"]]
    others = {name: value for name, value in figures.items() if not name.startswith("limits_")}
    return {**others, "limits_of_agreement": None if None in pair else pair}
