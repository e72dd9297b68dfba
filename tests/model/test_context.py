"""Tests of popclass.model.context."""

import json
from dataclasses import replace

import numpy as np
import pytest

from popclass.context.features import context_names
from popclass.context.similarity import Similarity
from popclass.errors import UsageError
from popclass.model.context import Context, ContextWeights

CLASSES = ("cavitation", "snapping", "other")
NAMES = context_names(CLASSES)
MEASURES = len(NAMES)
COLUMNS = (0, 2, 3)


def context_weights(measures=MEASURES, classes=3, units=4):
    rng = np.random.default_rng(0)
    shapes = [(measures, classes), (measures, units), (classes, units), (units,), (units, classes)]
    return ContextWeights(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))


def context_model(weights=None):
    weighing = context_weights() if weights is None else ContextWeights.of_weights(weights)
    return Context(COLUMNS, np.zeros(3), np.ones(3), Similarity(scale=1.5), NAMES, weighing)


def session(events=12, seed=1):
    """Features, probabilities, onsets, bursts and levels: the same sound every second, with neighbours now and then."""
    rng = np.random.default_rng(seed)
    onset = np.sort(np.concatenate([np.arange(events // 2), rng.uniform(0, events // 2, events - events // 2)]))
    burst = np.cumsum(np.diff(onset, prepend=-1) > 0.25)
    features = rng.normal(size=(2, 4))[rng.integers(0, 2, events)] + 0.1 * rng.normal(size=(events, 4))
    return features, rng.dirichlet(np.ones(3), events), onset, burst, rng.uniform(10, 30, events)


def test_apply_zero_weights():
    X, acoustic, *where = session()
    context = context_model(np.zeros((len(NAMES), 3)))
    np.testing.assert_allclose(context.apply(acoustic, context.features(X, acoustic, *where)), acoustic, atol=1e-12)


def test_apply_single_event():
    X, acoustic, *where = (each[:1] for each in session())
    context = context_model()
    measures = context.features(X, acoustic, *where)
    assert (measures == 0).all()
    np.testing.assert_allclose(context.apply(acoustic, measures), acoustic, atol=1e-12)


def test_apply_linear_weight():
    acoustic = np.array([[0.5, 0.3, 0.2]])
    weights = np.zeros((len(NAMES), 3))
    weights[4] = 0.7, -0.2, 0.0
    measures = np.zeros((1, len(NAMES)))
    measures[0, 4] = 2.0
    moved = context_model(weights).apply(acoustic, measures)
    gained = np.log(moved / moved[:, 2:]) - np.log(acoustic / acoustic[:, 2:])
    np.testing.assert_allclose(gained, [[1.4, -0.4, 0.0]], atol=1e-12)
    assert moved.sum() == pytest.approx(1)


def test_log_odds_interaction():
    weighing = ContextWeights(
        linear=np.zeros((2, 2)),
        inner=np.array([[2.0], [2.0]]),
        sound=np.zeros((2, 1)),
        bias=np.array([-3.0]),
        outer=np.array([[1.0, -1.0]]),
    )
    even = np.full((4, 2), 0.5)
    neither, one, other, both = weighing.log_odds(even, np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float))[:, 0]
    assert neither == 0
    assert one == other
    assert both > 3 * one


def test_apply_row_independent():
    rng = np.random.default_rng(5)
    acoustic, measures = rng.dirichlet(np.ones(3), 40), rng.normal(size=(40, len(NAMES)))
    together = context_model().apply(acoustic, measures)
    alone = np.concatenate([context_model().apply(acoustic[i : i + 1], measures[i : i + 1]) for i in range(40)])
    np.testing.assert_array_equal(together, alone)


def test_apply_certain_sound():
    acoustic = np.array([[1.0, 0.0, 0.0]])
    moved = context_model().apply(acoustic, np.ones((1, len(NAMES))))
    assert np.isfinite(moved).all()
    assert moved.sum() == pytest.approx(1)


def test_features_columns():
    X, acoustic, *where = session()
    context = context_model()
    measured = context.features(X, acoustic, *where)
    X[:, 1] = 1e3 * np.random.default_rng(2).normal(size=len(X))  # not among COLUMNS
    np.testing.assert_array_equal(context.features(X, acoustic, *where), measured)
    X[:, 2] += 10 * np.random.default_rng(3).normal(size=len(X))
    assert not np.array_equal(context.features(X, acoustic, *where), measured)


def test_features_no_events():
    X, acoustic, *where = (each[:0] for each in session())
    context = context_model()
    measures = context.features(X, acoustic, *where)
    assert measures.shape == (0, len(NAMES))
    assert context.apply(acoustic, measures).shape == (0, 3)


def test_json_round_trip():
    context = context_model()
    again = Context.from_json(json.loads(json.dumps(context.to_json())), CLASSES)
    assert (again.columns, again.names, again.similarity) == (context.columns, context.names, context.similarity)
    for name in ("mean", "spread"):
        np.testing.assert_array_equal(getattr(again, name), getattr(context, name))
    for name in ("linear", "inner", "sound", "bias", "outer"):
        np.testing.assert_array_equal(getattr(again.weighing, name), getattr(context.weighing, name))


@pytest.mark.parametrize("classes", [("snapping", "cavitation", "other"), ("cavitation", "other"), (*CLASSES, "rub")])
def test_from_json_other_classes(classes):
    with pytest.raises(ValueError, match="other context features or classes"):
        Context.from_json(context_model().to_json(), classes)


def test_from_json_other_features():
    stored = {**context_model().to_json(), "names": [*NAMES[:-1], "loudness"]}
    with pytest.raises(ValueError, match="other context features or classes"):
        Context.from_json(stored, CLASSES)


@pytest.mark.parametrize(
    "changed",
    [
        {"mean": np.zeros(2)},
        {"spread": np.ones(4)},
        {"weighing": context_weights(classes=2)},
        {"weighing": context_weights(measures=3)},
        {"weighing": replace(context_weights(), bias=np.zeros(3))},
    ],
)
def test_from_json_shapes(changed):
    with pytest.raises(ValueError, match="do not fit"):
        Context.from_json(replace(context_model(), **changed).to_json(), CLASSES)


def test_from_json_similarity_range():
    stored = context_model().to_json()
    with pytest.raises(ValueError, match="scale"):
        Context.from_json({**stored, "likeness": {**stored["likeness"], "scale": -1.0}}, CLASSES)


@pytest.mark.parametrize(
    "values",
    [
        *({"scale": True}, {"scale": "1"}, {"neighbours": 2.5}, {"neighbours": True}, {"alike": None}),
        *({"pair_s": [0.04, 0.2, 0.3]}, {"pair_s": ["0.04", "0.2"]}, {"pair_s": 0.1}, {"pair_s": [False, True]}),
    ],
)
def test_from_json_similarity_types(values):
    stored = json.loads(json.dumps(context_model().to_json()))
    with pytest.raises(UsageError, match="wrong type"):
        Context.from_json({**stored, "likeness": {**stored["likeness"], **values}}, CLASSES)


@pytest.mark.parametrize("columns", [["0", "1"], [0.0, 1.0], [False, True]])
def test_from_json_columns_types(columns):
    stored = json.loads(json.dumps(context_model().to_json()))
    with pytest.raises(ValueError, match="not a whole number"):
        Context.from_json({**stored, "columns": columns}, CLASSES)


def test_context_older_model():
    X, acoustic, *where = session()
    older = NAMES[: NAMES.index("earlier_level")]
    weights = context_weights()
    first = slice(0, len(older))
    short = ContextWeights(weights.linear[first], weights.inner[first], weights.sound, weights.bias, weights.outer)
    stored = replace(context_model(), names=older, weighing=short).to_json()
    context = Context.from_json(json.loads(json.dumps(stored)), CLASSES)
    full = context_model().features(X, acoustic, *where)
    np.testing.assert_array_equal(context.features(X, acoustic, *where), full[:, first])
    assert context.probabilities(X, acoustic, *where).shape == (12, 3)
