"""Records of the events of a stream: `LiveEvent`, and the table of pending events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.formats.text import rounded
from popclass.postprocess import TimelineLabels
from popclass.results import Event
from popclass.streaming.session import History

_STORED = ("onset", "peak", "end", "channel", "snr_db", "peak_dbfs", "event", "burst")
_HISTORY = ("time_s", "burst", "contextual", "novelty")


@dataclass(frozen=True, slots=True)
class LiveEvent(Event):
    """Present state of one short sound in a stream.

    Attributes
    ----------
    revision : int
        0 in the first report of its number, one more in each further report. The last revision is valid.
    """

    revision: int = 0

    @property
    def withdrawn(self) -> bool:
        """True if no event has this number any more, because a provisional event was not confirmed."""
        return not self.label

    def plain(self) -> Event:
        """Return the event without its revision, as `popclass.classify` returns it."""
        return Event(**_values(self))


def revised(event: Event, revision: int) -> LiveEvent:
    """Return the event as this revision of its number."""
    return LiveEvent(**_values(event), revision=revision)


def withdrawal(number: int, revision: int, sample_rate: int) -> LiveEvent:
    """Return the report that no event has this number."""
    return LiveEvent(0, 0, 0, sample_rate, 0, 0.0, 0.0, event=number, revision=revision)


def shown_values(event: Event) -> tuple[object, ...]:
    """Return the values of an event with the decimals that are written; a report is due only where they change."""
    return (
        *(event.onset, event.peak, event.end, event.channel, event.burst, event.label, event.acoustic_label),
        *(event.timing, event.timing_reason, rounded(event.since_cavitation_s, 6)),
        *(rounded(value, 4) for value in (event.p_label, event.novelty, *event.probabilities.values())),
        *(rounded(event.snr_db, 2), rounded(event.peak_dbfs, 2)),
    )


def row_type(classes: int) -> np.dtype[Any]:
    """Return the type of one row of the table: about 140 bytes, while an `Event` with its labels takes a kilobyte."""
    whole = [(name, np.int64) for name in ("onset", "peak", "end", "event", "burst", "fingerprint")]
    real = [(name, np.float64) for name in ("snr_db", "peak_dbfs", "time_s", "novelty")]
    flags = [(name, np.bool_) for name in ("candidate", "cavitation", "takes_cavity", "closed")]
    probabilities = [(name, np.float64, (classes,)) for name in ("acoustic", "contextual")]
    return np.dtype([*whole, *real, *flags, *probabilities, ("channel", np.int16), ("revision", np.int32)])


def event_rows(events: Sequence[Event], acoustic: NDArray[np.float64], novelty: ArrayLike) -> NDArray[Any]:
    """Return events that were not reported yet as rows."""
    rows = np.zeros(len(events), row_type(acoustic.shape[1]))
    for name in _STORED:
        rows[name] = [getattr(event, name) for event in events]
    rows["time_s"] = [event.start_s for event in events]
    rows["novelty"], rows["revision"] = novelty, -1
    rows["acoustic"] = rows["contextual"] = acoustic
    return rows


def history_rows(history: History) -> NDArray[Any]:
    """Return the candidates of earlier streams as rows."""
    rows = np.zeros(len(history.time_s), row_type(history.contextual.shape[1]))
    for name in _HISTORY:
        rows[name] = getattr(history, name)
    rows["candidate"] = rows["closed"] = True
    return rows


def history_columns(rows: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the columns of rows that `History` has, in its order, as contiguous arrays."""
    return [rows[name].copy() for name in _HISTORY]


def event_of(row: Any, sample_rate: int) -> tuple[Event, NDArray[np.float64], float]:
    """Return the event of a row, its acoustic probabilities and its novelty."""
    values = {name: row[name].item() for name in _STORED}
    return Event(**values, sample_rate=sample_rate), row["acoustic"].copy(), float(row["novelty"])


def fingerprints(labels: TimelineLabels) -> NDArray[np.int64]:
    """Return a number for the labels of each event, with the decimals that are written; never 0."""
    p_label, since = labels.p_label.round(4).tolist(), labels.since_cavitation_s
    each = zip(labels.labels, labels.timing, labels.reasons, p_label, since, strict=True)
    return np.array([hash((*words, rounded(since_s, 6))) or 1 for *words, since_s in each], np.int64)


def _values(event: Event) -> dict[str, Any]:
    return {each.name: getattr(event, each.name) for each in fields(Event)}
