"""Costs of novelty from kinds that were left out."""

import numpy as np
from fake_frontend import CLASSES

from popclass.training.context import ContextSamples
from popclass.training.open_set import kinds_left_out, learn_open_set
from popclass.training.views import View

NAMES = tuple(f"f{i}" for i in range(6))


def test_learn_open_set_unknown_kinds():
    """A class that unknown sounds are taken for loses where they lie, and only there."""
    rng = np.random.default_rng(7)
    n = 1200
    kind = rng.integers(0, 5, n)  # 0 a cavitation, the others four families of `other`
    X = rng.normal(size=(n, 6)) * 0.3 + np.eye(6)[kind] * 4
    y = np.where(kind == 0, 0, 2)
    recording = np.arange(n) // 20
    rows = np.arange(n)
    family = np.where(kind == 0, "", kind.astype(str))
    samples = ContextSamples(
        X, recording.astype(str), recording, recording, rows * 5.0, rows, np.zeros(n), rows, family=family
    )
    folds = [(np.flatnonzero(recording % 5 != k), np.flatnonzero(recording % 5 == k)) for k in range(5)]

    def learn(train, known, new):
        """Nearest known class, and the distance from the nearest known sound; what is far passes for a cavitation."""
        distance = np.linalg.norm(new[:, None] - X[known][None], axis=2)
        other = (y[known][distance.argmin(axis=1)] == 2) & (distance.min(axis=1) < 1.5)
        p = np.where(other[:, None], [0.05, 0.05, 0.9], [0.8, 0.1, 0.1])
        return p, distance.min(axis=1)

    found = learn_open_set(samples, y, CLASSES, NAMES, folds, learn)
    assert found.costs[0] > 1
    assert found.costs[2] == 0
    by_sound = np.mean([row["sound"] for row in found.kinds])
    assert by_sound > 0.9
    assert np.mean([row["novelty"] for row in found.kinds]) < 0.5 * by_sound
    assert sum(row["events"] for row in found.kinds) > n / 4
    assert (found.contextual.argmax(axis=1) == y).mean() > 0.9, "the known kinds keep their classes"


def test_learn_open_set_no_kinds():
    rng = np.random.default_rng(2)
    n = 120
    recording = np.arange(n) // 12
    rows, y = np.arange(n), rng.integers(0, 3, n)
    samples = ContextSamples(
        rng.normal(size=(n, 6)), recording.astype(str), recording, recording, rows * 1.0, rows, np.zeros(n), rows
    )
    folds = [(np.flatnonzero(recording % 5 != k), np.flatnonzero(recording % 5 == k)) for k in range(5)]

    def learn(train, known, new):
        return np.full((len(new), 3), 1 / 3), np.ones(len(new))

    found = learn_open_set(samples, y, CLASSES, NAMES, folds, learn)
    assert (found.costs, found.kinds) == ((), [])


def test_kinds_left_out_numbers():
    """Shares of left-out kinds by stage, and what context adds and removes."""
    p = {"joint": [0.9, 0.0, 0.1], "other": [0.1, 0.0, 0.9]}
    view = View(
        0,
        np.arange(5),
        np.array([p["joint"], p["joint"], p["joint"], p["other"], p["joint"]]),
        np.array([0.0, 1.0, 0.0, 0.0, 0.0]),
        np.array([True, True, True, True, False]),
    )
    contextual = np.array([p["joint"], p["other"], p["other"], p["joint"], p["joint"]])
    family = np.array(["mouth", "mouth", "mouth", "mouth", "struck"])
    (row,) = kinds_left_out([view], (5.0, 5.0, 0.0), [contextual], family, np.arange(5), 2)
    shares = {"sound": 0.75, "novelty": 0.5, "context": 0.5}
    assert row.pop("intervals") == {"sound": None, "novelty": None, "context": None}, "four sessions are too few"
    assert row == {"kind": "mouth", "events": 4, **shares, "added": 1, "removed": 1}
