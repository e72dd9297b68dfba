"""Interval scheduling."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.timing.scheduling import find_splits, schedule


def fits(starts, taken, length, machines):
    chosen = [start for start, is_taken in zip(starts, taken, strict=True) if is_taken]
    return all(sum(start <= other < start + length for other in chosen) <= machines for start in chosen)


def exhaustive(starts, weights, length, machines):
    """Return the earliest of the heaviest choices by trying all."""
    choices = (taken for taken in product((True, False), repeat=len(starts)) if fits(starts, taken, length, machines))
    return list(max(choices, key=lambda taken: (sum(w for w, t in zip(weights, taken, strict=True) if t), taken)))


cases = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), max_size=9).map(sorted)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None)
@given(cases, st.integers(1, 20), st.integers(1, 4))
def test_schedule_brute_force(case, length, machines):
    starts, weights = [start for start, _ in case], [weight for _, weight in case]
    taken = schedule(starts, weights, length=length, machines=machines)
    assert taken == exhaustive(starts, weights, length, machines)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(2, 120))
def test_schedule_linear_program(seed, machines, n):
    """The interval matrix is totally unimodular, so the optimum of the linear program is that of whole numbers."""
    from scipy.optimize import linprog

    random = np.random.default_rng(seed)
    starts = np.sort(random.integers(0, 5000, n))
    weights = random.integers(1, 100, n)
    overlap = (starts >= starts[:, None]) & (starts < starts[:, None] + 1200)
    best = linprog(-weights, A_ub=overlap, b_ub=np.full(n, machines), bounds=(0, 1))
    taken = schedule(starts.tolist(), weights.tolist(), length=1200, machines=machines)
    assert fits(starts, taken, 1200, machines)
    assert weights[taken].sum() == pytest.approx(-best.fun, abs=1e-6)


def test_schedule_empty():
    assert schedule([], [], length=10, machines=1) == []


def test_schedule_touching_intervals():
    assert schedule([0, 10, 20], [1, 1, 1], length=10, machines=1) == [True, True, True]


def test_schedule_heavy_interval():
    assert schedule([0, 4, 8], [3, 7, 3], length=5, machines=1) == [False, True, False]
    assert schedule([0, 4, 8], [3, 5, 3], length=5, machines=1) == [True, False, True]


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), max_size=10).map(sorted), st.integers(2, 4))
def test_schedule_ties(case, machines):
    """Few times and weights, so that nearly everything is a tie: the earliest, and the same on every run."""
    starts, weights = [5 * start for start, _ in case], [weight for _, weight in case]
    taken = schedule(starts, weights, length=10, machines=machines)
    assert taken == exhaustive(starts, weights, 10, machines)
    assert taken == schedule(starts, weights, length=10, machines=machines)


@pytest.mark.parametrize("machines", [1, 7, 24])
def test_schedule_many_equal_intervals(machines):
    """The first of every period, as many as there are machines: what greed would do, exactly."""
    taken = schedule(list(range(5000)), [1] * 5000, length=1000, machines=machines)
    assert [index for index, is_taken in enumerate(taken) if is_taken] == [
        period * 1000 + index for period in range(5) for index in range(machines)
    ]


@settings(deadline=None)
@given(cases, st.integers(1, 20), st.integers(1, 4))
def test_find_splits_independent_parts(case, length, machines):
    starts, weights = [start for start, _ in case], [weight for _, weight in case]
    _, splits = find_splits(starts, length=length, machines=machines)
    assert splits[0]
    assert splits[-1]
    whole = schedule(starts, weights, length=length, machines=machines)
    for at in np.flatnonzero(splits):
        parts = (starts[:at], weights[:at]), (starts[at:], weights[at:])
        assert whole == [taken for part in parts for taken in schedule(*part, length=length, machines=machines)]
