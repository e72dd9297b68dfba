"""The journal of a batch: what has been heard so far, so that nothing is heard twice.

`journal.jsonl` in the folder of results has one JSON object a line and is only ever appended to, except that a batch
that starts over starts it anew. Its first line says what made it: the version of the journal and of popclass, the
SHA-256 of the model, the folder of recordings, and the parameters of the labels. Each further line is one recording
that was heard to its end: its path relative to that folder, size and time of modification, and what it told by itself
(`popclass.pipeline.Analysis`). Numbers are written so that they read back the same to the last bit. A line `manifest`
keeps what a manifest said, so that a later run can say what changed. Each of these lines ends with its own CRC-32, by
which a damaged one is known.

- A line counts once its line end is written; a last line without one, left by an interruption, is cut off.
- A line that does not fit its checksum counts as not written, and what it was about is heard again.
- A line counts only while the file still has that size and time of modification; the last one about a file wins.
- Recordings that failed are not in it: they are tried again.
- Labels are not in it. A manifest may change from one run to the next, and what was heard still holds.
- Another model, folder, version of popclass, site, refractory period or least probability is refused; `--fresh` starts
  over.
- One batch at a time writes a journal.

All results of a batch are made from journal lines, those of this run as those of an earlier one. That is why an
interrupted batch ends with the very bytes an uninterrupted one writes.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from popclass.batch.files import Piece
from popclass.batch.manifest import FIELDS
from popclass.errors import OutputError
from popclass.results import Analysis, Event, RecordingInfo
from popclass.utils.files import Stamp as Stamp
from popclass.utils.text import one_line

NAME = "journal.jsonl"
VERSION = 3

_SEAL = ',"crc":'
_MADE_OF = ("journal", "popclass", "model", "folder")


def to_line(recording: str, analysis: Analysis, stamp: Stamp, piece: Piece) -> str:
    """What a recording told by itself, as a line of the journal with its line end.

    Parameters
    ----------
    recording : str
    analysis : Analysis
    stamp : Stamp
    piece : (int, int)
        By which files with the same bytes are found, see `popclass.batch.files`.
    """
    info = analysis.info
    entry = {
        "recording": recording,
        "size": stamp.size,
        "mtime_ns": stamp.mtime_ns,
        "piece": piece,
        "duration_s": info.duration_s,
        "sample_rate": info.sample_rate,
        "channels": info.channels,
        "recorded_at": None if info.recorded_at is None else info.recorded_at.isoformat(),
        "warnings": info.warnings,
        "events": [[e.onset, e.peak, e.end, e.channel, e.snr_db, e.peak_dbfs, e.burst] for e in analysis.events],
        "acoustic": analysis.acoustic.tolist(),
        "believed": analysis.contextual.tolist(),
        "novelty": analysis.novelty.tolist(),
    }
    return _sealed(entry)


def from_line(line: str, *, classes: int) -> Analysis:
    """The recording of a line that `to_line` wrote.

    Raises
    ------
    OutputError
        Where it wrote no such line.
    """
    with _as_written():
        analysis = _analysis(json.loads(line), classes)
        if not len(analysis.events) == len(analysis.acoustic) == len(analysis.contextual) == len(analysis.novelty):
            raise ValueError("its columns do not fit together")
    return analysis


def _analysis(entry: Mapping[str, Any], classes: int) -> Analysis:
    moment = entry["recorded_at"]
    rate = entry["sample_rate"]
    return Analysis(
        info=RecordingInfo(
            name=entry["recording"],
            sample_rate=rate,
            channels=entry["channels"],
            duration_s=entry["duration_s"],
            recorded_at=None if moment is None else datetime.fromisoformat(moment),
            warnings=tuple(entry["warnings"]),
        ),
        events=tuple(
            Event(onset, peak, end, rate, channel, snr_db, peak_dbfs, event=number, burst=burst)
            for number, (onset, peak, end, channel, snr_db, peak_dbfs, burst) in enumerate(entry["events"], start=1)
        ),
        acoustic=np.array(entry["acoustic"], dtype=np.float64).reshape(-1, classes),
        contextual=np.array(entry["believed"], dtype=np.float64).reshape(-1, classes),
        novelty=np.array(entry["novelty"], dtype=np.float64),
    )


def piece_in(line: str) -> Piece:
    """The piece that `to_line` wrote. Raises as `from_line` does."""
    with _as_written():
        size, checksum = json.loads(line)["piece"]
    return size, checksum


@contextmanager
def _as_written() -> Iterator[None]:
    """A line whose checksum fits and that cannot be understood all the same was not written by popclass."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise OutputError(f"{NAME} has a line that popclass did not write; say --fresh to start over") from None


class Journal:
    """The journal of a folder of results, open for appending.

    Parameters
    ----------
    results_dir : Path
    made_by : mapping
        Version, model, folder, and the parameters of the labels by their options; see the module.
    fresh : bool
        Start over.

    Attributes
    ----------
    lines : dict of str to str
        The line of each recording that was heard, in this run or an earlier one.
    known : dict or None
        What the manifest of the latest run said, see `note_known`; None where no run had one.

    Raises
    ------
    OutputError
        Where the journal is of another batch, in use, or cannot be written.
    """

    def __init__(self, results_dir: Path, made_by: Mapping[str, Any], *, fresh: bool = False) -> None:
        self._path = results_dir / NAME
        self._stamps: dict[str, Stamp] = {}
        self.lines: dict[str, str] = {}
        self.known: dict[str, list[Any]] | None = None
        self._head = _as_line({"journal": VERSION, **made_by})
        try:
            # Unbuffered: what could not be written to a full disk is not tried again when the file is closed.
            self._file: BinaryIO = open(self._path, "ab", buffering=0)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            self._lock()
            if fresh:
                self._file.truncate(0)
            self._read()
        except OSError as error:
            self._file.close()
            raise self._unwritable(error) from None
        except BaseException:
            self._file.close()
            raise

    def holds(self, recording: str, stamp: Stamp) -> bool:
        """Whether this very file was heard."""
        return recording in self.lines and self._stamps.get(recording) == stamp

    def add(self, lines: Mapping[str, str]) -> None:
        """Append the lines of recordings."""
        self.lines.update(lines)
        self._write("".join(lines.values()))

    def note_known(self, known: dict[str, list[Any]]) -> None:
        """Append what a manifest says of the recordings, unless the run before said the same."""
        if known != (self.known or {}):
            self._write(_sealed({"manifest": known}))
        self.known = known

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        whole = 0
        with self._path.open("rb") as file:
            for number, raw in enumerate(file):
                if not raw.endswith(b"\n"):
                    break
                whole += len(raw)
                line = raw.decode("ascii", "replace")
                if number == 0:
                    self._check_head(line)
                else:
                    self._take(line)
        self._file.truncate(whole)
        if whole == 0:
            self._write(self._head)

    def _take(self, line: str) -> None:
        with suppress(
            ValueError, KeyError, TypeError, AttributeError, RecursionError
        ):  # a damaged line counts as not written
            entry = _unsealed(line)
            if "manifest" in entry:
                self.known = _checked_known(entry["manifest"])
                return
            self._stamps[entry["recording"]] = Stamp(entry["size"], entry["mtime_ns"])
            self.lines[entry["recording"]] = line

    def _check_head(self, line: str) -> None:
        if line == self._head:
            return
        now = json.loads(self._head)
        try:
            before = json.loads(line)
            other = [key for key in now if before.get(key) != now[key]]
        except (ValueError, AttributeError, RecursionError):
            before, other = {}, []
        if other and other[0] not in _MADE_OF:
            raise OutputError(
                f"{self._shown()} was begun {_option(other[0], before)} and is now run {_option(other[0], now)}; say "
                "it as before, name another folder for the results, or say --fresh to start over"
            )
        what = f"of another {other[0]}" if other else "something else"
        raise OutputError(
            f"{self._shown()} is {what}; name another folder for the results, or say --fresh to start over"
        )

    def _write(self, text: str) -> None:
        left = memoryview(text.encode("ascii"))
        try:
            while left:
                left = left[self._file.write(left) :]
            names = os.fstat(self._file.fileno()).st_nlink
        except OSError as error:
            raise self._unwritable(error) from None
        if not names:  # written to, but nobody will ever find it again
            raise OutputError(f"{self._shown()} was removed while the batch was running; run it again")

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


def _as_line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, separators=(",", ":")) + "\n"


def _sealed(entry: Mapping[str, Any]) -> str:
    """An entry as a line of which any damage shows."""
    text = json.dumps(entry, separators=(",", ":"))[:-1]
    return f"{text}{_SEAL}{zlib.crc32(text.encode('ascii'))}}}\n"


def _unsealed(line: str) -> dict[str, Any]:
    """The entry of a line, if it is as it was written."""
    text = line.rpartition(_SEAL)[0]
    if line != f"{text}{_SEAL}{zlib.crc32(text.encode('ascii', 'replace'))}}}\n":
        raise ValueError("damaged")
    return dict(json.loads(line))


def _checked_known(known: Any) -> dict[str, list[Any]]:
    """What a manifest said, if it has the shape that `note_known` wrote."""
    if not all(isinstance(values, list) and len(values) == len(FIELDS) for values in known.values()):
        raise TypeError("not what a manifest says")
    return dict(known)


def _option(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    return f"without {name}" if value is None else f"with {name} {one_line(str(value))}"
