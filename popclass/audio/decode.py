"""Decoders: soundfile for what libsndfile reads, PyAV for the rest, an array for what is in memory already.

A decoder has a sample rate, a number of channels, the number of frames where that is known beforehand, and
`read(frames)`, which returns float32 of shape (n, channels): exactly `frames` rows until the end, then what is left,
then nothing. Sample n of what it returns is sample n of the recording: the priming of AAC and MP3 is taken off by the
container's own count. A raw AAC stream (ADTS, `.aac`) has no such count and comes 1,024 samples (21 ms at 48 kHz) late;
AAC in a container may end with up to a packet (1,024 samples) of padding.

`LibsndfileError`, PyAV's errors and `ValueError` never leave this module: it raises `AudioError`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soundfile as sf

from popclass.errors import AudioError

Block = npt.NDArray[np.float32]

READABLE = "WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF, m4a, 3gp, webm"

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,amr,amrnb,amrwb,asf,asf_o,avi,flv,mpegts,mpeg,ac3,eac3,"
    "caf,wav,w64,aiff,au,ogg,flac,mp3,ape,wv,tta,dsf"
)
"""What PyAV may take a file for. Left out on purpose: playlists, which would open other files or addresses."""

TIMED_CONTAINERS = ("mov", "matroska", "asf")
"""Containers whose duration is written down and not estimated from a bit rate."""

DURATION_TOLERANCE_S = 0.25
"""How far a container's duration may differ from the sound: priming, padding and rounding to milliseconds."""

_UNKNOWN_FRAMES = 1 << 62
_RAILS = {"PCM_U8": 127 / 128, "PCM_S8": 127 / 128, "ULAW": 32124 / 32768, "ALAW": 32256 / 32768}
_RAIL_16_BIT = 32767 / 32768


class Decoder(Protocol):
    """What a recording needs of a decoder.

    Attributes
    ----------
    frames : int or None
        Number of frames the file promises, where it does; a guess for some MP3.
    rail : float
        Largest value the encoding can hold; a sample there may have been clipped.
    unbounded : bool
        Whether samples beyond full scale are possible and mean what they say (float files).
    tags : dict of str to str
        Metadata, names in lower case.
    """

    sample_rate: int
    channels: int
    frames: int | None
    rail: float
    unbounded: bool
    tags: dict[str, str]

    def read(self, frames: int) -> Block:
        """The next `frames` frames, fewer at the end, none after it."""

    def missing(self, frames_read: int) -> float | None:
        """Seconds of sound the file promised beyond `frames_read`; None where it kept its word."""

    def position(self) -> int:
        """How far decoding came, in frames."""

    def close(self) -> None:
        """Let go of the file."""


class SoundFileDecoder:
    """Whatever libsndfile reads."""

    def __init__(self, path: str) -> None:
        file = os.fsencode(path) if os.name == "posix" else path
        try:
            self._file = sf.SoundFile(file)
        except TypeError as error:  # soundfile takes `.raw` for headerless samples and asks for their format
            raise AudioError(str(error)) from error
        except sf.LibsndfileError as error:
            raise AudioError(_reason(error)) from error
        if self._file.format == "RAW":  # by the ending of its name alone: `.au` and `.snd` may have no header
            self._file.close()
            raise AudioError("there is no header in it")
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int | None = self._file.frames if self._file.frames < _UNKNOWN_FRAMES else None
        # Of an MP3 without a table of contents libsndfile only guesses the length.
        self._length_known = self.frames is not None and self._file.format != "MP3"
        self.rail = _RAILS.get(self._file.subtype, _RAIL_16_BIT)
        self.unbounded = self._file.subtype in ("FLOAT", "DOUBLE")
        self.tags: dict[str, str] = self._file.copy_metadata()

    def read(self, frames: int) -> Block:
        try:
            block: Block = self._file.read(frames, dtype="float32", always_2d=True)
        except sf.LibsndfileError as error:
            raise AudioError(_reason(error)) from error
        except (ValueError, AssertionError) as error:  # soundfile, where libsndfile lost its place
            raise AudioError("the data is damaged") from error
        return block

    def missing(self, frames_read: int) -> float | None:
        if not self._length_known or frames_read >= self._file.frames:
            return None
        return float(self._file.frames - frames_read) / self.sample_rate

    def position(self) -> int:
        return max(int(self._file.tell()), 0)  # -1 where it lost its place

    def close(self) -> None:
        self._file.close()


def _reason(error: sf.LibsndfileError) -> str:
    """What libsndfile says, as part of a sentence."""
    reason = str(error.error_string).removeprefix("Error : ").strip(" .").lower()
    return reason or "the data is damaged"


class PyAVDecoder:
    """Whatever FFmpeg reads: the first audio stream of a container."""

    def __init__(self, path: str, *, ignore_length: bool = False) -> None:
        try:
            import av
        except ImportError as error:
            raise AudioError("this format needs PyAV; install it with: pip install av") from error
        options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
        if ignore_length:
            options["ignore_length"] = "1"
        self._errors = av.FFmpegError
        # PyAV 19 keeps bytes that are no UTF-8 as surrogates and knows no such argument any more
        lenient: dict[str, Any] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}
        try:
            # Without `file:` the name of a file could be an address: `concat:a|b`.
            self._container = av.open(f"file:{path}", options=options, **lenient)
        except (av.FFmpegError, ValueError) as error:
            raise AudioError("no audio format is recognised in it") from error
        try:
            self._open_stream(av)
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self, av: Any) -> None:
        if not self._container.streams.audio:
            raise AudioError("it has no audio stream")
        self._stream = self._container.streams.audio[0]
        self._resampler = av.AudioResampler(format="flt")
        self._decoded = 0
        self._pieces = self._decode()
        self._left: Block = np.empty((0, 0), np.float32)
        first = next(self._pieces, None)
        if first is None:
            raise AudioError("its audio stream is empty")
        self._left = first.copy()  # a piece may be a view of FFmpeg's memory
        promised = self._promised_seconds()
        self.frames: int | None = None if promised is None else round(promised * self.sample_rate)
        self.channels = first.shape[1]
        self.rail = _RAIL_16_BIT
        self.unbounded = (self._stream.codec_context.name or "").startswith("pcm_f")
        tags = {**self._container.metadata, **self._stream.metadata}
        self.tags = {name.lower(): value for name, value in tags.items()}

    def _decode(self) -> Iterator[Block]:
        """Decoded pieces, float32 (n, channels), as the container's packets come."""
        rate: int | None = None
        channels: int | None = None
        try:
            for frame in self._container.decode(self._stream):
                if rate is None:
                    rate, channels = frame.sample_rate, frame.layout.nb_channels
                    self.sample_rate = rate
                elif (frame.sample_rate, frame.layout.nb_channels) != (rate, channels):
                    raise AudioError("its sample rate or number of channels changes in the middle")
                for piece in self._as_float(frame):
                    self._decoded += len(piece)
                    yield piece
        except self._errors as error:
            raise AudioError(f"the data is damaged ({(error.strerror or 'unknown').lower()})") from error
        except ValueError as error:  # PyAV, of frames that contradict themselves
            raise AudioError("the data is damaged") from error

    def _as_float(self, frame: Any) -> Iterator[Block]:
        if frame.format.name == "fltp":  # what most codecs give; three times faster than FFmpeg's own conversion
            planes = [np.frombuffer(plane, np.float32, count=frame.samples) for plane in frame.planes]
            yield planes[0][:, np.newaxis] if len(planes) == 1 else np.stack(planes, axis=1)
            return
        for piece in self._resampler.resample(frame):
            yield piece.to_ndarray().reshape(-1, frame.layout.nb_channels)

    def read(self, frames: int) -> Block:
        pieces, held = [self._left], len(self._left)
        while held < frames and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            held += len(piece)
        joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        self._left = joined[frames:].copy()
        return np.ascontiguousarray(joined[:frames])

    def missing(self, frames_read: int) -> float | None:
        promised = self._promised_seconds()
        if promised is None:
            return None
        short = promised - frames_read / self.sample_rate
        return short if short > DURATION_TOLERANCE_S else None

    def _promised_seconds(self) -> float | None:
        if not self._container.format.name.startswith(TIMED_CONTAINERS):
            return None
        stream = self._stream
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        if self._container.duration is None or len(self._container.streams) > 1:
            return None
        return float(self._container.duration) / 1_000_000

    def position(self) -> int:
        return self._decoded

    def close(self) -> None:
        self._pieces.close()  # type: ignore[attr-defined]
        self._container.close()


class ArrayDecoder:
    """Samples that are in memory already."""

    def __init__(self, samples: npt.NDArray[Any], sample_rate: int) -> None:
        self._samples = samples if samples.ndim == 2 else samples[:, np.newaxis]
        self._at = 0
        self.sample_rate = sample_rate
        self.channels = self._samples.shape[1]
        self.frames: int | None = len(self._samples)
        self.unbounded = samples.dtype.kind == "f"
        self.tags: dict[str, str] = {}
        self._middle, self._scale = _integer_range(samples.dtype)
        self.rail = 1.0 if self.unbounded else min(float(np.iinfo(samples.dtype).max - self._middle) / self._scale, 1.0)

    def read(self, frames: int) -> Block:
        part = self._samples[self._at : self._at + frames]
        self._at += len(part)
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, and infinity is refused
            if self.unbounded:
                return np.array(part, dtype=np.float32, order="C")
            return ((part.astype(np.float64) - self._middle) / self._scale).astype(np.float32, order="C")

    def missing(self, frames_read: int) -> float | None:
        return None

    def position(self) -> int:
        return self._at

    def close(self) -> None:
        self._samples = np.empty((0, self.channels), np.float32)


def _integer_range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Middle and full scale of an integer type; (0, 1) for floats."""
    if dtype.kind == "f":
        return 0.0, 1.0
    scale = float(2 ** (8 * dtype.itemsize - 1))
    return (scale if dtype.kind == "u" else 0.0), scale


def open_file(path: str, *, ignore_length: bool = False, by_ffmpeg: bool = False) -> Decoder:
    """The decoder that reads a file: soundfile where it can, else PyAV.

    MP3 is for PyAV alone: libsndfile leaves it to mpg123, which writes what it thinks of a file to standard error.

    Parameters
    ----------
    path : str
    ignore_length : bool
        Read to the end of the file whatever length its header gives.
    by_ffmpeg : bool
        Leave libsndfile out.

    Raises
    ------
    AudioError
        Where neither can; the message lacks the name of the file.
    """
    if ignore_length:
        return PyAVDecoder(path, ignore_length=True)
    if by_ffmpeg or _for_mpg123(path):
        return PyAVDecoder(path)
    try:
        return SoundFileDecoder(path)
    except AudioError:
        return PyAVDecoder(path)


def _for_mpg123(path: str) -> bool:
    """Whether libsndfile would take a file for MP3: by its first bytes, or its name."""
    try:
        with open(path, "rb") as file:
            head = file.read(3)
    except OSError:
        return False
    sync = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    return sync or head == b"ID3" or path.lower().endswith(".mp3")
