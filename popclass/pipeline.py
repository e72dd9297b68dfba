"""One recording to labelled events.

`analyze` extracts the events of one recording and estimates their probabilities; it needs no other recording.
`popclass.postprocess` then assigns labels along the timeline. `classify` does both.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from typing import Any, BinaryIO, Literal, overload

import numpy as np
from numpy.typing import NDArray

from popclass.audio import Recording, open_recording
from popclass.detection import Detector, Sound
from popclass.errors import UsageError
from popclass.features import FrontEnd, extract
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.postprocess import postprocess
from popclass.results import FROM_MODEL, PER_BURST, Analysis, Event, RecordingInfo, RecordingResult
from popclass.utils.checks import check_texts
from popclass.utils.log import log_warnings

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


def analyze(
    source: Source,
    model: Model,
    *,
    sample_rate: int | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Extract the events of one recording and estimate their probabilities; parameters as `extract_events`."""
    extraction = extract_events(source, model.frontend, sample_rate=sample_rate, name=name, progress=progress)
    return apply_model([extraction], model)[0]


def apply_model(extractions: Sequence[Extraction], model: Model, *, acoustic: Array | None = None) -> list[Analysis]:
    """Estimate the probabilities of events by their sound, and by sound and context.

    Parameters
    ----------
    extractions : sequence of Extraction
        Made with the front end of the model. Applying it to several at once changes nothing but the speed.
    model : Model
    acoustic : ndarray, shape (events, classes), optional
        Probabilities of another classifier for all events in order, instead of the model's own.
    """
    features = np.concatenate([np.zeros((0, len(model.features))), *(each.features for each in extractions)])
    novelty = model.novelty(features)
    if acoustic is None:
        acoustic = model.probabilities(features)
    analyses = []
    for each, end in zip(extractions, accumulate(len(each.events) for each in extractions), strict=True):
        rows = slice(end - len(each.events), end)
        contextual = model.include_novelty(acoustic[rows], novelty[rows])
        if model.context is not None and len(each.events) > 1:
            places = [(event.start_s, event.burst, event.snr_db) for event in each.events]
            columns = map(np.array, zip(*places, strict=True))
            contextual = model.context.probabilities(each.features, contextual, *columns)
        analyses.append(Analysis(each.info, each.events, acoustic[rows], contextual, novelty[rows]))
    return analyses


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
    count_by: str = PER_BURST,
    class_frequencies: str = FROM_MODEL,
    sample_rate: int | None = None,
    progress: Progress | None = None,
) -> RecordingResult:
    """Label the short sounds of a recording as cavitation, snapping or other.

    Parameters
    ----------
    source : path, `-`, binary file or ndarray of shape (n,) or (n, channels)
        A recording of 8-192 kHz and 1-8 channels; arrays need `sample_rate`.
    model : Model or path, optional
        Default: the bundled model.
    site : str, optional
        Site on the body, as listed by `popclass sites`.
    cavities : int, optional
        Number of joint cavities; overrides that of the site.
    refractory : float, optional
        Refractory period in seconds (default: that of the site, 20 min).
    subject : str, optional
        Identifier that goes into the result.
    recorded_at : datetime, optional
        Start of the recording (default: read from the file or its name).
    min_probability : float, optional
        Minimum probability for a label, 0-1; below it the event is `uncertain` (default: set by the model).
    count_by : str
        `burst` if the pops of a burst count as one cavitation of one joint, `pop` if each counts.
    class_frequencies : str
        `estimate` to estimate the class frequencies of the timeline from its events, `model` for those of the training
        data.
    sample_rate : int, optional
        In hertz; for arrays only.
    progress : callable, optional
        As `extract_events`.

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
        If an option is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.random.default_rng(0).normal(0, 0.001, 48_000)
    >>> samples[24_000:24_048] += np.sin(np.arange(48)) * 0.5
    >>> [round(event.start_s, 3) for event in classify(samples, sample_rate=48_000, site="mcp").events]
    [0.5]
    """
    metadata = Metadata(site=site, subject=subject, cavities=cavities, recorded_at=recorded_at)
    chosen = load_model(model)
    analysis = analyze(source, chosen, sample_rate=sample_rate, progress=progress)
    rules: dict[str, Any] = {"refractory_s": refractory, "min_probability": min_probability, "count_by": count_by}
    rules["class_frequencies"] = class_frequencies
    return _logged(postprocess([analysis], [metadata], chosen, **rules))[0]


def classify_session(
    sources: Sequence[Source] | Mapping[str, Source],
    *,
    subject: str,
    recorded_at: Sequence[datetime | str | None] | None = None,
    model: Model | str | os.PathLike[str] | None = None,
    site: str | None = None,
    cavities: int | None = None,
    refractory: float | None = None,
    min_probability: float | None = None,
    count_by: str = PER_BURST,
    class_frequencies: str = FROM_MODEL,
) -> list[RecordingResult]:
    """Classify several recordings of one subject and site, whose events share a timeline.

    Parameters
    ----------
    sources : sequence, or mapping of name to source
        Paths, binary files, or pairs of samples and sample rate.
    subject : str
        Identifier of the person.
    recorded_at : sequence of datetime, optional
        Start of each recording (default, and for None: read from the file or its name). Timing is checked across
        recordings only where it is known.
    model, site, cavities, refractory, min_probability, count_by, class_frequencies
        As `classify`.

    Returns
    -------
    list of RecordingResult
        In the order given; `session` is the same for all of one timeline.

    Raises
    ------
    AudioError
        If a recording is unusable.
    ModelError
        If the model is.
    UsageError
        If an option is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.random.default_rng(0).normal(0, 0.001, 48_000)
    >>> samples[24_000:24_048] += np.sin(np.arange(48)) * 0.5
    >>> starts = ["2026-11-22T10:00:00", "2026-11-22T10:05:00"]
    >>> recordings = {"before": (samples, 48_000), "after": (samples, 48_000)}
    >>> results = classify_session(recordings, subject="P1", site="mcp", recorded_at=starts)
    >>> [(result.recording, result.session.recordings) for result in results]
    [('before', ('before', 'after')), ('after', ('before', 'after'))]
    """
    if isinstance(sources, str | os.PathLike | np.ndarray) or not isinstance(sources, Sequence | Mapping):
        raise UsageError("recordings of a session are a list of sources, or a mapping of names to them")
    check_texts([subject], "subject")
    named = list(sources.items() if isinstance(sources, Mapping) else ((None, each) for each in sources))
    starts: list[Any] = [None] * len(named) if recorded_at is None else list(recorded_at)
    if isinstance(recorded_at, str) or len(starts) != len(named):
        raise UsageError(f"recorded_at needs {len(named)} entries, one for each recording; None where it is unknown")
    metadata = [Metadata(site=site, subject=subject, cavities=cavities, recorded_at=each) for each in starts]
    chosen = load_model(model)
    rules: dict[str, Any] = {"refractory_s": refractory, "min_probability": min_probability, "count_by": count_by}
    rules["class_frequencies"] = class_frequencies
    postprocess([], [], chosen, **rules)  # refuses wrong options before the work starts
    extractor = EventExtractor(chosen.frontend)
    for number, (name, given) in enumerate(named, start=1):
        source, sample_rate = source_and_rate(given)
        if name is None and sample_rate is not None:
            name = f"array {number}"
        extractor.add(source, sample_rate=sample_rate, name=name)
    return _logged(postprocess(apply_model(extractor.finish(), chosen), metadata, chosen, **rules))


def source_and_rate(source: Any) -> tuple[Any, int | None]:
    """Return the samples and the sample rate of a pair of them, or any other source and None."""
    if isinstance(source, tuple) and len(source) == 2 and np.ndim(source[1]) == 0:
        return source
    return source, None


def _logged(results: list[RecordingResult]) -> list[RecordingResult]:
    """Return results after their warnings went to the logger `popclass`."""
    for result in results:
        log_warnings(result.recording, result.warnings)
    return results


@overload
def extract_features(
    source: Source, *, model: Model | str | os.PathLike[str] | None = ..., sample_rate: int | None = ...
) -> tuple[Array, tuple[str, ...]]: ...


@overload
def extract_features(
    source: Source,
    *,
    model: Model | str | os.PathLike[str] | None = ...,
    sample_rate: int | None = ...,
    with_times: Literal[True],
) -> tuple[Array, tuple[str, ...], Array]: ...


def extract_features(
    source: Source,
    *,
    model: Model | str | os.PathLike[str] | None = None,
    sample_rate: int | None = None,
    with_times: bool = False,
) -> tuple[Array, tuple[str, ...]] | tuple[Array, tuple[str, ...], Array]:
    """Compute the features of the short sounds of a recording.

    Parameters
    ----------
    source, sample_rate
        As `classify`.
    model : Model or path, optional
        Model whose front end is used (default: the bundled model).
    with_times : bool
        Whether the onsets are returned as well.

    Returns
    -------
    X : ndarray of float64, shape (events, features)
    names : tuple of str
    times : ndarray of float64, shape (events,)
        Onsets in seconds from the start of the recording; only with `with_times`.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.random.default_rng(0).normal(0, 0.001, 48_000)
    >>> samples[24_000:24_048] += np.sin(np.arange(48)) * 0.5
    >>> X, names, times = extract_features(samples, sample_rate=48_000, with_times=True)
    >>> X.shape == (1, len(names)), times.round(3)
    (True, array([0.5]))
    """
    frontend = load_model(model).frontend
    found = extract_events(source, frontend, sample_rate=sample_rate)
    log_warnings(found.info.name, found.info.warnings)
    if not with_times:
        return found.features, frontend.names
    return found.features, frontend.names, np.array([event.start_s for event in found.events], np.float64)


def load_model(model: Model | str | os.PathLike[str] | None) -> Model:
    """Return the model given, loaded from its path, or the bundled one."""
    if isinstance(model, Model):
        return model
    return Model.default() if model is None else Model.load(model)
