"""Recorder: levels, labels and processing."""

from __future__ import annotations

import numpy as np
import pytest

from popclass.results import CAVITATION, OTHER
from popclass.synthesis import Label, recorder

RATE = 48000


def clicks(rate: int = RATE) -> np.ndarray:
    """Return three seconds of noise with a sharp burst at 0.5, 1.5 and 2.5 s."""
    rng = np.random.default_rng(0)
    signal = 0.003 * rng.standard_normal(3 * rate)
    for second in (0.5, 1.5, 2.5):
        start = int(second * rate)
        signal[start : start + 60] += 0.5 * rng.standard_normal(60) * np.exp(-np.arange(60) / 15.0)
    return signal.astype(np.float32)


def shift(a: np.ndarray, b: np.ndarray) -> int:
    """Return the samples by which b is later than a, from the cross-correlation."""
    size = 2 * max(len(a), len(b))
    lag = int(np.argmax(np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)))
    return lag if lag < size // 2 else lag - size


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("codec", ["mp3", "aac"])
@pytest.mark.parametrize("quality", [0.3, 1.0])
def test_code_keeps_length_and_time(codec: str, rate: int, quality: float) -> None:
    signal = clicks(rate)
    coded = recorder.code(signal, rate, codec, quality)
    assert len(coded) == len(signal)
    assert abs(shift(signal, coded)) <= 1
    assert not np.array_equal(coded, signal)
    assert np.corrcoef(signal, coded)[0, 1] > 0.7


def test_code_opus_keeps_length_and_time() -> None:
    signal = clicks()
    coded = recorder.code(signal, RATE, "opus", 0.6)
    assert len(coded) == len(signal)
    assert abs(shift(signal, coded)) <= 2


@pytest.mark.parametrize("codec", ["mp3", "aac", "opus"])
def test_code_reproducible(codec: str) -> None:
    signal = clicks()
    first, second = (recorder.code(signal, RATE, codec, 0.5) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("ride", [recorder.automatic_gain, recorder.noise_gate])
def test_gain_control_only_scales(ride) -> None:
    """No sample changes sign and no time moves; the gain stays within 24 dB either way."""
    signal = clicks()
    ridden = ride(np.random.default_rng(1), signal, RATE)
    audible = np.abs(signal) > 1e-4
    gains = ridden[audible] / signal[audible]
    assert np.all(gains > 0.0)
    assert np.all(np.abs(20.0 * np.log10(gains)) < 25.0)
    assert np.ptp(gains) > 0.01


@pytest.mark.parametrize("new_rate", [8000, 16000, 22050, 32000])
def test_resample_no_delay(new_rate: int) -> None:
    signal = clicks()
    there = recorder.resample(signal, RATE, new_rate)
    assert len(there) == 3 * new_rate
    assert abs(shift(signal, recorder.resample(there, new_rate, RATE))) <= 1


def test_quantize() -> None:
    signal = np.array([-3.0, -1.0, -0.4, 0.0, 0.3, 1.0, 7.0], dtype=np.float32)
    out = recorder.quantize(signal, 12)
    assert np.max(np.abs(out)) <= 1.0
    assert out[-1] == 2047 / 2048
    assert np.all(out * 2048 == np.round(out * 2048))
    assert np.all(np.abs(out - np.clip(signal, -1.0, 1.0)) <= 1 / 2048)


def test_fault_only_where_it_is() -> None:
    signal = clicks()
    for kind in ("samples", "dropout", "stuck"):
        broken = signal.copy()
        stop = recorder.fault(broken, 1000, kind, np.full(50, 0.5))
        assert stop == 1050
        assert np.array_equal(broken[:1000], signal[:1000])
        assert np.array_equal(broken[1050:], signal[1050:])
        assert not np.array_equal(broken[1000:1050], signal[1000:1050])


def test_fault_at_end() -> None:
    signal = np.ones(100, dtype=np.float32)
    assert recorder.fault(signal, 90, "dropout", np.ones(50)) == 100
    assert np.all(signal[90:] == 0.0)


def test_extent_after_release() -> None:
    rate = 48000
    rub, slip = np.full(4800, 0.2), np.exp(-np.arange(2000) / 200.0)
    start, end = recorder.extent(np.concatenate([rub, slip]), 4800, rate)
    assert start == 4800
    assert end - start == pytest.approx(200 * np.log(10.0), abs=2)


def test_merge_close_labels() -> None:
    rows = recorder.merge(
        [
            Label(1.0030, 1.02, CAVITATION, "pop", 30.0, 2),
            Label(1.0, 1.01, CAVITATION, "pop", 20.0, 1),
            Label(1.0081, 1.03, OTHER, "tap", 9.0),
        ]
    )
    assert [(row.start_s, row.label) for row in rows] == [(1.0, CAVITATION), (1.0081, OTHER)]
    assert rows[0].end_s == 1.0081
    assert rows[0].cavity == 2


def test_merge_empty() -> None:
    assert recorder.merge([]) == ()


def test_loudness() -> None:
    sharp = np.concatenate([np.full(480, 0.5), np.full(4800, 0.1)])
    assert recorder.loudness(sharp, 48000) == pytest.approx(0.5)
    swell = np.concatenate([np.full(480, 0.001), np.full(4800, 0.8)])
    assert recorder.loudness(swell, 48000) == pytest.approx(0.2)
