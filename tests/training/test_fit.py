"""Training of a model on features."""

import numpy as np
import pytest
from fake_frontend import CLASSES, WIDTH, FakeFrontEnd
from training_data import events, fitted

from popclass.context.features import context_names
from popclass.context.similarity import Similarity
from popclass.errors import LabelError, UsageError
from popclass.model.context import Context, ContextWeights
from popclass.model.model import Model
from popclass.training.classifiers import KINDS, train_classifier
from popclass.training.fit import fit
from popclass.training.settings import FitConfig
from popclass.training.thresholds import NOVELTY


@pytest.mark.parametrize("kind", KINDS)
def test_fit_equals_scikit_learn(kind, tmp_path):
    X, labels, groups = events()
    y = np.array([CLASSES.index(label) for label in labels])
    fit(X, labels, groups, FakeFrontEnd(), FitConfig(classifier=kind, folds=2)).save(tmp_path / "m.onnx")
    model = Model.load(tmp_path / "m.onnx")
    reference = train_classifier(kind, X, y)
    new = events(seed=1)[0].astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(model.raw_probabilities(new), reference.predict_proba(new), atol=1e-5)
    assert model.classes == CLASSES


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_independent_of_batch(kind):
    model = fitted(classifier=kind, folds=2)
    X = events(seed=1)[0].astype(np.float32).astype(np.float64)
    for ask in (model.probabilities, model.novelty):
        alone = np.concatenate([ask(row[None]) for row in X])
        for together in (2, 5, 64, len(X)):
            parts = [ask(X[at : at + together]) for at in range(0, len(X), together)]
            assert np.concatenate(parts).tobytes() == alone.tobytes()


def test_fit_precision():
    named = [fitted(precision=p).info["scores"]["joint_labels"] for p in (0.5, 1.0)]
    assert [each["wanted"] for each in named] == [0.5, 1.0]
    assert named[0]["band"]["to"] <= named[1]["band"]["to"]
    with pytest.raises(UsageError, match=r"0\.5 to 1"):
        fitted(precision=0.4)


@pytest.mark.slow
def test_fit_thresholds(auto):
    assert auto.info["scores"]["uncertain_joint"] <= 0.1
    least = dict(zip(auto.classes, auto.thresholds.min_probability, strict=True))
    assert 1 / 3 <= least["cavitation"] == least["snapping"] < 1
    assert least["other"] == 0, "other is the label wherever it is most likely"
    assert auto.thresholds.novelty == NOVELTY


def test_fit_training_info():
    training = fitted(provenance={"recordings": 3}, remarks=["mind the gap"]).info["training"]
    _, labels, groups = events()
    assert training["recordings"] == 3
    assert training["remarks"][0] == "mind the gap"
    assert training["remarks"][1].startswith("MFCC + forest, a baseline, was not tested")
    for name in CLASSES:
        mine = {g for g, label in zip(groups, labels, strict=True) if label == name}
        assert training["classes"][name] == {"events": labels.count(name), "groups": len(mine)}


def test_fit_context():
    names = context_names(CLASSES)
    weights = np.arange(3.0 * len(names)).reshape(-1, 3)
    context = Context((0, 2), np.zeros(2), np.ones(2), Similarity(scale=2.0), names, ContextWeights.of_weights(weights))
    own = fitted()
    base = Model(own.graph, {**own.info, "context": context.to_json()})
    X, labels, groups = events()
    model = fit(X, labels, groups, FakeFrontEnd(), FitConfig(classifier="logistic"), base=base)
    assert model.info["context"] == context.to_json()
    assert np.array_equal(model.context.weighing.linear, weights)
    assert fitted().context is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": ["other"] * 240}, LabelError, "only 'other'"),
        ({"labels": ["other"] * 239 + ["snapping"]}, LabelError, r"'snapping' \(1 event\) comes from a single group"),
        (
            {"groups": ["one"] * 240},
            LabelError,
            r"class 'cavitation' \(\d+ events\) comes from a single group.*label one more group",
        ),
        ({"folds": 1}, UsageError, "at least 2"),
        ({"classifier": "tree"}, UsageError, "allowed are auto, logistic, svm, forest"),
        ({"X": np.zeros((240, 2))}, UsageError, r"of shape \(240, 12\)"),
        ({"X": np.full((240, WIDTH), np.nan)}, UsageError, "finite"),
    ],
)
def test_fit_errors(change, error, message):
    X, labels, groups = events()
    data = {"X": X, "labels": labels, "groups": groups, "frontend": FakeFrontEnd()}
    options = {name: value for name, value in change.items() if name not in data}
    with pytest.raises(error, match=message):
        fit(**{**data, **{name: change[name] for name in change if name in data}}, config=FitConfig(**options))
