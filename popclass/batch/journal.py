"""The journal of a batch: what has been heard so far, so that nothing is heard twice.

`journal.jsonl` in the folder of results has one JSON object a line and is only ever appended to, except that a batch
that starts over starts it anew. Its first line says what made it: the version of the journal and of popclass, the
SHA-256 of the model, and the folder of recordings. Each further line is one recording that was heard to its end: its
path relative to that folder, size and time of modification, and what it told by itself (`popclass.pipeline.Analysis`).
Numbers are written so that they read back the same to the last bit.

- A line counts once its line end is written; a last line without one, left by an interruption, is cut off.
- A line counts only while the file still has that size and time of modification; the last one about a file wins.
- Recordings that failed are not in it: they are tried again.
- Labels are not in it: site, subject, refractory period and least probability may change from one run to the next, and
  what was heard still holds. Another model, folder or version of popclass is refused; `--fresh` starts over.
- One batch at a time writes a journal.

All results of a batch are made from journal lines, those of this run as those of an earlier one. That is why an
interrupted batch ends with the very bytes an uninterrupted one writes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from popclass.errors import OutputError
from popclass.formats.text import one_line
from popclass.pipeline import Analysis
from popclass.results import Event

NAME = "journal.jsonl"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which a file is known to be the one that was heard."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The stamp of a file; of one that cannot be asked, a stamp that no file has."""
        try:
            found = path.stat()
        except OSError:
            return cls(-1, -1)
        return cls(found.st_size, found.st_mtime_ns)


def to_line(recording: str, analysis: Analysis, stamp: Stamp) -> str:
    """What a recording told by itself, as a line of the journal with its line end."""
    entry = {
        "recording": recording,
        "size": stamp.size,
        "mtime_ns": stamp.mtime_ns,
        "duration_s": analysis.duration_s,
        "sample_rate": analysis.sample_rate,
        "channels": analysis.channels,
        "recorded_at": None if analysis.recorded_at is None else analysis.recorded_at.isoformat(),
        "warnings": analysis.warnings,
        "events": [[e.onset, e.peak, e.end, e.channel, e.snr_db, e.peak_dbfs, e.burst] for e in analysis.events],
        "acoustic": analysis.acoustic.tolist(),
        "believed": analysis.believed.tolist(),
        "novelty": analysis.novelty.tolist(),
    }
    return json.dumps(entry, separators=(",", ":")) + "\n"


def from_line(line: str, *, classes: int) -> Analysis:
    """The recording of a line that `to_line` wrote."""
    entry = json.loads(line)
    moment = entry["recorded_at"]
    rate = entry["sample_rate"]
    return Analysis(
        recording=entry["recording"],
        events=tuple(
            Event(onset, peak, end, rate, channel, snr_db, peak_dbfs, event=number, burst=burst)
            for number, (onset, peak, end, channel, snr_db, peak_dbfs, burst) in enumerate(entry["events"], start=1)
        ),
        acoustic=np.array(entry["acoustic"], dtype=np.float64).reshape(-1, classes),
        believed=np.array(entry["believed"], dtype=np.float64).reshape(-1, classes),
        novelty=np.array(entry["novelty"], dtype=np.float64),
        duration_s=entry["duration_s"],
        sample_rate=rate,
        channels=entry["channels"],
        recorded_at=None if moment is None else datetime.fromisoformat(moment),
        warnings=tuple(entry["warnings"]),
    )


class Journal:
    """The journal of a folder of results, open for appending.

    Parameters
    ----------
    results_dir : Path
    made_by : mapping
        Version, model and folder; see the module.
    fresh : bool
        Start over.

    Attributes
    ----------
    lines : dict of str to str
        The line of each recording that was heard, in this run or an earlier one.

    Raises
    ------
    OutputError
        Where the journal is of another batch, in use, or cannot be written.
    """

    def __init__(self, results_dir: Path, made_by: Mapping[str, Any], *, fresh: bool = False) -> None:
        self._path = results_dir / NAME
        self._stamps: dict[str, Stamp] = {}
        self.lines: dict[str, str] = {}
        self._head = json.dumps({"journal": VERSION, **made_by}, separators=(",", ":")) + "\n"
        try:
            self._file: BinaryIO = open(self._path, "a+b")  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            self._lock()
            if fresh:
                self._file.truncate(0)
            self._read()
        except BaseException:
            self._file.close()
            raise

    def holds(self, recording: str, path: Path) -> bool:
        """Whether this very file was heard."""
        return recording in self.lines and self._stamps.get(recording) == Stamp.of(path)

    def add(self, lines: Mapping[str, str]) -> None:
        """Append the lines of recordings."""
        self.lines.update(lines)
        self._write("".join(lines.values()))

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0
        for number, raw in enumerate(self._file):
            if not raw.endswith(b"\n"):
                break
            whole += len(raw)
            line = raw.decode("ascii", "replace")
            if number == 0:
                self._check_head(line)
                continue
            with suppress(ValueError, KeyError, TypeError):  # a damaged line counts as not written
                entry = json.loads(line)
                self._stamps[entry["recording"]] = Stamp(entry["size"], entry["mtime_ns"])
                self.lines[entry["recording"]] = line
        self._file.truncate(whole)
        if whole == 0:
            self._write(self._head)

    def _check_head(self, line: str) -> None:
        if line == self._head:
            return
        try:
            before, now = json.loads(line), json.loads(self._head)
            other = [key for key in now if before.get(key) != now[key]]
        except (ValueError, AttributeError):
            other = []
        what = f"of another {other[0]}" if other else "something else"
        raise OutputError(
            f"{self._shown()} is {what}; name another folder for the results, or say --fresh to start over"
        )

    def _write(self, text: str) -> None:
        try:
            self._file.write(text.encode("ascii"))
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from None

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # Windows: two batches at once are not noticed there
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"{self._shown()} is in use by another batch; wait for it, or name another folder"
            ) from None
        except OSError:  # a file system without locks
            return

    def _shown(self) -> str:
        return one_line(os.fspath(self._path))

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {self._shown()}: {error.strerror or error}")
