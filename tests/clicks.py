"""Noise with clicks, and the delay between two versions of it."""

from __future__ import annotations

import numpy as np

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
    size = 2 ** (2 * max(len(a), len(b))).bit_length()
    lag = int(np.argmax(np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)))
    return lag if lag < size // 2 else lag - size
