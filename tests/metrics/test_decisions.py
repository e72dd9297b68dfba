"""Calibration, net benefit and predictive values, held to scikit-learn and to published results."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from popclass.metrics.decisions import (
    calibration_in_the_large,
    calibration_line,
    log_odds,
    net_benefit,
    predictive_values,
)


def overconfident(n=2000, factor=2.0, shift=0.7, seed=0):
    """Outcomes, and log-odds that are `factor` times too extreme and shifted."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-0.5, 1.2, n)
    return rng.random(n) < 1 / (1 + np.exp(-true)), factor * true + shift


def test_calibration_line_as_scikit_learn():
    own, logit = overconfident()
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit[:, None], own)
    assert calibration_line(own, logit) == pytest.approx((reference.intercept_[0], reference.coef_[0, 0]), abs=1e-5)


def test_calibration_line_recovers_overconfidence():
    own, logit = overconfident(200_000)
    intercept, slope = calibration_line(own, logit)
    assert slope == pytest.approx(0.5, abs=0.01)
    assert intercept == pytest.approx(-0.35, abs=0.02)


def test_calibration_of_calibrated_probabilities():
    own, logit = overconfident(200_000, factor=1, shift=0)
    assert calibration_line(own, logit) == pytest.approx((0, 1), abs=0.03)
    assert calibration_in_the_large(own, logit) == pytest.approx(0, abs=0.02)


def test_calibration_in_the_large_mean():
    own, logit = overconfident(500)
    shift = calibration_in_the_large(own, logit)
    assert (1 / (1 + np.exp(-(logit + shift)))).sum() == pytest.approx(own.sum())


@pytest.mark.parametrize("factor", [1, 10, -10])
def test_calibration_line_extreme_log_odds(factor):
    rng = np.random.default_rng(1)
    own = rng.random(40) < 0.5
    logit = factor * (own + rng.normal(0, 1, 40))
    reference = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(logit[:, None], own)
    assert calibration_line(own, logit)[1] == pytest.approx(reference.coef_[0, 0], rel=1e-3)


@pytest.mark.parametrize(
    ("own", "logit"),
    [([1, 1, 1], [0, 1, 2]), ([0, 0], [0, 1]), ([0, 1, 1], [-1, 0, 1]), ([0, 1], [1, 1]), ([1, 0, 0], [-1, 0, 1])],
)
def test_calibration_line_undefined(own, logit):
    assert calibration_line(np.array(own, bool), np.array(logit, float)) is None


def test_calibration_one_kind():
    assert calibration_in_the_large(np.ones(3, bool), np.zeros(3)) is None


def test_log_odds_limited():
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()


@pytest.mark.parametrize(
    ("threshold", "benefit"),
    [(0.03, 0.278), (0.05, 0.263), (0.1, 0.222), (0.2, 0.125), (0.3, 0), (0.5, -0.4), (0.8, -2.5), (0.9, -6)],
)
def test_net_benefit_of_all_published(threshold, benefit):
    """Decision curve of a diagnosis with a prevalence of 30 %: PMC6993280, Table 4, intervention to all patients."""
    assert net_benefit(np.arange(1000) < 300, np.ones(1000), threshold) == pytest.approx(benefit, abs=0.0011)


def test_net_benefit_weighs_false_calls():
    own, p = np.array([1, 1, 0, 0, 0], bool), np.array([0.9, 0.3, 0.6, 0.2, 0.1])
    assert net_benefit(own, p, 0.5) == pytest.approx((1 - 1) / 5)
    assert net_benefit(own, p, 0.25) == pytest.approx((2 - 1 / 3) / 5)
    assert net_benefit(own, p, 0.95) == 0
    assert net_benefit(own[:0], p[:0], 0.5) is None


def test_predictive_values_at_own_prevalence():
    """At the prevalence of the table itself they are the shares of its columns."""
    assert predictive_values(30 / 40, 140 / 160, 40 / 200) == pytest.approx((30 / 50, 140 / 150))


def test_predictive_values_undefined():
    assert predictive_values(0.0, 1.0, 0.5) == (None, 0.5)
    assert predictive_values(1.0, 0.0, 0.5) == (0.5, None)
