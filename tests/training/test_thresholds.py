"""Thresholds of `uncertain` and the novelty measure."""

import numpy as np
import pytest
from fake_frontend import CLASSES
from hypothesis import given, settings
from hypothesis import strategies as st
from training_data import events

from popclass.training.folds import make_folds
from popclass.training.thresholds import NOVELTY, HeldOut, fit_novelty, is_joint, joint_thresholds

TWO = ("cavitation", "other")


def band_of(p, novelty, y, bound):
    return HeldOut(p, novelty, y, CLASSES).scores(joint_thresholds(CLASSES, bound), 0.8, bound=bound)["joint_labels"][
        "band"
    ]


def contextual(n=60):
    p = np.linspace(0.3, 0.9, n)
    return np.column_stack([p, 1 - p])


def test_choose_bound_uncertain_share():
    p, joint = contextual(), np.zeros(60, dtype=int)
    least = HeldOut(p, np.zeros(60), joint, TWO).choose_bound(1.01)  # never reached
    uncertain = HeldOut(p, np.zeros(60), joint, TWO).uncertain(np.array([least, 0.0]))
    assert uncertain.sum() == 6
    assert not uncertain[p.argmax(axis=1) == 1].any(), "other is the label wherever it is most likely"


def test_choose_bound_novel_events():
    p, joint = contextual(), np.zeros(60, dtype=int)
    novel = np.zeros(60)
    novel[-2:] = 1.0
    least = HeldOut(p, novel, joint, TWO).choose_bound(1.01)
    assert HeldOut(p, novel, joint, TWO).uncertain(np.array([least, 0.0])).sum() == 6
    assert HeldOut(p, np.ones(60), joint, TWO).choose_bound() == 0.5, "novelty alone fills the share"


def test_choose_bound_precision():
    p = contextual(600)
    y = (np.arange(600) % 10 >= 9).astype(int)  # nine in ten are the joint's, whatever the probability
    assert HeldOut(p, np.zeros(600), y, TWO).choose_bound(0.8) == 0.5
    y = (np.arange(600) < 230).astype(int)  # joint from 0.53 on: the few below cost precision
    least = HeldOut(p, np.zeros(600), y, TWO).choose_bound(0.99)
    assert 0.52 < least < 0.54
    reached = HeldOut(p, np.zeros(600), y, TWO).scores(np.array([least, 0.0]), 0.99)["joint_labels"]
    assert reached["precision"] >= 0.99
    assert reached["labels"] == (p[:, 0] >= least).sum()


def test_choose_bound_perfect_classifier():
    p = np.tile([0.999, 0.001], (50, 1))
    assert HeldOut(p, np.zeros(50), np.zeros(50, dtype=int), TWO).choose_bound() == 0.5
    assert HeldOut(p, np.zeros(50), np.ones(50, dtype=int), TWO).choose_bound() == 0.5, "no joint events to go by"


def test_scores_band():
    p = np.array(
        [[0.4, 0.3, 0.3], [0.45, 0.3, 0.25], [0.3, 0.48, 0.22], [0.3, 0.3, 0.4], [0.5, 0.3, 0.2], [0.9, 0, 0.1]]
    )
    y = np.array([0, 1, 1, 2, 0, 0])
    novelty = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    # the fourth is `other`, the fifth lies on the bound and is named, the last lies far above it
    assert band_of(p, novelty, y, 0.5) == {"from": 1 / 3, "to": 0.5, "events": 3, "right": 2 / 3}
    novelty[1] = NOVELTY  # uncertain for another reason
    assert band_of(p, novelty, y, 0.5) == {"from": 1 / 3, "to": 0.5, "events": 2, "right": 1.0}


def test_scores_empty_band():
    p, y = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]), np.array([0, 2])
    assert band_of(p, np.zeros(2), y, 0.5) == {"from": 1 / 3, "to": 0.5, "events": 0, "right": None}


def test_choose_bound_at_least_half():
    y, calm = np.zeros(100, dtype=int), np.zeros(100)
    p = np.tile([0.9, 0.05, 0.05], (100, 1))
    p[:5] = [0.45, 0.35, 0.2]  # always right, and still less likely than not
    assert HeldOut(p, calm, y, CLASSES).choose_bound(0.5) == 0.5
    p[:50] = [0.45, 0.35, 0.2]
    assert HeldOut(p, calm, y, CLASSES).choose_bound(0.5) == 0.45, "at most a tenth of the joint events is uncertain"


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 200), seed=st.integers(0, 1000), precision=st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_scores_band_and_labels_complement(n, seed, precision):
    rng = np.random.default_rng(seed)
    y, p, novelty = rng.integers(0, 3, n), rng.dirichlet(np.ones(3), n), rng.random(n)
    bound = HeldOut(p, novelty, y, CLASSES).choose_bound(precision)
    band = band_of(p, novelty, y, bound)
    named = HeldOut(p, novelty, y, CLASSES).scores(joint_thresholds(CLASSES, bound), precision)["joint_labels"]
    familiar = is_joint(CLASSES)[p.argmax(axis=1)] & (novelty < NOVELTY)
    assert band["events"] + named["labels"] == familiar.sum()
    right = band["events"] * (band["right"] or 0.0) + named["labels"] * named["precision"]
    assert right == pytest.approx((p.argmax(axis=1) == y)[familiar].sum())


def test_scores_uncertain():
    p = np.array([[0.4, 0.3, 0.3], [0.9, 0.05, 0.05], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]])
    y, novelty = np.array([0, 0, 2, 2]), np.array([0.0, 0.0, 0.0, 1.0])
    least = joint_thresholds(CLASSES, 0.5)
    found = HeldOut(p, novelty, y, CLASSES).scores(least, 0.9)
    assert found["joint_labels"] == {"wanted": 0.9, "labels": 1, "precision": 1.0, "recall": 0.5}
    assert (found["uncertain"], found["uncertain_joint"]) == (0.25, 0.5)  # the novel one is `other`
    assert HeldOut(p[2:], novelty[2:], y[2:], CLASSES).scores(least, 0.9)["uncertain_joint"] is None


@pytest.fixture(scope="module")
def people():
    """Events of 20 people to train on, their novelty, and events of 10 others."""
    X, labels, groups = events(1500, groups=30)
    y = np.array([CLASSES.index(label) for label in labels])
    known = np.array([int(group[1:]) < 20 for group in groups])
    splits = make_folds(y[known], [group for group, mine in zip(groups, known, strict=True) if mine])
    return X[known], *fit_novelty(X[known], y[known], splits), X[~known]


def test_fit_novelty_held_out_uniform(people):
    _, _, held_out, _ = people
    np.testing.assert_allclose(np.quantile(held_out, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.01)
    assert (held_out >= NOVELTY).mean() <= 0.015


def test_fit_novelty_new_people(people):
    X, novelty, _, strangers = people
    assert (novelty.score(strangers) >= NOVELTY).mean() < 0.05
    assert 0.35 < np.median(novelty.score(strangers)) < 0.65
    spread = X.std(axis=0)
    assert (novelty.score(strangers[:50] + 8 * spread) == 1.0).all()
    one_odd = strangers[:50].copy()
    one_odd[:, 3] += 15 * spread[3]
    assert (novelty.score(one_odd) >= NOVELTY).all(), "one feature far out is enough"


@pytest.mark.parametrize("n", [8, 40, 600])
def test_fit_novelty_few_events_constant_features(n):
    X, _, _ = events(n)
    y = np.arange(n) % 2
    X[:, 0], X[:, 1] = 5.0, y  # constant; constant inside each class
    novelty, _ = fit_novelty(X, y, make_folds(y, [str(i // 2) for i in range(n)], folds=2))
    score = novelty.score(X)
    assert np.isfinite(score).all()
    assert score.min() < 0.5
    assert novelty.score(X + 100 * X.std(axis=0)).min() == 1.0
