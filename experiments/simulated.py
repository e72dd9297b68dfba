"""Simulated acoustic classifiers with a chosen error rate, calibrated by construction.

Each event gets a score per class: `a` for its true class, 0 for the others, plus Gaussian noise of variance 1. Bayes'
rule gives the posterior. Half of the noise variance is shared by the sounds of one kind in one recording: a tendon that
sounds like a cavitation does so every time. `a` is found by bisection on the error rate. The error rate is the mean
over the classes, since a classifier that always answers `other` would be right for most events.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

SHARED = 0.5  # of the noise variance
TRIALS = 60_000
CERTAIN = 12.0  # so far above the noise that no event is misclassified

Array = NDArray[np.float64]


def posterior(scores: Array, a: float, shares: Array) -> Array:
    """Return the class probabilities given the scores, by Bayes' rule, shape (n, classes)."""
    logs = a * scores + np.log(shares)
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def separation(error: float, shares: Array, *, seed: int = 0) -> float:
    """Return the `a` with which the mean of the classes' error rates is `error`.

    Raises
    ------
    ValueError
        If guessing has a lower error rate.
    """
    if not 0 <= error < 1 - 1 / len(shares):
        raise ValueError(f"an error rate of {error:g} is out of range: allowed is 0 to less than that of guessing")
    if error == 0:
        return CERTAIN
    rng = np.random.default_rng(seed)
    y = np.arange(TRIALS) % len(shares)
    noise, truth = rng.standard_normal((TRIALS, len(shares))), np.eye(len(shares))[y]
    low, high = 0.0, CERTAIN
    for _ in range(40):
        a = (low + high) / 2
        wrong = (posterior(a * truth + noise, a, shares).argmax(axis=1) != y).mean()
        low, high = (a, high) if wrong > error else (low, a)
    return (low + high) / 2


def simulate(y: NDArray[np.intp], groups: Sequence[Hashable], error: float, shares: Array, *, seed: int = 0) -> Array:
    """Return the probabilities that a simulated classifier gives to events.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True classes.
    groups : sequence of hashable, length n
        Events with equal entries share half of their noise variance; None shares nothing.
    error : float
        Mean of the classes' error rates.
    shares : ndarray, shape (classes,)
        Class frequencies.
    seed : int
        The noise is the same for every error rate, so curves over error rates are smooth.

    Returns
    -------
    ndarray, shape (n, classes)

    Examples
    --------
    >>> p = simulate(np.array([0, 1]), [None, None], 0.0, np.array([0.5, 0.5]))
    >>> p.round(3)
    array([[1., 0.],
           [0., 1.]])
    """
    a = separation(error, shares)
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((len(y), len(shares)))
    place = {key: i for i, key in enumerate(dict.fromkeys(groups))}
    common = rng.standard_normal((len(place), len(shares)))[[place[key] for key in groups]]
    alone = np.array([key is None for key in groups])[:, None]
    noise = np.where(alone, own, math.sqrt(1 - SHARED) * own + math.sqrt(SHARED) * common)
    return posterior(a * np.eye(len(shares))[y] + noise, a, shares)
