"""One recording, or several of one timeline, to labelled events.

`popclass.extraction` finds the events, `apply_model` estimates their probabilities, and `popclass.postprocess` labels
them along the timeline. `classify` does all of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from popclass.errors import UsageError
from popclass.extraction import EventExtractor, Extraction, Progress, Source, extract_events
from popclass.metadata import Metadata
from popclass.model.model import BUNDLED, Model
from popclass.postprocess import postprocess
from popclass.results import Analysis, RecordingResult
from popclass.schema import FROM_MODEL, PER_BURST
from popclass.utils.log import log_warnings
from popclass.utils.text import one_line

Array = NDArray[np.float64]


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
    recorded_at: datetime | str | None = None,
    min_probability: float | None = None,
    count_by: str = PER_BURST,
    class_frequencies: str = FROM_MODEL,
    sample_rate: int | None = None,
    progress: Progress | None = None,
    side: str | None = None,
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
    recorded_at : datetime or str, optional
        Start of the recording, also as a text in ISO 8601 (default: read from the file or its name).
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
    side : str, optional
        Side of the body, `left` or `right`; goes into the result.

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
    start: Any = recorded_at  # a text is converted
    metadata = [Metadata(site=site, subject=subject, cavities=cavities, recorded_at=start, side=side)]
    rules = refractory, min_probability, count_by, class_frequencies
    return _classify([(source, sample_rate, None)], metadata, model, *rules, progress=progress)[0]


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
    side: str | Sequence[str | None] | None = None,
) -> list[RecordingResult]:
    """Classify several recordings of one subject and site, whose events share a timeline for each side.

    Parameters
    ----------
    sources : sequence, or mapping of name to source
        Paths, binary files, or pairs of samples and sample rate.
    subject : str
        Identifier of the person.
    recorded_at : sequence of datetime or str, optional
        Start of each recording, as for `classify` (default, and for None: read from the file or its name). Timing is
        checked across recordings only where it is known.
    model, site, cavities, refractory, min_probability, count_by, class_frequencies
        As `classify`.
    side : str or sequence of str, optional
        Side of the body, `left` or `right`: one for all recordings, or one for each, None where it is unknown.

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
    if not isinstance(subject, str):
        raise UsageError(f"subject {one_line(repr(subject))[:60]} is not a text: a session needs its subject")
    named = list(sources.items() if isinstance(sources, Mapping) else ((None, each) for each in sources))
    starts: list[Any] = [None] * len(named) if recorded_at is None else list(recorded_at)
    if isinstance(recorded_at, str) or len(starts) != len(named):
        raise UsageError(f"recorded_at needs {len(named)} entries, one for each recording; None where it is unknown")
    sides = [side] * len(named) if side is None or isinstance(side, str) else list(side)
    if len(sides) != len(named):
        raise UsageError(f"side needs one entry for each of the {len(named)} recordings, or one text for all")
    pairs = zip(starts, sides, strict=True)
    metadata = [Metadata(site, subject, cavities, start, of_recording) for start, of_recording in pairs]
    given = [(*source_and_rate(source), name) for name, source in named]
    numbered = enumerate(given, start=1)
    named_arrays = [(each, rate, f"array {i}" if name is None and rate else name) for i, (each, rate, name) in numbered]
    return _classify(named_arrays, metadata, model, refractory, min_probability, count_by, class_frequencies)


def _classify(
    sources: Sequence[tuple[Source, int | None, str | None]],
    metadata: Sequence[Metadata],
    model: Model | str | os.PathLike[str] | None,
    refractory: float | None,
    min_probability: float | None,
    count_by: str,
    class_frequencies: str,
    *,
    progress: Progress | None = None,
) -> list[RecordingResult]:
    """Classify recordings, each a source with its sample rate and name; log their warnings."""
    chosen = load_model(model)
    rules: dict[str, Any] = {"refractory_s": refractory, "min_probability": min_probability, "count_by": count_by}
    rules["class_frequencies"] = class_frequencies
    postprocess([], [], chosen, **rules)  # refuses wrong options before the work starts
    extractor = EventExtractor(chosen.frontend)
    for source, sample_rate, name in sources:
        extractor.add(source, sample_rate=sample_rate, name=name, progress=progress)
    results = postprocess(apply_model(extractor.finish(), chosen), metadata, chosen, **rules)
    for result in results:
        log_warnings(result.recording, result.warnings)
    return results


def source_and_rate(source: Any) -> tuple[Any, int | None]:
    """Return the samples and the sample rate of a pair of them, or any other source and None."""
    if isinstance(source, tuple) and len(source) == 2 and np.ndim(source[1]) == 0:
        return source
    return source, None


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
    return Model.load(BUNDLED if model is None else model)
