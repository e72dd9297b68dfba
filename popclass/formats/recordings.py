"""The table of recordings: one row for every file a batch came across, whether it could be read or not.

Columns: ``recording, status, reason, duration_s, sample_rate, channels, events``, the number of events of each class,
``uncertain, cavities_needed, subject, site, recorded_at, warnings``. A failed recording has a reason and empty fields
where nothing is known; zeros are counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from popclass.formats.csv_io import cell, csv_line
from popclass.formats.text import rounded
from popclass.results import UNCERTAIN, RecordingInfo, RecordingResult
from popclass.utils.text import one_line, visible

OK = "ok"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """What a batch says about one recording.

    Attributes
    ----------
    info : RecordingInfo
    status : str
        `ok` or `failed`.
    reason : str or None
        Why it failed, in one line.
    events : int or None
        How many were found.
    counts : mapping of str to int
        How many of each class, and `uncertain`.
    cavities_needed : int or None
    """

    info: RecordingInfo
    status: str = OK
    reason: str | None = None
    events: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    cavities_needed: int | None = None

    @property
    def recording(self) -> str:
        """Path as given, relative to the folder of the batch."""
        return self.info.name

    @classmethod
    def from_result(cls, result: RecordingResult) -> RecordingRow:
        """Return the row of a classified recording."""
        return cls(result.info, OK, None, len(result.events), result.counts(), result.cavities_needed)


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
    info = row.info
    failed = row.status == FAILED
    return [
        visible(info.name),
        row.status,
        None if row.reason is None else one_line(row.reason),
        None if failed else cell("duration_s", rounded(info.duration_s, 6)),
        None if failed else info.sample_rate,
        None if failed else info.channels,
        row.events,
        *(row.counts.get(label) for label in (*classes, UNCERTAIN)),
        row.cavities_needed,
        None if info.subject is None else visible(info.subject),
        None if info.site is None else visible(info.site),
        None if info.recorded_at is None else info.recorded_at.isoformat(),
        "; ".join(one_line(warning) for warning in info.warnings),
    ]
