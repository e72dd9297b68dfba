"""Choice of the events to label."""

from collections import Counter

import numpy as np
import pytest

from popclass.errors import UsageError
from popclass.training.active import MARGIN, RANDOM, Choice, choose_events, in_turn, margins

N = 80


def sounds(seed=0, n=N):
    """Return probabilities of three classes."""
    return np.random.default_rng(seed).dirichlet(np.ones(3), n)


def choose(count, *, p=None, subjects=None, recordings=None, **settings):
    p = sounds() if p is None else p
    subjects = [None] * len(p) if subjects is None else subjects
    recordings = ["a"] * len(p) if recordings is None else recordings
    return choose_events(p, subjects, recordings, count=count, **settings)


def test_margins_ties():
    assert margins(np.array([[0.4, 0.2, 0.4], [1.0, 0.0, 0.0]])).tolist() == [0.0, 1.0]
    assert margins(np.zeros((0, 3))).shape == (0,)


def test_choose_events_smallest_margins():
    p = sounds()
    chosen = choose(7, p=p, random_share=0)
    assert [each.event for each in chosen] == np.argsort(margins(p))[:7].tolist()
    assert {each.by for each in chosen} == {MARGIN}


def test_choose_events_random_share():
    chosen = choose(20)
    assert [at for at, each in enumerate(chosen) if each.by == RANDOM] == [2, 6, 10, 14, 18]
    assert len({each.event for each in chosen}) == 20
    assert {each.by for each in choose(20, random_share=1)} == {RANDOM}


def test_choose_events_random_share_unbiased():
    """The random events do not prefer small margins."""
    p = sounds(n=400)
    drawn = [each.event for seed in range(40) for each in choose(8, p=p, random_share=1, seed=seed)]
    assert abs(margins(p)[drawn].mean() - margins(p).mean()) < 0.05


def test_choose_events_spread_over_subjects():
    p = sounds()
    p[:60] = [0.34, 0.33, 0.33]  # of one subject, with the smallest margins
    subjects = ["P1"] * 60 + ["P2"] * 10 + ["P3"] * 10
    counts = Counter(subjects[each.event] for each in choose(12, p=p, subjects=subjects))
    assert set(counts.values()) == {4}


def test_choose_events_spread_over_recordings():
    recordings = ["a"] * 60 + ["b"] * 20
    subjects = ["P1"] * 40 + [None] * 40  # a of P1 and a of unknown subject are two groups
    counts = Counter(
        (subjects[each.event], recordings[each.event]) for each in choose(12, subjects=subjects, recordings=recordings)
    )
    assert set(counts.values()) == {4}


def test_choose_events_more_subjects_than_events():
    subjects = [f"P{i}" for i in range(N)]
    assert len({each.event for each in choose(8, subjects=subjects)}) == 8


def test_choose_events_allowed():
    allowed = np.arange(N) % 4 == 0
    assert all(allowed[each.event] for each in choose(15, allowed=allowed))
    assert sorted(each.event for each in choose(50, allowed=allowed)) == np.flatnonzero(allowed).tolist()


@pytest.mark.parametrize("count", [1, 2, 3, 79, 80, 500])
def test_choose_events_number(count):
    chosen = choose(count)
    assert len({each.event for each in chosen}) == len(chosen) == min(count, N)


def test_choose_events_none():
    assert choose(5, p=np.zeros((0, 3))) == []
    assert choose(5, allowed=np.zeros(N, dtype=bool)) == []


def test_choose_events_single():
    assert choose(5, p=[[0.5, 0.5]]) == [Choice(0, MARGIN)]


def test_choose_events_seed():
    assert choose(20, seed=3) == choose(20, seed=3)
    assert choose(20, seed=3) != choose(20, seed=4)


def test_choose_events_wrong_arguments():
    with pytest.raises(UsageError, match="count 0 is out of range"):
        choose(0)
    with pytest.raises(UsageError, match="random_share 2 is out of range"):
        choose(5, random_share=2)
    with pytest.raises(ValueError, match="an entry in all arrays"):
        choose(5, subjects=["P1"])


def test_in_turn_keeps_order():
    group = np.array([0, 0, 0, 1, 1, 2])
    assert in_turn(np.array([2, 1, 0, 4, 3, 5]), group).tolist() == [2, 4, 5, 1, 3, 0]
