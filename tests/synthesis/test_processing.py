"""Processing of phones: gain control, noise suppression, conversion of the rate."""

from __future__ import annotations

import numpy as np
import pytest
from clicks import RATE, clicks, shift

from popclass.synthesis import processing


@pytest.mark.parametrize("ride", [processing.automatic_gain, processing.noise_gate])
def test_gain_control_only_scales(ride) -> None:
    """No sample changes sign and no time moves; the gain stays within 24 dB either way."""
    signal = clicks()
    ridden = ride(np.random.default_rng(1), signal, RATE)
    audible = np.abs(signal) > 1e-4
    gains = ridden[audible] / signal[audible]
    assert np.all(gains > 0.0)
    assert np.all(np.abs(20.0 * np.log10(gains)) < 25.0)
    assert np.ptp(gains) > 0.01


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
@pytest.mark.parametrize("seed", range(4))
def test_noise_suppression_keeps_time(seed: int, rate: int) -> None:
    signal = clicks(rate)[:-13]
    out = processing.noise_suppression(np.random.default_rng(seed), signal, rate)
    assert out.shape == signal.shape
    assert out.dtype == np.float32
    assert shift(signal, out) == 0


def test_noise_suppression_lowers_noise() -> None:
    """The noise between the clicks falls, and the clicks do not."""
    signal = clicks()
    out = processing._suppress(signal, 960, 2.0, 0.5, 0.1)
    quiet, click = slice(RATE // 2 + 4800, RATE + RATE // 4), slice(RATE // 2, RATE // 2 + 60)
    assert np.std(out[quiet]) < 0.5 * np.std(signal[quiet])
    assert np.std(out[click]) > 0.9 * np.std(signal[click])


def test_noise_suppression_passes_at_lowest_of_one() -> None:
    signal = clicks()
    assert np.allclose(processing._suppress(signal, 960, 2.0, 0.0, 1.0), signal, atol=1e-6)


@pytest.mark.parametrize("name", list(processing.PROCESSING))
def test_processing_channels(name: str) -> None:
    """Two equal channels are processed as one."""
    signal = clicks()
    one = processing.PROCESSING[name](np.random.default_rng(5), signal, RATE)
    both = processing.PROCESSING[name](np.random.default_rng(5), np.stack([signal, signal], axis=1), RATE)
    assert both.shape == (len(signal), 2)
    assert np.allclose(both, one[:, None], atol=1e-6)


@pytest.mark.parametrize("new_rate", [8000, 16000, 22050, 32000])
def test_resample_no_delay(new_rate: int) -> None:
    signal = clicks()
    there = processing.resample(signal, RATE, new_rate)
    assert len(there) == 3 * new_rate
    assert abs(shift(signal, processing.resample(there, new_rate, RATE))) <= 1


@pytest.mark.parametrize("quality", ["QQ", "LQ", "HQ"])
@pytest.mark.parametrize(("rate", "other"), [(44100, 16000), (48000, 44100), (96000, 22050), (44100, 48000)])
def test_by_way_of_keeps_length_and_time(rate: int, other: int, quality: str) -> None:
    signal = clicks(rate)[:-31]
    out = processing.by_way_of(signal, rate, other, quality)
    assert out.shape == signal.shape
    assert abs(shift(signal, out)) <= 1
