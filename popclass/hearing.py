"""Finding the short sounds of recordings and describing them, before any model has spoken.

A `Hearer` takes recordings one after the other and describes their sounds a few at a time, whichever recording they
are of: the features of one sound alone take three times what each of many takes. What is said of a recording depends,
to the last bit, on nothing but that recording. `hear` is for one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from popclass.audio import open_recording
from popclass.audio.recording import Recording
from popclass.detection import Detector, Sound
from popclass.features import FrontEnd, extract
from popclass.results import Event

Array = NDArray[np.float64]
Source = str | os.PathLike[str] | BinaryIO | NDArray[Any]
Progress = Callable[[int, int | None], None]
Notice = Callable[[Sequence[Sound]], None]

BURST_GAP_S = 0.250
TOGETHER = 32  # sounds described at a time; bounds the memory of a day with many of them
BLOCK = 65536


@dataclass(frozen=True, slots=True)
class Hearing:
    """The events of a recording with their features, before any model has spoken."""

    events: tuple[Event, ...]
    features: Array
    name: str
    duration_s: float
    sample_rate: int
    channels: int
    recorded_at: datetime | None
    warnings: tuple[str, ...]


class Hearer:
    """Hears recordings and describes the sounds of all of them together.

    Parameters
    ----------
    frontend : FrontEnd

    Examples
    --------
    >>> hearer = Hearer(model.frontend)                                               # doctest: +SKIP
    >>> hearer.hear("left.wav"), hearer.hear("right.wav")                             # doctest: +SKIP
    >>> [len(heard.events) for heard in hearer.finish()]                              # doctest: +SKIP
    """

    def __init__(self, frontend: FrontEnd) -> None:
        self._frontend = frontend
        self._heard: list[tuple[int, Hearing]] = []  # each with the row of its first sound
        self._tables: list[Array] = [np.zeros((0, len(frontend.names)))]
        self._described = 0
        self._pending: list[Sound] = []

    def hear(
        self,
        source: Source,
        *,
        sample_rate: int | None = None,
        name: str | None = None,
        progress: Progress | None = None,
        notice: Notice | None = None,
    ) -> None:
        """Find the sounds of one recording. Parameters and errors as `popclass.hearing.hear`.

        A recording that turns out unusable leaves nothing behind.
        """
        first = self._described + len(self._pending)
        events: list[Event] = []
        try:
            with open_recording(source, sample_rate=sample_rate, name=name) as recording:
                detector = Detector(recording.sample_rate, recording.channels)
                for block in recording.blocks(BLOCK):
                    self._take(detector.feed(block), events, notice)
                    if progress is not None:
                        progress(recording.frames_read, recording.frames)
                self._take(detector.flush(), events, notice)
                self._heard.append((first, self._about(recording, events)))
        except BaseException:
            del self._pending[max(first - self._described, 0) :]
            raise

    def finish(self) -> list[Hearing]:
        """What was heard of each recording, in the order in which they came."""
        if self._pending:
            self._describe(self._pending[:])
        features = np.concatenate(self._tables)
        return [replace(each, features=features[first : first + len(each.events)]) for first, each in self._heard]

    def _take(self, sounds: Sequence[Sound], events: list[Event], notice: Notice | None) -> None:
        events += [sound.event for sound in sounds]
        if notice is not None:
            for start in range(0, len(sounds), TOGETHER):
                notice(sounds[start : start + TOGETHER])
        self._pending += sounds
        while len(self._pending) >= TOGETHER:
            self._describe(self._pending[:TOGETHER])

    def _describe(self, sounds: Sequence[Sound]) -> None:
        """The features of the sounds that have waited longest."""
        self._tables.append(extract(sounds, self._frontend))
        self._described += len(sounds)
        del self._pending[: len(sounds)]

    def _about(self, recording: Recording, events: Sequence[Event]) -> Hearing:
        return Hearing(
            events=number(events),
            features=self._tables[0],
            name=recording.name,
            duration_s=recording.frames_read / recording.sample_rate,
            sample_rate=recording.sample_rate,
            channels=recording.channels,
            recorded_at=recording.recorded_at,
            warnings=tuple(recording.warnings),
        )


def hear(
    source: Source,
    frontend: FrontEnd,
    *,
    sample_rate: int | None = None,
    name: str | None = None,
    progress: Progress | None = None,
    notice: Notice | None = None,
) -> Hearing:
    """Find the short sounds of a recording and describe them.

    Parameters
    ----------
    source : path, `-`, binary file or array
        As `popclass.audio.open_recording`.
    frontend : FrontEnd
    sample_rate : int, optional
        For arrays.
    name : str, optional
        What results call the recording.
    progress : callable, optional
        Called with the frames read and the frames there are (None where unknown).
    notice : callable, optional
        Called with the sounds, a few at a time and in the order of the events, for whoever needs their samples.

    Raises
    ------
    AudioError
        If the recording is unusable.
    """
    hearer = Hearer(frontend)
    hearer.hear(source, sample_rate=sample_rate, name=name, progress=progress, notice=notice)
    return hearer.finish()[0]


def number(events: Sequence[Event]) -> tuple[Event, ...]:
    """Events numbered from 1, and their bursts: an onset at most 250 ms after the one before continues its burst."""
    numbered: list[Event] = []
    burst = 0
    for index, event in enumerate(events):
        gap = event.onset - numbered[-1].onset if numbered else None
        if gap is None or gap > BURST_GAP_S * event.sample_rate:
            burst += 1
        numbered.append(replace(event, event=index + 1, burst=burst))
    return tuple(numbered)
