"""Decoders: soundfile where libsndfile reads the format, PyAV for the rest, an array for samples in memory.

All decoders have these attributes and methods:

- `sample_rate`, `channels`; `frames`, the declared length, None if unknown (of some MP3 an estimate);
- `rail`, the largest value of the encoding, at which samples may be clipped;
- `unbounded`, True for floats, where samples beyond full scale are valid;
- `tags`, the metadata with names in lower case;
- `read(frames)` returns float32 (n, channels): exactly `frames` rows, fewer at the end, none after it;
- `missing(frames_read)` returns the seconds of declared audio beyond those frames, None if nothing is missing;
- `position`, the number of frames decoded so far; `close()` closes the file;
- `lossy`, True for codecs that spread a click over their blocks;
- `filled`, the places in seconds at which gaps were filled with silence;
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf

from popclass.audio.container import ContainerHeader, find_bytes, ignored_bytes
from popclass.audio.ffmpeg import RAIL_16_BIT, PyAVDecoder, finds_sound
from popclass.audio.header import read_header
from popclass.audio.signatures import HEAD_BYTES, foreign_kind, lacks_beginning
from popclass.audio.timeline import Block
from popclass.errors import AudioError

READABLE = "WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF, m4a, 3gp, webm"

FLAC_START = b"fLaC\x00\x00\x00\x22"  # and the head of STREAMINFO: where a second file was appended
READ_AHEAD = 1 << 16  # bytes that libFLAC reads beyond what it has decoded, at most
PROBE_BYTES = 1 << 18  # in which sound must begin, where a folder may hold any files
_MAGIC = (b"\x1a\x45\xdf\xa3", b"#!AMR", b"\x30\x26\xb2\x75")  # Matroska and webm, AMR, ASF
_UNKNOWN_FRAMES = 1 << 62
_SEEKABLE = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
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

    filled: Sequence[float] = ()

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
        self._read = 0
        self._padded = header is not None and 0 < header.frames < (self.frames or 0)
        if header is not None and self._padded:
            self.frames = header.frames
        self.rail: float = _RAILS.get(self._file.subtype, RAIL_16_BIT)
        self.unbounded: bool = self._file.subtype in ("FLOAT", "DOUBLE")
        self.lossy: bool = self._file.subtype in ("VORBIS", "OPUS")
        self.tags: dict[str, str] = self._file.copy_metadata()

    def read(self, frames: int) -> Block:
        if self._padded and self.frames is not None:
            frames = min(frames, self.frames - self._read)
        with _libsndfile_errors():
            block: Block = self._file.read(frames, dtype="float32", always_2d=True)
        self._read += len(block)
        return block

    def seek(self, frame: int) -> bool:
        """Continue at a frame; return False, and do nothing, where a codec may not find it to the sample."""
        if self._file.subtype not in _SEEKABLE:
            return False
        with _libsndfile_errors():
            self._file.seek(frame)
        self._read = frame
        return True

    def missing(self, frames_read: int) -> float | None:
        # libsndfile only estimates the length of an MP3 without a table of contents.
        if self.frames is None or self._file.format == "MP3" or frames_read >= self.frames:
            return None
        return float(self.frames - frames_read) / self.sample_rate

    @property
    def position(self) -> int:
        with suppress(sf.LibsndfileError):  # GSM 6.10 cannot be positioned
            return max(int(self._file.tell()), 0)  # -1 where libsndfile lost it
        return self._read

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


class ArrayDecoder:
    """Decoder for samples in memory, of shape (n,) or (n, channels)."""

    lossy = False
    filled: Sequence[float] = ()

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
    if not (lost or unknown or header.needs_ffmpeg or _uses_mpg123(path, header)):
        with suppress(AudioError):
            return SoundFileDecoder(path, header)
    try:
        return PyAVDecoder(path, header, ignore_length=lost)
    except AudioError as error:
        if lost:
            raise AudioError(f"needs the right length in its {header.kind} header; export it again") from error
        raise AudioError(f"cannot be read as audio{_reason(path, header, str(error))}") from error


def _reason(path: str, header: ContainerHeader, error: str) -> str:
    with open(path, "rb") as file:
        kind = foreign_kind(file.read(HEAD_BYTES))
    if kind is None and header.kind == "unknown" and lacks_beginning(path):
        kind = "an mp4 whose beginning is missing", "copy or download it again"
    if kind is not None:
        return ": it is {}; {}".format(*kind)
    return f" ({error}); popclass reads {READABLE} and more"


def holds_audio(path: str | os.PathLike[str]) -> bool:
    """Return True if the content of a file, whatever its name, is that of a recording; False if it cannot be read.

    A decoder tries what no signature tells, such as a video stream; a film without sound is not a recording.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            if head.startswith(_MAGIC):
                return True
            if not head or foreign_kind(head) is not None:
                return False
            header = read_header(file)
            file.seek(0)
            if header is None:
                return finds_sound(file.read(PROBE_BYTES))
        if header.kind == "MP4" and not (header.cut_short or header.fault):  # it may hold pictures only
            open_file(os.fspath(path), header).close()
    except (OSError, AudioError):
        return False
    return True


def _uses_mpg123(path: str, header: ContainerHeader) -> bool:
    """Return True if libsndfile would take a file for MP3, by its first bytes or its name."""
    if path.lower().endswith(".mp3"):
        return True
    if header.kind not in ("MP3", "MP4", "unknown"):  # the other formats begin otherwise
        return False
    with open(path, "rb") as file:
        head = file.read(3)
    sync = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    return sync or head == b"ID3"
