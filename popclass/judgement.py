"""What is said of the events of one timeline: timing weighed, doubt taken into account, each event named.

Chances come in, of the sound and the company it keeps; an event that timing speaks against gets its next best label or
a flag, one that nothing explains is `uncertain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.errors import UsageError
from popclass.model import Model
from popclass.results import CAVITATION, REFRACTORY, UNCERTAIN, UNCHECKED, Event
from popclass.timing import refractory
from popclass.timing.duration import check_duration
from popclass.timing.reasons import reasons
from popclass.timing.sites import REFRACTORY_S, lookup

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
