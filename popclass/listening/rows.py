"""Events in a table of numbers: some 140 bytes each, where an object with its labels takes a kilobyte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.formats.text import rounded
from popclass.judgement import Judgement
from popclass.listening.session import History
from popclass.results import Event

Array = NDArray[np.float64]

_FIRST = 64  # rows there is room for at first
_POSITION = ("onset", "peak", "end", "channel", "snr_db", "peak_dbfs", "event", "burst")


class Rows:
    """A growing table of events in order of time; those of earlier sittings come first.

    Parameters
    ----------
    classes : int
        How many probabilities a row holds.
    """

    def __init__(self, classes: int) -> None:
        whole = [(name, np.int64) for name in ("onset", "peak", "end", "event", "burst", "answer")]
        real = [(name, np.float64) for name in ("snr_db", "peak_dbfs", "time_s", "novelty")]
        flags = [(name, np.bool_) for name in ("candidate", "cavitation", "takes", "closed")]
        chances = [(name, np.float64, (classes,)) for name in ("acoustic", "believed")]
        small = [("channel", np.int16), ("revision", np.int32)]
        self._table: NDArray[Any] = np.zeros(_FIRST, np.dtype([*whole, *real, *flags, *chances, *small]))
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def held(self) -> NDArray[Any]:
        """The rows there are; what is written into them stays."""
        return self._table[: self._size]

    def columns(self, *names: str) -> Iterator[NDArray[Any]]:
        """Copies of columns."""
        return (self.held[name].copy() for name in names)

    def add(self, event: Event, acoustic: Array, novelty: float) -> None:
        """One more event, not yet reported."""
        row = self._next()
        for name in _POSITION:
            row[name] = getattr(event, name)
        row["time_s"], row["novelty"], row["revision"] = event.start_s, novelty, -1
        row["acoustic"] = row["believed"] = acoustic

    def add_history(self, history: History) -> None:
        """The candidates of earlier sittings."""
        for at in range(len(history.time_s)):
            row = self._next()
            row["time_s"], row["burst"] = history.time_s[at], history.burst[at]
            row["believed"], row["novelty"] = history.believed[at], history.novelty[at]
            row["candidate"] = row["closed"] = True

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Let go of all other rows."""
        kept = self.held[which]
        self._size = len(kept)
        if 4 * self._size < len(self._table) and len(self._table) > _FIRST:
            self._table = np.resize(self._table, max(2 * self._size, _FIRST))
        self._table[: self._size] = kept

    def _next(self) -> Any:
        if self._size == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        self._size += 1
        self._table[self._size - 1] = np.zeros((), self._table.dtype)
        return self._table[self._size - 1]


def event_of(row: Any, sample_rate: int) -> tuple[Event, Array, float]:
    """The event of a row, its acoustic probabilities and its novelty."""
    values = {name: row[name].item() for name in _POSITION}
    return Event(**values, sample_rate=sample_rate), row["acoustic"].copy(), float(row["novelty"])


def fingerprints(judged: Judgement) -> NDArray[np.int64]:
    """A number for what is said of each event after its company and timing, to the decimals that are written."""
    said = zip(
        *(judged.labels, judged.timing, judged.reasons, judged.p_label.round(4).tolist(), judged.since_cavitation_s),
        strict=True,
    )
    return np.array([hash((*words, rounded(since, 6))) or 1 for *words, since in said], np.int64)
