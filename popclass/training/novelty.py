"""Fitting of the novelty measure: whitening, reference events and the distances of held-out events.

Whitening follows the covariance inside the classes (Lee et al. 2018, NeurIPS), shrunk after Ledoit & Wolf (2004) so
that it works with fewer events than features. The distance is that to the nearest training events (Sun et al. 2022,
ICML). Distances are compared with those of held-out events to the events of the other folds, so that ordinary sounds of
a new person are not novel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from popclass.model.novelty import Novelty
from popclass.training.folds import Folds
from popclass.training.thresholds import NOVELTY

REFERENCES = 1000  # at 70 features 280 kB in the model file
NEIGHBOURS = 3
QUANTILES = 512
SHOWN_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # in reports
NARROWEST = 0.1  # of a feature's whole spread: a feature constant inside the classes must not decide alone
SMALLEST_EIGENVALUE = 1e-3  # of the mean one


def fit_novelty(X: np.ndarray, y: np.ndarray, folds: Folds, *, seed: int = 0) -> tuple[Novelty, np.ndarray]:
    """Return the novelty measure, and the novelty of each training event while it was held out.

    Parameters
    ----------
    X : ndarray, shape (n, f)
    y : ndarray of int, shape (n,)
    folds : list of (training indices, held-out indices)
    seed : int
        Decides which events are kept as references.
    """
    distance = np.empty(len(X))
    for train, test in folds:
        distance[test] = _fit_space(X[train], y[train], seed).distance(X[test])
    shares = _shares(len(X))
    novelty = replace(_fit_space(X, y, seed), distances=np.quantile(distance, shares), shares=shares)
    novelty = Novelty.from_json(novelty.to_json())  # rounded as in the model file
    return novelty, np.interp(distance, novelty.distances, novelty.shares, left=0.0, right=1.0)


def distribution(novelty: np.ndarray) -> dict[str, Any]:
    """Return quantiles of the novelty of some events, and the share of them that is too novel for a label."""
    return {
        "quantiles": np.quantile(novelty, SHOWN_QUANTILES).round(3).tolist() if len(novelty) else [],
        "novel": float((novelty >= NOVELTY).mean()) if len(novelty) else 0.0,
    }


def _fit_space(X: np.ndarray, y: np.ndarray, seed: int) -> Novelty:
    """Return whitening and references; distances are not scaled yet."""
    mean, whitening = X.mean(axis=0), _whitening(X, y)
    references = ((X - mean) @ whitening)[_reference_indices(y, seed)]
    return Novelty(mean, whitening, references, min(NEIGHBOURS, len(references)), np.zeros(1), np.zeros(1))


def _whitening(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.covariance import ledoit_wolf

    means = np.stack([X[y == c].mean(axis=0) for c in range(int(y.max()) + 1)])
    inside = X - means[y]
    spread = np.maximum(inside.std(axis=0), NARROWEST * X.std(axis=0))
    weight = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)  # 0 for a constant feature
    covariance, _ = ledoit_wolf(inside * weight, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, max(SMALLEST_EIGENVALUE * values.mean(), np.finfo(np.float32).tiny))
    return np.asarray(weight[:, None] * ((vectors / np.sqrt(values)) @ vectors.T))


def _reference_indices(y: np.ndarray, seed: int) -> np.ndarray:
    """Return indices of the events to keep, the same number of each class."""
    rng = np.random.default_rng(seed)
    classes = int(y.max()) + 1
    quota = max(1, REFERENCES // classes)
    chosen = [rng.permutation(np.flatnonzero(y == c))[:quota] for c in range(classes)]
    return np.sort(np.concatenate(chosen))


def _shares(events: int) -> np.ndarray:
    """Return the shares at which distances are stored: even up to 0.95, then ever finer towards the farthest event."""
    if events <= QUANTILES:
        return np.linspace(0.0, 1.0, max(2, events))
    tail = 1.0 - np.geomspace(0.05, 1.0 / events, QUANTILES // 2 - 1)
    return np.concatenate([np.linspace(0.0, 0.95, QUANTILES // 2, endpoint=False), tail, [1.0]])
