"""Tests of popclass.model.calibration."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from popclass.model.calibration import FLOOR, Calibration

probability_rows = hnp.arrays(np.float64, (5, 3), elements=st.floats(0, 1)).map(
    lambda a: (a + 1e-12) / (a + 1e-12).sum(axis=1, keepdims=True)
)


@given(probability_rows, hnp.arrays(np.float64, (3, 3), elements=st.floats(-5, 5)))
def test_calibration_sums_to_one(raw, weights):
    p = Calibration("dirichlet", weights, weights[0], 1).apply(raw)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
    assert np.isfinite(p).all()
    assert (p >= 0).all()


def test_calibration_identity():
    raw = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    p = Calibration.identity(3).apply(raw)
    np.testing.assert_allclose(p[0], raw[0], atol=1e-12)
    np.testing.assert_allclose(p[1], np.array([1, FLOOR, FLOOR]) / (1 + 2 * FLOOR))
