"""How sure each score of a model is: 95 % intervals for the figures a paper would quote.

The draws are those of `popclass.training.intervals.bootstrap`: whole groups, with replacement. They are about the
events that were judged, not about training again, which would be a little less certain still. Fewer than five groups
tell nothing about a sixth one, and no interval is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.training.intervals import DRAWS, LEVEL, bootstrap
from popclass.training.scores import BINS, LEAST

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
    """The figures of any choice of events, as `popclass.training.scores` defines them, prepared for many draws."""
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
