"""Spectra of short sounds: power, noise taken off, MFCC and what describes a spectrum's shape.

Powers are of Hann-windowed frames. What the frames before the onset hold is taken for the background and subtracted
(never below a hundredth of the power), so that hum or rumble under a click does not move its spectrum.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.features.definitions import OCTAVES
from popclass.features.frontend import Array, FrontEnd

SMALLEST_POWER = 1e-10  # librosa's amin
DYNAMIC_RANGE = 80.0  # dB, librosa's top_db
SUBTRACTION_LIMIT = 0.01


def frames(signal: Array, frontend: FrontEnd) -> Array:
    """Overlapping frames without padding, shape (..., frames, window)."""
    return np.lib.stride_tricks.sliding_window_view(signal, frontend.window, axis=-1)[..., :: frontend.hop, :]


def power(framed: Array, frontend: FrontEnd) -> Array:
    """Power spectra of frames, shape (..., window // 2 + 1); periodic Hann window, no scaling, as librosa's."""
    spectrum = np.fft.rfft(framed * _hann(frontend.window), axis=-1)
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


@cache
def _hann(size: int) -> Array:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))


def mfcc(powers: Array, frontend: FrontEnd) -> Array:
    """Mel-frequency cepstral coefficients.

    Parameters
    ----------
    powers : ndarray, shape (..., frames, window // 2 + 1)
    frontend : FrontEnd

    Returns
    -------
    ndarray, shape (..., frames, coefficients)
        What `librosa.feature.mfcc(y, sr=rate, n_fft=window, hop_length=hop, center=False, ...)` gives with the same
        bands: log mel power, cut 80 dB below the loudest of the frames, then the orthonormal DCT.
    """
    levels = 10 * np.log10(np.maximum(powers @ frontend.mel.T, SMALLEST_POWER))
    loudest = levels.max(axis=(-2, -1), keepdims=True)
    return np.asarray(np.maximum(levels, loudest - DYNAMIC_RANGE) @ frontend.dct.T)


def less_background(powers: Array, background: Array) -> Array:
    """Powers with the background's taken off, never below a hundredth of what was there."""
    return np.maximum(powers - background, SUBTRACTION_LIMIT * powers)


def shape(powers: Array, frontend: FrontEnd) -> dict[str, Array]:
    """Where in frequency the energy lies: centroid, bandwidth, rolloff, flatness, dominant, prominence, bands.

    Parameters
    ----------
    powers : ndarray, shape (events, window // 2 + 1)
    """
    hertz = np.arange(powers.shape[1]) * (frontend.rate / frontend.window)
    powers = powers + 1e-30
    total = powers.sum(axis=1)
    centroid = weighted(powers, hertz) / total
    variance = np.maximum(weighted(powers, hertz**2) / total - centroid**2, 0)
    running = np.cumsum(powers, axis=1)
    rolloff = hertz[(running < 0.85 * total[:, None]).sum(axis=1).clip(max=powers.shape[1] - 1)]
    flatness = np.exp(np.log(powers).mean(axis=1)) / powers.mean(axis=1)
    dominant, largest = _dominant(powers, hertz[1])
    edges = np.searchsorted(hertz, (0.0, *OCTAVES))
    shares = np.add.reduceat(powers, edges, axis=1) / total[:, None]
    return {
        "centroid": _octaves(centroid),
        "bandwidth": _octaves(np.sqrt(variance)),
        "rolloff": _octaves(rolloff),
        "flatness": decibels(flatness),
        "dominant": _octaves(dominant),
        "prominence": decibels(largest / powers.mean(axis=1)),
        "bands": decibels(shares),
    }


def _dominant(powers: Array, spacing: float) -> tuple[Array, Array]:
    """Frequency and power of the largest peak, refined by a parabola through the logarithms."""
    rows = np.arange(len(powers))
    best = np.argmax(powers[:, 1:-1], axis=1) + 1
    below, at, above = (np.log(powers[rows, best + shift]) for shift in (-1, 0, 1))
    curve = below - 2 * at + above
    offset = np.where(curve < -1e-9, 0.5 * (below - above) / np.where(curve < -1e-9, curve, -1.0), 0.0)
    return (best + offset.clip(-0.5, 0.5)) * spacing, powers[rows, best]


def weighted(rows: Array, weights: NDArray[np.floating[Any]]) -> Array:
    """Sum of each row times the weights.

    Not a matrix product: a row's result must not depend, to the last bit, on how many rows came with it.
    """
    return np.asarray(np.einsum("nk,k->n", rows, weights))


def decibels(ratio: Array) -> NDArray[np.float64]:
    """Ten times the decimal logarithm of an energy ratio; zero becomes -300."""
    return np.asarray(10 * np.log10(np.maximum(ratio, 1e-30)))


def _octaves(hertz: Array) -> Array:
    return np.asarray(np.log2(np.maximum(hertz, 1e-3)))
