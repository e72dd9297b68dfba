"""Finding the short sounds of recordings and describing them, before any model has spoken.

A `Hearer` takes recordings one after the other and describes their sounds a few at a time, whichever recording they
are of: the features of one sound alone take three times what each of many takes. What is said of a recording depends,
to the last bit, on nothing but that recording. `hear` is for one.

One recording to labelled events: every way into popclass goes through here.

`analyse` hears one recording by itself: sounds, features, probabilities, the company its events keep; it needs no other
recording and can run anywhere. `popclass.pipeline.Hearer` and `judge_all` are its two halves for several recordings at
once. `popclass.postprocess` then weighs what recordings of one timeline tell about each other.
`classify` is both for one recording.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from popclass.audio import open_recording
from popclass.audio.recording import Recording
from popclass.detection import Detector, Sound
from popclass.features import FrontEnd, extract
from popclass.model.model import Model
from popclass.postprocess import Circumstances, conclude
from popclass.results import Event, RecordingResult
from popclass.timing.sites import lookup

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
        """Find the sounds of one recording. Parameters and errors as `popclass.pipeline.hear`.

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


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one recording tells by itself.

    Attributes
    ----------
    recording : str
    events : tuple of Event
        With position, level, number and burst.
    acoustic : ndarray, shape (events, classes)
        Calibrated probabilities of the sound alone.
    believed : ndarray, shape (events, classes)
        The same after the company each event keeps in this recording was weighed.
    novelty : ndarray, shape (events,)
    duration_s, sample_rate, channels, recorded_at, warnings
        Of the recording.
    """

    recording: str
    events: tuple[Event, ...]
    acoustic: Array
    believed: Array
    novelty: Array
    duration_s: float
    sample_rate: int
    channels: int
    recorded_at: datetime | None
    warnings: tuple[str, ...]


def analyse(
    source: Source,
    model: Model,
    *,
    sample_rate: int | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Hear one recording and say what each sound is likely to be by itself. Parameters and errors as `hear`."""
    return judge(hear(source, model.frontend, sample_rate=sample_rate, name=name, progress=progress), model)


def judge(heard: Hearing, model: Model, *, acoustic: Array | None = None) -> Analysis:
    """Say what each sound of a recording that was heard is likely to be by itself, and in the company it keeps.

    Parameters
    ----------
    heard : Hearing
        By the front end of the model.
    model : Model
    acoustic : ndarray, shape (events, classes), optional
        Probabilities of the sound alone, where they are another classifier's; the model's own where None.
    """
    return judge_all([heard], model, acoustic=acoustic)[0]


def judge_all(heard: Sequence[Hearing], model: Model, *, acoustic: Array | None = None) -> list[Analysis]:
    """`judge` for several recordings: the same to the last bit, and faster where each has few sounds.

    Parameters
    ----------
    heard : sequence of Hearing
    model, acoustic
        As `judge`; `acoustic` for the sounds of all recordings in their order.
    """
    features = heard[0].features if len(heard) == 1 else _features(heard, model)
    novelty = model.novelty(features)
    if acoustic is None:
        acoustic = model.probabilities(features)
    ends = accumulate(len(each.events) for each in heard)
    rows = [slice(end - len(each.events), end) for each, end in zip(heard, ends, strict=True)]
    return [_analysis(each, acoustic[own], novelty[own], model) for each, own in zip(heard, rows, strict=True)]


def _features(heard: Sequence[Hearing], model: Model) -> Array:
    return np.concatenate([np.zeros((0, len(model.features))), *(each.features for each in heard)])


def _analysis(heard: Hearing, acoustic: Array, novelty: Array, model: Model) -> Analysis:
    return Analysis(
        recording=heard.name,
        events=heard.events,
        acoustic=acoustic,
        believed=_with_company(heard, acoustic, model),
        novelty=novelty,
        duration_s=heard.duration_s,
        sample_rate=heard.sample_rate,
        channels=heard.channels,
        recorded_at=heard.recorded_at,
        warnings=heard.warnings,
    )


def _with_company(heard: Hearing, acoustic: Array, model: Model) -> Array:
    """Probabilities after the company each event keeps in its recording was weighed."""
    if model.context is None or len(heard.events) < 2:  # nothing to be compared with weighs nothing
        return acoustic
    onset = np.array([event.start_s for event in heard.events])
    burst = np.array([event.burst for event in heard.events])
    level = np.array([event.snr_db for event in heard.events])
    return model.context.weigh(heard.features, acoustic, onset, burst, level)


def classify(
    source: Source,
    *,
    model: Model | str | os.PathLike[str] | None = None,
    site: str | None = None,
    cavities: int | None = None,
    refractory: float | None = None,
    subject: str | None = None,
    recorded_at: datetime | None = None,
    min_probability: float | None = None,
    sample_rate: int | None = None,
    progress: Progress | None = None,
) -> RecordingResult:
    """Which short sounds of a recording are cavitation, which are snapping, and which are neither.

    Parameters
    ----------
    source : path, `-`, binary file or ndarray of shape (n,) or (n, channels)
        A recording of 8-192 kHz and 1-8 channels; arrays need `sample_rate`.
    model : Model or path, optional
        The model that comes with popclass where None.
    site : str, optional
        Where on the body, as listed by `popclass sites`.
    cavities : int, optional
        Joint cavities that may have sounded; overrides the site's.
    refractory : float, optional
        Refractory period in seconds; the site's (20 min) where None.
    subject : str, optional
    recorded_at : datetime, optional
        Start of the recording.
    min_probability : float, optional
        Least probability of a label that is not `uncertain`, 0-1.
    sample_rate : int, optional
        In hertz, for arrays.

    Returns
    -------
    RecordingResult

    Raises
    ------
    AudioError
        If the recording is unusable.
    ModelError
        If the model is.
    UsageError
        If an option is outside what is allowed.

    Examples
    --------
    >>> result = popclass.classify("samples/demo/take1.flac", site="mcp")            # doctest: +SKIP
    >>> [(event.start_s, event.label) for event in result.events]                     # doctest: +SKIP
    """
    site = None if site is None else lookup(site).name
    around = Circumstances(site=site, subject=subject, cavities=cavities, recorded_at=recorded_at)
    chosen = load_model(model)
    analysis = analyse(source, chosen, sample_rate=sample_rate, progress=progress)
    settings = {"refractory_s": refractory, "min_probability": min_probability}
    return conclude([analysis], [around], chosen, **settings)[0]


def extract_features(
    source: Source, *, model: Model | str | os.PathLike[str] | None = None, sample_rate: int | None = None
) -> tuple[Array, tuple[str, ...]]:
    """Features of the short sounds of a recording.

    Parameters
    ----------
    source, sample_rate
        As `classify`.
    model : Model or path, optional
        Whose front end to use; that of the default model where None.

    Returns
    -------
    X : ndarray, shape (events, features), float64
    names : tuple of str
    """
    frontend = load_model(model).frontend
    return hear(source, frontend, sample_rate=sample_rate).features, frontend.names


def load_model(model: Model | str | os.PathLike[str] | None) -> Model:
    """The model named, loaded, or the default one."""
    if isinstance(model, Model):
        return model
    return Model.default() if model is None else Model.load(os.fspath(model))
