"""Fitting of the probability calibration to held-out predictions.

With many events of every class a full Dirichlet calibration is fitted, shrunk towards temperature scaling. With fewer
events only the temperature is fitted, and with very few nothing is changed: a calibration that fits noise is worse than
none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from popclass.model.calibration import Calibration, log_probabilities

EVENTS_FOR_DIRICHLET = 30  # of each class
EVENTS_FOR_TEMPERATURE = 30  # in all
EVENTS_OF_EACH_CLASS = 3  # for any calibration
SHRINKAGE = 10.0  # towards temperature scaling: as strong as some ten events a number
INVERSE_TEMPERATURES = (0.1, 4.0)  # least and largest


def fit_calibration(raw: np.ndarray, y: np.ndarray) -> Calibration:
    """Return the calibration that maximizes the likelihood of held-out events.

    Parameters
    ----------
    raw : ndarray, shape (n, k)
        Probabilities of held-out events by the classifier.
    y : ndarray of int, shape (n,)
        Their classes.
    """
    n, k = raw.shape
    fewest = int(np.bincount(y, minlength=k).min()) if n else 0
    if n < EVENTS_FOR_TEMPERATURE or fewest < EVENTS_OF_EACH_CLASS:
        return Calibration.identity(k)
    logs, truth = log_probabilities(raw), np.eye(k)[y]
    inverse = _inverse_temperature(logs, truth)
    if fewest < EVENTS_FOR_DIRICHLET:
        return Calibration("temperature", np.eye(k) * inverse, np.zeros(k), n)
    return Calibration("dirichlet", *_dirichlet(logs, truth, inverse), n)


def cross_calibrated(raw: np.ndarray, y: np.ndarray, folds: Sequence[np.ndarray]) -> np.ndarray:
    """Return held-out probabilities, those of each fold calibrated on the other folds."""
    out = np.empty_like(raw, dtype=np.float64)
    for fold in folds:
        others = np.setdiff1d(np.concatenate(folds), fold)
        out[fold] = fit_calibration(raw[others], y[others]).apply(raw[fold])
    return out


def _inverse_temperature(logs: np.ndarray, truth: np.ndarray) -> float:
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(log_inverse: float) -> float:
        return float(-(truth * log_softmax(np.exp(log_inverse) * logs, axis=1)).sum())

    found = minimize_scalar(loss, bounds=np.log(INVERSE_TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def _dirichlet(logs: np.ndarray, truth: np.ndarray, inverse_temperature: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    k = logs.shape[1]
    start = np.hstack([np.eye(k) * inverse_temperature, np.zeros((k, 1))])
    inputs = np.hstack([logs, np.ones((len(logs), 1))])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        numbers = flat.reshape(k, k + 1)
        log_p = log_softmax(inputs @ numbers.T, axis=1)
        off = numbers - start
        value = -(truth * log_p).sum() + SHRINKAGE / 2 * (off**2).sum()
        gradient = (np.exp(log_p) - truth).T @ inputs + SHRINKAGE * off
        return float(value), gradient.ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    numbers = found.x.reshape(k, k + 1)
    return numbers[:, :k], numbers[:, k]
