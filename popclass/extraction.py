"""One recording to events with features, before a model is applied."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from popclass.audio import Recording, open_recording
from popclass.detection import Detector, Sound
from popclass.features import FrontEnd, extract
from popclass.info import RecordingInfo
from popclass.results import Event

Array = NDArray[np.float64]
Source = str | os.PathLike[str] | BinaryIO | NDArray[Any] | list[Any] | tuple[Any, ...]
Progress = Callable[[int, int | None], None]
OnSounds = Callable[[Sequence[Sound]], None]
OnBlock = Callable[[NDArray[np.float32], int], None]

BURST_GAP_S = 0.250
BLOCK = 524288  # samples per channel: a fifth faster than half of it, for 4 MiB more memory a channel
SOUNDS_AT_ONCE = 32
"""Sounds whose features are computed together: three times faster than one by one, in bounded memory."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """Events of one recording with their features, before a model is applied.

    Attributes
    ----------
    info : RecordingInfo
    events : tuple of Event
    features : ndarray, shape (events, features)
    """

    info: RecordingInfo
    events: tuple[Event, ...]
    features: Array


class EventExtractor:
    """Detector and feature extraction for many recordings.

    Features of sounds from several recordings are computed together, which is faster where each has few. The result of
    a recording does not depend on the others.

    Parameters
    ----------
    frontend : FrontEnd

    Examples
    --------
    >>> import numpy as np
    >>> from popclass.model.model import Model
    >>> extractor = EventExtractor(Model.default().frontend)
    >>> extractor.add(np.random.default_rng(0).normal(0, 0.01, 8000), sample_rate=8000)
    >>> [len(each.events) for each in extractor.finish()]
    [0]
    """

    def __init__(self, frontend: FrontEnd) -> None:
        self._frontend = frontend
        self._found: list[tuple[int, RecordingInfo, tuple[Event, ...]]] = []  # with the row of the first event
        self._tables: list[Array] = []
        self._extracted = 0
        self._pending: list[Sound] = []

    def add(
        self,
        source: Source,
        *,
        sample_rate: int | None = None,
        name: str | None = None,
        progress: Progress | None = None,
        on_sounds: OnSounds | None = None,
        on_block: OnBlock | None = None,
    ) -> None:
        """Detect the events of one recording; parameters and errors as `extract_events`.

        A recording that turns out to be unusable leaves nothing behind.
        """
        first = self._extracted + len(self._pending)
        events: list[Event] = []
        try:
            with open_recording(source, sample_rate=sample_rate, name=name) as recording:
                for sounds in _detect(recording, progress, on_block):
                    events += [sound.event for sound in sounds]
                    if on_sounds is not None:
                        for start in range(0, len(sounds), SOUNDS_AT_ONCE):
                            on_sounds(sounds[start : start + SOUNDS_AT_ONCE])
                    self._pending += sounds
                    while len(self._pending) >= SOUNDS_AT_ONCE:
                        self._tables.append(extract(self._pending[:SOUNDS_AT_ONCE], self._frontend))
                        self._extracted += SOUNDS_AT_ONCE
                        del self._pending[:SOUNDS_AT_ONCE]
                self._found.append((first, recording.info(), number_events(events)))
        except BaseException:
            del self._pending[max(first - self._extracted, 0) :]
            raise

    def finish(self) -> list[Extraction]:
        """Return the extraction of each recording, in the order of `add`."""
        features = np.concatenate([*self._tables, extract(self._pending, self._frontend)])
        return [Extraction(info, events, features[at : at + len(events)]) for at, info, events in self._found]


def _detect(recording: Recording, progress: Progress | None, on_block: OnBlock | None) -> Iterator[list[Sound]]:
    """Yield the sounds that each block of a recording completes."""
    detector = Detector(recording.sample_rate, recording.channels, lossy=recording.lossy)
    for block in recording.blocks(BLOCK):
        if on_block is not None:
            on_block(block, recording.sample_rate)
        yield detector.feed(block)
        if progress is not None:
            progress(recording.frames_read, recording.frames)
    yield detector.flush()


def extract_events(
    source: Source,
    frontend: FrontEnd,
    *,
    sample_rate: int | None = None,
    name: str | None = None,
    progress: Progress | None = None,
    on_sounds: OnSounds | None = None,
    on_block: OnBlock | None = None,
) -> Extraction:
    """Detect the events of a recording and compute their features.

    Parameters
    ----------
    source : path, `-`, binary file or array
        See `popclass.audio.open_recording`.
    frontend : FrontEnd
    sample_rate : int, optional
        In hertz; for arrays only.
    name : str, optional
        Name of the recording in results (default: the path).
    progress : callable, optional
        Called with the frames read and the total number of frames (None where unknown).
    on_sounds : callable, optional
        Called with up to 32 detected sounds at a time, samples included, in the order of the events.
    on_block : callable, optional
        Called with each block of samples, shape (n, channels), and the sample rate before its sounds are detected.

    Raises
    ------
    AudioError
        If the recording is unusable.
    """
    extractor = EventExtractor(frontend)
    extractor.add(source, sample_rate=sample_rate, name=name, progress=progress, on_sounds=on_sounds, on_block=on_block)
    return extractor.finish()[0]


def number_events(events: Sequence[Event], after: Event | None = None) -> tuple[Event, ...]:
    """Assign event and burst numbers, from 1 or from those of the event `after` which they follow.

    An onset at most 250 ms after the previous one continues its burst.
    """
    number, burst, onset = (0, 0, -math.inf) if after is None else (after.event, after.burst, after.onset)
    numbered: list[Event] = []
    for event in events:
        number, burst = number + 1, burst + (event.onset - onset > BURST_GAP_S * event.sample_rate)
        onset = event.onset
        numbered.append(replace(event, event=number, burst=burst))
    return tuple(numbered)
