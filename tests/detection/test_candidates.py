"""Noise floor, evidence and contrast of candidates; onset picking."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.detection.bands import coefficients
from popclass.detection.candidates import (
    DEVIATE,
    FLOOR_QUANTILE,
    LONG,
    QUIETEST_RMS,
    SHORT,
    THRESHOLD,
    background,
    contrast,
    cumulative,
    excerpts,
    log_likelihood,
    may_reach,
    moving_sum,
    pick_onset,
    proposals,
)

FRAME = 64
COUNTS = coefficients(FRAME)


def noise_energies(frames, seed=0, power=1e-4):
    """Band energies of white noise: chi-square with as many degrees of freedom as there are coefficients."""
    rng = np.random.default_rng(seed)
    return (rng.chisquare(np.maximum(COUNTS, 1)[:, None], (len(COUNTS), frames)) * power).astype(np.float32)


def test_deviate_of_floor_quantile():
    assert NormalDist().inv_cdf(1 - FLOOR_QUANTILE) == DEVIATE


def test_excerpts():
    """Also of rows that are not contiguous, up to the last sample."""
    rows = np.arange(40.0, dtype=np.float32).reshape(2, 20)[:, ::2]
    found = excerpts(rows, np.array([0, 1, 1]), np.array([0, 3, 7]), 3)
    np.testing.assert_array_equal(found, [rows[0, :3], rows[1, 3:6], rows[1, 7:]])
    found[:] = 0  # a copy
    assert rows[0, 1] == 2


def test_moving_sum():
    np.testing.assert_array_equal(moving_sum(np.ones((2, 5), np.float32), 4), [[1, 2, 3, 4, 4]] * 2)


@pytest.mark.parametrize("seed", range(3))
def test_background_noise_mean(seed):
    energies = noise_energies(2048, seed)
    floor, _ = background(energies, COUNTS)
    np.testing.assert_allclose(floor[:6, 0], energies[:6].mean(axis=1), rtol=0.1)


def test_background_clicks():
    energies = noise_energies(2048)
    with_clicks = energies.copy()
    with_clicks[:, ::50] *= 1000
    floor, _ = background(with_clicks, COUNTS)
    plain, _ = background(energies, COUNTS)
    np.testing.assert_allclose(floor[:6], plain[:6], rtol=0.25)


def test_background_unsteady():
    steady = noise_energies(2048)
    swelling = steady * (1 + 0.9 * np.sin(np.arange(2048) / 60)).astype(np.float32)
    assert (background(swelling, COUNTS)[1] < 0.5 * background(steady, COUNTS)[1])[:4].all()


def test_background_quietest():
    floor, _ = background(np.zeros((len(COUNTS), 100), np.float32), COUNTS)
    np.testing.assert_allclose(floor[:, 0], COUNTS * QUIETEST_RMS**2, rtol=1e-5)


def contrast_at(energies, frames, span, length=LONG):
    frames = np.atleast_1d(frames)
    first = np.zeros(len(frames), np.intp)
    repeat = np.stack([np.repeat(each, len(frames), axis=1) for each in background(noise_energies(400), COUNTS)])
    sums, lengths = cumulative(energies[:, None, None]), np.full(len(frames), length)
    return contrast(sums, (first, first, frames), lengths, [span], repeat, COUNTS)[0].T


def test_contrast_formula():
    energies = np.repeat(background(noise_energies(400), COUNTS)[0] * 100, 400, axis=1)
    energies[:, 200:208] *= 5
    freedom = background(noise_energies(400), COUNTS)[1][:, 0]
    expected = np.where(COUNTS * LONG >= 2, freedom * LONG / 2 * (5 - 1 - np.log(5)), 0)
    np.testing.assert_allclose(contrast_at(energies, 200, (-10, -1))[0], expected, rtol=1e-4)
    np.testing.assert_allclose(contrast_at(energies, 200, (10, 50))[0], expected, rtol=1e-4)


def test_contrast_floor():
    energies = np.repeat(background(noise_energies(400), COUNTS)[0], 400, axis=1)
    energies[:, 150:198] = 0
    np.testing.assert_allclose(contrast_at(energies, 200, (-10, -1)), 0, atol=1e-6)


def test_contrast_span():
    energies = noise_energies(400)
    energies[:, 200:208] *= 50
    expected = contrast_at(energies, 200, (-10, -1))
    outside = energies.copy()
    outside[:, [189, 199, 208, 260]] *= 1000
    np.testing.assert_allclose(contrast_at(outside, 200, (-10, -1)), expected, rtol=1e-4)
    inside = energies.copy()
    inside[:, 190] *= 1000
    assert contrast_at(inside, 200, (-10, -1)).sum() < 0.5 * expected.sum()


@pytest.mark.parametrize("span", [(-10, -1), (10, 50)])
@pytest.mark.parametrize("frame", [0, 1, 5, 300, 392, 399])
def test_contrast_ends(frame, span):
    energies = noise_energies(400)
    found = contrast_at(energies, frame, span)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_contrast_together():
    energies = noise_energies(400)
    energies[:, [100, 200, 300]] *= 100
    frames = np.array([100, 200, 300])
    each = [contrast_at(energies, frame, (-10, -1))[0] for frame in frames]
    np.testing.assert_allclose(contrast_at(energies, frames, (-10, -1)), each, rtol=1e-4)


def test_log_likelihood_monotonic():
    against = np.ones((len(COUNTS), 50), np.float32)
    freedom = np.repeat(COUNTS.astype(np.float32)[:, None], 50, axis=1)
    evidence = [
        log_likelihood(against * np.float32(ratio), against, COUNTS, freedom, SHORT)[0]
        for ratio in (0.5, 1.0, 1.5, 2.0, 10.0)
    ]
    assert evidence[:2] == [0, 0]
    assert (np.diff(evidence[1:]) > 0).all()


def test_log_likelihood_formula():
    against = np.ones((len(COUNTS), 20), np.float32)
    freedom = np.repeat(COUNTS.astype(np.float32)[:, None], 20, axis=1)
    expected = np.where(COUNTS * LONG >= 2, COUNTS * LONG / 2 * (3 - 1 - np.log(3)), 0)
    for band in range(len(COUNTS)):
        louder = against.copy()
        louder[band] *= 3
        found = log_likelihood(louder, against, COUNTS, freedom, LONG)[0]
        np.testing.assert_allclose(found, expected[band], rtol=1e-5)


def test_log_likelihood_last_frames():
    against = np.ones((len(COUNTS), 20), np.float32)
    freedom = against * np.float32(10)
    assert (log_likelihood(against * 9, against, COUNTS, freedom, LONG)[-(LONG - 1) :] == 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_may_reach_contains_candidates(seed):
    rng = np.random.default_rng(seed)
    energies = noise_energies(600, seed)
    energies[:, rng.integers(0, 600, 4)] *= np.float32(10 ** rng.uniform(0, 1))
    floor, freedom = background(energies, COUNTS)
    floors, freedoms = (np.repeat(each, 600, axis=1) for each in (floor, freedom))
    evidence = np.max([log_likelihood(energies, floors, COUNTS, freedoms, each) for each in (SHORT, LONG)], axis=0)
    for threshold in np.quantile(evidence, [0.5, 0.9, 0.99, 1]):
        reached = np.flatnonzero(may_reach(energies, floor[:, 0], freedom[:, 0], float(threshold)))
        covered = set((reached[:, None] + np.arange(LONG)).ravel().tolist())
        assert set(np.flatnonzero(evidence >= threshold)) <= covered


def test_may_reach_noise():
    energies = np.stack([noise_energies(1024, seed) for seed in range(20)])
    floor, freedom = background(energies, COUNTS)
    assert not may_reach(energies, floor[..., 0], freedom[..., 0], 2 * THRESHOLD).any()
    energies[3, :, 500] *= 100
    seed, frame = may_reach(energies, floor[..., 0], freedom[..., 0], 2 * THRESHOLD).nonzero()
    assert set(seed.tolist()) == {3}
    assert 500 - LONG < frame[0] <= 500 == frame[-1]


@pytest.mark.parametrize("frames", [0, 1, LONG - 1])
def test_may_reach_too_short_to_tell(frames):
    energies = noise_energies(1024)
    floor, freedom = background(energies, COUNTS)
    assert may_reach(energies[:, :frames], floor[:, 0], freedom[:, 0], THRESHOLD).tolist() == [True]


def proposed(short, long, threshold):
    return [
        each[1:] for each in zip(*map(np.ndarray.tolist, proposals(short[None], long[None], threshold)), strict=True)
    ]


def test_proposals_maxima():
    short, long = np.zeros(100, np.float32), np.zeros(100, np.float32)
    short[[20, 22, 60]] = 30, 40, 50
    long[[58, 80]] = 90, 35
    assert proposed(short, long, 25.0) == [(22, SHORT), (60, SHORT), (80, LONG)]
    assert proposed(short, long, 60.0) == [(58, LONG)]


def test_proposals_ties():
    short = np.zeros(50, np.float32)
    short[[20, 21]] = 30
    assert proposed(short, np.zeros(50, np.float32), 25.0) == [(20, SHORT)]


def test_proposals_of_several_windows():
    rng = np.random.default_rng(0)
    short, long = rng.exponential(10, (2, 5, 60)).astype(np.float32)
    window, frame, length = proposals(short, long, 25.0)
    for row in range(5):
        own = list(zip(frame[window == row].tolist(), length[window == row].tolist(), strict=True))
        assert own == proposed(short[row], long[row], 25.0)


@settings(derandomize=True)  # by chance the first loud samples can be small ones, whatever the picker
@given(at=st.integers(40, 360), seed=st.integers(0, 1000), gain=st.floats(8, 1000))
def test_pick_onset_first_loud_sample(at, seed, gain):
    signal = np.random.default_rng(seed).standard_normal(400)
    signal[at:] *= gain
    assert abs(pick_onset(signal[None])[0] - at) <= 3


def test_pick_onset_release():
    signal = np.random.default_rng(0).standard_normal(600) * 0.01
    signal[200:] *= 4
    signal[400:] *= 60
    assert abs(pick_onset(signal[None])[0] - 400) <= 2


def test_pick_onset_decay():
    assert pick_onset(np.exp(-np.arange(300) / 20)[None]) == 0


@pytest.mark.parametrize("size", [0, 1, 8])
def test_pick_onset_short(size):
    assert pick_onset(np.ones((1, size))) == 0
