"""Spectra of short sounds: power, background subtraction, MFCC and spectral shape.

Powers are of Hann-windowed frames. The frame before the onset is taken for the background and subtracted (never below a
hundredth of the power), so that hum or rumble under a click does not move its spectrum.
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
ROLLOFF = 0.85


def frames(signal: Array, frontend: FrontEnd) -> Array:
    """Return overlapping frames without padding, shape (..., frames, window)."""
    return np.lib.stride_tricks.sliding_window_view(signal, frontend.window, axis=-1)[..., :: frontend.hop, :]


def power(framed: Array, frontend: FrontEnd) -> Array:
    """Return the power spectra of frames, shape (..., window // 2 + 1); periodic Hann, unscaled, as librosa's."""
    spectrum = np.fft.rfft(framed * _hann(frontend.window), axis=-1)
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


@cache
def _hann(size: int) -> Array:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))


def mfcc(powers: Array, frontend: FrontEnd) -> Array:
    """Return mel-frequency cepstral coefficients.

    Parameters
    ----------
    powers : ndarray, shape (..., frames, window // 2 + 1)
    frontend : FrontEnd

    Returns
    -------
    ndarray, shape (..., frames, coefficients)
        The same as `librosa.feature.mfcc(y, sr=rate, n_fft=window, hop_length=hop, center=False, ...)` with the same
        bands: log mel power, limited to 80 dB below the loudest frame, then the orthonormal DCT.
    """
    levels = 10 * np.log10(np.maximum(powers @ frontend.mel.T, SMALLEST_POWER))
    loudest = levels.max(axis=(-2, -1), keepdims=True)
    return np.asarray(np.maximum(levels, loudest - DYNAMIC_RANGE) @ frontend.dct.T)


def less_background(powers: Array, background: Array) -> Array:
    """Return powers less those of the background, but at least a hundredth of them."""
    return np.maximum(powers - background, SUBTRACTION_LIMIT * powers)


def shape(powers: Array, frontend: FrontEnd) -> dict[str, Array]:
    """Return the spectral shape: centroid, bandwidth, rolloff, flatness, dominant, prominence, bands.

    Parameters
    ----------
    powers : ndarray, shape (events, window // 2 + 1)
    frontend : FrontEnd
    """
    hertz = np.arange(powers.shape[1]) * (frontend.rate / frontend.window)
    powers = powers + 1e-30
    total = powers.sum(axis=1)
    centroid = weighted(powers, hertz) / total
    variance = np.maximum(weighted(powers, hertz**2) / total - centroid**2, 0)
    running = np.cumsum(powers, axis=1)
    rolloff = hertz[(running < ROLLOFF * total[:, None]).sum(axis=1).clip(max=powers.shape[1] - 1)]
    dominant, largest = _dominant(powers, hertz[1])
    mean = powers.mean(axis=1)
    return {
        "centroid": octaves(centroid),
        "bandwidth": octaves(np.sqrt(variance)),
        "rolloff": octaves(rolloff),
        "flatness": decibels(np.exp(np.log(powers).mean(axis=1)) / mean),
        "dominant": octaves(dominant),
        "prominence": decibels(largest / mean),
        "bands": band_shares(powers, total[:, None], hertz, OCTAVES),
    }


def band_shares(powers: Array, total: Array, hertz: NDArray[np.floating[Any]], edges: tuple[float, ...]) -> Array:
    """Return the share of each frequency band in the total, in dB; the last band has no upper edge."""
    return decibels(np.add.reduceat(powers, np.searchsorted(hertz, (0.0, *edges)), axis=1) / total)


def _dominant(powers: Array, spacing: float) -> tuple[Array, Array]:
    """Return frequency and power of the largest peak; a parabola through the logarithms refines the frequency."""
    rows = np.arange(len(powers))
    best = np.argmax(powers[:, 1:-1], axis=1) + 1
    below, at, above = (np.log(powers[rows, best + shift]) for shift in (-1, 0, 1))
    curve = below - 2 * at + above
    offset = np.where(curve < -1e-9, 0.5 * (below - above) / np.where(curve < -1e-9, curve, -1.0), 0.0)
    return (best + offset.clip(-0.5, 0.5)) * spacing, powers[rows, best]


def weighted(rows: Array, weights: NDArray[np.floating[Any]]) -> Array:
    """Return the weighted sum of each row.

    Not a matrix product: the result of a row must not depend, to the last bit, on the number of rows.
    """
    return np.asarray(np.einsum("nk,k->n", rows, weights))


def decibels(ratio: Array) -> NDArray[np.float64]:
    """Return ten times the decimal logarithm of an energy ratio; zero becomes -300."""
    return np.asarray(10 * np.log10(np.maximum(ratio, 1e-30)))


def octaves(values: Array | NDArray[np.floating[Any]]) -> Array:
    """Return the binary logarithm of hertz or milliseconds, limited at 0.001."""
    return np.asarray(np.log2(np.maximum(values, 1e-3)))
