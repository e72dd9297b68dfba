"""Sources of samples for live classification: messages from a thread that only reads.

A source yields `Begin` before samples of a rate, arrays of samples, text for the user, and None after a quarter of a
second without any of these, so that the caller can do other work. Messages wait in a queue of bounded length. A pipe
is not read while it is full. A device cannot be stopped: its samples are lost, and a notice reports it.
"""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np

from popclass.errors import AudioError
from popclass.streaming.pcm import MAGIC_BYTES, EncodingCheck, Layout, Samples, reject_header, wav_layout

BLOCK_S = 0.010  # of one read
QUEUE_BLOCKS = 3000  # 30 s
TICK_S = 0.25
STALLED_S = 3.0  # without samples, before a notice is shown


@dataclass(frozen=True, slots=True)
class Begin:
    """Start of a recording, whose samples have this rate and number of channels."""

    rate: int
    channels: int


Message = Begin | str | Samples | None


class Source(Protocol):
    """Source of samples with the name that messages to the user contain."""

    name: str

    def messages(self) -> Iterator[Message]:
        """Yield the messages that the module describes."""


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
                self._buffered = self._read_exactly(MAGIC_BYTES)
                reject_header(self._buffered)
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
        left = layout.length
        check = None if self._raw is None else EncodingCheck(layout)
        block_bytes = max(round(BLOCK_S * layout.rate), 1) * layout.frame_bytes
        while left is None or left > 0:
            size = block_bytes if left is None else min(block_bytes, left)
            data = self._read_exactly(size)
            left = None if left is None else left - len(data)
            whole = len(data) - len(data) % layout.frame_bytes
            if whole:
                samples = layout.decode(data[:whole])
                if check is not None and (warning := check.check(samples)) is not None:
                    self._queue.put(warning)
                self._queue.put(samples)
                self._any_samples = True
            if len(data) < size:
                break
        if left and self._any_samples:
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

    def _read_exactly(self, size: int) -> bytes:
        """Return the next bytes, fewer than `size` only at the end."""
        data, self._buffered = self._buffered[:size], self._buffered[size:]
        while len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        return data


def queued_messages(pending: queue.Queue[Message | Exception], sender: str) -> Iterator[Message]:
    """Yield the messages in a queue; end at an `EOFError` in it, and raise any other exception."""
    idle_s, notified = 0.0, False
    while True:
        try:
            message = pending.get(timeout=TICK_S)
        except queue.Empty:
            idle_s += TICK_S
            if idle_s >= STALLED_S and not notified:
                notified = True
                yield f"no samples for {STALLED_S:g} s: is {sender} still running? Waiting"
            yield None
            continue
        if isinstance(message, EOFError):
            return
        if isinstance(message, Exception):
            raise message
        if isinstance(message, np.ndarray):
            if notified:
                yield "samples are arriving again"
            idle_s, notified = 0.0, False
        yield message
