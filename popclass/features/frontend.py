"""Front end of the features: rates, windows, mel filterbank and DCT, stored in the model file.

`FrontEnd.build` computes them once, at training time, with librosa and scipy. A model therefore computes the same
features whatever versions are installed later, and without librosa.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.features.definitions import COEFFICIENTS, NAMES
from popclass.utils.arrays import pack, unpack

Array = NDArray[np.float64]

LOWEST_RATE, HIGHEST_RATE = 17_000, 192_000  # the octave up to 8 kHz must fit in; the highest rate of recordings
SMALLEST_WINDOW, SMALLEST_HOP = 64, 16
LONGEST_WINDOW_S = 0.023  # must fit before the onset, see `popclass.features.extract`
LONGEST_HOP_S = 0.020  # six of them and a window must fit after it


@dataclass(frozen=True)
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
    >>> FrontEnd.from_json(frontend.to_json()) == frontend
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
        return cls(rate, window, hop, _as_stored(mel), _as_stored(cosines), NAMES)

    def to_json(self) -> dict[str, Any]:
        """Return the front end as JSON values; arrays in base64, little-endian float32."""
        return {
            "rate": self.rate,
            "window": self.window,
            "hop": self.hop,
            "mel": pack(self.mel),
            "dct": pack(self.dct),
            "names": list(self.names),
        }

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
        unknown = set(names) - set(NAMES)
        if unknown:
            raise ValueError(f"the front end asks for features unknown to this version: {', '.join(sorted(unknown))}")
        if mel.ndim != 2 or (mel < 0).any() or (np.abs(dct) > 1).any():
            raise ValueError("the front end's filterbank must not be negative, and its transform within -1 to 1")
        if mel.shape[1] != window // 2 + 1 or dct.shape != (COEFFICIENTS, len(mel)):
            raise ValueError("the front end's filterbank and transform do not fit its window")
        return cls(rate, window, hop, mel, dct, names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrontEnd) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.rate, self.window, self.hop, self.names))


def import_librosa() -> Any:
    """Import librosa, for training and figures only; its first import after installation compiles for some 20 s."""
    if "NUMBA_CACHE_DIR" not in os.environ:  # librosa 0.11 cannot be imported where numba finds no cache
        os.environ["NUMBA_CACHE_DIR"] = os.path.join(tempfile.gettempdir(), "popclass-numba")
    import librosa

    return librosa


def _integer(values: dict[str, Any], key: str, low: int, high: int) -> int:
    value = values[key]
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{key} is {value!r:.40}; allowed are {low} to {high}")
    return value


def _as_stored(values: Any) -> Array:
    """Round to float32, the precision of the model file."""
    return np.asarray(values, np.float32).astype(np.float64)
