"""Models trained on the labels alone, held against a base with a correction on the same folds.

A base has met far more people than a few recordings hold, so it is given up only on evidence about people: a model of
the labels alone replaces it if the folds keep subjects apart and the 95 % interval of the difference in log loss, drawn
over the subjects, lies above 0. Where folds keep only recordings apart, a model that knows these few people by heart
looks good whatever it is worth for the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from popclass.training.calibration import cross_calibrated
from popclass.training.classifiers import KINDS, enough_for, train_classifier
from popclass.training.folds import Folds
from popclass.training.sureness import FEWEST_GROUPS, mean_interval

EVENTS_NEEDED = 200  # fewer never made a better model of their own (docs/learning-curve.md)
SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the best model of the labels alone.

    Attributes
    ----------
    kind : str
        Which it was.
    replaces : bool
        Whether it takes the place of the base with its correction.
    remark : str
        Why, for people.
    """

    kind: str
    replaces: bool
    remark: str


def held_out_answers(X: np.ndarray, y: np.ndarray, splits: Folds, seed: int) -> dict[str, np.ndarray]:
    """What classifiers without the base say of held-out events, calibrated; none of them with too few events.

    Parameters
    ----------
    X : numpy.ndarray, shape (n, f)
    y : numpy.ndarray of int, shape (n,)
        Classes, each present on every training side.
    splits : list of (training indices, held-out indices)
    seed : int
    """
    if len(y) < EVENTS_NEEDED:
        return {}
    out = {}
    for kind in (kind for kind in KINDS if all(enough_for(kind, y[train]) for train, _ in splits)):
        raw = np.empty((len(y), int(y.max()) + 1))
        for train, test in splits:
            raw[test] = train_classifier(kind, X[train], y[train], seed=seed).predict_proba(X[test])
        out[kind] = cross_calibrated(raw, y, [test for _, test in splits])
    return out


def judge(
    losses: Mapping[str, np.ndarray], corrected: np.ndarray, groups: Sequence[str], grouped_by: str, *, seed: int = 0
) -> Verdict | None:
    """Whether the best of some models replaces a corrected base.

    Parameters
    ----------
    losses : mapping of str to numpy.ndarray, shape (n,)
        Of each model, the log loss of each held-out event.
    corrected : numpy.ndarray, shape (n,)
        The same of the base with its correction.
    groups : sequence of str, length n
        What was held out together.
    grouped_by : str
        What the groups are; only `subject` tells of a new person.

    Returns
    -------
    Verdict or None
        None where there are no models to judge.

    Examples
    --------
    >>> groups = [str(i // 10) for i in range(100)]
    >>> judge({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "subject").replaces
    True
    >>> judge({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "recording").replaces
    False
    """
    if not losses:
        return None
    kind = min(losses, key=lambda each: losses[each].mean())
    gain = corrected - losses[kind]
    span = mean_interval(gain, groups, seed=seed)
    clear = span is not None and span[0] > 0
    found = (
        f"{kind}, trained on these labels alone, had a log loss {_difference(gain.mean(), span)} that of the base with "
        f"a correction, on held-out {grouped_by}s"
    )
    if clear and grouped_by == SUBJECT:
        return Verdict(kind, True, f"{found}; that is clearly better, so it replaces the base")
    if gain.mean() <= 0:
        return Verdict(kind, False, f"{found}; the base stays")
    if grouped_by != SUBJECT:
        return Verdict(
            kind,
            False,
            f"{found}, but these share people, so nothing is known of a new person and the base stays; to have it "
            f"judged, name the subjects in a labels.csv, {FEWEST_GROUPS} or more, each class in at least 2 of them",
        )
    return Verdict(kind, False, f"{found}; that is not clear enough, so the base stays")


def _difference(gain: float, span: Sequence[float] | None) -> str:
    """How far a log loss lies below another, or above it."""
    interval = "too few groups for an interval" if span is None else f"95 % interval {-span[1]:+.3f} to {-span[0]:+.3f}"
    return f"{abs(gain):.3f} ({interval}) {'below' if gain > 0 else 'above'}"
