"""Which label track belongs to which recording, by their names.

`REC.txt` belongs to `REC.wav` (or any other recording `REC.*`) in the same folder, and so do `REC.wav.txt`,
`REC.Table.1.selections.txt`, `REC.selections.txt` and other names that begin with `REC.` and end like a selection
table. What is in a `.txt` decides what it is: a Raven selection table has a head, anything else beside a recording is
taken for an Audacity track. A selection table beside no recording may still name its recordings inside; a text file
beside none that looks like a track is reported, and any other text is nobody's label.

Labels beside recordings: Audacity label tracks and Raven selection tables.

A recording with a track is taken to be labelled completely, so an empty track, or a table with only a head, makes it a
verified negative. A recording without one is not labelled: it is left out and named in a warning. A Raven table says
itself which recordings it is of where it has `Begin File` (and `Begin Path`); otherwise its name decides, as for
Audacity. The probability that popclass writes behind a class (`cavitation 0.93`) is passed over.

The readers are our own (`popclass.formats.audacity`, `popclass.formats.raven`): crowsetta 5.1 needs pandas, pandera and
attrs, wants exactly three columns of a track, and so reads no frequency lines or empty tracks, and no row numbers
remain for messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from popclass.errors import LabelError
from popclass.formats.audacity import AudacityLabel, label_name, read_audacity, single_field
from popclass.formats.raven import RavenSelection, is_raven, read_raven
from popclass.formats.text import number, read_rows
from popclass.labels.folders import files_in, is_audio, listed
from popclass.labels.records import LabelledRecording, LabelRow, Labels, Note, in_order, some
from popclass.labels.validation import Names, checked
from popclass.utils.text import counted, one_line

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


Found = dict[Path, list[LabelRow]]
"""Rows of each recording that has a track, even an empty one."""


def read_tracks(folder: Path, beside: Beside) -> Labels:
    """Read the tracks of all recordings in a folder and the folders below it.

    Parameters
    ----------
    folder : Path
        Names of recordings are relative to it.
    beside : Beside
        What there is in it.

    Raises
    ------
    LabelError
        With file, row and what stands there, if a label cannot be used, or it is not clear which recording it is of.
    """
    labels = _read(folder, beside)
    warnings: list[str] = []
    known = {recording.path for recording in labels.recordings}
    if unlabelled := [path.relative_to(folder).as_posix() for path in beside.recordings if path not in known]:
        warnings.append(Note(_without_track(len(unlabelled)), some(unlabelled)))
    if beside.strays:
        names = some([path.relative_to(folder).as_posix() for path in beside.strays])
        one = len(beside.strays) == 1
        belong = "belongs to no recording beside it" if one else "belong to no recording beside them"
        warnings.append(Note(f"{counted(len(beside.strays), 'label track')} {belong}", names))
    return Labels(labels.recordings, (*warnings, *labels.warnings))


def _without_track(count: int) -> str:
    return f"{counted(count, 'recording')} without a label track {'is' if count == 1 else 'are'} left out"


def read_one_recording(recording: Path) -> Labels:
    """Read the tracks of one recording.

    Raises
    ------
    LabelError
        If it has none, or a label cannot be used.
    """
    recordings = Beside.of(_neighbours(recording)).recordings
    labels = _read(recording.parent, Beside(recordings, tracks_of(recording)), only=recording)
    if not labels.recordings:
        stem = one_line(recording.stem)
        raise LabelError(
            f"{one_line(str(recording))}: no label track beside it; expected is {stem}.txt (Audacity) or "
            f"{stem}.selections.txt (Raven)"
        )
    return labels


def tracks_of(recording: Path) -> dict[Path, list[Path]]:
    """The tracks that may be of one recording, as in `Beside.tracks`."""
    beside = Beside.of(_neighbours(recording))
    # A table beside no recording may name this one inside.
    return {track: owners for track, owners in beside.tracks.items() if recording in owners or not owners}


def read_one_track(track: Path) -> Labels:
    """Read a track or selection table and the recordings it is of, which lie beside it or below.

    Raises
    ------
    LabelError
        If it is of no recording, or a label cannot be used.
    """
    beside = Beside.of(files_in(track.parent))
    return _read(track.parent, Beside(beside.recordings, {track: beside.tracks.get(track, [])}))


def _neighbours(path: Path) -> Iterator[Path]:
    return (each for each in listed(path.parent) if not each.name.startswith(".") and each.is_file())


def _read(folder: Path, beside: Beside, *, only: Path | None = None) -> Labels:
    found: Found = {}
    names = Names()
    index = _by_field(beside.recordings)
    for track, owners in sorted(beside.tracks.items()):
        rows = _raven(track, owners, index) if is_raven(track) else _audacity(track, owners)
        for where, path, label in rows:
            if only is not None and path != only:
                continue
            kept = found.setdefault(path, [])
            if label is not None:
                names.take(label.label, where)
                kept.append(label)
    names.check()
    recordings = [
        LabelledRecording(path, path.relative_to(folder).as_posix(), in_order(rows), verified=not rows)
        for path, rows in sorted(found.items())
    ]
    return checked(recordings, _numbered(recordings))


Placed = tuple[str, Path, LabelRow | None]
"""Where a label stands, the recording it is of, and the label; None says that the recording has a track."""


def _audacity(track: Path, owners: list[Path]) -> Iterator[Placed]:
    owner = one_owner(track, owners)
    yield one_line(str(track)), owner, None
    _refuse_commas(track)
    for row, label in read_audacity(track):
        where = f"{one_line(str(track))}, row {row}"
        yield where, owner, _row(where, label)


def _refuse_commas(track: Path) -> None:
    """A selection table that some other program has saved again with commas is no track, and says so."""
    _, head = next(read_rows(track), (0, [""]))
    if len(head) == 1 and "begin time (s)" in (name.strip(' "').casefold() for name in re.split("[,;]", head[0])):
        raise LabelError(
            f"{one_line(str(track))}, row 1: a Raven selection table whose columns are not separated by tabs; save it "
            "from Raven again, or with tabs (in a spreadsheet: text, tab delimited)"
        )


def _raven(track: Path, owners: list[Path], index: dict[str, list[Path]]) -> Iterator[Placed]:
    selections = read_raven(track)
    if not selections:
        yield one_line(str(track)), one_owner(track, owners), None
    _check_offsets(track, [selection for _, selection in selections])
    for row, selection in selections:
        where = f"{one_line(str(track))}, row {row}"
        if selection.file is None:
            owner = one_owner(track, owners)
        else:
            owner = _named(where, track, selection.file, selection.path, owners, index)
        yield where, owner, _row(where, selection)


def _row(where: str, label: AudacityLabel | RavenSelection) -> LabelRow:
    if label.start_s < 0:
        raise LabelError(
            f"{where}: '{one_line(label.text)}' starts at {label.start_s:g} s, before the recording does; move the "
            "label, or the recording back to 0 s before its labels are exported"
        )
    return LabelRow(label.start_s, label.end_s, label_name(label.text), where)


def _check_offsets(track: Path, selections: Iterable[RavenSelection]) -> None:
    """Raven's begin times run on over the recordings it has open as one."""
    files = {(each.path, each.file) for each in selections if each.file is not None}
    if len(files) > 1 and not _has_offsets(track):
        raise LabelError(
            f"{one_line(str(track))}: selections in {len(files)} recordings, but no column 'File Offset (s)' to say "
            "where in each; add it in Raven and save the table again"
        )


def _has_offsets(track: Path) -> bool:
    _, header = next(read_rows(track))
    return "file offset (s)" in (name.strip().casefold() for name in header)


def _by_field(recordings: Iterable[Path]) -> dict[str, list[Path]]:
    """Recordings by their name as a table can hold it."""
    index: dict[str, list[Path]] = {}
    for path in recordings:
        index.setdefault(single_field(path.name), []).append(path)
    return index


def _named(
    where: str, track: Path, file: str, path: str | None, owners: list[Path], index: dict[str, list[Path]]
) -> Path:
    """The recording that a selection names: by its path as far as that helps, else the one beside the table."""
    candidates = index.get(single_field(file), [])
    if len(candidates) > 1 and path is not None:
        written = path.replace("\\", "/")
        shared = [_shared_parts(written, candidate) for candidate in candidates]
        candidates = [each for each, parts in zip(candidates, shared, strict=True) if parts == max(shared)]
    if len(candidates) > 1:
        candidates = [each for each in candidates if each in owners or each.parent == track.parent] or candidates
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise LabelError(f"{where}: no recording '{one_line(file)}' is in the folder of the table or below")
    raise LabelError(f"{where}: '{one_line(file)}' may be any of {some([str(each) for each in candidates])}")


def _shared_parts(written: str, candidate: Path) -> int:
    """How many folders, counted from the name up, a written path and a real one have in common."""
    ends = zip(reversed(written.split("/")), reversed(candidate.parts), strict=False)
    shared = 0
    for mine, real in ends:
        if mine != single_field(real):
            break
        shared += 1
    return shared


def _numbered(recordings: Iterable[LabelledRecording]) -> list[str]:
    found = {name for recording in recordings for name in recording.classes if name.isdigit()}
    names = sorted(found, key=lambda name: (len(name.lstrip("0")), name.lstrip("0"), name))  # int stops at 4,300 digits
    if not names:
        return []
    return [f"labels that are mere numbers ({some(names)}) are taken for names of classes"]
