"""How sure a score is: confidence intervals by bootstrap over groups.

Events of one subject are no independent witnesses, so whole groups are drawn, with replacement, and the score is taken
of all their events (cluster bootstrap; Davison & Hinkley 1997, Bootstrap Methods and their Application, 3.8). With few
groups the interval is wide, and with a single one there is none.

How sure each score of a model is: 95 % intervals for the figures a paper would quote.

The draws are those of `popclass.metrics.bootstrap.bootstrap`: whole groups, with replacement. They are about the
events that were judged, not about training again, which would be a little less certain still. Fewer than five groups
tell nothing about a sixth one, and no interval is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.metrics.scores import BINS, LEAST

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


FEWEST_GROUPS = 5

Indices = NDArray[np.intp]


def score_intervals(
    y: NDArray[np.intp],
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    groups: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Intervals of log loss, balanced accuracy, ECE, Brier score, and of precision and recall of each class.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    probabilities : ndarray, shape (n, k)
        Of held-out events.
    classes : sequence of str, length k
    groups : sequence of str, length n
        What was held out together.
    seed : int

    Returns
    -------
    dict or None
        `level`, `draws`, `groups`, the figures as [low, high] or None, and `classes`, a dict of figures for each class;
        None where there are fewer than five groups.

    Examples
    --------
    >>> y, groups = np.tile([0, 1], 10), [str(i // 4) for i in range(20)]
    >>> p = np.where(y[:, None] == [0, 1], 0.9, 0.1)
    >>> score_intervals(y, p, ["cavitation", "other"], groups)["balanced_accuracy"]
    [1.0, 1.0]
    """
    count = len(set(groups))
    if count < FEWEST_GROUPS:
        return None
    found = bootstrap(_figures(y, probabilities), groups, seed=seed)
    spans = {name: None if span is None else list(span) for name, span in found.items()}
    totals = {name: spans[name] for name in ("log_loss", "balanced_accuracy", "ece", "brier")}
    of_classes = [
        {"class": name, **{figure: spans[f"{figure} {i}"] for figure in ("precision", "recall")}}
        for i, name in enumerate(classes)
    ]
    return {"level": LEVEL, "draws": DRAWS, "groups": count, **totals, "classes": of_classes}


def mean_interval(values: NDArray[np.float64], groups: Sequence[str], *, seed: int = 0) -> list[float] | None:
    """The interval of the mean of a figure that every event has, such as its log loss.

    Parameters
    ----------
    values : ndarray, shape (n,)
    groups : sequence of str, length n
        What was held out together.
    seed : int

    Returns
    -------
    list of two float, or None
        None where there are fewer than five groups.

    Examples
    --------
    >>> mean_interval(np.ones(10), [str(i // 2) for i in range(10)])
    [1.0, 1.0]
    """
    if len(set(groups)) < FEWEST_GROUPS:
        return None
    span = bootstrap(lambda chosen: {"mean": float(values[chosen].mean())}, groups, seed=seed)["mean"]
    return None if span is None else list(span)


def _figures(y: NDArray[np.intp], probabilities: NDArray[np.float64]) -> Callable[[Indices], dict[str, float | None]]:
    """The figures of any choice of events, as `popclass.metrics.scores` defines them, prepared for many draws."""
    n, k = probabilities.shape
    sure, answer = probabilities.max(axis=1), probabilities.argmax(axis=1)
    lost = -np.log(np.maximum(probabilities[np.arange(n), y], LEAST))
    distance = ((probabilities - np.eye(k)[y]) ** 2).sum(axis=1)
    gap = sure - (answer == y)
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    cell = y * k + answer

    def figures(chosen: Indices) -> dict[str, float | None]:
        confusion = np.bincount(cell[chosen], minlength=k * k).reshape(k, k)
        hits = confusion.diagonal()
        recalls, precisions = _ratios(hits, confusion.sum(axis=1)), _ratios(hits, confusion.sum(axis=0))
        known = [recall for recall in recalls if recall is not None]
        return {
            "log_loss": float(lost[chosen].mean()),
            "balanced_accuracy": float(np.mean(known)),
            "ece": float(np.abs(np.bincount(place[chosen], weights=gap[chosen])).sum() / len(chosen)),
            "brier": float(distance[chosen].mean()),
            **{f"recall {i}": value for i, value in enumerate(recalls)},
            **{f"precision {i}": value for i, value in enumerate(precisions)},
        }

    return figures


def _ratios(parts: NDArray[np.intp], wholes: NDArray[np.intp]) -> list[float | None]:
    return [float(part / whole) if whole else None for part, whole in zip(parts, wholes, strict=True)]
