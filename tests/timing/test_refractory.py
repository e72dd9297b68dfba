import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.errors import UsageError
from popclass.timing.refractory import PRICE, cavities_needed, check, since_cavitation

# Times in whole and weights in quarter steps, so that ties and exact periods are common.
PERIOD = 10
events = st.lists(
    st.tuples(st.integers(0, 40), st.integers(-4, 16).map(lambda w: w / 4), st.integers(1, 4)), max_size=8
)
capacities = st.none() | st.integers(1, 3)
prices = st.sampled_from([0.5, 1.0, 2.0, math.inf])


def run(case, capacity, price=1.0, period=PERIOD):
    time_s, weight, burst = (list(column) for column in zip(*case, strict=True)) if case else ([], [], [])
    return check(time_s, weight, burst, capacity=capacity, refractory_s=period, price=price)


def most_overlapping(times, period=PERIOD):
    return max((sum(start <= other < start + period for other in times) for start in times), default=0)


def reading(case, price, states):
    """Weight of a reading: each event is labelled otherwise (0), a cavitation in a cavity (1) or without one (2)."""
    gains = {0: lambda w: 0.0, 1: lambda w: w, 2: lambda w: w - price}
    return sum(gains[state](weight) for (_, weight, _), state in zip(case, states, strict=True))


def states_of(verdict):
    pairs = zip(verdict.takes_cavity, verdict.cavitation, strict=True)
    return [1 if takes else 2 if cavitation else 0 for takes, cavitation in pairs]


@settings(max_examples=500, deadline=None)
@given(events.filter(lambda case: len(case) <= 7), st.integers(1, 3), prices)
def test_no_reading_of_all_is_more_likely(case, capacity, price):
    """Every event otherwise, in a cavity or without one, all combinations looked at."""
    best = max(
        reading(case, price, states)
        for states in product((0, 1, 2), repeat=len(case))
        if most_overlapping([t for (t, _, _), state in zip(case, states, strict=True) if state == 1]) <= capacity
    )
    assert reading(case, price, states_of(run(case, capacity, price))) == pytest.approx(best)


@given(events, st.integers(1, 3), prices)
def test_no_more_cavitations_than_cavities_within_a_period(case, capacity, price):
    verdict = run(case, capacity, price)
    taking = [t for (t, _, _), takes in zip(case, verdict.takes_cavity, strict=True) if takes]
    assert most_overlapping(taking) <= capacity


@given(events, capacities, prices)
def test_every_event_gets_its_verdict(case, capacity, price):
    verdict = run(case, capacity, price)
    assert len(verdict.timing) == len(verdict.cavitation) == len(verdict.since_cavitation_s) == len(case)
    for (_, weight, _), timing, cavitation in zip(case, verdict.timing, verdict.cavitation, strict=True):
        assert (timing == "unchecked") == (weight <= 0)
        assert not cavitation or weight > 0
        assert cavitation or timing != "consistent"
        if timing == "refractory":
            assert cavitation == (capacity is None or weight > price)


@given(events, capacities, prices, st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_given_does_not_matter(case, capacity, price, random):
    case = list(dict.fromkeys(case))
    order = list(range(len(case)))
    random.shuffle(order)
    straight, shuffled = run(case, capacity, price), run([case[index] for index in order], capacity, price)
    assert [straight.timing[index] for index in order] == list(shuffled.timing)
    assert [straight.since_cavitation_s[index] for index in order] == list(shuffled.since_cavitation_s)
    assert straight.cavities_needed == shuffled.cavities_needed


@given(events, capacities, prices, st.integers(-(10**6), 2 * 10**9))
def test_the_time_of_day_does_not_matter(case, capacity, price, shift):
    later = [(t + shift, weight, burst) for t, weight, burst in case]
    one, other = run(case, capacity, price), run(later, capacity, price)
    assert (one.timing, one.since_cavitation_s, one.cavities_needed) == (
        other.timing,
        other.since_cavitation_s,
        other.cavities_needed,
    )


@given(events, st.integers(1, 3), prices)
def test_another_cavity_makes_no_reading_less_likely(case, capacity, price):
    fewer, more = run(case, capacity, price), run(case, capacity + 1, price)
    assert reading(case, price, states_of(more)) >= reading(case, price, states_of(fewer)) - 1e-9
    assert more.takes_cavity.sum() >= fewer.takes_cavity.sum()


@given(events, capacities)
def test_what_happens_a_day_later_changes_nothing(case, capacity):
    later = [(t + 86400, weight, burst + 10) for t, weight, burst in case]
    assert run([*case, *later], capacity).timing[: len(case)] == run(case, capacity).timing


@given(events, prices)
def test_at_an_unknown_site_nothing_is_relabelled(case, price):
    verdict = run(case, None, price)
    assert list(verdict.cavitation) == [weight > 0 for _, weight, _ in case]


@given(events, capacities, prices)
def test_cavities_needed_is_the_greatest_overlap_of_cavitations(case, capacity, price):
    verdict = run(case, capacity, price)
    final = [t for (t, _, _), is_one in zip(case, verdict.cavitation, strict=True) if is_one]
    assert verdict.cavities_needed == most_overlapping(final)


@given(events, capacities, capacities)
def test_cavities_needed_depends_on_the_assumed_number_through_the_labels_alone(case, one, other):
    """Where two assumptions give the same cavitations, they give the same number."""
    first, second = run(case, one), run(case, other)
    if first.cavitation.tolist() == second.cavitation.tolist():
        assert first.cavities_needed == second.cavities_needed


@pytest.mark.parametrize("capacity", [None, 1, 2, 24])
def test_four_cracks_beyond_doubt_need_four_cavities_whatever_is_assumed(capacity):
    verdict = check([0, 0.006, 0.05, 0.09], [9.0] * 4, [1] * 4, capacity=capacity, refractory_s=1200)
    assert verdict.cavities_needed == 4


@given(events, capacities)
def test_since_cavitation_counts_from_the_last_burst_before(case, capacity):
    verdict = run(case, capacity)
    starts = {}
    for (t, _, burst), is_one in zip(case, verdict.cavitation, strict=True):
        if is_one:
            starts[burst] = min(t, starts.get(burst, t))
    for (t, _, own), since in zip(case, verdict.since_cavitation_s, strict=True):
        before = [start for burst, start in starts.items() if burst != own and start < t]
        assert since == (t - max(before) if before else None)


def test_a_joint_is_free_again_after_exactly_its_period():
    assert check([0.3, 1200.3], [1, 1], [1, 2], capacity=1, refractory_s=1200).timing == ("consistent",) * 2
    early = check([0.3, 1200.299999], [1, 1], [1, 2], capacity=1, refractory_s=1200)
    assert early.timing == ("consistent", "refractory")


@pytest.mark.parametrize("capacity", [1, None])
def test_the_exact_period_holds_for_any_sample_position_of_a_long_recording(capacity):
    onset = np.arange(0, 3_600 * 44_100, 1_234_567) / 44_100
    for time in onset:
        verdict = check([time, time + 1200.0], [1, 1], [1, 2], capacity=capacity, refractory_s=1200)
        assert verdict.timing == ("consistent", "consistent")


def test_the_likelier_of_two_takes_the_cavity_and_the_other_is_relabelled():
    verdict = check([0, 240], [0.5, 1.2], [1, 2], capacity=1, refractory_s=1200)
    assert verdict.timing == ("refractory", "consistent")
    assert verdict.cavitation.tolist() == [False, True]
    assert verdict.cavities_needed == 1


def test_an_exception_worth_its_price_stays_a_cavitation_and_is_flagged():
    verdict = check([0, 240], [9.0, 8.0], [1, 2], capacity=1, refractory_s=1200)
    assert verdict.timing == ("consistent", "refractory")
    assert verdict.cavitation.tolist() == [True, True]
    assert verdict.since_cavitation_s == (None, 240.0)
    assert verdict.cavities_needed == 2


def test_certainty_beyond_the_price_buys_no_cavity_from_an_earlier_event():
    """Both are worth more than the price, so only being first counts."""
    assert check([0, 240], [2.0, 50.0], [1, 2], capacity=1, refractory_s=1200).timing[0] == "consistent"


def test_two_weak_events_outweigh_the_one_between_them():
    verdict = check([0, 1000, 2000], [1.0, 1.5, 1.0], [1, 2, 3], capacity=1, refractory_s=1200)
    assert verdict.timing == ("consistent", "refractory", "consistent")


def test_the_pops_of_one_thrust_take_a_cavity_each():
    verdict = check([0, 0.03, 0.06], [1, 1, 1], [1, 1, 1], capacity=2, refractory_s=1200)
    assert verdict.timing == ("consistent", "consistent", "refractory")
    assert verdict.since_cavitation_s == (None, None, None)


def test_at_an_unknown_site_a_burst_is_one_cavitation_and_a_second_one_is_flagged():
    times, bursts = [0, 0.03, 0.06, 600, 600.03, 1300], [1, 1, 1, 2, 2, 3]
    verdict = check(times, [1.0] * 6, bursts, capacity=None, refractory_s=1200)
    assert verdict.timing == ("consistent",) * 3 + ("refractory",) * 2 + ("consistent",)
    assert verdict.cavitation.all()
    assert verdict.cavities_needed == 5
    assert verdict.since_cavitation_s == (None, None, None, 600.0, pytest.approx(600.03), 700.0)


def test_no_events_is_a_normal_result():
    verdict = check([], [], [], capacity=1, refractory_s=1200)
    assert (verdict.timing, verdict.since_cavitation_s, verdict.cavities_needed) == ((), (), 0)


def test_an_event_at_zero_seconds_is_an_event():
    assert since_cavitation([0.0, 5.0], [1, 2], [True, False]) == (None, 5.0)
    assert cavities_needed([0.0], [True], refractory_s=1200) == 1


def test_the_price_is_that_of_the_repeated_thrusts():
    """8 of 46 joints: e to the minus price."""
    assert math.exp(-PRICE) == pytest.approx(0.174, abs=5e-4)


def test_a_rule_without_exceptions_relabels_whatever_has_no_cavity():
    verdict = check([0, 1], [500.0, 900.0], [1, 2], capacity=1, refractory_s=1200, price=math.inf)
    assert verdict.cavitation.tolist() == [False, True]


def test_thousands_of_events_in_one_hour_are_no_matter():
    random = np.random.default_rng(5)
    time_s, weight = random.uniform(0, 3600, 5000), random.normal(0, 2, 5000)
    verdict = check(time_s, weight, np.arange(5000), capacity=10, refractory_s=1200)
    assert most_overlapping(time_s[verdict.takes_cavity], 1200) == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
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
        ({"price": float("nan")}, "price"),
    ],
)
def test_what_is_not_allowed_is_named(arguments, said):
    given_arguments = {"time_s": [0.0], "weight": [1.0], "burst": [1], "capacity": 1, "refractory_s": 1200.0}
    with pytest.raises(UsageError, match=said):
        check(**(given_arguments | arguments))
