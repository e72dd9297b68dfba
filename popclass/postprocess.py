"""Final labels: refractory rule, then probability and novelty thresholds.

Each recording was analyzed by itself (`popclass.pipeline.analyze`). Recordings of one subject, site and side share a
timeline, along which the refractory period is checked. No event is dropped: one that contradicts the timing gets its
next best label or a flag, one without a clear label is `uncertain`, and `acoustic_label` keeps the label by the sound
alone.

The posteriors hold novelty, context and timing: a label is the likeliest class by them, and counts are sums of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.bursts import count_cavitations, find_bursts, in_bursts
from popclass.info import RecordingInfo
from popclass.label_rules import LabelRules
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.results import Analysis, Event, RecordingResult, Session
from popclass.schema import CAVITATION, FROM_MODEL, PER_BURST, REFRACTORY, UNCERTAIN, UNCHECKED
from popclass.timing import refractory
from popclass.timing.explanations import reasons
from popclass.timing.timeline import Placed, Timeline, timeline_warnings, timelines
from popclass.utils.arrays import softmax

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TimelineLabels:
    """Labels of the events of one timeline, in the order given.

    Attributes
    ----------
    posterior : ndarray, shape (n, classes)
        Probabilities after novelty, context and timing; each row sums to 1.
    labels, timing, reasons : tuple of str, (n,)
    cavitation, takes_cavity : ndarray of bool, shape (n,)
        Events labelled cavitation, and events that occupy a joint cavity.
    since_cavitation_s : tuple of float or None, (n,)
    """

    posterior: Array
    labels: tuple[str, ...]
    timing: tuple[str, ...]
    reasons: tuple[str, ...]
    cavitation: Flags
    takes_cavity: Flags
    since_cavitation_s: tuple[float | None, ...]

    def apply(self, at: int, event: Event, classes: Sequence[str], acoustic: Array, novelty: float) -> Event:
        """Return the event with its labels, `at` being its index."""
        posteriors = dict(zip(classes, self.posterior[at].tolist(), strict=True))
        return event.gain(
            probabilities=dict(zip(classes, acoustic.tolist(), strict=True)),
            acoustic_label=classes[int(acoustic.argmax())],
            label=self.labels[at],
            p_label=posteriors.get(self.labels[at], max(posteriors.values())),
            posteriors=posteriors,
            novelty=float(novelty),
            timing=self.timing[at],
            since_cavitation_s=self.since_cavitation_s[at],
            timing_reason=self.reasons[at],
        )


def postprocess(
    analyses: Sequence[Analysis],
    metadata: Sequence[Metadata],
    model: Model,
    *,
    refractory_s: float | None = None,
    min_probability: float | None = None,
    count_by: str = PER_BURST,
    class_frequencies: str = FROM_MODEL,
) -> list[RecordingResult]:
    """Check the timing of recordings on their timelines and label their events.

    Parameters
    ----------
    analyses, metadata : sequences of the same length
    model : Model
        The one that made the analyses.
    refractory_s : float, optional
        Overrides the refractory period of the site.
    min_probability : float, optional
        Minimum probability for a label (default: set by the model, per class).
    count_by : str
        `burst` if the pops of a burst count as one cavitation of one joint, `pop` if each counts.
    class_frequencies : str
        `estimate` to estimate the class frequencies of each timeline from its events, `model` for those of the training
        data.

    Returns
    -------
    list of RecordingResult
        In the order given.

    Raises
    ------
    UsageError
        If a parameter is out of range.
    """
    options: dict[str, Any] = {"count_by": count_by, "class_frequencies": class_frequencies}
    rules_of = cache(
        partial(LabelRules.of, model, refractory_s=refractory_s, min_probability=min_probability, **options)
    )
    rules_of()  # refuses a wrong value even where there is nothing to label
    infos = [each.apply(analysis.info) for analysis, each in zip(analyses, metadata, strict=True)]
    clock_warnings = timeline_warnings(infos)
    results: dict[int, RecordingResult] = {}
    for line, placed, rules, sounds in _timelines(analyses, infos, metadata, rules_of):
        labels = assign_labels(placed, *sounds, rules)
        needed_of = partial(refractory.cavities_needed, refractory_s=rules.refractory_s, count_by=count_by)
        names = tuple(analyses[index].info.name for index in line.recordings)
        total = needed_of(placed.time_s, placed.burst, labels.cavitation)
        session = Session(names, rules.capacity, rules.refractory_s, total, count_by, rules.estimated_shares)
        for index in line.recordings:
            own, analysis = np.flatnonzero(placed.recording == index), analyses[index]
            needed = needed_of(placed.time_s[own], placed.burst[own], labels.cavitation[own])
            info = replace(infos[index], warnings=(*infos[index].warnings, *clock_warnings[index]))
            rows = zip(own.tolist(), analysis.events, analysis.acoustic, analysis.novelty, strict=True)
            events = tuple(labels.apply(at, event, model.classes, *sound) for at, event, *sound in rows)
            bursts = find_bursts(events, model.classes, partial(_needed, rules=rules))
            number = count_cavitations(in_bursts(events, bursts), model.classes, bursts)
            results[index] = RecordingResult(info, events, model.classes, needed, session, bursts, number)
    return [results[index] for index in range(len(analyses))]


def posteriors(
    analyses: Sequence[Analysis],
    metadata: Sequence[Metadata],
    model: Model,
    *,
    refractory_s: float | None = None,
    price: float = refractory.PRICE,
    count_by: str = PER_BURST,
) -> list[Array]:
    """Return the class probabilities after context and timing, before any threshold.

    For timing without context, pass analyses whose `contextual` is their `acoustic`.

    Parameters
    ----------
    analyses, metadata, model, refractory_s, count_by
        As `postprocess`.
    price : float
        As `popclass.timing.refractory.check`.

    Returns
    -------
    list of ndarray, shape (events, classes)
        One for each recording, in the order given.
    """
    found: dict[int, Array] = {}
    rules_of = partial(LabelRules.of, model, refractory_s=refractory_s, price=price, count_by=count_by)
    infos = [each.apply(analysis.info) for analysis, each in zip(analyses, metadata, strict=True)]
    for line, placed, rules, sounds in _timelines(analyses, infos, metadata, rules_of):
        probabilities, *_ = check_timing(placed, *sounds, rules)
        found.update({index: probabilities[placed.recording == index] for index in line.recordings})
    return [found[index] for index in range(len(analyses))]


def assign_labels(
    placed: Placed, contextual: Array, novelty: Array, rules: LabelRules, *, last_cavitation_s: float | None = None
) -> TimelineLabels:
    """Check the timing of the events of one timeline and label them.

    Parameters
    ----------
    placed : Placed
        Onsets and bursts of the n events on the timeline.
    contextual : ndarray, shape (n, classes)
        Probabilities after context.
    novelty : ndarray, shape (n,)
    rules : LabelRules
    last_cavitation_s : float, optional
        Start of the last burst with a cavitation before all these events.
    """
    posterior, timing, takes_cavity = check_timing(placed, contextual, novelty, rules)
    answers = zip(rules.answers(posterior), rules.unclear(posterior, novelty), strict=True)
    labels = tuple(UNCERTAIN if unclear else rules.classes[answer] for answer, unclear in answers)
    cavitation = np.array([label == CAVITATION for label in labels], dtype=bool)
    since = refractory.since_cavitation(placed.time_s, placed.burst, cavitation)
    if last_cavitation_s is not None:
        earlier = (placed.time_s - last_cavitation_s).tolist()
        since = tuple(before if span is None else span for before, span in zip(earlier, since, strict=True))
    columns = placed.time_s, placed.burst, timing, takes_cavity, labels, since
    why = reasons(*columns, capacity=rules.capacity, refractory_s=rules.refractory_s, count_by=rules.count_by)
    return TimelineLabels(posterior, labels, timing, why, cavitation, takes_cavity, since)


def check_timing(
    placed: Placed, contextual: Array, novelty: Array, rules: LabelRules
) -> tuple[Array, tuple[str, ...], Flags]:
    """Apply class frequencies and the refractory rule: a cavitation without a free cavity loses a price.

    A burst that counts as one cavitation pays once: its likeliest pop loses the price, and the probability of
    cavitation of every other candidate changes by the same factor. So the pops of a burst that clearly stays a
    cavitation do as well.

    Returns
    -------
    posterior : ndarray, shape (n, classes)
    timing : tuple of str, (n,)
    takes_cavity : ndarray of bool, shape (n,)
    """
    contextual = rules.at_frequencies(contextual)
    if CAVITATION not in rules.classes or not len(contextual):
        return contextual, (UNCHECKED,) * len(contextual), np.zeros(len(contextual), dtype=bool)
    logits = np.log(np.maximum(contextual, 1e-12))
    column = rules.classes.index(CAVITATION)
    scores = logits + np.log(rules.weights)
    weight = scores[:, column] - np.delete(scores, column, axis=1).max(axis=1)
    novel = novelty >= rules.novelty
    weight[novel] = np.minimum(weight[novel], 0.0)  # a sound unlike the training data occupies no cavity
    columns = placed.time_s, weight, placed.burst
    timing, takes_cavity = refractory.check(
        *columns, capacity=rules.capacity, refractory_s=rules.refractory_s, price=rules.price, count_by=rules.count_by
    )
    if rules.capacity is not None:
        late = np.array(timing) == REFRACTORY
        prices = np.full(int(late.sum()), rules.price)
        if rules.count_by == PER_BURST:
            prices = _shared_prices(softmax(logits[late]), placed.burst[late], column, rules.price)
        logits[late, column] -= prices
    return softmax(logits), timing, takes_cavity


def _shared_prices(probabilities: Array, burst: NDArray[np.int64], column: int, price: float) -> Array:
    """Return the log-odds that each candidate loses if its burst pays the price of an exception once."""
    p = probabilities[:, column]
    against = np.maximum(1 - p, 1e-12)
    bursts, which = np.unique(burst, return_inverse=True)
    best = np.zeros(len(bursts))
    np.maximum.at(best, which, p)
    best = best[which]
    shared = price - np.log(against) + np.log(np.maximum(1 - best, 1e-12) + (best - p) * np.exp(-price))
    return np.where(p == best, price, shared)


def _needed(events: Sequence[Event], rules: LabelRules) -> int:
    """Return the joint cavities that events of one recording need by themselves."""
    time_s = [event.start_s for event in events]
    burst = [event.burst for event in events]
    cavitation = [event.label == CAVITATION for event in events]
    period_s, count_by = rules.refractory_s, rules.count_by
    return refractory.cavities_needed(time_s, burst, cavitation, refractory_s=period_s, count_by=count_by)


def _timelines(
    analyses: Sequence[Analysis],
    infos: Sequence[RecordingInfo],
    metadata: Sequence[Metadata],
    rules_of: Callable[..., LabelRules],
) -> Iterator[tuple[Timeline, Placed, LabelRules, tuple[Array, Array]]]:
    """Yield each timeline with the places, rules, probabilities and novelty of its events."""
    onsets = [[event.start_s for event in analysis.events] for analysis in analyses]
    bursts = [[event.burst for event in analysis.events] for analysis in analyses]
    for line in timelines(infos):
        stated = (metadata[index].capacity for index in line.recordings)
        capacity = max((number for number in stated if number is not None), default=None)
        contextual = np.concatenate([analyses[index].contextual for index in line.recordings])
        novelty = np.concatenate([analyses[index].novelty for index in line.recordings])
        rules = rules_of(site=line.site, capacity=capacity).with_frequencies_of(contextual)
        yield line, line.place(onsets, bursts), rules, (contextual, novelty)
