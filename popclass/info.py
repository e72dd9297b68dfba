"""Description of one recording, and access to it from the records that hold one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """Description of one recording.

    Attributes
    ----------
    name : str
        Path as given; `-` for standard input.
    sample_rate, channels : int
    duration_s : float
        These three are 0 where the recording could not be read.
    recorded_at : datetime or None
        Start of the recording.
    site, subject : str or None
    warnings : tuple of str
        One line for each oddity.
    side : str or None
        `left` or `right`.
    extra : mapping of str to str
        Columns of the user's own, `x_...`, in the order of their table; empty texts where they have no value.
    """

    name: str
    sample_rate: int = 0
    channels: int = 0
    duration_s: float = 0.0
    recorded_at: datetime | None = None
    site: str | None = None
    subject: str | None = None
    warnings: tuple[str, ...] = ()
    side: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def recorded_at_utc(self) -> datetime | None:
        """Start of the recording in UTC; None where its offset from UTC is unknown.

        Examples
        --------
        >>> RecordingInfo("a.wav", recorded_at=datetime.fromisoformat("2026-11-22T00:30:00+01:00")).recorded_at_utc
        datetime.datetime(2026, 11, 21, 23, 30, tzinfo=datetime.timezone.utc)
        """
        if self.recorded_at is None or self.recorded_at.utcoffset() is None:
            return None
        try:
            return self.recorded_at.astimezone(UTC)
        except OverflowError:  # the last hours of the year 9999
            return None


def attribute_of(path: str) -> Any:
    """Return a property that reads an attribute of an attribute."""
    return property(attrgetter(path))


class HasInfo:
    """Access to the fields of `info` as attributes of their own; `recording` is its name."""

    __slots__ = ()
    info: RecordingInfo

    recording: str = attribute_of("info.name")
    duration_s: float = attribute_of("info.duration_s")
    sample_rate: int = attribute_of("info.sample_rate")
    channels: int = attribute_of("info.channels")
    site: str | None = attribute_of("info.site")
    subject: str | None = attribute_of("info.subject")
    recorded_at: datetime | None = attribute_of("info.recorded_at")
    recorded_at_utc: datetime | None = attribute_of("info.recorded_at_utc")
    side: str | None = attribute_of("info.side")
    extra: Mapping[str, str] = attribute_of("info.extra")
    warnings: tuple[str, ...] = attribute_of("info.warnings")
