"""Audio input devices, through sounddevice and PortAudio.

sounddevice is imported only for a device: a pipe needs no sound card. After a device is unplugged, the source waits for
it and begins a new recording, at the rate the device then has. Lost samples are replaced by silence up to a second, so
that times stay correct; a longer gap begins a new recording too.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from popclass.errors import UsageError
from popclass.streaming.pcm import Samples
from popclass.streaming.source import BLOCK_S, QUEUE_BLOCKS, Begin, Message, queued_messages
from popclass.utils.text import one_line

RETRY_S = 1.0
MAX_FILLED_S = 1.0  # a longer gap begins a new recording
_INSTALL = (
    "pip install 'popclass[live]' and the PortAudio library of your system (Debian, Ubuntu: libportaudio2); "
    "or without a sound library: arecord -f S16_LE -r 48000 -t wav | popclass listen -"
)


class Device:
    """Audio input device as a source.

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
        """Yield messages (see `popclass.streaming.source`) without end."""
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
            rate = self._rate
            if rate is None:
                rate = round(self._sound.query_devices(self._device, "input")["default_samplerate"])
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
            raise UsageError(
                f"{one_line(self.name)}: this device cannot be opened ({one_line(str(error))}); "
                "python -m sounddevice lists the devices"
            ) from error
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
                rate = self._open()
                break
            except UsageError:
                yield None
                time.sleep(RETRY_S)
        changed = f", now at {rate} Hz" if rate != self._present_rate else ""
        self._present_rate = rate
        yield f"{one_line(self.name)} is connected again{changed}"
        yield Begin(rate, self._channels)
