"""Recordings that reach a project through the browser, in blocks: files, and takes of the microphone.

A file appears in the project when it is complete. A take is kept as raw samples until it ends, so a killed program
loses nothing that had arrived; `recover` completes it at the next start.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
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
from popclass.utils.files import system_errors
from popclass.utils.text import one_line

MOST_BYTES = 2 << 30  # of a file
MOST_BLOCK = 4 << 20  # bytes of one block of a take
LONGEST_TAKE_S = 6 * 3600
SAMPLE = np.dtype("<f4")
ENDED = "this take has ended; begin another one"
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
    part = project.takes_dir / f"{uuid4().hex}.part"
    size = 0
    try:
        with system_errors(part):
            part.parent.mkdir(exist_ok=True)
        with system_errors(part), part.open("wb") as file:
            async for block in body:
                size += len(block)
                if size > MOST_BYTES:
                    raise TooLargeError(
                        f"{one_line(name)[:80]} is larger than {MOST_BYTES >> 30} GiB; cut it into parts"
                    )
                file.write(block)
            await run_in_threadpool(_sync, file)
        placed = await run_in_threadpool(place, project, part, name)
        if metadata:
            await run_in_threadpool(project.describe, [placed], metadata)
        return placed
    finally:
        part.unlink(missing_ok=True)


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
        self._path = project.takes_dir / f"{self.id}.f32"
        about = {"sample_rate": sample_rate, "began": now.isoformat(), "metadata": dict(metadata)}
        try:
            model = project.model()
        except ModelError:  # the work in the background reports it; the recording comes first
            model = Model.default()
        site, subject = metadata.get("site"), metadata.get("subject")
        self._listener = Listener(sample_rate, model=model, site=site, subject=subject)
        with system_errors(self._path):
            self._path.parent.mkdir(exist_ok=True)
            self._path.with_suffix(".json").write_text(json.dumps(about), "utf-8")
            self._file = self._path.open("xb", buffering=0)

    def add(self, at: int, samples: bytes) -> int:
        """Append mono samples, float32 in little endian, that begin at a frame; return the number of all frames.

        Frames that are there already are skipped, so a block may be sent again.

        Raises
        ------
        UsageError
            If frames are missing before these, or the samples are not finite numbers; `TooLargeError` beyond six hours.
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
        """Close the file; the take can be placed then."""
        with self._lock:
            if not self._file.closed:
                self._file.close()
                self._listener.close()


def finish(project: Project, take: str) -> str | None:
    """Write a take that has ended as a WAV of the project, and return the name; None if it has no samples.

    If that fails, the take stays as it was, and is finished by another call.
    """
    path = project.takes_dir / f"{take}.f32"
    about = json.loads(path.with_suffix(".json").read_text("utf-8"))
    began = datetime.fromisoformat(about["began"])
    metadata = {**about["metadata"], "recorded_at": began}
    cells_of(metadata)
    name, part = None, path.with_suffix(".part")
    if path.stat().st_size >= SAMPLE.itemsize:
        project.follow_manifest()  # a broken table
        name = _placed(project, part)
        if name is None:
            try:
                _write_wav(path, part, about["sample_rate"])
            except (OSError, soundfile.SoundFileError, AssertionError) as error:  # its ways to tell of a full disk
                part.unlink(missing_ok=True)
                raise OutputError(f"cannot write {one_line(str(part))}: the disk may be full") from error
            name = place(project, part, began.strftime("%Y-%m-%d %H.%M.%S.wav"))
        project.describe([name], metadata)
    for each in (path, path.with_suffix(".json"), part):
        each.unlink(missing_ok=True)
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


def recover(project: Project) -> list[str]:
    """Complete the takes of a program that was killed, and return the names of their recordings."""
    for path in project.takes_dir.glob("*.part"):
        if not path.with_suffix(".f32").exists():
            path.unlink(missing_ok=True)
    found = []
    for path in sorted(project.takes_dir.glob("take-*.f32")):
        with suppress(OSError, ValueError, KeyError, TypeError, PopclassError):  # it stays, to be looked at by hand
            if name := finish(project, path.stem):
                found.append(name)
    return found


def now() -> datetime:
    """Return the present time with the time zone of the system."""
    return datetime.now(UTC).astimezone().replace(microsecond=0)
