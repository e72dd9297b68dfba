"""Where `uncertain` begins.

As high as it can be while at most one joint event in ten of the training folds falls into `uncertain`, counting those
that are uncertain for their novelty. A joint event is one of any class but `other`.
"""

from __future__ import annotations

import math

import numpy as np

UNCERTAIN_SHARE = 0.1
NOVELTY = 0.99
HIGHEST = 0.8  # a classifier that separates everything must not call 0.9 uncertain to fill its share


def min_probability(probabilities: np.ndarray, novelty: np.ndarray, joint: np.ndarray) -> float:
    """The least probability with which a class is named.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (n, k)
        Calibrated, of held-out events.
    novelty : numpy.ndarray, shape (n,)
        Of the same events while held out.
    joint : numpy.ndarray of bool, shape (n,)
        Which of them are joint events.

    Returns
    -------
    float
        Between 1 / k, below which no largest probability can lie, and `HIGHEST`.
    """
    k: int = probabilities.shape[1]
    largest = probabilities.max(axis=1)
    allowed = int(UNCERTAIN_SHARE * joint.sum()) - int((joint & (novelty >= NOVELTY)).sum())
    familiar = np.sort(largest[joint & (novelty < NOVELTY)])
    if allowed < 0 or not len(familiar):
        return 1.0 / k
    # the event at this place is the first that must still be named
    bound = float(familiar[allowed]) if allowed < len(familiar) else 1.0
    return min(max(math.floor(bound * 1e4) / 1e4, 1.0 / k), HIGHEST)


def uncertain(probabilities: np.ndarray, novelty: np.ndarray, least: float) -> np.ndarray:
    """Which events are `uncertain` from their sound alone, shape (n,)."""
    return np.asarray((probabilities.max(axis=1) < least) | (novelty >= NOVELTY))
