"""How sure a score is: confidence intervals by bootstrap over groups.

Events of one subject are no independent witnesses, so whole groups are drawn, with replacement, and the score is taken
of all their events (cluster bootstrap; Davison & Hinkley 1997, Bootstrap Methods and their Application, 3.8). With few
groups the interval is wide, and with a single one there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
LEVEL = 0.95


def bootstrap(
    figures: Callable[[NDArray[np.intp]], Mapping[str, float | None]],
    groups: Sequence[str] | NDArray[np.str_],
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, tuple[float, float] | None]:
    """For each of several figures, the interval that holds a share of `level` of its bootstrap replicates.

    Parameters
    ----------
    figures : callable
        Given indices of events, of which some come several times and others not at all, the figures of these events by
        their names; None where one cannot be computed.
    groups : sequence of str, length n
        Of each event.
    draws : int
    level : float
        0-1.
    seed : int

    Returns
    -------
    dict of (float, float) or None
        By the names of the figures; None for a figure that cannot be computed for most draws. Empty where there is a
        single group.

    Examples
    --------
    >>> right = np.array([1.0, 1.0, 0.0, 1.0])
    >>> mean = lambda i: {"right": float(right[i].mean()), "never": None}
    >>> bootstrap(mean, ["a", "a", "b", "b"])
    {'right': (0.5, 1.0), 'never': None}
    """
    _, place = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    count = int(place.max()) + 1 if len(place) else 0
    if count < 2:
        return {}
    rng = np.random.default_rng(seed)
    found = [figures(drawn) for drawn in _drawn(place, count, draws, rng)]
    return {name: _interval([each[name] for each in found], level) for name in found[0]}


def _drawn(place: NDArray[np.intp], count: int, draws: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Indices of the events of as many groups as there are, drawn with replacement."""
    order, sizes = np.argsort(place, kind="stable"), np.bincount(place)
    starts = np.cumsum(sizes) - sizes
    for _ in range(draws):
        groups = rng.integers(0, count, count)
        many = sizes[groups]
        first = np.repeat(starts[groups] - (np.cumsum(many) - many), many)
        yield order[first + np.arange(len(first))]


def _interval(found: Sequence[float | None], level: float) -> tuple[float, float] | None:
    values = [value for value in found if value is not None]
    if len(values) < len(found) / 2:
        return None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
