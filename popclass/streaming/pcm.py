"""PCM samples in a pipe: headers of WAV streams, decoding, and a check of the encoding of raw samples.

A recorder that writes WAV into a pipe cannot go back to fill in the length: ffmpeg leaves 0xFFFFFFFF, arecord about
2 GiB, others 0. Such a length means: to the end of the stream.

Raw samples do not contain their encoding, and decoding with a wrong one yields noise, in which events would be
detected. Two signs reveal it: floats that no sound has, and noise at full scale without a pause, since the lowest byte
of a sample, read as the highest, is nearly random. In a very quiet recording, whose lowest bytes are small numbers, the
second sign is absent.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import soundfile
from numpy.typing import NDArray

from popclass.audio.header import parse_wav_format
from popclass.audio.recording import MAX_RATE, MIN_RATE
from popclass.errors import AudioError

Samples = NDArray[np.float32]

_PCM, _FLOAT, _ALAW, _MULAW = 1, 3, 6, 7
# bytes of a sample, its format code in WAV, and the name in libsndfile
_FORMATS = {
    **{"u8": (1, _PCM, "PCM_U8"), "s16le": (2, _PCM, "PCM_16"), "s24le": (3, _PCM, "PCM_24")},
    **{"s32le": (4, _PCM, "PCM_32"), "f32le": (4, _FLOAT, "FLOAT"), "f64le": (8, _FLOAT, "DOUBLE")},
    **{"mulaw": (1, _MULAW, "ULAW"), "alaw": (1, _ALAW, "ALAW")},
}
ENCODINGS = tuple(_FORMATS)
_BY_CODE = {(code, 8 * size): encoding for encoding, (size, code, _) in _FORMATS.items()}
_UNKNOWN_LENGTH = 0x7FFF0000  # from here on a declared length means "unknown"

MAX_FLOAT = 1e4  # times full scale: 80 dB over it
MAX_NOT_FINITE = 0.1  # share of a block
LOUD_RMS = 0.3  # -10 dB of full scale, as a sine of less than half of it
LOUD_S = 1.0  # without a quieter block, from the start of the stream
MAGIC_BYTES = 4
_MAGIC = {
    **{b"RIFF": "WAV", b"RF64": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg", b"FORM": "AIFF", b"caff": "CAF"},
    **{b"ID3": "MP3", b"\x1aE\xdf\xa3": "Matroska or webm", b".snd": "AU", b"wvpk": "WavPack"},
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Sample rate, channels and encoding of the bytes in a stream.

    Attributes
    ----------
    rate, channels : int
    encoding : str
        One of `ENCODINGS`.
    length : int or None
        Declared number of bytes of samples; None if they last until the end of the stream.
    """

    rate: int
    channels: int
    encoding: str
    length: int | None = None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return _FORMATS[self.encoding][0] * self.channels

    def decode(self, data: bytes) -> Samples:
        """Return the samples of whole frames, shape (n, channels), full scale 1."""
        options = {"format": "RAW", "subtype": _FORMATS[self.encoding][2], "endian": "LITTLE"}
        file = soundfile.SoundFile(io.BytesIO(data), samplerate=self.rate, channels=self.channels, **options)
        return np.asarray(file.read(dtype="float32", always_2d=True))


def wav_layout(read: Callable[[int], bytes]) -> Layout | None:
    """Read the header of a WAV stream up to its first sample; return None at the end of the stream.

    Parameters
    ----------
    read : callable
        Returns the given number of bytes, fewer only at the end of the stream.

    Raises
    ------
    AudioError
        If it is not a WAV stream, or has another format.
    """
    head = read(12)
    if not head:
        return None
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        raise AudioError("is not WAV: send WAV (ffmpeg: -f wav -), or raw samples with --rate, --channels, --encoding")
    layout: Layout | None = None
    while len(chunk := read(8)) == 8:
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data":
            if layout is None:
                raise AudioError("its WAV header lacks the format of the samples: start the recorder again")
            return layout if size == 0 or size >= _UNKNOWN_LENGTH else replace(layout, length=size)
        content = read(size + size % 2)
        if name == b"fmt ":
            layout = _parse_format(content)
    raise AudioError("ends within its WAV header: is the recorder running?")


def _parse_format(content: bytes) -> Layout:
    if len(content) < 16:
        raise AudioError("has a damaged WAV header")
    parsed = parse_wav_format(content)
    encoding = _BY_CODE.get((parsed.code, parsed.bits))
    if encoding is None:
        raise AudioError(f"has WAV format {parsed.code} with {parsed.bits} bits: allowed are {', '.join(ENCODINGS)}")
    if not MIN_RATE <= parsed.rate <= MAX_RATE:
        raise AudioError(f"has a sample rate of {parsed.rate} Hz: set one of {MIN_RATE}-{MAX_RATE} Hz in the recorder")
    return Layout(parsed.rate, parsed.channels, encoding)


def reject_header(first: bytes) -> None:
    """Raise AudioError if the first bytes of raw samples are the header of an audio file.

    Examples
    --------
    >>> reject_header(b"RIFF")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    popclass.errors.AudioError: begins with the header of a WAV file, so these are not raw samples: for WAV ...
    """
    kind = next((kind for magic, kind in _MAGIC.items() if first.startswith(magic)), None)
    if kind is not None:
        raise AudioError(
            f"begins with the header of a {kind} file, so these are not raw samples: for WAV leave out --rate, "
            "--channels and --encoding; decode another format before the pipe, or use popclass classify -"
        )


class EncodingCheck:
    """Check of the raw samples of a stream for a wrong encoding.

    Parameters
    ----------
    layout : Layout
        As given by the user.
    """

    def __init__(self, layout: Layout) -> None:
        self._rate = layout.rate
        self._question = f"is --encoding {layout.encoding} right?"
        self._loud: int | None = 0  # samples so far without a quiet block; None after the first one

    def check(self, block: Samples) -> str | None:
        """Check the next samples, at least one; return a warning if they look like noise, once.

        Raises
        ------
        AudioError
            If they cannot be sound.
        """
        finite = block[np.isfinite(block)]
        if finite.size < (1 - MAX_NOT_FINITE) * block.size:
            share = 1 - finite.size / block.size
            raise AudioError(f"{share:.0%} of the samples in 10 ms are not finite: {self._question}")
        largest = float(np.abs(finite).max(initial=0))
        if largest > MAX_FLOAT:
            raise AudioError(f"a sample is {largest:.1e} times full scale: {self._question}")
        if self._loud is None or finite.size < block.size:
            return None
        self._loud = self._loud + len(block) if np.sqrt(np.square(block).mean()) >= LOUD_RMS else None
        if self._loud is None or self._loud < LOUD_S * self._rate:
            return None
        self._loud = None
        return f"louder than -10 dB of full scale from the first sample on, without a pause: {self._question}"
