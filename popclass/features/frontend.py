"""The frozen numbers that turn a sound into features: rates, windows, mel filterbank and DCT.

They are made once, at training time, by librosa and scipy (`FrontEnd.build`) and travel inside the model file, so that
a model hears tomorrow exactly what it was trained on, whatever is installed. Nothing here depends on librosa when a
model is used.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.features.definitions import COEFFICIENTS, FEATURES
from popclass.utils.arrays import pack, unpack

Array = NDArray[np.float64]
RATES = (16_000, 192_000)  # the bands of the features end at 8 kHz

LOWEST_RATE, HIGHEST_RATE = 17_000, 192_000  # the octave that ends at 8 kHz must fit in; what recordings may have
LONGEST_WINDOW_S = 0.023  # it must fit in front of the onset, see `popclass.features.extract`


@dataclass(frozen=True)
class FrontEnd:
    """Everything that fixes the features of a sound.

    Attributes
    ----------
    rate : int
        Analysis rate in hertz; clips are resampled to it.
    window : int
        Samples in a spectral frame (Hann window, as long as the transform).
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
        """The front end of this version of popclass (needs librosa).

        24 kHz keeps what the cracks recorded through air hold (up to about 10 kHz) and what nearly every recorder
        delivers; 512 samples (21 ms) resolve the low peaks of contact sensors.
        """
        from scipy.fft import dct

        librosa = import_librosa()
        mel = librosa.filters.mel(sr=rate, n_fft=window, n_mels=bands, fmin=50.0, fmax=rate / 2)
        cosines = dct(np.eye(bands), axis=0, type=2, norm="ortho")[:COEFFICIENTS]
        return cls(rate, window, hop, _single(mel), _single(cosines), tuple(each.name for each in FEATURES))

    def to_json(self) -> dict[str, Any]:
        """The front end as JSON values; arrays in base64, little-endian float32."""
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
        """The front end that `to_json` gave.

        Raises
        ------
        ValueError
            If the values are not a front end this version can compute.
        """
        try:
            frontend = cls(
                _within(values, "rate", *RATES),
                _within(values, "window", 64, int(0.023 * values["rate"])),  # fits before the onset
                _within(values, "hop", 16, int(0.02 * values["rate"])),  # six of them, and a window, after it
                unpack(values["mel"]),
                unpack(values["dct"]),
                tuple(values["names"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"the front end is incomplete ({error})") from None
        _check_windows(frontend)
        unknown = set(frontend.names) - {each.name for each in FEATURES}
        if unknown:
            raise ValueError(f"the front end asks for features unknown to this version: {', '.join(sorted(unknown))}")
        if frontend.mel.ndim != 2 or (frontend.mel < 0).any() or (np.abs(frontend.dct) > 1).any():
            raise ValueError("the front end's filterbank must not be negative, and its transform within -1 to 1")
        bands = frontend.mel.shape[0]
        if frontend.mel.shape != (bands, frontend.window // 2 + 1) or frontend.dct.shape != (COEFFICIENTS, bands):
            raise ValueError("the front end's filterbank and transform do not fit its window")
        return frontend

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrontEnd) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.rate, self.window, self.hop, self.names))


def _check_windows(frontend: FrontEnd) -> None:
    """Raise ValueError where sounds could not be described with such a rate and such windows."""
    rate, window, hop = frontend.rate, frontend.window, frontend.hop
    longest = int(LONGEST_WINDOW_S * rate)
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(f"an analysis rate of {rate} Hz; allowed are {LOWEST_RATE}-{HIGHEST_RATE} Hz")
    if not 4 <= window <= longest or not 1 <= hop <= window:
        raise ValueError(f"a window of {window} samples every {hop}; allowed are 4-{longest} every 1-{window}")


def import_librosa() -> Any:
    """librosa, which is for training and figures only; the first import after installation compiles for some 20 s."""
    if "NUMBA_CACHE_DIR" not in os.environ:  # librosa 0.11 cannot be imported where numba finds no cache
        os.environ["NUMBA_CACHE_DIR"] = os.path.join(tempfile.gettempdir(), "popclass-numba")
    import librosa

    return librosa


def _within(values: dict[str, Any], key: str, low: int, high: int) -> int:
    value = values[key]
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{key} is {value!r:.40}, allowed are {low} to {high}")
    return value


def _single(values: Any) -> Array:
    """Rounded to float32, which is what the model file keeps."""
    return np.asarray(values, np.float32).astype(np.float64)
