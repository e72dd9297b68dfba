"""Whether raw samples can be what they are said to be.

Nothing in raw samples tells their encoding, and the bytes of one read as another are not silence but noise, in which
sounds would be found. Two things give it away: floats with values that no sound has, and noise at full scale without a
quiet moment, since the lowest byte of a sample, read as the highest, is as good as random. Where a recording is so
quiet that its lowest bytes are small numbers, the second does not show. A recording that begins with its own header is
none of raw samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from popclass.errors import AudioError
from popclass.listening.encodings import Layout

BEYOND = 1e4  # times full scale: 80 dB over it
NO_NUMBERS = 0.1  # share of a block
LOUD = 0.3  # rms from which a block is loud: -10 dB of full scale, as a sine at less than half of it
LOUD_S = 1.0  # without a block below that, from the beginning on
_MAGIC = {
    **{b"RIFF": "WAV", b"RF64": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg", b"FORM": "AIFF", b"caff": "CAF"},
    **{b"ID3": "MP3", b"\x1aE\xdf\xa3": "Matroska or webm", b".snd": "AU", b"wvpk": "WavPack"},
}
MAGIC_BYTES = 4


def refuse_header(first: bytes) -> None:
    """Refuse what begins with the header of a recording.

    Raises
    ------
    AudioError

    Examples
    --------
    >>> refuse_header(b"RIFF")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    popclass.errors.AudioError: begins with the header of a WAV file, so these are no raw samples: leave out --rate, ...
    """
    for magic, kind in _MAGIC.items():
        if first.startswith(magic):
            to_do = (
                "leave out --rate, --channels and --encoding, and the header is read"
                if kind == "WAV"
                else "use popclass classify -, or decode it before the pipe"
            )
            raise AudioError(f"begins with the header of a {kind} file, so these are no raw samples: {to_do}")


class Plausible:
    """Watches the raw samples of a stream go by.

    Parameters
    ----------
    layout : Layout
        What they are said to be.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._loud: int | None = 0  # samples so far without a quiet block; None once there was one

    def look(self, block: NDArray[np.float32]) -> str | None:
        """Look at the next samples; gives what is to be said of them, once.

        Raises
        ------
        AudioError
            Where they can be no sound.
        """
        whole = bool(np.isfinite(block).all())
        if self._layout.encoding.startswith("f"):
            self._refuse_impossible(block)
        if self._loud is None or not len(block) or not whole:
            return None
        self._loud = self._loud + len(block) if np.sqrt(np.square(block).mean()) >= LOUD else None
        if self._loud is None or self._loud < LOUD_S * self._layout.rate:
            return None
        self._loud = None
        return f"louder than -10 dB of full scale from the first sample on, without a pause: {self._question}"

    @property
    def _question(self) -> str:
        return f"is --encoding {self._layout.encoding} right?"

    def _refuse_impossible(self, block: NDArray[np.float32]) -> None:
        numbers = block[np.isfinite(block)]
        if numbers.size < (1 - NO_NUMBERS) * block.size:
            share = 1 - numbers.size / block.size
            raise AudioError(f"{share:.0%} of 10 ms of samples are no finite numbers: {self._question}")
        largest = float(np.abs(numbers).max(initial=0))
        if largest > BEYOND:
            raise AudioError(f"a sample is {largest:.1e} times full scale: {self._question}")
