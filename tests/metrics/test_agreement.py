"""Agreement of two methods or observers, held to published data and results."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from popclass.metrics.agreement import concordance, intraclass_correlation, kappa, limits_of_agreement
from popclass.metrics.bootstrap import bootstrap

# Bland & Altman 1986, Lancet 327:307-310, Table 1: first peak expiratory flow (l/min) of 17 people with each meter.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]

# Shrout & Fleiss 1979, Psychol. Bull. 86:420-428, Table 2: four judges rate six targets.
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_limits_of_agreement_published():
    bias, low, high = limits_of_agreement(MINI, WRIGHT)
    assert bias == pytest.approx(-2.1, abs=0.05)
    assert (high - low) / (2 * 1.96) == pytest.approx(38.8, abs=0.05)  # the paper's standard deviation


def test_limits_of_agreement_intervals_published():
    """The paper's intervals, by Student's t, are near those of the bootstrap that evaluation uses."""
    mini, wright = np.array(MINI), np.array(WRIGHT)

    def figures(at):
        return limits_of_agreement(mini[at], wright[at])._asdict()

    spans = bootstrap(figures, [str(i) for i in range(17)])
    assert spans["bias"] == pytest.approx((-22.1, 17.8), abs=5)
    assert spans["low"] == pytest.approx((-114.3, -45.1), abs=15)
    assert spans["high"] == pytest.approx((40.9, 110.1), abs=15)


def test_limits_of_agreement_single_pair():
    assert limits_of_agreement([1], [2]) is None
    assert limits_of_agreement([], []) is None


def test_concordance_is_correlation_times_bias_correction():
    """Lin 1989 writes the coefficient as Pearson's r times a factor of the shifts in scale and location."""
    x, y = np.array(WRIGHT, float), np.array(MINI, float)
    scale, shift = x.std() / y.std(), (x.mean() - y.mean()) / np.sqrt(x.std() * y.std())
    factor = 2 / (scale + 1 / scale + shift**2)
    assert concordance(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1] * factor)
    assert concordance(x, y) == concordance(y, x)


@pytest.mark.parametrize(
    ("truth", "measured", "value"),
    [([1, 2, 3], [3, 2, 1], -1.0), ([0, 0, 4, 4], [2, 2, 2, 2], 0.0), ([3], [3], None), ([1, 1], [0, 2], None)],
)
def test_concordance_limits(truth, measured, value):
    assert concordance(truth, measured) == value


def test_intraclass_correlation_published():
    assert intraclass_correlation(JUDGES) == pytest.approx(0.29, abs=0.005)


def test_intraclass_correlation_counts_bias():
    """A constant difference between raters lowers absolute agreement."""
    table = np.array([[1, 1], [3, 3], [5, 5], [8, 8]])
    assert intraclass_correlation(table) == 1
    assert intraclass_correlation(table + np.array([0, 2])) < 0.95


def test_intraclass_correlation_undefined():
    assert intraclass_correlation([[1, 2]]) is None
    assert intraclass_correlation([[0, 0], [0, 0]]) is None


def test_kappa_as_scikit_learn():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 200)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(0, 4, 200))
    table = np.bincount(first * 4 + second, minlength=16).reshape(4, 4)
    assert kappa(table) == pytest.approx(cohen_kappa_score(first, second))


TABLES = [([[0, 0], [0, 0]], None), ([[3, 0], [0, 0]], None), ([[0, 2], [2, 0]], -1)]


@pytest.mark.parametrize(("table", "value"), TABLES)
def test_kappa_limits(table, value):
    assert kappa(table) == value
