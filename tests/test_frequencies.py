"""Class frequencies of a timeline."""

import numpy as np
import pytest

from popclass.errors import UsageError
from popclass.frequencies import PRIOR_EVENTS, check_class_frequencies, estimate, reweight

TRAINED = np.array([0.1, 0.15, 0.75])


def drawn(frequencies, events, seed=0):
    """Classes of events, and their probabilities at the frequencies `TRAINED` by a score of two standard deviations."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, events, p=frequencies)
    odds = TRAINED * np.exp(2 * (2 * np.eye(3)[y] + rng.standard_normal((events, 3))))
    return y, odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("true", [(0.02, 0.03, 0.95), (0.5, 0.1, 0.4), (0.1, 0.15, 0.75)], ids=str)
def test_estimate_true_frequencies(true):
    _, probabilities = drawn(true, 20_000)
    np.testing.assert_allclose(estimate(probabilities, TRAINED), true, atol=0.02)


def test_estimate_improves_calibration():
    y, probabilities = drawn((0.4, 0.4, 0.2), 5000)
    better = reweight(probabilities, TRAINED, estimate(probabilities, TRAINED))
    before, after = (-np.log(p[np.arange(len(y)), y]).mean() for p in (probabilities, better))
    assert after < before - 0.1
    assert better.mean(axis=0) == pytest.approx([0.4, 0.4, 0.2], abs=0.02)


def test_estimate_no_events():
    np.testing.assert_allclose(estimate(np.zeros((0, 3)), TRAINED), TRAINED)


def test_estimate_few_events_bounded():
    certain = np.tile([1.0, 0.0, 0.0], (10, 1))
    found = estimate(certain, TRAINED)
    np.testing.assert_allclose(found, (PRIOR_EVENTS * TRAINED + [10, 0, 0]) / (PRIOR_EVENTS + 10))
    assert (found > 0).all()


def test_estimate_earlier_events():
    _, probabilities = drawn((0.5, 0.1, 0.4), 200)
    certain = np.tile([0.0, 1.0, 0.0], (50, 1))
    both = estimate(np.concatenate([probabilities, certain]), TRAINED)
    np.testing.assert_allclose(estimate(probabilities, TRAINED, earlier=np.array([0.0, 50.0, 0.0])), both, atol=1e-6)


def test_reweight_bayes():
    density = np.array([[0.3, 0.2, 0.9], [2.0, 0.1, 0.4]])
    other = np.array([0.3, 0.3, 0.4])
    before, after = ((density * share) / (density * share).sum(axis=1, keepdims=True) for share in (TRAINED, other))
    np.testing.assert_allclose(reweight(before, TRAINED, other), after)


def test_check_class_frequencies_invalid():
    with pytest.raises(UsageError, match="estimate and model"):
        check_class_frequencies("mine")
