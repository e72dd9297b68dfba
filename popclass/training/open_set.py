"""What novelty and context are worth for sounds that a model never met.

A recording holds kinds of `other` that no training data have. To learn how far to trust a classifier there, it is
trained again without half of the kinds of `other`, and without a fold of groups, and applied to all events of that
fold. Such a `View` shows how often the sounds of unknown kinds pass for those of a joint; each fold has one, without
other kinds. The costs of novelty (`fit_costs`) are learnt from them. Leaving out classes of a training set to learn
rejection follows Scheirer et al. (2013, IEEE TPAMI 35:1757), who call it openness. To leave out half of the kinds is a
choice, which recordings of everyday sounds confirmed (`models/real.json`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from popclass.model.novelty import LARGEST_COST
from popclass.training.cross_validation import Progress, tracked
from popclass.training.folds import Folds

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

Learner = Callable[[Whole, Whole, Array], tuple[Array, Array]]
"""Takes indices of training events, of those of known kinds, and features of other events; returns for the latter the
probabilities of a classifier of the known kinds, calibrated on all, and the distances from the known ones.
"""
WORKERS = 2  # threads; the result does not depend on how many


@dataclass(frozen=True, slots=True)
class View:
    """Events of one fold to a classifier that did not learn from the fold, nor from some kinds of `other`.

    Attributes
    ----------
    fold : int
    events : ndarray of int, shape (e,)
        Indices of all events of the groups of the fold.
    acoustic : ndarray, shape (e, classes)
        Calibrated probabilities.
    novelty : ndarray, shape (e,)
        Share of the events of known kinds that are closer to the training data.
    unknown : ndarray of bool, shape (e,)
        Events of a kind that was left out.
    """

    fold: int
    events: Whole
    acoustic: Array
    novelty: Array
    unknown: Flags


def make_views(
    X: Array,
    group: NDArray[np.str_],
    kind: NDArray[np.str_],
    rows: Whole,
    folds: Folds,
    learn: Learner,
    *,
    halves: bool,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[View]:
    """Return the events of each fold to classifiers that did not learn from it.

    Parameters
    ----------
    X : ndarray, shape (m, features)
    group, kind : ndarray of str, shape (m,)
        Group of each event, and family of kinds of `other`; empty for events of other classes and of no class.
    rows : ndarray of int, shape (n,)
        Indices of the training events.
    folds : list of (training indices, held-out indices)
        Into `rows`.
    learn : callable
        See `Learner`.
    halves : bool
        True to leave out other kinds in each fold, half of them; False for views that know all kinds.
    seed : int
        Decides which halves come first.
    progress : callable, optional
    """
    from joblib import Parallel, delayed

    names = np.unique(kind[kind != ""]).tolist()
    choices: list[tuple[str, ...]] = [()] * len(folds)
    if halves:
        every = [*combinations(names, len(names) // 2)]
        order = np.random.default_rng(seed).permutation(len(every)).tolist()
        choices = [every[order[i % len(every)]] for i in range(len(folds))]

    def view(number: int, left_out: Sequence[str]) -> View:
        train, test = folds[number % len(folds)]
        events = np.flatnonzero(np.isin(group, np.unique(group[rows[test]])))
        unknown = np.isin(kind, left_out)
        acoustic, distance = learn(train, train[~unknown[rows[train]]], X[events])
        known = np.sort(distance[np.isin(events, rows) & ~unknown[events]])
        novelty = np.searchsorted(known, distance) / len(known)
        return View(number % len(folds), events, acoustic, novelty, unknown[events])

    made = Parallel(n_jobs=WORKERS, prefer="threads", return_as="generator")(
        delayed(view)(*each) for each in enumerate(choices)
    )
    return [*tracked(made, "leaving out kinds" if halves else "leaving out folds", len(choices), progress)]


def fit_costs(views: Sequence[View], truth: Whole, joint: Flags) -> tuple[float, ...]:
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

    counts = [truth[view.events] >= 0 for view in views]
    logs = np.log(np.maximum(np.concatenate([v.acoustic[c] for v, c in zip(views, counts, strict=True)]), 1e-12))
    novelty = np.concatenate([v.novelty[c] for v, c in zip(views, counts, strict=True)])[:, None]
    right = np.eye(len(joint))[np.concatenate([truth[v.events[c]] for v, c in zip(views, counts, strict=True)])]

    def loss(costs: Array) -> tuple[float, Array]:
        log_p = log_softmax(logs - novelty * costs, axis=1)
        gradient = (novelty * (right - np.exp(log_p))).sum(axis=0)
        return float(-(right * log_p).sum()), gradient

    bounds = [(0.0, LARGEST_COST if each else 0.0) for each in joint]
    found = minimize(loss, np.zeros(len(joint)), jac=True, method="L-BFGS-B", bounds=bounds)
    return tuple(round(float(cost), 6) for cost in found.x)


def kinds_left_out(
    views: Sequence[View],
    stages: dict[str, list[Array]],
    kind: NDArray[np.str_],
    other: int,
) -> list[dict[str, object]]:
    """Return how many events of kinds that were left out get a joint label, by kind and by stage.

    Parameters
    ----------
    views : sequence of View
    stages : dict of list of ndarray, shape (e, classes)
        Probabilities of the events of each view after each stage, by its name; the last two are without and with
        context.
    kind : ndarray of str, shape (m,)
        Family of kinds of each event.
    other : int
        Index of the class `other`.

    Returns
    -------
    list of dict
        `kind`, `events`, the share with a joint label after each stage, and `added` and `removed`: the number of joint
        labels that context adds and removes.
    """
    of = np.concatenate([np.where(view.unknown, kind[view.events], "") for view in views])
    joint = {name: np.concatenate([p.argmax(axis=1) for p in found]) != other for name, found in stages.items()}
    without, with_context = [*joint.values()][-2:]
    rows = []
    for name in np.unique(of[of != ""]).tolist():
        own = of == name
        shares: dict[str, object] = {stage: float(called[own].mean()) for stage, called in joint.items()}
        added, removed = (
            int((own & now & ~before).sum()) for now, before in ((with_context, without), (without, with_context))
        )
        rows.append({"kind": name, "events": int(own.sum()), **shares, "added": added, "removed": removed})
    return rows
