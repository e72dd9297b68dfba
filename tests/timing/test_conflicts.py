"""Tests of popclass.timing.conflicts."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.timing.conflicts import Conflicts
from popclass.timing.refractory import check

PERIOD_S = 10.0
TIMES = st.lists(st.integers(1, 12), min_size=1, max_size=25).map(np.cumsum)


def checked(time_s, weight, burst, capacity):
    timing, takes_cavity = check(time_s, weight, burst, capacity=capacity, refractory_s=PERIOD_S)
    return SimpleNamespace(timing=timing, takes_cavity=takes_cavity)


def candidates(time_s, weight, burst, result, capacity):
    which = np.flatnonzero(weight > 0)
    columns = time_s[which], burst[which], result.takes_cavity[which]
    return which, Conflicts(*columns, capacity=capacity, period_s=PERIOD_S)


@settings(max_examples=400, deadline=None)
@given(
    times=TIMES,
    seed=st.integers(0, 10_000),
    until=st.floats(0, 1),
    capacity=st.sampled_from([None, 1, 2, 3]),
)
def test_conflicts_decided_and_forgettable(times, seed, until, capacity):
    rng = np.random.default_rng(seed)
    time_s, n = times.astype(float), len(times)
    weight, burst = rng.normal(0.5, 1.5, n).round(1), np.cumsum(rng.integers(0, 2, n)) + 1
    known = int(until * n)
    decided_s = time_s[known] if known < n else time_s[-1] + 1
    now = checked(time_s[:known], weight[:known], burst[:known], capacity)
    whole = checked(time_s, weight, burst, capacity)
    which, conflicts = candidates(time_s[:known], weight[:known], burst[:known], now, capacity)
    decided = np.flatnonzero(time_s[:known] < conflicts.decided_s(decided_s))
    assert [now.timing[at] for at in decided] == [whole.timing[at] for at in decided]
    gone = which[: conflicts.forgettable(decided_s, int(burst[known]) if known < n else int(burst[-1]))]
    first = int(gone[-1]) + 1 if len(gone) else 0
    remaining = checked(time_s[first:], weight[first:], burst[first:], capacity)
    assert remaining.timing == whole.timing[first:]
    assert all(time_s[gone] + PERIOD_S <= decided_s)


def test_decided_s_complete_conflict():
    time_s = np.array([0.0, 4.0, 8.0, 30.0])
    conflicts = Conflicts(time_s, np.arange(4), np.array([True, False, False, True]), capacity=1, period_s=PERIOD_S)
    assert conflicts.decided_s(9.0) == 0.0
    assert conflicts.decided_s(17.0) == 0.0, "one at 17.5 s would crowd the third"
    assert conflicts.decided_s(18.0) == 18.0
    assert conflicts.decided_s(39.0) == 30.0
    assert conflicts.decided_s(41.0) == 41.0
    assert conflicts.forgettable(20.0, 9) == 3
