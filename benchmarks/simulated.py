"""Classifiers of sounds that do not exist, right as often as one likes and calibrated by construction.

Each event gets a score for each class: `a` for its true class, 0 for the others, plus Gaussian noise of variance 1.
Class shares and the noise being known, Bayes' rule gives the posterior, so among events called 0.8 eight in ten are
right. Half of the noise variance is shared by the sounds of one kind in one recording, since a tendon that sounds like
a crack does so every time. `a` is found by bisection on the error rate, which is the mean of the classes' own error
rates: most sounds are nobody's joint, and who calls everything `other` is seldom wrong.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

SHARED = 0.5  # of the noise variance
TRIALS = 60_000
CERTAIN = 12.0  # a score so far above the noise that no event is mistaken

Array = NDArray[np.float64]


def posterior(scores: Array, a: float, shares: Array) -> Array:
    """Probabilities of the classes given their scores, by Bayes' rule, shape (n, classes)."""
    logs = a * scores + np.log(shares)
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def separation(error: float, shares: Array, *, seed: int = 0) -> float:
    """The `a` with which the mean of the classes' error rates is `error`.

    Raises
    ------
    ValueError
        If guessing does better than that.
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


def simulate(y: NDArray[np.intp], alike: Sequence[Hashable], error: float, shares: Array, *, seed: int = 0) -> Array:
    """What such a classifier says of events.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        Classes that the events sound like.
    alike : sequence of hashable, length n
        Events with equal entries share half of their noise variance; None shares nothing.
    error : float
        Wanted mean of the classes' error rates.
    shares : ndarray, shape (classes,)
        How frequent the classes are.
    seed : int
        The noise is the same for every error rate, so that curves over error rates are smooth.

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
    place = {key: i for i, key in enumerate(dict.fromkeys(alike))}
    common = rng.standard_normal((len(place), len(shares)))[[place[key] for key in alike]]
    alone = np.array([key is None for key in alike])[:, None]
    noise = np.where(alone, own, math.sqrt(1 - SHARED) * own + math.sqrt(SHARED) * common)
    return posterior(a * np.eye(len(shares))[y] + noise, a, shares)
