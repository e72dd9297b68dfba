"""Journal of a batch: what was processed so far, so that an interrupted batch can continue.

`journal.jsonl` in the folder of results has one JSON object a line. Lines are only appended, unless a batch starts
over. The first line names the version of the journal and of popclass, the SHA-256 of the model, the folder of
recordings and the options that change labels, as they were at first. Each further line is one recording that was
processed completely: its path relative to that folder, size, time of modification, and its
`popclass.results.Analysis`. Numbers are written such that they read back the same to the last bit. A line `manifest`
keeps the metadata of the manifest, and a line `options` another model or other options than before, so that the next
run can report changes. Each of these lines ends with its own CRC-32.

- A line counts once its line end is written. An incomplete last line, left by an interruption, is cut off.
- A damaged line is ignored, and its recording is processed again.
- A line counts only while the file still has that size and time of modification. The last line of a file counts.
- Recordings that failed are not in the journal: they are tried again.
- Labels are not in the journal, since the manifest and the options that change labels may differ from one run to the
  next. A journal without `--count-by` is an older one, made when each pop counted; one without `--class-frequencies`
  was made with those of the model.
- With another model, which has another front end, all recordings are processed again. Their lines name that model, so
  that those of both models are kept, and each run reads only its own.
- Another folder or version of popclass is refused; `--fresh` starts over. One batch at a time writes a journal.

All results of a batch are made from journal lines, those of this run and those of an earlier one alike. So an
interrupted batch ends with the same bytes as an uninterrupted one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from popclass.batch.files import Fingerprint
from popclass.batch.manifest import Summary, check_summary
from popclass.errors import OutputError
from popclass.formats.text import shortened
from popclass.info import RecordingInfo
from popclass.results import Analysis, Event
from popclass.schema import FROM_MODEL, PER_POP
from popclass.utils.files import Stamp, lock, system_errors
from popclass.utils.text import one_line, visible
from popclass.version import __version__

NAME = "journal.jsonl"
VERSION = 3

Options = dict[str, Any]
_OLDER: Options = {"--count-by": PER_POP, "--class-frequencies": FROM_MODEL}  # of a journal that does not state them

_BEGINNING = b'{"journal":'
_CRC = ',"crc":'
_INFO = ("duration_s", "sample_rate", "channels")
_EVENT = ("onset", "peak", "end", "channel", "snr_db", "peak_dbfs", "burst")
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Entry:
    """A processed recording.

    Attributes
    ----------
    stamp : Stamp
        Size and time of modification of its file.
    fingerprint : (int, int)
        See `popclass.batch.files.fingerprint`.
    analysis : Analysis
        Its `info.name` is the path relative to the folder of the batch.
    """

    stamp: Stamp
    fingerprint: Fingerprint
    analysis: Analysis


def to_line(recording: str, analysis: Analysis, stamp: Stamp, fingerprint: Fingerprint) -> str:
    """Return the journal line of a recording, line end included."""
    info = analysis.info
    return seal(
        {
            "recording": recording,
            "size": stamp.size,
            "mtime_ns": stamp.mtime_ns,
            "piece": fingerprint,  # a stored name, as `believed` below
            **{name: getattr(info, name) for name in _INFO},
            "recorded_at": None if info.recorded_at is None else info.recorded_at.isoformat(),
            "warnings": info.warnings,
            "events": [[getattr(event, name) for name in _EVENT] for event in analysis.events],
            "acoustic": analysis.acoustic.tolist(),
            "believed": analysis.contextual.tolist(),
            "novelty": analysis.novelty.tolist(),
        }
    )


def from_line(line: str, *, classes: int) -> Entry:
    """Return what a line that `to_line` wrote holds, given the number of classes; raise ValueError if it is damaged."""
    try:
        return _entry(_unseal(line), classes)
    except _MALFORMED as error:
        raise ValueError(f"a journal line is damaged: {type(error).__name__}") from None


def read_entries(results_dir: Path, *, classes: int, model: str | None = None) -> dict[str, Entry]:
    """Return the recordings in a journal by name.

    Parameters
    ----------
    results_dir : Path
    classes : int
        Number of classes of the model.
    model : str, optional
        SHA-256 of the model that processed them (default: that of the first run).

    Raises
    ------
    OutputError
        If the journal cannot be read.
    """
    path = results_dir / NAME
    first: Options = {}
    with system_errors(path, "read"), path.open("rb") as file:
        with suppress(*_MALFORMED):
            first = dict(json.loads(file.readline()))
        return _parse(file, classes, None if model == first.get("model") else model)[0]


class Source(NamedTuple):
    """File of a processed recording, to find it again and to detect that it has changed."""

    name: str
    fingerprint: Fingerprint
    sample_rate: int
    onsets: tuple[int, ...]


def read_sources(results_dir: Path) -> tuple[Path | None, dict[str, Source]]:
    """Return the folder of the recordings, None if its line is damaged, and the source of each by its name in tables.

    Raises
    ------
    OutputError
        If the journal cannot be read.
    """
    folder, found = None, dict[str, Source]()
    path = results_dir / NAME
    with system_errors(path, "read"), path.open("rb") as file:
        with suppress(*_MALFORMED):
            folder = Path(json.loads(file.readline())["folder"])
        for line in file:
            with suppress(*_MALFORMED):
                content = _unseal(line.decode("ascii"))
                name, (size, checksum) = content["recording"], content["piece"]
                onsets = tuple(event[0] for event in content["events"])
                found[visible(name)] = Source(name, (size, checksum), content["sample_rate"], onsets)
    return folder, found


def _parse(lines: Iterable[bytes], classes: int, model: str | None) -> tuple[dict[str, Entry], Summary | None, Options]:
    """Return recordings, the latest manifest and options of a journal; other and damaged lines are ignored.

    `model` is that of the lines of recordings, None for those that name no model.
    """
    entries: dict[str, Entry] = {}
    manifest, options = None, Options()
    for line in lines:
        with suppress(*_MALFORMED):
            content = _unseal(line.decode("ascii"))
            if "manifest" in content:
                manifest = check_summary(content["manifest"])
            elif "options" in content:
                options = dict(content["options"])
            elif content.get("model") == model:
                entries[content["recording"]] = _entry(content, classes)
    return entries, manifest, options


class Journal:
    """Journal in a folder of results, open for appending.

    Parameters
    ----------
    results_dir : Path
    made_by : mapping
        Version, model, folder, and the options that change labels, as the first line has them.
    classes : int
        Number of classes of the model.
    fresh : bool
        Start over.

    Attributes
    ----------
    entries : dict of str to Entry
        Recordings that earlier runs processed.
    manifest : dict or None
        Metadata of the manifest of the latest run, see `popclass.batch.manifest.summarize`; None if no run had one.
    changed : tuple of str
        Model and options that differ from those of the latest run, with both values; empty if there was no run before.

    Raises
    ------
    OutputError
        If the journal belongs to another batch, is in use, or cannot be written.
    """

    def __init__(self, results_dir: Path, made_by: Mapping[str, Any], *, classes: int, fresh: bool = False) -> None:
        self._path = results_dir / NAME
        self._shown = one_line(os.fspath(self._path))
        self._classes = classes
        with system_errors(self._path):
            # Unbuffered: after a failed write to a full disk, closing the file must not try again.
            self._file: BinaryIO = open(self._path, "ab", buffering=0)  # noqa: SIM115 - closed by `__exit__`
            try:
                if not lock(self._file):
                    raise OutputError(f"{self._shown} is in use by another batch; wait or name another folder")
                if os.fstat(self._file.fileno()).st_size and not is_journal(self._path):
                    raise OutputError(f"{self._shown} is not the journal of a batch; use another folder")
                if fresh:
                    self._file.truncate(0)
                first = self._check_head(json.dumps({"journal": VERSION, **made_by}, separators=(",", ":")) + "\n")
                self._model = None if made_by.get("model") == first.get("model") else made_by["model"]
                with self._path.open("rb") as file:
                    self.entries, self.manifest, latest = _parse(file, classes, self._model)
                self.changed = self._note_options({**_OLDER, **first, **latest}, made_by)
            except BaseException:
                self._file.close()
                raise

    def add(self, lines: Sequence[str]) -> list[Entry]:
        """Append lines that `to_line` wrote, and return what they hold."""
        if self._model is not None:
            lines = [_sealed(f'{line.rpartition(_CRC)[0]},"model":{json.dumps(self._model)}') for line in lines]
        self._write("".join(lines))
        return [_entry(_unseal(line), self._classes) for line in lines]

    def note_manifest(self, summary: Summary) -> None:
        """Append the metadata of a manifest if it differs from the last."""
        if summary != (self.manifest or {}):
            self._write(seal({"manifest": summary}))
        self.manifest = summary

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _check_head(self, head: str) -> Options:
        """Write the first line, or raise OutputError if it is of another batch; cut off an incomplete last line."""
        with self._path.open("rb") as file:
            first = file.readline()
            complete = len(first) if first.endswith(b"\n") else 0
            complete += sum(len(line) for line in file if line.endswith(b"\n"))
        self._file.truncate(complete)
        if not complete:
            self._write(head)
            first = head.encode("ascii")
        return self._check_same(first, json.loads(head))

    def _check_same(self, line: bytes, now: Options) -> Options:
        """Return the first line of a journal; raise OutputError if it is of another batch, options apart."""
        other = None
        with suppress(*_MALFORMED):
            before = dict(json.loads(line))
            other = next((key for key in now if not _may_change(key) and before.get(key) != now[key]), None)
            if other is None and before.keys() <= now.keys():
                return before
        what = "is something else" if other is None else f"is of another {other}"
        raise OutputError(f"{self._shown} {what}; name another folder for the results, or start over with --fresh")

    def _note_options(self, before: Options, now: Mapping[str, Any]) -> tuple[str, ...]:
        """Append model and options that change labels if they differ from those before; return what differs."""
        options = {name: value for name, value in now.items() if _may_change(name)}
        differ = [name for name in options if before.get(name) != options[name]]
        if differ:
            self._write(seal({"options": options}))
        return tuple(f"{name} from {_shown(before.get(name))} to {_shown(options[name])}" for name in differ)

    def _write(self, text: str) -> None:
        left = memoryview(text.encode("ascii"))
        with system_errors(self._path):
            while left:
                left = left[self._file.write(left) :]
            names = os.fstat(self._file.fileno()).st_nlink
        if not names:  # further lines would be lost
            raise OutputError(f"{self._shown} was removed while the batch was running; run it again")


def is_journal(path: Path) -> bool:
    """Return whether a file begins like a journal, so that a batch wrote the files beside it; False if it is missing.

    Raises
    ------
    OutputError
        If it cannot be read.
    """
    if not path.exists():
        return False
    with system_errors(path, "read"), path.open("rb") as file:
        head = file.read(len(_BEGINNING))
        return head != b"" and _BEGINNING.startswith(head)  # an interruption may leave a part of the first line


def can_continue(results_dir: Path, folder: Path) -> bool:
    """Return whether a batch of a folder would continue the journal in a folder of results, or begin one.

    It would not after the recordings were moved, or popclass was updated: `Journal` then needs `fresh`.
    """
    path = results_dir / NAME
    if not is_journal(path):
        return True
    with system_errors(path, "read"), path.open("rb") as file:
        line = file.readline()
    if not line.endswith(b"\n"):  # an interruption left a part of it
        return True
    with suppress(*_MALFORMED):
        first = json.loads(line)
        made_by = first["journal"], first["popclass"], first["folder"]
        return bool(made_by == (VERSION, __version__, os.path.realpath(folder)))
    return False


def seal(content: Mapping[str, Any]) -> str:
    """Return a journal line with its checksum and line end."""
    return _sealed(json.dumps(content, separators=(",", ":"))[:-1])


def _sealed(text: str) -> str:
    return f"{text}{_CRC}{zlib.crc32(text.encode('ascii'))}}}\n"


def _unseal(line: str) -> dict[str, Any]:
    text = line.rpartition(_CRC)[0]
    if line != f"{text}{_CRC}{zlib.crc32(text.encode('ascii', 'replace'))}}}\n":
        raise ValueError("damaged")
    return dict(json.loads(line))


def _entry(content: Mapping[str, Any], classes: int) -> Entry:
    started = content["recorded_at"]
    info = RecordingInfo(
        name=content["recording"],
        **{name: content[name] for name in _INFO},
        recorded_at=None if started is None else datetime.fromisoformat(started),
        warnings=tuple(content["warnings"]),
    )
    events = tuple(
        Event(sample_rate=info.sample_rate, event=number, **dict(zip(_EVENT, values, strict=True)))
        for number, values in enumerate(content["events"], start=1)
    )
    shapes = {"acoustic": (len(events), classes), "believed": (len(events), classes), "novelty": (len(events),)}
    tables = (np.array(content[key], dtype=np.float64).reshape(shape) for key, shape in shapes.items())
    size, checksum = content["piece"]
    return Entry(Stamp(content["size"], content["mtime_ns"]), (size, checksum), Analysis(info, events, *tables))


def _may_change(name: str) -> bool:
    return name == "model" or name.startswith("--")


def _shown(value: Any) -> str:
    return "none" if value is None else shortened(str(value), 15)
