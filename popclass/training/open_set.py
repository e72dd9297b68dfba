"""Costs of novelty, learnt from kinds of sound that were left out of training.

Classifiers without half of the families of kinds (`popclass.training.views`) show how often the sounds of unknown kinds
pass for those of a joint, and how far these lie from the training data. To leave out half is a choice, made with
recordings of everyday sounds in view (`models/real.json`). The context stage is learnt with the costs, from classifiers
of all kinds: learnt without some kinds, it lost more pops of thrusts than a higher threshold does. What keeps it from
lifting sounds that it does not know is that it also learns from excerpts (`popclass.training.context`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.metrics.bootstrap import ratios
from popclass.model.context import Context
from popclass.model.novelty import LARGEST_COST, Costs, weigh
from popclass.schema import OTHER
from popclass.training.context import ContextSamples, learn_context
from popclass.training.cross_validation import Progress
from popclass.training.folds import Folds, Names
from popclass.training.thresholds import is_joint
from popclass.training.views import Array, Flags, Learner, View, Whole, make_views


@dataclass(frozen=True, slots=True)
class OpenSet:
    """Costs of novelty and context stage, with what they do to held-out events.

    Attributes
    ----------
    costs : tuple of float
        See `popclass.model.novelty.weigh`.
    context : Context
    contextual : ndarray, shape (n, classes)
        Probabilities of each training event by sound, novelty and context while its group was held out.
    kinds : list of dict
        See `kinds_left_out`.
    """

    costs: Costs
    context: Context
    contextual: Array
    kinds: list[dict[str, Any]]


def learn_open_set(
    samples: ContextSamples,
    y: Whole,
    classes: Names,
    names: Names,
    folds: Folds,
    learn: Learner,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> OpenSet:
    """Learn the costs of novelty from classifiers without some kinds, and the context stage from those of all.

    Parameters
    ----------
    samples : ContextSamples
    y, classes, names
        As `popclass.training.context.learn_context`.
    folds : list of (training indices, held-out indices)
    learn : callable
        See `popclass.training.views.Learner`.
    seed : int
    progress : callable, optional
    """
    family = samples.family if len(samples.family) else np.full(len(samples.X), "")
    make = partial(make_views, samples.X, samples.group, family, samples.rows, folds, learn, seed=seed)
    whole = make(halves=False, progress=progress)
    halves = make(halves=True, progress=progress) if family.any() else []
    truth = np.full(len(samples.X), -1)
    truth[samples.rows] = y
    costs = fit_costs(halves, truth, is_joint(classes)) if halves else ()
    context, found = learn_context(samples, y, classes, names, whole, costs, applied=halves, seed=seed)
    contextual = np.zeros((len(samples.X), len(classes)))
    for view, p in zip(whole, found, strict=False):
        contextual[view.events] = p
    left_out = found[len(whole) :]
    kinds = kinds_left_out(halves, costs, left_out, family, samples.session, classes.index(OTHER)) if halves else []
    return OpenSet(costs, context, contextual[samples.rows], kinds)


def fit_costs(views: Sequence[View], truth: Whole, joint: Flags) -> Costs:
    """Return the log-odds that each class loses from novelty 0 to 1, for `popclass.model.novelty.weigh`.

    They maximize the likelihood of the events of the views. There is no constant beside the slope: an event at
    novelty 0 keeps its probabilities.

    Parameters
    ----------
    views : sequence of View
    truth : ndarray of int, shape (m,)
        Class of each event, -1 for those that do not count.
    joint : ndarray of bool, shape (classes,)
        Classes that may lose; the others lose nothing.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    true = np.concatenate([truth[view.events] for view in views])
    counts = true >= 0
    logs = np.log(np.maximum(np.concatenate([view.acoustic for view in views]), 1e-12))[counts]
    novelty = np.concatenate([view.novelty for view in views])[counts, None]
    right = np.eye(len(joint))[true[counts]]

    def loss(costs: Array) -> tuple[float, Array]:
        log_p = log_softmax(logs - novelty * costs, axis=1)
        gradient = (novelty * (right - np.exp(log_p))).sum(axis=0)
        return float(-(right * log_p).sum()), gradient

    bounds = [(0.0, LARGEST_COST if each else 0.0) for each in joint]
    found = minimize(loss, np.zeros(len(joint)), jac=True, method="L-BFGS-B", bounds=bounds)
    return tuple(round(float(cost), 6) for cost in found.x)


def kinds_left_out(
    views: Sequence[View],
    costs: Costs,
    contextual: Sequence[Array],
    family: NDArray[np.str_],
    session: Whole,
    other: int,
) -> list[dict[str, Any]]:
    """Return how many events of kinds that were left out get a joint label, by family and by stage.

    Parameters
    ----------
    views : sequence of View
    costs : tuple of float
    contextual : sequence of ndarray, shape (e, classes)
        Probabilities of the events of each view by sound, novelty and context.
    family : ndarray of str, shape (m,)
        Family of kinds of each event.
    session : ndarray of int, shape (m,)
    other : int
        Index of the class `other`.

    Returns
    -------
    list of dict
        `kind`, the family; `events`; the shares with a joint label by `sound`, with `novelty`, and with `context`, and
        their `intervals` by a bootstrap over sessions; the numbers of joint labels that context `added` and `removed`.
    """

    def joint(probabilities: Sequence[Array]) -> Flags:
        return np.asarray(np.concatenate(probabilities).argmax(axis=1) != other)

    of = np.concatenate([np.where(view.unknown, family[view.events], "") for view in views])
    sessions = np.concatenate([session[view.events] for view in views]).astype(str)
    by_sound = joint([view.acoustic for view in views])
    without = joint([weigh(view.acoustic, view.novelty, costs) for view in views])
    with_context = joint(contextual)
    rows = []
    for name in np.unique(of[of != ""]).tolist():
        own = of == name
        shares = {"sound": by_sound, "novelty": without, "context": with_context}
        numbers = {"added": with_context & ~without, "removed": without & ~with_context}
        every = np.ones(int(own.sum()), dtype=bool)
        found, spans = ratios({stage: (called[own], every) for stage, called in shares.items()}, sessions[own].tolist())
        row: dict[str, Any] = {"kind": name, "events": len(every), **found, "intervals": spans}
        rows.append(row | {change: int(flags[own].sum()) for change, flags in numbers.items()})
    return rows
