"""What the refractory period says of the cavitations of one timeline.

A cavitation occupies its joint cavity for the refractory period, from its onset on; after exactly that time the cavity
is free again. Event i speaks for cavitation with weight w_i, its log-odds against its next best label, and is a
candidate where w_i is positive. There are three ways to read a candidate:

- it is a cavitation and takes a free cavity: gains w_i;
- it is a cavitation although no cavity was free: gains w_i less the price of an exception;
- it is its next best label: gains nothing.

Whether it takes a cavity thus makes a difference of min(w_i, price), and the best reading of all events together
chooses which take one: the greatest sum of min(w_i, price) with at most `capacity` overlapping (see
`popclass.timing.scheduling`). Weights are compared in steps of 1e-6 and times to the microsecond; among equally good
readings the earlier event takes the cavity.

Where the site is unknown (`capacity` None), the pops of a burst count as one cavitation of one joint. A further burst
within the period is flagged, and every candidate stays a cavitation.

Nothing is deleted: every event given comes back with its verdict.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.errors import UsageError
from popclass.results import CONSISTENT, REFRACTORY, UNCHECKED
from popclass.timing.scheduling import schedule
from popclass.timing.sites import check_cavities
from popclass.utils.duration import check_duration

# 8 of 46 lumbar joints that had cavitated did so again in the quick thrusts that followed (Cramer 2011): an exception
# is 46/8 times less likely than a cavitation of a rested joint, which is 1.75 in log-odds.
PRICE = math.log(46 / 8)

_MICROSECONDS = 1_000_000
_WEIGHT_STEPS = 1_000_000
_LATEST_S = 1e12


def check(
    time_s: ArrayLike,
    weight: ArrayLike,
    burst: ArrayLike,
    *,
    capacity: int | None,
    refractory_s: float,
    price: float = PRICE,
) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """The most likely reading of the events of one timeline.

    Parameters
    ----------
    time_s : array_like of float, (n,)
        Onsets in seconds on the timeline, in any order.
    weight : array_like of float, (n,)
        Log-odds (natural) of cavitation against the next best label; positive for a candidate.
    burst : array_like of int, (n,)
        Which movement an event belongs to, unique on the timeline.
    capacity : int or None
        Joint cavities of the site, None where the site is unknown.
    refractory_s : float
        Seconds a cavity stays occupied.
    price : float
        Log-odds against a cavitation without a free cavity, greater than 0; infinite for a rule without exceptions.

    Returns
    -------
    timing : tuple of str, (n,)
        `consistent`: a candidate with a free cavity; `refractory`: one without; `unchecked`: not a candidate.
    takes_cavity : ndarray of bool, (n,)
        Events that occupy a cavity; where the site is unknown, all candidates of a burst that occupies one.

    Raises
    ------
    UsageError
        If an argument is out of range.

    Examples
    --------
    >>> check([0, 240], [3.0, 1.2], [1, 2], capacity=1, refractory_s=1200)[0]
    ('consistent', 'refractory')
    """
    onset = _finite(time_s, "time_s", largest=_LATEST_S)
    odds = _finite(weight, "weight", n=len(onset))
    group = _whole(burst, n=len(onset))
    check_duration(refractory_s, what="refractory_s")
    if not price > 0:
        raise UsageError(f"price {price} is out of range: allowed is any number greater than 0")
    if capacity is not None:
        check_cavities(capacity, what="capacity")
    candidate = odds > 0
    if not candidate.any():
        takes = candidate
    elif capacity is None:
        takes = _first_bursts(onset, group, candidate, refractory_s)
    else:
        takes = _scheduled(onset, odds, group, capacity, refractory_s, price)
    return tuple(_flags(candidate, takes)), takes


def since_cavitation(time_s: ArrayLike, burst: ArrayLike, cavitation: ArrayLike) -> tuple[float | None, ...]:
    """Seconds from the previous burst that holds a cavitation to each event.

    A burst stands at the onset of its first cavitation. An event's own burst does not count, nor does one that starts
    at the very same moment. None before the first.

    Parameters
    ----------
    time_s : array_like of float, (n,)
    burst : array_like of int, (n,)
    cavitation : array_like of bool, (n,)
        Which events are cavitations in the end.
    """
    onset = _finite(time_s, "time_s", largest=_LATEST_S)
    group = _whole(burst, n=len(onset))
    counts = np.asarray(cavitation, dtype=bool)
    if len(onset) < 2 or not counts.any():
        return (None,) * len(onset)
    bursts, start = _burst_starts(onset, group, counts)
    since: list[float | None] = []
    for moment, own, last in zip(onset, group, np.searchsorted(start, onset, side="left") - 1, strict=True):
        previous = last - 1 if last >= 0 and bursts[last] == own else last
        since.append(float(moment - start[previous]) if previous >= 0 else None)
    return tuple(since)


def cavities_needed(time_s: ArrayLike, cavitation: ArrayLike, *, refractory_s: float) -> int:
    """How many separate joint cavities the cavitations would need, if none cavitated again within its period.

    That is the greatest number of cavitations within one period. Nothing is assumed of how many cavities there are: an
    assumed number changes the answer only as far as it changed the labels, and each pop of a burst counts, whether the
    site is known or not.

    Parameters
    ----------
    time_s : array_like of float, (n,)
    cavitation : array_like of bool, (n,)
        Which events are cavitations in the end.
    refractory_s : float

    Examples
    --------
    >>> cavities_needed([0.0, 0.006, 0.040, 1300.0], [True, True, True, True], refractory_s=1200)
    3
    """
    onset = _finite(time_s, "time_s", largest=_LATEST_S)
    start = np.sort(_microseconds(onset[np.asarray(cavitation, dtype=bool)]))
    if len(start) < 2:
        return len(start)
    end = np.searchsorted(start, start + round(refractory_s * _MICROSECONDS), side="left")
    return int((end - np.arange(len(start))).max(initial=0))


def _flags(candidate: NDArray[np.bool_], takes: NDArray[np.bool_]) -> list[str]:
    return [
        UNCHECKED if not possible else CONSISTENT if free else REFRACTORY
        for possible, free in zip(candidate, takes, strict=True)
    ]


def _scheduled(
    onset: NDArray[np.float64],
    odds: NDArray[np.float64],
    group: NDArray[np.int64],
    capacity: int,
    refractory_s: float,
    price: float,
) -> NDArray[np.bool_]:
    """Which candidates take a cavity at a site with `capacity` of them."""
    start = _microseconds(onset)
    order = np.lexsort((group, -odds, start))
    order = order[odds[order] > 0]
    gains = [round(min(gain, price) * _WEIGHT_STEPS) for gain in odds[order].tolist()]
    length = round(refractory_s * _MICROSECONDS)
    takes = np.zeros(len(onset), dtype=bool)
    takes[order] = schedule(start[order].tolist(), gains, length=length, machines=capacity)
    return takes


def _first_bursts(
    onset: NDArray[np.float64], group: NDArray[np.int64], candidate: NDArray[np.bool_], refractory_s: float
) -> NDArray[np.bool_]:
    """Candidates of the bursts that find the one joint free, going forward in time."""
    bursts, moments = _burst_starts(onset, group, candidate)
    free_from: int | None = None
    free = []
    for burst, moment in zip(bursts, _microseconds(moments).tolist(), strict=True):
        if free_from is None or moment >= free_from:
            free.append(burst)
            free_from = moment + round(refractory_s * _MICROSECONDS)
    return candidate & np.isin(group, np.array(free, dtype=np.int64))


def _burst_starts(
    onset: NDArray[np.float64], group: NDArray[np.int64], counts: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Bursts with an event that counts and the onset of the first such event, in order of time."""
    bursts, which = np.unique(group[counts], return_inverse=True)
    start = np.full(len(bursts), np.inf)
    np.minimum.at(start, which, onset[counts])
    order = np.lexsort((bursts, start))
    return bursts[order], start[order]


def _microseconds(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(seconds * _MICROSECONDS).astype(np.int64)


def _finite(values: ArrayLike, what: str, *, n: int | None = None, largest: float = math.inf) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or (n is not None and len(array) != n):
        raise UsageError(f"{what} has shape {array.shape}: one number for each event is needed")
    if len(array) and not np.abs(array).max() <= min(largest, sys.float_info.max):  # NaN is not, either
        raise UsageError(f"{what} holds a value that is not finite or beyond {largest:g}")
    return array


def _whole(burst: ArrayLike, *, n: int) -> NDArray[np.int64]:
    array = np.asarray(burst)
    if array.shape != (n,) or not (n == 0 or np.issubdtype(array.dtype, np.integer)):
        raise UsageError(
            f"burst has shape {array.shape} and type {array.dtype}: one whole number for each event is needed"
        )
    return array.astype(np.int64)
