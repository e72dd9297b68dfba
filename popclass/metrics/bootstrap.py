"""Confidence intervals of scores by bootstrap over groups.

Events of one subject are not independent. So whole groups are drawn with replacement, and the score is computed on all
their events (cluster bootstrap; Davison & Hinkley 1997, Bootstrap Methods and their Application, 3.8). The intervals
describe the events that were scored; they leave out the variation of training again.
"""

from __future__ import annotations

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
    members = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    if len(members) < 2:
        return {}
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = rng.integers(0, len(members), len(members))
        found.append(figures(np.concatenate([members[group] for group in drawn])))
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
        `intervals` has `level`, `draws`, `groups`, log loss, balanced accuracy, ECE and Brier score as (low, high) or
        None, and `classes`, with precision and recall of each class. It is None with fewer than five groups.

    Examples
    --------
    >>> y, groups = np.tile([0, 1], 10), [str(i // 4) for i in range(20)]
    >>> p = np.where(y[:, None] == [0, 1], 0.9, 0.1)
    >>> score_with_intervals(y, p, ["cavitation", "other"], groups)["intervals"]["balanced_accuracy"]
    (1.0, 1.0)
    """
    whole, count = scores.score(y, probabilities, classes), len(set(groups))
    if count < FEWEST_GROUPS:
        return {**whole, "intervals": None}
    spans = bootstrap(_score_figures(y, probabilities), groups, seed=seed)
    of_classes = [
        {"class": name, **{figure: spans[f"{figure} {i}"] for figure in ("precision", "recall")}}
        for i, name in enumerate(classes)
    ]
    totals = {name: spans[name] for name in ("log_loss", "balanced_accuracy", "ece", "brier")}
    intervals = {"level": LEVEL, "draws": DRAWS, "groups": count, **totals, "classes": of_classes}
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
