"""Figures that tell what a probability or a label is worth for a decision about one class against all others.

- `calibration_line`: intercept and slope of the recalibration of log-odds (Cox 1958, Biometrika 45:562-565). A slope
  below 1 means that probabilities are too extreme.
- `calibration_in_the_large`: the shift of log-odds that makes the mean probability right. Above 0, probabilities are
  too low.
- `net_benefit`: true calls less false ones, weighed by the odds of the threshold (Vickers & Elkin 2006, Med. Decis.
  Making 26:565-574).
- `predictive_values`: positive and negative predictive value at a prevalence, by Bayes' theorem.

The two fits are Newton's method on few numbers: the bootstrap makes thousands of them, where scikit-learn's take some
milliseconds each. `tests/metrics/test_decisions.py` holds them to scikit-learn's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEAST = 1e-6  # probabilities closer to 0 or 1 are taken for this: one of exactly 0 would decide the whole slope
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
_STEPS = 50
_DONE = 1e-9
_LARGEST = 30.0  # a slope or intercept beyond means that no finite one is best


def log_odds(probability: Floats) -> Floats:
    """Return the log-odds of probabilities, those near 0 and 1 limited to `LEAST`."""
    inside = np.clip(probability, LEAST, 1 - LEAST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def calibration_line(
    own: Flags, logit: Floats, *, start: tuple[float, float] = (0.0, 0.0)
) -> tuple[float, float] | None:
    """Return intercept and slope of the logistic regression of the outcome on the log-odds.

    Parameters
    ----------
    own : ndarray of bool, shape (n,)
        Whether each event is of the class.
    logit : ndarray, shape (n,)
        Log-odds that the model gives to the class.
    start : (float, float)
        First guess; with a good one the fit takes fewer steps.

    Returns
    -------
    (float, float) or None
        None where no finite line is best: events of one kind only, or log-odds that separate the two kinds.

    Examples
    --------
    >>> own, p = np.array([True, False, True, False]), np.array([0.6, 0.6, 0.8, 0.8])
    >>> calibration_line(own, log_odds(p))
    (0.0, 0.0)
    >>> calibration_line(own, log_odds(np.array([0.9, 0.1, 0.8, 0.2]))) is None
    True
    """
    if own.all() or not own.any() or logit.min() == logit.max():
        return None
    if logit[own].min() >= logit[~own].max() or logit[own].max() <= logit[~own].min():
        return None
    line, design = np.array(start), np.stack([np.ones_like(logit), logit])
    target = design @ own
    for _ in range(_STEPS):
        expected = _expit(line @ design)
        step = np.linalg.solve((design * (expected * (1 - expected))) @ design.T, target - design @ expected)
        line += np.clip(step, -1, 1)  # far from the best line a full step may overshoot
        if np.abs(step).max() < _DONE:
            break
        if np.abs(line).max() > _LARGEST:
            return None
    return float(line[0]), float(line[1])


def calibration_in_the_large(own: Flags, logit: Floats, *, start: float = 0.0) -> float | None:
    """Return the shift of the log-odds with which the expected number of events is the true one.

    Parameters
    ----------
    own, logit, start
        As `calibration_line`.

    Returns
    -------
    float or None
        None where all events are of one kind.

    Examples
    --------
    >>> round(calibration_in_the_large(np.array([True, False]), log_odds(np.array([0.8, 0.8]))), 3)
    -1.386
    """
    if own.all() or not own.any():
        return None
    shift = start
    for _ in range(_STEPS):
        expected = _expit(logit + shift)
        step = float((own - expected).sum() / max(float((expected * (1 - expected)).sum()), 1e-12))
        shift += min(max(step, -1.0), 1.0)
        if abs(step) < _DONE:
            break
    return shift


def _expit(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def benefits(own: Flags, probability: Floats, threshold: float) -> Floats:
    """Return what each event adds to the net benefit: 1 for a true call, less the odds for a false one.

    Parameters
    ----------
    own : ndarray of bool, shape (n,)
    probability : ndarray, shape (n,)
        Of the class; it is called from the threshold on.
    threshold : float
        Probability at which a false call weighs as much as `(1 - threshold) / threshold` missed ones.
    """
    called = probability >= threshold
    return np.where(called, np.where(own, 1.0, -threshold / (1 - threshold)), 0.0)


def net_benefit(own: Flags, probability: Floats, threshold: float) -> float | None:
    """Return the net benefit of calling the class from a threshold on; None without events.

    Calling nothing has a net benefit of 0; for calling everything give probabilities of 1.

    Examples
    --------
    >>> own = np.arange(10) < 3
    >>> round(net_benefit(own, np.ones(10), 0.2), 3), round(net_benefit(own, np.where(own, 0.9, 0.1), 0.2), 3)
    (0.125, 0.3)
    """
    return float(benefits(own, probability, threshold).mean()) if len(own) else None


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float | None, float | None]:
    """Return positive and negative predictive value at a prevalence; None where no such call is made.

    Examples
    --------
    >>> positive, negative = predictive_values(0.9, 0.9, 0.1)
    >>> round(positive, 3), round(negative, 3)
    (0.5, 0.988)
    """
    true, false = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    missed, cleared = (1 - sensitivity) * prevalence, specificity * (1 - prevalence)
    return (
        true / (true + false) if true + false else None,
        cleared / (cleared + missed) if cleared + missed else None,
    )
