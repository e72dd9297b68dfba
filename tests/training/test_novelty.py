"""Fitting of the novelty measure."""

import numpy as np
import pytest
from fake_frontend import CLASSES
from training_data import events

from popclass.training.folds import make_folds
from popclass.training.novelty import fit_novelty
from popclass.training.thresholds import NOVELTY


@pytest.fixture(scope="module")
def people():
    """Events of 20 people to train on, their novelty, and events of 10 others."""
    X, labels, groups = events(1500, groups=30)
    y = np.array([CLASSES.index(label) for label in labels])
    known = np.array([int(group[1:]) < 20 for group in groups])
    splits = make_folds(y[known], [group for group, mine in zip(groups, known, strict=True) if mine])
    return X[known], *fit_novelty(X[known], y[known], splits), X[~known]


def test_fit_novelty_held_out_uniform(people):
    _, _, held_out, _ = people
    np.testing.assert_allclose(np.quantile(held_out, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.01)
    assert (held_out >= NOVELTY).mean() <= 0.015


def test_fit_novelty_new_people(people):
    X, novelty, _, strangers = people
    assert (novelty.score(strangers) >= NOVELTY).mean() < 0.05
    assert 0.35 < np.median(novelty.score(strangers)) < 0.65
    spread = X.std(axis=0)
    assert (novelty.score(strangers[:50] + 8 * spread) == 1.0).all()
    one_odd = strangers[:50].copy()
    one_odd[:, 3] += 15 * spread[3]
    assert (novelty.score(one_odd) >= NOVELTY).all(), "one feature far out is enough"


@pytest.mark.parametrize("n", [8, 40, 600])
def test_fit_novelty_few_events_constant_features(n):
    X, _, _ = events(n)
    y = np.arange(n) % 2
    X[:, 0], X[:, 1] = 5.0, y  # constant; constant inside each class
    novelty, _ = fit_novelty(X, y, make_folds(y, [str(i // 2) for i in range(n)], folds=2))
    score = novelty.score(X)
    assert np.isfinite(score).all()
    assert score.min() < 0.5
    assert novelty.score(X + 100 * X.std(axis=0)).min() == 1.0
