"""The events of a recording, or of a session, on one line of text: when they were, how loud, and what.

Each character is a stretch of time. Its height is the level of the loudest event in it over the noise, its label that
of the event that matters most there: a cavitation before a snap, and both before the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from popclass.results import CAVITATION, SNAPPING, UNCERTAIN, RecordingResult

HEIGHTS = "▂▃▄▅▆▇█"
EMPTY = "▁"
LOUDEST_DB = 42.0  # from here on a bar has its full height
_RANK = {CAVITATION: 3, SNAPPING: 2, UNCERTAIN: 1}


@dataclass(frozen=True, slots=True)
class Bar:
    """One character and the label it stands for; None where nothing was heard."""

    character: str
    label: str | None = None

    @property
    def letter(self) -> str:
        """The first letter of the label, for where there are no colours."""
        return " " if self.label is None else self.label[:1]


def sparkline(events: Iterable[tuple[float, float, str]], duration_s: float, width: int) -> list[Bar]:
    """Events as a line of bars.

    Parameters
    ----------
    events : iterable of (seconds, level over the noise in decibels, label)
    duration_s : float
        What the line stands for; events beyond it are drawn at its end.
    width : int
        In characters, at least 1.

    Examples
    --------
    >>> bars = sparkline([(1.0, 42.0, "cavitation"), (9.9, 3.0, "other")], 10.0, 5)
    >>> "".join(bar.character for bar in bars), "".join(bar.letter for bar in bars)
    ('█▁▁▁▂', 'c   o')
    """
    loudest: dict[int, float] = {}
    labels: dict[int, str] = {}
    for seconds, level, label in events:
        at = min(max(int(min(seconds / duration_s, 1.0) * width), 0), width - 1) if duration_s > 0 else 0
        loudest[at] = max(level, loudest.get(at, level))
        if at not in labels or _RANK.get(label, 0) > _RANK.get(labels[at], 0):
            labels[at] = label
    return [Bar(_height(loudest[at]), labels[at]) if at in labels else Bar(EMPTY) for at in range(width)]


def _height(level: float) -> str:
    share = min(max(level / LOUDEST_DB, 0.0), 1.0) if level == level else 0.0  # an unknown level is NaN
    return HEIGHTS[round(share * (len(HEIGHTS) - 1))]


def of_recordings(results: Sequence[RecordingResult]) -> tuple[list[tuple[float, float, str]], float]:
    """The events of recordings of one timeline as `sparkline` takes them, and how long it is in seconds.

    Parameters
    ----------
    results : sequence of RecordingResult
        One, or several of which each says when it began.
    """
    began = min((result.recorded_at for result in results if result.recorded_at is not None), default=None)
    points, end = list[tuple[float, float, str]](), 0.0
    for result in results:
        apart = len(results) > 1 and began is not None and result.recorded_at is not None
        offset = (result.recorded_at - began).total_seconds() if apart and result.recorded_at and began else 0.0
        points += [(offset + event.start_s, event.snr_db, event.label) for event in result.events]
        end = max(end, offset + result.duration_s)
    return points, end
