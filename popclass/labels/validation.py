"""Checks of labels: class names, duplicates, overlaps, misspelt classes, clips of one recording.

- A label that cannot be a class name is an error, and all such labels are listed at once.
- A label that occurs twice is used once, with a warning. Labels of different classes that overlap are both used, with a
  warning that gives their times.
- A row with times but no label, which means that there is nothing but `other`, may be a forgotten label: a warning.
- A label spelt nearly like `cavitation`, `snapping` or `other` is an error, and one spelt nearly like a more frequent
  label a warning; otherwise `othr` would become a class of its own. A name made of parts (`snapping-hip`,
  `cavitation_2`) is accepted if one part is the name it resembles.
- Clips whose names differ only in a counter (`hip_1.wav`, `hip (3).wav`) may be cut from one recording, and then
  resemble each other more than those of another person. They are reported, but not grouped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path, PurePosixPath

from popclass.errors import LabelError
from popclass.formats.text import shortened
from popclass.labels.records import UNSURE, LabelledRecording, LabelRow, Labels, Note
from popclass.model.model import CLASS_NAME
from popclass.schema import CAVITATION, OTHER, SNAPPING, UNCERTAIN
from popclass.utils.files import equal_files
from popclass.utils.text import abbreviated, counted, one_line

STANDARD = (CAVITATION, SNAPPING, OTHER)
SIMILARITY = 0.8  # difflib's ratio from which a name may be a misspelling: othr, ohter, snaping

MISSING = ("nan", "none", "null", "na")  # what programs write for an empty cell
_ALLOWED = f"allowed are lower-case letters, digits, _ and -, but not {UNCERTAIN}, {', '.join(MISSING)}"
_REPEATED = "labels that occur more than once are used once"
_OVERLAP = "labels of different classes overlap; a point takes the nearest onset, others go to the nearest start"
_EMPTY = "with a time but no label: nothing but 'other' there; where that is not meant, label the row or delete it"
_RARE = "a label is spelt nearly like a more frequent one and used as a class of its own; check its spelling"
_COUNTER = re.compile(r"(?P<stem>.*?[^\W_].*?)(?:[ _.-]+\d+|[ _.-]*\(\d+\))")


def validated(
    recordings: Sequence[LabelledRecording], files: Sequence[Path], warnings: Sequence[str], *, allow_empty: bool = True
) -> Labels:
    """Return the labels without duplicates, with warnings of duplicates, overlaps and empty labels.

    Parameters
    ----------
    recordings : sequence of LabelledRecording
    files : sequence of Path
        Label files they were read from.
    warnings : sequence of str
        Earlier warnings, which come first.
    allow_empty : bool
        Whether a row may have an empty label.

    Raises
    ------
    LabelError
        If labels cannot be classes: all of them, with their number and the place of the first.
    """
    names = _count_labels(recordings)
    if allow_empty:
        names.pop("", None)
    check_class_names(names)
    found = list(warnings)
    if empty := [row for recording in recordings for row in recording.rows if not row.label]:
        places = [row.where or row.place for row in empty]
        found.append(Note(f"{counted(len(empty), 'row')} {_EMPTY}", abbreviated(places)))
    unique = []
    for recording in recordings:
        rows = tuple(sorted(set(recording.rows)))
        name = one_line(recording.name)
        repeated = [row.place for row, count in sorted(Counter(recording.rows).items()) if count > 1]
        overlapping = [f"{first.place} and {second.place}" for first, second in overlaps(rows)]
        for brief, places in ((_REPEATED, repeated), (_OVERLAP, overlapping)):
            if places:
                found.append(Note(brief, f"{name}, {abbreviated(places)}"))
        unique.append(replace(recording, rows=rows))
    return Labels(tuple(unique), tuple(found), tuple(files))


def overlaps(rows: Sequence[LabelRow]) -> list[tuple[LabelRow, LabelRow]]:
    """Return pairs of rows with different labels that share time or begin at the same moment.

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
    for index, first in enumerate(rows):
        for second in rows[index + 1 :]:
            if second.start_s > first.start_s and second.start_s >= first.end_s:
                break
            if second.label != first.label:
                pairs.append((first, second))
    return pairs


def check_spelling(
    recordings: Sequence[LabelledRecording],
    own_classes: Collection[str] = (),
    otherwise: str = "use --own-class {}",
) -> list[Note]:
    """Return warnings of labels that may be misspelt.

    Parameters
    ----------
    recordings : sequence of LabelledRecording
    own_classes : collection of str
        Names that are accepted whatever they resemble.
    otherwise : str
        Advice for a label that is meant as it is, which replaces the braces.

    Raises
    ------
    LabelError
        If a label is nearly one of the standard classes, or a name in `own_classes` cannot be a class.

    Examples
    --------
    >>> from pathlib import Path
    >>> clip = LabelledRecording(Path("a.wav"), "a.wav", whole="othr", where="a.csv, row 2")
    >>> check_spelling([clip])
    Traceback (most recent call last):
    popclass.errors.LabelError: a.csv, row 2: 'othr' (1 label); did you mean 'other'? Otherwise use --own-class othr
    >>> check_spelling([clip], own_classes=["othr"])
    []
    """
    check_class_names(dict.fromkeys(own_classes, (1, "own class")))
    found = _count_labels(recordings)
    for name in ("", UNSURE):
        found.pop(name, None)
    doubtful = {name: found[name] for name in found if name not in STANDARD and name not in own_classes}
    warnings: list[Note] = []
    for name, (count, where) in doubtful.items():
        shown = f"'{name}' ({counted(count, 'label')})"
        if meant := _similar(name, (*STANDARD, UNSURE)):
            raise LabelError(f"{where}: {shown}; did you mean '{meant}'? Otherwise {otherwise.format(name)}")
        if frequent := _similar(name, [other for other, (n, _) in found.items() if n > count]):
            beside = f"'{frequent}' ({counted(found[frequent][0], 'label')})"
            warnings.append(Note(_RARE, f"{shown} beside {beside}, {where}"))
    return warnings


def sibling_clips(recordings: Iterable[LabelledRecording]) -> list[Note]:
    """Return a warning of the clips without a subject whose names differ only in a counter; empty without any.

    Examples
    --------
    >>> from pathlib import Path
    >>> names = ["cavitation/knee_1.wav", "other/knee_2.wav", "other/P07.wav", "other/P08.wav"]
    >>> [note] = sibling_clips([LabelledRecording(Path(name), name, whole="other") for name in names])
    >>> note.startswith("2 clips may be cut from 1 recording"), note.endswith("(labels.csv): knee")
    (True, True)
    """
    clips = [each for each in recordings if each.whole is not None and each.subject is None]
    matches = [_COUNTER.fullmatch(PurePosixPath(clip.name).stem) for clip in clips]
    families = Counter(found["stem"] for found in matches if found is not None)
    shared = {stem: count for stem, count in sorted(families.items()) if count > 1}
    if not shared:
        return []
    number, source = counted(sum(shared.values()), "clip"), counted(len(shared), "recording")
    brief = f"{number} may be cut from {source}, by their names, so scores may be too good; name the subject of each"
    return [Note(f"{brief} in a column subject (labels.csv)", abbreviated(list(shared)))]


def same_content(recordings: Iterable[LabelledRecording]) -> list[Note]:
    """Return warnings of recordings with the same bytes, in different classes or in one; empty without any."""
    recordings = tuple(recordings)
    labelled = {recording.path: recording for recording in recordings if recording.samples is None}
    groups = [[labelled[path] for path in group] for group in equal_files(labelled)]
    by_content: dict[str, list[LabelledRecording]] = {}
    for recording in recordings:
        if recording.samples is not None:
            by_content.setdefault(recording.sha256, []).append(recording)
    groups += [group for group in by_content.values() if len(group) > 1]
    names: dict[str, list[str]] = {}
    for group in groups:
        differ = len({tuple(sorted(each.classes)) for each in group}) > 1
        what = "have different classes; correct one of them" if differ else "count more than once; keep one of them"
        names.setdefault(what, []).append(" and ".join(one_line(each.name) for each in group))
    return [Note(f"recordings with the same content {what}", abbreviated(names[what])) for what in sorted(names)]


def check_class_names(found: Mapping[str, tuple[int, str]]) -> None:
    """Raise LabelError for all names that cannot be classes, given the number and the first place of each."""
    # popclass itself uses UNCERTAIN, for events without a clear label
    refused = [name for name in found if name in (UNCERTAIN, *MISSING) or not CLASS_NAME.fullmatch(name)]
    if not refused:
        return
    text, *others = refused
    count, first = found[text]
    if refused == [""]:
        raise LabelError(f"{first} has no label; write one or delete it")
    times = f" ({counted(count, 'time')})" if others or count > 1 else ""
    also = (
        f"'{shortened(name, 40)}' ({counted(found[name][0], 'time')}, first in {found[name][1]})" for name in others
    )
    nor = f", nor can {', '.join(also)}" if others else ""
    similar = [get_close_matches(name.strip().casefold(), STANDARD, n=1, cutoff=SIMILARITY) for name in refused]
    meant = dict.fromkeys(f"'{close[0]}'" for close in similar if close)
    hint = f"; did you mean {', '.join(meant)}?" if meant else ""
    if UNCERTAIN in refused:
        hint += f"; a sound that you cannot name is '{UNSURE}'"
    raise LabelError(f"{first}: '{shortened(text, 40)}'{times} cannot be a class{nor}; {_ALLOWED}{hint}")


def _count_labels(recordings: Iterable[LabelledRecording]) -> dict[str, tuple[int, str]]:
    """Return the number of times each label occurs, and the place of the first."""
    found: dict[str, tuple[int, str]] = {}
    for recording in recordings:
        name = one_line(recording.name)
        labels = [(row.label, row.where or f"{name}, {row.place}") for row in recording.rows]
        if recording.whole is not None:
            labels.append((recording.whole, recording.where or name))
        for label, where in labels:
            count, first = found.get(label, (0, where))
            found[label] = (count + 1, first)
    return found


def _similar(name: str, others: Sequence[str]) -> str | None:
    """Return the most similar of other names; None if none is similar, or the two differ only in numbers."""
    parts = re.split("[-_]", name)
    close = [(SequenceMatcher(None, name, other).ratio(), other) for other in others if other not in parts]
    ratio, best = max(close, default=(0.0, ""))
    same_words = re.sub(r"\d+", "", name) == re.sub(r"\d+", "", best)
    return best if ratio >= SIMILARITY and not same_words else None
