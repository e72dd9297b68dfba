"""Learning what the company of an event is worth.

The weighing is fitted as a multinomial regression whose offset is the logarithm of the acoustic probability, so that it
speaks only of what the sound alone does not say. Acoustic probabilities must be those of held-out groups, or
the company of training events would seem to know more than it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from popclass.context.features import context_names
from popclass.context.similarity import Similarity, similarity_scale
from popclass.model.context import Context, ContextWeights, sound_logs
from popclass.results import OTHER

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

Judge = Callable[[NDArray[np.intp], Array], Array]
SHRINKAGE = 20.0  # of the squared standardised weights, in nats
UNITS = 16
STEPS = 200
WORKERS = 2  # threads; the outcome does not depend on how many


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
    parts : ndarray of int, shape (k,)
        Which of the others belong to a joint's sound and are no event of their own: its echoes, the rub before a snap.
        No class is learnt from what they sound like, but company must not make a joint event of them.
    """

    X: Array
    group: NDArray[np.str_]
    session: Whole
    recording: Whole
    onset_s: Array
    burst: Whole
    level_db: Array
    rows: Whole
    parts: Whole = field(default_factory=lambda: np.zeros(0, np.int64))


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
    from joblib import Parallel, delayed

    acoustic = np.zeros((len(company.X), len(classes)))
    groups = company.group[company.rows]
    for train, test in folds:
        aside = np.isin(company.group, np.unique(groups[test]))
        acoustic[aside] = judge(train, company.X[aside])
    blank = blank_context(company.X[company.rows], company.session[company.rows], names, classes, seed=seed)
    measured = measure_all(
        blank, company.X, acoustic, company.recording, company.onset_s, company.burst, company.level_db
    )
    parts = company.parts if OTHER in classes else company.parts[:0]
    learnt = np.concatenate([company.rows, parts])
    truth = np.concatenate([y, np.full(len(parts), classes.index(OTHER) if len(parts) else 0, y.dtype)])
    held_out = [np.isin(company.group[learnt], np.unique(groups[test])) for _, test in folds]
    chosen = [*(np.flatnonzero(~each) for each in held_out), np.arange(len(learnt))]
    *others, final = Parallel(n_jobs=WORKERS, prefer="threads")(
        delayed(fit_weighing)(acoustic[learnt[each]], measured[learnt[each]], truth[each], seed=seed) for each in chosen
    )
    contextual = np.zeros((len(y), len(classes)))
    for weighing, (_, test) in zip(others, folds, strict=True):
        rows = company.rows[test]
        contextual[test] = replace(blank, weighing=weighing).apply(acoustic[rows], measured[rows])
    return replace(blank, weighing=final), contextual


def blank_context(X: Array, session: Whole, names: Sequence[str], classes: Sequence[str], *, seed: int = 0) -> Context:
    """A context stage that can measure but has no weights yet.

    Parameters
    ----------
    X : ndarray, shape (n, features)
        Training events; they set the scale of similarity.
    session : ndarray of int, shape (n,)
        Which session each is from: events of different ones are unrelated.
    names : sequence of str
        Of the features.
    """
    columns = tuple(index for index, name in enumerate(names) if name not in ("snr", "before"))
    chosen = X[:, columns]
    mean, spread = chosen.mean(axis=0), chosen.std(axis=0) + 1e-6
    scale = similarity_scale((chosen - mean) / spread, session, seed=seed)
    measures = context_names(classes)
    nothing = ContextWeights.of_weights(np.zeros((len(measures), len(classes))))
    return Context(columns, mean, spread, Similarity(scale=scale), measures, nothing)


def measure_all(
    context: Context, X: Array, acoustic: Array, recording: Whole, onset_s: Array, burst: Whole, level_db: Array
) -> Array:
    """The measures of events of many recordings, which lie together."""
    measured = np.zeros((len(X), len(context.names)))
    for start, stop in _runs(recording):
        own = slice(start, stop)
        measured[own] = context.features(X[own], acoustic[own], onset_s[own], burst[own], level_db[own])
    return measured


def fit_weighing(acoustic: Array, measured: Array, y: Whole, *, units: int = UNITS, seed: int = 0) -> ContextWeights:
    """The weighing of the measures under which the truth is most likely, shrunk towards none.

    Parameters
    ----------
    acoustic : ndarray, shape (n, classes)
        Calibrated probabilities of held-out events.
    measured : ndarray, shape (n, measures)
    y : ndarray of int, shape (n,)
    units : int
        Hidden units; with few events none of them pays.
    seed : int
        Decides where the search begins.
    """
    measures, classes = measured.shape[1], acoustic.shape[1]
    scale = np.sqrt((measured**2).mean(axis=0)) + 1e-9  # about zero, which is what no company measures
    inputs, sound, offset = measured / scale, sound_logs(acoustic), np.log(np.maximum(acoustic, 1e-12))
    truth = np.eye(classes)[y]
    shapes = [(measures, classes), (measures, units), (classes, units), (units,), (units, classes)]
    places = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])

    def parts(flat: Array) -> list[Array]:
        return [flat[places[i] : places[i + 1]].reshape(shape) for i, shape in enumerate(shapes)]

    def loss(flat: Array) -> tuple[float, Array]:
        linear, inner, alone, bias, outer = parts(flat)
        base = sound @ alone + bias
        with_company, without = np.tanh(inputs @ inner + base), np.tanh(base)
        logits = offset + inputs @ linear + (with_company - without) @ outer
        logits -= logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        off = np.exp(log_p) - truth
        back = off @ outer.T
        back_company = back * (1 - with_company**2)
        back_base = back_company - back * (1 - without**2)
        slopes = [
            *(inputs.T @ off, inputs.T @ back_company, sound.T @ back_base),
            *(back_base.sum(axis=0), (with_company - without).T @ off),
        ]
        gradient = np.concatenate([slope.ravel() for slope in slopes]) + 2 * shrinkage * flat
        return float(-(truth * log_p).sum() + (shrinkage * flat**2).sum()), gradient

    shrinkage = np.full(places[-1], SHRINKAGE)
    shrinkage[places[3] : places[4]] = 0.0  # where a unit bends costs nothing
    start = np.random.default_rng(seed).normal(0.0, 0.3, places[-1])
    start[: places[1]] = start[places[4] :] = 0.0  # nothing is contextual of company before anything is learnt
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "maxfun": 2 * STEPS})
    linear, inner, alone, bias, outer = parts(found.x)
    return ContextWeights(linear / scale[:, None], inner / scale[:, None], alone, bias, outer)


def _runs(recording: Whole) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(recording)) + 1
    return list(zip([0, *edges.tolist()], [*edges.tolist(), len(recording)], strict=True)) if len(recording) else []
