"""Tests of experiments/evidence.py: simulated classifiers, variants, subsets and page."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from popclass.model.model import Model
from popclass.schema import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import Label

pytestmark = pytest.mark.slow

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
SEED = 7


@pytest.fixture(scope="module", autouse=True)
def on_path():
    if not EXPERIMENTS.is_dir():
        pytest.skip("no experiments beside the tests")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXPERIMENTS))
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
def recordings(evidence, model):
    return evidence.extract_sessions(8, SEED, model.frontend, jobs=1)


@pytest.fixture(scope="module")
def classifier(evidence, recordings, model):
    return evidence.simulated(recordings, model, 0.2, SEED)


# Simulated classifiers


@pytest.mark.parametrize("error", [0.0, 0.05, 0.2, 0.4])
def test_simulate_error_rate(evidence, error):
    """Within 2 %, with classes as unequal as in the sessions and noise that sounds of a kind share."""
    shares = np.array([0.06, 0.12, 0.82])
    y = np.random.default_rng(0).choice(3, 60_000, p=shares)
    answers = evidence.simulate(y, [index // 3 for index in range(len(y))], error, shares, seed=1).argmax(axis=1)
    wrong = np.mean([(answers[y == one] != one).mean() for one in range(3)])
    assert wrong == pytest.approx(error, abs=0.02)


def test_simulate_calibrated(evidence):
    shares = np.array([0.06, 0.12, 0.82])
    y = np.random.default_rng(0).choice(3, 60_000, p=shares)
    p = evidence.simulate(y, [None] * len(y), 0.3, shares, seed=1)
    for one in range(3):
        for low in np.arange(0.0, 1.0, 0.2):
            some = (p[:, one] >= low) & (p[:, one] < low + 0.2)
            assert some.sum() > 300
            assert (y[some] == one).mean() == pytest.approx(p[some, one].mean(), abs=0.03)


def test_simulate_shared_noise(evidence):
    """Sounds of one group correlate by half; ungrouped sounds do not."""
    shares = np.full(3, 1 / 3)
    y = np.zeros(20_000, dtype=int)
    for groups, expected in (([i // 2 for i in range(len(y))], 0.5), ([None] * len(y), 0.0)):
        logs = np.log(evidence.simulate(y, groups, 0.2, shares, seed=1))
        odds = logs[:, 0] - logs[:, 1]
        assert np.corrcoef(odds[::2], odds[1::2])[0, 1] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("error", [-0.1, 0.67, 0.9])
def test_separation_error_out_of_range(evidence, error):
    with pytest.raises(ValueError, match="out of range"):
        evidence.simulate(np.array([0]), [None], error, np.full(3, 1 / 3))


# Variants


def test_variants_timing_moves_only_cavitation(evidence, recordings, classifier, model):
    """`sound` does not depend on start times, periods or prices; `timing` never raises cavitation."""
    timed = [replace(recording.metadata, site="mcp") for recording in recordings]  # one cavity, so that many are late
    untimed = [replace(each, recorded_at=None) for each in timed]
    right = evidence.variants(recordings, classifier, model, timed)
    other = evidence.variants(recordings, classifier, model, untimed, refractory_s=600.0, price=3.0)
    column = model.classes.index(CAVITATION)
    moved = 0
    for sound, same, late, also in zip(right["sound"], other["sound"], right["timing"], other["timing"], strict=True):
        np.testing.assert_array_equal(sound, same)
        assert (late[:, column] <= sound[:, column] + 1e-9).all()
        moved += int((np.abs(late - also) > 1e-6).any(axis=1).sum())
    assert moved > 0  # or nothing here could fail


def test_variants_single_event(evidence, recordings, classifier, model):
    """A single event without a start time keeps its probabilities, but for its novelty."""
    single = [recording for recording in recordings if len(recording.extraction.events) == 1]
    assert single
    metadata = [replace(recording.metadata, recorded_at=None, subject=None) for recording in single]
    found = evidence.variants(single, classifier, model, metadata)
    for analysis, timed, *others in zip(
        classifier.of(single), found["timing"], found["context"], found["both"], strict=True
    ):
        np.testing.assert_allclose(timed, analysis.acoustic, atol=1e-9)
        known = model.include_novelty(analysis.acoustic, analysis.novelty)
        for contextual in others:
            np.testing.assert_allclose(contextual, known, atol=1e-9)


def test_score_perfect_classifier(evidence, recordings, model):
    scores = evidence.score(evidence.count(recordings, evidence.simulated(recordings, model, 0.0, SEED), model), model)
    assert scores["sound"]["balanced"] == (1.0, 1.0, 1.0)
    assert scores["sound"]["wrong"] == 0
    assert scores["both"]["removed"] is None  # of nothing


def test_score_swaps_both_ways(evidence):
    model = SimpleNamespace(classes=(CAVITATION, OTHER, SNAPPING))
    sound, rest = [[5, 2, 3], [1, 50, 1], [4, 0, 6]], [[8, 2, 0], [0, 52, 0], [1, 0, 9]]
    called = np.array([[sound, rest, rest, rest]] * 3)
    left = np.array([[7, 1, 1, 0]] * 3)  # with both, the one swap is not one of those by sound alone
    scores = evidence.score(evidence.Tally(called, left, np.ones((3, 4))), model)
    assert scores["sound"]["wrong"] == 3 * 7
    assert scores["sound"]["swaps"][0] == pytest.approx(100 * 7 / 20)
    assert scores["sound"]["lost"][0] == pytest.approx(30)
    assert scores["sound"]["false"][0] == pytest.approx(40)
    assert scores["both"]["removed"] == pytest.approx((6 / 7, 6 / 7, 6 / 7))
    assert scores["context"]["left"] == pytest.approx((1 / 7, 1 / 7, 1 / 7))
    assert scores["both"]["left"][0] == 0


def test_is_swap(evidence):
    y, answers = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, 2, 0, 0, 1])  # class 1 is `other`
    assert evidence.is_swap(y, answers, [0, 2]).tolist() == [False, False, True, False, True, False]


# Subsets


def _recording(evidence, *onsets, label=SNAPPING, kind="snap"):
    labels = tuple(Label(t, t + 0.01, label, kind, 20.0) for t in onsets)
    return evidence.Recording(0, None, None, (label,) * len(onsets), (kind,) * len(onsets), labels)


def test_snaps_repeat_cases(evidence):
    assert evidence.snaps_repeat(_recording(evidence, 1.0, 2.1, 3.0, 3.9)) is True
    assert evidence.snaps_repeat(_recording(evidence, 1.0, 1.2, 2.0, 2.2, 3.0, 3.2)) is True
    assert evidence.snaps_repeat(_recording(evidence, 1.0, 1.1, 4.0, 4.3, 9.0)) is False
    assert evidence.snaps_repeat(_recording(evidence, 1.0)) is False
    assert evidence.snaps_repeat(_recording(evidence)) is None
    assert evidence.others_repeat(_recording(evidence, 1.0, 2.0, 3.0, 4.0, label=OTHER, kind="tap"))


def test_mixed_share_of_lone_snaps(evidence):
    steady = [_recording(evidence, 1.0, 2.0, 3.0, 4.0)] * 10
    lone = [_recording(evidence, 1.0)] * 30
    kept = evidence.mixed([*lone, *steady])
    assert sum(len(recording.labels) == 1 for recording in kept) == 10


def test_swapped_keeps_times_and_subjects(evidence, recordings):
    metadata = evidence._swapped(recordings, np.random.default_rng(0))
    for number in {recording.session for recording in recordings}:
        own = [i for i, recording in enumerate(recordings) if recording.session == number]
        assert {metadata[i].recorded_at for i in own} == {recordings[i].metadata.recorded_at for i in own}
    assert any(
        each.recorded_at != recording.metadata.recorded_at for each, recording in zip(metadata, recordings, strict=True)
    )


# Page


def test_write_page_complete(evidence, recordings, model, tmp_path):
    """Every table is filled, and an unmet expectation is marked."""
    results = evidence.measure(recordings, model, SEED)
    evidence.write_page(results, 8, SEED, tmp_path)
    page = (tmp_path / "timing.md").read_text("utf-8")
    for name in ("timing-classifiers.png", "timing-assumptions.png"):
        assert f"({name})" in page
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert page.count("**met**") + page.count("**not met**") == 6
    for name, own in results["clocks"]:
        own["order swapped"]["both"]["wrong"] = own["order swapped"]["context"]["wrong"] + 1
        evidence.write_page(results, 8, SEED, tmp_path)
        assert f"{name}, order swapped" in (tmp_path / "timing.md").read_text("utf-8")
