"""Confidence intervals of scores by bootstrap over groups.

Events of one subject are not independent. So whole groups are drawn with replacement, and the score is computed on all
their events (cluster bootstrap; Davison & Hinkley 1997, Bootstrap Methods and their Application, 3.8). The intervals
describe the events that were scored; they leave out the variation of training again.

`spans` and `score_with_intervals` give no interval where too few groups are behind a score. A ratio depends on the
groups that are counted in it: the recall of a class on those with a sound of the class, its precision also on those in
which the class is called. Fewer than five of them allow no conclusion about another one, however many others there are,
and the score goes without an interval; so does balanced accuracy if one class is that rare, as it is the mean of
recalls. Draws without any event of a kind that a figure rests on are not counted for it: its precision would be 0
there, and its mean recall one of fewer classes. Where five of n groups hold the kind they are at most one in 148 ((1 -
5/n)^n < e^-5), too few for leaving them out to matter. Where every draw gives the same figure, as when nothing is wrong
at all, the draws do not show how far it may be off, and there is no interval either.

Even so such intervals are too narrow where groups are few: of the mean of normal group means, with 5 groups 84 % hold
the truth, with 10 groups 91 %, with 30 groups 93 % (`tests/metrics/test_bootstrap.py` holds the first and the last).
That clustered data with 5 to 30 groups make tests reject too often is known (Cameron, Gelbach & Miller 2008, Rev. Econ.
Stat. 90:414-427).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.metrics import scores

DRAWS = 1000
LEVEL = 0.95
FEWEST_GROUPS = 5  # fewer say too little about another one: scores then have no interval

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Interval = tuple[float, float] | None
Figures = Callable[[Indices], Mapping[str, float | None]]
Intervals = dict[str, list[float] | None]
Counts = tuple[NDArray[Any], ...]


def bootstrap(
    figures: Figures, groups: Sequence[str] | NDArray[np.str_], *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Interval]:
    """Return the interval of each figure that holds 95 % of its bootstrap replicates.

    Parameters
    ----------
    figures : callable
        Takes indices of events, some of them repeated, and returns the figures of these events by name; None where one
        cannot be computed.
    groups : sequence of str, length n
        Group of each event.
    draws : int
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
    by_group, sizes = np.argsort(place, kind="stable"), np.bincount(place)
    if len(sizes) < 2:
        return {}
    rng, starts, found = np.random.default_rng(seed), np.cumsum(sizes) - sizes, []
    for _ in range(draws):
        drawn = rng.integers(0, len(sizes), len(sizes))
        ends = np.cumsum(sizes[drawn])
        shift = starts[drawn] - ends + sizes[drawn]  # from the place among the drawn to the place in `by_group`
        found.append(figures(by_group[np.arange(ends[-1]) + np.repeat(shift, sizes[drawn])]))
    return {name: _interval([each[name] for each in found]) for name in found[0]}


def score_with_intervals(
    y: Indices, probabilities: Floats, classes: Sequence[str], groups: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """Return `popclass.metrics.scores.score` of held-out events, with `intervals`.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    probabilities : ndarray, shape (n, k)
    classes : sequence of str, length k
    groups : sequence of str, length n
        Held-out group of each event.
    seed : int

    Returns
    -------
    dict
        `intervals` has `level`, `draws`, `groups`, log loss, balanced accuracy, ECE and Brier score as [low, high] or
        None, as `spans` gives them, and `classes`, with precision and recall of each class. It is None with fewer than
        five groups.

    Examples
    --------
    >>> y, groups = np.tile([0, 1], 10), [str(i // 4) for i in range(20)]
    >>> p = np.where(y[:, None] == [0, 1], 0.9, 0.1)
    >>> score_with_intervals(y, p, ["cavitation", "other"], groups)["intervals"]["balanced_accuracy"] is None
    True
    """
    whole, count = scores.score(y, probabilities, classes), len(set(groups))
    if count < FEWEST_GROUPS:
        return {**whole, "intervals": None}
    answer = probabilities.argmax(axis=1)
    behind: dict[str, list[NDArray[np.bool_]]] = {
        name: [] for name in ("log_loss", "balanced_accuracy", "ece", "brier")
    }
    behind["balanced_accuracy"] = [y == i for i in np.unique(y)]
    totals = list(behind)
    for i in range(len(classes)):
        behind |= {f"recall {i}": [y == i], f"precision {i}": [y == i, answer == i]}
    found = spans(_score_figures(y, probabilities), groups, behind, seed=seed)
    of_classes = [
        {"class": name, **{figure: found[f"{figure} {i}"] for figure in ("precision", "recall")}}
        for i, name in enumerate(classes)
    ]
    intervals = {
        "level": LEVEL,
        "draws": DRAWS,
        "groups": count,
        **{name: found[name] for name in totals},
        "classes": of_classes,
    }
    return {**whole, "intervals": intervals}


def mean_interval(values: Floats, groups: Sequence[str], *, seed: int = 0) -> Interval:
    """Return the interval of the mean of a figure of single events, such as log loss.

    Parameters
    ----------
    values : ndarray, shape (n,)
    groups : sequence of str, length n
        Held-out group of each event.
    seed : int

    Returns
    -------
    (float, float) or None
        None where there are fewer than five groups.

    Examples
    --------
    >>> mean_interval(np.ones(10), [str(i // 2) for i in range(10)])
    (1.0, 1.0)
    """
    if len(set(groups)) < FEWEST_GROUPS:
        return None
    return bootstrap(lambda chosen: {"mean": float(values[chosen].mean())}, groups, seed=seed)["mean"]


def spans(
    figures: Figures, groups: Sequence[str], behind: Mapping[str, Sequence[NDArray[np.bool_]]], *, seed: int = 0
) -> Intervals:
    """Return the 95 % interval of each figure, low and high, or None.

    Parameters
    ----------
    figures : callable
        As `bootstrap` takes it.
    groups : sequence of str, length n
        Of each event.
    behind : mapping of str to sequence of ndarray of bool, shape (n,)
        For each figure, kinds of events of which each must be found in five groups; it may be empty.
    seed : int

    Examples
    --------
    >>> right = np.array([1, 1, 0, 1, 0, 1], dtype=bool)
    >>> mean = lambda i: {"right": float(right[i].mean())}
    >>> spans(mean, list("abcdef"), {"right": []})["right"][1], spans(mean, list("aabbcc"), {"right": []})
    (1.0, {'right': None})
    """
    named = np.asarray(groups, dtype=object).astype(str)
    everything = np.ones(len(named), dtype=bool)

    def enough(kind: NDArray[np.bool_]) -> bool:
        return len(np.unique(named[kind])) >= FEWEST_GROUPS

    def counted(at: Indices) -> dict[str, float | None]:
        drawn = figures(at)
        return {name: drawn[name] if all(kind[at].any() for kind in behind[name]) else None for name in behind}

    known = {name for name, kinds in behind.items() if all(map(enough, (everything, *kinds)))}
    found = bootstrap(counted, groups, seed=seed) if known else {}
    varied = {
        name: span for name, span in found.items() if name in known and span is not None and not math.isclose(*span)
    }
    return {name: list(varied[name]) if name in varied else None for name in behind}


def ratios(counts: Mapping[str, Counts], groups: Sequence[str]) -> tuple[dict[str, float | None], Intervals]:
    """Return ratios of counts, None where there is nothing to divide by, and their intervals.

    Parameters
    ----------
    counts : mapping of str to (part, whole, *kinds), each an ndarray of numbers or bool, shape (n,)
        What each event adds to part and whole of a ratio. Events that add to the whole, and those of each
        further kind, must be found in five groups.
    groups : sequence of str, length n

    Examples
    --------
    >>> found, whole = np.array([True, False, True]), np.array([True, True, False])
    >>> ratios({"recall": (found & whole, whole)}, ["a", "a", "b"])
    ({'recall': 0.5}, {'recall': None})
    """

    def figures(at: Indices | slice) -> dict[str, float | None]:
        sums = {name: (part[at].sum().item(), whole[at].sum().item()) for name, (part, whole, *_) in counts.items()}
        return {name: part / whole if whole else None for name, (part, whole) in sums.items()}

    behind = {name: [whole > 0, *kinds] for name, (_, whole, *kinds) in counts.items()}
    return figures(slice(None)), spans(figures, groups, behind)


def _interval(found: Sequence[float | None]) -> Interval:
    values = [value for value in found if value is not None]
    if len(values) < len(found) / 2:
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _score_figures(y: Indices, probabilities: Floats) -> Figures:
    """Return a function that scores any choice of events; what it needs of each event is computed once."""
    k = probabilities.shape[1]
    largest, answer = probabilities.max(axis=1), probabilities.argmax(axis=1)
    losses, distances = scores.log_losses(y, probabilities), scores.squared_distances(y, probabilities)
    gap, place, cell = largest - (answer == y), scores.bins_of(largest), y * k + answer

    def figures(chosen: Indices) -> dict[str, float | None]:
        ratios = scores.class_ratios(scores.confusion_matrix(cell[chosen], k))
        return {
            "log_loss": float(losses[chosen].mean()),
            "balanced_accuracy": scores.mean_known(ratios["recall"]),
            "ece": float(np.abs(np.bincount(place[chosen], weights=gap[chosen])).sum() / len(chosen)),
            "brier": float(distances[chosen].mean()),
            **{f"{name} {i}": value for name, values in ratios.items() for i, value in enumerate(values)},
        }

    return figures
