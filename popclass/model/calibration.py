"""Calibration of a classifier's probabilities.

A classifier trained on few people is over- or underconfident. Held-out people show by how much: calibrated
probabilities are `softmax(W log(p) + b)`, p being the output of the classifier. With W = identity and b = 0 nothing
changes; W = identity / T is temperature scaling (Guo et al. 2017, ICML), with b bias-corrected (Alexandari, Kundaje &
Shrikumar 2020, ICML); a full W is Dirichlet calibration (Kull et al. 2019, NeurIPS).
`popclass.training.cross_validation` fits the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from popclass.utils.arrays import numbers, softmax, whole

FLOOR = 1e-4  # a forest gives 0 for what it never saw; its logarithm must stay finite and not outweigh everything else
LARGEST = 1e6  # of a weight or bias; fitted ones are of the order of 1, and no sum of these overflows


@dataclass(frozen=True, slots=True)
class Calibration:
    """Parameters of one calibration.

    Attributes
    ----------
    method : str
        `identity`, `temperature and bias` or `dirichlet`; `temperature` in older models.
    weights : numpy.ndarray, shape (k, k)
        W.
    bias : numpy.ndarray, shape (k,)
        b.
    events : int
        Number of held-out events it was fitted on.
    """

    method: str
    weights: np.ndarray
    bias: np.ndarray
    events: int

    @classmethod
    def identity(cls, classes: int) -> Calibration:
        """Return the calibration that changes nothing."""
        return cls("identity", np.eye(classes), np.zeros(classes), 0)

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities.

        Parameters
        ----------
        raw : numpy.ndarray, shape (n, k)
            Output of the classifier, each row summing to 1.

        Returns
        -------
        numpy.ndarray, shape (n, k)
            float64, each row summing to 1.

        Examples
        --------
        >>> softer = Calibration("temperature", np.eye(2) / 2, np.zeros(2), 100)
        >>> softer.apply(np.array([[0.9, 0.1]]))
        array([[0.75, 0.25]])
        """
        # einsum, not a matrix product: a row's result must not depend, to the last bit, on how many rows came with it
        return softmax(np.einsum("nj,ij->ni", log_probabilities(raw), self.weights) + self.bias)

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as values for JSON."""
        weights, bias = self.weights.tolist(), self.bias.tolist()
        return {"method": self.method, "weights": weights, "bias": bias, "events": self.events}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Calibration:
        """Return the calibration that `to_json` wrote.

        Raises
        ------
        ValueError, KeyError, TypeError
            If the values are not usable.
        """
        bias = np.array(numbers(stored["bias"], "the bias of the calibration"))
        rows = [numbers(row, "each row of the weights of the calibration") for row in stored["weights"]]
        if [len(row) for row in rows] != [len(bias)] * len(bias):
            raise ValueError("the weights of the calibration are not a square, or do not fit its bias")
        weights = np.array(rows)
        if not ((np.abs(weights) <= LARGEST).all() and (np.abs(bias) <= LARGEST).all()):
            raise ValueError(f"the calibration holds numbers beyond {LARGEST:g}")
        return cls(str(stored["method"]), weights, bias, whole(stored["events"], "events of the calibration"))


def log_probabilities(raw: np.ndarray) -> np.ndarray:
    """Return logarithms of probabilities, none below that of `FLOOR`."""
    return np.log(np.clip(np.asarray(raw, dtype=np.float64), FLOOR, 1.0))
