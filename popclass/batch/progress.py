"""Progress of a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from popclass.batch.worker import Outcome
from popclass.utils.files import Stamp


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """Progress of a batch.

    Attributes
    ----------
    done, total : int
        Recordings that are done, those of earlier runs included, and all recordings.
    failed : int
        Number of recordings of this run that could not be used.
    audio_s : float
        Seconds of audio that this run processed.
    elapsed_s : float
        Seconds since this run began to process.
    share : float
        Share of the bytes of this run that were read, 0-1. It predicts the time left better than the number of files.
    """

    done: int
    total: int
    failed: int
    audio_s: float
    elapsed_s: float
    share: float

    @property
    def speed(self) -> float | None:
        """Times real time; None before any audio was processed."""
        return self.audio_s / self.elapsed_s if self.audio_s and self.elapsed_s else None

    @property
    def left_s(self) -> float | None:
        """Seconds left at the speed so far; None while that is unknown."""
        return self.elapsed_s * (1 - self.share) / self.share if self.share else None


class ProgressCounter:
    """Counter of the recordings that are done.

    Parameters
    ----------
    pending : mapping of str to Stamp
        Recordings that this run processes.
    resumed : int
        Number of recordings that are done already.
    report : callable or None
        Called with a `BatchProgress` after each chunk.
    """

    def __init__(
        self, pending: Mapping[str, Stamp], *, resumed: int, report: Callable[[BatchProgress], None] | None
    ) -> None:
        self._sizes = {name: max(1, stamp.size) for name, stamp in pending.items()}
        self._bytes = sum(self._sizes.values())
        self._report = report
        self._began = time.monotonic()
        self._done = resumed
        self._total = resumed + len(pending)
        self._failed = self._read = 0
        self.audio_s = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since this run began to process."""
        return time.monotonic() - self._began

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count outcomes of this run."""
        for outcome in outcomes:
            self._done += 1
            self._failed += outcome.reason is not None
            self._read += self._sizes[outcome.recording]
            self.audio_s += outcome.audio_s
        if self._report is not None:
            share = self._read / self._bytes
            self._report(BatchProgress(self._done, self._total, self._failed, self.audio_s, self.elapsed_s, share))
