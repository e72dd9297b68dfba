"""One recording, opened: its samples in checked blocks, its name, when it began, and what is odd about it.

`open_recording` takes a path, `-` for standard input, a binary file or an array and returns a `Recording`, a context
manager. `Recording.blocks` runs through the samples once with bounded memory, as float32 between -1 and 1 (float files
may go beyond), and every sample it yields is finite. Some faults show when the file is opened, some in the middle, and
some only at the end (silence, a constant, clipping throughout): all raise `AudioError` with one line that begins with
the name of the recording, its control characters written out. So a result may be kept only when the blocks have come to
their end. What is odd but usable becomes a line in `Recording.warnings`, complete by then.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from popclass.audio.container import Header
from popclass.audio.decode import READABLE, ArrayDecoder, Block, Decoder, open_file
from popclass.audio.header import read_header
from popclass.audio.paths import kind_of, open_pipe
from popclass.audio.quality import SampleCheck
from popclass.audio.timestamps import recording_time
from popclass.errors import AudioError, UsageError
from popclass.results import RecordingInfo
from popclass.utils.files import Stamp
from popclass.utils.text import one_line, visible

BLOCK_FRAMES = 65_536
MIN_RATE, MAX_RATE = 8_000, 192_000
MAX_CHANNELS = 8

Source = str | os.PathLike[str] | BinaryIO | npt.NDArray[Any]


class Recording:
    """An open recording; see `open_recording`.

    Attributes
    ----------
    name : str
        The path as it was given, bytes that are no UTF-8 written as `\\xNN`; `-` for standard input.
    sample_rate, channels : int
    frames : int or None
        Length in samples where it is known beforehand; a promise of the file, not a count.
    frames_read : int
        Samples per channel read so far; the length of the recording once the blocks have come to their end.
    recorded_at : datetime or None
        When the recording began, as the file says (see `popclass.audio.timestamps`).
    warnings : list of str
        What is odd about the recording, a line each; complete once the blocks have come to their end.
    """

    def __init__(self, name: str, decoder: Decoder, *, recorded_at: datetime | None, warnings: list[str]) -> None:
        self.name = name
        self.sample_rate = decoder.sample_rate
        self.channels = decoder.channels
        self.frames = decoder.frames
        self.frames_read = 0
        self.recorded_at = recorded_at
        self.warnings = warnings
        self._decoder = decoder
        self._started = False
        self._resources = ExitStack()
        self._resources.callback(decoder.close)
        self._unchanged: Callable[[], bool] = _always

    def blocks(self, frames: int = BLOCK_FRAMES) -> Iterator[Block]:
        """The samples, from the first to the last; may be run once.

        Parameters
        ----------
        frames : int
            Length of a block; only the last may be shorter.

        Yields
        ------
        ndarray of float32, shape (n, channels)
            C-contiguous and finite; the caller's own.

        Raises
        ------
        AudioError
            Where the recording turns out damaged, cut short or without anything that could be classified; the last
            only after all blocks.
        RuntimeError
            When it was run before.
        """
        if frames < 1:
            raise UsageError(f"frames is {frames}; a block holds at least 1 frame")
        if self._started:
            raise RuntimeError(f"{self.name}: the blocks of a recording can be run through once; open it again")
        self._started = True
        return self._run(frames)

    def _run(self, frames: int) -> Iterator[Block]:
        decoder = self._decoder
        check = SampleCheck(self.sample_rate, self.channels, rail=decoder.rail, unbounded=decoder.unbounded)
        try:
            whole = True
            while whole and len(block := self._read(frames)):
                whole = len(block) == frames  # only the last is shorter
                check.feed(block)
                self.frames_read += len(block)
                yield block
            self._refuse_short()
            self.warnings += check.finish()
            changed = not self._unchanged()
        except AudioError as error:
            if self._unchanged():
                raise AudioError(f"{one_line(self.name)}: {error}") from error
            changed = True
        if changed:  # what was heard may be of both states
            raise AudioError(
                f"{one_line(self.name)}: was changed while it was read; read it again when nobody writes to it"
            )

    def _read(self, frames: int) -> Block:
        try:
            return self._decoder.read(frames)
        except AudioError as error:
            seconds = self._decoder.position() / self.sample_rate
            whole = f" of {self.frames / self.sample_rate:.2f} s" if self.frames else ""
            raise AudioError(
                f"breaks off after about {seconds:.2f} s{whole}: {error}; repair the file or copy it again"
            ) from error

    def _refuse_short(self) -> None:
        missing = self._decoder.missing(self.frames_read)
        if missing is not None:
            present = self.frames_read / self.sample_rate
            raise AudioError(
                f"cut short: {present + missing:.2f} s are promised, {present:.2f} s are there; copy the file again"
            )

    def info(self) -> RecordingInfo:
        """Return the description of the recording; complete once all blocks were read."""
        return RecordingInfo(
            name=self.name,
            sample_rate=self.sample_rate,
            channels=self.channels,
            duration_s=self.frames_read / self.sample_rate,
            recorded_at=self.recorded_at,
            warnings=tuple(self.warnings),
        )

    def close(self) -> None:
        """Let go of the file, and of the temporary copy of a stream."""
        self._resources.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_recording(source: Source, *, sample_rate: int | None = None, name: str | None = None) -> Recording:
    """Open a recording.

    Parameters
    ----------
    source : path, `-`, binary file or ndarray
        A path to anything libsndfile or FFmpeg reads (WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF, m4a, 3gp, webm and more; of
        a file with several audio streams the first); `-` for standard input; an open binary file, which is read to its
        end; or samples of shape (n,) or (n, channels). Floats are taken as they are, full scale being 1; integers are
        divided by the full scale of their type (int16 by 32,768, uint8 by 128 after 128 was taken off). A stream is
        copied into a temporary file, which goes with the recording.
    sample_rate : int, optional
        Of an array, in hertz; required there and not allowed elsewhere.
    name : str, optional
        What to call the recording; its path by default.

    Returns
    -------
    Recording
        A context manager.

    Raises
    ------
    AudioError
        Where the source can't be read, is cut short, or lies outside 8-192 kHz and 1-8 channels.
    UsageError
        Where `sample_rate` is missing or does not belong.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.sin(np.arange(48_000) / 10).astype(np.float32)
    >>> with open_recording(samples, sample_rate=48_000) as recording:
    ...     sum(len(block) for block in recording.blocks())
    48000
    """
    if isinstance(source, np.ndarray):
        return _open_array(source, sample_rate, name if name is not None else "array")
    if sample_rate is not None:
        raise UsageError("sample_rate belongs to an array of samples; a file says its own")
    if isinstance(source, str | bytes | os.PathLike):
        path = os.fsdecode(source)
        shown = visible(path if name is None else name)
        return _open_stream(sys.stdin.buffer, shown) if path == "-" else _open_path(path, shown)
    if not callable(getattr(source, "read", None)) or isinstance(source, io.TextIOBase):
        raise UsageError(
            f"a recording cannot be of type {type(source).__name__}; allowed are a path, -, an open binary file and an "
            "array of samples"
        )
    given = getattr(source, "name", None)
    return _open_stream(source, visible(name or (given if isinstance(given, str) else "stream")))


def _always() -> bool:
    """Nobody else can change an array, or a copy."""
    return True


def _open_array(samples: npt.NDArray[Any], sample_rate: int | None, name: str) -> Recording:
    if sample_rate is None:
        raise UsageError("an array of samples needs its sample_rate, in hertz (8000-192000)")
    shown = one_line(name)
    if samples.dtype.kind not in "fiu":
        raise AudioError(f"{shown}: samples of type {samples.dtype}; allowed are floats and integers")
    if samples.ndim not in (1, 2):
        raise AudioError(f"{shown}: samples of shape {samples.shape}; allowed are (n,) and (n, channels)")
    if sample_rate != int(sample_rate):
        raise AudioError(f"{shown}: a sample rate of {sample_rate} Hz; allowed are whole numbers of hertz")
    return _checked(name, ArrayDecoder(samples, int(sample_rate)), recorded_at=None, warnings=[])


def _open_stream(stream: BinaryIO, name: str, first: bytes = b"") -> Recording:
    """Copy a stream, of which `first` was read already, into a temporary file and open that; libraries need to seek."""
    _refuse_endless(stream, name)
    with ExitStack() as resources:
        try:
            folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="popclass-"))
            path = os.path.join(folder, "recording")
            with open(path, "wb") as copy:
                copy.write(first)
                shutil.copyfileobj(stream, copy, 1 << 20)
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise AudioError(
                f"{one_line(name)}: cannot be copied into a temporary file ({reason}); the folder for these is TMPDIR"
            ) from error
        recording = _open_file(path, name)
        recording._resources.push(resources.pop_all())
        # The decoder holds the file open, so it is closed before the folder goes.
        recording._resources.callback(recording._decoder.close)
        return recording


def _refuse_endless(stream: BinaryIO, name: str) -> None:
    """Refuse devices: /dev/zero and the like have no end, and a keyboard gives no sound."""
    try:
        kind = kind_of(os.fstat(stream.fileno()).st_mode)
    except (OSError, AttributeError, ValueError):  # a stream in memory
        return
    if kind == "a device":
        raise AudioError(f"{one_line(name)}: is a device and no recording; give a file or a pipe")


def _open_path(path: str, name: str) -> Recording:
    shown = one_line(name)
    try:
        kind = kind_of(os.stat(path).st_mode)
        if kind == "a folder":
            raise AudioError(f"{shown}: is a folder; a recording is a single file (popclass batch reads folders)")
        if kind == "a pipe":
            return _open_pipe(path, name)
        if kind is not None:
            raise AudioError(f"{shown}: is {kind} and no recording; give a file or a pipe")
        before = Stamp.of(path)
        recording = _open_file(path, name)
        recording._unchanged = lambda: Stamp.of(path) in (before, Stamp.of_none())
        return recording
    except FileNotFoundError as error:
        raise AudioError(f"{shown}: no such file; check the path") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AudioError(f"{shown}: cannot be read ({reason.lower()}); check the path and its permissions") from error


def _open_pipe(path: str, name: str) -> Recording:
    try:
        stream, first = open_pipe(path)
    except AudioError as error:
        raise AudioError(f"{one_line(name)}: {error}") from error
    with stream:
        return _open_stream(stream, name, first)


def _open_file(path: str, name: str) -> Recording:
    shown = one_line(name)
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise AudioError(f"{shown}: is empty (0 bytes); record it again or leave it out")
        header = read_header(file)
    warnings = _header_warnings(shown, header)
    decoder = _decoder(path, shown, header)
    recorded_at = recording_time(Path(name).name, decoder.tags, header.chunks if header else {}, decoder.sample_rate)
    return _checked(name, decoder, recorded_at=recorded_at, warnings=warnings)


def _decoder(path: str, shown: str, header: Header | None) -> Decoder:
    """What reads a file; libsndfile gives up where compressed sound does not say how long it is."""
    lost = header is not None and header.length_lost and header.kind != "W64"
    unended = header is not None and header.length_unknown and header.kind in ("FLAC", "Ogg")
    try:
        return open_file(path, ignore_length=lost, by_ffmpeg=unended)
    except AudioError as error:
        if lost and header is not None:
            raise AudioError(
                f"{shown}: the {header.kind} header says that there is no sound, though some follows, and nothing "
                "reads it without a right length; export it again"
            ) from error
        raise AudioError(f"{shown}: cannot be read as audio ({error}); popclass reads {READABLE} and more") from error


def _header_warnings(shown: str, header: Header | None) -> list[str]:
    """What the header gives reason to say; refuses a file that lacks a part of what it promises."""
    if header is None:
        return []
    if header.fault:
        raise AudioError(f"{shown}: is no usable {header.kind} file: {header.fault}; export it again")
    if header.cut_short:
        raise AudioError(f"{shown}: cut short: {header.shortfall()}; copy the file again or repair its header")
    if header.damage:
        raise AudioError(f"{shown}: damaged: {header.damage}; copy the file again")
    if header.length_lost:
        return [f"the {header.kind} header gives a wrong length; read to the end of the file"]
    if header.length_unknown:
        return [f"the {header.kind} file does not say how long it should be; read to its end"]
    if header.ignored:
        return [
            f"the {header.kind} header ends the sound where {header.ignored:,} more bytes follow; they were not read"
        ]
    return []


def _checked(name: str, decoder: Decoder, *, recorded_at: datetime | None, warnings: list[str]) -> Recording:
    rate, channels = decoder.sample_rate, decoder.channels
    fault = ""
    if not MIN_RATE <= rate <= MAX_RATE:
        fault = f"a sample rate of {rate} Hz; allowed are {MIN_RATE}-{MAX_RATE} Hz: resample it"
    elif not 1 <= channels <= MAX_CHANNELS:
        fault = f"{channels} channels; allowed are 1-{MAX_CHANNELS}: export the ones with the sensor"
    if fault:
        decoder.close()
        raise AudioError(f"{one_line(name)}: {fault}")
    return Recording(name, decoder, recorded_at=recorded_at, warnings=warnings)
