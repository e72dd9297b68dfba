"""popclass.streaming.tracker: what it calls settled stays whatever follows, and what it forgets is not missed."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.streaming.tracker import Crowds
from popclass.timing.refractory import check

PERIOD_S = 10.0
TIMES = st.lists(st.integers(1, 12), min_size=1, max_size=25).map(np.cumsum)


def reading(time_s, weight, burst, capacity):
    return check(time_s, weight, burst, capacity=capacity, refractory_s=PERIOD_S)


def candidates(time_s, weight, burst, verdict, capacity):
    which = np.flatnonzero(weight > 0)
    return which, Crowds(time_s[which], burst[which], verdict.takes_cavity[which], capacity, PERIOD_S)


@settings(max_examples=400, deadline=None)
@given(
    times=TIMES,
    seed=st.integers(0, 10_000),
    until=st.floats(0, 1),
    capacity=st.sampled_from([None, 1, 2, 3]),
)
def test_settled_and_forgotten_events_are_as_if_all_had_been_known_and_kept(times, seed, until, capacity):
    rng = np.random.default_rng(seed)
    time_s, n = times.astype(float), len(times)
    weight, burst = rng.normal(0.5, 1.5, n).round(1), np.cumsum(rng.integers(0, 2, n)) + 1
    known = int(until * n)
    decided_s = time_s[known] if known < n else time_s[-1] + 1
    now = reading(time_s[:known], weight[:known], burst[:known], capacity)
    whole = reading(time_s, weight, burst, capacity)
    which, crowds = candidates(time_s[:known], weight[:known], burst[:known], now, capacity)
    settled = np.flatnonzero(time_s[:known] < crowds.settled_s(decided_s))
    assert [now.timing[at] for at in settled] == [whole.timing[at] for at in settled]
    gone = which[: crowds.forgettable(decided_s, int(burst[known]) if known < n else int(burst[-1]))]
    first = int(gone[-1]) + 1 if len(gone) else 0
    rest = reading(time_s[first:], weight[first:], burst[first:], capacity)
    assert rest.timing == whole.timing[first:]
    assert all(time_s[gone] + PERIOD_S <= decided_s)


def test_a_crowd_settles_once_no_more_can_join_it():
    time_s = np.array([0.0, 4.0, 8.0, 30.0])
    crowds = Crowds(time_s, np.arange(4), np.array([True, False, False, True]), 1, PERIOD_S)
    assert crowds.settled_s(9.0) == 0.0
    assert crowds.settled_s(17.0) == 0.0, "one at 17.5 s would crowd the third"
    assert crowds.settled_s(18.0) == 18.0
    assert crowds.settled_s(39.0) == 30.0
    assert crowds.settled_s(41.0) == 41.0
    assert crowds.forgettable(20.0, 9) == 3
