"""Learning what the company of an event is worth.

The weights are those of a multinomial logistic regression whose offset is the logarithm of the acoustic probability, so
that they speak only of what the sound alone does not say. Acoustic probabilities must be those of held-out groups, or
the company of training events would seem to know more than it does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from popclass.context import Context
from popclass.timing.likeness import Likeness, likeness_scale
from popclass.timing.repetition import context_names

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

SHRINKAGE = 3.0  # of the squared standardised weights, in nats


def blank_context(X: Array, session: Whole, names: Sequence[str], classes: Sequence[str], *, seed: int = 0) -> Context:
    """A context stage that can measure but has no weights yet.

    Parameters
    ----------
    X : ndarray, shape (n, features)
        Training events; they set the scale of likeness.
    session : ndarray of int, shape (n,)
        Which session each is from: events of different ones are unrelated.
    names : sequence of str
        Of the features.
    """
    columns = tuple(index for index, name in enumerate(names) if name not in ("snr", "before"))
    chosen = X[:, columns]
    mean, spread = chosen.mean(axis=0), chosen.std(axis=0) + 1e-6
    scale = likeness_scale((chosen - mean) / spread, session, seed=seed)
    measures = context_names(classes)
    return Context(columns, mean, spread, Likeness(scale=scale), measures, np.zeros((len(measures), len(classes))))


def measure_all(
    context: Context, X: Array, acoustic: Array, recording: Whole, onset_s: Array, burst: Whole, level_db: Array
) -> Array:
    """The measures of events of many recordings, which lie together."""
    measured = np.zeros((len(X), len(context.names)))
    for start, stop in _runs(recording):
        own = slice(start, stop)
        measured[own] = context.measure(X[own], acoustic[own], onset_s[own], burst[own], level_db[own])
    return measured


def fit_weights(acoustic: Array, measured: Array, y: Whole) -> Array:
    """Weights of the measures, shape (measures, classes).

    Parameters
    ----------
    acoustic : ndarray, shape (n, classes)
        Calibrated probabilities of held-out events.
    measured : ndarray, shape (n, measures)
    y : ndarray of int, shape (n,)
    """
    scale = np.sqrt((measured**2).mean(axis=0)) + 1e-9  # about zero, which is what no company measures
    inputs, offset = measured / scale, np.log(np.maximum(acoustic, 1e-12))
    truth = np.eye(acoustic.shape[1])[y]
    shape = (measured.shape[1], acoustic.shape[1])

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(shape)
        logits = offset + inputs @ weights
        logits -= logits.max(axis=1, keepdims=True)
        norm = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        gradient = inputs.T @ (np.exp(logits - norm) - truth) + 2 * SHRINKAGE * weights
        return float(-(truth * (logits - norm)).sum() + SHRINKAGE * (weights**2).sum()), gradient.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return np.asarray(found.x.reshape(shape) / scale[:, None])


def _runs(recording: Whole) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(recording)) + 1
    return list(zip([0, *edges.tolist()], [*edges.tolist(), len(recording)], strict=True)) if len(recording) else []
