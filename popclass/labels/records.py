"""One kind of record for all labels, wherever they were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from popclass.utils.text import one_line

_SHOWN = 3  # names in a message that could list hundreds


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A labelled stretch of a recording, or a point, whose end is its start.

    Attributes
    ----------
    start_s, end_s : float
        Seconds from the start of the recording.
    label : str
        A class, or empty where nothing but `other` is heard.
    where : str
        File and row it was read from, for messages; labels are the same wherever they stand.
    """

    start_s: float
    end_s: float
    label: str
    where: str = field(default="", compare=False, repr=False)

    @property
    def is_point(self) -> bool:
        """Whether it marks a moment instead of a stretch."""
        return self.start_s == self.end_s

    @property
    def place(self) -> str:
        """Its label and times, for messages.

        Examples
        --------
        >>> LabelRow(1.0, 1.25, "cavitation").place
        'cavitation at 1-1.25 s'
        """
        span = f"{self.start_s:.10g}" if self.is_point else f"{self.start_s:.10g}-{self.end_s:.10g}"
        return f"{self.label or '(none)'} at {span} s"


@dataclass(frozen=True, slots=True)
class LabelledRecording:
    """What is known about one recording.

    Attributes
    ----------
    path : Path
    name : str
        Relative to the label file or folder, with `/`.
    rows : tuple of LabelRow
        Sorted by start, end and label.
    whole : str or None
        The class that its strongest onset takes, where the recording is a labelled clip.
    verified : bool
        Whether somebody made sure that nothing else is in it, even when other labels are partial.
    subject, site : str or None
    recorded_at : datetime or None
    where : str
        File and row in which it is labelled as a whole, for messages.
    """

    path: Path
    name: str
    rows: tuple[LabelRow, ...] = ()
    whole: str | None = None
    verified: bool = False
    subject: str | None = None
    site: str | None = None
    recorded_at: datetime | None = None
    where: str = field(default="", compare=False, repr=False)

    @property
    def classes(self) -> set[str]:
        """The classes it was labelled with."""
        return {row.label for row in self.rows if row.label} | ({self.whole} if self.whole is not None else set())


@dataclass(frozen=True, slots=True)
class Labels:
    """All labelled recordings of a source, in the order of their names, and what was odd about it."""

    recordings: tuple[LabelledRecording, ...]
    warnings: tuple[str, ...] = ()


class Note(str):
    """A warning that names recordings, and `brief`, its beginning, which does not and may be kept in a model.

    Examples
    --------
    >>> note = Note("2 recordings are left out", "jane.wav, john.wav")
    >>> print(note), note.brief
    2 recordings are left out: jane.wav, john.wav
    (None, '2 recordings are left out')
    """

    __slots__ = ("brief",)
    brief: str

    def __new__(cls, brief: str, names: str) -> Note:
        """Put both parts together."""
        note = super().__new__(cls, f"{brief}: {names}")
        note.brief = brief
        return note

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """Both parts, for pickling and copying."""
        return self.brief, self[len(self.brief) + 2 :]


def in_order(rows: Sequence[LabelRow]) -> tuple[LabelRow, ...]:
    """Rows sorted by start, end and label."""
    return tuple(sorted(rows, key=lambda row: (row.start_s, row.end_s, row.label)))


def some(names: Sequence[str]) -> str:
    """The first few of many names, and how many more there are.

    Examples
    --------
    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown = ", ".join(one_line(name) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
