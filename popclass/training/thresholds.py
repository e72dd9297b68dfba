"""Where `uncertain` begins.

What is called a joint's sound should be one, so doubt is spent there: a joint class is named where it is more likely
than not, and from that probability on at which a stated share of the joint labels is right on held-out groups, as far
as at most one joint event in ten falls into `uncertain`, counting those that are uncertain for their novelty. `other`
is named whenever it is the most likely class. A joint class is any but `other`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from popclass.results import OTHER

PRECISION = 0.8  # of joint labels, wanted
LIKELY = 0.5  # what is less likely than not is not named, however often such labels are right
UNCERTAIN_SHARE = 0.1
NOVELTY = 0.99


def joint_classes(classes: Sequence[str]) -> np.ndarray:
    """Which classes are those of joints, shape (k,)."""
    return np.array([name != OTHER for name in classes])


def joint_bounds(classes: Sequence[str], bound: float) -> np.ndarray:
    """The least probability of each class, shape (k,): the bound for the joint ones, none for `other`."""
    return np.where(joint_classes(classes), bound, 0.0)


def min_probability(
    probabilities: np.ndarray, novelty: np.ndarray, y: np.ndarray, joints: np.ndarray, *, precision: float = PRECISION
) -> float:
    """The least probability with which a joint class is named.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (n, k)
        Calibrated, of held-out events.
    novelty : numpy.ndarray, shape (n,)
        Of the same events while held out.
    y : numpy.ndarray of int, shape (n,)
        Their true classes.
    joints : numpy.ndarray of bool, shape (k,)
        Which classes are those of joints.
    precision : float
        Share of the joint labels that should be right.

    Returns
    -------
    float
        1 / k, below which no largest probability can lie, or more.
    """
    k: int = probabilities.shape[1]
    largest, answer = probabilities.max(axis=1), probabilities.argmax(axis=1)
    familiar = novelty < NOVELTY
    called = joints[answer] & familiar
    wanted = max(LIKELY, _reaching(largest[called], (answer == y)[called], precision))
    allowed = int(UNCERTAIN_SHARE * joints[y].sum()) - int((joints[y] & ~familiar).sum())
    doubtful = np.sort(largest[called & joints[y]])
    if allowed < 0 or not len(doubtful):
        return 1.0 / k
    # the event at this place is the first that must still be named
    highest = float(doubtful[allowed]) if allowed < len(doubtful) else 1.0
    return max(math.floor(min(wanted, highest) * 1e4) / 1e4, 1.0 / k)


def _reaching(sure: np.ndarray, right: np.ndarray, precision: float) -> float:
    """The smallest probability from which on so large a share is right; 0 where that is so of all, 1 where of none."""
    order = np.argsort(-sure, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= precision)
    if not len(enough):
        return 1.0
    return float(sure[order[enough[-1]]]) if enough[-1] < len(order) - 1 else 0.0


def joint_precision(
    probabilities: np.ndarray, novelty: np.ndarray, y: np.ndarray, least: np.ndarray
) -> dict[str, float]:
    """How many events are given a joint label under these bounds, and which share of the labels is right."""
    answer = probabilities.argmax(axis=1)
    named = (least[answer] > 0) & ~uncertain(probabilities, novelty, least)
    return {"labels": int(named.sum()), "precision": float((answer == y)[named].mean()) if named.any() else 0.0}


def doubtful_band(
    probabilities: np.ndarray, novelty: np.ndarray, y: np.ndarray, joints: np.ndarray, bound: float
) -> dict[str, float | int | None]:
    """What lies between the least a largest probability can be and the bound: joint labels that are not given.

    Returns
    -------
    dict
        `from` (1 / k) and `to` (the bound), how many familiar `events` a joint class was the most likely for there,
        and the share of them it was `right` for, None where there are none.
    """
    largest, answer = probabilities.max(axis=1), probabilities.argmax(axis=1)
    inside = joints[answer] & (novelty < NOVELTY) & (largest < bound)
    right = float((answer == y)[inside].mean()) if inside.any() else None
    return {"from": 1.0 / probabilities.shape[1], "to": bound, "events": int(inside.sum()), "right": right}


def uncertain(probabilities: np.ndarray, novelty: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Which events are `uncertain`, shape (n,); `least` holds the least probability of each class."""
    named = probabilities.max(axis=1) >= least[probabilities.argmax(axis=1)]
    return np.asarray(~named | (novelty >= NOVELTY))


def cost_of(
    probabilities: np.ndarray,
    novelty: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    least: np.ndarray,
    wanted: float,
) -> dict[str, Any]:
    """What bounds do to held-out events, as a model's scores tell it.

    Parameters
    ----------
    probabilities, novelty, y
        As for `min_probability`.
    classes : sequence of str, length k
    least : numpy.ndarray, shape (k,)
        The least probability of each class.
    wanted : float
        Share of the joint labels that should be right.

    Returns
    -------
    dict
        `joint_labels`: the share `wanted`, how many `labels` there are and the share of them that is right;
        `uncertain`: the share of all events that are; `uncertain_joint`: that of the joint events, None without any.
    """
    joint, doubtful = joint_classes(classes)[y], uncertain(probabilities, novelty, least)
    return {
        "joint_labels": {"wanted": wanted, **joint_precision(probabilities, novelty, y, least)},
        "uncertain": float(doubtful.mean()),
        "uncertain_joint": float(doubtful[joint].mean()) if joint.any() else None,
    }
