"""Shrunk correction of a base model's probabilities.

Few labelled events do not suffice for a classifier of fifty features, but they can show where an existing one is wrong.
With p the calibrated probabilities of the base and z the features whitened by the covariance inside its classes,

    q = softmax(s log p + z V + b)

where s, V and b maximize a penalized likelihood: s is shrunk to 1, b and V to 0 (ridge, Hoerl & Kennard 1970). So
without evidence the base is unchanged. With V = 0 it is temperature scaling with class biases. A class of the base that
is not among the labels keeps its probability; the others share the rest as q does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from popclass.model.model import Model
from popclass.model.novelty import Novelty
from popclass.training.classifiers import to_float32

SHRINKAGE = 50.0  # of s towards 1 and b towards 0, in events; high, since events of one person are not independent
CLIP = 4.0  # of whitened features, so that none decides alone
ABSENT = 1e4  # subtracted from the logit of a class without labels
RECALIBRATION = float("inf")  # strength that keeps V at 0

Scale = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Correction:
    """Parameters of one correction.

    Attributes
    ----------
    sharpness : float
        s.
    bias : ndarray, shape (k,)
        b; 0 for classes that are not present.
    slopes : ndarray, shape (f, k)
        V; likewise.
    scale : pair of ndarray, shapes (f,) and (f, f)
        Mean and whitening of the features.
    present : ndarray of bool, shape (k,)
        Classes that were among the labels.
    """

    sharpness: float
    bias: np.ndarray
    slopes: np.ndarray
    scale: Scale
    present: np.ndarray

    def apply(self, p: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Return corrected probabilities, shape (n, k).

        Parameters
        ----------
        p : ndarray, shape (n, k)
            Result of `base_probabilities`.
        X : ndarray, shape (n, f)
        """
        from scipy.special import log_softmax

        scores = self.sharpness * np.log(p) + standardize(X, self.scale) @ self.slopes + self.bias
        share = np.exp(log_softmax(scores - ABSENT * ~self.present, axis=1))
        return np.asarray(np.where(self.present, share * p[:, self.present].sum(axis=1, keepdims=True), p))


def fit_correction(p: np.ndarray, X: np.ndarray, y: np.ndarray, scale: Scale, strength: float) -> Correction:
    """Return the correction that maximizes the penalized likelihood of labelled events.

    Parameters
    ----------
    p : ndarray, shape (n, k)
        Result of `base_probabilities`.
    X : ndarray, shape (n, f)
    y : ndarray of int, shape (n,)
        True classes, 0 to k - 1; not every class need be present.
    scale : pair of ndarray
        Result of `feature_scale`.
    strength : float
        Strength of the shrinkage of V, in events; `RECALIBRATION` keeps V at 0.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    k, f = p.shape[1], X.shape[1]
    present = np.isin(np.arange(k), y)
    logs, truth = np.log(p[:, present]), np.eye(k)[y][:, present]
    inputs, pull = np.ones((len(y), 1)), np.array([[SHRINKAGE]])
    if np.isfinite(strength):
        inputs = np.hstack([inputs, standardize(X, scale)])
        pull = np.array([SHRINKAGE, *[strength] * f])[:, None]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        numbers = flat[1:].reshape(inputs.shape[1], -1)
        log_q = log_softmax(flat[0] * logs + inputs @ numbers, axis=1)
        off = np.exp(log_q) - truth
        value = -(truth * log_q).sum() + SHRINKAGE / 2 * (flat[0] - 1) ** 2 + (pull / 2 * numbers**2).sum()
        of_sharpness = (off * logs).sum() + SHRINKAGE * (flat[0] - 1)
        return float(value), np.concatenate([[of_sharpness], (inputs.T @ off + pull * numbers).ravel()])

    start = np.concatenate([[1.0], np.zeros(inputs.shape[1] * int(present.sum()))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    numbers = np.zeros((f + 1, k))
    numbers[: inputs.shape[1], present] = found[1:].reshape(inputs.shape[1], -1)
    return Correction(float(found[0]), numbers[0], numbers[1:], scale, present)


def base_probabilities(base: Model, X: np.ndarray) -> np.ndarray:
    """Return the calibrated probabilities of the base, none of them 0, shape (n, k)."""
    return np.asarray(np.maximum(base.probabilities(X), np.finfo(np.float32).tiny))


def feature_scale(base: Model) -> Scale:
    """Return mean and whitening of the features in the training data of the base, shapes (f,) and (f, f).

    A few new events could not tell them. The covariance is that inside the classes, of the base's novelty measure.
    """
    novelty = Novelty.from_json(base.info["novelty"])
    return to_float32(novelty.mean), to_float32(novelty.whitening)


def standardize(X: np.ndarray, scale: Scale) -> np.ndarray:
    """Return whitened features, clipped at `CLIP`."""
    return np.asarray(np.clip((X - scale[0]) @ scale[1], -CLIP, CLIP))
