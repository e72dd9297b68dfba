"""Tests of popclass.model.novelty."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from model_files import a_novelty


def test_novelty_share():
    # references lie, after the mean is taken off, at (0, 0) and (4, 0)
    X = np.array([[1.0, 2.0], [1.0, 3.0], [1.0, 3.5], [6.5, 2.0], [100.0, 2.0]])
    np.testing.assert_allclose(a_novelty().distance(X), [0, 1, 1.5, 1.5, 95])
    np.testing.assert_allclose(a_novelty().score(X), [0, 0.5, 0.75, 0.75, 1.0])


@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 20), st.just(2)), elements=st.floats(-1e30, 1e30)))
def test_novelty_range(X):
    score = a_novelty().score(X)
    assert score.shape == (len(X),)
    assert ((score >= 0) & (score <= 1)).all()
