"""Views: events of sessions to classifiers that did not learn from them, nor from some kinds of sound.

A recording holds kinds of `other` that no training data have. To learn how far to trust a classifier there, it is
trained again without half of the families of kinds, and without a fold of groups, and applied to all events of that
fold. Leaving out classes to learn rejection follows Scheirer et al. (2013, IEEE TPAMI 35:1757).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

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
    family: NDArray[np.str_],
    rows: Whole,
    folds: Folds,
    learn: Learner,
    *,
    halves: bool,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[View]:
    """Return the events of each fold to a classifier that did not learn from it.

    Parameters
    ----------
    X : ndarray, shape (m, features)
    group, family : ndarray of str, shape (m,)
        Group of each event, and family of kinds of `other`; empty for events of other classes and of no class.
    rows : ndarray of int, shape (n,)
        Indices of the training events.
    folds : list of (training indices, held-out indices)
        Into `rows`.
    learn : callable
        See `Learner`.
    halves : bool
        True to leave out half of the families, others in each fold; False for views that know all.
    seed : int
        Decides which half is left out in which fold.
    progress : callable, optional
    """
    from joblib import Parallel, delayed

    names = np.unique(family[family != ""]).tolist()
    every = [*combinations(names, len(names) // 2)] if halves else [()]
    order = np.random.default_rng(seed).permutation(len(every)).tolist()

    def view(fold: int) -> View:
        train, test = folds[fold]
        events = np.flatnonzero(np.isin(group, np.unique(group[rows[test]])))
        unknown = np.isin(family, every[order[fold % len(every)]])
        acoustic, distance = learn(train, train[~unknown[rows[train]]], X[events])
        known = np.sort(distance[np.isin(events, rows) & ~unknown[events]])
        return View(fold, events, acoustic, np.searchsorted(known, distance) / len(known), unknown[events])

    made = Parallel(n_jobs=WORKERS, prefer="threads", return_as="generator")(map(delayed(view), range(len(folds))))
    return [*tracked(made, "leaving out kinds" if halves else "leaving out folds", len(folds), progress)]
