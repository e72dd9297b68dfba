"""popclass.metrics.bootstrap: intervals of the figures as `scores` defines them, and none where groups are few."""

import numpy as np
import pytest

from popclass.metrics.bootstrap import DRAWS, FEWEST_GROUPS, LEVEL, bootstrap, score_intervals
from popclass.metrics.scores import score

CLASSES = ("cavitation", "snapping", "other")
TOTALS = ("log_loss", "balanced_accuracy", "ece", "brier")


def answers(n=200, groups=10, seed=0):
    """Truth, answers that are right more often than not, and groups."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    p = rng.dirichlet(np.ones(3), n) + 0.8 * np.eye(3)[y]
    return y, p / p.sum(axis=1, keepdims=True), [str(g) for g in rng.integers(0, groups, n)]


def test_the_intervals_are_those_of_the_published_definitions():
    y, p, groups = answers()

    def slowly(chosen):
        figures = score(y[chosen], p[chosen], CLASSES)
        each = {f"{key} {i}": one[key] for i, one in enumerate(figures["classes"]) for key in ("precision", "recall")}
        return {key: figures[key] for key in TOTALS} | each

    expected = bootstrap(slowly, groups, seed=4)
    found = score_intervals(y, p, CLASSES, groups, seed=4)
    assert found is not None
    for key in TOTALS:
        assert found[key] == pytest.approx(expected[key])
    for i, one in enumerate(found["classes"]):
        assert one["class"] == CLASSES[i]
        for key in ("precision", "recall"):
            assert one[key] == pytest.approx(expected[f"{key} {i}"])


def test_the_score_itself_lies_inside_and_the_report_says_how_it_was_drawn():
    y, p, groups = answers()
    found, whole = score_intervals(y, p, CLASSES, groups), score(y, p, CLASSES)
    assert (found["level"], found["draws"], found["groups"]) == (LEVEL, DRAWS, 10)
    # the calibration error of a draw is above that of the whole: it only adds distances
    for key in ("log_loss", "balanced_accuracy", "brier"):
        assert found[key][0] < whole[key] < found[key][1]


def test_fewer_than_five_groups_say_nothing_of_another():
    y, p, groups = answers()
    for count, known in ((FEWEST_GROUPS - 1, False), (FEWEST_GROUPS, True)):
        few = [str(int(group) % count) for group in groups]
        assert (score_intervals(y, p, CLASSES, few) is not None) == known


def test_a_class_that_is_never_named_has_no_precision():
    y, p, groups = answers()
    p[:, 1] = 0.0
    found = score_intervals(y, p / p.sum(axis=1, keepdims=True), CLASSES, groups)
    assert found["classes"][1] == {"class": "snapping", "precision": None, "recall": [0.0, 0.0]}
