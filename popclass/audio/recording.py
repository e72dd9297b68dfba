"""Open recordings: samples in checked blocks, name, start time and warnings.

`open_recording` takes a path, `-` for standard input, a binary file or an array. `Recording.blocks` yields the samples
once in bounded memory, as finite float32 between -1 and 1 (float files may exceed that). Some faults are found when the
file is opened, some while it is read, and some only at the end (silence, a constant, clipping throughout): results are
valid only after the last block. Every fault raises `AudioError` with one line that begins with the name of the
recording. `Recording.warnings` lists oddities of usable recordings.
"""

from __future__ import annotations

import io
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from numbers import Real
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from popclass.audio.container import ContainerHeader
from popclass.audio.decode import ArrayDecoder, Decoder, SoundFileDecoder, open_file
from popclass.audio.header import read_header
from popclass.audio.paths import kind_of, open_pipe
from popclass.audio.quality import SampleCheck
from popclass.audio.timeline import Block
from popclass.audio.timestamps import check_file_name, recording_time
from popclass.errors import AudioError, UsageError
from popclass.info import RecordingInfo
from popclass.utils.checks import as_array
from popclass.utils.files import NO_FILE, Stamp
from popclass.utils.text import one_line, visible

BLOCK_FRAMES = 65_536
MIN_RATE, MAX_RATE = 8_000, 192_000
MAX_CHANNELS = 8

Source = str | os.PathLike[str] | BinaryIO | npt.NDArray[Any] | list[Any] | tuple[Any, ...]


class Recording:
    r"""An open recording; see `open_recording`.

    Attributes
    ----------
    name : str
        Path as given, bytes that are not UTF-8 as `\xNN`; `-` for standard input.
    sample_rate, channels : int
    frames : int or None
        Declared length in samples, where known; it may differ from the actual one.
    frames_read : int
        Samples per channel read so far; the length of the recording after the last block.
    lossy : bool
        True for codecs that spread a click over their blocks.
    recorded_at : datetime or None
        Start of the recording by its metadata or name (see `popclass.audio.timestamps`).
    warnings : list of str
        One line for each oddity; complete after the last block.
    """

    def __init__(self, name: str, decoder: Decoder) -> None:
        fault = ""
        if not MIN_RATE <= decoder.sample_rate <= MAX_RATE:
            fault = f"a sample rate of {decoder.sample_rate} Hz; allowed are {MIN_RATE}-{MAX_RATE} Hz: resample it"
        elif not 1 <= decoder.channels <= MAX_CHANNELS:
            fault = f"{decoder.channels} channels; allowed are 1-{MAX_CHANNELS}: export the ones with the sensor"
        if fault:
            decoder.close()
            raise AudioError(fault)
        self.name = name
        self.sample_rate, self.channels, self.frames = decoder.sample_rate, decoder.channels, decoder.frames
        self.frames_read = 0
        self.lossy = decoder.lossy
        self.recorded_at: datetime | None = None
        self.warnings: list[str] = []
        self._decoder = decoder
        self._started = False
        self._temporary = ExitStack()
        self._changed: Callable[[], bool] = lambda: False

    def blocks(self, frames: int = BLOCK_FRAMES) -> Iterator[Block]:
        """Yield the samples from the first to the last; usable once.

        Parameters
        ----------
        frames : int
            Length of a block; only the last may be shorter.

        Yields
        ------
        ndarray of float32, shape (n, channels)
            C-contiguous and finite; may be modified.

        Raises
        ------
        AudioError
            If the recording is damaged, cut short or unusable.
        RuntimeError
            If called twice.
        """
        if frames < 1:
            raise UsageError(f"frames is {frames}; a block holds at least 1 frame")
        if self._started:
            raise RuntimeError(f"{self.name}: the blocks of a recording can be read once; open it again")
        self._started = True
        return self._blocks(frames)

    def read_at(self, first: int, frames: int) -> Block | None:
        """Return samples from any place, without the checks of `blocks`, or None where seeking is not exact.

        Parameters
        ----------
        first : int
            Position of the first sample.
        frames : int
            Number of samples; fewer are returned at the end of the recording.

        Raises
        ------
        AudioError
            If they cannot be read.
        """
        try:
            if isinstance(self._decoder, SoundFileDecoder) and self._decoder.seek(first):
                return self._decoder.read(frames)
        except AudioError as error:
            raise AudioError(f"{one_line(self.name)}: {error}") from error
        return None

    def _blocks(self, frames: int) -> Iterator[Block]:
        decoder = self._decoder
        check = SampleCheck(self.sample_rate, self.channels, rail=decoder.rail, unbounded=decoder.unbounded)
        fault: AudioError | None = None
        complete = True
        try:
            while complete and len(block := self._read(frames)):
                complete = len(block) == frames  # only the last is shorter
                check.feed(block)
                self.frames_read += len(block)
                yield block
            if (missing := decoder.missing(self.frames_read)) is not None:
                present = self.frames_read / self.sample_rate
                lengths = f"{present + missing:.2f} s declared, {present:.2f} s present"
                raise AudioError(f"cut short: {lengths}; copy the file again")
            self.warnings += [*decoder.notes(), *check.finish(decoder.filled)]
        except AudioError as error:
            fault = error
        if self._changed():  # the samples may be from before and after the change
            fault = AudioError("was changed while it was read; read it again when no program writes to it")
        if fault is not None:
            raise AudioError(f"{one_line(self.name)}: {fault}") from fault

    def _read(self, frames: int) -> Block:
        try:
            return self._decoder.read(frames)
        except AudioError as error:
            seconds = self._decoder.position / self.sample_rate
            total = f" of {self.frames / self.sample_rate:.2f} s" if self.frames else ""
            raise AudioError(f"breaks off after about {seconds:.2f} s{total}: {error}; copy the file again") from error

    def info(self) -> RecordingInfo:
        """Return the description of the recording; complete after the last block."""
        duration_s = self.frames_read / self.sample_rate
        return RecordingInfo(
            self.name, self.sample_rate, self.channels, duration_s, self.recorded_at, warnings=tuple(self.warnings)
        )

    def close(self) -> None:
        """Close the file and delete the temporary copy of a stream."""
        self._decoder.close()
        self._temporary.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_recording(source: Source, *, sample_rate: int | None = None, name: str | None = None) -> Recording:
    """Open a recording.

    Parameters
    ----------
    source : path, `-`, binary file or ndarray
        A path to any format of libsndfile or FFmpeg (WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF, m4a, 3gp, webm and more; the
        first of several audio streams); `-` for standard input; an open binary file, which is read to its end; or
        samples of shape (n,) or (n, channels), as an array or a list. Full scale is 1 for floats and lists, and that
        of the type for integers (int16 is divided by 32,768; of uint8, 128 is subtracted before division by 128). A
        stream is copied into a temporary file, which is deleted with the recording.
    sample_rate : int, optional
        In hertz; required for an array and not allowed otherwise.
    name : str, optional
        Name of the recording (default: the path).

    Returns
    -------
    Recording
        A context manager.

    Raises
    ------
    AudioError
        If the source cannot be read, is cut short, or lies outside 8-192 kHz and 1-8 channels.
    UsageError
        If `sample_rate` is missing or not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.sin(np.arange(48_000) / 10).astype(np.float32)
    >>> with open_recording(samples, sample_rate=48_000) as recording:
    ...     sum(len(block) for block in recording.blocks())
    48000
    """
    opened: Callable[[str], Recording]
    if isinstance(source, list | tuple):
        source = as_array(source, "samples", AudioError)
        source = source.astype(np.float64) if source.dtype.kind in "iu" else source
    elif hasattr(source, "__array__") and not isinstance(source, np.ndarray):  # such as a Series of pandas
        source = as_array(source, "samples", AudioError)
    if isinstance(source, np.ndarray) and sample_rate is not None:
        name, opened = "array" if name is None else name, partial(_open_array, source, sample_rate)
    elif isinstance(source, np.ndarray) or sample_rate is not None:
        raise UsageError("an array of samples needs its sample_rate, in hertz (8000-192000); leave it out for a file")
    elif isinstance(source, str | bytes | os.PathLike):
        path = os.fsdecode(source)
        name = visible(path if name is None else name)
        opened = partial(_open_stream, sys.stdin.buffer) if path == "-" else partial(_open_path, path)
    elif callable(getattr(source, "read", None)) and not isinstance(source, io.TextIOBase):
        given = getattr(source, "name", None)
        name = visible(name or (given if isinstance(given, str) else "stream"))
        opened = partial(_open_stream, source)
    else:
        kind = type(source).__name__
        raise UsageError(f"a recording cannot be of type {kind}; give a path, -, a binary file or an array of samples")
    try:
        return opened(name)
    except AudioError as error:
        raise AudioError(f"{one_line(name)}: {error}") from error


def _open_array(samples: npt.NDArray[Any], sample_rate: int, name: str) -> Recording:
    if samples.dtype.kind not in "fiu" or samples.ndim not in (1, 2):
        given = f"samples of type {samples.dtype} and shape {samples.shape}"
        raise AudioError(f"{given}; allowed are floats and integers, (n,) or (n, channels)")
    if not isinstance(sample_rate, Real) or not math.isfinite(sample_rate) or sample_rate != int(sample_rate):
        raise AudioError(f"a sample rate of {one_line(repr(sample_rate))} Hz; allowed are whole numbers of hertz")
    if samples.ndim == 2 and len(samples) <= MAX_CHANNELS < samples.shape[1]:
        channels = f"{samples.shape[1]} channels; allowed are 1-{MAX_CHANNELS}"
        raise AudioError(f"{channels}: an array has samples first, channels second: transpose it")
    return Recording(name, ArrayDecoder(samples, int(sample_rate)))


def _open_stream(stream: BinaryIO, name: str, first: bytes = b"") -> Recording:
    """Open a temporary copy of a stream of which `first` was already read; decoders need to seek."""
    with suppress(OSError, AttributeError, ValueError):  # a stream in memory has no descriptor
        if kind_of(os.fstat(stream.fileno()).st_mode) == "a device":  # /dev/zero never ends
            raise AudioError("is a device, not a recording; give a file or a pipe")
    import tempfile  # with its random numbers 3 ms, which files need not pay

    with ExitStack() as temporary:
        try:
            folder = temporary.enter_context(tempfile.TemporaryDirectory(prefix="popclass-"))
            path = os.path.join(folder, "recording")
            with open(path, "wb") as copy:
                copy.write(first)
                shutil.copyfileobj(stream, copy, 1 << 20)
        except (OSError, ValueError) as error:
            raise AudioError(f"cannot be copied into a temporary file ({_cause(error)}); check TMPDIR") from error
        recording = _open_file(path, name)
        recording._temporary = temporary.pop_all()
        return recording


def _cause(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _open_path(path: str, name: str) -> Recording:
    try:
        kind = kind_of(os.stat(path).st_mode)
        if kind == "a folder":
            raise AudioError("is a folder; a recording is a single file (popclass batch reads folders)")
        if kind == "a pipe":
            stream, first = open_pipe(path)
            with stream:
                return _open_stream(stream, name, first)
        if kind is not None:
            raise AudioError(f"is {kind}, not a recording; give a file or a pipe")
        before = Stamp.of(path)
        recording = _open_file(path, name)
        recording._changed = lambda: Stamp.of(path) not in (before, NO_FILE)
        return recording
    except FileNotFoundError as error:
        missing = "is a link whose target is missing" if os.path.islink(path) else "no such file; check the path"
        raise AudioError(missing) from error
    except (OSError, ValueError) as error:
        raise AudioError(f"cannot be read ({_cause(error)}); check the path and its permissions") from error


def _open_file(path: str, name: str) -> Recording:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise AudioError("is empty (0 bytes); record it again or leave it out")
        header = read_header(file) or ContainerHeader("unknown")
    warnings = header.check()
    decoder = open_file(path, header)
    recording = Recording(name, decoder)
    recording.warnings += warnings
    file_name = os.path.basename(name)
    recording.recorded_at = recording_time(file_name, decoder.tags, header.chunks, decoder.sample_rate)
    recording.warnings += check_file_name(file_name, recording.recorded_at)
    return recording
