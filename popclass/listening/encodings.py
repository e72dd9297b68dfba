"""Samples as a pipe carries them: raw PCM, and WAV whose header was written before its length was known.

A recorder that writes WAV into a pipe cannot come back to fill in the length: ffmpeg leaves 0xFFFFFFFF, arecord about
2 GiB, others 0. Such a length means: to the end of the stream.
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
        """Samples of whole frames, shape (n, channels), full scale 1."""
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
