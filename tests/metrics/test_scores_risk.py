"""popclass.metrics.scores: answering only where one is sure."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.metrics.scores import risk_coverage


def test_a_sure_and_right_half_costs_nothing():
    y = np.array([0, 0, 1, 1])
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])
    curve = risk_coverage(y, p, points=4)
    assert [at["risk"] for at in curve] == [0.0, 0.0, 1 / 3, 0.5]
    assert [at["probability"] for at in curve] == [0.9, 0.8, 0.6, 0.55]


def test_without_events_there_is_no_curve():
    assert risk_coverage(np.array([], dtype=int), np.zeros((0, 3))) == []


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 200), k=st.integers(2, 4), seed=st.integers(0, 1000))
def test_the_whole_curve_ends_at_the_error_of_all(n, k, seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, k, n), rng.dirichlet(np.ones(k), n)
    curve = risk_coverage(y, p)
    assert curve[-1] == {"coverage": 1.0, "probability": p.max(axis=1).min(), "risk": (p.argmax(axis=1) != y).mean()}
    assert all(a["coverage"] < b["coverage"] for a, b in pairwise(curve))
    assert all(a["probability"] >= b["probability"] for a, b in pairwise(curve))
