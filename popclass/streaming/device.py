"""A microphone, through sounddevice and PortAudio.

sounddevice is imported when a device is asked for, never before: listening to a pipe needs no sound card. A device
that is pulled out is waited for; when it is back, a new recording begins, at whatever rate the device then has. What
the device or the queue lost is filled with silence up to a second, so that the clock stays right; after more, a new
recording begins too.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from popclass.errors import UsageError
from popclass.streaming.source import WAITING, Begin, Message, Notice, Samples, waited
from popclass.utils.text import one_line

BLOCK_S = 0.010
RETRY_S = 1.0
FILLED_S = 1.0  # a longer gap begins a new recording
_HOW = (
    "pip install 'popclass[live]' and the PortAudio library of your system (Debian, Ubuntu: libportaudio2); "
    "or without a sound library: arecord -f S16_LE -r 48000 -t wav | popclass listen -"
)


class Device:
    """An input device.

    Parameters
    ----------
    device : str, optional
        Number or part of the name, as `python -m sounddevice` lists them; the system's default where None.
    rate : int, optional
        In hertz; the device's own where None.
    channels : int, optional
        1 where None.

    Raises
    ------
    UsageError
        Where sounddevice or PortAudio is missing, or there is no such device.
    """

    def __init__(self, device: str | None = None, *, rate: int | None = None, channels: int | None = None) -> None:
        self._sound = _sounddevice()
        self._device: str | int | None = int(device) if device is not None and device.isdecimal() else device
        self._rate, self._channels = rate, channels if channels is not None else 1
        self.name = "default device" if device is None else device
        self._queue: queue.Queue[Message | Exception] = queue.Queue(WAITING)
        self._lost = 0  # samples that found no place in the queue
        self._gone = threading.Event()
        self._stream: Any = None
        self._present_rate = self._open()

    def messages(self) -> Iterator[Message]:
        """See `popclass.streaming.source.Source`; ends only when it is stopped from outside."""
        yield Begin(self._present_rate, self._channels)
        for message in waited(self._queue, "the device"):
            if self._gone.is_set() and self._queue.empty():
                yield from self._come_back()
            elif isinstance(message, np.ndarray) and self._lost:
                yield from self._fill()
            yield message

    def close(self) -> None:
        """Let go of the device."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open(self) -> int:
        """Start the stream; gives its rate."""
        try:
            rate = self._rate
            if rate is None:
                rate = round(self._sound.query_devices(self._device, "input")["default_samplerate"])
            self._gone.clear()
            self._stream = self._sound.InputStream(
                samplerate=rate,
                device=self._device,
                channels=self._channels,
                dtype="float32",
                blocksize=round(BLOCK_S * rate),
                callback=self._take_in,
                finished_callback=self._gone.set,
            )
            self._stream.start()
        except (self._sound.PortAudioError, ValueError, OSError) as error:
            raise UsageError(
                f"{one_line(self.name)}: cannot listen to this device ({one_line(str(error))}); "
                "python -m sounddevice lists the devices"
            ) from error
        return rate

    def _take_in(self, block: Samples, frames: int, _time: Any, status: Any) -> None:
        """Queue a block and return at once; called by a thread of PortAudio."""
        try:
            if status:
                self._queue.put_nowait(Notice(f"the device reports: {status}"))
            self._queue.put_nowait(block.copy())
        except queue.Full:
            self._lost += frames

    def _fill(self) -> Iterator[Message]:
        """Say what was lost, and keep the clock right."""
        lost, self._lost = self._lost, 0
        seconds = lost / self._present_rate
        yield Notice(f"overrun: {seconds:.2f} s of sound were lost, listening could not keep up")
        if seconds <= FILLED_S:
            yield np.zeros((lost, self._channels), np.float32)
        else:
            yield Begin(self._present_rate, self._channels)

    def _come_back(self) -> Iterator[Message]:
        """Wait until the device is there again, then begin a new recording."""
        yield Notice(f"{one_line(self.name)} is gone; waiting for it to come back")
        self.close()
        while True:
            began = time.monotonic()
            self._sound._terminate()  # PortAudio sees new devices only when it is started anew
            self._sound._initialize()
            try:
                rate = self._open()
                break
            except UsageError:
                yield None
                time.sleep(max(RETRY_S - (time.monotonic() - began), 0))
        changed = f", now at {rate} Hz" if rate != self._present_rate else ""
        self._present_rate = rate
        yield Notice(f"{one_line(self.name)} is back{changed}")
        yield Begin(rate, self._channels)


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise UsageError(f"listening to a device needs sounddevice: {_HOW}") from None
    except OSError as error:  # sounddevice is there, PortAudio is not
        raise UsageError(f"listening to a device needs PortAudio ({one_line(str(error))}): {_HOW}") from None
    return sounddevice
