"""Where `uncertain` begins.

What is called a joint's sound should be one, so doubt is spent there: the least probability with which a joint class is
named is as high as it can be while at most one joint event in ten of the training folds falls into `uncertain`,
counting those that are uncertain for their novelty. `other` is named whenever it is the most likely class. A joint
class is any but `other`.
"""

from __future__ import annotations

import math

import numpy as np

UNCERTAIN_SHARE = 0.1
NOVELTY = 0.99
HIGHEST = 0.8  # a classifier that separates everything must not call 0.9 uncertain to fill its share


def min_probability(
    probabilities: np.ndarray, novelty: np.ndarray, joint: np.ndarray, joint_classes: np.ndarray
) -> float:
    """The least probability with which a joint class is named.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (n, k)
        Calibrated, of held-out events.
    novelty : numpy.ndarray, shape (n,)
        Of the same events while held out.
    joint : numpy.ndarray of bool, shape (n,)
        Which of them are joint events.
    joint_classes : numpy.ndarray of bool, shape (k,)
        Which classes are those of joints.

    Returns
    -------
    float
        Between 1 / k, below which no largest probability can lie, and `HIGHEST`.
    """
    k: int = probabilities.shape[1]
    largest = probabilities.max(axis=1)
    called_joint = joint_classes[probabilities.argmax(axis=1)]
    allowed = int(UNCERTAIN_SHARE * joint.sum()) - int((joint & (novelty >= NOVELTY)).sum())
    doubtful = np.sort(largest[joint & called_joint & (novelty < NOVELTY)])
    if allowed < 0 or not len(doubtful):
        return 1.0 / k
    # the event at this place is the first that must still be named
    bound = float(doubtful[allowed]) if allowed < len(doubtful) else 1.0
    return min(max(math.floor(bound * 1e4) / 1e4, 1.0 / k), HIGHEST)


def uncertain(probabilities: np.ndarray, novelty: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Which events are `uncertain`, shape (n,); `least` holds the least probability of each class."""
    named = probabilities.max(axis=1) >= least[probabilities.argmax(axis=1)]
    return np.asarray(~named | (novelty >= NOVELTY))
