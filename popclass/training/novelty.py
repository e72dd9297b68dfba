"""Finding the novelty measure: the space in which distance is meant, and how far held-out events lie.

Whitening follows the covariance inside the classes (Lee et al. 2018, NeurIPS), shrunk after Ledoit & Wolf (2004) so
that it holds with fewer events than features; distance is that to the nearest training events (Sun et al. 2022, ICML).
What is ordinary comes from the folds: each event's distance to the events of the other folds, so that a new person's
ordinary sounds are not called new.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from popclass.model.novelty import Novelty
from popclass.training.thresholds import NOVELTY

REFERENCES = 1000  # at 70 features 280 kB in the model file
NEIGHBOURS = 3
QUANTILES = 512
SHOWN_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # in reports
NARROWEST = 0.1  # of a feature's whole spread: a feature constant inside the classes must not decide alone
SMALLEST_EIGENVALUE = 1e-3  # of the mean one

Folds = list[tuple[np.ndarray, np.ndarray]]


def fit_novelty(X: np.ndarray, y: np.ndarray, folds: Folds, *, seed: int = 0) -> tuple[Novelty, np.ndarray]:
    """The novelty measure, and the novelty of each training event while it was held out.

    Parameters
    ----------
    X : numpy.ndarray, shape (n, f)
    y : numpy.ndarray of int, shape (n,)
    folds : list of (training indices, held-out indices)
    seed : int
        Decides which events are kept as references.
    """
    distance = np.empty(len(X))
    for train, test in folds:
        distance[test] = _space(X[train], y[train], seed).distance(X[test])
    space = _space(X, y, seed)
    levels = _levels(len(X))
    novelty = Novelty(
        mean=space.mean,
        whitening=space.whitening,
        references=space.references,
        neighbours=space.neighbours,
        distances=np.quantile(distance, levels),
        shares=levels,
    )
    novelty = Novelty.from_json(novelty.to_json())  # the numbers as they will be stored
    return novelty, np.interp(distance, novelty.distances, novelty.shares, left=0.0, right=1.0)


def distribution(novelty: np.ndarray) -> dict[str, Any]:
    """Quantiles of the novelty of some events, and how many of them are `uncertain` for it, as plain numbers."""
    return {
        "quantiles": np.quantile(novelty, SHOWN_QUANTILES).round(3).tolist() if len(novelty) else [],
        "novel": float((novelty >= NOVELTY).mean()) if len(novelty) else 0.0,
    }


def _space(X: np.ndarray, y: np.ndarray, seed: int) -> Novelty:
    """Whitening and references, without a scale of distances yet."""
    mean = X.mean(axis=0)
    whitening = _whitening(X, y)
    references = ((X - mean) @ whitening)[_references(y, seed)]
    neighbours = min(NEIGHBOURS, len(references))
    return Novelty(mean, whitening, references, neighbours, np.zeros(1), np.zeros(1))


def _whitening(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.covariance import ledoit_wolf

    means = np.stack([X[y == c].mean(axis=0) for c in range(int(y.max()) + 1)])
    inside = X - means[y]
    spread = np.maximum(inside.std(axis=0), NARROWEST * X.std(axis=0))
    weight = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)  # a constant feature tells nothing
    covariance, _ = ledoit_wolf(inside * weight, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, max(SMALLEST_EIGENVALUE * values.mean(), np.finfo(np.float32).tiny))
    return np.asarray(weight[:, None] * ((vectors / np.sqrt(values)) @ vectors.T))


def _references(y: np.ndarray, seed: int) -> np.ndarray:
    """Indices of the events to keep, as many of each class."""
    rng = np.random.default_rng(seed)
    classes = int(y.max()) + 1
    quota = max(1, REFERENCES // classes)
    chosen = [rng.permutation(np.flatnonzero(y == c))[:quota] for c in range(classes)]
    return np.sort(np.concatenate(chosen))


def _levels(events: int) -> np.ndarray:
    """Shares at which the distances are stored: even up to 0.95, then ever finer towards the farthest event."""
    if events <= QUANTILES:
        return np.linspace(0.0, 1.0, max(2, events))
    tail = 1.0 - np.geomspace(0.05, 1.0 / events, QUANTILES // 2 - 1)
    return np.concatenate([np.linspace(0.0, 0.95, QUANTILES // 2, endpoint=False), tail, [1.0]])
