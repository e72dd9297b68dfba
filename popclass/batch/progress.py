"""How far along a batch is, for whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from popclass.batch.journal import Stamp
from popclass.batch.worker import Outcome


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far along a batch is.

    Attributes
    ----------
    done, total : int
        Recordings that are done, those of earlier runs among them, and all there are.
    failed : int
        How many of them could not be used.
    audio_s : float
        Seconds of sound heard in this run.
    elapsed_s : float
        Seconds since this run began to hear.
    share : float
        0-1, how much of the bytes that this run has to read is behind it. Files differ in length, so this tells more
        about the time left than their number.
    """

    done: int
    total: int
    failed: int
    audio_s: float
    elapsed_s: float
    share: float

    @property
    def speed(self) -> float | None:
        """Times real time; None before anything was heard."""
        return self.audio_s / self.elapsed_s if self.audio_s and self.elapsed_s else None

    @property
    def left_s(self) -> float | None:
        """Seconds left at the speed so far; None while that is unknown."""
        return self.elapsed_s * (1 - self.share) / self.share if self.share else None


class Count:
    """Counts what is done and reports it.

    Parameters
    ----------
    todo : mapping of str to Stamp
        The recordings to hear.
    resumed : int
        How many are done already.
    report : callable or None
        Takes a `BatchProgress`.
    """

    def __init__(
        self,
        todo: Mapping[str, Stamp],
        *,
        resumed: int,
        report: Callable[[BatchProgress], None] | None,
    ) -> None:
        self._sizes = {name: max(1, stamp.size) for name, stamp in todo.items()}
        self._bytes = sum(self._sizes.values())
        self._read = 0
        self._total = resumed + len(todo)
        self._done = resumed
        self._failed = 0
        self._report = report
        self._began = time.monotonic()
        self.audio_s = 0.0

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count outcomes of this run."""
        for outcome in outcomes:
            self._done += 1
            self._failed += outcome.reason is not None
            self._read += self._sizes[outcome.recording]
            self.audio_s += outcome.audio_s
        if self._report is not None:
            share = self._read / self._bytes if self._bytes else 1.0
            self._report(BatchProgress(self._done, self._total, self._failed, self.audio_s, self.elapsed_s, share))
