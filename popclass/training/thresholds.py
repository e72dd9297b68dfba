"""Thresholds below which an event is `uncertain`.

A joint class is any but `other`. It is the label of an event from that probability on at which a stated share of the
joint labels is right on held-out groups, but never below 0.5. At most one joint event in ten may become `uncertain`,
those that are uncertain for their novelty included. `other` is the label wherever it is the most likely class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from popclass.results import OTHER

PRECISION = 0.8  # wanted of joint labels by default
LEAST = 0.5  # a less likely joint class is never the label, however often it would be right
UNCERTAIN_SHARE = 0.1
NOVELTY = 0.99


def is_joint(classes: Sequence[str]) -> np.ndarray:
    """Return which classes are sounds of a joint, shape (k,)."""
    return np.array([name != OTHER for name in classes])


def joint_thresholds(classes: Sequence[str], bound: float) -> np.ndarray:
    """Return the minimum probability of each class, shape (k,): `bound` for joint classes, 0 for `other`."""
    return np.where(is_joint(classes), bound, 0.0)


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
    """

    def __init__(self, probabilities: np.ndarray, novelty: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> None:
        joint = is_joint(classes)
        self.classes = classes
        self.confidence, self.predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
        self.right, self.familiar = self.predicted == y, novelty < NOVELTY
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

    def scores(self, least: np.ndarray, wanted: float, *, bound: float | None = None) -> dict[str, Any]:
        """Return what thresholds do to these events, as a model file stores it.

        Parameters
        ----------
        least : ndarray, shape (k,)
            Minimum probability of each class.
        wanted : float
            Share of the joint labels that should be right.
        bound : float, optional
            Minimum probability of a joint label, for `band`.

        Returns
        -------
        dict
            `joint_labels`: the share `wanted`, the number of joint `labels`, the share of them that is right
            (`precision`), and the `band` of events below the bound; `uncertain`: the share of all events that are;
            `uncertain_joint`: that of the joint events, None without any.
        """
        uncertain = self.uncertain(least)
        labelled = (least[self.predicted] > 0) & ~uncertain
        joint_labels: dict[str, Any] = {
            "wanted": wanted,
            "labels": int(labelled.sum()),
            "precision": _mean(self.right[labelled]) or 0.0,
        }
        if bound is not None:
            joint_labels["band"] = self._band(bound)
        return {
            "joint_labels": joint_labels,
            "uncertain": float(uncertain.mean()),
            "uncertain_joint": _mean(uncertain[self.joint]),
        }

    def _band(self, bound: float) -> dict[str, float | int | None]:
        """Return number and accuracy of the events that would have a joint label but for the bound."""
        inside = self.candidates & (self.confidence < bound)
        events = int(inside.sum())
        return {"from": 1.0 / len(self.classes), "to": bound, "events": events, "right": _mean(self.right[inside])}


def _mean(flags: np.ndarray) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _reaching(confidence: np.ndarray, right: np.ndarray, precision: float) -> float:
    """Return the least confidence from which on such a share is right: 0 if that is so of all, 1 if of none."""
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= precision)
    if not len(enough):
        return 1.0
    return float(confidence[order[enough[-1]]]) if enough[-1] < len(order) - 1 else 0.0
