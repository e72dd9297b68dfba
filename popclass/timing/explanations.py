"""Why timing says what it says of an event: the verdict as a sentence, from the event, its neighbours and the site.

`since_cavitation_s` counts from the burst before, and is often not what decided: the cavity may have been taken by a
pop of the same burst, or go to a clearer crack that comes later. So each sentence is made from the events that hold the
cavities, and its numbers are theirs:

- `before` and `here`: events of other bursts and of its own that occupy a cavity at its onset;
- `following_s`: how long until the next one takes a cavity, if that is within the period;
- `last_s`: how long ago the last of `before` was.

A candidate without a cavity either finds all of them occupied, or those that are free are needed by later events;
nothing else can be, since the reading chosen takes whatever still fits. Spans are cut, never rounded up, so that no
sentence tells of 20.0 min within a period of 20 min.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.results import CAVITATION, CONSISTENT, OTHER, REFRACTORY, SNAPPING, UNCERTAIN, UNCHECKED
from popclass.utils.duration import format_duration, format_span

_MICROSECONDS = 1_000_000
_ENDINGS = {
    CAVITATION: "the other evidence outweighs it",
    SNAPPING: "more likely soft tissue",
    OTHER: "more likely something else",
    UNCERTAIN: "left uncertain",
}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The events around one that hold joint cavities.

    Attributes
    ----------
    before : int
        Of other bursts, that occupy a cavity at its onset.
    here : int
        The same of its own burst, itself not counted.
    last_s : float or None
        Seconds since the last of `before`; where the site is unknown, from the first pop of the burst that took the
        joint to the first candidate of its own burst.
    following_s : float or None
        Seconds to the next event that takes a cavity, where that is within the refractory period.
    certain : bool
        All that a sentence would name are labelled cavitation, none `uncertain`.
    """

    before: int = 0
    here: int = 0
    last_s: float | None = None
    following_s: float | None = None
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
) -> tuple[str, ...]:
    """A sentence for each event of a timeline, empty where there is nothing to say beyond its flag.

    Parameters
    ----------
    time_s : array_like of float, (n,)
        Onsets in seconds on the timeline, in any order.
    burst : array_like of int, (n,)
    timing, takes_cavity, since_cavitation_s
        As `popclass.timing.refractory.Verdict`.
    labels : sequence of str, (n,)
        The labels in the end.
    capacity : int or None
        Joint cavities of the site, None where the site is unknown.
    refractory_s : float

    Examples
    --------
    >>> reasons([0, 240], [1, 2], ["consistent", "refractory"], [True, False], ["cavitation", "snapping"], [None, 240],
    ...         capacity=1, refractory_s=1200)[1]
    '4.0 min after a crack, and the one joint cavity rests 20min; more likely soft tissue'
    """
    if all(flag == UNCHECKED for flag in timing):
        return ("",) * len(timing)
    around = neighbours(time_s, burst, timing, takes_cavity, labels, capacity=capacity, refractory_s=refractory_s)
    return tuple(
        sentence(*each, capacity=capacity, refractory_s=refractory_s)
        for each in zip(timing, labels, around, since_cavitation_s, strict=True)
    )


def sentence(
    timing: str,
    label: str,
    around: Neighbours,
    since_cavitation_s: float | None = None,
    *,
    capacity: int | None,
    refractory_s: float,
) -> str:
    """Why an event has its flag; empty for `unchecked`, and for a `consistent` one with nothing before it.

    Examples
    --------
    >>> sentence("refractory", "cavitation", Neighbours(here=2), capacity=2, refractory_s=1200)
    'more crack-like sounds in this burst than joint cavities (2); the other evidence outweighs it'
    >>> sentence("consistent", "cavitation", Neighbours(), 2790.0, capacity=1, refractory_s=1200)
    '46.5 min after the last'
    """
    if timing == REFRACTORY:
        if capacity is None:
            return _unknown_site(around, refractory_s)
        return f"{_no_cavity(around, capacity, refractory_s)}; {_ENDINGS.get(label, f'more likely {label}')}"
    if timing != CONSISTENT:
        return ""
    occupied = around.before + around.here
    if capacity is not None and occupied:
        return f"with it {occupied + 1} of {capacity} joint cavities are in use"
    if since_cavitation_s is None:
        return ""
    if round(since_cavitation_s * _MICROSECONDS) >= round(refractory_s * _MICROSECONDS):
        return f"{format_span(since_cavitation_s)} after the last"
    return f"the crack {format_span(since_cavitation_s)} before it found no joint cavity free"


def _unknown_site(around: Neighbours, refractory_s: float) -> str:
    span = "" if around.last_s is None else f"this burst came {format_span(around.last_s)} after one with "
    crack = "a crack" if around.certain else "a possible crack"
    return f"{span}{crack}, and one joint, which rests {format_duration(refractory_s)}, is assumed at an unknown site"


def _no_cavity(around: Neighbours, capacity: int, refractory_s: float) -> str:
    """What keeps a candidate from a cavity at a site with `capacity` of them."""
    period, possible = format_duration(refractory_s), "" if around.certain else "possible "
    if around.before + around.here < capacity:
        if capacity == 1 and around.following_s is not None:
            return f"the one joint cavity goes to a {possible}crack {format_span(around.following_s)} later"
        return f"the {capacity} joint cavities go to other {possible}cracks less than {period} away"
    if not around.before:
        return f"more crack-like sounds in this burst than joint cavities ({capacity})"
    if around.here:
        return f"more crack-like sounds in this burst than free joint cavities ({around.here} of {capacity})"
    if capacity == 1 and around.last_s is not None:
        return f"{format_span(around.last_s)} after a {possible}crack, and the one joint cavity rests {period}"
    return f"all {capacity} joint cavities are held by {possible}cracks of the last {period}"


def neighbours(
    time_s: ArrayLike,
    burst: ArrayLike,
    timing: Sequence[str],
    takes_cavity: ArrayLike,
    labels: Sequence[str],
    *,
    capacity: int | None,
    refractory_s: float,
) -> tuple[Neighbours, ...]:
    """The events around each one that hold joint cavities; parameters as `reasons`."""
    start = np.rint(np.asarray(time_s, dtype=np.float64) * _MICROSECONDS).astype(np.int64)
    group, takes = np.asarray(burst, dtype=np.int64), np.asarray(takes_cavity, dtype=bool)
    period = round(refractory_s * _MICROSECONDS)
    if capacity is None:
        return _of_bursts(start, group, timing, takes, labels, period)
    holders = np.flatnonzero(takes)
    holders = holders[np.argsort(start[holders], kind="stable")]
    times, groups = start[holders].tolist(), group[holders].tolist()
    certain = [labels[index] == CAVITATION for index in holders.tolist()]
    found = []
    for moment, own, flag, itself in zip(start.tolist(), group.tolist(), timing, takes.tolist(), strict=True):
        if flag not in (CONSISTENT, REFRACTORY):
            found.append(Neighbours())
            continue
        first, here, last = (
            bisect_right(times, moment - period),
            bisect_right(times, moment),
            bisect_left(times, moment + period),
        )
        inside = sum(other == own for other in groups[first:here])
        named = here if here - first >= capacity else last
        others = [at for at in range(first, here) if groups[at] != own]
        found.append(
            Neighbours(
                before=len(others),
                here=inside - itself,
                last_s=(moment - times[others[-1]]) / _MICROSECONDS if others else None,
                following_s=(times[here] - moment) / _MICROSECONDS if here < last else None,
                certain=all(certain[first:named]),
            )
        )
    return tuple(found)


def _of_bursts(
    start: NDArray[np.int64],
    group: NDArray[np.int64],
    timing: Sequence[str],
    takes: NDArray[np.bool_],
    labels: Sequence[str],
    period: int,
) -> tuple[Neighbours, ...]:
    """Where the site is unknown: the burst that took the one joint before each event's own."""
    began: dict[int, int] = {}
    sure: dict[int, bool] = {}
    for at, own, flag, label in zip(start.tolist(), group.tolist(), timing, labels, strict=True):
        if flag in (CONSISTENT, REFRACTORY):
            began[own] = min(at, began.get(own, at))
            sure[own] = sure.get(own, False) or label == CAVITATION
    holders = sorted((began[own], own) for own in set(group[takes].tolist()))
    found = []
    for own, flag in zip(group.tolist(), timing, strict=True):
        at = bisect_right(holders, (began[own], own)) - 1 if flag == REFRACTORY else -1
        if at < 0 or began[own] - holders[at][0] >= period:
            found.append(Neighbours())
            continue
        last, holder = holders[at]
        found.append(Neighbours(before=1, last_s=(began[own] - last) / _MICROSECONDS, certain=sure[holder]))
    return tuple(found)
