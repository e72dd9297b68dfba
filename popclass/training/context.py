"""Training of the context stage: weights of the context features.

The weights are fitted as a multinomial regression whose offset is the logarithm of the acoustic probability. So they
add only what the sound alone does not tell. The acoustic probabilities must be those of held-out groups; otherwise
context would look less useful than it is for new recordings. They include the costs of novelty
(`popclass.training.open_set`), so context starts from what the model believes of sounds that it does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, starmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.context.features import context_names
from popclass.context.similarity import Similarity, similarity_scale
from popclass.model.context import Context, ContextWeights, sound_logs
from popclass.model.model import Model
from popclass.model.novelty import Costs, weigh
from popclass.schema import OTHER
from popclass.training.folds import Names
from popclass.training.views import View

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

SHRINKAGE = 20.0  # of the squared standardized weights, in nats
UNITS = 32  # hidden
STEPS = 200
NETWORKS = 4  # whose log-odds are averaged: those of one depend on where its optimization begins
EXCERPT_S = (1.0, 20.0)  # duration of excerpts, log-uniform: from a clip of one sound to a short recording
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
    family : ndarray of str, shape (m,)
        Family of kinds of each event of the class `other`, empty for others; not used where there is none.
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
    family: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, np.str_))

    def excerpts(self, seed: int) -> ContextSamples:
        """Return the same events as if each recording had been cut into excerpts of one duration, drawn for each."""
        rng = np.random.default_rng(seed)
        size = int(self.recording.max(initial=0)) + 1
        shortest, longest = np.log(EXCERPT_S).tolist()
        duration = np.exp(rng.uniform(shortest, longest, size))[self.recording]
        excerpt = np.floor(self.onset_s / duration + rng.uniform(size=size)[self.recording]).astype(np.int64)
        return replace(self, recording=np.unique([self.recording, excerpt], axis=1, return_inverse=True)[1].ravel())

    def features(self, context: Context, events: Whole, acoustic: Array) -> Array:
        """Return the context features of events of whole recordings, shape (e, context features).

        Parameters
        ----------
        context : Context
        events : ndarray of int, shape (e,)
            Rising indices of all events of some recordings.
        acoustic : ndarray, shape (e, classes)
        """
        edges = [0, *(np.flatnonzero(np.diff(self.recording[events])) + 1).tolist(), len(events)]
        out = np.zeros((len(events), len(context.names)))
        for own in starmap(slice, pairwise(edges)):
            at = events[own]
            timing = self.onset_s[at], self.burst[at], self.level_db[at]
            out[own] = context.features(self.X[at], acoustic[own], *timing)
        return out


def learn_context(
    samples: ContextSamples,
    y: Whole,
    classes: Names,
    names: Names,
    views: Sequence[View],
    costs: Costs = (),
    *,
    applied: Sequence[View] = (),
    seed: int = 0,
) -> tuple[Context, list[Array]]:
    """Train the context stage, from events among those of their recording and among those of an excerpt of it.

    What a neighbour tells depends on how much of a recording there is. Learnt from whole sessions alone, context takes
    a knock and its echo in a clip of a second for a burst of joint sounds.

    Parameters
    ----------
    samples : ContextSamples
    y : ndarray of int, shape (n,)
        Classes of the training events.
    classes, names : sequences of str
        Names of the classes and of the features.
    views : sequence of View
        Events to classifiers that did not learn from them.
    costs : tuple of float
        Costs of novelty, see `popclass.model.novelty.weigh`.
    applied : sequence of View
        More views to predict, from which nothing is learnt.
    seed : int

    Returns
    -------
    context : Context
    contextual : list of ndarray, shape (e, classes)
        Probabilities of the events of each view by sound, novelty and context, with weights from the other folds.
    """
    from joblib import Parallel, delayed

    truth = np.full(len(samples.X), -1)
    truth[samples.rows], truth[samples.parts] = y, classes.index(OTHER)
    untrained = _untrained(samples, names, classes, seed)
    weighed = [weigh(view.acoustic, view.novelty, costs) for view in (*views, *applied)]
    features = [samples.features(untrained, v.events, p) for v, p in zip((*views, *applied), weighed, strict=True)]
    cut = samples.excerpts(seed)
    in_excerpts = [cut.features(untrained, v.events, p) for v, p in zip(views, weighed, strict=False)]

    def learn(fold: int | None) -> ContextWeights:
        chosen = [(at, truth[view.events] >= 0) for at, view in enumerate(views) if view.fold != fold]
        columns = [
            (weighed[at][c], measures[at][c], truth[views[at].events[c]])
            for measures in (features, in_excerpts)
            for at, c in chosen
        ]
        table = [*map(np.concatenate, zip(*columns, strict=True))]
        return average([fit_context_weights(*table, seed=seed + number) for number in range(NETWORKS)])

    folds = sorted({view.fold for view in views})
    found = Parallel(n_jobs=WORKERS, prefer="threads")(delayed(learn)(fold) for fold in (*folds, None))
    weights = dict(zip((*folds, None), found, strict=True))
    contextual = [
        replace(untrained, weighing=weights[view.fold]).apply(p, measures)
        for view, p, measures in zip((*views, *applied), weighed, features, strict=True)
    ]
    return replace(untrained, weighing=weights[None]), contextual


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


def average(weights: Sequence[ContextWeights]) -> ContextWeights:
    """Return weights with the units of all, which add the mean of their log-odds.

    Examples
    --------
    >>> one, two = (ContextWeights.of_weights(np.full((4, 3), value)) for value in (1.0, 2.0))
    >>> average([one, two]).linear[0]
    array([1.5, 1.5, 1.5])
    """
    return ContextWeights(
        linear=np.mean([each.linear for each in weights], axis=0),
        inner=np.hstack([each.inner for each in weights]),
        sound=np.hstack([each.sound for each in weights]),
        bias=np.concatenate([each.bias for each in weights]),
        outer=np.vstack([each.outer for each in weights]) / len(weights),
    )


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
