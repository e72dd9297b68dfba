"""Minimum probabilities and novelty measure, which decide the events that are `uncertain`.

A joint class is any but `other`. It is the label of an event from that probability on at which a stated share of the
joint labels is right on held-out groups, but never below 0.5. At most one joint event in ten may become `uncertain`,
those that are uncertain for their novelty included. `other` is the label wherever it is the most likely class.

The novelty measure whitens features with the covariance inside the classes (Lee et al. 2018, NeurIPS), shrunk after
Ledoit & Wolf (2004) so that it works with fewer events than features. The distance is that to the nearest training
events (Sun et al. 2022, ICML). Distances are compared with those of held-out events to the events of the other folds,
so that ordinary sounds of a new person are not novel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from popclass.model.novelty import Novelty
from popclass.schema import OTHER
from popclass.training.classifiers import draw_balanced
from popclass.training.folds import Folds

BALANCED, PRECISE = "balanced", "precision"  # targets
PRECISION = 0.8  # wanted of joint labels by default
LEAST = 0.5  # a less likely joint class is never the label, however often it would be right
UNCERTAIN_SHARE = 0.1
NOVELTY = 0.99  # from it on no joint class is the label

REFERENCES = 1000  # at 70 features 280 kB in the model file
NEIGHBOURS = 3
QUANTILES = 512
SHOWN_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # in reports
NARROWEST = 0.1  # of a feature's whole spread: a feature constant inside the classes must not decide alone
SMALLEST_EIGENVALUE = 1e-3  # of the mean one


def is_joint(classes: Sequence[str]) -> np.ndarray:
    """Return which classes are sounds of a joint, shape (k,)."""
    return np.array([name != OTHER for name in classes])


def joint_thresholds(classes: Sequence[str], bound: float) -> np.ndarray:
    """Return the minimum probability of each class, shape (k,): `bound` for joint classes, 0 for `other`."""
    return np.where(is_joint(classes), bound, 0.0)


def balanced_weights(classes: Sequence[str], frequencies: Sequence[float]) -> dict[str, float]:
    """Return the weight of each class with which answers are those for classes that are equally frequent.

    Parameters
    ----------
    classes : sequence of str, length k
    frequencies : sequence of float, length k
        Share of each class for which the probabilities are calibrated; a class with 0 gets the weight 1.

    Examples
    --------
    >>> balanced_weights(("cavitation", "other"), (0.25, 0.75))
    {'cavitation': 2.0, 'other': 0.6667}
    """
    present = sum(share > 0 for share in frequencies)
    weights = [1 / (present * share) if share > 0 else 1.0 for share in frequencies]
    return {name: round(float(weight), 4) for name, weight in zip(classes, weights, strict=True)}


class HeldOut:
    """Held-out predictions on which thresholds are chosen and scored.

    Parameters
    ----------
    probabilities : ndarray, shape (n, k)
        Calibrated probabilities of events while they were held out.
    novelty : ndarray, shape (n,)
        Novelty of the same events while they were held out.
    y : ndarray of int, shape (n,)
        Their true classes.
    classes : sequence of str, length k
    weights : sequence of float, length k, optional
        See `popclass.model.model.Thresholds` (default: 1 each).
    """

    def __init__(
        self,
        probabilities: np.ndarray,
        novelty: np.ndarray,
        y: np.ndarray,
        classes: Sequence[str],
        weights: Sequence[float] | None = None,
    ) -> None:
        joint = is_joint(classes)
        self.classes, self.y = classes, y
        self.predicted = (probabilities if weights is None else probabilities * weights).argmax(axis=1)
        self.confidence = probabilities[np.arange(len(y)), self.predicted]
        self.right = self.predicted == y
        self.familiar = (novelty < NOVELTY) | ~joint[self.predicted]
        self.joint = joint[y]
        self.candidates = joint[self.predicted] & self.familiar  # joint labels, if no threshold is against it

    def choose_bound(self, precision: float = PRECISION) -> float:
        """Return the minimum probability of a joint label.

        Parameters
        ----------
        precision : float
            Share of the joint labels that should be right.

        Returns
        -------
        float
            1 / k, the least that a largest probability can be, or more.
        """
        lowest = 1.0 / len(self.classes)
        wanted = max(LEAST, _reaching(self.confidence[self.candidates], self.right[self.candidates], precision))
        allowed = int(UNCERTAIN_SHARE * self.joint.sum()) - int((self.joint & ~self.familiar).sum())
        confidence = np.sort(self.confidence[self.candidates & self.joint])
        if allowed < 0 or not len(confidence):
            return lowest
        # the event at this place is the first that must still get its label
        highest = float(confidence[allowed]) if allowed < len(confidence) else 1.0
        return max(math.floor(min(wanted, highest) * 1e4) / 1e4, lowest)

    def uncertain(self, least: np.ndarray) -> np.ndarray:
        """Return which events are `uncertain` under the minimum probabilities of the classes, shape (n,)."""
        return np.asarray((self.confidence < least[self.predicted]) | ~self.familiar)

    def scores(self, least: np.ndarray, wanted: float | None, *, bound: float | None = None) -> dict[str, Any]:
        """Return what thresholds do to these events, as a model file stores it.

        Parameters
        ----------
        least : ndarray, shape (k,)
            Minimum probability of each class.
        wanted : float or None
            Share of the joint labels that should be right; None where that was not the target.
        bound : float, optional
            Minimum probability of a joint label, for `band`.

        Returns
        -------
        dict
            `joint_labels`: the share `wanted`, the number of joint `labels`, the share of them that is right
            (`precision`), the share of the joint events that got their label (`recall`), and the `band` of events
            below the bound; `recalls`: the share of the events of each class whose answer is right, None without any,
            with `uncertain` as a wrong answer;
            `uncertain`: the share of all events that are; `uncertain_joint`: that of the joint events, or None.
        """
        uncertain = self.uncertain(least)
        labelled = is_joint(self.classes)[self.predicted] & ~uncertain
        precision = _mean(self.right[labelled]) or 0.0
        joint_labels: dict[str, Any] = {"wanted": wanted, "labels": int(labelled.sum()), "precision": precision}
        joint_labels["recall"] = _mean((self.right & labelled)[self.joint])
        if bound is not None:
            inside = self.candidates & (self.confidence < bound)  # they would have a joint label but for the bound
            events, right = int(inside.sum()), _mean(self.right[inside])
            joint_labels["band"] = {"from": 1.0 / len(self.classes), "to": bound, "events": events, "right": right}
        recalls = {name: _mean((self.right & ~uncertain)[self.y == i]) for i, name in enumerate(self.classes)}
        shares = {"uncertain": float(uncertain.mean()), "uncertain_joint": _mean(uncertain[self.joint])}
        return {"joint_labels": joint_labels, "recalls": recalls, **shares}


def _mean(flags: np.ndarray) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _reaching(confidence: np.ndarray, right: np.ndarray, precision: float) -> float:
    """Return the least confidence from which on such a share is right: 0 if that is so of all, 1 if of none."""
    order = np.argsort(-confidence, kind="stable")
    enough = np.flatnonzero(np.cumsum(right[order]) / np.arange(1, len(order) + 1) >= precision)
    if not len(enough):
        return 1.0
    return float(confidence[order[enough[-1]]]) if enough[-1] < len(order) - 1 else 0.0


def fit_novelty(X: np.ndarray, y: np.ndarray, folds: Folds, *, seed: int = 0) -> tuple[Novelty, np.ndarray]:
    """Return the novelty measure, and the novelty of each training event while it was held out.

    Parameters
    ----------
    X : ndarray, shape (n, f)
    y : ndarray of int, shape (n,)
    folds : list of (training indices, held-out indices)
    seed : int
        Decides which events are kept as references.
    """
    distance = np.empty(len(X))
    for train, test in folds:
        distance[test] = fit_space(X[train], y[train], seed).distance(X[test])
    shares = _shares(len(X))
    novelty = replace(fit_space(X, y, seed), distances=np.quantile(distance, shares), shares=shares)
    novelty = Novelty.from_json(novelty.to_json())  # rounded as in the model file
    return novelty, np.interp(distance, novelty.distances, novelty.shares, left=0.0, right=1.0)


def distribution(novelty: np.ndarray) -> dict[str, Any]:
    """Return quantiles of the novelty of some events, and the share of them that is too novel for a label."""
    return {
        "quantiles": np.quantile(novelty, SHOWN_QUANTILES).round(3).tolist() if len(novelty) else [],
        "novel": float((novelty >= NOVELTY).mean()) if len(novelty) else 0.0,
    }


def fit_space(X: np.ndarray, y: np.ndarray, seed: int) -> Novelty:
    """Return a measure without shares: whitening, and references of which each class has as many."""
    mean, whitening = X.mean(axis=0), _whitening(X, y)
    chosen = draw_balanced(y, max(1, REFERENCES // (int(y.max()) + 1)), seed)
    references = ((X - mean) @ whitening)[chosen]
    return Novelty(mean, whitening, references, min(NEIGHBOURS, len(references)), np.zeros(1), np.zeros(1))


def _whitening(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.covariance import ledoit_wolf

    means = np.stack([X[y == c].mean(axis=0) for c in range(int(y.max()) + 1)])
    inside = X - means[y]
    spread = np.maximum(inside.std(axis=0), NARROWEST * X.std(axis=0))
    weight = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)  # 0 for a constant feature
    covariance, _ = ledoit_wolf(inside * weight, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, max(SMALLEST_EIGENVALUE * values.mean(), np.finfo(np.float32).tiny))
    return np.asarray(weight[:, None] * ((vectors / np.sqrt(values)) @ vectors.T))


def _shares(events: int) -> np.ndarray:
    """Return the shares at which distances are stored: even up to 0.95, then ever finer towards the farthest event."""
    if events <= QUANTILES:
        return np.linspace(0.0, 1.0, max(2, events))
    tail = 1.0 - np.geomspace(0.05, 1.0 / events, QUANTILES // 2 - 1)
    return np.concatenate([np.linspace(0.0, 0.95, QUANTILES // 2, endpoint=False), tail, [1.0]])
