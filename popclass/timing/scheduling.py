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
import math
from collections.abc import Sequence
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
            chosen[first:last] = _choose(ranked, ends, machines)
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


def _choose(weights: Sequence[int], ends: Sequence[int], machines: int) -> list[bool]:
    """Return which intervals are busy after machines took the cheapest paths from node 0 to node n.

    The cost is the weight not chosen; machines are sent until they gain nothing. An arc is a list of its target, cost,
    room for machines, and the place of its reverse among the arcs of the target, which undoes the step of a machine.
    """
    n = len(weights)
    arcs: list[list[list[int]]] = [[] for _ in range(n + 1)]
    busy = []
    potential = [0] * (n + 1)  # least cost from node 0 while nothing flows and every arc leads forward
    for node, (weight, end) in enumerate(zip(weights, ends, strict=True)):
        for target, cost, room in ((node + 1, 0, machines), (end, -weight, 1)):
            arcs[node].append([target, cost, room, len(arcs[target])])
            arcs[target].append([node, -cost, 0, len(arcs[node]) - 1])
            potential[target] = min(potential[target], potential[node] + cost)
        busy.append(arcs[node][-1])
    for _ in range(machines):
        before = _shortest_path(arcs, potential)
        if potential[n] == 0:
            break
        node = n
        while node != 0:
            node, place = before[node]
            arc = arcs[node][place]
            arc[2] -= 1
            arcs[arc[0]][arc[3]][2] += 1
    return [room == 0 for _, _, room, _ in busy]


def _shortest_path(arcs: Sequence[Sequence[Sequence[int]]], potential: list[int]) -> list[tuple[int, int]]:
    """Return the node before each and the place of the arc that leads on (Dijkstra), and update the potentials.

    Potentials, the least costs so far, keep the reduced costs from being negative.
    """
    distance = [math.inf] * len(arcs)
    before = [(0, 0)] * len(arcs)
    distance[0] = 0
    heap = [(0, 0)]
    while heap:
        here, node = heapq.heappop(heap)
        if here > distance[node]:
            continue
        for place, (target, cost, room, _) in enumerate(arcs[node]):
            there = here + potential[node] + cost - potential[target]
            if room and there < distance[target]:
                distance[target] = there
                before[target] = (node, place)
                heapq.heappush(heap, (there, target))
    potential[:] = [int(d) + p for d, p in zip(distance, potential, strict=True)]
    return before
