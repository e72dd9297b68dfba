"""Training and inheritance of the context stage."""

import numpy as np
import pytest
from fake_frontend import CLASSES

from popclass.context.features import context_names
from popclass.context.similarity import Similarity
from popclass.model.context import Context, ContextWeights
from popclass.model.model import Model
from popclass.training import context as context_module
from popclass.training.context import (
    ContextSamples,
    average,
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


def test_average():
    rng = np.random.default_rng(8)
    shapes = (3, 2), (3, 4), (2, 4), (4,), (4, 2)
    weights = [ContextWeights(*(rng.normal(size=shape) for shape in shapes)) for _ in range(3)]
    acoustic, measures = rng.dirichlet([1, 1], 20), rng.normal(size=(20, 3))
    mean = np.mean([each.log_odds(acoustic, measures) for each in weights], axis=0)
    np.testing.assert_allclose(average(weights).log_odds(acoustic, measures), mean)


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


def pairs():
    """Sessions of a minute: every other one has a pair of unlike joint sounds, the others a knock and echo at times."""
    rng = np.random.default_rng(6)
    rows = []
    for number in range(200):
        knock = rng.normal(size=6)
        for beat in [7] if number % 2 else rng.permutation(20)[:8]:
            for late in (0.0, 0.02):
                sound = rng.normal(size=6) if number % 2 else knock + 0.5 * rng.normal(size=6)
                rows.append((number, beat * 3.0 + late, 0 if number % 2 else 2, sound))
    rows.sort(key=lambda row: row[:2])
    recording, onset, y, X = map(np.array, zip(*rows, strict=True))
    return X, y, recording, onset


def test_learn_context_excerpts(monkeypatch):
    """In a clip of a second a knock and its echo are no burst of joint sounds, though there they come but once."""
    X, y, recording, onset = pairs()
    n = len(y)
    burst = np.cumsum(np.diff(onset, prepend=-1.0) > 0.25)
    burst = np.unique([recording, burst], axis=1, return_inverse=True)[1].ravel()
    samples = ContextSamples(
        X, recording.astype(str), recording, recording, onset, burst, np.zeros(n), rows=np.arange(n)
    )
    clip = np.arange(2)  # the first knock of the first session
    p = {}
    monkeypatch.setattr(context_module, "NETWORKS", 1)  # for speed
    for excerpts in (context_module.EXCERPT_S, (1e6, 1e6)):
        monkeypatch.setattr(context_module, "EXCERPT_S", excerpts)
        context, _ = learn_context(samples, y, CLASSES, NAMES, even_views(recording % 4))
        even = np.full((2, 3), 1 / 3)
        p[excerpts] = context.probabilities(X[clip], even, onset[clip], burst[clip], np.zeros(2))[:, 0].max()
    learnt, not_learnt = p.values()
    assert learnt < 0.5 < not_learnt


def test_excerpts():
    X, _, recording, onset = pairs()
    n = len(recording)
    nothing = np.zeros(n, dtype=int)
    samples = ContextSamples(X, recording.astype(str), recording, recording, onset, nothing, nothing, nothing)
    cut = samples.excerpts(3)
    assert (cut.recording == samples.excerpts(3).recording).all()
    assert (np.diff(cut.recording) >= 0).all()
    durations = []
    for number in np.unique(cut.recording):
        own = np.flatnonzero(cut.recording == number)
        assert len(set(recording[own])) == 1
        durations.append(np.ptp(onset[own]))
    assert max(durations) <= context_module.EXCERPT_S[1]
    assert len(durations) > 1.5 * (recording.max() + 1)


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
