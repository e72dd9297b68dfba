"""Writing labels as a CSV, Audacity label tracks or Raven selection tables, which `read_labels` reads back.

Times have six decimals. A file is written whole or not at all, and where there are several, none is moved to its place
before all of them are complete. Labels that a format cannot hold are an error: only a CSV can hold the label of a whole
clip, an interval without a label, and the subject.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePath
from typing import TypeVar

from popclass.errors import LabelError, OutputError
from popclass.formats.csv_io import csv_line, plain_path
from popclass.formats.read_csv import EMPTY_CELLS
from popclass.formats.tracks import RAVEN_STANDARD, VIEW, audacity_line, raven_line, single_field
from popclass.labels.records import LabelledRecording, Labels
from popclass.labels.table import COLUMNS, TABLE
from popclass.utils.files import Target, placing, write_bytes
from popclass.utils.text import one_line

TRACK_END, RAVEN_END = ".txt", ".Table.1.selections.txt"  # the latter as Raven names the table of a sound
SELECTION_COLUMNS = (*RAVEN_STANDARD, "Begin File", "File Offset (s)", "Label")
Lines = Callable[[LabelledRecording], Iterable[str]]
Cells = tuple[str | None, ...]
AnyPath = TypeVar("AnyPath", bound=PurePath)


def write_table(labels: Labels, target: Target, *, force: bool = False) -> Path:
    """Write labels as a CSV with the columns `file,start_s,end_s,label,subject,site,recorded_at`.

    Parameters
    ----------
    labels : Labels
    target : path
        The CSV, or a folder, in which it will be `labels.csv`. The recordings are named relative to where it is.
    force : bool
        Whether a file that is already there may be replaced.

    Returns
    -------
    Path
        The written file.

    Raises
    ------
    LabelError
        If a recording's labels, or its name, do not fit into a CSV.
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from popclass.labels import LabelledRecording, LabelRow
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip = LabelledRecording(Path(folder, "a.wav"), "a.wav", (LabelRow(0.5, 0.5, "snapping"),), subject="P07")
    ...     print(write_table(Labels((clip,)), folder).read_text(), end="")
    file,start_s,end_s,label,subject,site,recorded_at
    a.wav,0.500000,0.500000,snapping,P07,,
    """
    path = Path(target) / TABLE if Path(target).is_dir() else Path(target)
    lines = [csv_line(cells) for cells in table_rows(labels, path.parent)]
    # Names that are not UTF-8 are written as their bytes; escapes would name another file.
    write_bytes(path, "".join(lines).encode("utf-8", "surrogateescape"), force=force)
    return path


def table_rows(labels: Labels, folder: Path) -> Iterator[Cells]:
    """Yield the cells of each row of a CSV of labels in a folder, the header first; raises as `write_table`.

    The columns `side` and the user's own ones are added where a recording has them.
    """
    more = ["side"] * any(each.side for each in labels.recordings)
    more += dict.fromkeys(name for each in labels.recordings for name in each.extra)
    yield (*COLUMNS, *more)
    for recording in labels.recordings:
        yield from _table_rows(recording, folder, more)


def _table_rows(recording: LabelledRecording, folder: Path, more: Sequence[str]) -> Iterator[Cells]:
    name = _relative(recording.path, folder)
    when = None if recording.recorded_at is None else recording.recorded_at.isoformat()
    others = {**recording.extra, "side": recording.side}
    known = (recording.subject, recording.site, when, *map(others.get, more))
    for text in (name, recording.subject or "", recording.site or ""):
        if text != text.strip():
            raise LabelError(f"'{one_line(text)}': spaces at its ends would be lost in a CSV; rename it")
    if recording.subject in EMPTY_CELLS:
        raise LabelError(f"{one_line(name)}: a subject '{recording.subject}' would be a missing value; rename it")
    _check_known(recording)
    for row in recording.rows:
        yield name, f"{row.start_s:.6f}", f"{row.end_s:.6f}", row.label, *known
    if recording.whole is not None or recording.verified:
        yield name, None, None, recording.whole, *known


def _relative(path: Path, folder: Path) -> str:
    try:
        return plain_path(Path(os.path.relpath(path, folder)).as_posix())
    except ValueError:  # another drive
        return path.absolute().as_posix()


def write_tracks(labels: Labels, target: Target | None = None, *, force: bool = False) -> list[Path]:
    r"""Write an Audacity label track for each recording, an empty one for a verified negative.

    Parameters
    ----------
    labels : Labels
    target : path, optional
        The folder for the tracks, laid out like the recordings in theirs; by default each goes beside its recording,
        where `read_labels` looks for it. For a single recording it may be the track itself, a `.txt`.
    force : bool
        Whether files that are already there may be replaced.

    Returns
    -------
    list of Path
        The written files: `REC.txt` for `REC.wav`, or `REC.wav.txt` where there is a `REC.flac`, too.

    Raises
    ------
    LabelError
        If a track cannot hold a recording's labels.
    OutputError
        If one of the files cannot be written; none is then.

    Examples
    --------
    >>> import tempfile
    >>> from popclass.labels import LabelledRecording, LabelRow
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip = LabelledRecording(Path(folder, "a.wav"), "a.wav", (LabelRow(0.5, 0.75, "snapping"),))
    ...     track, = write_tracks(Labels((clip,)))
    ...     track.name, track.read_text()
    ('a.txt', '0.500000\t0.750000\tsnapping\n')
    """
    return _write_all(labels, _targets(labels, target, TRACK_END), _track_lines, force)


def write_raven(labels: Labels, target: Target | None = None, *, force: bool = False) -> list[Path]:
    """Write a Raven selection table for each recording, with only a header for a verified negative.

    The parameters and errors are those of `write_tracks`; a table is called `REC.Table.1.selections.txt`.
    """
    return _write_all(labels, _targets(labels, target, RAVEN_END), _raven_lines, force)


def _track_lines(recording: LabelledRecording) -> Iterator[str]:
    for row in recording.rows:
        yield audacity_line(row.start_s, row.end_s, row.label)


def _raven_lines(recording: LabelledRecording) -> Iterator[str]:
    yield raven_line(SELECTION_COLUMNS)
    name = recording.path.name
    if single_field(name) != name:
        raise LabelError(f"{one_line(recording.name)}: a Raven table cannot hold this name; rename the recording")
    for selection, row in enumerate(recording.rows, start=1):
        begin, end = f"{row.start_s:.6f}", f"{row.end_s:.6f}"
        yield raven_line((str(selection), VIEW, "1", begin, end, None, None, name, begin, row.label))


def _write_all(labels: Labels, paths: list[Path], lines: Lines, force: bool) -> list[Path]:
    texts = ["".join(lines(recording)) for recording in labels.recordings]
    with ExitStack() as stack:
        for path, text in zip(paths, texts, strict=True):
            stack.enter_context(placing(path, text, force=force))
    return paths


def _targets(labels: Labels, target: Target | None, ending: str) -> list[Path]:
    """Return the file of each recording's labels; raise LabelError if a track cannot hold them."""
    recordings = labels.recordings
    for recording in recordings:
        _check_fits(recording)
    if target is not None and not Path(target).is_dir():
        if Path(target).suffix.lower() == ".txt" and len(recordings) == 1:
            return [Path(target)]
        shown = f"{one_line(os.fspath(target))}: labels of {len(recordings)} recordings"
        raise OutputError(f"{shown} go into a folder, which must be there, or those of one into a .txt file")
    return track_paths([each.path if target is None else Path(target) / each.name for each in recordings], ending)


def track_paths(places: Sequence[AnyPath], ending: str) -> list[AnyPath]:
    """Return the path of the label track beside each recording, where `read_labels` looks for it.

    Examples
    --------
    >>> [str(each) for each in track_paths([PurePath("hip.wav"), PurePath("knee.wav"), PurePath("knee.m4a")], ".txt")]
    ['hip.txt', 'knee.wav.txt', 'knee.m4a.txt']
    """
    stems = Counter(place.with_suffix("") for place in places)
    bases = (place.name if stems[place.with_suffix("")] > 1 else place.stem for place in places)
    return [place.with_name(base + ending) for place, base in zip(places, bases, strict=True)]


def _check_fits(recording: LabelledRecording) -> None:
    _check_known(recording)
    if recording.whole is not None:
        problem = "labelled as a whole, without times"
    elif empty := [row for row in recording.rows if not row.label]:
        problem = f"an interval without a label ({empty[0].place})"
    elif recording.rows and recording.verified:
        problem = "verified to be labelled completely"
    else:
        return
    raise LabelError(f"{one_line(recording.name)}: {problem}; only a CSV can hold that (write_table)")


def _check_known(recording: LabelledRecording) -> None:
    if not recording.rows and recording.whole is None and not recording.verified:
        raise LabelError(f"{one_line(recording.name)}: no labels and not verified; leave it out or set verified=True")
