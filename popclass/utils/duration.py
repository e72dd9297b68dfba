"""Durations with units (`20min`, `90s`, `1.5h`, `250ms`, `1h30min`), and dates with a time.

A unit is required, since 20 could be seconds or minutes. The largest unit comes first, each unit once; spaces are
allowed. A duration outside the limits is an error and is never clamped.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import datetime, timedelta
from numbers import Real

from popclass.errors import UsageError

UNITS = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 0.001}
SHORTEST_S = 0.001
LONGEST_S = 86400.0
EARLIEST_YEAR = 1900

_DURATION = re.compile(r"\s*".join(rf"(?:(\d+(?:\.\d+)?|\.\d+)\s*{unit})?" for unit in UNITS), re.ASCII)


def parse_duration(text: str, what: str = "duration") -> float:
    """Return a duration in seconds.

    Parameters
    ----------
    text : str
        Such as `20min`, `90s`, `1.5h`, `250ms` or `1h30min`.
    what : str
        Name of the option or field for the error message.

    Raises
    ------
    UsageError
        If the text is not a duration with a unit, or outside `SHORTEST_S` to `LONGEST_S`.

    Examples
    --------
    >>> parse_duration("20min")
    1200.0
    >>> parse_duration("1h30min")
    5400.0
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise UsageError(f"{what} {text!r} is not a duration with a unit of h, min, s or ms, such as 90s or 1h30min")
    parts = zip(found.groups(), UNITS.values(), strict=True)
    seconds = math.fsum(float(number) * unit for number, unit in parts if number is not None)
    return check_duration(seconds, what=what, shown=repr(text))


def check_duration(seconds: float, *, what: str = "duration", shown: str | None = None) -> float:
    """Return a number of seconds that lies within `SHORTEST_S` to `LONGEST_S`.

    Parameters
    ----------
    seconds : float
    what : str
        As `parse_duration`.
    shown : str, optional
        The duration as the user wrote it.

    Raises
    ------
    UsageError
        If `seconds` is not a number, or out of range.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, Real):
        raise UsageError(f"{what} {seconds!r} is not a number of seconds")
    if not SHORTEST_S <= seconds <= LONGEST_S:
        allowed = f"{format_duration(SHORTEST_S)} to {format_duration(LONGEST_S)}"
        raise UsageError(f"{what} {shown or f'{seconds} s'} is out of range: allowed is {allowed}")
    return float(seconds)


def parse_moment(text: str, what: str = "moment") -> datetime:
    """Return a date with a time; raise UsageError if the text is not ISO 8601, or lies before recordings of sound.

    Examples
    --------
    >>> parse_moment("2026-11-22T10:15:00")
    datetime.datetime(2026, 11, 22, 10, 15)
    """
    moment = None
    with suppress(ValueError):
        if ":" in text:  # a date alone would silently become midnight
            moment = datetime.fromisoformat(text)
    if moment is None:
        raise UsageError(f"{what} {text!r} is not a date and time: write it like 2026-11-22T10:15:00+01:00")
    if moment.year < EARLIEST_YEAR:
        raise UsageError(f"{what} {text!r} lies before {EARLIEST_YEAR}; check the year")
    return moment


def in_future(moment: datetime) -> bool:
    """Return whether a date with a time lies more than a day after now, so in no time zone in the past.

    Examples
    --------
    >>> in_future(datetime(2000, 1, 1)), in_future(datetime(9000, 1, 1))
    (False, True)
    """
    return moment.replace(tzinfo=None) - datetime.now() > timedelta(days=1)


def format_duration(seconds: float) -> str:
    """Return the shortest text of a duration, rounded to milliseconds; `parse_duration` reads it back.

    Examples
    --------
    >>> format_duration(1200.0), format_duration(5400.0), format_duration(0.25)
    ('20min', '1h30min', '250ms')
    """
    left = round(seconds * 1000)
    parts = []
    for unit, length_s in UNITS.items():
        count, left = divmod(left, round(length_s * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def format_span(seconds: float) -> str:
    """Return a time span with its largest fitting unit.

    It is cut to one decimal, so that the text never states more than the span.

    Examples
    --------
    >>> format_span(0.0067), format_span(59.96), format_span(1199.99), format_span(5400.0)
    ('6 ms', '59.9 s', '19.9 min', '1.5 h')
    """
    if seconds < 1:
        whole = math.floor(seconds * 1000 + 1e-6)
        return f"{whole} ms" if whole else "less than 1 ms"
    unit, length = ("h", 3600) if seconds >= 3600 else ("min", 60) if seconds >= 60 else ("s", 1)
    tenths = math.floor(seconds / length * 10 + 1e-6)
    return f"{tenths // 10}.{tenths % 10} {unit}"
