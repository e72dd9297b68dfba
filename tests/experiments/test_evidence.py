"""The measurement of timing and company: simulated classifiers are what they claim, and readings are what they say."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from popclass.model.model import Model
from popclass.results import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import Label

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SEED = 3


@pytest.fixture(scope="module", autouse=True)
def on_path():
    if not BENCHMARKS.is_dir():
        pytest.skip("no benchmarks beside the tests")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield


@pytest.fixture(scope="module")
def evidence():
    import evidence

    yield evidence
    for name in ("evidence", "evidence_figures", "evidence_page", "evidence_scores", "sessions", "simulated"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def model():
    return Model.default()


@pytest.fixture(scope="module")
def takes(evidence, model):
    return evidence.hear_takes(8, SEED, model.frontend, jobs=1)


@pytest.fixture(scope="module")
def classifier(evidence, takes, model):
    return evidence.simulated(takes, model, 0.2, SEED)


# Simulated classifiers


@pytest.mark.parametrize("error", [0.0, 0.05, 0.2, 0.4])
def test_a_simulated_classifier_errs_as_often_as_asked(evidence, error):
    """Within 2 %, with classes as unequal as in the sessions and noise that sounds of a kind share."""
    shares = np.array([0.06, 0.12, 0.82])
    y = np.random.default_rng(0).choice(3, 60_000, p=shares)
    answers = evidence.simulate(y, [index // 3 for index in range(len(y))], error, shares, seed=1).argmax(axis=1)
    wrong = np.mean([(answers[y == one] != one).mean() for one in range(3)])
    assert wrong == pytest.approx(error, abs=0.02)


def test_a_simulated_classifier_is_as_often_right_as_it_says(evidence):
    shares = np.array([0.06, 0.12, 0.82])
    y = np.random.default_rng(0).choice(3, 60_000, p=shares)
    p = evidence.simulate(y, [None] * len(y), 0.3, shares, seed=1)
    for one in range(3):
        for low in np.arange(0.0, 1.0, 0.2):
            some = (p[:, one] >= low) & (p[:, one] < low + 0.2)
            assert some.sum() > 300
            assert (y[some] == one).mean() == pytest.approx(p[some, one].mean(), abs=0.03)


def test_sounds_of_a_kind_share_half_of_the_noise(evidence):
    """What a tendon sounds like once it sounds like again; what shares nothing does not."""
    shares = np.full(3, 1 / 3)
    y = np.zeros(20_000, dtype=int)
    for alike, expected in (([i // 2 for i in range(len(y))], 0.5), ([None] * len(y), 0.0)):
        logs = np.log(evidence.simulate(y, alike, 0.2, shares, seed=1))
        odds = logs[:, 0] - logs[:, 1]
        assert np.corrcoef(odds[::2], odds[1::2])[0, 1] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("error", [-0.1, 0.67, 0.9])
def test_an_error_rate_worse_than_guessing_is_refused(evidence, error):
    with pytest.raises(ValueError, match="out of range"):
        evidence.simulate(np.array([0]), [None], error, np.full(3, 1 / 3))


# Readings


def test_timing_leaves_the_sound_alone_and_moves_only_cavitation(evidence, takes, classifier, model):
    """`sound` does not depend on clocks, periods or prices; `timing` never makes a cavitation likelier."""
    untimed = [replace(take.around, recorded_at=None) for take in takes]
    right = evidence.readings(takes, classifier, model)
    other = evidence.readings(takes, classifier, model, untimed, refractory_s=600.0, price=3.0)
    column = model.classes.index(CAVITATION)
    moved = 0
    for sound, same, timed, also in zip(right["sound"], other["sound"], right["timing"], other["timing"], strict=True):
        np.testing.assert_array_equal(sound, same)
        assert (timed[:, column] <= sound[:, column] + 1e-9).all()
        moved += int((np.abs(timed - also) > 1e-6).any(axis=1).sum())
    assert moved > 0  # or nothing here could fail


def test_one_sound_without_a_time_keeps_its_probabilities(evidence, takes, classifier, model):
    single = [take for take in takes if len(take.heard.events) == 1]
    assert single
    around = [replace(take.around, recorded_at=None, subject=None) for take in single]
    found = evidence.readings(single, classifier, model, around)
    for name in ("timing", "company", "both"):
        for sound, read in zip(found["sound"], found[name], strict=True):
            np.testing.assert_allclose(read, sound, atol=1e-9)


def test_a_perfect_classifier_makes_no_errors_in_sound_and_is_scored_so(evidence, takes, model):
    scores = evidence.score(evidence.count(takes, evidence.simulated(takes, model, 0.0, SEED), model), model)
    assert scores["sound"]["balanced"] == (1.0, 1.0, 1.0)
    assert scores["sound"]["wrong"] == 0
    assert scores["both"]["removed"] is None  # of nothing


def test_swaps_are_counted_both_ways_and_other_errors_are_not(evidence):
    model = SimpleNamespace(classes=(CAVITATION, OTHER, SNAPPING))
    sound, rest = [[5, 2, 3], [1, 50, 1], [4, 0, 6]], [[8, 2, 0], [0, 52, 0], [1, 0, 9]]
    called = np.array([[sound, rest, rest, rest]] * 3)
    scores = evidence.score(evidence.Tally(called, np.ones((3, 4))), model)
    assert scores["sound"]["wrong"] == 3 * 7
    assert scores["sound"]["swaps"][0] == pytest.approx(100 * 7 / 20)
    assert scores["sound"]["lost"][0] == pytest.approx(30)
    assert scores["sound"]["false"][0] == pytest.approx(40)
    assert scores["both"]["removed"] == pytest.approx((6 / 7, 6 / 7, 6 / 7))


# What is in a session


def _take(evidence, *onsets, label=SNAPPING, kind="snap"):
    labels = tuple(Label(t, t + 0.01, label, kind, 20.0) for t in onsets)
    return evidence.Take(0, None, None, (label,) * len(onsets), (kind,) * len(onsets), labels)


def test_snaps_repeat_where_they_come_steadily_or_there_and_back(evidence):
    assert evidence.snaps_repeat(_take(evidence, 1.0, 2.1, 3.0, 3.9)) is True
    assert evidence.snaps_repeat(_take(evidence, 1.0, 1.2, 2.0, 2.2, 3.0, 3.2)) is True
    assert evidence.snaps_repeat(_take(evidence, 1.0, 1.1, 4.0, 4.3, 9.0)) is False
    assert evidence.snaps_repeat(_take(evidence, 1.0)) is False
    assert evidence.snaps_repeat(_take(evidence)) is None
    assert evidence.others_repeat(_take(evidence, 1.0, 2.0, 3.0, 4.0, label=OTHER, kind="tap"))


def test_a_fifth_of_the_snaps_of_the_second_world_do_not_repeat(evidence):
    steady = [_take(evidence, 1.0, 2.0, 3.0, 4.0)] * 10
    lone = [_take(evidence, 1.0)] * 30
    kept = evidence.mixed([*lone, *steady])
    assert sum(len(take.labels) == 1 for take in kept) == 10


def test_a_swapped_order_keeps_the_times_and_who_they_belong_to(evidence, takes):
    around = evidence._swapped(takes, np.random.default_rng(0))
    for number in {take.session for take in takes}:
        own = [i for i, take in enumerate(takes) if take.session == number]
        assert {around[i].recorded_at for i in own} == {takes[i].around.recorded_at for i in own}
    assert any(each.recorded_at != take.around.recorded_at for each, take in zip(around, takes, strict=True))


# The page


def test_the_page_is_written_from_one_measurement(evidence, takes, model, tmp_path):
    """Every table is filled, and an expectation that is not met is said to be so."""
    results = evidence.measure(takes, model, SEED)
    evidence.write_page(results, 8, SEED, tmp_path)
    page = (tmp_path / "timing.md").read_text("utf-8")
    for name in ("timing-classifiers.png", "timing-assumptions.png"):
        assert f"({name})" in page
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert page.count("**met**") + page.count("**not met**") == 5
    for name, own in results["clocks"]:
        own["order swapped"]["both"]["wrong"] = own["order swapped"]["company"]["wrong"] + 1
        evidence.write_page(results, 8, SEED, tmp_path)
        assert f"{name}, order swapped" in (tmp_path / "timing.md").read_text("utf-8")
