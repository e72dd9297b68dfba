"""Reading who labelled what: from folders of clips or from a table, into one kind of record.

- **A folder per class**: `LABELLED/cavitation/*.wav`, `LABELLED/snapping/...`, `LABELLED/other/...`, in any depth.
  Names of folders are names of classes. Each clip holds one sound of its class: its strongest onset.
- **A CSV**, or a folder with a `labels.csv`: columns `file,start_s,end_s,label` and, where known,
  `subject,site,recorded_at` (further columns are ignored). Paths are relative to the CSV. A row without times labels a
  whole clip, as a folder would; a row without an end is a point; a row without a label says that nothing but `other` is
  heard there, and if it has no times either, nowhere in the recording.

Nothing is opened but the label files; which event of a recording a label means is decided in `matching`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from popclass.audio.suffixes import AUDIO_SUFFIXES
from popclass.errors import LabelError
from popclass.formats.columns import read_columns
from popclass.formats.text import number, one_line
from popclass.training.classes import check_class_name

TABLE = "labels.csv"
NEEDED = ("file", "start_s", "end_s", "label")
_SHOWN = 3  # names in a message that could list hundreds


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A labelled stretch of a recording.

    Attributes
    ----------
    start_s, end_s : float
    label : str
        A class, or empty where nothing but `other` is heard.
    """

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True, slots=True)
class LabelledRecording:
    """What is known about one recording.

    Attributes
    ----------
    path : Path
    name : str
        Relative to the label file or folder, with `/`.
    rows : tuple of LabelRow
    whole : str or None
        The class that its strongest onset takes, where the recording is a labelled clip.
    verified : bool
        Whether somebody made sure that nothing else is in it, even when other labels are partial.
    subject, site : str or None
    recorded_at : datetime or None
    """

    path: Path
    name: str
    rows: tuple[LabelRow, ...] = ()
    whole: str | None = None
    verified: bool = False
    subject: str | None = None
    site: str | None = None
    recorded_at: datetime | None = None

    @property
    def classes(self) -> set[str]:
        """The classes it was labelled with."""
        return {row.label for row in self.rows if row.label} | ({self.whole} if self.whole is not None else set())


@dataclass(frozen=True, slots=True)
class Labels:
    """All labelled recordings of a source, in the order of their names, and what was odd about it."""

    recordings: tuple[LabelledRecording, ...]
    warnings: tuple[str, ...] = ()


def read_labels(source: str | os.PathLike[str]) -> Labels:
    """Read labels from a folder per class, a CSV, or a folder with a `labels.csv`.

    Raises
    ------
    LabelError
        If there are none, or one of them cannot be used.
    """
    path = Path(source)
    shown = one_line(str(path))
    if path.is_dir():
        return read_table(path / TABLE) if (path / TABLE).is_file() else read_class_folders(path)
    if not path.exists():
        raise LabelError(f"{shown}: no such folder or label file")
    if path.suffix.lower() != ".csv":
        raise LabelError(f"{shown}: labels are read from a folder or a .csv file")
    return read_table(path)


def read_class_folders(folder: Path) -> Labels:
    """Read a folder per class.

    Raises
    ------
    LabelError
        If fewer than two folders hold audio, or a folder's name cannot be a class.
    """
    shown = one_line(str(folder))
    recordings, warnings = [], []
    for inner in sorted(p for p in _listed(folder) if p.is_dir() and not p.name.startswith(".")):
        clips = sorted(_audio_in(inner))
        if not clips:
            warnings.append(f"{one_line(str(inner))}: no audio in this folder, so it is no class")
            continue
        check_class_name(inner.name, where=shown)
        recordings += [LabelledRecording(clip, clip.relative_to(folder).as_posix(), whole=inner.name) for clip in clips]
    classes = sorted({name for recording in recordings for name in recording.classes})
    if len(classes) < 2:
        found = f"only '{classes[0]}'" if classes else "none with audio"
        raise LabelError(f"{shown}: expected a folder per class, at least two, or a {TABLE}; there is {found}")
    if loose := [p.name for p in _listed(folder) if p.is_file() and _is_audio(p)]:
        warnings.append(f"{shown}: {_some(loose)} lie outside the folders of the classes and are left out")
    return Labels(tuple(recordings), tuple(warnings))


def read_table(path: Path) -> Labels:
    """Read a CSV of labels.

    Raises
    ------
    LabelError
        With file, row and reason, if a row cannot be used or a recording is missing.
    """
    grouped: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for where, cells in read_columns(path, _check_columns):
        if not cells["file"]:
            raise LabelError(f"{where}: no file is named")
        grouped.setdefault(Path(cells["file"]).as_posix(), []).append((where, cells))
    if not grouped:
        raise LabelError(f"{one_line(str(path))}: no rows; give a row for each labelled sound")
    recordings = [_recording(path.parent, name, rows) for name, rows in sorted(grouped.items())]
    if missing := [one_line(r.name) for r in recordings if not r.path.is_file()]:
        raise LabelError(f"{one_line(str(path))}: {_some(missing)} not found; paths are relative to the CSV")
    return Labels(tuple(recordings))


def _check_columns(shown: str, columns: Sequence[str]) -> None:
    if missing := [name for name in NEEDED if name not in columns]:
        found = one_line(", ".join(columns))[:80] or "nothing"
        raise LabelError(f"{shown}: column {missing[0]} is missing; needed are {', '.join(NEEDED)}, found: {found}")


def _recording(folder: Path, name: str, rows: Sequence[tuple[str, dict[str, str]]]) -> LabelledRecording:
    labelled: list[LabelRow] = []
    whole: list[str] = []
    for where, cells in rows:
        label = cells["label"]
        if label:
            check_class_name(label, where)
        start, end = _seconds(where, cells, "start_s"), _seconds(where, cells, "end_s")
        if start is None and end is None:
            whole.append(label)
            continue
        if start is None:
            raise LabelError(f"{where}: an end without a start; give start_s in seconds")
        end = start if end is None else end
        if end < start:
            raise LabelError(f"{where}: ends at {end:g} s, before it starts at {start:g} s")
        labelled.append(LabelRow(start, end, label))
    clip = sorted({label for label in whole if label})
    if len(clip) > 1 or (clip and (labelled or "" in whole)):
        raise LabelError(f"{rows[0][0]}: '{one_line(name)}' is labelled as a whole and otherwise, too; give times")
    return LabelledRecording(
        path=folder / name,
        name=name,
        rows=tuple(sorted(labelled, key=lambda row: (row.start_s, row.end_s, row.label))),
        whole=clip[0] if clip else None,
        verified="" in whole,
        subject=_common(rows, "subject"),
        site=_common(rows, "site"),
        recorded_at=_time(rows),
    )


def _seconds(where: str, cells: dict[str, str], column: str) -> float | None:
    text = cells[column]
    if not text:
        return None
    value = number(text)
    if value is None or value < 0:
        raise LabelError(f"{where}: {column} is '{one_line(text)}'; give seconds from the start of the recording")
    return value


def _common(rows: Sequence[tuple[str, dict[str, str]]], column: str) -> str | None:
    """What the rows of one recording say in a column, which must not contradict each other."""
    found: str | None = None
    for where, cells in rows:
        value = cells.get(column, "")
        if value and found is not None and value != found:
            raise LabelError(f"{where}: {column} '{one_line(value)}' contradicts '{one_line(found)}' of the same file")
        found = value if value else found
    return found


def _time(rows: Sequence[tuple[str, dict[str, str]]]) -> datetime | None:
    text = _common(rows, "recorded_at")
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        example = "2026-11-22T10:15:00+01:00"
        raise LabelError(f"{rows[0][0]}: recorded_at '{one_line(text)}'; write it like {example}") from None


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise LabelError(f"{one_line(str(folder))}: cannot be read: {error.strerror}") from None


def _audio_in(folder: Path) -> Iterator[Path]:
    for place, inner, files in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from (path for path in (Path(place) / name for name in files) if _is_audio(path))


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def _some(names: Sequence[str]) -> str:
    """The first few of many names, and how many more there are."""
    shown = ", ".join(one_line(name) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
