"""Scores of a classifier on held-out events.

Balanced accuracy is the mean recall. Log loss is the mean negative natural logarithm of the probability of the true
class. The Brier score is the squared distance of the probabilities from the truth, summed over the classes, 0 to 2. The
expected calibration error (ECE) is the distance between confidence and accuracy in ten bins of the largest
probability, averaged over the events (Guo et al. 2017, ICML; Naeini et al. 2015, AAAI).

Everything is computed from a confusion matrix in numpy: the bootstrap does so thousands of times, where
scikit-learn's functions take some milliseconds each, and they refuse an empty set of events. A test holds the figures
to scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10
LEAST = 1e-15  # least probability whose logarithm is taken; scikit-learn also clips at 1, which changes the last bit
POINTS = 20  # of a stored risk-coverage curve

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]


def score(y: Whole, probabilities: Floats, classes: Sequence[str], *, answers: Whole | None = None) -> dict[str, Any]:
    """Return all scores as plain numbers; None where there is nothing to divide by.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True classes, 0 to k - 1.
    probabilities : ndarray, shape (n, k)
    classes : sequence of str, length k
    answers : ndarray of int, shape (n,), optional
        Class that each event is called (default: the most likely one, to which the ECE always applies).

    Examples
    --------
    >>> s = score(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), ["cavitation", "other"])
    >>> s["confusion"], s["balanced_accuracy"], s["classes"][1]["precision"]
    ([[1, 0], [1, 0]], 0.5, None)
    """
    n, k, bins = len(y), len(classes), reliability(y, probabilities)
    confusion = confusion_matrix(y * k + (probabilities.argmax(axis=1) if answers is None else answers), k)
    ratios = class_ratios(confusion)
    return {
        "events": n,
        "classes": [
            {"class": name, "events": int(confusion[i].sum()), **{key: found[i] for key, found in ratios.items()}}
            for i, name in enumerate(classes)
        ],
        "accuracy": float(np.trace(confusion) / n) if n else None,
        "balanced_accuracy": mean_known(ratios["recall"]),
        "log_loss": float(log_losses(y, probabilities).mean()) if n else None,
        "brier": float(squared_distances(y, probabilities).mean()) if n else None,
        "ece": float(sum(b["events"] * abs(b["probability"] - b["right"]) for b in bins) / n) if n else None,
        "reliability": bins,
        "confusion": confusion.tolist(),
    }


def confusion_matrix(cell: Whole, k: int) -> Whole:
    """Return how often each class (row) got each answer (column); `cell` is class * k + answer of each event."""
    return np.bincount(cell, minlength=k * k).reshape(k, k)


def class_ratios(confusion: Whole) -> dict[str, list[float | None]]:
    """Return precision, recall and F1 of each class; None where the denominator is 0."""
    hits, events, called = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    parts = {"precision": (hits, called), "recall": (hits, events), "f1": (2 * hits, events + called)}
    return {
        name: [float(part / whole) if whole else None for part, whole in zip(*pair, strict=True)]
        for name, pair in parts.items()
    }


def mean_known(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are not None."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def log_losses(y: Whole, probabilities: Floats) -> Floats:
    """Return the log loss of each event, shape (n,)."""
    return np.asarray(-np.log(np.maximum(probabilities[np.arange(len(y)), y], LEAST)))


def squared_distances(y: Whole, probabilities: Floats) -> Floats:
    """Return the Brier score of each event, shape (n,)."""
    return np.asarray(((probabilities - np.eye(probabilities.shape[1])[y]) ** 2).sum(axis=1))


def bins_of(largest: Floats) -> Whole:
    """Return the index of the reliability bin of each largest probability."""
    return np.asarray(np.minimum((largest * BINS).astype(int), BINS - 1))


def reliability(y: Whole, probabilities: Floats) -> list[dict[str, Any]]:
    """Return events, mean confidence and accuracy of each bin of the largest probability that is not empty."""
    largest = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == y
    place = bins_of(largest)
    return [
        {
            "from": b / BINS,
            "to": (b + 1) / BINS,
            "events": int((place == b).sum()),
            "probability": float(largest[place == b].mean()),
            "right": float(right[place == b].mean()),
        }
        for b in np.unique(place).tolist()
    ]


def risk_coverage(
    y: Whole, probabilities: Floats, *, points: int = POINTS, answers: Whole | None = None
) -> list[dict[str, float]]:
    """Return a risk-coverage curve (El-Yaniv & Wiener 2010, JMLR).

    Events are answered in the order of the probability of their answer. The curve has the share of wrong answers
    (`risk`) and the least `probability` that is answered, at even steps of `coverage` up to 1; it is empty without
    events.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    probabilities : ndarray, shape (n, k)
    points : int
        Number of steps.
    answers : ndarray of int, shape (n,), optional
        As `score`.

    Examples
    --------
    >>> curve = risk_coverage(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), points=2)
    >>> [(at["coverage"], at["risk"]) for at in curve]
    [(0.5, 0.0), (1.0, 0.5)]
    """
    n = len(y)
    if not n:
        return []
    answers = probabilities.argmax(axis=1) if answers is None else answers
    largest = probabilities[np.arange(n), answers]
    order = np.argsort(-largest, kind="stable")
    wrong = np.cumsum((answers != y)[order])
    last = np.unique(np.maximum(np.round(np.arange(1, points + 1) / points * n).astype(int), 1))
    return [
        {"coverage": float(k / n), "probability": float(largest[order[k - 1]]), "risk": float(wrong[k - 1] / k)}
        for k in last
    ]
