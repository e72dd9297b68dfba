"""Labels beside recordings: Audacity label tracks and Raven selection tables.

A track belongs to a recording by its name. `REC.txt` belongs to `REC.wav` (or any other recording `REC.*`) in the same
folder. So do `REC.wav.txt`, `REC.Table.1.selections.txt`, `REC.selections.txt` and other names that begin with `REC.`
and end like a selection table. The content of a `.txt` decides its format: a Raven selection table has a header,
anything else beside a recording is read as an Audacity track. A selection table beside no recording may name its
recordings inside (`Begin File`, `Begin Path`). A track or table that belongs to no recording is reported, and any other
text is ignored.

A recording with a track counts as completely labelled, so an empty track, or a table with only a header, makes it a
verified negative. A recording without one is ignored, with a warning. The probability that popclass writes after a
class (`cavitation 0.93`) is dropped.

The readers are our own (`popclass.formats.tracks`). crowsetta 5.1 needs pandas, pandera and
attrs, accepts only tracks of three columns, without frequency lines or empty, and keeps no row numbers for messages.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import takewhile
from operator import eq
from pathlib import Path
from typing import NoReturn

from popclass.audio.paths import AUDIO_SUFFIXES
from popclass.errors import LabelError
from popclass.formats.text import Row, TrackLabel, number, read_header
from popclass.formats.tracks import BEGIN, OFFSET, label_name, read_audacity, read_raven, single_field
from popclass.labels.records import LabelledRecording, LabelRow, Labels, Note, read_name
from popclass.labels.validation import validated
from popclass.utils.text import abbreviated, counted, one_line

_TABLE_ENDS = (".selections", ".selection.table")
_TABLE_NAME = re.compile(r"(\.Table\.\d+)?(\.selections|\.selection\.table)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sidecars:
    """Recordings and the label tracks beside them.

    Attributes
    ----------
    recordings : list of Path
        Sorted.
    tracks : dict of Path to list of Path
        Each track and the recordings it may belong to by its name: one as a rule, none for a selection table that names
        them inside, several where only the suffixes of the recordings differ.
    strays : list of Path
        Files that look like a track, lie beside no recording and name none of them.
    """

    recordings: list[Path]
    tracks: dict[Path, list[Path]]
    strays: list[Path]


def list_files(folder: Path, *, below: bool = True) -> list[Path]:
    """Return the files in a folder and below it, sorted, without hidden ones; raise LabelError if it is unreadable."""
    found: list[Path] = []
    for place, inner, files in os.walk(folder, onerror=_raise_unreadable):
        inner[:] = [name for name in inner if below and not name.startswith(".")]
        found += [Path(place) / name for name in files if not name.startswith(".")]
    return sorted(found)


def _raise_unreadable(error: OSError) -> NoReturn:
    raise LabelError(f"{one_line(str(error.filename))}: cannot be read: {error.strerror}") from None


def is_audio(path: Path) -> bool:
    """Return whether a file has the suffix of a recording."""
    return path.suffix.lower() in AUDIO_SUFFIXES


def find_sidecars(paths: Sequence[Path]) -> Sidecars:
    """Find recordings and label tracks among sorted files; texts beside no recording are opened to recognize them."""
    found = Sidecars([path for path in paths if is_audio(path)], {}, [])
    named: dict[Path, list[Path]] = {}
    for path in found.recordings:
        for name in (path.name, path.stem):
            named.setdefault(_composed(path.with_name(name)), []).append(path)
    for path in (path for path in paths if path.suffix.lower() == ".txt" and path.is_file()):
        if owners := _owners(path, named):
            found.tracks[path] = owners
            continue
        try:
            header = read_header(path)
        except LabelError:  # other text, in an encoding of its own
            continue
        if BEGIN in header and _names_one(path, {_field(each.name) for each in found.recordings}):
            found.tracks[path] = []
        elif BEGIN in header or (len(header) > 1 and number(header[0]) is not None):
            found.strays.append(path)
    return found


def read_folder(folder: Path, sidecars: Sidecars) -> Labels:
    """Read the tracks of all recordings in a folder and below it.

    Raises
    ------
    LabelError
        With file, row and content, if a label is invalid, or it is not clear which recording it belongs to.
    """
    labels = _read(folder, sidecars)
    known = {recording.path for recording in labels.recordings}
    warnings: list[str] = []
    if unlabelled := [path.relative_to(folder).as_posix() for path in sidecars.recordings if path not in known]:
        brief = f"{counted(len(unlabelled), 'recording')} without a label track ignored"
        warnings.append(Note(brief, abbreviated(unlabelled)))
    return replace(labels, warnings=(*warnings, *labels.warnings))


def read_one_recording(recording: Path) -> Labels:
    """Read the tracks of one recording; raise LabelError if it has none, or a label is invalid."""
    folder = recording.parent
    found = find_sidecars([path for path in list_files(folder, below=False) if path.is_file()])
    # A table beside no recording may name this one inside.
    tracks = {track: owners for track, owners in found.tracks.items() if recording in owners or not owners}
    labels = _read(folder, Sidecars(found.recordings, tracks, []), only=recording)
    if not labels.recordings:
        expected = one_line(f"{recording.stem}.txt (Audacity) or {recording.stem}.selections.txt (Raven)")
        raise LabelError(f"{one_line(str(recording))}: no label track beside it; expected is {expected}")
    return labels


def read_one_track(track: Path) -> Labels:
    """Read a track or selection table of recordings beside it or below; raise LabelError if a label is invalid."""
    found = find_sidecars(list_files(track.parent))
    return _read(track.parent, Sidecars(found.recordings, {track: found.tracks.get(track, [])}, []))


def _composed(path: Path) -> Path:
    """Return a path with the last part in one Unicode form (NFC), whichever of them the file system has."""
    return path.with_name(unicodedata.normalize("NFC", path.name))


def _field(name: str) -> str:
    """Return the name of a file as a selection table writes it, in the same form."""
    return single_field(unicodedata.normalize("NFC", name))


def _names_one(table: Path, names: Set[str]) -> bool:
    """Return whether a selection table names one of some recordings, or is a damaged one, which is an error later."""
    try:
        return any(label.file is not None and _field(label.file) in names for _, label in read_raven(table))
    except LabelError:
        return True


def _owners(track: Path, named: Mapping[Path, list[Path]]) -> list[Path]:
    base, is_table = track.stem, track.stem.lower().endswith(_TABLE_ENDS)
    found = named.get(_composed(track.with_name(base)), [])
    while is_table and not found and "." in base:  # the longest name: a.b.selections.txt is of a.b.wav, not of a.wav
        base = base.rpartition(".")[0]
        found = named.get(_composed(track.with_name(base)), [])
    return found


def _read(folder: Path, sidecars: Sidecars, *, only: Path | None = None) -> Labels:
    by_name: dict[str, list[Path]] = {}
    for path in sidecars.recordings:
        by_name.setdefault(_field(path.name), []).append(path)
    found: dict[Path, list[LabelRow]] = {}
    for track, owners in sorted(sidecars.tracks.items()):
        labels = _parse(track)
        if not labels:
            found.setdefault(_only_owner(track, owners), [])
        for row, label in labels:
            owner = _only_owner(track, owners) if label.file is None else _named_recording(row, label, owners, by_name)
            found.setdefault(owner, []).append(_label_row(row, label))
    recordings = [
        LabelledRecording(path, path.relative_to(folder).as_posix(), tuple(sorted(rows)), verified=not rows)
        for path, rows in sorted(found.items())
        if only in (None, path)
    ]
    numbers = {name for recording in recordings for name in recording.classes if name.isdigit()}
    shown = abbreviated(sorted(numbers, key=lambda name: (len(name), name)))  # int() stops at 4,300 digits
    warnings = [f"labels that are only numbers ({shown}) are used as class names"] if numbers else []
    return validated(recordings, sorted(sidecars.tracks), warnings, allow_empty=False)


def _parse(track: Path) -> list[tuple[Row, TrackLabel]]:
    """Read a track in the format that its first row shows."""
    shown, header = one_line(str(track)), read_header(track)
    columns = re.split("[,;]", header[0]) if len(header) == 1 else []
    if len(columns) > 1 and BEGIN in (name.strip(' "') for name in columns):
        what = "a Raven selection table whose columns are not separated by tabs"
        raise LabelError(
            f"{shown}, row 1: {what}; save it from Raven again, or from a spreadsheet as tab delimited text"
        )
    labels = read_raven(track) if BEGIN in header else list(read_audacity(track))
    files = {(label.path, label.file) for _, label in labels if label.file is not None}
    if len(files) > 1 and OFFSET not in header:  # begin times count from the start of the first recording
        what = f"selections in {len(files)} recordings, but no column 'File Offset (s)' with the times in each"
        raise LabelError(f"{shown}: {what}; add it in Raven and save the table again")
    return labels


def _label_row(row: Row, label: TrackLabel) -> LabelRow:
    if label.start_s < 0:
        start = f"'{one_line(label.text)}' starts at {label.start_s:g} s, before the recording does"
        raise LabelError(f"{row.where}: {start}; move the label, or export again with the recording at 0 s")
    return LabelRow(label.start_s, label.end_s, read_name(label_name(label.text)), row.where)


def _only_owner(track: Path, owners: list[Path]) -> Path:
    if len(owners) == 1:
        return owners[0]
    shown = one_line(str(track))
    if not owners:
        name = one_line(_TABLE_NAME.sub("", track.stem))
        raise LabelError(f"{shown}: no recording beside it has this name; {name}.wav or the like is expected")
    first, names = one_line(owners[0].name), abbreviated([path.name for path in owners])
    raise LabelError(f"{shown}: it may belong to any of {names}; rename it {first}.txt if it belongs to {first}")


def _named_recording(row: Row, label: TrackLabel, owners: list[Path], by_name: Mapping[str, list[Path]]) -> Path:
    """Return the recording that a selection names: by its path as far as that helps, else the one beside the table."""
    file = label.file or ""
    candidates = by_name.get(_field(file), [])
    if len(candidates) > 1 and label.path is not None:
        written = [_field(part).casefold() for part in re.split(r"[\\/]", label.path)[::-1]]
        found = [[_field(part).casefold() for part in reversed(each.parts)] for each in candidates]
        shared = [sum(takewhile(bool, map(eq, written, parts))) for parts in found]  # counted from the file name up
        candidates = [each for each, parts in zip(candidates, shared, strict=True) if parts == max(shared)]
    if len(candidates) > 1:
        candidates = [each for each in candidates if each in owners or each.parent == row.path.parent] or candidates
    if not candidates:
        raise LabelError(f"{row.where}: no recording '{one_line(file)}' is in the folder of the table or below")
    if len(candidates) > 1:
        names = abbreviated([str(each) for each in candidates])
        raise LabelError(f"{row.where}: '{one_line(file)}' may be any of {names}")
    return candidates[0]
