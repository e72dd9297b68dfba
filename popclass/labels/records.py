"""Records of labels, the same whatever file they were read from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from popclass.utils.files import sha256_of

UNSURE = "unsure"
"""Label of a sound that its labeller could not name: it is neither a class nor `other`."""
ONSET_S = 0.010
"""Longest label that marks an onset; a longer one contains its sound."""
ROUNDING_S = 1e-9  # times with six decimals may differ from each other by a rounding
EXACT_S = 1e-6
"""Largest distance of an exported label from its onset, by rounding: times are written with six decimals or more.

The start of a label drawn by hand is farther from every onset, also if another sound precedes the labelled one.
"""


@dataclass(frozen=True, slots=True, order=True)
class LabelRow:
    """A labelled interval of a recording, or a point, whose end is its start.

    Attributes
    ----------
    start_s, end_s : float
        Seconds from the start of the recording.
    label : str
        A class or `UNSURE`; empty where the interval contains nothing but `other`.
    where : str
        File and row it was read from, for messages; ignored in comparisons.
    """

    start_s: float
    end_s: float
    label: str
    where: str = field(default="", compare=False, repr=False)

    @property
    def names_onset(self) -> bool:
        """True if the label marks an onset: a point or an interval of at most 10 ms.

        Examples
        --------
        >>> [LabelRow(1.0, end, "other").names_onset for end in (1.0, 1.01, 1.2)]
        [True, True, False]
        """
        return self.end_s - self.start_s <= ONSET_S + ROUNDING_S

    @property
    def place(self) -> str:
        """Label and times, for messages.

        Examples
        --------
        >>> LabelRow(1.0, 1.25, "cavitation").place
        'cavitation at 1-1.25 s'
        """
        end = "" if self.end_s == self.start_s else f"-{self.end_s:.10g}"
        return f"{self.label or '(none)'} at {self.start_s:.10g}{end} s"


@dataclass(frozen=True, slots=True)
class LabelledRecording:
    """Labels and metadata of one recording.

    Attributes
    ----------
    path : Path
    name : str
        Relative to the label file or folder, with `/`.
    rows : tuple of LabelRow
        Sorted by start, end and label.
    whole : str or None
        Class of the strongest onset, or `UNSURE`, where the recording is a labelled clip.
    verified : bool
        Whether the recording was checked to contain nothing else, even when other labels are partial.
    subject, site : str or None
    recorded_at : datetime or None
    source : str or None
        Recording that the clip was cut from, if known; clips of one recording resemble each other.
    side : str or None
        `left` or `right`.
    extra : mapping of str to str
        Columns of the user's own, `x_...`, that have a value.
    where : str
        File and row of its first label, for messages.
    samples : (ndarray, int) or None
        Samples and sample rate, where the recording is not a file.
    """

    path: Path
    name: str
    rows: tuple[LabelRow, ...] = ()
    whole: str | None = None
    verified: bool = False
    subject: str | None = None
    site: str | None = None
    recorded_at: datetime | None = None
    source: str | None = None
    side: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)
    where: str = field(default="", compare=False, repr=False)
    samples: tuple[NDArray[Any], int] | None = field(default=None, compare=False, repr=False)

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes of its file, or of its samples with their type, shape and rate."""
        if self.samples is None:
            return sha256_of(self.path)
        array, rate = self.samples
        header = f"{array.dtype.str} {array.shape} {rate}\n".encode()
        return hashlib.sha256(header + array.tobytes()).hexdigest()

    @property
    def classes(self) -> set[str]:
        """The classes it was labelled with."""
        return {*(row.label for row in self.rows), self.whole or ""} - {"", UNSURE}

    @property
    def unsure(self) -> int:
        """Number of its sounds labelled `UNSURE`."""
        return [*(row.label for row in self.rows), self.whole].count(UNSURE)


@dataclass(frozen=True, slots=True)
class Labels:
    """All labelled recordings of a source.

    Attributes
    ----------
    recordings : tuple of LabelledRecording
        In the order of their names.
    warnings : tuple of str
    files : tuple of Path
        Label files that were read, sorted; none for a folder per class.
    """

    recordings: tuple[LabelledRecording, ...]
    warnings: tuple[str, ...] = ()
    files: tuple[Path, ...] = field(default=(), compare=False)


def read_name(text: str) -> str:
    """Return the label that a text stands for: `UNSURE` in any case, else the text itself.

    Examples
    --------
    >>> read_name("Unsure"), read_name("my-pop")
    ('unsure', 'my-pop')
    """
    return UNSURE if text.strip().casefold() == UNSURE else text


class Note(str):
    """A warning whose first part, `brief`, names no recording and may be stored in a model.

    Examples
    --------
    >>> note = Note("2 recordings are ignored", "jane.wav, john.wav")
    >>> print(note), note.brief
    2 recordings are ignored: jane.wav, john.wav
    (None, '2 recordings are ignored')
    """

    __slots__ = ("brief",)
    brief: str

    def __new__(cls, brief: str, names: str) -> Note:
        """Join both parts."""
        note = super().__new__(cls, f"{brief}: {names}")
        note.brief = brief
        return note

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """Return both parts, for pickling and copying."""
        return self.brief, self[len(self.brief) + 2 :]
