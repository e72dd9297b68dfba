"""Cross-validation, nested cross-validation and calibration."""

from functools import partial

import numpy as np
import pytest
from fake_frontend import CLASSES, FakeFrontEnd
from training_data import events, fitted

from popclass.errors import LabelError
from popclass.metrics.tables import BASELINE, MFCC_FOREST
from popclass.model.calibration import Calibration
from popclass.training import cross_validation
from popclass.training.classifiers import ALONE, BOOSTING, KINDS, train_classifier
from popclass.training.cross_validation import cross_calibrated, fit_calibration
from popclass.training.fit import fit
from popclass.training.folds import make_folds
from popclass.training.losses import rank
from popclass.training.settings import FitConfig


@pytest.mark.slow
def test_cross_validate_workers(auto, monkeypatch):
    monkeypatch.setattr(cross_validation, "WORKERS", 1)
    assert fitted(classifier="auto", grouped_by="subject").to_bytes() == auto.to_bytes()
    assert fitted(seed=1).to_bytes() != fitted().to_bytes()


@pytest.mark.slow
def test_cross_validate_chooses_least_log_loss(auto):
    scores = auto.info["scores"]
    losses = {kind: figures["log_loss"] for kind, figures in scores["candidates"].items()}
    assert set(losses) == {*ALONE, BASELINE}
    assert scores["chosen"] == auto.info["classifier"]["kind"] == min(losses, key=losses.get)
    assert losses[BASELINE] > losses[scores["chosen"]]
    assert scores["candidates"][BASELINE]["balanced_accuracy"] == pytest.approx(1 / 3)


@pytest.mark.slow
def test_scores_groups(auto):
    scores = auto.info["scores"]
    assert (scores["grouped_by"], scores["groups"], scores["folds"]) == ("subject", 8, 5)
    assert scores["held_out"]["events"] == 240
    assert scores["held_out"]["balanced_accuracy"] > 0.8


@pytest.mark.slow
def test_scores_shuffled_labels():
    X, labels, groups = events(400)
    shuffled = list(np.random.default_rng(3).permutation(labels))
    candidates = fit(X, shuffled, groups, FakeFrontEnd(), FitConfig(classifier="forest")).info["scores"]["candidates"]
    assert candidates["forest"]["log_loss"] > candidates[BASELINE]["log_loss"] - 0.03
    assert candidates["forest"]["balanced_accuracy"] < 0.45


@pytest.mark.slow
def test_nested_scores_shuffled_labels():
    X, labels, groups = events(400)
    shuffled = list(np.random.default_rng(3).permutation(labels))
    scores = fit(X, shuffled, groups, FakeFrontEnd(), FitConfig()).info["scores"]
    assert len(scores["nested"]["chosen"]) == 5
    assert scores["held_out"]["log_loss"] > scores["candidates"][BASELINE]["log_loss"] - 0.01
    assert scores["held_out"]["balanced_accuracy"] < 0.4


def test_nested_scores_intervals(auto):
    scores = auto.info["scores"]
    held, chosen = scores["held_out"], scores["candidates"][scores["chosen"]]
    assert set(scores["nested"]["chosen"]) <= set(ALONE)
    assert held["log_loss"] != chosen["log_loss"]
    for key in ("log_loss", "balanced_accuracy", "ece", "brier"):
        assert held["intervals"][key][0] < held["intervals"][key][1]
    assert scores["risk_coverage"][-1]["risk"] == pytest.approx(1 - held["accuracy"])


def test_nested_needs_candidates_and_folds():
    assert fitted().info["scores"]["nested"] is None
    model = fitted(classifier="auto", folds=2)
    assert model.info["scores"]["nested"] is None
    assert any("a little too good" in remark for remark in model.info["training"]["remarks"])


@pytest.mark.slow
def test_nested_ignores_outer_labels(monkeypatch):
    X, labels, groups = events()
    y = np.array([CLASSES.index(label) for label in labels])
    X = X.astype(np.float32).astype(np.float64)
    splits = make_folds(y, groups, folds=3)
    changed = y.copy()
    test = splits[0][1]
    changed[test] = (y[test] + 1) % 3
    tables = {"logistic": X, "forest": X}
    rank_by = partial(rank, "precision")
    before, after = (cross_validation.CrossValidation(tables, each, splits).nest(rank_by) for each in (y, changed))
    assert before[1][0] == after[1][0]
    assert np.array_equal(before[0][test], after[0][test])
    assert not np.allclose(before[0][splits[1][1]], after[0][splits[1][1]])


def test_mfcc_baseline():
    mfcc = np.random.default_rng(0).normal(size=(240, 40))
    scores = fitted(mfcc=mfcc).info["scores"]
    assert set(scores["candidates"]) == {"logistic", BASELINE, MFCC_FOREST}
    assert scores["chosen"] == "logistic"


def test_progress():
    seen = []
    fitted(progress=lambda what, done, total: seen.append((what, done, total)))
    assert ("cross-validation", 10, 10) in seen


def test_svm_with_small_class():
    X, labels, groups = events(60)
    labels = [name if name != "snapping" else "other" for name in labels]
    labels[:2], groups[:2] = ["snapping", "snapping"], ["P0", "P1"]
    model = fit(X, labels, groups, FakeFrontEnd(), FitConfig(folds=2))
    assert "svm" not in model.info["scores"]["candidates"]
    assert any(remark.startswith("svm was not tested") for remark in model.info["training"]["remarks"])
    with pytest.raises(LabelError, match="svm needs"):
        fit(X, labels, groups, FakeFrontEnd(), FitConfig(classifier="svm", folds=2))


def overconfident(n=3000, power=3.0):
    """Answers that are `power` times too sure, and the truth."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], n)
    y = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1)
    raw = p**power
    return raw / raw.sum(axis=1, keepdims=True), y, p


def test_fit_calibration_dirichlet():
    raw, y, true = overconfident(4000)
    found = fit_calibration(raw, y)
    assert (found.method, found.events) == ("dirichlet", 4000)
    assert np.abs(found.apply(raw) - true).mean() < 0.03 < np.abs(raw - true).mean()


def test_fit_calibration_little_data():
    raw, y, _ = overconfident(60)
    few = np.concatenate([np.flatnonzero(y == c)[:10] for c in range(3)])
    found = fit_calibration(raw[few], y[few])
    assert found.method == "temperature and bias"
    assert np.array_equal(found.weights, np.eye(3) * found.weights[0, 0])
    assert found.weights[0, 0] < 1
    assert fit_calibration(raw[few[:20]], y[few[:20]]).method == "identity"
    assert fit_calibration(raw[y < 2][:30], y[y < 2][:30]).method == "identity", "a class is missing"


def test_fit_calibration_keeps_order():
    raw, y, _ = overconfident(600, power=1.0)
    wrong = (y + 1) % 3  # a classifier that is wrong on every held-out group
    found = fit_calibration(raw, wrong)
    assert (np.diag(found.weights) > 0).all()
    assert np.array_equal(found.weights, np.eye(3) * found.weights[0, 0])


def test_cross_calibrated_ignores_own_fold():
    raw, y, _ = overconfident(600)
    folds = [np.arange(0, 300), np.arange(300, 600)]
    changed = y.copy()
    changed[:300] = (y[:300] + 1) % 3
    before, after = cross_calibrated(raw, y, folds), cross_calibrated(raw, changed, folds)
    assert np.array_equal(before[:300], after[:300])
    assert not np.allclose(before[300:], after[300:])


@pytest.mark.slow
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
