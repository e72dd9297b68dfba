"""Losses by which candidates are compared.

For the target `precision` it is the log loss. For `balanced` it is the mean over the classes of their log losses, after
probabilities were weighed as though classes were equally frequent: what is calibrated for other frequencies than those
of the labels, such as a base, is not at a disadvantage.
"""

from __future__ import annotations

import numpy as np

from popclass.metrics.scores import log_losses
from popclass.training.thresholds import BALANCED


def target_losses(
    target: str, y: np.ndarray, probabilities: np.ndarray, frequencies: np.ndarray | None = None
) -> np.ndarray:
    """Return the loss of each event; their mean is the loss of the target.

    Parameters
    ----------
    target : str
    y : ndarray of int, shape (n,)
    probabilities : ndarray, shape (n, k)
    frequencies : ndarray, shape (k,) or (n, k), optional
        Share of each class for which the probabilities are calibrated (default: that in `y`).

    Examples
    --------
    >>> y, p = np.array([0, 1, 1, 1]), np.array([[0.25, 0.75]] * 4)
    >>> bool(target_losses("balanced", y, p).mean().round(3) == np.log(2).round(3))
    True
    """
    if target != BALANCED:
        return log_losses(y, probabilities)
    k = probabilities.shape[1]
    shares = np.bincount(y, minlength=k) / len(y)
    weighed = probabilities / np.maximum(shares if frequencies is None else frequencies, 1 / len(y))
    weights = np.divide(1.0, shares, out=np.zeros(k), where=shares > 0) / np.count_nonzero(shares)
    return np.asarray(log_losses(y, weighed / weighed.sum(axis=1, keepdims=True)) * weights[y])
