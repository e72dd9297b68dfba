"""Shrunk correction of a base model and its graph."""

import numpy as np
import pytest
from fake_frontend import CLASSES, FakeFrontEnd
from training_data import shifted_events

from popclass.model.model import Model
from popclass.training.correction import (
    RECALIBRATION,
    base_probabilities,
    feature_scale,
    fit_correction,
)
from popclass.training.fit import fit
from popclass.training.graphs import corrected_graph
from popclass.training.settings import FitConfig


@pytest.fixture(scope="module")
def base() -> Model:
    X, y, groups = shifted_events(600, 12, seed=0)
    return fit(X, [CLASSES[i] for i in y], groups, FakeFrontEnd(), FitConfig(classifier="forest", folds=3))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["logistic", "svm", "forest", "boosting"])
@pytest.mark.parametrize("strength", [RECALIBRATION, 30.0])
@pytest.mark.parametrize("present", [(0, 1, 2), (0, 2)])
def test_corrected_graph_equals_numpy(kind, strength, present):
    X, y, groups = shifted_events(300, 6, seed=3)
    base = fit(X, [CLASSES[i] for i in y], groups, FakeFrontEnd(), FitConfig(classifier=kind, folds=2))
    new, truth, _ = shifted_events(200, 6, seed=4, shift=0.7)
    rows = np.isin(truth, present)
    correction = fit_correction(
        base_probabilities(base, new)[rows], new[rows], truth[rows], feature_scale(base), strength
    )
    plain = {"method": "identity", "weights": np.eye(3).tolist(), "bias": [0.0] * 3, "events": 0}
    graph = corrected_graph(base, correction)
    model = Model(graph, {**base.info, "calibration": plain})
    expected = correction.apply(base_probabilities(base, new), new)
    np.testing.assert_allclose(model.raw_probabilities(new), expected, atol=1e-5)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0)
    assert graph == corrected_graph(base, correction)
    if present == (0, 2):
        np.testing.assert_allclose(expected[:, 1], base.probabilities(new)[:, 1])
    # an adapted model is a base like any other
    again = Model(corrected_graph(model, correction), model.info)
    twice = correction.apply(base_probabilities(model, new), new)
    np.testing.assert_allclose(again.raw_probabilities(new), twice, atol=1e-5)


def test_fit_correction_infinite_strength(base):
    X, y, _ = shifted_events(30, 4, seed=5, shift=0.7)
    p = base_probabilities(base, X)
    correction = fit_correction(p, X, y, feature_scale(base), RECALIBRATION)
    assert not correction.slopes.any()
    assert abs(correction.sharpness - 1) < 1
    stiff = fit_correction(p, X, y, feature_scale(base), 1e5)
    np.testing.assert_allclose(stiff.apply(p, X), correction.apply(p, X), atol=0.01)
