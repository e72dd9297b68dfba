"""From when on the cavities of a stream are decided, whatever follows.

Candidates of cavitation compete for cavities only where more of them than there are cavities lie within one period
(`popclass.timing.schedule`): such a crowd reaches from its first candidate to the last that lies within a period of one
of its crowded members. Between two crowds every candidate has its cavity, and nothing on one side of a gap changes
anything on the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MICROSECONDS = 1_000_000


class Crowds:
    """The candidates of one timeline in order of time.

    Parameters
    ----------
    time_s, burst : ndarray, shape (n,)
    takes : ndarray of bool, shape (n,)
        Which have a cavity by now.
    capacity : int or None
        Joint cavities; None where the site is unknown and the first burst takes the one joint.
    period_s : float
    """

    def __init__(
        self,
        time_s: NDArray[np.float64],
        burst: NDArray[np.int64],
        takes: NDArray[np.bool_],
        capacity: int | None,
        period_s: float,
    ) -> None:
        self._time = np.rint(time_s * _MICROSECONDS).astype(np.int64)
        self._period = round(period_s * _MICROSECONDS)
        self._burst, self._capacity = burst, capacity
        begins = np.ones(len(burst) + 1, dtype=bool)
        begins[1:-1] = burst[1:] != burst[:-1]
        if capacity is None:
            begins[:-1] &= takes  # the joint is free where a burst takes it
            self._apart = begins
            return
        after = np.searchsorted(self._time, self._time + self._period, side="left")
        crowded = after - np.arange(len(after)) > capacity
        reach = np.maximum.accumulate(np.concatenate([[0], np.where(crowded, after, 0)]))
        self._apart = begins & (reach <= np.arange(len(reach)))

    def settled_s(self, decided_s: float) -> float:
        """The moment before which no cavity will change hands.

        Parameters
        ----------
        decided_s : float
            Candidates before it are all known, with their final weights.
        """
        decided = np.floor(decided_s * _MICROSECONDS)
        if self._capacity is None:
            return decided_s
        # up to here all that could make a crowd of earlier candidates is known
        complete = int(np.searchsorted(self._time + self._period, decided, side="right"))
        first = int(np.flatnonzero(self._apart[: complete + 1])[-1])
        return min(float(self._time[first]) / _MICROSECONDS, decided_s) if first < len(self._time) else decided_s

    def forgettable(self, needed_s: float, burst: int) -> int:
        """How many of the first candidates are of no account for events from a moment and a burst on."""
        past = int(np.searchsorted(self._time + self._period, np.floor(needed_s * _MICROSECONDS), side="right"))
        past = min(past, int(np.searchsorted(self._burst, burst, side="left")))
        return int(np.flatnonzero(self._apart[: past + 1])[-1])
