"""popclass.model.context: weights of zero change nothing, and what a model file holds is what was put in."""

import json
from dataclasses import replace

import numpy as np
import pytest

from popclass.context.features import context_names
from popclass.context.similarity import Similarity
from popclass.model.context import Context, ContextWeights

CLASSES = ("cavitation", "snapping", "other")
NAMES = context_names(CLASSES)
MEASURES = len(NAMES)
COLUMNS = (0, 2, 3)


def a_weighing(measures=MEASURES, classes=3, units=4):
    rng = np.random.default_rng(0)
    shapes = [(measures, classes), (measures, units), (classes, units), (units,), (units, classes)]
    return ContextWeights(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))


def a_context(weights=None):
    weighing = a_weighing() if weights is None else ContextWeights.of_weights(weights)
    return Context(COLUMNS, np.zeros(3), np.ones(3), Similarity(scale=1.5), NAMES, weighing)


def a_session(events=12, seed=1):
    """Features, probabilities, onsets, bursts and levels: the same sound every second, with company now and then."""
    rng = np.random.default_rng(seed)
    onset = np.sort(np.concatenate([np.arange(events // 2), rng.uniform(0, events // 2, events - events // 2)]))
    burst = np.cumsum(np.diff(onset, prepend=-1) > 0.25)
    features = rng.normal(size=(2, 4))[rng.integers(0, 2, events)] + 0.1 * rng.normal(size=(events, 4))
    return features, rng.dirichlet(np.ones(3), events), onset, burst, rng.uniform(10, 30, events)


def test_weights_of_zero_change_nothing():
    X, acoustic, *where = a_session()
    context = a_context(np.zeros((len(NAMES), 3)))
    np.testing.assert_allclose(context.apply(acoustic, context.features(X, acoustic, *where)), acoustic, atol=1e-12)


def test_an_event_alone_keeps_its_probabilities():
    X, acoustic, *where = (each[:1] for each in a_session())
    context = a_context()
    measures = context.features(X, acoustic, *where)
    assert (measures == 0).all()
    np.testing.assert_allclose(context.apply(acoustic, measures), acoustic, atol=1e-12)


def test_a_measure_adds_its_weight_in_log_odds():
    acoustic = np.array([[0.5, 0.3, 0.2]])
    weights = np.zeros((len(NAMES), 3))
    weights[4] = 0.7, -0.2, 0.0
    measures = np.zeros((1, len(NAMES)))
    measures[0, 4] = 2.0
    moved = a_context(weights).apply(acoustic, measures)
    gained = np.log(moved / moved[:, 2:]) - np.log(acoustic / acoustic[:, 2:])
    np.testing.assert_allclose(gained, [[1.4, -0.4, 0.0]], atol=1e-12)
    assert moved.sum() == pytest.approx(1)


def test_what_one_measure_is_worth_can_depend_on_another():
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


def test_a_row_does_not_depend_on_the_rows_beside_it():
    rng = np.random.default_rng(5)
    acoustic, measures = rng.dirichlet(np.ones(3), 40), rng.normal(size=(40, len(NAMES)))
    together = a_context().apply(acoustic, measures)
    alone = np.concatenate([a_context().apply(acoustic[i : i + 1], measures[i : i + 1]) for i in range(40)])
    np.testing.assert_array_equal(together, alone)


def test_certainty_of_the_sound_stays_finite():
    acoustic = np.array([[1.0, 0.0, 0.0]])
    moved = a_context().apply(acoustic, np.ones((1, len(NAMES))))
    assert np.isfinite(moved).all()
    assert moved.sum() == pytest.approx(1)


def test_only_the_columns_named_are_compared():
    X, acoustic, *where = a_session()
    context = a_context()
    measured = context.features(X, acoustic, *where)
    X[:, 1] = 1e3 * np.random.default_rng(2).normal(size=len(X))  # not among COLUMNS
    np.testing.assert_array_equal(context.features(X, acoustic, *where), measured)
    X[:, 2] += 10 * np.random.default_rng(3).normal(size=len(X))
    assert not np.array_equal(context.features(X, acoustic, *where), measured)


def test_a_recording_without_events_has_no_measures():
    X, acoustic, *where = (each[:0] for each in a_session())
    context = a_context()
    measures = context.features(X, acoustic, *where)
    assert measures.shape == (0, len(NAMES))
    assert context.apply(acoustic, measures).shape == (0, 3)


def test_json_gives_the_same_context():
    context = a_context()
    again = Context.from_json(json.loads(json.dumps(context.to_json())), CLASSES)
    assert (again.columns, again.names, again.similarity) == (context.columns, context.names, context.similarity)
    for name in ("mean", "spread"):
        np.testing.assert_array_equal(getattr(again, name), getattr(context, name))
    for name in ("linear", "inner", "sound", "bias", "outer"):
        np.testing.assert_array_equal(getattr(again.weighing, name), getattr(context.weighing, name))


@pytest.mark.parametrize("classes", [("snapping", "cavitation", "other"), ("cavitation", "other"), (*CLASSES, "rub")])
def test_other_classes_are_refused(classes):
    with pytest.raises(ValueError, match="other measures or classes"):
        Context.from_json(a_context().to_json(), classes)


def test_measures_this_version_does_not_take_are_refused():
    stored = {**a_context().to_json(), "names": [*NAMES[:-1], "loudness"]}
    with pytest.raises(ValueError, match="other measures or classes"):
        Context.from_json(stored, CLASSES)


@pytest.mark.parametrize(
    "changed",
    [
        {"mean": np.zeros(2)},
        {"spread": np.ones(4)},
        {"weighing": a_weighing(classes=2)},
        {"weighing": a_weighing(measures=3)},
        {"weighing": replace(a_weighing(), bias=np.zeros(3))},
    ],
)
def test_arrays_that_do_not_fit_are_refused(changed):
    with pytest.raises(ValueError, match="do not fit"):
        Context.from_json(replace(a_context(), **changed).to_json(), CLASSES)


def test_a_likeness_out_of_range_is_refused():
    stored = a_context().to_json()
    with pytest.raises(ValueError, match="scale"):
        Context.from_json({**stored, "likeness": {**stored["likeness"], "scale": -1.0}}, CLASSES)
