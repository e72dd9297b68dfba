"""Training and inheritance of the context stage."""

import numpy as np
import pytest
from fake_frontend import CLASSES

from popclass.context.features import context_names
from popclass.context.similarity import Similarity
from popclass.model.context import Context, ContextWeights
from popclass.model.model import Model
from popclass.training.context import (
    ContextSamples,
    fit_context_weights,
    inherit_context,
    learn_context,
)
from popclass.training.views import View

NAMES = tuple(f"f{i}" for i in range(6))
OLD, NEW = ("snapping", "cavitation", "other"), ("cavitation", "snapping", "other")


def test_fit_context_weights_informative_feature():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    features = np.column_stack([rng.normal(size=600), (y == 1) * 1.0])
    even = np.full((600, 3), 1 / 3)
    weighing = fit_context_weights(even, features, y)
    idle = weighing.log_odds(even, np.column_stack([features[:, 0], np.zeros(600)]))
    assert np.abs(idle - idle.mean(axis=1, keepdims=True)).mean() < 0.3
    telling = weighing.log_odds(even[:1], np.array([[0.0, 1.0]]))[0]
    assert telling[1] > telling[[0, 2]].max() + 1


def test_fit_context_weights_interaction():
    rng = np.random.default_rng(4)
    features = rng.integers(0, 2, (3000, 2)).astype(float)
    y = (features.sum(axis=1) == 1).astype(int)  # one of the two, not both
    even = np.full((3000, 2), 0.5)
    added = fit_context_weights(even, features, y).log_odds(even, features)
    right = (added.argmax(axis=1) == y)[features.sum(axis=1) > 0]
    assert right.all()


def test_fit_context_weights_calibrated_probabilities():
    rng = np.random.default_rng(1)
    acoustic = rng.dirichlet(np.ones(3), 3000)
    y = np.array([rng.choice(3, p=p) for p in acoustic])
    features = rng.normal(size=(3000, 2))
    added = fit_context_weights(acoustic, features, y).log_odds(acoustic, features)
    assert np.abs(added - added.mean(axis=1, keepdims=True)).mean() < 0.1


def sessions(rng):
    """Ten recordings: in half of them one sound comes again and again, in the others every sound is another."""
    X, y, recording, onset = [], [], [], []
    for number in range(10):
        again = number % 2 == 0
        base = rng.normal(size=6)
        for beat in range(12):
            X.append(base + 0.05 * rng.normal(size=6) if again else rng.normal(size=6))
            y.append(1 if again else 2)
            recording.append(number)
            onset.append(beat * 1.0)
    return np.array(X), np.array(y), np.array(recording), np.array(onset)


def even_views(fold):
    """Views of each fold in which every class is as probable."""
    views = []
    for k in range(fold.max() + 1):
        events = np.flatnonzero(fold == k)
        n = len(events)
        views.append(View(k, events, np.full((n, 3), 1 / 3), np.zeros(n), np.zeros(n, dtype=bool)))
    return views


def test_learn_context_repetition():
    rng = np.random.default_rng(2)
    X, y, recording, onset = sessions(rng)
    n = len(y)
    samples = ContextSamples(
        X, recording.astype(str), recording, recording, onset, np.arange(n), np.zeros(n), rows=np.arange(n)
    )
    context, contextual = learn_context(samples, y, CLASSES, NAMES, even_views(recording % 5))
    right = [p.argmax(axis=1) == y[recording % 5 == k] for k, p in enumerate(contextual)]
    assert np.concatenate(right).mean() > 0.9
    assert Context.from_json(context.to_json(), CLASSES).names == context.names
    assert np.concatenate(contextual).sum(axis=1) == pytest.approx(np.ones(n))


def test_learn_context_echoes():
    """ContextSamples that speaks for a cavitation speaks against its echo, once echoes were learnt from."""
    rng = np.random.default_rng(5)
    n = 400
    echo = np.arange(n) % 4 == 3  # every fourth follows in the burst of the one before
    burst = np.arange(n) - echo
    onset = np.arange(n) * 1.0 - echo * 0.98
    X = rng.normal(size=(n, 6))
    recording = np.arange(n) // 20
    rows = np.flatnonzero(~echo)
    y = np.where(np.arange(n) % 4 == 2, 0, rng.integers(1, 3, n))[rows]  # what an echo follows is a cavitation
    even = np.full((n, 3), 1 / 3)
    found = {}
    for parts in (np.zeros(0, int), np.flatnonzero(echo)):
        samples = ContextSamples(X, recording.astype(str), recording, recording, onset, burst, -5.0 * echo, rows, parts)
        context, _ = learn_context(samples, y, CLASSES, NAMES, even_views(recording % 2))
        own = slice(0, 20)
        found[len(parts)] = context.probabilities(X[own], even[own], onset[own], burst[own], -5.0 * echo[own])[:, 0]
    followed = np.arange(20) % 4 == 2
    without, aware = found[0], found[100]
    assert aware[echo[:20]].max() < 0.1 < without[echo[:20]].min()
    assert aware[followed].min() > 0.3


def stage(seed=0):
    rng = np.random.default_rng(seed)
    names, units = context_names(OLD), 5
    shapes = [(len(names), 3), (len(names), units), (3, units), (units,), (units, 3)]
    weighing = ContextWeights(*(rng.normal(size=shape) for shape in shapes))
    return Context((0, 1), np.zeros(2), np.ones(2), Similarity(), names, weighing)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("cavitation", "other"), "'snapping' is not among the labels"),
        (("cavitation", "snapping", "click", "other"), "it does not have 'click'"),
        (NEW, "its classes are in another order"),
    ],
)
def test_inherit_context_different_classes(classes, message):
    class Base(Model):
        def __init__(self):
            self.classes, self.context, self.info = OLD, stage(), {}

    stored, remarks = inherit_context(Base(), classes)
    assert stored is None
    assert remarks[0].endswith(message)
    assert inherit_context(None, NEW) == (None, [])
