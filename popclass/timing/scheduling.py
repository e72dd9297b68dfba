"""Weighted interval scheduling on k machines, exactly: which cavitations take a joint cavity.

Every interval has the same length. Chosen are intervals of the greatest total weight of which at most k overlap
anywhere; touching intervals do not overlap. Among equally good choices the earliest wins: the number of chosen
intervals up to any moment is as large as in any other best choice. Such a choice always exists and is unique, because
choices, written as counts up to each interval, form a lattice.

The problem is a minimum-cost flow: k machines walk along the sorted starts, idle from one start to the next or busy
from a start to the first one at or after its end. Successive shortest paths solve it in whole numbers, so the result
is the same on every machine; a path for each machine takes O(n log n). What never overlaps more than k is taken
without it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterator, Sequence


def schedule(starts: Sequence[int], weights: Sequence[int], *, length: int, machines: int) -> list[bool]:
    """Which intervals are taken.

    Parameters
    ----------
    starts : sequence of int, (n,)
        In ascending order.
    weights : sequence of int, (n,)
        None negative; an interval without weight is taken where it is in nobody's way.
    length : int
        Of every interval, at least 1.
    machines : int
        How many intervals may overlap, at least 1.

    Returns
    -------
    taken : list of bool, (n,)

    Examples
    --------
    >>> schedule([0, 4, 8], [3, 5, 3], length=5, machines=1)
    [True, False, True]
    """
    after = [bisect_left(starts, start + length) for start in starts]
    taken = [True] * len(starts)
    for first, last in _crowded(after, machines):
        ends = [min(end, last) - first for end in after[first:last]]
        taken[first:last] = _Flow(_ranked(weights[first:last]), ends).send(machines)
    return taken


def _crowded(after: Sequence[int], machines: int) -> Iterator[tuple[int, int]]:
    """Separate ranges of intervals in which more than `machines` overlap; all others are free to be taken."""
    first = last = 0
    for index, end in enumerate(after):
        if end - index <= machines:
            continue
        if index >= last:
            if last > first:
                yield first, last
            first = index
        last = end
    if last > first:
        yield first, last


def _ranked(weights: Sequence[int]) -> list[int]:
    """Weights in which being early counts, but less than any difference of the weights themselves."""
    n = len(weights)
    step = n * (n + 1) // 2 + 1
    return [weight * step + n - index for index, weight in enumerate(weights)]


class _Flow:
    """Machines on their way from start 0 to n, one shortest path at a time (cost: weight left lying)."""

    def __init__(self, weights: Sequence[int], ends: Sequence[int]) -> None:
        self.weights, self.ends = weights, ends
        self.n = len(weights)
        self.busy = [False] * self.n
        self.idle = [0] * self.n
        self.arrivals: list[list[int]] = [[] for _ in range(self.n + 1)]
        self.potential = self._potentials()

    def send(self, machines: int) -> list[bool]:
        for _ in range(machines):
            before = self._shortest()
            node, gained = self.n, False
            while node != 0:
                previous, busy = before[node]
                gained |= busy
                self._push(previous, node, busy)
                node = previous
            if not gained:
                break
        return self.busy

    def _potentials(self) -> list[int]:
        """Least cost from start 0 to each start while nothing flows and every way leads forward."""
        cost = [0] * (self.n + 1)
        for node, (weight, end) in enumerate(zip(self.weights, self.ends, strict=True)):
            cost[node + 1] = min(cost[node + 1], cost[node])
            cost[end] = min(cost[end], cost[node] - weight)
        return cost

    def _push(self, source: int, target: int, busy: bool) -> None:
        if not busy:
            self.idle[min(source, target)] += 1 if source < target else -1
        elif source < target:
            self.busy[source] = True
            self.arrivals[target].append(source)
        else:
            self.busy[target] = False
            self.arrivals[source].remove(target)

    def _shortest(self) -> list[tuple[int, bool]]:
        """Dijkstra on costs made non-negative by the potentials: how each start is reached, and whether busy."""
        n, potential, infinite = self.n, self.potential, float("inf")
        distance: list[float] = [infinite] * (n + 1)
        before = [(0, False)] * (n + 1)
        distance[0] = 0
        heap: list[tuple[int, int]] = [(0, 0)]
        while heap:
            here, node = heapq.heappop(heap)
            if here > distance[node]:
                continue
            base = here + potential[node]
            for other, busy, cost in self._ways(node):
                there = base + cost - potential[other]
                if there < distance[other]:
                    distance[other] = there
                    before[other] = (node, busy)
                    heapq.heappush(heap, (there, other))
        self.potential = [int(d) + p for d, p in zip(distance, potential, strict=True)]
        return before

    def _ways(self, node: int) -> Iterator[tuple[int, bool, int]]:
        """Where a machine can go on from a start, forward or by undoing what another one does."""
        if node < self.n:
            yield node + 1, False, 0
            if not self.busy[node]:
                yield self.ends[node], True, -self.weights[node]
        if node > 0 and self.idle[node - 1]:
            yield node - 1, False, 0
        for source in self.arrivals[node]:
            yield source, True, self.weights[source]
