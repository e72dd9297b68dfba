"""When a recording began, as the recording itself says.

Asked in this order, the first answer counts:

1. the BWF `bext` chunk: OriginationDate and OriginationTime. TimeReference counts samples since midnight; it is used
   for the fraction of a second where it agrees with OriginationTime within a second, and ignored where it does not (a
   free-running time code, or an editor's own time line).
2. iXML: the same fields, where a recorder wrote them there only.
3. metadata of the container: `com.apple.quicktime.creationdate`, `creation_time`, AudioMoth's comment ("Recorded at
   19:17:00 08/08/2019 (UTC)") and full date-and-time tags. A day without a time is no time. `creation_time` of an mp4
   is when the file was made, in UTC: iPhones and most recorders write the start, some Android phones the end of the
   recording. It is taken as it stands, because nothing in the file tells which; then it is late by the length of the
   recording.
4. a timestamp in the file name, as phones and field recorders write it: `20261122_101500`, `2026-11-22 10.15.00`,
   `2026-11-22T10-15-00Z`, `REC_20261122101500`, `2026-11-22 at 10.15.00`, `2026-11-22 at 3.15.00 PM`,
   `261122-101500` (first in the name); `6745A0F4.WAV`, the seconds since 1970 in hexadecimal that older AudioMoths
   write, in UTC.

The time of modification is never asked: copying changes it. Times without a zone stay naive, times with one stay
aware. Dates that do not exist, and years before 1990 (an unset clock), are no times.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

EARLIEST_YEAR = 1990
"""No recorder in use set its clock before; 1904 and 1970 are the zero of unset clocks."""

_DAY = r"(?P<year>(?:19|20)\d\d)(?P<s>[-_.:]?)(?P<month>\d\d)(?P=s)(?P<day>\d\d)"
_HOUR = r"(?P<hour>\d\d|\d(?=[.:-]\d\d[.:-]\d\d.?[AP]M))"  # a single digit in a clock of twelve hours only
_TIME = rf"{_HOUR}(?P<t>[-_.:]?)(?P<minute>\d\d)(?P=t)(?P<second>\d\d)(?:[.,]?(?P<fraction>\d{{1,9}}))?"
_ZONE = r"(?P<zone>Z|z|[+-]\d\d:?\d\d)?"
_TIMESTAMP = re.compile(
    rf"(?<!\d){_DAY}(?:[ T_-]| at |, )?{_TIME}(?!\d)(?:\s?(?P<half>[AaPp][Mm])(?![A-Za-z]))?{_ZONE}"
)
_HEXADECIMAL = re.compile(r"(?P<seconds>(?=\d*[A-F])[0-9A-F]{8})\.WAV")
_SHORT_YEAR = re.compile(
    r"^(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)[-_](?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?!\d)"
)
_AUDIOMOTH = re.compile(
    r"Recorded at (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d+))? "
    r"(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>\d{4}) \(UTC(?P<zone>[+-]\d{1,2}(?::?\d\d)?)?\)"
)
_HALF = re.compile(r"\d{1,10}")  # of a TimeReference: 32 bits
_FIRST_AUDIOMOTH = 1_483_228_800  # 2017; no name before it is one of theirs
_DATE_TAGS = ("com.apple.quicktime.creationdate", "creation_time", "date", "recording_date", "date_recorded")


def recording_time(
    file_name: str, tags: Mapping[str, str], chunks: Mapping[bytes, bytes], sample_rate: int
) -> datetime | None:
    """When a recording began.

    Parameters
    ----------
    file_name : str
        Last part of its path.
    tags : mapping of str to str
        Metadata of its container, names in lower case.
    chunks : mapping of bytes to bytes
        Its `bext` and `iXML` chunks, where it has them.
    sample_rate : int
        In hertz; the unit of TimeReference.

    Returns
    -------
    datetime or None
        Naive where no zone is known; None where nothing says so.

    Examples
    --------
    >>> recording_time("REC_20261122_101500.wav", {}, {}, 48_000)
    datetime.datetime(2026, 11, 22, 10, 15)
    """
    return (
        _from_bext(chunks.get(b"bext", b""), sample_rate)
        or _from_ixml(chunks.get(b"iXML", b""), sample_rate)
        or _from_tags(tags)
        or from_file_name(file_name)
    )


def from_file_name(file_name: str) -> datetime | None:
    """The timestamp in a file name, None where there is none.

    Examples
    --------
    >>> from_file_name("hip 2026-11-22T10-15-00Z.m4a")
    datetime.datetime(2026, 11, 22, 10, 15, tzinfo=datetime.timezone.utc)
    >>> from_file_name("take_12345678_000000.wav") is None
    True
    """
    for found in _TIMESTAMP.finditer(file_name):
        if (time := _as_datetime(found)) is not None:
            return time
    if (hexadecimal := _HEXADECIMAL.fullmatch(file_name)) and int(hexadecimal["seconds"], 16) >= _FIRST_AUDIOMOTH:
        return datetime.fromtimestamp(int(hexadecimal["seconds"], 16), UTC)
    short = _SHORT_YEAR.match(file_name)
    return _as_datetime(short, century=2000) if short else None


def _as_datetime(found: re.Match[str], *, century: int = 0) -> datetime | None:
    """The groups of a match as a time; None where no calendar or clock has it."""
    part = found.groupdict()
    year = int(part["year"]) + century
    if year < EARLIEST_YEAR:
        return None
    month, day, hour, minute, second = (int(part[name]) for name in ("month", "day", "hour", "minute", "second"))
    if (half := part.get("half")) is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half.upper() == "PM")
    micro = int((part.get("fraction") or "").ljust(6, "0")[:6])
    try:
        return datetime(year, month, day, hour, minute, second, micro, tzinfo=_zone(part.get("zone")))
    except ValueError:
        return None


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in ("Z", "z"):
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _from_bext(chunk: bytes, sample_rate: int) -> datetime | None:
    """EBU Tech 3285: OriginationDate at byte 320, OriginationTime at 330, TimeReference at 338."""
    if len(chunk) < 346:
        return None
    day, clock = chunk[320:330].decode("ascii", "replace"), chunk[330:338].decode("ascii", "replace")
    return _origination(day, clock, int.from_bytes(chunk[338:346], "little"), sample_rate)


def _from_ixml(chunk: bytes, sample_rate: int) -> datetime | None:
    if not chunk:
        return None
    text = chunk.decode("utf-8", "replace")

    def field(name: str) -> str:
        # Without a choice between spaces and text: a megabyte of spaces would take hours of trying them all.
        found = re.search(rf"<{name}>([^<]*)</{name}>", text)
        return found.group(1).strip() if found else ""

    high, low = field("BWF_TIME_REFERENCE_HIGH") or "0", field("BWF_TIME_REFERENCE_LOW")
    reference = (int(high) << 32) + int(low) if _HALF.fullmatch(high) and _HALF.fullmatch(low) else 0
    return _origination(field("BWF_ORIGINATION_DATE"), field("BWF_ORIGINATION_TIME"), reference, sample_rate)


def _origination(day: str, clock: str, reference: int, sample_rate: int) -> datetime | None:
    found = _TIMESTAMP.fullmatch(f"{day} {clock}".rstrip("\0 "))
    time = _as_datetime(found) if found else None
    if time is None or reference == 0:
        return time
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        finer = midnight + timedelta(microseconds=round(reference * 1_000_000 / sample_rate))
    except OverflowError:
        return time
    return finer if abs(finer - time) <= timedelta(seconds=1) else time


def _from_tags(tags: Mapping[str, str]) -> datetime | None:
    for name in _DATE_TAGS:
        found = _TIMESTAMP.match(tags.get(name, ""))
        if found and (time := _as_datetime(found)) is not None:
            return time
    moth = _AUDIOMOTH.search(tags.get("comment", ""))
    if not moth:
        return None
    time = _as_datetime(moth)
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
