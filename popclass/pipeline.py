"""One recording to labelled events: every way into popclass goes through here.

`analyse` hears one recording by itself: sounds, features, probabilities, the company its events keep; it needs no other
recording and can run anywhere. `popclass.hearing.Hearer` and `judge_all` are its two halves for several recordings at
once. `popclass.conclusion` then weighs what recordings of one timeline tell about each other.
`classify` is both for one recording.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from popclass.conclusion import Circumstances, conclude
from popclass.hearing import Hearing, Progress, Source, hear
from popclass.model import Model
from popclass.results import Event, RecordingResult
from popclass.timing.sites import lookup

Array = NDArray[np.float64]


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
