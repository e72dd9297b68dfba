"""Similarity of sounds."""

import json

import numpy as np
import pytest

from popclass.context.similarity import Similarity, similarity_scale
from popclass.errors import UsageError


def test_between_same_and_unrelated():
    random = np.random.default_rng(1)
    one, other = random.normal(size=(2, 200, 500))
    assert (Similarity().between(one, one) == 1).all()
    np.testing.assert_allclose(Similarity().between(one, other), np.exp(-1), atol=0.1)


def test_between_published_repeats():
    """An intraclass correlation of 0.85, the lower end of Kalo 2020: repeats differ in 15% of the variance."""
    random = np.random.default_rng(2)
    sound, first, second = random.normal(size=(3, 200, 500))
    repeats = [np.sqrt(0.85) * sound + np.sqrt(0.15) * noise for noise in (first, second)]
    assert (Similarity().between(*repeats) >= Similarity().threshold).all()


def test_between_overflow():
    assert Similarity().between(np.array([[1e308]]), np.array([[-1e308]])) == 0


def test_scale_independent_features():
    random = np.random.default_rng(3)
    assert similarity_scale(random.normal(size=(2000, 40)), np.arange(2000) // 10) == pytest.approx(1, abs=0.03)


def test_scale_ignores_repeats():
    random = np.random.default_rng(4)
    sounds = np.repeat(random.normal(size=(4, 40)), 500, axis=0)
    assert similarity_scale(sounds, np.repeat(np.arange(4), 500)) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize(
    ("embedding", "recording"),
    [(np.ones((4, 2)), [0, 0, 1, 1]), (np.eye(4), [0] * 4), (np.empty((0, 2)), [])],
)
def test_scale_needs_two_recordings(embedding, recording):
    with pytest.raises(UsageError, match="at least two recordings"):
        similarity_scale(embedding, recording)


def test_json_round_trip():
    similarity = Similarity(scale=1.3, threshold=0.7, pair_s=(0.05, 0.15))
    assert similarity.to_json()["alike"] == 0.7  # the stored name
    assert Similarity.from_json(json.loads(json.dumps(similarity.to_json()))) == similarity


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 0.0},
        {"scale": float("nan")},
        {"scale": "1"},
        {"alike": 0.0},
        {"alike": 1.1},
        {"window_s": -1.0},
        {"window_s": float("inf")},
        {"neighbours": 0},
        {"pair_s": [0.2, 0.04]},
        {"pair_s": [0.2]},
        {"pair_s": None},
        {"pair_spread": 0.0},
        {"surplus": 1},
    ],
)
def test_from_json_refuses(change):
    with pytest.raises(UsageError):
        Similarity.from_json(Similarity().to_json() | change)
