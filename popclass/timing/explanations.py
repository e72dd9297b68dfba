"""Explanations of `timing` in words.

`since_cavitation_s` counts from the burst before, which is often not what decided: the cavity may be occupied by a pop
of the same burst, or assigned to a clearer cavitation that comes later. So each sentence is made from the events that
occupy the cavities (`Occupancy`), and its numbers are theirs.

A candidate without a cavity either finds all of them occupied, or later events need those that are free; there is no
third case, since the labelling chosen uses every cavity that it can. Where a burst counts as one cavitation, the
sentence of each of its candidates is about the onset of the first. Times are cut, never rounded up, so that no
sentence names 20.0 min within a period of 20 min.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from popclass.schema import CAVITATION, OTHER, PER_BURST, REFRACTORY, SNAPPING, UNCERTAIN, UNCHECKED, UNKNOWN_SITE
from popclass.timing.refractory import MICROSECONDS, microseconds
from popclass.utils.duration import format_duration, format_span

_ENDINGS = {
    CAVITATION: "other evidence outweighs this",
    SNAPPING: "more likely soft tissue",
    OTHER: "more likely another sound",
    UNCERTAIN: "label uncertain",
}


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Events that occupy joint cavities at the onset of an event, or soon after it.

    Attributes
    ----------
    other_bursts, own_burst : int
        Number of events of other bursts and of its own that occupy a cavity at its onset, itself not counted.
    last_s : float or None
        Seconds since the last one of another burst. Where the site is unknown, from the first candidate of that burst
        to the first candidate of its own.
    next_s : float or None
        Seconds to the next event that takes a cavity, if that is within the refractory period.
    certain : bool
        Whether all events that a sentence would name are labelled cavitation, none of them `uncertain`.
    """

    other_bursts: int = 0
    own_burst: int = 0
    last_s: float | None = None
    next_s: float | None = None
    certain: bool = True


def reasons(
    time_s: ArrayLike,
    burst: ArrayLike,
    timing: Sequence[str],
    takes_cavity: ArrayLike,
    labels: Sequence[str],
    since_cavitation_s: Sequence[float | None],
    *,
    capacity: int | None,
    refractory_s: float,
    count_by: str = PER_BURST,
) -> tuple[str, ...]:
    """Return a sentence for each event of a timeline, empty where its flag needs no explanation.

    Parameters
    ----------
    time_s : array_like of float, (n,)
        Onsets in seconds on the timeline, in any order.
    burst : array_like of int, (n,)
    timing, takes_cavity, since_cavitation_s
        As `popclass.timing.refractory.check` and `since_cavitation` return them.
    labels : sequence of str, (n,)
        Final labels.
    capacity : int or None
        Joint cavities of the site; None where the site is unknown.
    refractory_s : float
    count_by : str
        As `popclass.timing.refractory.check`.

    Examples
    --------
    >>> reasons([0, 240], [1, 2], ["consistent", "refractory"], [True, False], ["cavitation", "snapping"], [None, 240],
    ...         capacity=1, refractory_s=1200)[1]
    '4.0 min after a cavitation, which makes the one joint cavity refractory for 20min; more likely soft tissue'
    """
    start = microseconds(np.asarray(time_s, dtype=np.float64)).tolist()
    columns = start, np.asarray(burst).tolist(), np.asarray(takes_cavity, dtype=bool).tolist()
    events = [_Event(*each) for each in zip(*columns, timing, labels, since_cavitation_s, strict=True)]
    period = round(refractory_s * MICROSECONDS)
    if capacity is None:
        found = _of_joint(events, period)
    else:
        found = _of_cavities(events, capacity, period, by_burst=count_by == PER_BURST)
    return tuple(_sentence(*each, capacity, refractory_s) for each in zip(events, found, strict=True))


@dataclass(frozen=True, slots=True)
class _Event:
    start: int  # microseconds
    burst: int
    takes_cavity: bool
    timing: str
    label: str
    since_s: float | None


def _sentence(event: _Event, occupancy: Occupancy, capacity: int | None, refractory_s: float) -> str:
    if event.timing == UNCHECKED:
        return ""
    if event.timing == REFRACTORY:
        reason = _no_cavity(occupancy, capacity, refractory_s)
        ending = _ENDINGS.get(event.label, f"more likely {event.label}")
        return reason if capacity is None else f"{reason}; {ending}"
    occupied = occupancy.other_bursts + occupancy.own_burst
    if capacity is not None and occupied:
        return f"{occupied + 1} of {capacity} joint cavities in use, including this one"
    if event.since_s is None:
        return ""
    if round(event.since_s * MICROSECONDS) >= round(refractory_s * MICROSECONDS):
        return f"{format_span(event.since_s)} after the last"
    return f"no joint cavity was free for the cavitation {format_span(event.since_s)} before it"


def _no_cavity(occupancy: Occupancy, capacity: int | None, refractory_s: float) -> str:
    """Return why a candidate has no cavity at a site with `capacity` of them."""
    period, possible = format_duration(refractory_s), "" if occupancy.certain else "possible "
    if capacity is None:
        span = "" if occupancy.last_s is None else f"this burst came {format_span(occupancy.last_s)} after one with "
        return f"{span}a {possible}cavitation; {UNKNOWN_SITE}, refractory for {period}"
    if occupancy.other_bursts + occupancy.own_burst < capacity:
        if capacity == 1 and occupancy.next_s is not None:
            return f"the one joint cavity is needed for a {possible}cavitation {format_span(occupancy.next_s)} later"
        return f"the {capacity} joint cavities are needed for other {possible}cavitations less than {period} away"
    if not occupancy.other_bursts:
        return f"more possible cavitations in this burst than joint cavities ({capacity})"
    if occupancy.own_burst:
        free = f"{occupancy.own_burst} of {capacity}"
        return f"more possible cavitations in this burst than free joint cavities ({free})"
    if capacity == 1 and occupancy.last_s is not None:
        after = f"{format_span(occupancy.last_s)} after a {possible}cavitation"
        return f"{after}, which makes the one joint cavity refractory for {period}"
    return f"all {capacity} joint cavities are refractory after {possible}cavitations in the last {period}"


def _of_cavities(events: Sequence[_Event], capacity: int, period: int, *, by_burst: bool) -> Iterator[Occupancy]:
    """Yield the occupancy of each event at a site with `capacity` cavities."""
    if by_burst:
        began = _first_candidates(events)
        events = [replace(event, start=began.get(event.burst, event.start)) for event in events]
    takers = sorted((event for event in events if event.takes_cavity), key=lambda event: event.start)
    starts = [taker.start for taker in takers]
    for event in events:
        first, here = bisect_right(starts, event.start - period), bisect_right(starts, event.start)
        last = bisect_left(starts, event.start + period)
        others = [taker.start for taker in takers[first:here] if taker.burst != event.burst]
        named = here if here - first >= capacity else last
        yield Occupancy(
            other_bursts=len(others),
            own_burst=0 if by_burst else here - first - len(others) - event.takes_cavity,
            last_s=(event.start - others[-1]) / MICROSECONDS if others else None,
            next_s=(starts[here] - event.start) / MICROSECONDS if here < last else None,
            certain=all(taker.label == CAVITATION for taker in takers[first:named]),
        )


def _first_candidates(events: Sequence[_Event]) -> dict[int, int]:
    """Return the start of the first candidate of each burst."""
    candidates = [event for event in events if event.timing != UNCHECKED]
    return {event.burst: event.start for event in sorted(candidates, key=lambda event: event.start, reverse=True)}


def _of_joint(events: Sequence[_Event], period: int) -> Iterator[Occupancy]:
    """Yield the burst that took the one joint of an unknown site before the burst of each refractory event."""
    began = _first_candidates(events)
    certain = {event.burst for event in events if event.timing != UNCHECKED and event.label == CAVITATION}
    takers = sorted({(began[event.burst], event.burst) for event in events if event.takes_cavity})
    for event in events:
        occupancy = Occupancy()
        if event.timing == REFRACTORY:
            start = began[event.burst]
            at = bisect_right(takers, (start, event.burst)) - 1
            if at >= 0 and start - takers[at][0] < period:
                last, burst = takers[at]
                occupancy = Occupancy(1, last_s=(start - last) / MICROSECONDS, certain=burst in certain)
        yield occupancy
