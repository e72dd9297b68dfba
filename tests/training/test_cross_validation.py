"""Cross-validation and nested cross-validation."""

import numpy as np
import pytest
from fake_frontend import CLASSES, FakeFrontEnd
from training_data import events, fitted

from popclass.errors import LabelError
from popclass.metrics.tables import BASELINE, MFCC_FOREST
from popclass.training import cross_validation
from popclass.training.classifiers import KINDS
from popclass.training.fit import FitConfig, fit
from popclass.training.folds import make_folds


def test_cross_validate_workers(auto, monkeypatch):
    monkeypatch.setattr(cross_validation, "WORKERS", 1)
    assert fitted(classifier="auto", grouped_by="subject").to_bytes() == auto.to_bytes()
    assert fitted(seed=1).to_bytes() != fitted().to_bytes()


def test_cross_validate_chooses_least_log_loss(auto):
    scores = auto.info["scores"]
    losses = {kind: figures["log_loss"] for kind, figures in scores["candidates"].items()}
    assert set(losses) == {*KINDS, BASELINE}
    assert scores["chosen"] == auto.info["classifier"]["kind"] == min(losses, key=losses.get)
    assert losses[BASELINE] > losses[scores["chosen"]]
    assert scores["candidates"][BASELINE]["balanced_accuracy"] == pytest.approx(1 / 3)


def test_scores_groups(auto):
    scores = auto.info["scores"]
    assert (scores["grouped_by"], scores["groups"], scores["folds"]) == ("subject", 8, 5)
    assert scores["held_out"]["events"] == 240
    assert scores["held_out"]["balanced_accuracy"] > 0.8


def test_scores_shuffled_labels():
    X, labels, groups = events(400)
    shuffled = list(np.random.default_rng(3).permutation(labels))
    candidates = fit(X, shuffled, groups, FakeFrontEnd(), FitConfig(classifier="forest")).info["scores"]["candidates"]
    assert candidates["forest"]["log_loss"] > candidates[BASELINE]["log_loss"] - 0.03
    assert candidates["forest"]["balanced_accuracy"] < 0.45


def test_nested_scores_shuffled_labels():
    X, labels, groups = events(400)
    shuffled = list(np.random.default_rng(3).permutation(labels))
    scores = fit(X, shuffled, groups, FakeFrontEnd()).info["scores"]
    assert len(scores["nested"]["chosen"]) == 5
    assert scores["held_out"]["log_loss"] > scores["candidates"][BASELINE]["log_loss"] - 0.01
    assert scores["held_out"]["balanced_accuracy"] < 0.4


def test_nested_scores_intervals(auto):
    scores = auto.info["scores"]
    held, chosen = scores["held_out"], scores["candidates"][scores["chosen"]]
    assert set(scores["nested"]["chosen"]) <= set(KINDS)
    assert held["log_loss"] != chosen["log_loss"]
    for key in ("log_loss", "balanced_accuracy", "ece", "brier"):
        assert held["intervals"][key][0] < held["intervals"][key][1]
    assert scores["risk_coverage"][-1]["risk"] == pytest.approx(1 - held["accuracy"])


def test_nested_needs_candidates_and_folds():
    assert fitted().info["scores"]["nested"] is None
    model = fitted(classifier="auto", folds=2)
    assert model.info["scores"]["nested"] is None
    assert any("a little too good" in remark for remark in model.info["training"]["remarks"])


def test_nested_ignores_outer_labels(monkeypatch):
    X, labels, groups = events()
    y = np.array([CLASSES.index(label) for label in labels])
    X = X.astype(np.float32).astype(np.float64)
    splits = make_folds(y, groups, folds=3)
    changed = y.copy()
    test = splits[0][1]
    changed[test] = (y[test] + 1) % 3
    kinds = ("logistic", "forest")
    before, after = (cross_validation.cross_validate(kinds, X, each, splits).nested for each in (y, changed))
    assert before.chosen[0] == after.chosen[0]
    assert np.array_equal(before.probabilities[test], after.probabilities[test])
    assert not np.allclose(before.probabilities[splits[1][1]], after.probabilities[splits[1][1]])


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
