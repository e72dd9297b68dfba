"""Finding the calibration: what held-out events say about how far a classifier may be trusted.

The classifier's answers on held-out groups are compared with the truth. With plenty of events of every class a full
Dirichlet calibration is fitted, pulled towards temperature scaling; with fewer, the temperature alone; with too few,
nothing is changed, since a calibration that fits noise is worse than none.
"""

from __future__ import annotations

import numpy as np

from popclass.model.calibration import Calibration, log_probabilities

EVENTS_FOR_DIRICHLET = 30  # of each class
EVENTS_FOR_TEMPERATURE = 30  # in all
EVENTS_OF_EACH_CLASS = 3  # for any calibration
PULL = 10.0  # towards temperature scaling: as strong as some ten events a number
SHARPEST, FLATTEST = 4.0, 0.1  # of 1 / T


def fit_calibration(raw: np.ndarray, y: np.ndarray) -> Calibration:
    """The calibration under which held-out events are most likely.

    Parameters
    ----------
    raw : numpy.ndarray, shape (n, k)
        What the classifier said of held-out events.
    y : numpy.ndarray of int, shape (n,)
        Their classes.
    """
    n, k = raw.shape
    fewest = int(np.bincount(y, minlength=k).min()) if n else 0
    if n < EVENTS_FOR_TEMPERATURE or fewest < EVENTS_OF_EACH_CLASS:
        return Calibration.identity(k)
    logs, truth = log_probabilities(raw), np.eye(k)[y]
    sharpness = _sharpness(logs, truth)
    if fewest < EVENTS_FOR_DIRICHLET:
        return Calibration("temperature", np.eye(k) * sharpness, np.zeros(k), n)
    weights, bias = _dirichlet(logs, truth, sharpness)
    return Calibration("dirichlet", weights, bias, n)


def cross_calibrated(raw: np.ndarray, y: np.ndarray, folds: list[np.ndarray]) -> np.ndarray:
    """Calibrated probabilities of held-out events, each calibrated by the other folds: what scores may rest on."""
    out = np.empty_like(raw, dtype=np.float64)
    for fold in folds:
        others = np.setdiff1d(np.concatenate(folds), fold)
        out[fold] = fit_calibration(raw[others], y[others]).apply(raw[fold])
    return out


def _sharpness(logs: np.ndarray, truth: np.ndarray) -> float:
    """1 / T of temperature scaling."""
    from scipy.optimize import minimize_scalar

    def loss(log_sharpness: float) -> float:
        return float(-(truth * _log_softmax(np.exp(log_sharpness) * logs)).sum())

    found = minimize_scalar(loss, bounds=(np.log(FLATTEST), np.log(SHARPEST)), method="bounded")
    return float(np.exp(found.x))


def _dirichlet(logs: np.ndarray, truth: np.ndarray, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import minimize

    k = logs.shape[1]
    start = np.hstack([np.eye(k) * sharpness, np.zeros((k, 1))])
    inputs = np.hstack([logs, np.ones((len(logs), 1))])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        numbers = flat.reshape(k, k + 1)
        log_p = _log_softmax(inputs @ numbers.T)
        off = numbers - start
        value = -(truth * log_p).sum() + PULL / 2 * (off**2).sum()
        slope = (np.exp(log_p) - truth).T @ inputs + PULL * off
        return float(value), slope.ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    numbers = found.x.reshape(k, k + 1)
    return numbers[:, :k], numbers[:, k]


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    scores = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))
