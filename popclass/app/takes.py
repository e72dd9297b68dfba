"""Takes: recordings of the microphone that arrive from the browser in blocks, and their events while they arrive."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any
from uuid import uuid4

import numpy as np

from popclass.app.completion import ABOUT, RAW, SAMPLE
from popclass.app.manifest import cells_of
from popclass.app.project import Project
from popclass.app.uploads import TooLargeError
from popclass.audio.recording import MAX_RATE, MIN_RATE
from popclass.errors import ModelError, UsageError
from popclass.model.model import Model
from popclass.streaming import Listener, LiveEvent
from popclass.streaming.pcm import MAX_FLOAT
from popclass.utils.checks import check_number
from popclass.utils.files import lock, system_errors, write_synced

MOST_BLOCK = 4 << 20  # bytes of one block of a take
LONGEST_TAKE_S = 6 * 3600
ENDED = "this take has ended; begin another one"
REMOVED = "the file of this take was removed from takes/; begin another one"


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
            model = project.models.load()
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


def now() -> datetime:
    """Return the present time with the time zone of the system."""
    return datetime.now(UTC).astimezone().replace(microsecond=0)
