"""Lossy codecs of people's recordings: AAC, MP3, Opus and AMR, encoded and decoded by FFmpeg.

The delay of each encoder is removed to the sample: the containers of AAC, MP3 and Opus state it, that of AMR is fixed.
Bit rates are those of phones, browsers and voice messages: ASSUMPTION.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soxr

from popclass.synthesis.waves import Random, Signal, log_uniform

AMR_RATE, AMR_DELAY = 8000, 40  # the encoder looks ahead 5 ms (3GPP TS 26.090)
AMR_MODES = (4750, 5150, 5900, 6700, 7400, 7950, 10200, 12200)


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec of FFmpeg.

    Attributes
    ----------
    encoder, container, sample_format : str
        Names in FFmpeg.
    bit_rates : tuple of float
        Lowest and highest bit rate of one channel, in bit/s.
    rates : tuple of int
        Sample rates it knows; empty for any.
    options : dict
        Values of each encoder option, one of which is drawn.
    """

    encoder: str
    container: str
    sample_format: str
    bit_rates: tuple[float, float]
    rates: tuple[int, ...] = ()
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)


CODECS = {
    "mp3": Codec(
        *("libmp3lame", "mp3", "fltp", (64_000, 192_000)),
        rates=(8000, 16000, 22050, 24000, 32000, 44100, 48000),
        options={"compression_level": ("7",)},  # LAME's faster half
    ),
    "aac": Codec(
        *("aac", "mp4", "fltp", (32_000, 192_000)),
        options={"aac_coder": ("fast", "fast", "twoloop"), "aac_tns": ("0", "1"), "aac_pns": ("0", "1")},
    ),
    "opus": Codec(
        *("libopus", "ogg", "flt", (16_000, 96_000)),
        rates=(8000, 16000, 24000, 48000),
        options={"compression_level": ("0",), "application": ("audio", "voip")},
    ),
    "amr": Codec("libopencore_amrnb", "amr", "s16", (AMR_MODES[0], AMR_MODES[-1]), rates=(AMR_RATE,)),
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """Settings of an encoder: the codec, the bit rate of a channel in bit/s, and options of FFmpeg."""

    codec: Codec
    bit_rate: int
    options: dict[str, str]


def draw_encoding(rng: Random, name: str, rate: int) -> Encoding:
    """Return a random encoding by a codec of `CODECS` that its encoder accepts at this sample rate."""
    codec = CODECS[name]
    bit_rate = log_uniform(rng, *codec.bit_rates)
    options = {option: values[int(rng.integers(len(values)))] for option, values in codec.options.items()}
    if name == "aac":
        bit_rate = min(bit_rate, 6 * rate)  # a frame of 1024 samples has at most 6144 bits
    if name == "amr":
        bit_rate = min(AMR_MODES, key=lambda mode: abs(mode - bit_rate))
    return Encoding(codec, int(bit_rate), options)


def code(signal: Signal, rate: int, encoding: Encoding) -> Signal:
    """Return the signal encoded and decoded, at the same times and of the same length.

    Parameters
    ----------
    signal : ndarray of float32, shape (n,) or (n, channels)
        Each channel is encoded on its own.
    rate : int
    encoding : Encoding
    """
    if signal.ndim == 2:
        return np.stack([code(channel, rate, encoding) for channel in signal.T], axis=1)
    coded = _decode(_encode(signal, rate, encoding), rate)
    if encoding.codec.encoder == CODECS["amr"].encoder:
        coded = coded[AMR_DELAY:]
    return np.pad(coded[: len(signal)], (0, max(0, len(signal) - len(coded))))


def _encode(signal: Signal, rate: int, encoding: Encoding) -> io.BytesIO:
    import av

    codec, memory = encoding.codec, io.BytesIO()
    samples = np.ascontiguousarray(signal[np.newaxis], np.float32)
    if codec.sample_format == "s16":
        samples = np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)
    with av.open(memory, "w", format=codec.container) as container:
        stream: Any = container.add_stream(codec.encoder, rate=rate, options=encoding.options, layout="mono")
        stream.bit_rate = encoding.bit_rate
        frame = av.AudioFrame.from_ndarray(samples, format=codec.sample_format, layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    memory.seek(0)
    return memory


def _decode(memory: io.BytesIO, rate: int) -> Signal:
    """Return the samples at the rate of the signal; FFmpeg decodes Opus at 48 kHz."""
    import av

    with av.open(memory, "r") as container:
        decoded = container.streams.audio[0].rate
        # Not `to_ndarray`, which takes as long as the decoder.
        planes: list[tuple[Any, int]] = [(each.planes[0], each.samples) for each in container.decode(audio=0)]
        samples = np.concatenate([np.frombuffer(plane, np.float32, count) for plane, count in planes])
    return samples if decoded == rate else np.asarray(soxr.resample(samples, decoded, rate, quality="HQ"))
