"""Scores of a classifier."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from popclass.metrics.scores import reliability, risk_coverage, score

CLASSES = ["cavitation", "snapping", "other"]


def random_case(seed=0, n=400):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.7, 0.7, 0.7], n)
    return rng.integers(0, 3, n), p


def test_score_equals_scikit_learn():
    from sklearn import metrics

    y, p = random_case()
    ours, answer = score(y, p, CLASSES), p.argmax(axis=1)
    precision, recall, f1, n = metrics.precision_recall_fscore_support(y, answer)
    for i, name in enumerate(CLASSES):
        expected = {"class": name, "events": n[i], "precision": precision[i], "recall": recall[i], "f1": f1[i]}
        assert ours["classes"][i] == pytest.approx(expected)
    assert ours["confusion"] == metrics.confusion_matrix(y, answer).tolist()
    assert ours["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(y, answer))
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(y, answer))
    assert ours["log_loss"] == pytest.approx(metrics.log_loss(y, p))


def test_score_brier():
    assert score(np.array([0]), np.array([[0.0, 1.0]]), CLASSES[:2])["brier"] == 2.0
    assert score(np.array([0]), np.array([[0.8, 0.2]]), CLASSES[:2])["brier"] == pytest.approx(0.08)


def test_score_calibration_error():
    # two events at 0.9, one right: off by 0.4; two at 0.6, both right: off by 0.4
    y = np.array([0, 1, 0, 0])
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert score(y, p, CLASSES[:2])["ece"] == pytest.approx(0.4)
    assert [b["events"] for b in reliability(y, p)] == [2, 2]


def test_score_calibration_error_of_sampled_labels():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 20_000)
    y = (rng.random((len(p), 1)) > p.cumsum(axis=1)).sum(axis=1)
    assert score(y, p, CLASSES)["ece"] < 0.02
    sharp = p**3 / (p**3).sum(axis=1, keepdims=True)
    assert score(y, sharp, CLASSES)["ece"] > 0.1


def test_score_undefined():
    figures = score(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), CLASSES[:2])
    assert figures["classes"][1] == {"class": "snapping", "events": 1, "precision": None, "recall": 0.0, "f1": 0.0}
    empty = score(np.zeros(0, dtype=int), np.zeros((0, 3)), CLASSES)
    assert (empty["log_loss"], empty["balanced_accuracy"], empty["events"]) == (None, None, 0)


@given(hnp.arrays(np.float64, (7, 3), elements=st.floats(0, 1)), st.lists(st.integers(0, 2), min_size=7, max_size=7))
def test_score_ranges(weights, y):
    p = (weights + 1e-9) / (weights + 1e-9).sum(axis=1, keepdims=True)
    figures = score(np.array(y), p, CLASSES)
    assert 0 <= figures["ece"] <= 1
    assert 0 <= figures["brier"] <= 2
    assert sum(b["events"] for b in figures["reliability"]) == 7
    assert np.sum(figures["confusion"]) == 7


def test_risk_coverage():
    y = np.array([0, 0, 1, 1])
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])
    curve = risk_coverage(y, p, points=4)
    assert [at["risk"] for at in curve] == [0.0, 0.0, 1 / 3, 0.5]
    assert [at["probability"] for at in curve] == [0.9, 0.8, 0.6, 0.55]


def test_risk_coverage_empty():
    assert risk_coverage(np.array([], dtype=int), np.zeros((0, 3))) == []


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 200), k=st.integers(2, 4), seed=st.integers(0, 1000))
def test_risk_coverage_properties(n, k, seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, k, n), rng.dirichlet(np.ones(k), n)
    curve = risk_coverage(y, p)
    assert curve[-1] == {"coverage": 1.0, "probability": p.max(axis=1).min(), "risk": (p.argmax(axis=1) != y).mean()}
    assert all(a["coverage"] < b["coverage"] for a, b in pairwise(curve))
    assert all(a["probability"] >= b["probability"] for a, b in pairwise(curve))
