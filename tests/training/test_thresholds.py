"""popclass.training.thresholds: what the bounds of `uncertain` leave out, and what that costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.training.thresholds import (
    NOVELTY,
    cost_of,
    doubtful_band,
    joint_bounds,
    joint_classes,
    joint_precision,
    min_probability,
)

CLASSES = ("cavitation", "snapping", "other")
JOINTS = joint_classes(CLASSES)


def test_the_band_counts_familiar_joint_answers_below_the_bound_and_how_many_are_right():
    p = np.array(
        [[0.4, 0.3, 0.3], [0.45, 0.3, 0.25], [0.3, 0.48, 0.22], [0.3, 0.3, 0.4], [0.5, 0.3, 0.2], [0.9, 0, 0.1]]
    )
    y = np.array([0, 1, 1, 2, 0, 0])
    novelty = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    # the fourth is `other`, the fifth lies on the bound and is named, the last lies far above it
    assert doubtful_band(p, novelty, y, JOINTS, 0.5) == {"from": 1 / 3, "to": 0.5, "events": 3, "right": 2 / 3}
    novelty[1] = NOVELTY  # uncertain for another reason
    assert doubtful_band(p, novelty, y, JOINTS, 0.5) == {"from": 1 / 3, "to": 0.5, "events": 2, "right": 1.0}


def test_a_band_without_events_has_no_share_that_is_right():
    p, y = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]), np.array([0, 2])
    assert doubtful_band(p, np.zeros(2), y, JOINTS, 0.5) == {"from": 1 / 3, "to": 0.5, "events": 0, "right": None}


def test_a_joint_is_named_only_where_it_is_more_likely_than_not():
    y, calm = np.zeros(100, dtype=int), np.zeros(100)
    p = np.tile([0.9, 0.05, 0.05], (100, 1))
    p[:5] = [0.45, 0.35, 0.2]  # always right, and still less likely than not
    assert min_probability(p, calm, y, JOINTS, precision=0.5) == 0.5
    p[:50] = [0.45, 0.35, 0.2]
    assert min_probability(p, calm, y, JOINTS, precision=0.5) == 0.45, "at most a tenth of the joint events in doubt"


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 200), seed=st.integers(0, 1000), precision=st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_every_familiar_joint_answer_is_named_or_in_the_band(n, seed, precision):
    rng = np.random.default_rng(seed)
    y, p, novelty = rng.integers(0, 3, n), rng.dirichlet(np.ones(3), n), rng.random(n)
    bound = min_probability(p, novelty, y, JOINTS, precision=precision)
    band = doubtful_band(p, novelty, y, JOINTS, bound)
    named = joint_precision(p, novelty, y, joint_bounds(CLASSES, bound))
    familiar = JOINTS[p.argmax(axis=1)] & (novelty < NOVELTY)
    assert band["events"] + named["labels"] == familiar.sum()
    right = band["events"] * (band["right"] or 0.0) + named["labels"] * named["precision"]
    assert right == pytest.approx((p.argmax(axis=1) == y)[familiar].sum())


def test_the_cost_is_told_apart_for_joint_events_and_all():
    p = np.array([[0.4, 0.3, 0.3], [0.9, 0.05, 0.05], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]])
    y, novelty = np.array([0, 0, 2, 2]), np.array([0.0, 0.0, 0.0, 1.0])
    least = joint_bounds(CLASSES, 0.5)
    cost = cost_of(p, novelty, y, CLASSES, least, 0.9)
    assert cost["joint_labels"] == {"wanted": 0.9, "labels": 1, "precision": 1.0}
    assert (cost["uncertain"], cost["uncertain_joint"]) == (0.5, 0.5)
    assert cost_of(p[2:], novelty[2:], y[2:], CLASSES, least, 0.9)["uncertain_joint"] is None
