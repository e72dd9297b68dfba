"""Class frequencies of a timeline, estimated from its own events without labels.

A calibrated probability holds where each class is as frequent as in the training data. With other frequencies, Bayes'
rule multiplies each probability by the ratio of the new frequency to the old one. The frequencies of a set of events
without labels are those that the probabilities, once multiplied, have on average; expectation maximization (EM) finds
them (Saerens, Latinne & Decaestecker 2002, Neural Computation 14:21).

A Dirichlet prior bounds the estimate: it counts as some events at the frequencies of the training data. So a few
events change little, and no frequency becomes 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from popclass.errors import UsageError, require
from popclass.results import CLASS_FREQUENCIES

Array = NDArray[np.float64]

PRIOR_EVENTS = 30.0
"""Events at the frequencies of the training data that the prior counts as; `experiments/frequencies.py` compares."""
_ITERATIONS = 1000
_TOLERANCE = 1e-9


def check_class_frequencies(name: str) -> None:
    """Raise UsageError if the class frequencies cannot be those."""
    require(
        name in CLASS_FREQUENCIES,
        f"class frequencies {name!r}: allowed are {' and '.join(CLASS_FREQUENCIES)}",
        UsageError,
    )


def estimate(
    probabilities: Array,
    trained: Array,
    *,
    prior_events: float = PRIOR_EVENTS,
    weights: Array | None = None,
    earlier: Array | None = None,
) -> Array:
    """Return the class frequencies among events, shape (classes,).

    Parameters
    ----------
    probabilities : ndarray, shape (n, classes)
        Calibrated at the frequencies `trained`.
    trained : ndarray, shape (classes,)
        Frequencies in the training data, all above 0.
    prior_events : float
        Events at these frequencies that the prior counts as, above 0.
    weights : ndarray, shape (n,), optional
        Number of events that each counts as (default: 1).
    earlier : ndarray, shape (classes,), optional
        Number of events of each class that were found before these.

    Examples
    --------
    >>> likely = np.full((70, 2), [0.9, 0.1])
    >>> estimate(likely, np.array([0.5, 0.5])).round(2).tolist()
    [0.85, 0.15]
    """
    counted = np.ones(len(probabilities)) if weights is None else weights
    known = prior_events * trained + (0.0 if earlier is None else earlier)
    frequencies = known / known.sum()
    for _ in range(_ITERATIONS):
        sums = known + counted @ reweight(probabilities, trained, frequencies)
        before, frequencies = frequencies, sums / sums.sum()
        if np.abs(frequencies - before).max() < _TOLERANCE:
            break
    return np.asarray(frequencies)


def reweight(probabilities: Array, trained: Array, frequencies: Array) -> Array:
    """Return the probabilities at other class frequencies than those of the training data, shape (n, classes)."""
    odds = probabilities * (frequencies / trained)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
