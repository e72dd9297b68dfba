"""Candidates beside a base and the choice between them."""

import numpy as np
import pytest
from fake_frontend import CLASSES, FakeFrontEnd
from training_data import shifted_events

from popclass.metrics.scores import log_losses
from popclass.metrics.tables import STACKED
from popclass.model.model import Model
from popclass.training.classifiers import ON_BASE, to_graph, train_classifier
from popclass.training.fit import fit
from popclass.training.graphs import base_logs, stacked_graph
from popclass.training.losses import target_losses
from popclass.training.selection import candidate_tables, compare
from popclass.training.settings import FitConfig


@pytest.fixture(scope="module")
def base() -> Model:
    X, y, groups = shifted_events(300, 12, seed=0)
    return fit(X, [CLASSES[i] for i in y], groups, FakeFrontEnd(), FitConfig(classifier="logistic", folds=2))


@pytest.mark.parametrize("kind", ON_BASE)
def test_stacked_graph_equals_scikit_learn(base, kind, tmp_path):
    X, y, _ = shifted_events(200, 6, seed=3, shift=0.7)
    table = np.hstack([X, base_logs(base, X)])
    estimator = train_classifier(kind + STACKED, table, y)
    graph = stacked_graph(base, to_graph(estimator, table.shape[1]))
    plain = {"method": "identity", "weights": np.eye(3).tolist(), "bias": [0.0] * 3, "events": 0}
    Model(graph, {**base.info, "calibration": plain}).save(tmp_path / "m.onnx")
    stacked = Model.load(tmp_path / "m.onnx")
    np.testing.assert_allclose(stacked.raw_probabilities(X), estimator.predict_proba(table), atol=1e-5)


def test_base_logs_equals_probabilities(base):
    X, _, _ = shifted_events(50, 6, seed=3)
    np.testing.assert_allclose(np.exp(base_logs(base, X)), base.probabilities(X), atol=1e-5)


def test_candidate_tables_without_base():
    X, y, _ = shifted_events(60, 6, seed=3)
    everything = np.arange(60)
    tables = candidate_tables(X, None, y, [(everything, everything)])
    assert not any(name.endswith(STACKED) for name in tables)
    one_each = [(np.array([np.flatnonzero(y == c)[0] for c in range(3)]), everything)]
    assert "svm" not in candidate_tables(X, np.zeros((60, 3)), y, one_each)


def test_target_losses_balanced_ignores_frequencies():
    """Check that a classifier loses the same wherever its classes are rarer, and the frequencies are known."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 300)
    y = np.repeat([0, 1, 2], 100)
    shares = np.array([0.1, 0.2, 0.7])
    rarer = p * shares / (p * shares).sum(axis=1, keepdims=True)
    equal = target_losses("balanced", y, p).mean()
    assert target_losses("balanced", y, rarer, shares).mean() == pytest.approx(equal)
    assert target_losses("balanced", y, rarer, np.tile(shares, (300, 1))).mean() == pytest.approx(equal)
    assert target_losses("balanced", y, rarer).mean() > equal
    assert np.array_equal(target_losses("precision", y, p), log_losses(y, p))


PEOPLE = [f"P{i // 20}" for i in range(120)]


def compared(gain, groups=PEOPLE, grouped_by="subject"):
    """Compare a model whose log loss is lower by `gain` for each person."""
    _, place = np.unique(groups, return_inverse=True)
    own = np.full(len(groups), 1.0) - np.resize(gain, place.max() + 1)[place]
    return compare({"forest": own, "svm": own + 0.5}, np.ones(len(groups)), groups, grouped_by)


def test_compare_better_for_every_subject():
    replaces, remark = compared([0.2, 0.3, 0.4])
    assert replaces
    assert remark.startswith("forest")
    assert "0.300 (95 % interval -0.367 to -0.233) below" in remark


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": [0.9, -0.4, -0.4]}, "not clear enough"),
        ({"gain": [-0.2]}, "0.200 (no interval, as all bootstrap draws agree) above"),
        ({"gain": [0.3], "groups": PEOPLE[:80]}, "too few groups for an interval"),
        ({"gain": [0.3], "grouped_by": "recording"}, "does not apply to a new person"),
        ({"gain": [0.3], "grouped_by": "event"}, "name the subjects in a labels.csv"),
    ],
)
def test_compare_base_stays(change, message):
    replaces, remark = compared(**change)
    assert not replaces
    assert message in remark
    assert "the base stays" in remark


def test_compare_no_models():
    assert compare({}, np.ones(4), list("abcd"), "subject") == (False, "")
