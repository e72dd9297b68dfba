"""Misspelt labels, before they become classes of their own.

Any name may be a class, so a slip of the pen makes one: `othr` twice, and the model tells four kinds of sounds apart.
A label spelt nearly like `cavitation`, `snapping` or `other` is refused, and one spelt nearly like a more frequent
label is warned of. A name made of parts (`snapping-hip`, `cavitation_2`) is no slip if one of its parts is the name it
is like, and whoever means `slapping` can say so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from difflib import SequenceMatcher

from popclass.errors import LabelError
from popclass.formats.text import counted, one_line
from popclass.labels.names import ALIKE, STANDARD, check_class_name
from popclass.labels.records import LabelledRecording, Note

_NEARLY = "a label is spelt nearly like a more frequent one and taken for a class of its own; correct it if it is none"
_Found = dict[str, tuple[int, str]]


def check_spelling(recordings: Sequence[LabelledRecording], meant: Collection[str] = ()) -> list[Note]:
    """Warnings of labels that may be misspelt.

    Parameters
    ----------
    recordings : sequence of LabelledRecording
    meant : collection of str
        Names that are classes whatever they are like.

    Raises
    ------
    LabelError
        If a label is nearly one of the standard classes, with where it stands first, how often, and which was meant;
        or if a name in `meant` cannot be a class.

    Examples
    --------
    >>> from pathlib import Path
    >>> take = LabelledRecording(Path("a.wav"), "a.wav", whole="othr", where="labels.csv, row 2")
    >>> check_spelling([take])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    popclass.errors.LabelError: labels.csv, row 2: 'othr' (1 label); did you mean 'other'? If it is a class of its ...
    >>> check_spelling([take], meant=["othr"])
    []
    """
    for name in meant:
        check_class_name(name, where="own class")
    found = _first_places(recordings)
    doubtful = {name: at for name, at in found.items() if name not in STANDARD and name not in meant}
    for name, (count, where) in doubtful.items():
        if (like := _like(name, STANDARD)) is not None:
            raise LabelError(
                f"{where}: '{name}' ({counted(count, 'label')}); did you mean '{like}'? If it is a class of its own, "
                f"say so (--own-class {name})"
            )
    warnings: list[Note] = []
    for name, (count, where) in doubtful.items():
        like = _like(name, [other for other, (n, _) in found.items() if n > count])
        if like is not None:
            said = f"'{name}' ({counted(count, 'label')}) beside '{like}' ({counted(found[like][0], 'label')}), {where}"
            warnings.append(Note(_NEARLY, said))
    return warnings


def _first_places(recordings: Sequence[LabelledRecording]) -> _Found:
    """How often each label stands, and where first."""
    found: _Found = {}
    for name, where in (each for recording in recordings for each in _labels(recording)):
        count, first = found.get(name, (0, where))
        found[name] = (count + 1, first)
    return found


def _labels(recording: LabelledRecording) -> Iterator[tuple[str, str]]:
    name = one_line(recording.name)
    yield from ((row.label, row.where or f"{name}, {row.place}") for row in recording.rows if row.label)
    if recording.whole is not None:
        yield recording.whole, recording.where or name


def _like(name: str, others: Sequence[str]) -> str | None:
    """The name that another is nearly spelt like, the likest first."""
    parts = re.split("[-_]", name)
    close = [(SequenceMatcher(None, name, other).ratio(), other) for other in others if other not in parts]
    best = max((each for each in close if each[0] >= ALIKE), default=None)
    return None if best is None or _differ_by_number(name, best[1]) else best[1]


def _differ_by_number(name: str, other: str) -> bool:
    """Whether two names are the same but for their figures: pop-1 and pop-2 are both meant."""
    return re.sub(r"\d+", "", name) == re.sub(r"\d+", "", other)
