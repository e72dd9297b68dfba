"""Recordings that reach a project through the browser, in blocks: files, and takes of the microphone.

What arrives is kept in `takes/`, as ID.f32 (raw samples of a take) or ID.part (an uploaded file), locked until all is
there. ID.json holds what was sent with it: from the start for a take, once the file is whole for an upload. So a killed
program loses nothing of a take that had arrived, and no metadata of a file: `recover` completes both at the next start.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import IO, Any
from uuid import uuid4

import numpy as np
import soundfile
from starlette.concurrency import run_in_threadpool

from popclass.app.manifest import cells_of
from popclass.app.project import Project
from popclass.audio.recording import MAX_RATE, MIN_RATE
from popclass.errors import ModelError, OutputError, PopclassError, UsageError
from popclass.model.model import Model
from popclass.streaming import Listener, LiveEvent
from popclass.streaming.pcm import MAX_FLOAT
from popclass.utils.checks import check_number
from popclass.utils.files import lock, system_errors, write_synced
from popclass.utils.text import one_line

MOST_BYTES = 2 << 30  # of a file
MOST_BLOCK = 4 << 20  # bytes of one block of a take
LONGEST_TAKE_S = 6 * 3600
SAMPLE = np.dtype("<f4")
ENDED = "this take has ended; begin another one"
REMOVED = "the file of this take was removed from takes/; begin another one"
RAW, PART, ABOUT = ".f32", ".part", ".json"  # files of a take or an upload
COPIED = 1 << 18  # samples at a time


class TooLargeError(UsageError):
    """A file or a take is longer than it may be."""


async def receive(project: Project, name: str, metadata: Mapping[str, Any], body: AsyncIterator[bytes]) -> str:
    """Write an uploaded file into the project, block by block, and return the name of the recording.

    `metadata` is as for `Project.describe`.

    Raises
    ------
    UsageError
        If the name is not allowed; `TooLargeError` beyond 2 GiB.
    OutputError
        If it cannot be written.
    """
    await run_in_threadpool(_check, project, name, metadata)
    own = f"upload-{uuid4().hex}"
    part, about = (project.takes_dir / f"{own}{suffix}" for suffix in (PART, ABOUT))
    size = 0
    try:
        with system_errors(part):
            part.parent.mkdir(exist_ok=True)
        with system_errors(part), part.open("wb") as file:
            lock(file)
            async for block in body:
                size += len(block)
                if size > MOST_BYTES:
                    raise TooLargeError(
                        f"{one_line(name)[:80]} is larger than {MOST_BYTES >> 30} GiB; cut it into parts"
                    )
                file.write(block)
            await run_in_threadpool(_sync, file)
            text = json.dumps({"name": name, "metadata": dict(metadata)})
            await run_in_threadpool(write_synced, about, text)  # the file is whole
        return await run_in_threadpool(_complete, project, own)
    finally:
        part.unlink(missing_ok=True)
        about.unlink(missing_ok=True)


def _check(project: Project, name: str, metadata: Mapping[str, Any]) -> None:
    """Refuse what cannot be kept before anything is written."""
    project.new_path(name)
    if metadata:
        cells_of(metadata)
        project.follow_manifest()  # a broken table


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def place(project: Project, part: Path, name: str) -> str:
    """Move a complete file into the project under a free name, and return that of the recording."""
    while True:
        path = project.free_path(name)
        with system_errors(path):
            try:
                os.link(part, path)  # never replaces a file that another program wrote at this moment
            except FileExistsError:
                continue
            except OSError:  # a file system without links
                os.replace(part, path)
        return project.name_of(path)


class Take:
    """A recording of the microphone while it arrives.

    Parameters
    ----------
    project : Project
    sample_rate : int
        In hertz.
    metadata : mapping
        As for `Project.describe`.
    now : datetime
        Its start, with the time zone.

    Attributes
    ----------
    id : str
    frames : int
        Samples that have arrived and are in the file.
    revision : int
        Grows with every new or changed event.
    used : float
        When the last block arrived, in seconds of `time.monotonic`.
    """

    def __init__(self, project: Project, sample_rate: int, metadata: Mapping[str, Any], now: datetime) -> None:
        check_number(sample_rate, "sample_rate", MIN_RATE, MAX_RATE, whole=True)
        cells_of(metadata)
        self.id, self.frames, self.revision = f"take-{uuid4().hex[:12]}", 0, 0
        self.used = time.monotonic()
        self._events: dict[int, LiveEvent] = {}
        self._sample_rate, self._lock = sample_rate, Lock()
        self._path = project.takes_dir / f"{self.id}{RAW}"
        about = {"sample_rate": sample_rate, "began": now.isoformat(), "metadata": dict(metadata)}
        try:
            model = project.model()
        except ModelError:  # the work in the background reports it; the recording comes first
            model = Model.default()
        site, subject = metadata.get("site"), metadata.get("subject")
        self._listener = Listener(sample_rate, model=model, site=site, subject=subject)
        with system_errors(self._path):
            self._path.parent.mkdir(exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
            lock(self._file)
        write_synced(self._path.with_suffix(ABOUT), json.dumps(about))

    def add(self, at: int, samples: bytes) -> int:
        """Append mono samples, float32 in little endian, that begin at a frame; return the number of all frames.

        Frames that are there already are skipped, so a block may be sent again.

        Raises
        ------
        UsageError
            If frames are missing before these, the samples are not finite numbers, or somebody removed the file of the
            take; `TooLargeError` beyond six hours.
        OutputError
            If the disk is full.
        """
        if len(samples) % SAMPLE.itemsize or len(samples) > MOST_BLOCK:
            raise UsageError("a block of a take has whole float32 samples, at most 4 MiB")
        block = np.frombuffer(samples, SAMPLE)
        if not np.isfinite(block).all():
            raise UsageError("the samples of a take must be finite numbers")
        if len(block) and np.abs(block).max() > MAX_FLOAT:
            raise UsageError(f"the samples of a take must be below {MAX_FLOAT:g} times full scale")
        with self._lock:
            if self._file.closed:
                raise UsageError(ENDED)
            self._check_there()
            self.used = time.monotonic()
            if at > self.frames:
                raise UsageError(f"the take has {self.frames} frames, so a block at {at} leaves a gap")
            block = block[self.frames - at :]
            if self.frames + len(block) > LONGEST_TAKE_S * self._sample_rate:
                raise TooLargeError("a take lasts at most six hours; stop it and begin another one")
            with system_errors(self._path):
                self._append(block.tobytes())
            self.frames += len(block)
            found = self._listener.feed(block)
            self._events |= {event.event: event for event in found}
            self.revision += len(found)
            return self.frames

    def _append(self, data: bytes) -> None:
        """Write all of a block or nothing of it: a disk that becomes full takes a part, and says so at the next one."""
        whole, left = self.frames * SAMPLE.itemsize, memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(whole)
            self._file.seek(whole)
            raise

    def shown(self) -> list[dict[str, Any]]:
        """Return the events so far, with the labels that they have so far, as values for JSON."""
        return [
            {
                "event": each.event,
                "start_s": round(each.start_s, 3),
                "label": each.label,
                "p": round(each.p_label or 0.0, 2),
            }
            for each in self._events.copy().values()
        ]

    def end(self) -> None:
        """Close the file; the take can be placed then. Raises UsageError if somebody removed the file."""
        with self._lock:
            if not self._file.closed:
                with self._file:
                    self._listener.close()
                    self._check_there()

    def _check_there(self) -> None:
        if not os.fstat(self._file.fileno()).st_nlink:
            raise UsageError(REMOVED)


def finish(project: Project, own: str) -> str | None:
    """Complete a take that has ended, or an upload, and return the name of the recording.

    None if a take has no samples, or an upload is not whole: nothing is left of it then. If it fails, all stays as it
    was, for another call.

    Parameters
    ----------
    project : Project
    own : str
        Its name in `takes/`, without a suffix.

    Raises
    ------
    LabelError
        If the manifest or a table of labels cannot be used.
    OutputError
        If the recording cannot be written.
    UsageError
        If what is known of it is damaged.
    """
    raw, part, about = (project.takes_dir / f"{own}{suffix}" for suffix in (RAW, PART, ABOUT))
    whole = raw.stat().st_size >= SAMPLE.itemsize if raw.exists() else part.exists() and about.exists()
    name = _complete(project, own) if whole else None
    for each in (raw, part, about):  # the order in which `finish` can be called again after a crash
        with system_errors(each, "remove"):
            each.unlink(missing_ok=True)
    return name


def _complete(project: Project, own: str) -> str:
    """Write a take as a WAV, place it or an uploaded file in the project, and describe it."""
    raw, part, about = (project.takes_dir / f"{own}{suffix}" for suffix in (RAW, PART, ABOUT))
    try:
        known = json.loads(about.read_text("utf-8"))
        metadata = dict(known["metadata"])
        if "began" in known:  # a take
            metadata["recorded_at"] = began = datetime.fromisoformat(known["began"])
            check_number(known["sample_rate"], "sample_rate", MIN_RATE, MAX_RATE, whole=True)
            known["name"] = began.strftime("%Y-%m-%d %H.%M.%S.wav")
        wanted = str(known["name"])
        cells_of(metadata)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, UsageError) as error:
        raise UsageError(f"{about.name} is damaged ({one_line(str(error))}); mend it, or move it away") from error
    if metadata:
        project.follow_manifest()  # a broken table
    name = _placed(project, part)
    if name is None:
        if raw.exists():
            part.unlink(missing_ok=True)  # it may be a recording that somebody moved
            try:
                _write_wav(raw, part, known["sample_rate"])
            except (OSError, soundfile.SoundFileError, AssertionError) as error:  # its ways to tell of a full disk
                part.unlink(missing_ok=True)
                raise OutputError(f"cannot write {one_line(str(part))}: the disk may be full") from error
        name = place(project, part, wanted)
    if metadata:
        project.describe([name], metadata)
    return name


def _placed(project: Project, part: Path) -> str | None:
    """Return the recording that this file has become before a crash: both are one file until the take is removed."""
    if not part.exists() or part.stat().st_nlink < 2:
        return None
    return next((name for name in project.recordings() if part.samefile(project.recordings_dir / name)), None)


def _write_wav(source: Path, target: Path, sample_rate: int) -> None:
    with source.open("rb") as raw, soundfile.SoundFile(target, "w", sample_rate, 1, "PCM_24", format="WAV") as file:
        while samples := raw.read(COPIED * SAMPLE.itemsize):
            whole = len(samples) // SAMPLE.itemsize * SAMPLE.itemsize  # a crash may leave part of a sample
            file.write(np.frombuffer(samples[:whole], SAMPLE))
    with target.open("rb+") as written:  # the samples are removed next
        os.fsync(written.fileno())


def unfinished(project: Project) -> set[str]:
    """Return the takes and uploads in a project, by their names without a suffix."""
    found = [path for pattern in ("take-*", "upload-*", f"*{PART}") for path in project.takes_dir.glob(pattern)]
    return {path.stem for path in found if path.suffix in (RAW, PART, ABOUT)}


def recover(project: Project, unfinished: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Complete the takes and uploads of a program that was killed; what another program is writing is not touched.

    Parameters
    ----------
    project : Project
    unfinished : iterable of str
        Result of `unfinished` before this program began a take or an upload.

    Returns
    -------
    names : list of str
        The recordings.
    failed : dict of str to str
        Reasons why others cannot be completed yet.
    """
    names, failed = list[str](), dict[str, str]()
    for own in sorted(unfinished):
        try:
            if any(_is_locked(project.takes_dir / f"{own}{suffix}") for suffix in (RAW, PART)):
                failed[own] = "another popclass app is recording it; end that app"
            elif name := finish(project, own):
                names.append(name)
        except (OSError, PopclassError) as error:
            failed[own] = one_line(str(error))
    return names, failed


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb+") as file:
            return not lock(file)
    except FileNotFoundError:
        return False


def now() -> datetime:
    """Return the present time with the time zone of the system."""
    return datetime.now(UTC).astimezone().replace(microsecond=0)
