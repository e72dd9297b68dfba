"""Start time of a recording, from its metadata or its file name.

The first of these sources that has a time is used:

1. the BWF `bext` chunk: OriginationDate and OriginationTime. TimeReference counts samples since midnight; it adds the
   fraction of a second if it agrees with OriginationTime within a second, and is ignored otherwise (a free-running time
   code, or the time line of an editor).
2. iXML: the same fields, which some recorders write only there.
3. metadata of the container: `com.apple.quicktime.creationdate`, `creation_time`, AudioMoth's comment ("Recorded at
   19:17:00 08/08/2019 (UTC)") and tags with date and time. A date alone is not used. `creation_time` of an mp4 is in
   UTC. iPhones and most recorders store the start there, some Android phones the end of the recording; nothing in the
   file distinguishes them, so such a time may be late by the length of the recording.
4. a timestamp in the file name, as phones and field recorders write it: `20261122_101500`, `2026-11-22 10.15.00`,
   `2026-11-22T10-15-00Z`, `REC_20261122101500`, `2026-11-22 at 10.15.00`, `2026-11-22 at 3.15.00 PM`,
   `2026-11-22 um 10.15.00`, `2026-11-22T10-15-00-123Z`, `GMT20261122-101500`, `20261122_101500UTC`,
   `261122-101500` (first, or after a space); `6745A0F4.WAV`, hexadecimal seconds since 1970 in UTC, of older
   AudioMoths.

The modification time is never used: copying changes it. Times without a zone stay naive, those with one stay aware.
Invalid dates, years before 1990 (an unset clock) and the zero of Matroska's clock are ignored. A number behind the
timestamp is a time zone only if such a zone exists and nothing follows it: `+0200`, but not `-0001`, `-1204AB7F` or
`-1400Hz`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

EARLIEST_YEAR = 1990
"""Earliest plausible year; unset clocks begin in 1904 or 1970."""

MATROSKA_ZERO = datetime(2001, 1, 1, tzinfo=UTC)
"""Time that Matroska counts from; writers that do not know the time leave it there."""

_TOLERANCE = timedelta(days=1)  # between metadata and name: any two time zones

_DAY = r"(?P<year>(?:19|20)\d\d)(?P<s>[-_.:]?)(?P<month>\d\d)(?P=s)(?P<day>\d\d)"
# What stands between date and time; "at" in the languages of phones and messengers.
_BETWEEN = r"(?:[ T_$-]|__|, | - | (?:at|um|à|a\u0300|a las|alle|às|a\u0300s|om|kl\.|o|klo|в) )?"
_HALF = r"[AaPp]\.?\s?[Mm](?![0-9A-Za-z])"
# a single digit in a clock of twelve hours only
_HOUR = rf"(?P<hour>\d\d|\d(?=(?P<u>[.:-])\d\d(?P=u)\d\d(?:\s|(?P=u))?{_HALF}))"
# JavaScript's milliseconds keep their Z where the name lost its dot: 10-15-00-123Z
_FRACTION = r"(?:(?:[.,]|[-_](?=(?:\d{3}){1,3}Z))(?P<fraction>\d{1,9})|(?P<joined>\d{3}|\d{6}|\d{9}))?"
_TIME = rf"{_HOUR}(?P<t>[-_.:]?|h)(?P<minute>\d\d)(?:(?P=t)|m)(?P<second>\d\d)(?:s(?!\d))?{_FRACTION}"
_OFFSET = r"[+-]\d\d:?\d\d|\+\d\d(?P=t)\d\d"
_ZONE = rf"(?:(?P<zone>Z|z|{_OFFSET}|[ _-]?(?:UTC|GMT)(?![ _]?[+-]\d))(?![0-9A-Za-z]))?"  # no UUID, no "-1400Hz"
_TIMESTAMP = re.compile(
    rf"(?<!\d)(?P<before>(?:UTC|GMT)(?=\d))?{_DAY}{_BETWEEN}{_TIME}(?!\d)(?:(?:\s|(?P=t))?(?P<half>{_HALF}))?{_ZONE}"
)
_HEXADECIMAL = re.compile(r"(?P<seconds>(?=\d*[A-F])[0-9A-F]{8})\.WAV")
_SHORT_YEAR = re.compile(
    r"(?<![^ ])(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)[-_](?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?!\d)"
)
_AUDIOMOTH = re.compile(
    r"Recorded at (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d+))? "
    r"(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>\d{4}) \(UTC(?P<zone>[+-]\d{1,2}(?::?\d\d)?)?\)"
)
_HALF_OF_64_BITS = re.compile(r"\d{1,10}")
_HEX_AUDIOMOTH = range(1_483_228_800, 1 << 31)  # 2017 to 2038; half of all other numbers of eight digits lie above
_DATE_TAGS = ("com.apple.quicktime.creationdate", "creation_time", "date", "recording_date", "date_recorded")


def recording_time(
    file_name: str, tags: Mapping[str, str], chunks: Mapping[bytes, bytes], sample_rate: int
) -> datetime | None:
    """Return the start time of a recording.

    Parameters
    ----------
    file_name : str
        Last part of its path.
    tags : mapping of str to str
        Metadata of its container, names in lower case.
    chunks : mapping of bytes to bytes
        Its `bext` and `iXML` chunks, if any.
    sample_rate : int
        In hertz; the unit of TimeReference.

    Returns
    -------
    datetime or None
        Naive if the zone is unknown; None if no source has a time.

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


def check_file_name(file_name: str, used: datetime | None) -> list[str]:
    """Return a warning if the timestamp in a file name differs by more than a day from the time that is used."""
    named = from_file_name(file_name) if used is not None else None
    if named is None or used is None or abs(named.replace(tzinfo=None) - used.replace(tzinfo=None)) <= _TOLERANCE:
        return []
    both = f"the metadata gives {used.isoformat()} as the start, the file name {named.isoformat()}"
    return [f"{both}; the metadata is used"]


def from_file_name(file_name: str) -> datetime | None:
    """Return the timestamp in a file name, if any.

    Examples
    --------
    >>> from_file_name("hip 2026-11-22T10-15-00Z.m4a")
    datetime.datetime(2026, 11, 22, 10, 15, tzinfo=datetime.timezone.utc)
    >>> from_file_name("take_12345678_000000.wav") is None
    True
    """
    for place in range(len(file_name)):  # a number before the timestamp may look like its beginning
        if (time := _as_datetime(_TIMESTAMP.match(file_name, place))) is not None:
            return time
    if (found_hex := _HEXADECIMAL.fullmatch(file_name)) and int(found_hex["seconds"], 16) in _HEX_AUDIOMOTH:
        return datetime.fromtimestamp(int(found_hex["seconds"], 16), UTC)
    return _as_datetime(_SHORT_YEAR.search(file_name), century=2000)


def _as_datetime(found: re.Match[str] | None, *, century: int = 0) -> datetime | None:
    """Return the groups of a match as a time; None if it is not valid."""
    if found is None:
        return None
    part = found.groupdict()
    year = int(part["year"]) + century
    if year < EARLIEST_YEAR:
        return None
    month, day, hour, minute, second = (int(part[name]) for name in ("month", "day", "hour", "minute", "second"))
    if (half := part.get("half")) is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * half.upper().startswith("P")
    micro = int((part.get("fraction") or part.get("joined") or "").ljust(6, "0")[:6])
    try:
        return datetime(
            year, month, day, hour, minute, second, micro, tzinfo=_zone(part.get("before") or part.get("zone"))
        )
    except ValueError:
        return None


def _zone(text: str | None) -> timezone | None:
    """Return the zone of an offset; None for one that no place has, such as the counter in `20260101_100000-0001`."""
    if text is None:
        return None
    if text[-1] in "ZzCT":  # Z, UTC, GMT
        return UTC
    digits = re.sub(r"\D", "", text)
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    offset = timedelta(hours=hours, minutes=minutes)
    east = text[0] == "+"
    if minutes not in ((0, 15, 30, 45) if east else (0, 30)) or offset > timedelta(hours=14 if east else 12):
        return None
    return timezone(offset if east else -offset) if hours or east else None


def _from_bext(chunk: bytes, sample_rate: int) -> datetime | None:
    """Read OriginationDate at byte 320, OriginationTime at 330 and TimeReference at 338 (EBU Tech 3285)."""
    if len(chunk) < 346:
        return None
    day, clock = chunk[320:330].decode("ascii", "replace"), chunk[330:338].decode("ascii", "replace")
    return _origination(day, clock, int.from_bytes(chunk[338:346], "little"), sample_rate)


def _from_ixml(chunk: bytes, sample_rate: int) -> datetime | None:
    if not chunk:
        return None
    text = chunk.decode("utf-8", "replace")

    def field(name: str) -> str:
        # Without `\s*` beside `[^<]*`: a megabyte of spaces would take hours of backtracking.
        found = re.search(rf"<{name}>([^<]*)</{name}>", text)
        return found.group(1).strip() if found else ""

    high, low = field("BWF_TIME_REFERENCE_HIGH") or "0", field("BWF_TIME_REFERENCE_LOW")
    valid = _HALF_OF_64_BITS.fullmatch(high) and _HALF_OF_64_BITS.fullmatch(low)
    reference = (int(high) << 32) + int(low) if valid else 0
    return _origination(field("BWF_ORIGINATION_DATE"), field("BWF_ORIGINATION_TIME"), reference, sample_rate)


def _origination(day: str, clock: str, reference: int, sample_rate: int) -> datetime | None:
    day = re.sub("[ /]", "-", day.strip())  # EBU Tech 3285 allows spaces
    time = _as_datetime(_TIMESTAMP.fullmatch(f"{day} {clock}".rstrip("\0 ")))
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
        time = _as_datetime(_TIMESTAMP.match(tags.get(name, "")))
        if time is not None and time != MATROSKA_ZERO:
            return time
    time = _as_datetime(_AUDIOMOTH.search(tags.get("comment", "")))
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
