"""Refractory rule."""

import math
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing_outcome import outcome

from popclass.errors import UsageError
from popclass.schema import COUNT_BY
from popclass.timing.refractory import PRICE, Conflicts, cavities_needed, check, since_cavitation

# Times in whole and weights in quarter steps, so that ties and exact periods are common.
PERIOD = 10
events = st.lists(
    st.tuples(st.integers(0, 40), st.integers(-4, 16).map(lambda w: w / 4), st.integers(1, 4)), max_size=8
)
capacities = st.none() | st.integers(1, 3)
prices = st.sampled_from([0.5, 1.0, 2.0, math.inf])


def run(case, capacity, price=1.0, period=PERIOD):
    time_s, weight, burst = (list(column) for column in zip(*case, strict=True)) if case else ([], [], [])
    return outcome(time_s, weight, burst, capacity=capacity, refractory_s=period, price=price)


def most_overlapping(times, period=PERIOD):
    return max((sum(start <= other < start + period for other in times) for start in times), default=0)


def total_weight(case, price, states):
    """Return the weight of a labelling: not cavitation (0), cavitation in a cavity (1) or without one (2)."""
    gains = {0: lambda w: 0.0, 1: lambda w: w, 2: lambda w: w - price}
    return sum(gains[state](weight) for (_, weight, _), state in zip(case, states, strict=True))


def states_of(result):
    pairs = zip(result.takes_cavity, result.cavitation, strict=True)
    return [1 if takes else 2 if cavitation else 0 for takes, cavitation in pairs]


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(events.filter(lambda case: len(case) <= 7), st.integers(1, 3), prices)
def test_check_brute_force(case, capacity, price):
    """All combinations of labels and cavities are tried."""
    best = max(
        total_weight(case, price, states)
        for states in product((0, 1, 2), repeat=len(case))
        if most_overlapping([t for (t, _, _), state in zip(case, states, strict=True) if state == 1]) <= capacity
    )
    assert total_weight(case, price, states_of(run(case, capacity, price))) == pytest.approx(best)


@given(events, st.integers(1, 3), prices)
def test_check_capacity(case, capacity, price):
    result = run(case, capacity, price)
    taking = [t for (t, _, _), takes in zip(case, result.takes_cavity, strict=True) if takes]
    assert most_overlapping(taking) <= capacity


@given(events, capacities, prices)
def test_check_timing_of_each(case, capacity, price):
    result = run(case, capacity, price)
    assert len(result.timing) == len(result.cavitation) == len(result.since_cavitation_s) == len(case)
    for (_, weight, _), timing, cavitation in zip(case, result.timing, result.cavitation, strict=True):
        assert (timing == "unchecked") == (weight <= 0)
        assert not cavitation or weight > 0
        assert cavitation or timing != "consistent"
        if timing == "refractory":
            assert cavitation == (capacity is None or weight > price)


@given(events, capacities, prices, st.randoms(use_true_random=False))
def test_check_any_order(case, capacity, price, random):
    case = list(dict.fromkeys(case))
    order = list(range(len(case)))
    random.shuffle(order)
    straight, shuffled = run(case, capacity, price), run([case[index] for index in order], capacity, price)
    assert [straight.timing[index] for index in order] == list(shuffled.timing)
    assert [straight.since_cavitation_s[index] for index in order] == list(shuffled.since_cavitation_s)
    assert straight.cavities_needed == shuffled.cavities_needed


@given(events, capacities, prices, st.integers(-(10**6), 2 * 10**9))
def test_check_shift(case, capacity, price, shift):
    later = [(t + shift, weight, burst) for t, weight, burst in case]
    one, other = run(case, capacity, price), run(later, capacity, price)
    assert (one.timing, one.since_cavitation_s, one.cavities_needed) == (
        other.timing,
        other.since_cavitation_s,
        other.cavities_needed,
    )


@given(events, st.integers(1, 3), prices)
def test_check_one_more_cavity(case, capacity, price):
    fewer, more = run(case, capacity, price), run(case, capacity + 1, price)
    assert total_weight(case, price, states_of(more)) >= total_weight(case, price, states_of(fewer)) - 1e-9
    assert more.takes_cavity.sum() >= fewer.takes_cavity.sum()


@given(events, capacities)
def test_check_a_day_later(case, capacity):
    later = [(t + 86400, weight, burst + 10) for t, weight, burst in case]
    assert run([*case, *later], capacity).timing[: len(case)] == run(case, capacity).timing


@given(events, prices)
def test_check_unknown_site_keeps_labels(case, price):
    result = run(case, None, price)
    assert list(result.cavitation) == [weight > 0 for _, weight, _ in case]


@given(events, capacities, prices)
def test_cavities_needed_brute_force(case, capacity, price):
    result = run(case, capacity, price)
    final = [t for (t, _, _), is_one in zip(case, result.cavitation, strict=True) if is_one]
    assert result.cavities_needed == most_overlapping(final)


@given(events, capacities, capacities)
def test_cavities_needed_same_labels(case, one, other):
    """Where two assumptions give the same cavitations, they give the same number."""
    first, second = run(case, one), run(case, other)
    if first.cavitation.tolist() == second.cavitation.tolist():
        assert first.cavities_needed == second.cavities_needed


@pytest.mark.parametrize("capacity", [None, 1, 2, 24])
def test_cavities_needed_certain_cavitations(capacity):
    result = outcome([0, 0.006, 0.05, 0.09], [9.0] * 4, [1] * 4, capacity=capacity, refractory_s=1200)
    assert result.cavities_needed == 4


@given(events, capacities)
def test_since_cavitation_brute_force(case, capacity):
    result = run(case, capacity)
    starts = {}
    for (t, _, burst), is_one in zip(case, result.cavitation, strict=True):
        if is_one:
            starts[burst] = min(t, starts.get(burst, t))
    for (t, _, own), since in zip(case, result.since_cavitation_s, strict=True):
        before = [start for burst, start in starts.items() if burst != own and start < t]
        assert since == (t - max(before) if before else None)


def test_check_exact_period():
    assert outcome([0.3, 1200.3], [1, 1], [1, 2], capacity=1, refractory_s=1200).timing == ("consistent",) * 2
    early = outcome([0.3, 1200.299999], [1, 1], [1, 2], capacity=1, refractory_s=1200)
    assert early.timing == ("consistent", "refractory")


@pytest.mark.parametrize("capacity", [1, None])
def test_check_exact_period_any_sample(capacity):
    onset = np.arange(0, 3_600 * 44_100, 1_234_567) / 44_100
    for time in onset:
        result = outcome([time, time + 1200.0], [1, 1], [1, 2], capacity=capacity, refractory_s=1200)
        assert result.timing == ("consistent", "consistent")


def test_check_likelier_takes_cavity():
    result = outcome([0, 240], [0.5, 1.2], [1, 2], capacity=1, refractory_s=1200)
    assert result.timing == ("refractory", "consistent")
    assert result.cavitation.tolist() == [False, True]
    assert result.cavities_needed == 1


def test_check_exception():
    result = outcome([0, 240], [9.0, 8.0], [1, 2], capacity=1, refractory_s=1200)
    assert result.timing == ("consistent", "refractory")
    assert result.cavitation.tolist() == [True, True]
    assert result.since_cavitation_s == (None, 240.0)
    assert result.cavities_needed == 2


def test_check_weight_beyond_price():
    """Both are worth more than the price, so only being first counts."""
    assert outcome([0, 240], [2.0, 50.0], [1, 2], capacity=1, refractory_s=1200).timing[0] == "consistent"


def test_check_two_outweigh_one():
    result = outcome([0, 1000, 2000], [1.0, 1.5, 1.0], [1, 2, 3], capacity=1, refractory_s=1200)
    assert result.timing == ("consistent", "refractory", "consistent")


def test_check_pops_of_thrust():
    result = outcome([0, 0.03, 0.06], [1, 1, 1], [1, 1, 1], capacity=2, refractory_s=1200)
    assert result.timing == ("consistent", "consistent", "refractory")
    assert result.since_cavitation_s == (None, None, None)


def test_check_unknown_site_bursts():
    times, bursts = [0, 0.03, 0.06, 600, 600.03, 1300], [1, 1, 1, 2, 2, 3]
    result = outcome(times, [1.0] * 6, bursts, capacity=None, refractory_s=1200)
    assert result.timing == ("consistent",) * 3 + ("refractory",) * 2 + ("consistent",)
    assert result.cavitation.all()
    assert result.cavities_needed == 5
    assert result.since_cavitation_s == (None, None, None, 600.0, pytest.approx(600.03), 700.0)


def test_check_no_events():
    result = outcome([], [], [], capacity=1, refractory_s=1200)
    assert (result.timing, result.since_cavitation_s, result.cavities_needed) == ((), (), 0)


def test_since_cavitation_at_zero():
    assert since_cavitation([0.0, 5.0], [1, 2], [True, False]) == (None, 5.0)
    assert cavities_needed([0.0], [1], [True], refractory_s=1200) == 1


def test_price():
    """8 of 46 joints: e to the minus price."""
    assert math.exp(-PRICE) == pytest.approx(0.174, abs=5e-4)


def test_check_infinite_price():
    result = outcome([0, 1], [500.0, 900.0], [1, 2], capacity=1, refractory_s=1200, price=math.inf)
    assert result.cavitation.tolist() == [False, True]


def test_check_many_events():
    random = np.random.default_rng(5)
    time_s, weight = random.uniform(0, 3600, 5000), random.normal(0, 2, 5000)
    result = outcome(time_s, weight, np.arange(5000), capacity=10, refractory_s=1200)
    assert most_overlapping(time_s[result.takes_cavity], 1200) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time_s": [float("nan")]}, "time_s"),
        ({"time_s": [1e13]}, "time_s"),
        ({"weight": [float("inf")]}, "weight"),
        ({"weight": [1.0, 2.0]}, "weight"),
        ({"burst": [1, 2]}, "burst"),
        ({"burst": [1.5]}, "burst"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 1.5}, "capacity"),
        ({"refractory_s": 0.0}, "refractory_s"),
        ({"refractory_s": 1e9}, "refractory_s"),
        ({"price": 0.0}, "price"),
        ({"count_by": "thrust"}, "burst and pop"),
        ({"price": float("nan")}, "price"),
    ],
)
def test_check_refuses(arguments, message):
    given_arguments = {"time_s": [0.0], "weight": [1.0], "burst": [1], "capacity": 1, "refractory_s": 1200.0}
    with pytest.raises(UsageError, match=message):
        check(**(given_arguments | arguments))


def checked(time_s, weight, burst, capacity, count_by):
    options = {"refractory_s": PERIOD, "count_by": count_by}
    timing, takes_cavity = check(time_s, weight, burst, capacity=capacity, **options)
    return SimpleNamespace(timing=timing, takes_cavity=takes_cavity)


def candidates(time_s, weight, burst, result, capacity, count_by):
    which = np.flatnonzero(weight > 0)
    columns = time_s[which], burst[which], result.takes_cavity[which]
    return which, Conflicts(*columns, capacity=capacity, period_s=PERIOD, count_by=count_by)


@settings(max_examples=400, deadline=None)
@given(
    times=st.lists(st.integers(1, 12), min_size=1, max_size=25).map(np.cumsum),
    seed=st.integers(0, 10_000),
    until=st.floats(0, 1),
    capacity=st.sampled_from([None, 1, 2, 3]),
    count_by=st.sampled_from(COUNT_BY),
)
def test_conflicts_decided_and_forgettable(times, seed, until, capacity, count_by):
    """A burst that counts as one cavitation is known as a whole."""
    rng = np.random.default_rng(seed)
    time_s, n = times.astype(float), len(times)
    weight, burst = rng.normal(0.5, 1.5, n).round(1), np.cumsum(rng.integers(0, 2, n)) + 1
    known = int(until * n)
    if count_by == "burst" and known < n:
        known = int(np.searchsorted(burst, burst[known]))
    decided_s = time_s[known] if known < n else time_s[-1] + 1
    now = checked(time_s[:known], weight[:known], burst[:known], capacity, count_by)
    whole = checked(time_s, weight, burst, capacity, count_by)
    which, conflicts = candidates(time_s[:known], weight[:known], burst[:known], now, capacity, count_by)
    decided = np.flatnonzero(time_s[:known] < conflicts.decided_s(decided_s))
    assert [now.timing[at] for at in decided] == [whole.timing[at] for at in decided]
    gone = which[: conflicts.forgettable(decided_s, int(burst[known]) if known < n else int(burst[-1]))]
    first = int(gone[-1]) + 1 if len(gone) else 0
    remaining = checked(time_s[first:], weight[first:], burst[first:], capacity, count_by)
    assert remaining.timing == whole.timing[first:]
    assert all(time_s[gone] + PERIOD <= decided_s)


def test_decided_s_complete_conflict():
    time_s = np.array([0.0, 4.0, 8.0, 30.0])
    conflicts = Conflicts(time_s, np.arange(4), np.array([True, False, False, True]), capacity=1, period_s=PERIOD)
    assert conflicts.decided_s(9.0) == 0.0
    assert conflicts.decided_s(17.0) == 0.0, "one at 17.5 s would crowd the third"
    assert conflicts.decided_s(18.0) == 18.0
    assert conflicts.decided_s(39.0) == 30.0
    assert conflicts.decided_s(41.0) == 41.0
    assert conflicts.forgettable(20.0, 9) == 3


@given(events, st.integers(1, 3), prices)
def test_check_by_burst_like_its_clearest_pop(case, capacity, price):
    """A burst is one item: at its first candidate, with its clearest weight; its candidates share the timing."""
    items = {}
    for time, weight, burst in sorted(case):
        if weight > 0:
            first, most, _ = items.get(burst, (time, weight, burst))
            items[burst] = (first, max(most, weight), burst)
    columns = list(zip(*case, strict=True)) or [(), (), ()]
    options = {"capacity": capacity, "price": price, "refractory_s": PERIOD}
    by_burst = outcome(*map(list, columns), **options, count_by="burst")
    single = run(list(items.values()), capacity, price)
    timing = dict(zip(items, single.timing, strict=True))
    for at, (_, weight, burst) in enumerate(case):
        assert by_burst.timing[at] == (timing[burst] if weight > 0 else "unchecked")
    assert by_burst.takes_cavity.sum() == single.takes_cavity.sum()


def test_cavities_needed_by_burst():
    time_s, burst, pops = [0.0, 0.03, 0.06, 300.0, 300.03], [1, 1, 1, 2, 2], [True] * 5
    assert cavities_needed(time_s, burst, pops, refractory_s=1200) == 2
    assert cavities_needed(time_s, burst, pops, refractory_s=1200, count_by="pop") == 5
    assert cavities_needed(time_s, burst, [False] * 5, refractory_s=1200) == 0
