"""popclass.metrics.bootstrap: whole groups are drawn, so that a crowd of like events makes nobody sure."""

import numpy as np
import pytest

from popclass.metrics.bootstrap import bootstrap


def mean_of(values):
    return lambda chosen: {"mean": float(values[chosen].mean())}


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(30), 10).astype(str)
        values = np.repeat(rng.normal(0, 1, 30), 10) + rng.normal(0, 0.3, 300)  # events of a group resemble each other
        low, high = bootstrap(mean_of(values), groups, draws=200, seed=seed)["mean"]
        held += low <= 0 <= high
    assert 85 <= held <= 99


def test_events_of_one_group_add_no_certainty():
    rng = np.random.default_rng(0)
    own = rng.normal(0, 1, 12)
    few = bootstrap(mean_of(own), [str(i) for i in range(12)], seed=1)["mean"]
    many = bootstrap(mean_of(np.repeat(own, 50)), [str(i) for i in np.repeat(np.arange(12), 50)], seed=1)["mean"]
    assert many == pytest.approx(few)


def test_a_single_group_tells_nothing():
    assert bootstrap(mean_of(np.arange(5.0)), ["one"] * 5) == {}
    assert bootstrap(mean_of(np.arange(0.0)), []) == {}


def test_a_figure_that_is_mostly_undefined_has_no_interval():
    assert bootstrap(lambda chosen: {"never": None}, ["a", "b"]) == {"never": None}


def test_the_same_seed_gives_the_same_interval():
    values, groups = np.arange(20.0), [str(i % 5) for i in range(20)]
    assert bootstrap(mean_of(values), groups, seed=3) == bootstrap(mean_of(values), groups, seed=3)


def test_figures_drawn_together_have_the_intervals_they_have_alone():
    values, groups = np.arange(20.0), [str(i % 5) for i in range(20)]
    mean, least = mean_of(values), lambda chosen: {"least": float(values[chosen].min())}
    both = bootstrap(lambda chosen: mean(chosen) | least(chosen), groups, seed=3)
    assert both == bootstrap(mean, groups, seed=3) | bootstrap(least, groups, seed=3)
    assert both["mean"] != both["least"]
