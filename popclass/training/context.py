"""Learning what the company of an event is worth.

The weights are those of a multinomial logistic regression whose offset is the logarithm of the acoustic probability, so
that they speak only of what the sound alone does not say. Acoustic probabilities must be those of held-out groups, or
the company of training events would seem to know more than it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from popclass.context import Context
from popclass.timing.likeness import Likeness, likeness_scale
from popclass.timing.repetition import context_names

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

Judge = Callable[[NDArray[np.intp], Array], Array]
SHRINKAGE = 3.0  # of the squared standardised weights, in nats


@dataclass(frozen=True, slots=True)
class Company:
    """All events of labelled sessions, those that nobody can name included.

    Attributes
    ----------
    X : ndarray, shape (m, features)
    group : ndarray of str, shape (m,)
        What must not be on both sides of a fold.
    session, recording : ndarray of int, shape (m,)
        Events of one recording lie together.
    onset_s, level_db : ndarray, shape (m,)
    burst : ndarray of int, shape (m,)
    rows : ndarray of int, shape (n,)
        Which of them are the training events, in their order.
    """

    X: Array
    group: NDArray[np.str_]
    session: Whole
    recording: Whole
    onset_s: Array
    burst: Whole
    level_db: Array
    rows: Whole


def learn_context(
    company: Company,
    y: Whole,
    classes: Sequence[str],
    names: Sequence[str],
    folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    judge: Judge,
    *,
    seed: int = 0,
) -> tuple[Context, Array]:
    """The context stage, and what it makes of each training event while its group is held out.

    Parameters
    ----------
    company : Company
    y : ndarray of int, shape (n,)
        Classes of the training events.
    classes, names : sequences of str
        Of the classes; of the features.
    folds : sequence of (training indices, held-out indices)
    judge : callable
        Given training indices and events, the calibrated probabilities of these events by a classifier trained on
        nothing else.
    """
    acoustic = np.zeros((len(company.X), len(classes)))
    groups = company.group[company.rows]
    for train, test in folds:
        held_out = np.isin(company.group, np.unique(groups[test]))
        acoustic[held_out] = judge(train, company.X[held_out])
    blank = blank_context(company.X[company.rows], company.session[company.rows], names, classes, seed=seed)
    measured = measure_all(
        blank, company.X, acoustic, company.recording, company.onset_s, company.burst, company.level_db
    )[company.rows]
    alone = acoustic[company.rows]
    believed = np.zeros_like(alone)
    for train, test in folds:
        weights = fit_weights(alone[train], measured[train], y[train])
        believed[test] = replace(blank, weights=weights).apply(alone[test], measured[test])
    return replace(blank, weights=fit_weights(alone, measured, y)), believed


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
