"""Samples as a pipe carries them: raw PCM, and WAV whose header was written before its length was known.

A recorder that writes WAV into a pipe cannot come back to fill in the length: ffmpeg leaves 0xFFFFFFFF, arecord about
2 GiB, others 0. Such a length means: to the end of the stream.

Whether raw samples can be what they are said to be.

Nothing in raw samples tells their encoding, and the bytes of one read as another are not silence but noise, in which
sounds would be found. Two things give it away: floats with values that no sound has, and noise at full scale without a
quiet moment, since the lowest byte of a sample, read as the highest, is as good as random. Where a recording is so
quiet that its lowest bytes are small numbers, the second does not show. A recording that begins with its own header is
none of raw samples.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.audio.recording import MAX_RATE, MIN_RATE
from popclass.errors import AudioError

Samples = NDArray[np.float32]

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_WIDTHS = {"u8": 1, "s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4, "f64le": 8, "mulaw": 1, "alaw": 1}
ENCODINGS = tuple(_WIDTHS)
_TAGS = {
    **{(_PCM, 8): "u8", (_PCM, 16): "s16le", (_PCM, 24): "s24le", (_PCM, 32): "s32le"},
    **{(_FLOAT, 32): "f32le", (_FLOAT, 64): "f64le", (_MULAW, 8): "mulaw", (_ALAW, 8): "alaw"},
}
_ENDLESS = 0x7FFF0000  # no recorder promises that much and means it in a pipe


@dataclass(frozen=True, slots=True)
class Layout:
    """How the bytes of a stream are to be read.

    Attributes
    ----------
    rate, channels : int
    encoding : str
        One of `ENCODINGS`.
    length : int or None
        Bytes of samples that are promised; None where the stream goes on to its end.
    """

    rate: int
    channels: int
    encoding: str
    length: int | None = None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return _WIDTHS[self.encoding] * self.channels

    def decode(self, data: bytes) -> Samples:
        """Return the samples of whole frames, shape (n, channels), full scale 1."""
        with np.errstate(over="ignore", invalid="ignore"):  # floats beyond float32 become infinite, which is said
            return _DECODERS[self.encoding](data).astype(np.float32).reshape(-1, self.channels)


def wav_layout(read: Callable[[int], bytes]) -> Layout | None:
    """Read the header of a WAV stream up to its first sample; None where the stream has ended.

    Parameters
    ----------
    read : callable
        Gives exactly so many bytes, fewer only at the end of the stream.

    Raises
    ------
    AudioError
        Where it is no WAV that can be read.
    """
    head = read(12)
    if not head:
        return None
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        raise AudioError(
            "is no WAV stream: send WAV (ffmpeg: -f wav -), or raw samples with --rate, --channels and --encoding"
        )
    known: tuple[int, int, str] | None = None
    while len(chunk := read(8)) == 8:
        name, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if name == b"data":
            if known is None:
                raise AudioError("its WAV header lacks the format of the samples: send it again from the start")
            return Layout(*known, None if size == 0 or size >= _ENDLESS else size)
        content = read(size + size % 2)
        if name == b"fmt ":
            known = _format(content)
    raise AudioError("ends within its WAV header: is the recorder running?")


def _format(content: bytes) -> tuple[int, int, str]:
    if len(content) < 16:
        raise AudioError("has a damaged WAV header")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if tag == _EXTENSIBLE and len(content) >= 26:
        tag = struct.unpack("<H", content[24:26])[0]
    if (tag, bits) not in _TAGS:
        raise AudioError(f"holds samples of WAV format {tag} with {bits} bits: allowed are {', '.join(ENCODINGS)}")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(
            f"is sampled at {rate} Hz: allowed are {MIN_RATE}-{MAX_RATE} Hz; let the recorder take another rate"
        )
    return rate, channels, _TAGS[tag, bits]


def _whole(kind: str) -> Callable[[bytes], NDArray[Any]]:
    scale = float(2 ** (8 * np.dtype(kind).itemsize - 1))
    return lambda data: np.frombuffer(data, kind) / scale


def _three_bytes(data: bytes) -> NDArray[Any]:
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0] / 2.0**31


def _mulaw_table() -> NDArray[np.float64]:
    """ITU-T G.711, mu-law: sign, exponent and mantissa, inverted."""
    code = ~np.arange(256) & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -size, size) / 32768.0


def _alaw_table() -> NDArray[np.float64]:
    """ITU-T G.711, A-law: every other bit inverted."""
    code = np.arange(256) ^ 0x55
    exponent, mantissa = (code & 0x70) >> 4, (code & 0x0F) << 4
    size = np.where(exponent == 0, mantissa + 8, mantissa + 0x108 << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, size, -size) / 32768.0


_DECODERS: dict[str, Callable[[bytes], NDArray[Any]]] = {
    "u8": lambda data: (np.frombuffer(data, np.uint8) - 128.0) / 128.0,
    "s16le": _whole("<i2"),
    "s24le": _three_bytes,
    "s32le": _whole("<i4"),
    "f32le": lambda data: np.frombuffer(data, "<f4"),
    "f64le": lambda data: np.frombuffer(data, "<f8"),
    "mulaw": lambda data: _mulaw_table()[np.frombuffer(data, np.uint8)],
    "alaw": lambda data: _alaw_table()[np.frombuffer(data, np.uint8)],
}

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
