"""Conflicting candidates of cavitation, and when their competition for joint cavities is decided.

Candidates compete only where more of them than there are cavities lie within one refractory period
(`popclass.timing.scheduling`). Such a conflict reaches from its first candidate to the last one that lies within a
period of a conflicting candidate. Between two conflicts every candidate has its cavity, and nothing on one side of a
gap changes anything on the other.
"""

from __future__ import annotations

import numpy as np

from popclass.timing.refractory import MICROSECONDS, Flags, Floats, Integers


class Conflicts:
    """Conflicts between the candidates of cavitation on one timeline.

    Parameters
    ----------
    time_s, burst : ndarray, shape (n,)
        Of the candidates in order of time.
    takes_cavity : ndarray of bool, shape (n,)
        Candidates that have a cavity so far.
    capacity : int or None
        Joint cavities; None where the site is unknown and the first burst takes the only one.
    period_s : float
    """

    def __init__(
        self, time_s: Floats, burst: Integers, takes_cavity: Flags, *, capacity: int | None, period_s: float
    ) -> None:
        self._time = np.rint(time_s * MICROSECONDS).astype(np.int64)
        self._period = round(period_s * MICROSECONDS)
        self._burst, self._capacity = burst, capacity
        gap = np.ones(len(burst) + 1, dtype=bool)  # before each candidate and after the last
        gap[1:-1] = burst[1:] != burst[:-1]
        if capacity is None:
            gap[:-1] &= takes_cavity  # the joint is free where a burst takes it
        else:
            after = np.searchsorted(self._time, self._time + self._period, side="left")
            conflicting = after - np.arange(len(after)) > capacity
            reach = np.maximum.accumulate(np.concatenate([[0], np.where(conflicting, after, 0)]))
            gap &= reach <= np.arange(len(reach))
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
