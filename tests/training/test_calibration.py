"""Fitting of the calibration."""

import numpy as np
import pytest
from fake_frontend import CLASSES, FakeFrontEnd
from training_data import events

from popclass.model.calibration import Calibration
from popclass.training.calibration import cross_calibrated, fit_calibration
from popclass.training.classifiers import BOOSTING, KINDS, train_classifier
from popclass.training.fit import FitConfig, fit
from popclass.training.folds import make_folds


def overconfident(n=3000, power=3.0):
    """Answers that are `power` times too sure, and the truth."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], n)
    y = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1)
    raw = p**power
    return raw / raw.sum(axis=1, keepdims=True), y, p


def test_fit_calibration_dirichlet():
    raw, y, true = overconfident()
    found = fit_calibration(raw, y)
    assert (found.method, found.events) == ("dirichlet", 3000)
    assert np.abs(found.apply(raw) - true).mean() < 0.03 < np.abs(raw - true).mean()


def test_fit_calibration_little_data():
    raw, y, _ = overconfident(60)
    few = np.concatenate([np.flatnonzero(y == c)[:10] for c in range(3)])
    found = fit_calibration(raw[few], y[few])
    assert found.method == "temperature"
    assert np.array_equal(found.weights, np.eye(3) * found.weights[0, 0])
    assert found.weights[0, 0] < 1
    assert fit_calibration(raw[few[:20]], y[few[:20]]).method == "identity"
    assert fit_calibration(raw[y < 2][:30], y[y < 2][:30]).method == "identity", "a class is missing"


def test_cross_calibrated_ignores_own_fold():
    raw, y, _ = overconfident(600)
    folds = [np.arange(0, 300), np.arange(300, 600)]
    changed = y.copy()
    changed[:300] = (y[:300] + 1) % 3
    before, after = cross_calibrated(raw, y, folds), cross_calibrated(raw, changed, folds)
    assert np.array_equal(before[:300], after[:300])
    assert not np.allclose(before[300:], after[300:])


@pytest.mark.parametrize("kind", [*KINDS, BOOSTING])
def test_model_probabilities_are_calibrated(kind):
    X, labels, groups = events()
    y = np.array([CLASSES.index(label) for label in labels])
    model = fit(X, labels, groups, FakeFrontEnd(), FitConfig(classifier=kind, folds=3))
    names = sorted(CLASSES)
    y = np.array([names.index(label) for label in labels]) if model.classes == tuple(names) else y
    X = X.astype(np.float32).astype(np.float64)
    raw = np.empty((len(y), 3))
    for train, test in make_folds(y, groups, folds=3):
        raw[test] = train_classifier(kind, X[train], y[train]).predict_proba(X[test])
    new = events(seed=1)[0].astype(np.float32).astype(np.float64)
    expected = fit_calibration(raw, y).apply(train_classifier(kind, X, y).predict_proba(new))
    np.testing.assert_allclose(model.probabilities(new), expected, atol=1e-5)


def test_model_identity_calibration():
    X, labels, groups = events(24, groups=4, seed=1)
    model = fit(X, labels, groups, FakeFrontEnd(), FitConfig(classifier="logistic", folds=2))
    assert Calibration.from_json(model.info["calibration"]).method == "identity"
