"""Good recordings of one second in every container, made once a process; the bad ones are made from them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

import numpy as np

RATE = 48_000


@dataclass(frozen=True, slots=True)
class Container:
    """A container, how it is written, and what can be known of a recording in it.

    Attributes
    ----------
    name, ending : str
    writer : tuple of str
        `("sf", format, subtype)` of soundfile or `("av", format, codec)` of FFmpeg.
    header : int
        About how many bytes come before the sound; the middle of these is in the header.
    declares_length : bool
        Whether a missing part can be noticed: by a length that is written down, or by a packet that is not whole.
    checks : bool
        Whether it has checksums of the sound, so that a damaged byte can be noticed.
    tail : bool
        Whether its last byte belongs to the sound or to something without which the sound cannot be read.
    states_delay : bool
        False if a warning says that the delay of the encoder is unknown.
    rate : int
    """

    name: str
    ending: str
    writer: tuple[str, str, str]
    header: int = 44
    declares_length: bool = True
    checks: bool = False
    tail: bool = True
    states_delay: bool = True
    rate: int = RATE


CONTAINERS = (
    Container("wav", ".wav", ("sf", "WAV", "PCM_16")),
    Container("wav-24-bit", ".wave", ("sf", "WAVEX", "PCM_24"), 80),
    Container("wav-float", ".wav", ("sf", "WAV", "FLOAT"), 80),
    Container("rf64", ".rf64", ("sf", "RF64", "PCM_16"), 104),
    Container("w64", ".w64", ("sf", "W64", "PCM_16"), 104),
    Container("aiff", ".aiff", ("sf", "AIFF", "PCM_16"), 54),
    Container("caf", ".caf", ("sf", "CAF", "PCM_16"), 68),
    Container("au", ".au", ("sf", "AU", "PCM_16"), 24),
    Container("flac", ".flac", ("sf", "FLAC", "PCM_16"), 86, checks=True),
    Container("vorbis", ".ogg", ("sf", "OGG", "VORBIS"), 3000, checks=True),
    Container("opus", ".opus", ("sf", "OGG", "OPUS"), 160, checks=True),
    Container("flac-in-ogg", ".oga", ("av", "ogg", "flac"), 200, checks=True),
    Container("mp3", ".mp3", ("sf", "MP3", "MPEG_LAYER_III"), 200),
    Container("m4a", ".m4a", ("av", "ipod", "aac"), 40),
    Container("alac", ".m4a", ("av", "ipod", "alac"), 40),
    Container("mp4", ".mp4", ("av", "mp4", "aac"), 40),
    Container("mov", ".mov", ("av", "mov", "pcm_s16le"), 40),
    Container("3gp", ".3gp", ("av", "3gp", "libopencore_amrnb"), 40, rate=8000),
    Container("webm", ".webm", ("av", "webm", "libopus"), 300, tail=False),
    Container("matroska", ".mka", ("av", "matroska", "aac"), 300, tail=False),
    Container("wma", ".wma", ("av", "asf", "wmav2"), 500, tail=False, states_delay=False),
    Container("aac", ".aac", ("av", "adts", "aac"), 7),
    Container("amr", ".amr", ("av", "amr", "libopencore_amrnb"), 6, rate=8000),
    Container("ac3", ".ac3", ("av", "ac3", "ac3"), 8, declares_length=False, tail=False, states_delay=False),
)
BY_NAME = {container.name: container for container in CONTAINERS}


def samples(rate: int = RATE, seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    """Noise with a sharp click in its middle, float64 of shape (n,) or (n, channels)."""
    rng = np.random.default_rng(0)
    count = round(rate * seconds)
    sound = rng.normal(0, 0.003, (count, channels))
    length = min(rate // 50, count - count // 2)
    fall = np.exp(-np.arange(length) / (rate * 0.001))
    sound[count // 2 : count // 2 + length] += (0.5 * rng.uniform(-1, 1, length) * fall)[:, np.newaxis]
    return sound[:, 0] if channels == 1 else sound


@cache
def good(name: str) -> bytes:
    """The bytes of a good recording in a container."""
    container = BY_NAME[name]
    library, form, codec = container.writer
    sound = samples(container.rate)
    return (
        written(sound, container.rate, form, codec) if library == "sf" else encoded(sound, container.rate, form, codec)
    )


def written(sound: np.ndarray, rate: int, form: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """A recording as libsndfile writes it."""
    import soundfile as sf

    file = io.BytesIO()
    sf.write(file, sound, rate, format=form, subtype=subtype)
    return file.getvalue()


def encoded(
    sound: np.ndarray, rate: int, form: str, codec: str, *, options: dict[str, str] | None = None, layout: str = "mono"
) -> bytes:
    """A recording as FFmpeg writes it."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=form, options={"fflags": "+bitexact", **(options or {})}) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if codec == "wmav2":
            stream.bit_rate = 64_000  # it has no default
        planes = np.ascontiguousarray(np.atleast_2d(sound.T).astype(np.float32))
        for start in range(0, planes.shape[1], 1024):
            piece = np.ascontiguousarray(planes[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def video(form: str = "mp4", *, options: dict[str, str] | None = None) -> bytes:
    """Ten pictures and no sound."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=form, options={"fflags": "+bitexact", **(options or {})}) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return file.getvalue()
