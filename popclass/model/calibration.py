"""From a classifier's scores to probabilities that mean what they say.

A classifier trained on few people is too sure of itself, or not sure enough. On sounds of people it was not trained on
one learns by how much: calibrated probabilities are `softmax(W log(p) + b)`, p being what the classifier says. With
W = identity and b = 0 nothing changes, W = identity / T is temperature scaling (Guo et al. 2017, ICML), and a full W is
Dirichlet calibration (Kull et al. 2019, NeurIPS). This module applies the numbers; `popclass.training.calibration`
finds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from popclass.utils.arrays import softmax

FLOOR = 1e-4  # a forest says 0 for what it never saw; its logarithm must stay finite and not outweigh everything else

LARGEST = 1e6  # of a weight or bias; fitted ones are of the order of 1, and no sum of these overflows


@dataclass(frozen=True, slots=True)
class Calibration:
    """The numbers of one calibration.

    Attributes
    ----------
    method : str
        How it was found: `identity`, `temperature` or `dirichlet`.
    weights : numpy.ndarray, shape (k, k)
        W.
    bias : numpy.ndarray, shape (k,)
        b.
    events : int
        Number of held-out events it was found on.
    """

    method: str
    weights: np.ndarray
    bias: np.ndarray
    events: int

    @classmethod
    def identity(cls, classes: int) -> Calibration:
        """The calibration that changes nothing."""
        return cls("identity", np.eye(classes), np.zeros(classes), 0)

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Calibrated probabilities.

        Parameters
        ----------
        raw : numpy.ndarray, shape (n, k)
            What the classifier says, each row summing to 1.

        Returns
        -------
        numpy.ndarray, shape (n, k)
            float64, each row summing to 1.

        Examples
        --------
        >>> doubtful = Calibration("temperature", np.eye(2) / 2, np.zeros(2), 100)
        >>> doubtful.apply(np.array([[0.9, 0.1]]))
        array([[0.75, 0.25]])
        """
        # einsum, not a matrix product: a row's result must not depend, to the last bit, on how many rows came with it
        scores = np.einsum("nj,ij->ni", log_probabilities(raw), self.weights) + self.bias
        return softmax(scores)

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return {
            "method": self.method,
            "weights": self.weights.tolist(),
            "bias": self.bias.tolist(),
            "events": self.events,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Calibration:
        """From what `to_json` gave.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is not that.
        """
        weights = np.asarray(stored["weights"], dtype=np.float64)
        bias = np.asarray(stored["bias"], dtype=np.float64)
        if bias.ndim != 1 or weights.shape != (len(bias), len(bias)):
            raise ValueError("the calibration is no square of numbers with one for each class beside it")
        if not ((np.abs(weights) <= LARGEST).all() and (np.abs(bias) <= LARGEST).all()):
            raise ValueError(f"the calibration holds numbers beyond {LARGEST:g}")
        return cls(str(stored["method"]), weights, bias, int(stored["events"]))


def log_probabilities(raw: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities, none below that of `FLOOR`."""
    return np.log(np.clip(np.asarray(raw, dtype=np.float64), FLOOR, 1.0))
