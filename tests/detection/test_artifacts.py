"""Onsets that are not sounds of their own: hums. Pre-echoes and steps are tested on whole recordings."""

import numpy as np
import pytest
from signals import click, noise

from popclass.detection import Detector
from popclass.detection.artifacts import is_hum

RATE = 48000


def pulses(intervals_ms, levels=None, seed=0):
    """Equal clicks over faint noise, the first at 0.2 s, and their onsets; `levels` are relative amplitudes."""
    rng = np.random.default_rng(seed)
    onsets = 9600 + np.round(np.cumsum([0, *intervals_ms]) * RATE / 1000).astype(int)
    samples, wave = noise(rng, 1) * 1e-4, click(rng, fall_ms=(1, 2)) * 0.1
    for onset, level in zip(onsets, [1] * len(onsets) if levels is None else levels, strict=True):
        samples[onset : onset + len(wave)] += wave * level
    return samples.astype(np.float32), onsets.tolist()


def last_is_hum(samples, onsets):
    return is_hum(samples[None], onsets[-1], 0, onsets[:-1], RATE)


def sounds(samples, block=65536):
    detector = Detector(RATE, 1)
    blocks = [samples[at : at + block, None].astype(np.float32) for at in range(0, len(samples), block)]
    return [sound for each in blocks for sound in detector.feed(each)] + detector.flush()


@pytest.mark.parametrize("intervals_ms", [[20, 20], [16.7, 16.7], [8, 8], [40, 40], [20, 21], [10, 10, 10]])
def test_third_of_equal_pulses(intervals_ms):
    assert last_is_hum(*pulses(intervals_ms))


def test_inverted_and_varied_pulses():
    assert last_is_hum(*pulses([10, 10], [1, -1, 1]))
    assert last_is_hum(*pulses([20, 20], [1, 0.85, 1.15]))


def test_pulses_between_others():
    assert last_is_hum(*pulses([12, 8, 12, 8]))


@pytest.mark.parametrize(
    ("intervals_ms", "levels"),
    [([20], None), ([20, 26], None), ([60, 60], None), ([20, 20], [1, 0.6, 1]), ([20, 20], [1, 1, 1.6])],
)
def test_others_are_not(intervals_ms, levels):
    assert not last_is_hum(*pulses(intervals_ms, levels))


def test_dissimilar_pops_at_equal_intervals():
    samples, onsets = pulses([20, 20])
    rng = np.random.default_rng(5)
    samples[onsets[1] : onsets[1] + 1440] = click(rng, fall_ms=(1, 2)) * 0.1
    assert not last_is_hum(samples, onsets)


def test_start_of_a_recording():
    samples, onsets = pulses([20, 20])
    cut = onsets[0]
    assert not last_is_hum(samples[cut:], [onset - cut for onset in onsets])


@pytest.mark.parametrize("hertz", [25, 50, 60, 100])
def test_hum_is_a_handful(hertz):
    samples, _ = pulses([1000 / hertz] * (int(0.7 * hertz)))
    assert 1 <= len(sounds(samples)) <= 4


def buzz(seconds, hertz=60):
    """Harmonics of 60 Hz, nearly as strong up to 6 kHz."""
    time = np.arange(round(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * hertz * k * time + 0.1 * k) / np.sqrt(k) for k in range(1, 100)) * 1e-3


def test_click_in_a_hum():
    rng = np.random.default_rng(1)
    samples = buzz(3) + noise(rng, 3) * 1e-5
    samples[96000 : 96000 + 1440] += click(rng, fall_ms=(1, 2)) * 0.3
    found = [sound for sound in sounds(samples) if sound.event.onset > 24000]
    assert [abs(sound.event.onset - 96000) <= 48 for sound in found] == [True]
    assert found[0].next_onset is None  # the pulses of the hum do not cut it off


@pytest.mark.parametrize("block", [100, 4801, 300000])
def test_block_sizes(block):
    rng = np.random.default_rng(2)
    samples = buzz(6) * (np.arange(6 * RATE) / RATE % 2 < 1.2) + noise(rng, 6) * 1e-5
    samples[200000 : 200000 + 1440] += click(rng) * 0.3
    whole = sounds(samples, len(samples))
    assert len(whole) >= 3
    parts = sounds(samples, block)
    assert [(each.event, each.next_onset) for each in parts] == [(each.event, each.next_onset) for each in whole]
