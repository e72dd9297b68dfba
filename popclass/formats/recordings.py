"""The table of recordings: one row for every file a batch came across, whether it could be read or not.

Columns: ``recording, status, reason, duration_s, sample_rate, channels, events``, the number of events of each class,
``uncertain, cavities_needed, subject, site, recorded_at, warnings``. A failed recording has a reason and empty fields
where nothing is known; zeros are counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from popclass.formats.csv_io import cell, csv_line
from popclass.formats.text import rounded
from popclass.results import UNCERTAIN, RecordingResult
from popclass.utils.text import one_line, visible

OK = "ok"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """What a batch says about one recording.

    Attributes
    ----------
    recording : str
    status : str
        `ok` or `failed`.
    reason : str or None
        Why it failed, in one line.
    duration_s, sample_rate, channels : float, int, int or None
    events : int or None
        How many were found.
    counts : mapping of str to int
        How many of each class, and `uncertain`.
    cavities_needed : int or None
    subject, site : str or None
    recorded_at : datetime or None
    warnings : tuple of str
    """

    recording: str
    status: str = OK
    reason: str | None = None
    duration_s: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    events: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    cavities_needed: int | None = None
    subject: str | None = None
    site: str | None = None
    recorded_at: datetime | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_result(cls, result: RecordingResult) -> RecordingRow:
        """The row of a recording that was classified."""
        return cls(
            recording=result.recording,
            duration_s=result.duration_s,
            sample_rate=result.sample_rate,
            channels=result.channels,
            events=len(result.events),
            counts=result.counts(),
            cavities_needed=result.cavities_needed,
            subject=result.subject,
            site=result.site,
            recorded_at=result.recorded_at,
            warnings=result.warnings,
        )

    @classmethod
    def from_failure(
        cls,
        recording: str,
        reason: str,
        *,
        subject: str | None = None,
        site: str | None = None,
        recorded_at: datetime | None = None,
        warnings: Sequence[str] = (),
    ) -> RecordingRow:
        """The row of a recording that could not be classified, with what is known of it all the same."""
        return cls(
            recording=recording,
            status=FAILED,
            reason=reason,
            subject=subject,
            site=site,
            recorded_at=recorded_at,
            warnings=tuple(warnings),
        )


def recording_columns(classes: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of the table of recordings, in order."""
    return (
        *("recording", "status", "reason", "duration_s", "sample_rate", "channels", "events"),
        *classes,
        *(UNCERTAIN, "cavities_needed", "subject", "site", "recorded_at", "warnings"),
    )


def recordings_csv(rows: Iterable[RecordingRow], *, classes: Sequence[str]) -> Iterator[str]:
    """The table of recordings as CSV, header first.

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
    duration = None if row.duration_s is None else rounded(row.duration_s, 6)
    return [
        visible(row.recording),
        row.status,
        None if row.reason is None else one_line(row.reason),
        cell("duration_s", duration),
        row.sample_rate,
        row.channels,
        row.events,
        *(row.counts.get(label) for label in (*classes, UNCERTAIN)),
        row.cavities_needed,
        None if row.subject is None else visible(row.subject),
        None if row.site is None else visible(row.site),
        None if row.recorded_at is None else row.recorded_at.isoformat(),
        "; ".join(one_line(warning) for warning in row.warnings),
    ]
