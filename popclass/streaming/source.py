"""Sources of samples for live classification: messages from a thread that only reads.

A source yields `Begin` before samples of a rate, arrays of samples, text for the user, and None after a quarter of a
second without any of these, so that the caller can do other work. Messages wait in a queue of bounded length. A pipe
is not read while it is full. A device cannot be stopped: its samples are lost, and a notice reports it.
"""

from __future__ import annotations

import io
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from popclass.errors import AudioError, UsageError
from popclass.streaming.pcm import MAGIC_BYTES, EncodingCheck, Layout, Samples, reject_header, wav_layout
from popclass.utils.text import one_line

BLOCK_S = 0.010  # of one read
QUEUE_BLOCKS = 3000  # 30 s
TICK_S = 0.25
STALLED_S = 3.0  # without samples, before a notice is shown
RETRY_S = 1.0
MAX_FILLED_S = 1.0  # a longer gap begins a new recording
_INSTALL = (
    "pip install 'popclass[live]' and the PortAudio library of your system (Debian, Ubuntu: libportaudio2); "
    "or without a sound library: arecord -f S16_LE -r 48000 -t wav | popclass listen -"
)


@dataclass(frozen=True, slots=True)
class Begin:
    """Start of a recording, whose samples have this rate and number of channels."""

    rate: int
    channels: int


Message = Begin | str | Samples | None


class Pipe:
    """Standard input, or any binary stream: WAV, or raw samples of a known layout.

    Parameters
    ----------
    stream : binary file
    raw : Layout, optional
        Of raw samples; without it, a WAV header is expected.
    name : str
        Recording name in the results.
    """

    def __init__(self, stream: BinaryIO | io.RawIOBase, raw: Layout | None = None, *, name: str = "-") -> None:
        self.name = name
        self._stream, self._raw = stream, raw
        self._buffered = b""  # read ahead
        self._any_samples = False
        self._queue: queue.Queue[Message | Exception] = queue.Queue(QUEUE_BLOCKS)

    def messages(self) -> Iterator[Message]:
        """Yield the messages of the stream.

        Raises
        ------
        AudioError
            If the stream cannot be read as WAV or with the given layout.
        """
        threading.Thread(target=self._read, daemon=True, name="popclass-pipe").start()
        yield from queued_messages(self._queue, "the sending program")

    def _read(self) -> None:
        try:
            if self._raw is not None:
                first = self._read_exactly(MAGIC_BYTES)
                reject_header(first)
                # a whole block, however little arrives at once: a few samples would pass the check of their encoding
                self._buffered = first + self._read_exactly(_block_bytes(self._raw))
            layout = self._raw if self._raw is not None else wav_layout(self._read_exactly)
            while layout is not None:
                self._queue.put(Begin(layout.rate, layout.channels))
                self._read_samples(layout)
                layout = self._next_header()
            if not self._any_samples:
                raise AudioError("no sound arrived: did the program before the pipe fail?")
            self._queue.put(EOFError())
        except AudioError as error:
            self._queue.put(AudioError(f"{self.name}: {error}"))
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            self._queue.put(AudioError(f"{self.name}: cannot be read ({reason})"))

    def _read_samples(self, layout: Layout) -> None:
        """Queue the samples that follow one header."""
        left, partial = sys.maxsize if layout.length is None else layout.length, b""
        check = None if self._raw is None else EncodingCheck(layout)
        block_bytes = _block_bytes(layout)
        while left > 0:
            data = self._read_some(min(max(block_bytes, len(self._buffered)), left))
            if not data:
                break
            left -= len(data)
            data = partial + data
            whole = len(data) - len(data) % layout.frame_bytes
            partial = data[whole:]
            if whole:
                samples = layout.decode(data[:whole])
                if check is not None and (warning := check.check(samples)) is not None:
                    self._queue.put(warning)
                self._queue.put(samples)
                self._any_samples = True
        if layout.length is not None and left and self._any_samples:
            seconds = left / layout.frame_bytes / layout.rate
            self._queue.put(f"ended {seconds:.2f} s before the length in its header")

    def _next_header(self) -> Layout | None:
        """Return the layout of the next WAV stream, if any; skip other chunks after the samples."""
        while len(head := self._read_exactly(4)) == 4:
            if head in (b"RIFF", b"RF64"):
                self._buffered = head
                return wav_layout(self._read_exactly)
            size = int.from_bytes(self._read_exactly(4), "little")
            self._read_exactly(size + size % 2)
        return None

    def _read_some(self, size: int) -> bytes:
        """Return the bytes that have arrived, at most `size`; empty at the end."""
        if self._buffered:
            data, self._buffered = self._buffered[:size], self._buffered[size:]
            return data
        return self._stream.read(size) or b""

    def _read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self._read_some(size - len(data))):
            data += more
        return data


def _block_bytes(layout: Layout) -> int:
    return max(round(BLOCK_S * layout.rate), 1) * layout.frame_bytes


class Device:
    """Audio input device, through sounddevice and PortAudio.

    sounddevice is imported only for a device: a pipe needs no sound card. After a device is unplugged, the source waits
    for it and begins a new recording, at the rate the device then has. Lost samples are replaced by silence up to a
    second, so that times stay correct; a longer gap begins a new recording too.

    Parameters
    ----------
    device : str, optional
        Number or part of the name, as `python -m sounddevice` lists them (default: the system's).
    rate : int, optional
        In Hz (default: the device's).
    channels : int

    Raises
    ------
    UsageError
        If sounddevice or PortAudio is missing, or the device cannot be opened.
    """

    def __init__(self, device: str | None = None, rate: int | None = None, channels: int = 1) -> None:
        try:
            import sounddevice
        except (ImportError, OSError) as error:  # OSError where PortAudio is missing
            reason = one_line(str(error))
            raise UsageError(f"an audio device needs sounddevice and PortAudio ({reason}): {_INSTALL}") from None
        self._sound: Any = sounddevice
        self._device: str | int | None = int(device) if device is not None and device.isdecimal() else device
        self._rate, self._channels = rate, channels
        self.name = "default device" if device is None else device
        self._queue: queue.Queue[Message | Exception] = queue.Queue(QUEUE_BLOCKS)
        self._lost = 0  # samples for which the queue had no room
        self._disconnected = threading.Event()
        self._stream: Any = None
        self._present_rate = self._open()

    def messages(self) -> Iterator[Message]:
        """Yield the messages of the device, without end."""
        yield Begin(self._present_rate, self._channels)
        for message in queued_messages(self._queue, "the device"):
            if self._disconnected.is_set() and self._queue.empty():
                yield from self._reconnect()
            elif isinstance(message, np.ndarray) and self._lost:
                yield from self._report_loss()
            yield message

    def close(self) -> None:
        """Close the device."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open(self) -> int:
        """Start the stream and return its rate."""
        try:
            rate = self._rate or round(self._sound.query_devices(self._device, "input")["default_samplerate"])
            self._disconnected.clear()
            self._stream = self._sound.InputStream(
                samplerate=rate,
                device=self._device,
                channels=self._channels,
                dtype="float32",
                blocksize=round(BLOCK_S * rate),
                callback=self._callback,
                finished_callback=self._disconnected.set,
            )
            self._stream.start()
        except (self._sound.PortAudioError, ValueError, OSError) as error:
            problem = one_line(f"{self.name}: this device cannot be opened ({error})")
            raise UsageError(f"{problem}; python -m sounddevice lists the devices") from error
        return rate

    def _callback(self, block: Samples, frames: int, _time: Any, status: Any) -> None:
        """Queue a block without waiting; called by a thread of PortAudio."""
        try:
            if status:
                self._queue.put_nowait(f"the device reports: {status}")
            self._queue.put_nowait(block.copy())
        except queue.Full:
            self._lost += frames

    def _report_loss(self) -> Iterator[Message]:
        """Report lost samples and fill the gap, or begin a new recording."""
        lost, self._lost = self._lost, 0
        seconds = lost / self._present_rate
        yield f"overrun: {seconds:.2f} s of sound were lost because processing was too slow"
        if seconds <= MAX_FILLED_S:
            yield np.zeros((lost, self._channels), np.float32)
        else:
            yield Begin(self._present_rate, self._channels)

    def _reconnect(self) -> Iterator[Message]:
        """Wait until the device is available again, then begin a new recording."""
        yield f"{one_line(self.name)} is disconnected; waiting for it"
        self.close()
        while True:
            self._sound._terminate()  # PortAudio finds new devices only after a restart
            self._sound._initialize()
            try:
                self._present_rate = self._open()
                break
            except UsageError:
                yield None
                time.sleep(RETRY_S)
        yield f"{one_line(self.name)} is connected again, at {self._present_rate} Hz"
        yield Begin(self._present_rate, self._channels)


def queued_messages(pending: queue.Queue[Message | Exception], sender: str) -> Iterator[Message]:
    """Yield the messages in a queue; end at an `EOFError` in it, and raise any other exception."""
    idle, stalled = 0, round(STALLED_S / TICK_S)  # ticks without samples
    while True:
        try:
            message = pending.get(timeout=TICK_S)
        except queue.Empty:
            idle += 1
            if idle == stalled:
                yield f"no samples for {STALLED_S:g} s: is {sender} still running? Waiting"
            yield None
            continue
        if isinstance(message, EOFError):
            return
        if isinstance(message, Exception):
            raise message
        if isinstance(message, np.ndarray):
            if idle >= stalled:
                yield "samples are arriving again"
            idle = 0
        yield message


Source = Pipe | Device
