"""Comparison of a corrected base model with models of the labels alone, on the same folds.

A base was trained on far more people than a few recordings hold, so it is replaced only on evidence about people: the
folds must keep subjects apart, and the 95 % interval of the difference in log loss must lie above 0. Where folds keep
only recordings apart, a model that overfits to these few people looks good whatever it is worth for others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from popclass.metrics.bootstrap import FEWEST_GROUPS, mean_interval
from popclass.training.classifiers import trainable_kinds
from popclass.training.cross_validation import cross_validate
from popclass.training.folds import SUBJECT, Folds

EVENTS_NEEDED = 200  # fewer never made a better model of the labels alone (docs/learning-curve.md)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result of comparing the best model of the labels alone with the corrected base.

    Attributes
    ----------
    kind : str
    replaces : bool
        Whether it replaces the base.
    remark : str
        The reason, for people.
    """

    kind: str
    replaces: bool
    remark: str


def predict_held_out(X: np.ndarray, y: np.ndarray, splits: Folds, seed: int) -> dict[str, np.ndarray]:
    """Return calibrated held-out probabilities of each classifier of the labels alone; empty with too few events.

    Parameters
    ----------
    X : ndarray, shape (n, f)
    y : ndarray of int, shape (n,)
        Classes, each present on every training side.
    splits : list of (training indices, held-out indices)
    seed : int
    """
    if len(y) < EVENTS_NEEDED:
        return {}
    kinds = trainable_kinds(y, [train for train, _ in splits])
    return {kind: cross_validate([kind], X, y, splits, seed=seed).held_out[kind] for kind in kinds}


def compare(
    losses: Mapping[str, np.ndarray], corrected: np.ndarray, groups: Sequence[str], grouped_by: str, *, seed: int = 0
) -> Comparison | None:
    """Decide whether the best of some models replaces the corrected base.

    Parameters
    ----------
    losses : mapping of str to ndarray, shape (n,)
        Log loss of each held-out event by each model.
    corrected : ndarray, shape (n,)
        The same of the base with its correction.
    groups : sequence of str, length n
        Held-out group of each event.
    grouped_by : str
        Kind of the groups; only scores over a `subject` apply to a new person.
    seed : int

    Returns
    -------
    Comparison or None
        None where there are no models.

    Examples
    --------
    >>> groups = [str(i // 10) for i in range(100)]
    >>> compare({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "subject").replaces
    True
    >>> compare({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "recording").replaces
    False
    """
    if not losses:
        return None
    kind = min(losses, key=lambda each: losses[each].mean())
    gain = corrected - losses[kind]
    span = mean_interval(gain, groups, seed=seed)
    interval = "too few groups for an interval" if span is None else f"95 % interval {-span[1]:+.3f} to {-span[0]:+.3f}"
    found = (
        f"{kind}, trained on these labels alone, had a log loss {abs(gain.mean()):.3f} ({interval}) "
        f"{'below' if gain.mean() > 0 else 'above'} that of the base with a correction, on held-out {grouped_by}s"
    )
    if gain.mean() <= 0:
        return Comparison(kind, False, f"{found}; the base stays")
    if grouped_by != SUBJECT:
        return Comparison(
            kind,
            False,
            f"{found}, but these share people, so the result does not apply to a new person and the base stays; to "
            f"compare them, name the subjects in a labels.csv, at least {FEWEST_GROUPS}, and at least 2 for each class",
        )
    if span is not None and span[0] > 0:
        return Comparison(kind, True, f"{found}; that is clearly better, so it replaces the base")
    return Comparison(kind, False, f"{found}; that is not clear enough, so the base stays")
