"""Weighted interval scheduling on k machines, exactly.

Every interval has the same length. Intervals of the greatest total weight are chosen of which at most k overlap
anywhere; touching intervals do not overlap. Among equally good choices the earliest wins: the number of chosen
intervals up to any moment is as large as in any other best choice. Such a choice always exists and is unique, because
choices, written as counts up to each interval, form a lattice.

The problem is a minimum-cost flow: k machines move along the sorted starts, idle from one start to the next or busy
from a start to the first one at or after its end. Successive shortest paths solve it in whole numbers, so the result
is the same on every computer; a path for each machine takes O(n log n).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray


def schedule(starts: ArrayLike, weights: Sequence[int], *, length: int, machines: int) -> list[bool]:
    """Return which intervals are chosen.

    Parameters
    ----------
    starts : array_like of int, (n,)
        In ascending order.
    weights : sequence of int, (n,)
        Not negative; an interval without weight is chosen where it displaces no other.
    length : int
        Of every interval, at least 1.
    machines : int
        Number of intervals that may overlap, at least 1.

    Returns
    -------
    chosen : list of bool, (n,)

    Examples
    --------
    >>> schedule([0, 4, 8], [3, 5, 3], length=5, machines=1)
    [True, False, True]
    """
    after, splits = find_splits(starts, length=length, machines=machines)
    chosen = [True] * len(weights)
    for first, last in pairwise(np.flatnonzero(splits).tolist()):
        if (n := last - first) > 1:
            ends = (np.minimum(after[first:last], last) - first).tolist()
            step = n * (n + 1) // 2 + 1  # being early counts, but less than any difference of the weights themselves
            ranked = [weight * step + n - index for index, weight in enumerate(weights[first:last])]
            chosen[first:last] = _Flow(ranked, ends).send(machines)
    return chosen


def find_splits(starts: ArrayLike, *, length: int, machines: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where the schedule splits into parts that do not influence each other.

    Intervals compete only where more than `machines` of them overlap. Such a part reaches from its first interval to
    the last one that overlaps one of its members.

    Returns
    -------
    after : ndarray of int, (n,)
        Index of the first interval that starts at or after the end of each.
    splits : ndarray of bool, (n + 1,)
        Whether the intervals before an index are independent of those from it on; True at 0 and n.

    Examples
    --------
    >>> find_splits([0, 4, 8, 20], length=5, machines=1)[1]
    array([ True, False, False,  True,  True])
    """
    start = np.asarray(starts, dtype=np.int64)
    index = np.arange(len(start) + 1)
    after = np.searchsorted(start, start + length, side="left")
    crowded = after - index[:-1] > machines
    reach = np.maximum.accumulate(np.concatenate([[0], np.where(crowded, after, 0)]))
    return after, reach <= index


class _Flow:
    """Machines on their way from node 0 to node n, one shortest path at a time; the cost is the weight not chosen."""

    def __init__(self, weights: Sequence[int], ends: Sequence[int]) -> None:
        self.weights, self.ends = weights, ends
        self.n = len(weights)
        self.busy = [False] * self.n
        self.idle = [0] * self.n
        self.arrivals: list[list[int]] = [[] for _ in range(self.n + 1)]
        # Least cost from node 0 while nothing flows and every arc leads forward.
        self.potential = [0] * (self.n + 1)
        for node, (weight, end) in enumerate(zip(weights, ends, strict=True)):
            for other, cost in ((node + 1, 0), (end, -weight)):
                self.potential[other] = min(self.potential[other], self.potential[node] + cost)

    def send(self, machines: int) -> list[bool]:
        """Send machines until they gain nothing and return which intervals are busy."""
        for _ in range(machines):
            before = self._shortest_path()
            node, gained = self.n, False
            while node != 0:
                previous, busy = before[node]
                gained |= busy
                self._push(previous, node, busy)
                node = previous
            if not gained:
                break
        return self.busy

    def _push(self, source: int, target: int, busy: bool) -> None:
        if not busy:
            self.idle[min(source, target)] += 1 if source < target else -1
        elif source < target:
            self.busy[source] = True
            self.arrivals[target].append(source)
        else:
            self.busy[target] = False
            self.arrivals[source].remove(target)

    def _shortest_path(self) -> list[tuple[int, bool]]:
        """Return the node before each and whether the arc is busy (Dijkstra; potentials keep costs non-negative)."""
        potential = self.potential
        distance = [float("inf")] * (self.n + 1)
        before = [(0, False)] * (self.n + 1)
        distance[0] = 0
        heap: list[tuple[int, int]] = [(0, 0)]
        while heap:
            here, node = heapq.heappop(heap)
            if here > distance[node]:
                continue
            for other, busy, cost in self._arcs(node):
                there = here + potential[node] + cost - potential[other]
                if there < distance[other]:
                    distance[other] = there
                    before[other] = (node, busy)
                    heapq.heappush(heap, (there, other))
        self.potential = [int(d) + p for d, p in zip(distance, potential, strict=True)]
        return before

    def _arcs(self, node: int) -> Iterator[tuple[int, bool, int]]:
        """Yield the arcs from a node, forward or undoing the step of another machine: target, busy, cost."""
        if node < self.n:
            yield node + 1, False, 0
            if not self.busy[node]:
                yield self.ends[node], True, -self.weights[node]
        if node > 0 and self.idle[node - 1]:
            yield node - 1, False, 0
        for source in self.arrivals[node]:
            yield source, True, self.weights[source]
