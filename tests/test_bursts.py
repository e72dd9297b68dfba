"""Bursts and the number of cavitations in them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.bursts import count, count_cavitations, find_bursts, in_bursts
from popclass.results import Cavitations, Event
from popclass.schema import OTHER, UNCERTAIN

CLASSES = ("cavitation", "snapping", "other")


def event(seconds, burst, label, p=0.5):
    """An event at 48 kHz with this posterior of cavitation."""
    onset = round(seconds * 48_000)
    posteriors = {"cavitation": p, "snapping": (1 - p) / 2, "other": (1 - p) / 2}
    return Event(onset, onset, onset + 480, 48_000, 1, 20.0, -6.0, burst=burst, label=label, posteriors=posteriors)


def pops(events):
    return sum(each.label == "cavitation" for each in events)


@settings(deadline=None)
@given(p=st.lists(st.floats(0, 1), max_size=12), shared=st.floats(0, 4), missed=st.floats(0, 0.3))
def test_count_bounds(p, shared, missed):
    found = count(p, shared_error=shared, missed=missed)
    assert found.expected == pytest.approx(sum(p), abs=0.0051)
    assert 0 <= found.low <= found.expected <= found.high <= 2 * len(p)


@settings(deadline=None)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_count_poisson_binomial(p):
    """Without shared error and missed pops the bounds are quantiles of the Poisson-binomial distribution."""
    share = np.ones(1)
    for each in p:
        share = np.convolve(share, [1 - each, each])
    found, share = count(p, shared_error=0, missed=0), np.cumsum(share)
    assert share[found.low - 1] < 0.05 + 1e-6 or found.low == 0
    assert share[found.high] > 0.95 - 1e-6


def test_count_widened():
    p = [0.9, 0.8, 0.9, 0.7, 0.8]
    exact, wide = count(p, shared_error=0, missed=0), count(p, shared_error=2, missed=0.05)
    assert wide.low < exact.low
    assert wide.high > exact.high
    assert wide.expected == exact.expected


def test_count_many():
    """Above a thousand events the shifts are taken one by one."""
    few, many = count([0.5] * 999), count([0.5] * 1000)
    assert 0 <= many.low - few.low <= 1
    assert 0 <= many.high - few.high <= 2


def test_count_none():
    assert count([]) == Cavitations(0.0, 0, 0)


def test_count_cavitations_unknown_class():
    assert count_cavitations([event(0, 1, "a")], ("a", "b")) == Cavitations(None, None, None)


def test_count_cavitations_of_several_bursts():
    events = [event(i + 0.05 * j, i, "cavitation", 0.8) for i in (1, 2) for j in range(4)]
    rows = find_bursts(events, CLASSES, pops)
    one, several = count_cavitations(events, CLASSES, rows[:1]), count_cavitations(events, CLASSES, rows)
    assert several.expected == one.expected
    assert several.low < one.low
    assert several.high >= one.high


def test_count_cavitations_with_unlikely_bursts():
    """A snap beside a thrust does not widen the bounds."""
    thrust = [event(0.05 * j, 1, "cavitation", 0.8) for j in range(4)]
    events = [*thrust, *(event(float(i), i, "snapping", 0.0005) for i in range(2, 9))]
    rows = find_bursts(events, CLASSES, pops)
    assert len(rows) == 8
    assert count_cavitations(events, CLASSES, rows) == count_cavitations(thrust, CLASSES)


def test_find_bursts():
    events = [
        *(event(0.0, 1, OTHER, 0.1), event(1.0, 2, "cavitation", 0.9), event(1.03, 2, OTHER, 0.4)),
        *(event(1.05, 2, "cavitation", 0.8), event(3.0, 3, UNCERTAIN, 0.3), event(5.0, 4, "snapping", 0.0)),
    ]
    first, second, third = bursts = find_bursts(events, CLASSES, pops)
    assert (first.burst, first.start_s, first.end_s, first.events) == (2, 1.0, 1.06, 3)
    assert first.counts == {"cavitation": 2, "snapping": 0, "other": 1, "uncertain": 0}
    assert (first.expected_cavitations, first.cavities_needed) == (2.1, 2)
    assert (second.burst, second.expected_cavitations) == (3, 0.3)
    assert (third.burst, third.cavitations) == (4, Cavitations(0.0, 0, 0))
    assert in_bursts(events, bursts) == events[1:]


def test_find_bursts_no_joint_event():
    assert find_bursts([event(0.0, 1, OTHER), event(0.1, 1, OTHER)], CLASSES, pops) == ()
    assert find_bursts([], CLASSES, pops) == ()
