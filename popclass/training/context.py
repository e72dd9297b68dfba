"""Training of the context stage: weights of the context features.

The weights are fitted as a multinomial regression whose offset is the logarithm of the acoustic probability. So they
add only what the sound alone does not tell. The acoustic probabilities must be those of held-out groups; otherwise
context would look less useful than it is for new recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise, starmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.context.features import context_names
from popclass.context.similarity import Similarity, similarity_scale
from popclass.model.context import Context, ContextWeights, sound_logs
from popclass.model.model import Model
from popclass.results import OTHER
from popclass.training.folds import Folds, Names

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

Predictor = Callable[[NDArray[np.intp], Array], Array]
"""Takes indices of training events and features of others; returns calibrated probabilities of the others."""
SHRINKAGE = 20.0  # of the squared standardized weights, in nats
UNITS = 16  # hidden
STEPS = 200
WORKERS = 2  # threads; the result does not depend on how many


@dataclass(frozen=True, slots=True)
class ContextSamples:
    """All events of labelled sessions, those without a class included.

    Attributes
    ----------
    X : ndarray, shape (m, features)
    group : ndarray of str, shape (m,)
        Group that must not be on both sides of a fold.
    session, recording : ndarray of int, shape (m,)
        Events of one recording are adjacent.
    onset_s, level_db : ndarray, shape (m,)
    burst : ndarray of int, shape (m,)
    rows : ndarray of int, shape (n,)
        Indices of the training events.
    parts : ndarray of int, shape (k,)
        Indices of events that belong to the sound of a joint but are not events of their own: its echoes, the rub
        before a snap. The acoustic classifier is not trained on them, but context must not make joint events of them.
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

    def features(self, context: Context, acoustic: Array) -> Array:
        """Return the context features of all events, recording by recording, shape (m, context features)."""
        edges = [0, *(np.flatnonzero(np.diff(self.recording)) + 1).tolist(), len(self.X)]
        out = np.zeros((len(self.X), len(context.names)))
        for own in starmap(slice, pairwise(edges)):
            timing = self.onset_s[own], self.burst[own], self.level_db[own]
            out[own] = context.features(self.X[own], acoustic[own], *timing)
        return out


def learn_context(
    samples: ContextSamples, y: Whole, classes: Names, names: Names, folds: Folds, predict: Predictor, *, seed: int = 0
) -> tuple[Context, Array]:
    """Train the context stage.

    Parameters
    ----------
    samples : ContextSamples
    y : ndarray of int, shape (n,)
        Classes of the training events.
    classes, names : sequences of str
        Names of the classes and of the features.
    folds : list of (training indices, held-out indices)
    predict : callable
        See `Predictor`; it must use nothing but the training events.
    seed : int

    Returns
    -------
    context : Context
    contextual : ndarray, shape (n, classes)
        Probabilities of each training event by sound and context while its group was held out.
    """
    from joblib import Parallel, delayed

    groups = samples.group[samples.rows]
    held_out = [np.isin(samples.group, np.unique(groups[test])) for _, test in folds]
    acoustic = np.zeros((len(samples.X), len(classes)))
    for (train, _), aside in zip(folds, held_out, strict=True):
        acoustic[aside] = predict(train, samples.X[aside])
    untrained = _untrained(samples, names, classes, seed)
    features = samples.features(untrained, acoustic)
    used = np.concatenate([samples.rows, samples.parts])
    truth = np.concatenate([y, np.full(len(samples.parts), classes.index(OTHER), y.dtype)])
    chosen = [*(np.flatnonzero(~aside[used]) for aside in held_out), np.arange(len(used))]
    *partial, final = Parallel(n_jobs=WORKERS, prefer="threads")(
        delayed(fit_context_weights)(acoustic[used[each]], features[used[each]], truth[each], seed=seed)
        for each in chosen
    )
    contextual = np.zeros((len(y), len(classes)))
    for weights, (_, test) in zip(partial, folds, strict=True):
        rows = samples.rows[test]
        contextual[test] = replace(untrained, weighing=weights).apply(acoustic[rows], features[rows])
    return replace(untrained, weighing=final), contextual


def _untrained(samples: ContextSamples, names: Names, classes: Names, seed: int) -> Context:
    """Return a context stage without weights; the training events set the scale of similarity."""
    columns = tuple(index for index, name in enumerate(names) if name not in ("snr", "before"))
    chosen = samples.X[samples.rows][:, columns]
    mean, spread = chosen.mean(axis=0), chosen.std(axis=0) + 1e-6
    scale = similarity_scale((chosen - mean) / spread, samples.session[samples.rows], seed=seed)
    context = context_names(classes)
    weights = ContextWeights.of_weights(np.zeros((len(context), len(classes))))
    return Context(columns, mean, spread, Similarity(scale=scale), context, weights)


def fit_context_weights(acoustic: Array, features: Array, y: Whole, *, seed: int = 0) -> ContextWeights:
    """Return the weights that maximize the likelihood of the truth, shrunk towards 0.

    Parameters
    ----------
    acoustic : ndarray, shape (n, classes)
        Calibrated probabilities of held-out events.
    features : ndarray, shape (n, context features)
    y : ndarray of int, shape (n,)
    seed : int
        Decides where the optimization begins.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    width, classes = features.shape[1], acoustic.shape[1]
    scale = np.sqrt((features**2).mean(axis=0)) + 1e-9  # about zero, the value of an event without context
    inputs, sound, offset = features / scale, sound_logs(acoustic), np.log(np.maximum(acoustic, 1e-12))
    truth = np.eye(classes)[y]
    shapes = [(width, classes), (width, UNITS), (classes, UNITS), (UNITS,), (UNITS, classes)]
    places = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])

    def split(flat: Array) -> list[Array]:
        return [flat[places[i] : places[i + 1]].reshape(shape) for i, shape in enumerate(shapes)]

    def loss(flat: Array) -> tuple[float, Array]:
        linear, inner, alone, bias, outer = split(flat)
        base = sound @ alone + bias
        hidden, without = np.tanh(inputs @ inner + base), np.tanh(base)
        log_p = log_softmax(offset + inputs @ linear + (hidden - without) @ outer, axis=1)
        off = np.exp(log_p) - truth
        back = off @ outer.T
        back_hidden = back * (1 - hidden**2)
        back_base = back_hidden - back * (1 - without**2)
        gradients = [inputs.T @ off, inputs.T @ back_hidden, sound.T @ back_base, back_base.sum(axis=0)]
        gradients.append((hidden - without).T @ off)
        gradient = np.concatenate([each.ravel() for each in gradients]) + 2 * shrinkage * flat
        return float(-(truth * log_p).sum() + (shrinkage * flat**2).sum()), gradient

    shrinkage = np.full(places[-1], SHRINKAGE)
    shrinkage[places[3] : places[4]] = 0.0  # the biases are free
    start = np.random.default_rng(seed).normal(0.0, 0.3, places[-1])
    start[: places[1]] = start[places[4] :] = 0.0  # the start adds nothing to the acoustic probabilities
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "maxfun": 2 * STEPS})
    linear, inner, alone, bias, outer = split(found.x)
    return ContextWeights(linear / scale[:, None], inner / scale[:, None], alone, bias, outer)


def inherit_context(base: Model | None, classes: Names) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the context stage of a base model for a new model, as a model file stores it.

    The weights belong to the classes of the base in its order. Models of the same classes list them in the same order.

    Parameters
    ----------
    base : Model or None
    classes : sequence of str
        In the order of the new model.

    Returns
    -------
    stored : dict or None
        None where there is no base, it has no context stage, or its classes differ.
    remarks : list of str
        The classes for which the stage could not be used.
    """
    if base is None or base.context is None:
        return None, []
    if tuple(classes) == base.classes:
        return base.info["context"], []
    reason = class_differences(base.classes, classes) or "its classes are in another order"
    return None, [f"the context weights of the base model could not be used: {reason}"]


def class_differences(base: Names, classes: Names) -> str:
    """Return the classes that only one of two models has, in words; empty where they have the same.

    Examples
    --------
    >>> class_differences(["cavitation", "snapping", "other"], ["cavitation", "click", "other"])
    "it does not have 'click'; 'snapping' is not among the labels"
    """
    new = ", ".join(f"'{name}'" for name in classes if name not in base)
    gone = ", ".join(f"'{name}'" for name in base if name not in classes)
    parts = [f"it does not have {new}"] if new else []
    parts += [f"{gone} {'are' if ',' in gone else 'is'} not among the labels"] if gone else []
    return "; ".join(parts)
