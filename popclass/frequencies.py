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
from popclass.schema import CLASS_FREQUENCIES

Array = NDArray[np.float64]

PRIOR_EVENTS = 100.0
"""Events that the prior counts as; `experiments/frequencies.py` compares others."""
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
    earlier : ndarray, shape (classes,), optional
        Number of events of each class that were found before these.

    Examples
    --------
    >>> few, many = np.full((10, 2), [0.9, 0.1]), np.full((1000, 2), [0.9, 0.1])
    >>> [estimate(each, np.array([0.5, 0.5])).round(2).tolist() for each in (few, many)]
    [[0.54, 0.46], [0.95, 0.05]]
    """
    known = prior_events * trained + (0.0 if earlier is None else earlier)
    frequencies = known / known.sum()
    for _ in range(_ITERATIONS):
        sums = known + reweight(probabilities, trained, frequencies).sum(axis=0)
        before, frequencies = frequencies, sums / sums.sum()
        if np.abs(frequencies - before).max() < _TOLERANCE:
            break
    return np.asarray(frequencies)


def reweight(probabilities: Array, trained: Array, frequencies: Array) -> Array:
    """Return the probabilities at other class frequencies than those of the training data, shape (n, classes)."""
    odds = probabilities * (frequencies / trained)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
