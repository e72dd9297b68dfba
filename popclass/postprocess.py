"""What is said of the events of one timeline: timing weighed, doubt taken into account, each event named.

Chances come in, of the sound and the company it keeps; an event that timing speaks against gets its next best label or
a flag, one that nothing explains is `uncertain`.

From what each recording tells by itself to labels: timelines, refractory periods, doubt.

Probabilities of the sound, alone and in the company it keeps in its recording, come in (`popclass.pipeline.analyse`);
the timeline it belongs to is weighed here. No event is dropped: one that timing speaks against gets its next best
label or a flag, one that nothing explains is `uncertain`, and `acoustic_label` stays what the sound alone said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from popclass.errors import UsageError
from popclass.model.model import Model
from popclass.results import CAVITATION, REFRACTORY, UNCERTAIN, UNCHECKED, Event, RecordingResult, Session
from popclass.timing import refractory
from popclass.timing.explanations import reasons
from popclass.timing.sites import REFRACTORY_S, check_cavities, lookup
from popclass.timing.timeline import Placed, Take, Timeline, timelines, warnings
from popclass.utils.duration import check_duration

if TYPE_CHECKING:
    from popclass.pipeline import Analysis


Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of the events of one timeline, in the order they were handed in.

    Attributes
    ----------
    labels, timing, reasons : tuple of str, (n,)
    p_label : ndarray, shape (n,)
        Probability of the likeliest class after company and timing.
    cavitation, takes_cavity : ndarray of bool, shape (n,)
        Which are labelled cavitation, and which occupy a joint cavity.
    since_cavitation_s : tuple of float or None, (n,)
    """

    labels: tuple[str, ...]
    timing: tuple[str, ...]
    reasons: tuple[str, ...]
    p_label: Array
    cavitation: NDArray[np.bool_]
    takes_cavity: NDArray[np.bool_]
    since_cavitation_s: tuple[float | None, ...]

    def label(self, at: int, event: Event, classes: Sequence[str], acoustic: Array, novelty: float) -> Event:
        """The event with all that is said of it, `at` being its place."""
        return event.gain(
            probabilities=dict(zip(classes, acoustic.tolist(), strict=True)),
            acoustic_label=classes[int(acoustic.argmax())],
            label=self.labels[at],
            p_label=float(self.p_label[at]),
            novelty=float(novelty),
            timing=self.timing[at],
            since_cavitation_s=self.since_cavitation_s[at],
            timing_reason=self.reasons[at],
        )


def judge(
    time_s: Array,
    burst: NDArray[np.int64],
    chances: Array,
    novelty: Array,
    model: Model,
    least: Array,
    capacity: int | None,
    period_s: float,
    *,
    forgotten_s: float | None = None,
) -> Judgement:
    """Weigh the timing of the events of one timeline, and name them.

    Parameters
    ----------
    time_s, burst : ndarray, shape (n,)
        Onsets in seconds and bursts on the timeline.
    chances : ndarray, shape (n, classes)
        Probabilities after company was weighed.
    novelty : ndarray, shape (n,)
    model : Model
    least : ndarray, shape (classes,)
        See `least_probabilities`.
    capacity : int or None
        Joint cavities; None where the site is unknown.
    period_s : float
    forgotten_s : float, optional
        Start of the last burst with a cavitation before all these events, if there was one.
    """
    novel = novelty >= model.thresholds.novelty
    reading = read(time_s, burst, chances, novel, model.classes, capacity, period_s)
    best = reading.chances.argmax(axis=1)
    p_label = reading.chances.max(axis=1)
    doubtful = novel | (p_label < least[best])
    labels = [UNCERTAIN if doubt else model.classes[at] for at, doubt in zip(best, doubtful, strict=True)]
    cavitation = np.array([label == CAVITATION for label in labels], dtype=bool)
    since = refractory.since_cavitation(time_s, burst, cavitation)
    if forgotten_s is not None:
        since = tuple(float(at - forgotten_s) if span is None else span for at, span in zip(time_s, since, strict=True))
    why = reasons(
        *(time_s, burst, reading.timing, reading.takes_cavity, labels, since),
        capacity=capacity,
        refractory_s=period_s,
    )
    return Judgement(tuple(labels), reading.timing, why, p_label, cavitation, reading.takes_cavity, since)


def least_probabilities(model: Model, min_probability: float | None) -> Array:
    """The least probability with which each class is named, shape (classes,): the model's own, or one for all.

    Raises
    ------
    UsageError
        If `min_probability` lies outside 0-1.
    """
    if min_probability is None:
        return np.array(model.thresholds.min_probability)
    return np.full(len(model.classes), _probability(min_probability))


@dataclass(frozen=True, slots=True)
class Reading:
    """What company and timing make of the events of a timeline, in the order they were placed."""

    chances: Array
    timing: tuple[str, ...]
    takes_cavity: NDArray[np.bool_]


def read(
    time_s: Array,
    burst: NDArray[np.int64],
    chances: Array,
    novel: NDArray[np.bool_],
    classes: Sequence[str],
    capacity: int | None,
    period_s: float,
    price: float = refractory.PRICE,
) -> Reading:
    """Weigh the refractory period: a cavitation that finds no cavity free loses the price of an exception."""
    if CAVITATION not in classes or not len(chances):
        return Reading(chances, (UNCHECKED,) * len(chances), np.zeros(len(chances), dtype=bool))
    logits = np.log(np.maximum(chances, 1e-12))
    column = classes.index(CAVITATION)
    weight = logits[:, column] - np.delete(logits, column, axis=1).max(axis=1)
    weight[novel] = np.minimum(weight[novel], 0.0)  # a sound like none in training occupies no cavity
    verdict = refractory.check(time_s, weight, burst, capacity=capacity, refractory_s=period_s, price=price)
    if capacity is not None:
        logits[np.array(verdict.timing) == REFRACTORY, column] -= price
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Reading(odds / odds.sum(axis=1, keepdims=True), verdict.timing, verdict.takes_cavity)


def refractory_period(site: str | None, period_s: float | None) -> float:
    """The refractory period in seconds: what is asked for, else the site's, else that of a finger joint."""
    if period_s is not None:
        return check_duration(period_s, what="refractory")
    return lookup(site).refractory_s if site is not None else REFRACTORY_S


def _probability(value: float) -> float:
    if not 0 <= value <= 1:
        raise UsageError(f"min probability {value} is out of range: allowed is 0 to 1")
    return value


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about a recording beside its sound.

    Attributes
    ----------
    site, subject : str or None
    cavities : int or None
        Joint cavities that may have sounded; the site's own number where None.
    recorded_at : datetime or None
        Start of the recording; what the recording itself says where None.
    """

    site: str | None = None
    subject: str | None = None
    cavities: int | None = None
    recorded_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.site is not None:
            lookup(self.site)
        if self.cavities is not None:
            check_cavities(self.cavities, what="cavities")

    def capacity(self) -> int | None:
        """How many cavities may be occupied at once; None where the site is unknown."""
        if self.cavities is not None:
            return self.cavities
        return lookup(self.site).cavities if self.site is not None else None


def conclude(
    analyses: Sequence[Analysis],
    circumstances: Sequence[Circumstances],
    model: Model,
    *,
    refractory_s: float | None = None,
    min_probability: float | None = None,
) -> list[RecordingResult]:
    """Weigh timing, and settle the labels.

    Parameters
    ----------
    analyses, circumstances : sequences of the same length
    model : Model
        The one that analysed.
    refractory_s : float, optional
        Overrides the site's refractory period.
    min_probability : float, optional
        Least probability of any label that is not `uncertain`; the model's own, one a class, where None.

    Returns
    -------
    list of RecordingResult
        In the order given.

    Raises
    ------
    UsageError
        If a parameter is outside what is allowed.
    """
    least = least_probabilities(model, min_probability)
    if refractory_s is not None:
        check_duration(refractory_s, what="refractory")
    takes = [_take(analysis, around) for analysis, around in zip(analyses, circumstances, strict=True)]
    onsets = [[event.start_s for event in analysis.events] for analysis in analyses]
    bursts = [[event.burst for event in analysis.events] for analysis in analyses]
    results: dict[int, RecordingResult] = {}
    clocks = warnings(takes)
    for line in timelines(takes):
        placed = line.place(onsets, bursts)
        settled, session = _settle(line, placed, analyses, circumstances, model, least, refractory_s)
        for index, (events, needed) in settled.items():
            analysis, take = analyses[index], takes[index]
            results[index] = RecordingResult(
                recording=analysis.recording,
                events=events,
                classes=model.classes,
                duration_s=analysis.duration_s,
                sample_rate=analysis.sample_rate,
                channels=analysis.channels,
                site=take.site,
                subject=take.subject,
                recorded_at=take.recorded_at,
                cavities_needed=needed,
                warnings=(*analysis.warnings, *clocks[index]),
                session=session,
            )
    return [results[index] for index in range(len(analyses))]


def probabilities(
    analyses: Sequence[Analysis],
    circumstances: Sequence[Circumstances],
    model: Model,
    *,
    refractory_s: float | None = None,
    price: float = refractory.PRICE,
) -> list[Array]:
    """What `conclude` takes for how likely each class is: after company and timing, before doubt.

    For timing without company, hand in analyses whose `believed` is their `acoustic`.

    Parameters
    ----------
    analyses, circumstances, model, refractory_s
        As `conclude`.
    price : float
        Log-odds against a cavitation without a free cavity, as `popclass.timing.refractory.check`; `conclude` uses the
        default.

    Returns
    -------
    list of ndarray, shape (events, classes)
        Of each recording, in the order given.
    """
    takes = [_take(analysis, around) for analysis, around in zip(analyses, circumstances, strict=True)]
    onsets = [[event.start_s for event in analysis.events] for analysis in analyses]
    bursts = [[event.burst for event in analysis.events] for analysis in analyses]
    found: dict[int, Array] = {}
    for line in timelines(takes):
        placed = line.place(onsets, bursts)
        chances, novelty, capacity, period_s = _of_line(line, analyses, circumstances, refractory_s)
        novel = novelty >= model.thresholds.novelty
        reading = read(placed.time_s, placed.burst, chances, novel, model.classes, capacity, period_s, price)
        found.update({index: reading.chances[placed.take == index] for index in line.takes})
    return [found[index] for index in range(len(analyses))]


def _take(analysis: Analysis, around: Circumstances) -> Take:
    started = around.recorded_at if around.recorded_at is not None else analysis.recorded_at
    return Take(analysis.recording, around.subject, around.site, started, analysis.duration_s)


def _settle(
    line: Timeline,
    placed: Placed,
    analyses: Sequence[Analysis],
    circumstances: Sequence[Circumstances],
    model: Model,
    least: Array,
    period_s: float | None,
) -> tuple[dict[int, tuple[tuple[Event, ...], int]], Session]:
    """The labelled events of each recording of a timeline, the joint cavities they need, and all of them together."""
    chances, novelty, capacity, period_s = _of_line(line, analyses, circumstances, period_s)
    judged = judge(placed.time_s, placed.burst, chances, novelty, model, least, capacity, period_s)
    settled = {}
    names = tuple(analyses[index].recording for index in line.takes)
    together = refractory.cavities_needed(placed.time_s, judged.cavitation, refractory_s=period_s)
    for index in line.takes:
        own = np.flatnonzero(placed.take == index)
        each = zip(own, analyses[index].events, analyses[index].acoustic, analyses[index].novelty, strict=True)
        events = tuple(
            judged.label(int(at), event, model.classes, acoustic, novelty) for at, event, acoustic, novelty in each
        )
        needed = together
        if len(line.takes) > 1:
            needed = refractory.cavities_needed(placed.time_s[own], judged.cavitation[own], refractory_s=period_s)
        settled[index] = (events, needed)
    return settled, Session(names, capacity, period_s, together)


def _of_line(
    line: Timeline, analyses: Sequence[Analysis], circumstances: Sequence[Circumstances], period_s: float | None
) -> tuple[Array, Array, int | None, float]:
    """Chances and novelty of the events of a timeline, its capacity and its refractory period."""
    known = [number for index in line.takes if (number := circumstances[index].capacity()) is not None]
    capacity = max(known, default=None)
    chances = np.concatenate([analyses[index].believed for index in line.takes])
    novelty = np.concatenate([analyses[index].novelty for index in line.takes])
    return chances, novelty, capacity, refractory_period(line.site, period_s)
