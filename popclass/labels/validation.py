"""What a class may be called, and how all texts that cannot be one are told at once.

A track of an hour may hold twenty misspelt labels. Whoever corrects them wants to see every one, not the first.

What is odd about labels that can be read: the same one twice, and two classes at the same time.

Nothing is decided here about who is right. A label that stands twice is used once and told of; labels of different
classes that overlap both stay, with a warning that names their times.

Misspelt labels, before they become classes of their own.

Any name may be a class, so a slip of the pen makes one: `othr` twice, and the model tells four kinds of sounds apart.
A label spelt nearly like `cavitation`, `snapping` or `other` is refused, and one spelt nearly like a more frequent
label is warned of. A name made of parts (`snapping-hip`, `cavitation_2`) is no slip if one of its parts is the name it
is like, and whoever means `slapping` can say so.

Clips that seem to be cut from one recording, by their names: `take_1.wav`, `take_2.wav`, `take (3).wav`.

Sounds of one recording resemble each other more than those of another person will. Where clips are all there is, each
counts as a recording of its own; that some belong together can then only be guessed, and is told, never acted upon.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher, get_close_matches
from pathlib import PurePosixPath

from popclass.errors import LabelError
from popclass.labels.records import LabelledRecording, LabelRow, Labels, Note, in_order, some
from popclass.model.model import CLASS_NAME
from popclass.results import CAVITATION, OTHER, SNAPPING, UNCERTAIN
from popclass.utils.text import counted, one_line

STANDARD = (CAVITATION, SNAPPING, OTHER)
ALIKE = 0.8  # of the ratio of difflib, from which a name is taken for another misspelt: othr, ohter, snaping

_ALLOWED = "allowed are lower-case letters, digits, _ and -"
_LONGEST = 40  # characters of a text in a message


def check_class_name(name: str, where: str = "class") -> None:
    """Raise LabelError if a class may not be called `name`; `where` begins the message."""
    if reason := _objection(name):
        raise LabelError(f"{where}: '{_shown(name)}' cannot be a class; {reason}{_hint(name)}")


def _objection(name: str) -> str | None:
    if name == UNCERTAIN:
        return "it is what popclass says when it does not know"
    if not name:
        return "give the label the name of its class"
    return None if CLASS_NAME.fullmatch(name) else _ALLOWED


def _hint(text: str) -> str:
    """What one may have meant by a text that cannot be a class, as the end of a message."""
    meant = get_close_matches(text.strip().casefold(), STANDARD, n=1, cutoff=ALIKE)
    return f"; did you mean '{meant[0]}'?" if meant else ""


class Names:
    """Takes the texts of labels one by one and remembers those that cannot be a class.

    Examples
    --------
    >>> names = Names()
    >>> for row, text in enumerate(["cavitation", "Crack?", "pop!", "Crack?"], start=1):
    ...     names.take(text, f"row {row}")
    >>> names.check()
    Traceback (most recent call last):
    popclass.errors.LabelError: row 2: 'Crack?' (2 times) cannot be a class, nor can 'pop!' (1 time, first in row 3); \
allowed are lower-case letters, digits, _ and -, but not uncertain
    """

    def __init__(self) -> None:
        self._refused: dict[str, tuple[int, str]] = {}

    def take(self, text: str, where: str) -> None:
        """Look at the text of a label that stands at `where`."""
        if _objection(text) is not None:
            count, first = self._refused.get(text, (0, where))
            self._refused[text] = (count + 1, first)

    def check(self) -> None:
        """Raise LabelError if any of the texts cannot be a class, with all of them, how often and where the first is.

        Raises
        ------
        LabelError
        """
        if not self._refused:
            return
        (text, (count, first)), *others = self._refused.items()
        if not others:
            times = "" if count == 1 else f" ({_times(count)})"
            raise LabelError(f"{first}: '{_shown(text)}'{times} cannot be a class; {_objection(text)}{_hint(text)}")
        listed = ", ".join(f"'{_shown(other)}' ({_times(n)}, first in {where})" for other, (n, where) in others)
        raise LabelError(
            f"{first}: '{_shown(text)}' ({_times(count)}) cannot be a class, nor can {listed}; {_ALLOWED}, "
            f"but not {UNCERTAIN}{_hint(text)}"
        )


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count} times"


def _shown(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


_OVERLAP = (
    "labels of different classes overlap; a point takes the onset nearest to it, and any other onset in both goes to "
    "the one that begins nearest to it"
)


def checked(recordings: Sequence[LabelledRecording], warnings: Sequence[str] = ()) -> Labels:
    """Labels of these recordings, each label once, and warnings of what is odd about them.

    Parameters
    ----------
    recordings : sequence of LabelledRecording
    warnings : sequence of str
        What was noticed before; it comes first.
    """
    told = list(warnings)
    for recording in recordings:
        name = one_line(recording.name)
        if twice := [row for row, count in Counter(recording.rows).items() if count > 1]:
            told.append(Note("labels that stand there more than once are used once", f"{name}, {_places(twice)}"))
        if pairs := overlaps(in_order(list(set(recording.rows)))):
            listed = some([f"{first.place} and {second.place}" for first, second in pairs])
            told.append(Note(_OVERLAP, f"{name}, {listed}"))
    once = tuple(replace(recording, rows=in_order(list(set(recording.rows)))) for recording in recordings)
    return Labels(once, tuple(told))


def overlaps(rows: Sequence[LabelRow]) -> list[tuple[LabelRow, LabelRow]]:
    """Pairs of rows with different labels that share a stretch of time or begin at the same moment.

    Parameters
    ----------
    rows : sequence of LabelRow
        Sorted by start.

    Examples
    --------
    >>> rows = [LabelRow(0, 2, "other"), LabelRow(1, 1, "cavitation"), LabelRow(2, 3, "snapping")]
    >>> [(a.label, b.label) for a, b in overlaps(rows)]
    [('other', 'cavitation')]
    """
    pairs = []
    for place, first in enumerate(rows):
        for second in rows[place + 1 :]:
            if second.start_s > first.start_s and second.start_s >= first.end_s:
                break
            if second.label != first.label:
                pairs.append((first, second))
    return pairs


def _places(rows: Sequence[LabelRow]) -> str:
    return some([row.place for row in in_order(rows)])


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


_COUNTER = re.compile(r"(?P<stem>.*[^\W_].*?)(?:[ _.-]+\d+|[ _.-]*\(\d+\))")


def sibling_clips(recordings: Sequence[LabelledRecording]) -> list[Note]:
    """A note of the clips without a subject whose names differ only in a counter at their end; empty without any.

    Parameters
    ----------
    recordings : sequence of LabelledRecording

    Examples
    --------
    >>> from pathlib import Path
    >>> names = ["cavitation/knee_1.wav", "other/knee_2.wav", "other/P07.wav", "other/P08.wav"]
    >>> [note] = sibling_clips([LabelledRecording(Path(name), name, whole="other") for name in names])
    >>> note.startswith("2 clips may be cut from one recording"), note.endswith("(labels.csv): knee")
    (True, True)
    """
    families: dict[str, int] = {}
    for recording in recordings:
        if recording.whole is None or recording.subject is not None:
            continue
        found = _COUNTER.fullmatch(PurePosixPath(recording.name).stem)
        if found is not None:
            families[found["stem"]] = families.get(found["stem"], 0) + 1
    shared = {stem: count for stem, count in sorted(families.items()) if count > 1}
    if not shared:
        return []
    clips = counted(sum(shared.values()), "clip")
    source = "one recording" if len(shared) == 1 else counted(len(shared), "recording")
    brief = (
        f"{clips} may be cut from {source}, by their names, but each counts as a recording of its own; scores are too "
        "good then. Say whose each clip is in a table with a column subject (labels.csv)"
    )
    return [Note(brief, some(list(shared)))]
