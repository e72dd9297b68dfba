"""Onsets that are not sounds: hums. Pre-echoes and steps are tested on whole recordings."""

import numpy as np
import pytest
from signals import click, noise

from popclass.detection import Detector
from popclass.detection.artifacts import is_hum

RATE = 48000


def pulses(intervals_ms, waves=None, levels=None):
    """Clicks over faint noise, the first at 0.2 s, and their onsets; alike unless there are `waves`."""
    rng = np.random.default_rng(0)
    onsets = 9600 + np.round(np.cumsum([0, *intervals_ms]) * RATE / 1000).astype(int)
    samples, alike = noise(rng, 3) * 1e-4, click(rng, fall_ms=(1, 2))
    for number, onset in enumerate(onsets):
        wave = alike if waves is None else waves[number]
        samples[onset : onset + len(wave)] += wave * 0.1 * (1 if levels is None else levels[number])
    return samples.astype(np.float32), onsets.tolist()


def last_is_hum(samples, onsets, rate=RATE):
    return is_hum(samples[None], onsets[-1], 0, onsets[:-1], rate)


def sounds(samples, block=65536):
    detector = Detector(RATE, 1)
    blocks = [samples[at : at + block, None].astype(np.float32) for at in range(0, len(samples), block)]
    return [sound for each in blocks for sound in detector.feed(each)] + detector.flush()


def unlike(number):
    rng = np.random.default_rng(5)
    return [click(rng, fall_ms=(1, 5)) for _ in range(number)]


@pytest.mark.parametrize("period_ms", [6, 8.33, 10, 16.67, 20, 25, 40])
def test_equal_pulses(period_ms):
    samples, onsets = pulses([period_ms] * 10)
    assert last_is_hum(samples, onsets[:9])
    assert not last_is_hum(samples, onsets[:6])


def test_uneven_pulses():
    rng = np.random.default_rng(1)
    intervals, levels = rng.normal(30, 1, 8), rng.normal(1, 0.07, 9)
    assert last_is_hum(*pulses(intervals, levels=levels))


def test_two_pulses_a_period():
    assert last_is_hum(*pulses([12, 8] * 9))
    assert last_is_hum(*pulses([10] * 18, levels=[1, -1] * 9 + [1]))


def test_pulses_without_an_onset():
    samples, onsets = pulses([10] * 12)
    assert is_hum(samples[None], onsets[-1], 0, [onsets[at] for at in (2, 5, 7, 9)], RATE)


def test_pulses_masked_by_a_click():
    waves = [click(np.random.default_rng(2), fall_ms=(1, 2))] * 12
    waves[7] = 20 * unlike(1)[0]
    samples, onsets = pulses([20] * 11, waves)
    assert is_hum(samples[None], onsets[-1], 0, onsets[:8] + onsets[-2:-1], RATE)


def test_over_a_rumble():
    samples, onsets = pulses([20] * 8)
    samples += 0.3 * np.sin(2 * np.pi * 18 * np.arange(len(samples)) / RATE).astype(np.float32)
    assert last_is_hum(samples, onsets)


@pytest.mark.parametrize("period_ms", [50, 60, 90])
def test_slow_pulses(period_ms):
    assert not last_is_hum(*pulses([period_ms] * 8))


@pytest.mark.parametrize("seed", range(20))
def test_alike_clicks_at_random_times(seed):
    rng = np.random.default_rng(seed)
    samples, onsets = pulses(np.maximum(rng.exponential(35, 20), 5))
    assert not any(last_is_hum(samples, onsets[: number + 1]) for number in range(20))


@pytest.mark.parametrize("rumble_hz", [None, 6, 12, 18, 33.3])
def test_thrusts(rumble_hz):
    """Unlike pops, and alike ones as of a sensor that resonates, in even and uneven series over rumble."""
    rng = np.random.default_rng(3)
    for waves in (unlike(9), None):
        for intervals in ([30] * 8 if waves else rng.uniform(14, 60, 8), rng.uniform(14, 60, 8)):
            samples, onsets = pulses(intervals, waves, [1, *rng.uniform(0.4, 1, 8)])
            if rumble_hz is not None:
                time = np.arange(len(samples)) / RATE
                samples += (0.3 * np.sin(2 * np.pi * rumble_hz * time)).astype(np.float32)
            assert not any(last_is_hum(samples, onsets[: number + 1]) for number in range(9))


@pytest.mark.parametrize("between_ms", [120, 160, 200])
def test_double_clicks(between_ms):
    """The press and the release of a key, 40 ms apart."""
    samples, onsets = pulses([40, between_ms - 40] * 4)
    assert not any(last_is_hum(samples, onsets[: number + 1]) for number in range(9))


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 192000])
def test_sample_rates(rate):
    rng, size = np.random.default_rng(4), round(0.02 * rate)
    wave = click(rng, rate, hertz=(500, 1500), fall_ms=(1, 2))[: size - 1]
    samples = np.tile(np.pad(wave, (0, size - len(wave))), 20) * 0.1 + rng.normal(0, 1e-4, 20 * size)
    onsets = [size * number for number in range(1, 12)]
    assert last_is_hum(samples.astype(np.float32), onsets, rate)


def test_start_and_end_of_a_recording():
    samples, onsets = pulses([20] * 8)
    assert not last_is_hum(samples[onsets[0] :], [onset - onsets[0] for onset in onsets])
    assert all(last_is_hum(samples[: onsets[-1] + left], onsets) for left in (20, 100, 400))


def test_silence():
    assert not is_hum(np.zeros((1, RATE), np.float32), 40000, 0, list(range(20000, 40000, 960)), RATE)


@pytest.mark.parametrize("hertz", [25, 50, 60, 100])
def test_hum_is_a_handful(hertz):
    samples, _ = pulses([1000 / hertz] * (int(0.7 * hertz)))
    assert 1 <= len(sounds(samples)) <= 10


def buzz(seconds, hertz=60):
    """Harmonics of 60 Hz, nearly as strong up to 6 kHz."""
    time = np.arange(round(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * hertz * k * time + 0.1 * k) / np.sqrt(k) for k in range(1, 100)) * 1e-3


def test_click_in_a_hum():
    rng = np.random.default_rng(1)
    samples = buzz(3) + noise(rng, 3) * 1e-5
    samples[96000 : 96000 + 1440] += click(rng, fall_ms=(1, 2)) * 0.3
    found = [sound for sound in sounds(samples) if 24000 < sound.event.onset < 140000]
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
