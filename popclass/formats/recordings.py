"""Table of recordings: one row for every file that a batch found, readable or not.

Columns: ``recording, status, reason, duration_s, sample_rate, channels, events``, the number of events of each class,
``uncertain, cavities_needed, subject, site, recorded_at, warnings``. A failed recording has a reason, and empty fields
for what is unknown; zeros are counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from popclass.formats.csv_io import cell, csv_line
from popclass.formats.text import rounded
from popclass.results import UNCERTAIN, HasInfo, RecordingInfo, RecordingResult
from popclass.utils.text import one_line, visible

OK = "ok"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RecordingRow(HasInfo):
    """One row of the table of recordings.

    Attributes
    ----------
    info : RecordingInfo
    status : str
        `ok` or `failed`.
    reason : str or None
        Cause of a failure, in one line.
    events : int or None
        Number of events.
    counts : mapping of str to int
        Number of events with each label, every class and `uncertain` included.
    cavities_needed : int or None
        As in `RecordingResult`.
    """

    info: RecordingInfo
    status: str = OK
    reason: str | None = None
    events: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    cavities_needed: int | None = None

    @classmethod
    def from_result(cls, result: RecordingResult) -> RecordingRow:
        """Return the row of a classified recording."""
        return cls(result.info, OK, None, len(result.events), result.counts(), result.cavities_needed)


def recording_columns(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of the table of recordings, in order."""
    return (
        *("recording", "status", "reason", "duration_s", "sample_rate", "channels", "events"),
        *classes,
        *(UNCERTAIN, "cavities_needed", "subject", "site", "recorded_at", "warnings"),
    )


def recordings_csv(rows: Iterable[RecordingRow], *, classes: Sequence[str]) -> Iterator[str]:
    """Yield the table of recordings as CSV, header first.

    Parameters
    ----------
    rows : iterable of RecordingRow
    classes : sequence of str
        The model's classes, in the order of their columns.
    """
    yield csv_line(recording_columns(classes))
    for row in rows:
        yield csv_line(_cells(row, classes))


def _cells(row: RecordingRow, classes: Sequence[str]) -> list[str | int | None]:
    info = row.info
    sound = (cell("duration_s", rounded(info.duration_s, 6)), info.sample_rate, info.channels)
    return [
        visible(info.name),
        row.status,
        None if row.reason is None else one_line(row.reason),
        *((None,) * len(sound) if row.status == FAILED else sound),
        row.events,
        *(row.counts.get(label) for label in (*classes, UNCERTAIN)),
        row.cavities_needed,
        visible(info.subject or ""),
        visible(info.site or ""),
        info.recorded_at.isoformat() if info.recorded_at else None,
        "; ".join(one_line(warning) for warning in info.warnings),
    ]
