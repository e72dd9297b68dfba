"""Losses and ranks by which candidates are compared.

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
    shares = _shares(y, probabilities)
    weighed = _weighed(y, probabilities, frequencies)
    weights = np.divide(1.0, shares, out=np.zeros(len(shares)), where=shares > 0) / np.count_nonzero(shares)
    return np.asarray(log_losses(y, weighed / weighed.sum(axis=1, keepdims=True)) * weights[y])


def never_found(target: str, y: np.ndarray, probabilities: np.ndarray, frequencies: np.ndarray | None = None) -> int:
    """Return the number of classes with events of which none gets its class as the answer.

    Where one class is far more frequent than the others, a model that always names it has a low log loss and is of no
    use. So candidates are ranked by this number first.

    Parameters
    ----------
    target, y, probabilities, frequencies
        As for `target_losses`.

    Examples
    --------
    >>> y, p = np.array([0, 1, 1, 1]), np.array([[0.4, 0.6]] * 4)
    >>> never_found("precision", y, p), never_found("balanced", y, p)
    (1, 1)
    """
    answers = (probabilities if target != BALANCED else _weighed(y, probabilities, frequencies)).argmax(axis=1)
    return len(set(y.tolist()) - set(y[answers == y].tolist()))


def rank(target: str, y: np.ndarray, probabilities: np.ndarray) -> tuple[int, float]:
    """Return the rank of a candidate, lower for a better one: classes that it never finds, then its loss."""
    return never_found(target, y, probabilities), float(target_losses(target, y, probabilities).mean())


def _shares(y: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.bincount(y, minlength=probabilities.shape[1]) / len(y))


def _weighed(y: np.ndarray, probabilities: np.ndarray, frequencies: np.ndarray | None) -> np.ndarray:
    """Return probabilities weighed as though classes were equally frequent; their sum is not 1."""
    stated = _shares(y, probabilities) if frequencies is None else frequencies
    return np.asarray(probabilities / np.maximum(stated, 1 / len(y)))
