"""Which label track belongs to which recording, by their names.

`REC.txt` belongs to `REC.wav` (or any other recording `REC.*`) in the same folder, and so do `REC.wav.txt`,
`REC.Table.1.selections.txt`, `REC.selections.txt` and other names that begin with `REC.` and end like a selection
table. What is in a `.txt` decides what it is: a Raven selection table has a head, anything else beside a recording is
taken for an Audacity track. A selection table beside no recording may still name its recordings inside; a text file
beside none that looks like a track is reported, and any other text is nobody's label.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from popclass.errors import LabelError
from popclass.formats.raven import is_raven
from popclass.formats.text import number, one_line, read_rows
from popclass.labels.folders import is_audio
from popclass.labels.records import some

_TABLE_ENDS = (".selections", ".selection.table")


@dataclass(slots=True)
class Beside:
    """The recordings and label tracks among some files.

    Attributes
    ----------
    recordings : list of Path
        Sorted.
    tracks : dict of Path to list of Path
        Each track and the recordings it may belong to by its name: one as a rule, none for a selection table that names
        them inside, several where only the endings of the recordings differ.
    strays : list of Path
        What looks like an Audacity track and lies beside no recording.
    """

    recordings: list[Path] = field(default_factory=list)
    tracks: dict[Path, list[Path]] = field(default_factory=dict)
    strays: list[Path] = field(default_factory=list)

    @classmethod
    def of(cls, files: Iterable[Path]) -> Beside:
        """Sort files into recordings and tracks; text files are opened to see what they are.

        Raises
        ------
        LabelError
            If a text file beside a recording cannot be read.
        """
        paths = sorted(files)
        found = cls([path for path in paths if is_audio(path)])
        named = _by_name(found.recordings)
        for path in paths:
            if path.suffix.lower() != ".txt":
                continue
            owners = _owners(path, named)
            if owners or _readable_table(path):
                found.tracks[path] = owners
            elif _looks_like_track(path):
                found.strays.append(path)
        return found

    @property
    def tracked(self) -> set[Path]:
        """Recordings that have a track by its name."""
        return {owner for owners in self.tracks.values() for owner in owners}


def one_owner(track: Path, owners: list[Path]) -> Path:
    """The recording a track belongs to by its name.

    Raises
    ------
    LabelError
        If there is none, or several.
    """
    shown = one_line(str(track))
    if not owners:
        raise LabelError(f"{shown}: no recording beside it has this name; {track.stem}.wav or the like is expected")
    if len(owners) > 1:
        names = some([path.name for path in owners])
        example = one_line(f"{owners[0].name}.txt")
        raise LabelError(f"{shown}: it may belong to any of {names}; call it {example} if it is of {owners[0].name}")
    return owners[0]


def _by_name(recordings: Iterable[Path]) -> dict[tuple[Path, str], list[Path]]:
    """Recordings by folder and full name, and by folder and name without its ending."""
    named: dict[tuple[Path, str], list[Path]] = {}
    for path in recordings:
        named.setdefault((path.parent, path.name), []).append(path)
        named.setdefault((path.parent, path.stem), []).append(path)
    return named


def _owners(track: Path, named: dict[tuple[Path, str], list[Path]]) -> list[Path]:
    base = track.stem
    if found := named.get((track.parent, base)):
        return found
    if not base.lower().endswith(_TABLE_ENDS):
        return []
    while "." in base:  # the longest name that fits: a.b.selections.txt is of a.b.wav, not of a.wav
        base = base.rpartition(".")[0]
        if found := named.get((track.parent, base)):
            return found
    return []


def _readable_table(path: Path) -> bool:
    try:
        return is_raven(path)
    except LabelError:  # some other text, in an encoding of its own
        return False


def _looks_like_track(path: Path) -> bool:
    try:
        _, cells = next(read_rows(path), (0, [""]))
    except LabelError:
        return False
    return len(cells) > 1 and number(cells[0]) is not None
