"""Decoders: soundfile where libsndfile reads the format, PyAV for the rest, an array for samples in memory.

All decoders have these attributes and methods:

- `sample_rate`, `channels`; `frames`, the declared length, None if unknown (of some MP3 an estimate);
- `rail`, the largest value of the encoding, at which samples may be clipped;
- `unbounded`, True for floats, where samples beyond full scale are valid;
- `tags`, the metadata with names in lower case;
- `read(frames)` returns float32 (n, channels): exactly `frames` rows, fewer at the end, none after it;
- `missing(frames_read)` returns the seconds of declared audio beyond those frames, None if nothing is missing;
- `position`, the number of frames decoded so far; `close()` closes the file;
- `notes()` returns the warnings about the place of the sound in time; complete after the last frame.

Sample n of a decoder is sample n of the recording: the priming of AAC and MP3 is removed by the container's own count,
gaps between time stamps are filled, and edit lists are played (`popclass.audio.timeline`). Where the priming is not
known, all times are late by that of the encoder, and a note says so. The padding of the last packets is removed where
an mp4 declares its length.

Decoders raise only `AudioError`, without the name of the file; `LibsndfileError`, PyAV's errors and `ValueError` are
converted.
"""

# ruff: noqa: D102  the methods are documented once, in the module

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf

from popclass.audio.container import ContainerHeader, find_bytes, ignored_bytes
from popclass.audio.timeline import FrameClock, play_edits
from popclass.errors import AudioError

Block = npt.NDArray[np.float32]

READABLE = "WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF, m4a, 3gp, webm"

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,amr,amrnb,amrwb,asf,asf_o,avi,flv,mpegts,mpeg,ac3,eac3,"
    "caf,wav,w64,aiff,au,ogg,flac,mp3,ape,wv,tta,dsf"
)
"""Formats that PyAV may detect. Playlists are excluded, since they open other files or addresses."""

TIMED_CONTAINERS = ("mov", "matroska", "asf")
"""Containers that store their duration; in others it is estimated from a bit rate."""

STAMPED_CONTAINERS = (*TIMED_CONTAINERS, "mpegts", "mpeg", "avi", "flv")
"""Containers with a time stamp for each packet; in others it is the number of samples so far."""

DURATION_TOLERANCE_S = 0.25
"""Allowed difference between a container's duration and its audio: priming, padding and rounding to milliseconds."""

FLAC_START = b"fLaC\x00\x00\x00\x22"  # and the head of STREAMINFO: where a second file was appended
READ_AHEAD = 1 << 16  # bytes that libFLAC reads beyond what it has decoded, at most
PADDING = 4096  # samples per channel: two packets of HE-AAC
_STATES_PRIMING = ("matroska", "asf", "caf")
_UNKNOWN_FRAMES = 1 << 62
_RAIL_16_BIT = 32767 / 32768
_RAILS = {"PCM_U8": 127 / 128, "PCM_S8": 127 / 128, "ULAW": 32124 / 32768, "ALAW": 32256 / 32768}


@contextmanager
def _libsndfile_errors() -> Iterator[None]:
    """Convert errors to AudioError, with libsndfile's message as part of a sentence."""
    try:
        yield
    # soundfile raises TypeError for a name in `.raw`, the others where libsndfile lost its position
    except (sf.LibsndfileError, TypeError, ValueError, AssertionError) as error:
        reason = str(getattr(error, "error_string", "")).removeprefix("Error : ").strip(" .").lower()
        raise AudioError(reason or "the data is damaged") from error


class SoundFileDecoder:
    """Decoder for all formats of libsndfile."""

    def __init__(self, path: str, header: ContainerHeader | None = None) -> None:
        source: Any = os.fsencode(path) if os.name == "posix" else path
        if header is not None and header.kind == "FLAC":  # whose position tells how much was read
            source = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._descriptor: int | None = source if isinstance(source, int) else None
        with _libsndfile_errors():
            self._file = sf.SoundFile(source)
        if self._file.format == "RAW":  # by the suffix alone: `.au` and `.snd` may have no header
            self._file.close()
            raise AudioError("it has no header")
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int | None = self._file.frames if self._file.frames < _UNKNOWN_FRAMES else None
        self._padded = False
        if header is not None and header.frames and self.frames is not None:
            self._padded = 0 < self.frames - header.frames < header.block_frames
            self.frames = header.frames if self._padded else self.frames
        self.rail: float = _RAILS.get(self._file.subtype, _RAIL_16_BIT)
        self.unbounded: bool = self._file.subtype in ("FLOAT", "DOUBLE")
        self.tags: dict[str, str] = self._file.copy_metadata()

    def read(self, frames: int) -> Block:
        if self._padded and self.frames is not None:
            frames = min(frames, self.frames - self.position)
        with _libsndfile_errors():
            block: Block = self._file.read(frames, dtype="float32", always_2d=True)
        return block

    def missing(self, frames_read: int) -> float | None:
        # libsndfile only estimates the length of an MP3 without a table of contents.
        if self.frames is None or self._file.format == "MP3" or frames_read >= self.frames:
            return None
        return float(self.frames - frames_read) / self.sample_rate

    @property
    def position(self) -> int:
        return max(int(self._file.tell()), 0)  # -1 where libsndfile lost it

    def notes(self) -> list[str]:
        if self._descriptor is None:
            return []
        with open(os.dup(self._descriptor), "rb") as file:
            file.seek(max(os.lseek(self._descriptor, 0, os.SEEK_CUR) - READ_AHEAD, len(FLAC_START)))
            another = find_bytes(file, FLAC_START)
            size = os.fstat(self._descriptor).st_size
        return [ignored_bytes(size - another, "FLAC")] if another > 0 else []

    def close(self) -> None:
        self._file.close()


class PyAVDecoder:
    """Decoder for the first audio stream of all formats of FFmpeg."""

    rail = _RAIL_16_BIT

    def __init__(self, path: str, header: ContainerHeader | None = None, *, ignore_length: bool = False) -> None:
        try:
            import av
        except ImportError as error:
            raise AudioError("this format needs PyAV; install it with: pip install av") from error
        self._header = header = ContainerHeader("unknown") if header is None else header
        self._edits = header.edits if len(header.edits) > 1 else ()
        options = {
            **{"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "ignore_length": f"{ignore_length:d}"},
            # only the first edit is played to the sample by FFmpeg itself
            **({"ignore_editlist": "1"} if self._edits else {}),
            **({"skip_initial_bytes": str(header.first_frame)} if header.first_frame else {}),
        }
        self._errors = av.FFmpegError
        # PyAV 19 keeps bytes that are not UTF-8 as surrogates and has no such argument any more
        lenient: dict[str, Any] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}
        try:
            # Without `file:` the name of a file could be an address: `concat:a|b`.
            self._container = av.open(f"file:{path}", options=options, **lenient)
        except (av.FFmpegError, ValueError) as error:
            raise AudioError("its audio format is not recognised") from error
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
        self.position = 0
        self._clock = FrameClock(float(self._stream.time_base or 0))
        frames = self._decode()
        first = next(frames, None)
        if first is None:
            raise AudioError("its audio stream is empty")
        self._left = first[1][:0]
        pieces = self._clock.place(chain([first], frames), self.sample_rate)
        pieces = play_edits(pieces, self._edits, self.sample_rate) if self._edits else pieces
        self._pieces = self._without_padding(pieces)
        declared = self._declared_seconds()
        self.frames: int | None = None if declared is None else round(declared * self.sample_rate)
        self.unbounded: bool = (self._stream.codec_context.name or "").startswith("pcm_f")
        tags = {**self._container.metadata, **self._stream.metadata}
        self.tags: dict[str, str] = {name.lower(): value for name, value in tags.items()}

    def _without_padding(self, pieces: Iterator[Block]) -> Iterator[Block]:
        """Yield the pieces without the rest of the last packets beyond the declared end, which an encoder filled up.

        More than that is sound, which a wrong declaration must not hide.
        """
        declared = self._declared_seconds() if self._container.format.name.startswith("mov") else None
        end = None if declared is None else round(declared * self.sample_rate)
        at, beyond = 0, list[Block]()
        for piece in pieces:
            inside = len(piece) if end is None else min(max(end - at, 0), len(piece))
            at += len(piece)
            if inside:
                yield piece[:inside]
            if inside < len(piece):
                beyond.append(piece[inside:])
            if end is not None and at - end > PADDING:
                yield from beyond
                beyond.clear()

    def _frames(self) -> Iterator[Any]:
        for packet in self._container.demux(self._stream):
            if not (self._header.last_frame and packet.pos is not None and packet.pos >= self._header.last_frame):
                yield from packet.decode()

    def _decode(self) -> Iterator[tuple[float | None, Block]]:
        """Yield the time stamp in seconds, None if unknown, and the samples, float32 (n, channels), of each frame."""
        layout: tuple[int, int] | None = None
        stamped = self._container.format.name.startswith(STAMPED_CONTAINERS)
        try:
            for frame in self._frames():
                found = frame.sample_rate, frame.layout.nb_channels
                layout = layout or found
                self.sample_rate, self.channels = layout
                if found != layout:
                    raise AudioError("its sample rate or number of channels changes in the middle")
                self.position += frame.samples
                stamp = float(frame.pts * frame.time_base) if stamped and frame.pts is not None else None
                yield stamp, self._as_float(frame)
        except (self._errors, ValueError) as error:
            reason = getattr(error, "strerror", None) or "its frames contradict themselves"
            raise AudioError(f"the data is damaged ({reason.lower()})") from error

    def _as_float(self, frame: Any) -> Block:
        if frame.format.name == "fltp":  # of most codecs; three times faster than FFmpeg's own conversion
            planes = [np.frombuffer(plane, np.float32, count=frame.samples) for plane in frame.planes]
            return planes[0][:, np.newaxis] if len(planes) == 1 else np.stack(planes, axis=1)
        pieces = [piece.to_ndarray().reshape(-1, self.channels) for piece in self._resampler.resample(frame)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces or [np.zeros((0, self.channels), np.float32)])

    def read(self, frames: int) -> Block:
        pieces, held = [self._left], len(self._left)
        while held < frames and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            held += len(piece)
        joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        self._left = joined[frames:].copy()
        return np.ascontiguousarray(joined[:frames])

    def missing(self, frames_read: int) -> float | None:
        declared = self._declared_seconds()
        present = frames_read / self.sample_rate + (0.0 if self._edits else max(self._clock.ahead_s, 0.0))
        short = 0.0 if declared is None else declared - present
        return short if short > DURATION_TOLERANCE_S else None

    def notes(self) -> list[str]:
        notes = self._clock.warnings()
        codec, container = self._stream.codec_context.name or "", self._container.format.name
        primed = bool(self._header.edits) or "itunsmpb" in self.tags or container.startswith(_STATES_PRIMING)
        if codec.startswith("mp3"):
            primed = container == "mp3" and bool(self._stream.start_time)
        if codec.startswith(("mp3", "aac")) and not primed:
            name = "MP3" if codec.startswith("mp3") else "AAC"
            notes.append(f"the delay of the {name} encoder is not in the file: all times may be up to 0.05 s late")
        return notes

    def _declared_seconds(self) -> float | None:
        if self._edits:
            return sum(edit.duration_s for edit in self._edits)
        if not self._container.format.name.startswith(TIMED_CONTAINERS):
            return None
        stream = self._stream
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        if self._container.duration is None or len(self._container.streams) > 1:
            return None
        return float(self._container.duration) / 1_000_000

    def close(self) -> None:
        self._pieces.close()  # type: ignore[attr-defined]
        self._container.close()


class ArrayDecoder:
    """Decoder for samples in memory, of shape (n,) or (n, channels)."""

    def __init__(self, samples: npt.NDArray[Any], sample_rate: int) -> None:
        self._samples = samples if samples.ndim == 2 else samples[:, np.newaxis]
        self.position = 0
        self.sample_rate = sample_rate
        self.frames, self.channels = self._samples.shape
        self.unbounded = samples.dtype.kind == "f"
        self.tags: dict[str, str] = {}
        self._scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
        self._middle = self._scale if samples.dtype.kind == "u" else 0.0
        largest = self._scale if self.unbounded else float(np.iinfo(samples.dtype).max - self._middle)
        self.rail = min(largest / self._scale, 1.0)

    def read(self, frames: int) -> Block:
        part = self._samples[self.position : self.position + frames]
        self.position += len(part)
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite and is refused later
            if self.unbounded:
                return np.array(part, dtype=np.float32, order="C")
            return ((part.astype(np.float64) - self._middle) / self._scale).astype(np.float32, order="C")

    def missing(self, frames_read: int) -> float | None:
        return None

    def notes(self) -> list[str]:
        return []

    def close(self) -> None:
        self._samples = np.empty((0, self.channels), np.float32)


Decoder = SoundFileDecoder | PyAVDecoder | ArrayDecoder


def open_file(path: str, header: ContainerHeader | None = None) -> Decoder:
    """Open a file with soundfile if that reads all of it, else with PyAV.

    MP3 is left to PyAV: libsndfile uses mpg123, which writes to standard error. So is compressed audio of unknown
    length.

    Parameters
    ----------
    path : str
    header : ContainerHeader, optional
        As `popclass.audio.header.read_header` returns it.

    Raises
    ------
    AudioError
        If neither can read it.
    """
    header = ContainerHeader("unknown") if header is None else header
    lost = header.length_lost and header.kind != "W64"
    unknown = header.length_unknown and header.kind in ("FLAC", "Ogg")
    if not (lost or unknown or header.needs_ffmpeg or _uses_mpg123(path)):
        with suppress(AudioError):
            return SoundFileDecoder(path, header)
    try:
        return PyAVDecoder(path, header, ignore_length=lost)
    except AudioError as error:
        if lost:
            raise AudioError(f"needs the right length in its {header.kind} header; export it again") from error
        raise AudioError(f"cannot be read as audio ({error}); popclass reads {READABLE} and more") from error


def _uses_mpg123(path: str) -> bool:
    """Return True if libsndfile would take a file for MP3, by its first bytes or its name."""
    with open(path, "rb") as file:
        head = file.read(3)
    sync = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    return sync or head == b"ID3" or path.lower().endswith(".mp3")
