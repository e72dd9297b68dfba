"""Signs of processing by the recorder: each appears in processed sound only, whatever the size of the blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from popclass.audio import open_recording
from popclass.audio.processing import GAIN, HIGH_PASS, SUPPRESSION, ProcessingCheck, is_examined
from popclass.synthesis import processing

RATE = 48_000
SAMPLES = Path(__file__).parents[2] / "samples"


def sounds(seed: int, seconds: float = 30, rate: int = RATE, every: float = 3.0, level: float = 0.003) -> np.ndarray:
    """Generate noise with a decaying click of 40-50 dB every few seconds."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, level, int(seconds * rate))
    time = np.arange(rate // 5) / rate
    for start in np.arange(1.0, seconds - 1, every):
        wave = np.sin(2 * np.pi * rng.uniform(800, 3000) * time) * np.exp(-time * rng.uniform(60, 150))
        samples[int(start * rate) :][: len(wave)] += level * 10 ** (rng.uniform(40, 50) / 20) * wave
    return samples.astype(np.float32)


def high_pass(samples: np.ndarray, hz: float, order: int, rate: int = RATE) -> np.ndarray:
    """Filter with the gain of a Butterworth filter."""
    ratio = hz / np.maximum(np.fft.rfftfreq(len(samples), 1 / rate), 0.1)
    return np.fft.irfft(np.fft.rfft(samples) / np.sqrt(1 + ratio ** (2 * order)), len(samples)).astype(np.float32)


def warnings(samples: np.ndarray, rate: int = RATE, block: int = 65_536) -> list[str]:
    check = ProcessingCheck(rate)
    for start in range(0, len(samples), block):
        check.feed(samples[start : start + block])
    return check.finish()


@pytest.mark.parametrize("seed", [1, 3, 6])
def test_suppression(seed):
    samples = sounds(seed)
    suppressed = processing.noise_suppression(np.random.default_rng(seed), samples, RATE)
    assert warnings(samples) == []
    assert SUPPRESSION in warnings(suppressed)


@pytest.mark.parametrize("seed", [2, 3, 6])
def test_gain(seed):
    samples = sounds(seed)
    assert warnings(samples) == []
    assert warnings(processing.automatic_gain(np.random.default_rng(seed), samples, RATE)) == [GAIN]


@pytest.mark.parametrize(("hz", "order"), [(150, 2), (200, 3), (300, 2)])
def test_high_pass(hz, order):
    samples = sounds(order)
    assert warnings(samples) == []
    assert warnings(high_pass(samples, hz, order)) == [HIGH_PASS]


def test_high_pass_below_the_sounds():
    assert warnings(high_pass(sounds(1), 20, 2)) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gate_is_not_mistaken(seed):
    assert warnings(processing.noise_gate(np.random.default_rng(seed), sounds(seed), RATE)) == []


@pytest.mark.parametrize("rate", [8_000, 10_500, 11_025, 16_000, 22_050, 44_100, 96_000, 192_000])
def test_rates(rate):
    samples = sounds(2, rate=rate)
    assert warnings(samples, rate) == []
    assert HIGH_PASS in warnings(high_pass(samples, 250, 3, rate), rate)


@pytest.mark.parametrize("steps", [0.2, 0.4, 0.7, 1.5])
def test_converter_steps(steps):
    samples = np.round(sounds(1, level=steps / 32768) * 32768).astype(np.float32) / 32768
    assert warnings(samples) == []


def test_tones_and_voices():
    rng = np.random.default_rng(0)
    time = np.arange(20 * RATE) / RATE
    hum = sum(0.01 / k * np.sin(2 * np.pi * 50 * k * time) for k in range(1, 9))
    pitch = np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * time)) / RATE
    voice = sum(np.sin(2 * np.pi * k * pitch) / k for k in range(1, 30)) * np.clip(np.sin(2 * np.pi * 2 * time), 0, 1)
    noise = rng.normal(0, 0.001, len(time))
    for sound in (hum, 0.05 * voice):
        assert warnings((sound + noise).astype(np.float32)) == []


@pytest.mark.parametrize("block", [1_000, 4_097, 10**7])
def test_block_size(block):
    parts = (sounds(1, 70), high_pass(sounds(2, 70), 150, 2))
    samples = processing.automatic_gain(np.random.default_rng(1), np.concatenate(parts), RATE)
    one, other = ProcessingCheck(RATE), ProcessingCheck(RATE)
    one.feed(samples)
    for start in range(0, len(samples), block):
        other.feed(samples[start : start + block])
    assert other.finish() == one.finish()
    assert other.gain.dips == one.gain.dips
    assert np.array_equal(other.high_pass.levels, one.high_pass.levels)
    assert other.suppression.steady == one.suppression.steady > 0


@pytest.mark.parametrize("seconds", [0.01, 0.2, 1.0])
def test_too_short(seconds):
    suppressed = processing.noise_suppression(np.random.default_rng(1), sounds(1), RATE)
    assert warnings(suppressed[: int(seconds * RATE)]) == []


def test_examined_segments():
    hour, day = (sum(map(is_examined, range(count))) for count in (440, 24 * 440))
    assert [index for index in range(65) if is_examined(index)] == [*range(8), 8, 16, 32, 64]
    assert (hour, day) == (14, 19)


@pytest.mark.parametrize("path", sorted(SAMPLES.rglob("*.flac")), ids=lambda path: path.stem)
def test_samples(path):
    with open_recording(path) as recording:
        for _ in recording.blocks():
            pass
        assert not {SUPPRESSION, GAIN, HIGH_PASS} & set(recording.warnings)
