"""Numbers and names as text: the rules that all formats share.

Times have six decimals, which distinguishes neighbouring samples up to 192 kHz; probabilities and novelty have four,
decibels and expected numbers two. An unknown or infinite value is None: an empty field in a table, null in JSON, never
0.

Label files of other programs are read as UTF-8 or UTF-16, with or without a byte-order mark, with any line end.
"""

from __future__ import annotations

import codecs
import math
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from popclass.errors import LabelError
from popclass.info import RecordingInfo
from popclass.results import RecordingResult
from popclass.schema import is_extra
from popclass.utils.text import one_line, visible

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")

INTEGERS = frozenset({"event", "burst", "channel"})


@cache
def decimals(column: str) -> int | None:
    """Return the number of decimals in a column of the events table; None if it holds no fractions."""
    if is_extra(column):
        return None
    if column.endswith("_s"):
        return 6
    if column == "novelty" or column.startswith(("p_", "posterior_")):
        return 4
    return 2 if column.endswith(("_db", "_dbfs")) or column == "expected_cavitations" else None


def rounded(value: float | None, places: int) -> float | None:
    """Round to a number of decimals; None if the value is unknown or not finite.

    Examples
    --------
    >>> rounded(-0.0001, 2)
    0.0
    """
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), places) + 0.0  # the sum turns -0.0 into 0.0


def shares(frequencies: Mapping[str, float]) -> str:
    """Return class frequencies in words.

    Examples
    --------
    >>> shares({"cavitation": 0.034, "other": 0.966})
    '3.4 % cavitation, 96.6 % other'
    """
    return ", ".join(f"{100 * share:.1f} % {one_line(name)}" for name, share in frequencies.items())


def stated_frequencies(estimated: Mapping[str, float]) -> str:
    """Return estimated class frequencies in words, with what they are."""
    return f"class frequencies, estimated: {shares(estimated)}"


def shown_start(info: RecordingInfo) -> str | None:
    """Return the start of a recording for people: as stated and, where its offset is known and not zero, in UTC.

    Examples
    --------
    >>> from datetime import datetime
    >>> start = datetime.fromisoformat("2026-11-22T00:30:00+01:00")
    >>> shown_start(RecordingInfo("a.wav", recorded_at=start))
    '2026-11-22 00:30:00+01:00 (2026-11-21 23:30:00 UTC)'
    """
    if info.recorded_at is None:
        return None
    own, utc = info.recorded_at.isoformat(sep=" ", timespec="seconds"), info.recorded_at_utc
    if utc is None or not info.recorded_at.utcoffset():
        return own
    return f"{own} ({utc.replace(tzinfo=None).isoformat(sep=' ', timespec='seconds')} UTC)"


def fields(result: RecordingResult) -> Iterator[dict[str, Any]]:
    """Yield the events in the columns of `event_columns`, rounded and as valid Unicode; None is unknown."""
    for row in result.rows():
        yield {column: _field(column, value) for column, value in row.items()}


def _field(column: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    places = decimals(column)
    if places is not None:
        return rounded(value, places)
    return int(value) if column in INTEGERS else visible(str(value))


class Row(NamedTuple):
    """One row of a tab-separated file; rows are counted from 1."""

    path: Path
    number: int
    cells: list[str]

    @property
    def where(self) -> str:
        """File and row, for messages."""
        return f"{one_line(str(self.path))}, row {self.number}"

    def error(self, problem: str) -> LabelError:
        """Return the error for this row: file, row, problem, and the row itself."""
        line = shortened("\t".join(self.cells), 80)
        return LabelError(f"{self.where}: {problem}; the row reads '{line}'")


class TrackLabel(NamedTuple):
    """One label of a track: seconds from the start of its recording, its text, and the recording if the row names it.

    The end of a point is its start.
    """

    start_s: float
    end_s: float
    text: str
    file: str | None = None
    path: str | None = None


def encoding_of(data: bytes) -> str:
    r"""Return the encoding of a text file by its first bytes, a byte-order mark or a character of ASCII.

    Examples
    --------
    >>> encoding_of(b"file,start_s"), encoding_of(b"f\0i\0l\0e\0"), encoding_of(b"\0f\0i\0l\0e")
    ('utf-8-sig', 'utf-16-le', 'utf-16-be')
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [each == 0 for each in data[:4]]
    if zeros in ([False, True] * 2, [True, False] * 2):
        return "utf-16-le" if zeros[1] else "utf-16-be"
    return "utf-8-sig"


def read_rows(path: str | os.PathLike[str]) -> Iterator[Row]:
    """Yield the rows of a tab-separated file; blank rows are skipped, but counted.

    Raises
    ------
    LabelError
        If the file cannot be read.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        encoding = encoding_of(data)
        # Bytes in an older encoding survive as surrogates, as they do in file names.
        text = data.decode(encoding, "strict" if encoding.startswith("utf-16") else "surrogateescape")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged UTF-16 text"
        raise LabelError(f"{one_line(str(path))}: cannot be read: {reason}") from error
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if line.strip():
            yield Row(path, number, line.split("\t"))


def read_header(path: str | os.PathLike[str]) -> list[str]:
    """Return the fields of the first row in lower case, none without rows; raise LabelError if it cannot be read."""
    return [cell.strip().casefold() for row in islice(read_rows(path), 1) for cell in row.cells]


def number(text: str) -> float | None:
    """Return the finite number in a field, with a decimal point or comma; None if there is none.

    Examples
    --------
    >>> number("0,25"), number("cavitation")
    (0.25, None)
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) else None


def shortened(text: str, longest: int) -> str:
    """Return the text on one line, cut to a number of characters.

    Examples
    --------
    >>> shortened("cavitation", 8)
    'cavit...'
    """
    line = one_line(text)
    return line if len(line) <= longest else line[: longest - 3] + "..."
