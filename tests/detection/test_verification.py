"""Verification of candidates: periodicity, and the decision."""

import numpy as np
import pytest
from signals import click, noise

from popclass.detection.bands import frame_length
from popclass.detection.verification import LEAST_BEFORE, periodicity, stretches, verify

RATES = (8000, 11025, 16000, 44100, 48000, 96000, 192000)
FIRST = np.zeros(1, np.intp)
STRONG = np.array([1000.0])  # evidence of a click 20 dB over its surroundings


def voice(rate, hertz, seconds=0.1):
    """Pulses of a voice: harmonics up to 3 kHz that fall by 6 dB per octave."""
    time = np.arange(round(seconds * rate)) / rate
    return sum(np.cos(2 * np.pi * hertz * k * time) / k for k in range(1, int(3000 / hertz) + 1)).astype(np.float32)


def decaying(rate, seconds=0.1):
    """A click at the first sample."""
    samples = np.zeros(round(seconds * rate), np.float32)
    wave = click(np.random.default_rng(0), rate)
    samples[: len(wave)] = wave
    return samples


def hiss(rate, seconds=0.1):
    return noise(np.random.default_rng(1), seconds, rate).astype(np.float32)


def periodicity_at(samples, rate, frame=0):
    return float(periodicity(*stretches(samples[None], FIRST, np.array([frame * frame_length(rate)]), rate))[0])


def is_short(samples, rate, after=STRONG, before=STRONG, frame=0):
    return bool(verify(after, before, samples[None], (FIRST, np.array([frame * frame_length(rate)])), rate)[0])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [80, 120, 200, 340])
def test_periodicity_voice(rate, hertz):
    assert periodicity_at(voice(rate, hertz), rate) > 0.7


@pytest.mark.parametrize("rate", RATES)
def test_periodicity_click_and_noise(rate):
    assert periodicity_at(decaying(rate), rate) < 0.4
    assert periodicity_at(hiss(rate), rate) < 0.6


@pytest.mark.parametrize("hertz", [30, 900])
def test_periodicity_out_of_range(hertz):
    rate = 48000
    tone = np.cos(2 * np.pi * hertz * np.arange(rate // 10) / rate).astype(np.float32)
    click_like = tone * np.exp(-np.arange(len(tone)) / rate / 0.004, dtype=np.float32)
    assert periodicity_at(click_like, rate) < 0.5


def test_periodicity_silence():
    assert periodicity_at(np.zeros(4800, np.float32), 48000) == 0


def test_periodicity_level_and_offset():
    samples = voice(48000, 150)
    assert periodicity_at(samples * 1e-3 + 0.5, 48000) == pytest.approx(periodicity_at(samples, 48000), abs=1e-3)


def test_stretches_position():
    samples = np.arange(48000, dtype=np.float32)
    found, rate = stretches(samples[None], np.zeros(2, np.intp), np.array([0, 640]), 48000)
    assert rate == 3000
    assert found.shape == (2, 120)
    assert found[0, 0] == pytest.approx(3 * 16 + 7.5)  # 1 ms later, the mean of 16 samples
    np.testing.assert_allclose(found[1] - found[0], 640)


@pytest.mark.parametrize("rate", RATES)
def test_verify_click(rate):
    assert is_short(decaying(rate), rate)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [80, 120, 200, 340])
def test_verify_voice(rate, hertz):
    pulse = np.array([10.0])  # the next pulse raises the level after it, and the one before that before it
    assert not is_short(voice(rate, hertz), rate, after=pulse, before=pulse)
    assert is_short(decaying(rate), rate, after=pulse, before=2 * pulse)


def test_verify_swell():
    assert not is_short(hiss(48000), 48000, after=np.zeros(1), before=np.array([LEAST_BEFORE * 1.1]))


def test_verify_evidence_counts():
    samples = decaying(48000)
    assert not is_short(samples, 48000, after=np.array([1.0]), before=np.array([7.0]))
    assert is_short(samples, 48000, after=np.array([100.0]), before=np.array([7.0]))
    assert is_short(samples, 48000, after=np.array([1.0]), before=np.array([200.0]))


@pytest.mark.parametrize("left", [0, 1, 63, 64, 500, 1900])
def test_verify_end_of_recording(left):
    samples = decaying(48000)[: 10 * 64]
    samples = np.concatenate([np.zeros(640, np.float32), samples])[: 640 + left]
    assert is_short(samples, 48000, frame=10)


def test_verify_several():
    rate = 48000
    samples = np.concatenate([decaying(rate), voice(rate, 150), decaying(rate)])
    evidence = np.array([40.0, 12.0, 40.0])
    firsts = np.array([0, 4800, 9600])
    short = verify(evidence, evidence, samples[None], (np.zeros(3, np.intp), firsts), rate)
    assert short.tolist() == [True, False, True]
    both = np.stack([np.zeros_like(samples), samples])
    short = verify(evidence, evidence, both, (np.array([1, 1, 0]), firsts), rate)
    assert short.tolist() == [True, False, True]


def test_verify_none():
    nothing = np.zeros(0)
    places = np.zeros((2, 0), np.intp)
    assert len(verify(nothing, nothing, np.zeros((1, 100), np.float32), places, 48000)) == 0
