"""Tests of popclass.audio.timeline: gaps, jumps, drift, wobble, edit lists."""

import numpy as np
import pytest

from popclass.audio.container import Edit
from popclass.audio.timeline import FrameClock, play_edits
from popclass.errors import AudioError

RATE = 48_000
FRAME = 960
RAMP = np.arange(RATE * 4, dtype=np.float32)[:, None]


def frames(stamps):
    return [(stamp, RAMP[FRAME * i : FRAME * (i + 1)]) for i, stamp in enumerate(stamps)]


def placed(stamps, resolution=0.001):
    clock = FrameClock(resolution)
    samples = np.concatenate(list(clock.place(frames(stamps), RATE)))
    return samples[:, 0], clock


def even(count=150):
    return np.arange(count) * FRAME / RATE


@pytest.mark.parametrize(("at", "seconds"), [(3, 0.02), (40, 0.2), (75, 1.0), (146, 0.06)])
def test_place_gap(at, seconds):
    stamps = even() + seconds * (np.arange(150) >= at)
    samples, clock = placed(stamps)
    gap = round(seconds * RATE)
    assert len(samples) == 150 * FRAME + gap
    assert not samples[at * FRAME : at * FRAME + gap].any()
    assert samples[at * FRAME + gap] == at * FRAME
    (warning,) = clock.warnings()
    assert f"1 gap in the time stamps ({seconds:.3f} s in all), first at {at * 0.02:.3f} s" in warning


def test_place_two_gaps():
    stamps = even() + 0.1 * (np.arange(150) >= 50) + 0.06 * (np.arange(150) >= 53)
    samples, clock = placed(stamps)
    assert len(samples) == 150 * FRAME + round(0.16 * RATE)
    assert "2 gaps in the time stamps (0.160 s in all)" in clock.warnings()[0]


@pytest.mark.parametrize("start_s", [0.0, 0.5, 1.4])
def test_place_late_start(start_s):
    samples, clock = placed(even() + start_s)
    np.testing.assert_array_equal(samples, RAMP[: len(samples), 0])
    assert clock.warnings() == []
    assert clock.ahead_s == pytest.approx(start_s)


@pytest.mark.parametrize("seed", range(5))
def test_place_wobble(seed):
    """Stamps set on arrival, rounded to milliseconds."""
    wobble = np.random.default_rng(seed).uniform(-0.009, 0.009, 150)
    samples, clock = placed(np.round(even() + wobble, 3))
    np.testing.assert_array_equal(samples, RAMP[: len(samples), 0])
    assert clock.warnings() == []


@pytest.mark.parametrize("share", [0.01, -0.02, 0.04])
def test_place_drift(share):
    samples, clock = placed(even() * (1 + share))
    assert len(samples) == 150 * FRAME
    assert "drifts" in clock.warnings()[0]
    assert clock.ahead_s == pytest.approx(3.0 * share, rel=0.05)


def test_place_drift_with_gap():
    samples, clock = placed(even() * 1.01 + 0.5 * (np.arange(150) >= 80))
    assert len(samples) == pytest.approx(150 * FRAME + RATE // 2, abs=RATE * 0.001)
    assert [warning.split()[:2] for warning in clock.warnings()] == [["1", "gap"], ["the", "recorder's"]]


def test_place_jump_back():
    samples, clock = placed(even() - 1.0 * (np.arange(150) >= 60))
    assert len(samples) == 150 * FRAME
    assert "1 jump in the time stamps, first by -1.000 s at 1.200 s" in clock.warnings()[0]


def test_place_clock_set():
    """A jump of hours is not filled with gigabytes of silence."""
    samples, clock = placed(even() + 7 * 3600.0 * (np.arange(150) >= 60))
    assert len(samples) == 150 * FRAME
    assert "jump" in clock.warnings()[0]


def test_place_no_stamps():
    samples, clock = placed([None] * 150)
    np.testing.assert_array_equal(samples, RAMP[: len(samples), 0])
    assert clock.warnings() == []


def play(*edits):
    blocks = np.split(RAMP, range(1000, len(RAMP), 1000))
    return np.concatenate(list(play_edits(blocks, [Edit(*edit) for edit in edits], RATE)))[:, 0]


def test_play_edits_cut():
    samples = play((1.0, 0.5), (0.5, 2.0))
    np.testing.assert_array_equal(samples, [*range(24_000, 72_000), *range(96_000, 120_000)])


def test_play_edits_silence():
    samples = play((0.25, None), (0.5, 0.0), (0.125, None), (9.0, 0.5))
    assert not samples[:12_000].any()
    np.testing.assert_array_equal(samples[12_000:36_000], range(24_000))
    assert not samples[36_000:42_000].any()
    np.testing.assert_array_equal(samples[42_000:], range(24_000, 192_000))


def test_play_edits_repeated():
    with pytest.raises(AudioError, match="again or out of order"):
        play((1.0, 1.0), (1.0, 0.5))


def test_place_wobble_at_end():
    wobble = np.zeros(150)
    wobble[-1] = 0.009
    samples, clock = placed(even() + wobble)
    assert len(samples) == 150 * FRAME
    assert clock.warnings() == []
