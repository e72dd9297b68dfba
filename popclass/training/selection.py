"""Candidates beside a base model, and the choice between them and the corrected base.

A candidate is a classifier of the features, or of the features and the log probabilities of the base (stacked
generalization; Wolpert 1992, Neural Networks). A base was trained on far more people than a few recordings hold, so it
is replaced only on evidence about people: the folds must keep subjects apart, and the 95 % interval of the difference
in loss must lie above 0. Where folds keep only recordings apart, a model that overfits to these few people looks good
whatever it is worth for others.
"""

from __future__ import annotations

import math

import numpy as np

from popclass.metrics.bootstrap import FEWEST_GROUPS, mean_interval
from popclass.metrics.tables import STACKED
from popclass.training.classifiers import ALONE, OF_MANY, ON_BASE, trainable
from popclass.training.cross_validation import Arrays
from popclass.training.folds import SUBJECT, Folds, Names

MANY_EVENTS = 4000  # from here on there is no support vector machine, which is slow
EVENTS_NEEDED = 200  # fewer never made a better model of the labels alone (docs/research/learning-curve.md)


def candidate_tables(X: np.ndarray, logs: np.ndarray | None, y: np.ndarray, splits: Folds) -> Arrays:
    """Return the features of each candidate that can be trained on every fold.

    Parameters
    ----------
    X : ndarray, shape (n, f)
    logs : ndarray, shape (n, k), optional
        Result of `popclass.training.graphs.base_logs`; without it there are only candidates of the labels alone.
    y : ndarray of int, shape (n,)
    splits : list of (training indices, held-out indices)
    """
    tables = dict.fromkeys(ALONE if len(y) < MANY_EVENTS else OF_MANY, X)
    if logs is not None:
        tables |= dict.fromkeys((kind + STACKED for kind in ON_BASE), np.hstack([X, logs]))
    sides = [train for train, _ in splits]
    return {kind: table for kind, table in tables.items() if trainable(kind, y, sides)}


def compare(
    losses: Arrays, corrected: np.ndarray, groups: Names, grouped_by: str, *, seed: int = 0, measure: str = "log loss"
) -> tuple[bool, str]:
    """Decide whether the best of some models replaces the corrected base.

    Parameters
    ----------
    losses : mapping of str to ndarray, shape (n,)
        Loss of each held-out event by each model.
    corrected : ndarray, shape (n,)
        The same of the base with its correction.
    groups : sequence of str, length n
        Held-out group of each event.
    grouped_by : str
        Kind of the groups; only scores over a `subject` apply to a new person.
    seed : int
    measure : str
        Name of the loss in the remark.

    Returns
    -------
    replaces : bool
    remark : str
        The reason, for people; empty where there are no models.

    Examples
    --------
    >>> groups = [str(i // 10) for i in range(100)]
    >>> compare({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "subject")[0]
    True
    >>> compare({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "recording")[0]
    False
    """
    if not losses:
        return False, ""
    kind = min(losses, key=lambda each: losses[each].mean())
    gain = corrected - losses[kind]
    span = mean_interval(gain, groups, seed=seed)
    interval = "too few groups for an interval" if span is None else f"95 % interval {-span[1]:+.3f} to {-span[0]:+.3f}"
    if span is not None and math.isclose(*span):
        interval = "no interval, as all bootstrap draws agree"
    labels = "labels" if kind.endswith(STACKED) else "labels alone"
    found = (
        f"{kind}, trained on these {labels}, had a {measure} {abs(gain.mean()):.3f} ({interval}) "
        f"{'below' if gain.mean() > 0 else 'above'} that of the base with a correction, on held-out {grouped_by}s"
    )
    if gain.mean() > 0 and grouped_by == SUBJECT and span is not None and span[0] > 0:
        return True, f"{found}; that is clearly better, so it replaces the base"
    if gain.mean() > 0 and grouped_by != SUBJECT:
        subjects = f"name the subjects in a labels.csv, {FEWEST_GROUPS} or more, and 2 or more for each class"
        return False, f"{found}, which does not apply to a new person, so the base stays; to compare them, {subjects}"
    return False, f"{found}; {'that is not clear enough, so ' if gain.mean() > 0 else ''}the base stays"
