"""Refractory rule: a joint cavity that has cavitated is occupied for the refractory period.

A cavitation occupies its joint cavity from its onset on; after exactly the refractory period the cavity is free again.
Event i has weight w_i, its log-odds of cavitation against its next best label, and is a candidate where w_i is
positive. A candidate can be labelled in three ways:

- as a cavitation that takes a free cavity: gains w_i;
- as a cavitation although no cavity was free: gains w_i less the price of an exception;
- as its next best label: gains nothing.

Taking a cavity thus makes a difference of min(w_i, price). The most likely labelling of all events maximizes the sum of
min(w_i, price) over the events that take one, with at most `capacity` overlapping (`popclass.timing.scheduling`).
Weights are compared in steps of 1e-6 and times to the microsecond; on a tie the earlier event takes the cavity.

By default the pops of a burst count as one cavitation (`count_by`). In the lumbar spine there are 5.27 pops a thrust
(Mourad 2019) against at most 0.93 cavitations (Cramer 2011), so one pop is probably not one cavity. A burst takes its
cavity at the onset of its first candidate, has the weight of its clearest one, and all its candidates share its timing.
The weights are not added, since the pops of one movement are not independent evidence.

Where the site is unknown (`capacity` None), the pops of a burst always count as one cavitation of one joint. A further
burst within the period is flagged, and every candidate stays a cavitation.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.errors import UsageError, require
from popclass.schema import CONSISTENT, COUNT_BY, PER_BURST, REFRACTORY, UNCHECKED
from popclass.timing.scheduling import find_splits, schedule
from popclass.timing.sites import check_cavities
from popclass.utils.duration import check_duration

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# 8 of 46 lumbar joints cavitated more than once in two quick thrusts (Cramer 2011; the abstract does not say whether in
# the second or twice in one): an exception is 46/8 times less likely than a cavitation of a recovered joint, which is
# 1.75 in log-odds. The interval of 8/46 is 9-31 % (Wilson), of the price 1.2-2.4.
PRICE = math.log(46 / 8)

MICROSECONDS = 1_000_000
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
    count_by: str = PER_BURST,
) -> tuple[tuple[str, ...], Flags]:
    """Return the timing of each event in the most likely labelling, and which events take a cavity.

    Parameters
    ----------
    time_s : array_like of float, (n,)
        Onsets in seconds on the timeline, in any order.
    weight : array_like of float, (n,)
        Log-odds (natural) of cavitation against the next best label; positive for a candidate.
    burst : array_like of int, (n,)
        Burst of each event, unique on the timeline.
    capacity : int or None
        Joint cavities of the site; None where the site is unknown.
    refractory_s : float
        Seconds for which a cavity stays occupied.
    price : float
        Log-odds against a cavitation without a free cavity, greater than 0; infinite for a rule without exceptions.
    count_by : str
        `burst` if the candidates of a burst count as one cavitation, `pop` if each counts.

    Returns
    -------
    timing : tuple of str, (n,)
        `consistent`: a candidate with a free cavity; `refractory`: one without; `unchecked`: not a candidate.
    takes_cavity : ndarray of bool, (n,)
        Events that occupy a cavity: of a burst that counts as one cavitation, its first candidate. Where the site is
        unknown, all candidates of the burst that occupies the joint.

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
    group = _integers(burst, n=len(onset))
    check_duration(refractory_s, what="refractory_s")
    require(price > 0, f"price {price} is out of range: allowed is any number greater than 0", UsageError)
    candidate = odds > 0
    period = round(refractory_s * MICROSECONDS)
    check_count_by(count_by)
    if capacity is None:
        takes = free = _take_one_joint(onset, group, candidate, period)
    else:
        machines = check_cavities(capacity, what="capacity")
        if count_by == PER_BURST:
            odds = _first_of_bursts(onset, odds, group)
        takes = free = _take_cavities(onset, odds, group, machines, period, price)
        if count_by == PER_BURST:
            free = candidate & np.isin(group, group[takes])
    timing = np.where(candidate, np.where(free, CONSISTENT, REFRACTORY), UNCHECKED)
    return tuple(timing.tolist()), takes


def check_count_by(count_by: str) -> None:
    """Raise UsageError if cavitations cannot be counted in this way."""
    require(count_by in COUNT_BY, f"count by {count_by!r}: allowed are {' and '.join(COUNT_BY)}", UsageError)


def since_cavitation(time_s: ArrayLike, burst: ArrayLike, cavitation: ArrayLike) -> tuple[float | None, ...]:
    """Return the seconds from the previous burst with a cavitation to each event; None before the first.

    A burst counts from the onset of its first cavitation. An event's own burst does not count, nor does one that starts
    at the very same moment.

    Parameters
    ----------
    time_s : array_like of float, (n,)
    burst : array_like of int, (n,)
    cavitation : array_like of bool, (n,)
        Events labelled cavitation.
    """
    onset = _finite(time_s, "time_s", largest=_LATEST_S)
    group = _integers(burst, n=len(onset))
    counts = np.asarray(cavitation, dtype=bool)
    if len(onset) < 2 or not counts.any():
        return (None,) * len(onset)
    bursts, start = _burst_starts(onset, group, counts)
    last = np.searchsorted(start, onset, side="left") - 1
    last -= (last >= 0) & (bursts[last] == group)
    spans = (onset - start[last]).tolist()
    return tuple(span if at >= 0 else None for span, at in zip(spans, last.tolist(), strict=True))


def cavities_needed(
    time_s: ArrayLike, burst: ArrayLike, cavitation: ArrayLike, *, refractory_s: float, count_by: str = PER_BURST
) -> int:
    """Return the least number of joint cavities that explains the cavitations without an exception.

    That is the greatest number of cavitations within one refractory period; a burst counts from its first one. The
    number of cavities assumed at a site matters only as far as it changed the labels.

    Parameters
    ----------
    time_s : array_like of float, (n,)
    burst : array_like of int, (n,)
    cavitation : array_like of bool, (n,)
        Events labelled cavitation.
    refractory_s : float
    count_by : str
        As `check`.

    Examples
    --------
    >>> cavities_needed([0.0, 0.006, 9.0, 1300.0], [1, 1, 2, 3], [True, True, True, True], refractory_s=1200)
    2
    """
    onset, counts = _finite(time_s, "time_s", largest=_LATEST_S), np.asarray(cavitation, dtype=bool)
    if count_by == PER_BURST:
        start = microseconds(_burst_starts(onset, _integers(burst, n=len(onset)), counts)[1])
    else:
        start = np.sort(microseconds(onset[counts]))
    end = np.searchsorted(start, start + round(refractory_s * MICROSECONDS), side="left")
    return int((end - np.arange(len(start))).max(initial=0))


class Conflicts:
    """Conflicts between the candidates of cavitation on one timeline, and when they are decided.

    Candidates compete only where more of them than there are cavities lie within one refractory period. Such a conflict
    reaches from its first candidate to the last one that lies within a period of a conflicting candidate. Between two
    conflicts every candidate has its cavity, and nothing on one side of a gap changes anything on the other.

    Parameters
    ----------
    time_s, burst : ndarray, shape (n,)
        Of the candidates in order of time.
    takes_cavity : ndarray of bool, shape (n,)
        Candidates that have a cavity so far.
    capacity : int or None
        Joint cavities; None where the site is unknown and the first burst takes the only one.
    period_s : float
    count_by : str
        As `check`. Of a burst that counts as one cavitation, the last candidate must be known as well.
    """

    def __init__(
        self,
        time_s: Floats,
        burst: Integers,
        takes_cavity: Flags,
        *,
        capacity: int | None,
        period_s: float,
        count_by: str = PER_BURST,
    ) -> None:
        self._time, self._period = microseconds(time_s), round(period_s * MICROSECONDS)
        self._burst, self._capacity = burst, capacity
        gap = np.ones(len(burst) + 1, dtype=bool)  # before each candidate and after the last
        gap[1:-1] = burst[1:] != burst[:-1]
        if capacity is None:
            gap[:-1] &= takes_cavity  # the joint is free where a burst takes it
        elif count_by == PER_BURST:
            first = np.flatnonzero(gap[:-1])
            splits = find_splits(self._time[first], length=self._period, machines=capacity)[1]
            gap[[*first, len(burst)]] = splits
        else:
            gap &= find_splits(self._time, length=self._period, machines=capacity)[1]
        self._gap = gap

    def decided_s(self, known_s: float) -> float:
        """Return the time before which no cavity will change hands.

        Parameters
        ----------
        known_s : float
            Candidates before it are all known, with their final weights.
        """
        if self._capacity is None:
            return known_s
        first = self._last_gap(known_s, len(self._time))  # a later candidate may still extend the conflict before it
        return min(float(self._time[first]) / MICROSECONDS, known_s) if first < len(self._time) else known_s

    def forgettable(self, needed_s: float, burst: int) -> int:
        """Return the number of first candidates that do not matter to events from a time and a burst on."""
        return self._last_gap(needed_s, int(np.searchsorted(self._burst, burst, side="left")))

    def _last_gap(self, until_s: float, at_most: int) -> int:
        """Return the last gap before which all periods have ended by a time."""
        past = np.searchsorted(self._time + self._period, np.floor(until_s * MICROSECONDS), side="right")
        return int(np.flatnonzero(self._gap[: min(int(past), at_most) + 1])[-1])


def _take_cavities(onset: Floats, odds: Floats, burst: Integers, capacity: int, period: int, price: float) -> Flags:
    """Return which candidates take a cavity at a site with `capacity` of them."""
    start = microseconds(onset)
    order = np.lexsort((burst, -odds, start))
    order = order[odds[order] > 0]
    gains = [round(min(gain, price) * _WEIGHT_STEPS) for gain in odds[order].tolist()]
    takes = np.zeros(len(onset), dtype=bool)
    takes[order] = schedule(start[order], gains, length=period, machines=capacity)
    return takes


def _first_of_bursts(onset: Floats, odds: Floats, burst: Integers) -> Floats:
    """Return the weight of each burst at its first candidate, and 0 at all other events."""
    order = np.lexsort((odds, onset, burst))
    order = order[odds[order] > 0]
    _, first, which = np.unique(burst[order], return_index=True, return_inverse=True)
    clearest = np.zeros(len(first))
    np.maximum.at(clearest, which, odds[order])
    weights = np.zeros(len(odds))
    weights[order[first]] = clearest
    return weights


def _take_one_joint(onset: Floats, burst: Integers, candidate: Flags, period: int) -> Flags:
    """Return the candidates of the bursts that find the one joint free, going forward in time."""
    bursts, moments = _burst_starts(onset, burst, candidate)
    free_from = -math.inf
    free = set()
    for each, moment in zip(bursts.tolist(), microseconds(moments).tolist(), strict=True):
        if moment >= free_from:
            free.add(each)
            free_from = moment + period
    return candidate & np.array([each in free for each in burst.tolist()], dtype=np.bool_)


def _burst_starts(onset: Floats, burst: Integers, counts: Flags) -> tuple[Integers, Floats]:
    """Return the bursts with an event that counts and the onset of the first such event, in order of time."""
    first: dict[int, float] = {}
    for each, start in zip(burst[counts].tolist(), onset[counts].tolist(), strict=True):
        first[each] = min(start, first.get(each, math.inf))
    bursts = sorted(first, key=lambda each: (first[each], each))
    return np.array(bursts, dtype=np.int64), np.array([first[each] for each in bursts], dtype=np.float64)


def microseconds(seconds: Floats) -> Integers:
    """Return times in whole microseconds."""
    return np.rint(seconds * MICROSECONDS).astype(np.int64)


def _finite(values: ArrayLike, what: str, *, n: int | None = None, largest: float = math.inf) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    fits = array.ndim == 1 and n in (None, len(array))
    require(fits, f"{what} has shape {array.shape}: one number for each event is needed", UsageError)
    inside = (np.abs(array) <= min(largest, sys.float_info.max)).all()  # false for NaN, too
    require(inside, f"{what} holds a value that is not finite or beyond {largest:g}", UsageError)
    return array


def _integers(burst: ArrayLike, *, n: int) -> Integers:
    array = np.asarray(burst)
    if array.shape != (n,) or not (n == 0 or np.issubdtype(array.dtype, np.integer)):
        raise UsageError(f"burst has shape {array.shape} and type {array.dtype}: one integer for each event is needed")
    return array.astype(np.int64)
