"""Matching of events to labels."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.evaluation.matching import WINDOW_S, cases_of, pair
from popclass.labels import LabelledRecording, LabelRow
from popclass.labels.records import ROUNDING_S
from popclass.results import Event

RATE = 1_000_000

times = st.lists(st.integers(0, 400), max_size=12, unique=True).map(lambda ms: [m / 1000 for m in ms])
crowded = st.lists(st.integers(0, 40), max_size=5, unique=True).map(lambda ms: [m / 1000 for m in ms])


def points(*starts):
    return [LabelRow(start, start, "cavitation") for start in starts]


def events(*onsets, snr_db=()):
    levels = [*snr_db, *[20.0] * (len(onsets) - len(snr_db))]
    return [
        Event(at := round(onset * RATE), at, at + 100, RATE, channel=1, snr_db=level, peak_dbfs=-6.0)
        for onset, level in zip(onsets, levels, strict=True)
    ]


def paired(truth, found):
    return pair(points(*truth), events(*found))


@settings(deadline=None)  # the first call imports scipy
@given(times, times)
def test_pair_within_window(truth, found):
    pairs = paired(truth, found)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(abs(truth[i] - found[j]) <= WINDOW_S + ROUNDING_S for i, j in pairs)


@settings(deadline=None)  # the first call imports mir_eval
@given(times, times)
def test_pair_count_as_mir_eval(truth, found):
    from mir_eval.util import match_events

    assert len(paired(truth, found)) == len(match_events(np.array(truth), np.array(found), WINDOW_S + ROUNDING_S))


@settings(deadline=None)
@given(crowded, crowded)
def test_pair_least_distance(truth, found):
    """Held against every choice there is."""
    if len(truth) > len(found):
        truth, found = found, truth
    possible = [
        [abs(t - f) for t, f in zip(truth, chosen, strict=True) if abs(t - f) <= WINDOW_S + ROUNDING_S]
        for chosen in permutations(found, len(truth))
    ]
    most = max(map(len, possible))
    got = [abs(truth[i] - found[j]) for i, j in paired(truth, found)]
    assert len(got) == most
    assert sum(got) == pytest.approx(min(sum(each) for each in possible if len(each) == most), abs=1e-9)


def test_pair_neighbour():
    """Three labels and two onsets: of the three largest matchings, two would swap the classes."""
    assert paired([0.0310, 0.0340, 0.0372], [0.030771, 0.037392]) == [(0, 0), (2, 1)]


def test_pair_double_detection():
    assert paired([1.0], [0.992, 1.001]) == [(0, 1)]
    assert paired([1.0], [1.001, 0.992]) == [(0, 0)]


def test_pair_no_crossing():
    assert paired([1.000, 1.006], [1.005, 0.999]) == [(0, 1), (1, 0)]


def test_pair_order():
    truth, found = [0.0310, 0.0340, 0.0372, 0.2], [0.030771, 0.037392, 0.195]
    plain = {(truth[i], found[j]) for i, j in paired(truth, found)}
    assert {(truth[::-1][i], found[::-1][j]) for i, j in paired(truth[::-1], found[::-1])} == plain


def test_pair_empty():
    assert pair([], events(1.0)) == pair(points(1.0), []) == []


# Stretches


def test_pair_interval_any_delay():
    stretch = [LabelRow(0.02, 0.25, "cavitation")]
    assert pair(stretch, events(0.031)) == [(0, 0)]
    assert pair(stretch, events(0.2495)) == [(0, 0)]
    assert pair(stretch, events(0.0105)) == [(0, 0)]
    assert pair(stretch, events(0.0095)) == pair(stretch, events(0.2505)) == []


def test_pair_interval_strongest():
    stretch = [LabelRow(0.02, 0.25, "snapping")]
    assert pair(stretch, events(0.021, 0.100, 0.200, snr_db=(10, 30, 20))) == [(0, 1)]


def test_pair_short_interval():
    short = [LabelRow(1.000, 1.005, "cavitation")]
    assert pair(short, events(1.001, 1.009, snr_db=(10, 30))) == [(0, 0)]
    assert pair(short, events(1.0105)) == []


def test_pair_point_inside_interval():
    rows = [LabelRow(0.0, 0.5, "other"), LabelRow(0.3, 0.3, "cavitation")]
    assert pair(rows, events(0.1, 0.301, snr_db=(10, 40))) == [(0, 0), (1, 1)]


def test_pair_exported_interval():
    rows = [LabelRow(1.0, 1.1, "cavitation"), LabelRow(1.006, 1.1, "snapping")]
    assert pair(rows, events(1.0, 1.006, 1.02, snr_db=(10, 10, 30))) == [(0, 0), (1, 1)]


def test_pair_exported_interval_and_point():
    rows = [LabelRow(1.0, 1.5, "other"), LabelRow(1.0, 1.0, "cavitation")]
    assert pair(rows, events(1.0, 1.2)) == [(0, 1), (1, 0)]


def test_pair_many_labels():
    starts = np.arange(2000) * 0.05
    rows = [*points(*starts), LabelRow(0.0, 100.0, "other")]
    assert pair(rows[:-1], events(*(starts + 0.002))) == [(i, i) for i in range(2000)]
    assert len(pair(rows, events(*(starts + 0.002), 99.98))) == 2001


def test_cases_unsure():
    """The sound of an unsure label and the events in it are neither labelled nor unlabelled."""
    rows = (LabelRow(1.0, 2.0, "unsure"), LabelRow(3.0, 3.0, "cavitation"), LabelRow(5.0, 5.0, "unsure"))
    found = cases_of(LabelledRecording(Path("a.wav"), "a.wav", rows), events(1.1, 1.5, 3.001, 4.0), {})
    assert [(case.time_s, case.truth, case.status) for case in found] == [
        (3.001, "cavitation", "matched"),
        (4.0, None, "unlabelled"),
    ]


def test_cases_unsure_clip():
    assert cases_of(LabelledRecording(Path("a.wav"), "a.wav", whole="unsure"), events(1.0), {}) == []
