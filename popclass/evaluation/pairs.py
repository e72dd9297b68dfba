"""Which event is which labelled sound: as many pairs as there can be, and of all such choices the nearest.

A point names an onset, and so does the start of a stretch no longer than 10 ms: an event matches where its onset lies
at most 10 ms away. A longer stretch says only that the sound is in it: any onset from 10 ms before its start to its end
may match, and the strongest does, which is the rule of training (`popclass.labels.matching`). A maximum matching as
such (Raffel et al. 2014, ISMIR: `mir_eval`) is not unique and may give a label its neighbour's event; so among the
maximum matchings the one with the least total distance is taken, by linear assignment (Crouse 2016, IEEE Trans. Aerosp.
Electron. Syst. 52(4), as scipy solves it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from popclass.labels import LabelRow
from popclass.results import Event

WINDOW_S = 0.010
ROUNDING_S = 1e-9  # times with six decimals may differ by a rounding from what they should
_WEAKEST_S = 1e-7  # what the weakest event costs a stretch: less than a sample, so that distances decide first

Array = NDArray[np.float64]


def names_onset(start_s: float, end_s: float, window_s: float = WINDOW_S) -> bool:
    """Whether a label says when its sound begins, and not only that it is somewhere inside.

    Examples
    --------
    >>> names_onset(1.0, 1.0), names_onset(1.0, 1.01), names_onset(1.0, 1.2)
    (True, True, False)
    """
    return end_s - start_s <= window_s + ROUNDING_S


def pair(rows: Sequence[LabelRow], events: Sequence[Event], window_s: float = WINDOW_S) -> list[tuple[int, int]]:
    """Which event is which labelled sound.

    Parameters
    ----------
    rows : sequence of LabelRow
        In any order.
    events : sequence of Event
        In any order.
    window_s : float
        The largest distance of an onset from the label that names it.

    Returns
    -------
    list of (int, int)
        Places of rows and events, by the row.

    Examples
    --------
    >>> click = Event(1002, 1002, 1010, 1000, channel=1, snr_db=20.0, peak_dbfs=-6.0)
    >>> pair([LabelRow(0.995, 0.995, "snapping"), LabelRow(1.0, 1.0, "cavitation")], [click])
    [(1, 0)]
    """
    reach = _reach(rows, np.array([event.start_s for event in events], dtype=float), window_s)
    pairs: list[tuple[int, int]] = []
    for some, candidates in _apart(reach, len(events)):
        cost = np.array([_costs(rows[i], reach[i], candidates, events, window_s) for i in some])
        pairs += _assigned(cost, some, candidates)
    return sorted(pairs)


def _reach(rows: Sequence[LabelRow], onsets: Array, window_s: float) -> list[NDArray[np.intp]]:
    """The events that each row may match."""
    order = np.argsort(onsets, kind="stable")
    window_s += ROUNDING_S
    first = np.searchsorted(onsets[order], [row.start_s - window_s for row in rows], side="left")
    last = [row.start_s + window_s if names_onset(row.start_s, row.end_s, window_s) else row.end_s for row in rows]
    stop = np.searchsorted(onsets[order], last, side="right")
    return [order[a:b] for a, b in zip(first, stop, strict=True)]


def _apart(reach: Sequence[NDArray[np.intp]], events: int) -> Iterator[tuple[list[int], list[int]]]:
    """Rows and events that compete with each other, one such crowd at a time."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(reach) + events
    rows = np.repeat(np.arange(len(reach)), [len(near) for near in reach])
    near = np.concatenate([*reach, np.empty(0, dtype=np.intp)]).astype(np.intp)
    graph = coo_array((np.ones(len(rows)), (rows, len(reach) + near)), shape=(n, n))
    crowds: dict[int, tuple[list[int], list[int]]] = {}
    for node, crowd in enumerate(connected_components(graph, directed=False)[1].tolist()):
        of_rows, of_events = crowds.setdefault(crowd, ([], []))
        (of_rows.append(node) if node < len(reach) else of_events.append(node - len(reach)))
    return (crowd for crowd in crowds.values() if crowd[0] and crowd[1])


def _costs(
    row: LabelRow, reach: NDArray[np.intp], candidates: Sequence[int], events: Sequence[Event], window_s: float
) -> Array:
    """What each candidate costs a row, shape (candidates,); infinite where it is out of reach."""
    cost = np.full(len(candidates), np.inf)
    inside = np.flatnonzero(np.isin(candidates, reach)).tolist()
    if names_onset(row.start_s, row.end_s, window_s):
        cost[inside] = [abs(events[candidates[at]].start_s - row.start_s) for at in inside]
    elif inside:
        levels = np.array([events[candidates[at]].snr_db for at in inside])
        cost[inside] = _WEAKEST_S * (levels.max() - levels) / max(float(np.ptp(levels)), 1.0)
    return cost


def _assigned(cost: Array, rows: Sequence[int], candidates: Sequence[int]) -> Iterator[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment

    allowed = np.isfinite(cost)
    forbidden = 1.0 + cost[allowed].max() * min(
        cost.shape
    )  # dearer than any choice of pairs: as many as possible come first
    chosen = linear_sum_assignment(np.where(allowed, cost, forbidden))
    return ((rows[i], candidates[j]) for i, j in zip(*chosen, strict=True) if allowed[i, j])
