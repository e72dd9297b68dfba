"""Measures of generated sounds."""

from __future__ import annotations

import numpy as np

from popclass.synthesis.waves import Regime

RATES = (44100, 48000, 88200, 96000)
WHOLE = Regime()


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest normalized cross-correlation."""
    size = 2 * max(len(a), len(b))
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return float(np.max(np.abs(cross)) / (np.linalg.norm(a) * np.linalg.norm(b)))


def fall_s(wave: np.ndarray, rate: int) -> float:
    """Return the seconds from the strongest half millisecond to the last one above -20 dB."""
    width = max(1, int(0.0005 * rate))
    power = np.convolve(wave**2, np.ones(width) / width, "same")
    above = np.flatnonzero(power > 0.01 * power.max())
    return float(above[-1] - int(power.argmax())) / rate


def spectrum(wave: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    power = np.abs(np.fft.rfft(wave, 1 << 15)) ** 2
    return np.fft.rfftfreq(1 << 15, 1.0 / rate), power
