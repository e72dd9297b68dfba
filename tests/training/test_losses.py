"""Losses and ranks of candidates."""

import numpy as np
import pytest

from popclass.training.losses import never_found, rank
from popclass.training.thresholds import BALANCED, PRECISE

RARE = np.array([0] * 2 + [1] * 98)


@pytest.mark.parametrize(
    ("target", "p", "expected"),
    [
        (PRECISE, [[0.4, 0.6]] * 2 + [[0.1, 0.9]] * 98, 1),
        (BALANCED, [[0.4, 0.6]] * 2 + [[0.01, 0.99]] * 98, 0),
        (PRECISE, [[0.6, 0.4]] * 2 + [[0.6, 0.4]] * 98, 1),
        (PRECISE, [[0.6, 0.4, 0.0]] * 2 + [[0.1, 0.9, 0.0]] * 98, 0),
    ],
)
def test_never_found(target, p, expected):
    assert never_found(target, RARE, np.array(p)) == expected


def test_never_found_stated_frequencies():
    p = np.array([[0.4, 0.6]] * 2 + [[0.1, 0.9]] * 98)
    assert never_found(BALANCED, RARE, p, np.array([0.5, 0.5])) == 1
    assert never_found(BALANCED, RARE, p, np.array([0.3, 0.7])) == 0


def test_rank_prefers_all_classes():
    always_frequent = np.array([[0.02, 0.98]] * 100)
    finds_both = np.array([[0.6, 0.4]] * 12 + [[0.3, 0.7]] * 88)
    assert rank(PRECISE, RARE, finds_both) < rank(PRECISE, RARE, always_frequent)
    assert rank(PRECISE, RARE, finds_both)[1] > rank(PRECISE, RARE, always_frequent)[1]
