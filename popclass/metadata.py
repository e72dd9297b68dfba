"""Metadata of a recording that the user states: site, side, subject, joint cavities, time, columns of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from popclass.errors import UsageError
from popclass.info import RecordingInfo
from popclass.timing.sites import check_cavities, lookup
from popclass.utils.checks import check_text
from popclass.utils.duration import parse_moment
from popclass.utils.text import one_line

SIDES = ("left", "right")


def check_side(side: str | None) -> str | None:
    """Return the name of a side in lower case, None if it is empty; raise UsageError if there is no such side.

    Examples
    --------
    >>> check_side("Left"), check_side("")
    ('left', None)
    """
    check_text(side, "side")
    name = (side or "").strip().casefold()
    if name and name not in SIDES:
        raise UsageError(f"side '{one_line(name)[:40]}' is not {' or '.join(SIDES)}; or leave it empty")
    return name or None


@dataclass(frozen=True, slots=True)
class Metadata:
    """Metadata of a recording as given by the user.

    Attributes
    ----------
    site : str or None
        Any spelling that `popclass sites` knows; stored as the site's name.
    subject : str or None
    cavities : int or None
        Number of joint cavities; overrides that of the site.
    recorded_at : datetime or None
        Start of the recording; overrides that of the file. An ISO 8601 text with a time is converted.
    side : str or None
        `left` or `right`, in any case.
    extra : mapping of str to str
        As in `RecordingInfo`.

    Raises
    ------
    UsageError
        If the site or the side is unknown, or a value of another type or out of range.
    """

    site: str | None = None
    subject: str | None = None
    cavities: int | None = None
    recorded_at: datetime | None = None
    side: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        check_text(self.subject, "subject")
        if isinstance(self.recorded_at, str):
            object.__setattr__(self, "recorded_at", parse_moment(self.recorded_at, "recorded_at"))
        elif self.recorded_at is not None and (
            not isinstance(self.recorded_at, datetime) or self.recorded_at != self.recorded_at  # NaT of pandas
        ):
            given = f"recorded_at cannot be of type {type(self.recorded_at).__name__}"
            raise UsageError(f"{given}: give a datetime, or a text like 2026-11-22T10:15:00+01:00")
        if self.site is not None:
            object.__setattr__(self, "site", lookup(self.site).name)
        object.__setattr__(self, "side", check_side(self.side))
        if self.cavities is not None:
            check_cavities(self.cavities, what="cavities")

    @property
    def capacity(self) -> int | None:
        """Number of cavities that may be occupied at once; None where the site is unknown."""
        if self.cavities is not None:
            return self.cavities
        return lookup(self.site).cavities if self.site is not None else None

    def apply(self, info: RecordingInfo) -> RecordingInfo:
        """Return the description of a recording with this metadata."""
        started = self.recorded_at if self.recorded_at is not None else info.recorded_at
        return replace(
            info, site=self.site, side=self.side, subject=self.subject, recorded_at=started, extra=self.extra
        )
