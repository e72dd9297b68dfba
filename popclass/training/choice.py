"""Whether labels correct a base model at all.

The correction (`popclass.training.correction`) is shrunk so strongly that a few labels can do little harm, and where
held-out groups speak against it, by more than the standard error over the groups, the base's answers stay as they are.
Choosing the strength on so few labels did worse than one strength for all (docs/learning-curve.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from popclass.errors import LabelError
from popclass.training.correction import Correction, fit_correction
from popclass.training.folds import make_folds
from popclass.training.scores import log_losses

STRENGTH = 300.0  # of the shrinkage of the slopes, in events
INNER_FOLDS = 3


def choose_correction(
    p: np.ndarray,
    X: np.ndarray,
    y: np.ndarray,
    groups: Sequence[str],
    scale: tuple[np.ndarray, np.ndarray],
    *,
    folds: int = INNER_FOLDS,
    seed: int = 0,
) -> Correction | None:
    """The correction fitted on all events, or None where held-out groups speak against correcting.

    Parameters
    ----------
    p : numpy.ndarray, shape (n, k)
        The base's calibrated probabilities, none of them 0 (`popclass.training.correction.base_answers`).
    X : numpy.ndarray, shape (n, f)
    y : numpy.ndarray of int, shape (n,)
        True classes; not every class need be present.
    groups : sequence of str, length n
    scale : pair of numpy.ndarray, shape (f,)
        What `popclass.training.correction.scale_of` gave.

    Returns
    -------
    Correction or None
        Where a class has a single group nothing can be held out, and the correction stands.
    """
    try:
        splits = make_folds(np.unique(y, return_inverse=True)[1], groups, folds=folds, seed=seed)
    except LabelError:
        return fit_correction(p, X, y, *scale, STRENGTH)
    loss = np.empty(len(y))
    for train, test in splits:
        correction = fit_correction(p[train], X[train], y[train], *scale, STRENGTH)
        loss[test] = log_losses(y[test], correction.apply(p[test], X[test]))
    if clearly_better(log_losses(y, p), loss, groups):
        return None
    return fit_correction(p, X, y, *scale, STRENGTH)


def clearly_better(loss: np.ndarray, other: np.ndarray, groups: Sequence[str]) -> bool:
    """Whether the mean loss is lower by more than the standard error of the difference over groups."""
    gain = other - loss
    _, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    count = int(place.max()) + 1
    if count < 2:
        return False
    off = np.bincount(place, weights=gain - gain.mean())
    error = np.sqrt(count / (count - 1) * (off**2).sum()) / len(gain)
    return bool(gain.mean() > error)
