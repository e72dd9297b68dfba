"""Novelty: the distance of a sound from the training data.

Features are centred and whitened with the covariance inside the classes. The distance of an event is the mean over its
nearest reference events, and its novelty the share of held-out training events that lie closer. So 0.5 is an ordinary
sound; at 0.99 one training sound in a hundred was as far out. `popclass.training.thresholds` fits the numbers.

Novelty is evidence against the sounds of a joint: what lies far from the training data is more likely of another kind,
which the model never met. The log-odds of a class fall in proportion to novelty (`weigh`). How steeply is learnt from
kinds of sound that were left out of training (`popclass.training.open_set`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from popclass.errors import require
from popclass.utils.arrays import numbers, pack, softmax, unpack, whole

LARGEST_COST = 50.0  # beyond all probabilities that float64 tells apart
_ROWS_AT_ONCE = 64  # bounds the memory that many events take
Costs = tuple[float, ...]
_ARRAYS = ("mean", "whitening", "references", "distances", "shares")


@dataclass(frozen=True, slots=True)
class Novelty:
    """Parameters of one novelty measure.

    Attributes
    ----------
    mean : numpy.ndarray, shape (f,)
        Of the features.
    whitening : numpy.ndarray, shape (f, f)
        Whitened features are `(x - mean) @ whitening`.
    references : numpy.ndarray, shape (m, f)
        Whitened training events.
    neighbours : int
        Number of nearest references over which the distance is averaged.
    distances, shares : numpy.ndarray, shape (q,)
        Rising distances of held-out events, and the share of held-out events closer than each.
    costs : tuple of float
        Log-odds that each class loses from novelty 0 to 1; empty if novelty is no evidence for this model.
    """

    mean: np.ndarray
    whitening: np.ndarray
    references: np.ndarray
    neighbours: int
    distances: np.ndarray
    shares: np.ndarray
    costs: Costs = ()

    def score(self, X: np.ndarray) -> np.ndarray:
        """Return the novelty of events.

        Parameters
        ----------
        X : numpy.ndarray, shape (n, f)

        Returns
        -------
        numpy.ndarray, shape (n,)
            0 to 1; exactly 1 beyond every held-out event.
        """
        return np.asarray(np.interp(self.distance(X), self.distances, self.shares, left=0.0, right=1.0))

    def distance(self, X: np.ndarray) -> np.ndarray:
        """Return the mean whitened distance to the nearest references, shape (n,)."""
        out = np.empty(len(X))
        # einsum, not a matrix product: a row's result must not depend, to the last bit, on how many rows came with it
        for start in range(0, len(X), _ROWS_AT_ONCE):
            rows = X[start : start + _ROWS_AT_ONCE]
            white = np.einsum("nf,gf->ng", rows - self.mean, np.ascontiguousarray(self.whitening.T))
            cross = np.einsum("nf,mf->nm", white, self.references)
            squares = (white**2).sum(axis=1)[:, None] - 2 * cross + (self.references**2).sum(axis=1)
            nearest = np.sort(np.partition(squares, self.neighbours - 1, axis=1)[:, : self.neighbours], axis=1)
            out[start : start + len(rows)] = np.sqrt(np.maximum(nearest, 0.0)).mean(axis=1)
        return out

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as values for JSON; the arrays as float32."""
        arrays = {name: pack(getattr(self, name)) for name in _ARRAYS}
        return {"neighbours": self.neighbours, "costs": list(self.costs), **arrays}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Novelty:
        """Return the measure that `to_json` wrote.

        Raises
        ------
        ValueError, KeyError, TypeError
            If the values are not usable.
        """
        costs = numbers(stored.get("costs", []), "the costs of novelty")  # models of schema version 1 have none
        arrays = {name: unpack(stored[name]) for name in _ARRAYS}
        novelty = cls(neighbours=whole(stored["neighbours"], "neighbours"), costs=costs, **arrays)
        shapes = [getattr(novelty, name).shape for name in _ARRAYS]
        require(() not in shapes, "the novelty measure has a number where there must be an array")
        f, m, q = len(novelty.mean), len(novelty.references), len(novelty.distances)
        fits = shapes == [(f,), (f, f), (m, f), (q,), (q,)] and q > 0 and 1 <= novelty.neighbours <= m
        require(fits, "the arrays of the novelty measure do not fit together")
        allowed = all(0 <= cost <= LARGEST_COST for cost in costs)  # false for NaN
        require(allowed, f"the costs of novelty must be from 0 to {LARGEST_COST:g}")
        share = novelty.shares
        if (np.diff(novelty.distances) < 0).any() or (np.diff(share) < 0).any() or share[0] < 0 or share[-1] > 1:
            raise ValueError("the distances of the novelty measure must rise, and its shares from 0 to 1")
        return novelty


def weigh(probabilities: np.ndarray, novelty: np.ndarray, costs: Costs) -> np.ndarray:
    """Return probabilities with the novelty of the sounds as evidence: `softmax(log p - novelty costs)`.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (n, k)
    novelty : numpy.ndarray, shape (n,)
        Result of `Novelty.score`.
    costs : tuple of float
        Log-odds that each class loses from novelty 0 to 1; where there are none nothing changes.

    Examples
    --------
    >>> weigh(np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([0.0, 1.0]), (np.log(3), 0.0))
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """
    if not costs:
        return probabilities
    return softmax(np.log(np.maximum(probabilities, 1e-12)) - novelty[:, None] * np.array(costs))
