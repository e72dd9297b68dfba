"""Front end of the features: rates, windows, mel filterbank and DCT, stored in the model file, and the MFCC.

`FrontEnd.build` computes them once, at training time, with librosa and scipy. A model therefore computes the same
features whatever versions are installed later, and without librosa. Powers are of Hann-windowed frames.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import require
from popclass.features.definitions import COEFFICIENTS, NAMES
from popclass.utils.arrays import pack, unpack

Array = NDArray[np.float64]

LOWEST_RATE, HIGHEST_RATE = 17_000, 192_000  # the octave up to 8 kHz must fit in; the highest rate of recordings
SMALLEST_WINDOW, SMALLEST_HOP = 64, 16
LONGEST_WINDOW_S = 0.023  # must fit before the onset, see `popclass.features.extract`
LONGEST_HOP_S = 0.020  # six of them and a window must fit after it
SMALLEST_POWER = 1e-10  # librosa's amin
DYNAMIC_RANGE = 80.0  # dB, librosa's top_db


@dataclass(frozen=True, eq=False)
class FrontEnd:
    """All numbers that define the features of a sound.

    Attributes
    ----------
    rate : int
        Analysis rate in hertz, to which clips are resampled.
    window : int
        Samples in a spectral frame (Hann window and FFT).
    hop : int
        Samples between frames.
    mel : ndarray, shape (bands, window // 2 + 1)
        Mel filterbank (librosa's, Slaney scale and norm).
    dct : ndarray, shape (coefficients, bands)
        Orthonormal DCT-II.
    names : tuple of str
        Names of the features, in the order of the columns.

    Examples
    --------
    >>> frontend = FrontEnd.build()                                   # imports librosa
    >>> FrontEnd.from_json(frontend.to_json()).to_json() == frontend.to_json()
    True
    """

    rate: int
    window: int
    hop: int
    mel: Array
    dct: Array
    names: tuple[str, ...]

    @classmethod
    def build(cls, *, rate: int = 24000, window: int = 512, hop: int = 128, bands: int = 32) -> FrontEnd:
        """Return the front end of this version of popclass; needs librosa.

        24 kHz keeps the content of pops recorded through air (up to about 10 kHz) and is within what nearly every
        recorder delivers; 512 samples (21 ms) resolve the low peaks of contact sensors.
        """
        from scipy.fft import dct

        librosa = import_librosa()
        mel = librosa.filters.mel(sr=rate, n_fft=window, n_mels=bands, fmin=50.0, fmax=rate / 2)
        cosines = dct(np.eye(bands), axis=0, type=2, norm="ortho")[:COEFFICIENTS]
        mel, cosines = (np.asarray(each, np.float32).astype(np.float64) for each in (mel, cosines))  # as in the file
        return cls(rate, window, hop, mel, cosines, NAMES)

    def to_json(self) -> dict[str, Any]:
        """Return the front end as JSON values; arrays in base64, little-endian float32."""
        return {**vars(self), "mel": pack(self.mel), "dct": pack(self.dct), "names": list(self.names)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> FrontEnd:
        """Return the front end that `to_json` stored.

        Raises
        ------
        ValueError
            If this version cannot compute its features.
        """
        try:
            rate = _integer(values, "rate", LOWEST_RATE, HIGHEST_RATE)
            window = _integer(values, "window", SMALLEST_WINDOW, int(LONGEST_WINDOW_S * rate))
            hop = _integer(values, "hop", SMALLEST_HOP, min(int(LONGEST_HOP_S * rate), window))
            mel, dct, names = unpack(values["mel"]), unpack(values["dct"]), tuple(values["names"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"the front end is incomplete ({error})") from None
        unknown = ", ".join(sorted(set(names) - set(NAMES)))
        require(not unknown, f"the front end asks for features unknown to this version: {unknown}")
        fits = mel.ndim == 2 and mel.shape[1] == window // 2 + 1 and dct.shape == (COEFFICIENTS, len(mel))
        if not fits or (mel < 0).any() or (np.abs(dct) > 1).any():
            raise ValueError("the front end's filterbank (at least 0) and transform (-1 to 1) do not fit its window")
        return cls(rate, window, hop, mel, dct, names)


def import_librosa() -> Any:
    """Import librosa, for training and figures only; its first import after installation compiles for some 20 s."""
    if "NUMBA_CACHE_DIR" not in os.environ:  # librosa 0.11 cannot be imported where numba finds no cache
        os.environ["NUMBA_CACHE_DIR"] = os.path.join(tempfile.gettempdir(), "popclass-numba")
    import librosa

    return librosa


def _integer(values: dict[str, Any], key: str, low: int, high: int) -> int:
    value = values[key]
    fits = type(value) is int and low <= value <= high
    require(fits, f"{key} is {value!r:.40}; allowed are {low} to {high}")
    return int(value)


def frames(signal: Array, frontend: FrontEnd) -> Array:
    """Return overlapping frames without padding, shape (..., frames, window)."""
    return np.lib.stride_tricks.sliding_window_view(signal, frontend.window, axis=-1)[..., :: frontend.hop, :]


def power(framed: Array, frontend: FrontEnd) -> Array:
    """Return the power spectra of frames, shape (..., window // 2 + 1); periodic Hann, unscaled, as librosa's."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frontend.window) / frontend.window)
    spectrum = np.fft.rfft(framed * hann, axis=-1)
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


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
