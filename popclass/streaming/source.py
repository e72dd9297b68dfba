"""Where samples come from while listening: messages from a thread that does nothing but take them in.

A source gives `Begin` when samples of a rate begin, arrays of samples, `Notice` where something should be said, and
None when a quarter of a second passed without any of these, so that whoever listens can do other things. What is taken
in waits in a queue of bounded length: a pipe is simply not read while it is full; a device cannot be stopped, so its
samples are lost, which is said.
"""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from popclass.errors import AudioError
from popclass.streaming.pcm import MAGIC_BYTES, Layout, Plausible, refuse_header, wav_layout

Samples = NDArray[np.float32]

BLOCK_S = 0.010  # taken from a pipe at a time
WAITING = 3000  # blocks that may wait: 30 s
TICK_S = 0.25
STALLED_S = 3.0  # without samples, after which it is said


@dataclass(frozen=True, slots=True)
class Begin:
    """Samples of this rate and number of channels follow; after others, a new recording begins."""

    rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be said."""

    text: str


Message = Begin | Notice | Samples | None


class Source(Protocol):
    """Gives messages until the samples end."""

    name: str

    def messages(self) -> Iterator[Message]:
        """See the module."""


class Pipe:
    """Standard input, or any binary stream: WAV, or raw samples of a known layout.

    Parameters
    ----------
    stream : binary file
    raw : Layout, optional
        Of raw samples; a WAV header is expected where None.
    name : str
        What results call it.
    """

    def __init__(self, stream: BinaryIO | io.RawIOBase, raw: Layout | None = None, *, name: str = "-") -> None:
        self.name = name
        self._stream, self._raw = stream, raw
        self._ahead = b""  # read, but not yet looked at
        self._passed_on = False  # any sample
        self._queue: queue.Queue[Message | Exception] = queue.Queue(WAITING)

    def messages(self) -> Iterator[Message]:
        """See `Source`.

        Raises
        ------
        AudioError
            Where the stream is nothing that can be read.
        """
        threading.Thread(target=self._take_in, daemon=True, name="popclass-pipe").start()
        yield from waited(self._queue, "its sender")

    def _take_in(self) -> None:
        try:
            layout = wav_layout(self._exactly) if self._raw is None else self._checked(self._raw)
            while layout is not None:
                self._queue.put(Begin(layout.rate, layout.channels))
                self._samples(layout)
                layout = None if self._raw is not None else self._next_header()
            if not self._passed_on:
                raise AudioError("no sound arrived: did the program before the pipe fail?")
            self._queue.put(EOFError())
        except AudioError as error:
            self._queue.put(AudioError(f"{self.name}: {error}"))
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            self._queue.put(AudioError(f"{self.name}: cannot be read ({reason})"))

    def _checked(self, raw: Layout) -> Layout:
        """Return the layout of raw samples, which must not begin with the header of a recording."""
        self._ahead = self._exactly(MAGIC_BYTES)
        refuse_header(self._ahead)
        return raw

    def _samples(self, layout: Layout) -> None:
        """Pass on the samples of one header."""
        left, rest = layout.length, b""
        plausible = None if self._raw is None else Plausible(layout)
        size = max(round(BLOCK_S * layout.rate), 1) * layout.frame_bytes
        while left is None or left > 0:
            data = self._some(size if left is None else min(size, left))
            if not data:
                break
            left = None if left is None else left - len(data)
            data = rest + data
            whole = len(data) // layout.frame_bytes * layout.frame_bytes
            rest = data[whole:]
            if whole:
                samples = layout.decode(data[:whole])
                if plausible is not None and (doubt := plausible.look(samples)) is not None:
                    self._queue.put(Notice(doubt))
                self._queue.put(samples)
                self._passed_on = True
        if left and self._passed_on:
            seconds = left / layout.frame_bytes / layout.rate
            self._queue.put(Notice(f"ended {seconds:.2f} s before the length its header gives"))

    def _next_header(self) -> Layout | None:
        """Return the layout of the next WAV stream, if any; other chunks after the samples are skipped."""
        while len(head := self._exactly(4)) == 4:
            if head in (b"RIFF", b"RF64"):
                self._ahead = head
                return wav_layout(self._exactly)
            size = int.from_bytes(self._exactly(4), "little")
            self._exactly(size + size % 2)
        return None

    def _some(self, size: int) -> bytes:
        """Return the bytes that have arrived, at most `size`; empty at the end."""
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        read1 = getattr(self._stream, "read1", None)
        return (read1(size) if read1 is not None else self._stream.read(size)) or b""

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self._some(size - len(data))):
            data += more
        return data


def waited(pending: queue.Queue[Message | Exception], who: str) -> Iterator[Message]:
    """Messages from a queue until an exception comes out of it; an `EOFError` is the ordinary end."""
    idle_s, said = 0.0, False
    while True:
        try:
            message = pending.get(timeout=TICK_S)
        except queue.Empty:
            idle_s += TICK_S
            if idle_s >= STALLED_S and not said:
                said = True
                yield Notice(f"no samples for {STALLED_S:g} s: is {who} still running? Waiting for more")
            yield None
            continue
        if isinstance(message, EOFError):
            return
        if isinstance(message, Exception):
            raise message
        if said and isinstance(message, np.ndarray):
            yield Notice("samples come again")
        idle_s, said = 0.0, said and not isinstance(message, np.ndarray)
        yield message
