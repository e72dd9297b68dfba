"""Tests of popclass.streaming.device with a fake sounddevice."""

import sys
import threading
import types

import numpy as np
import pytest

from popclass.errors import UsageError
from popclass.streaming import device, source
from popclass.streaming.device import Device
from popclass.streaming.source import Begin


class PortAudioError(Exception):
    """Stand-in for sounddevice.PortAudioError."""


class FakeSound(types.ModuleType):
    """Fake sounddevice with one microphone."""

    PortAudioError = PortAudioError

    def __init__(self):
        super().__init__("sounddevice")
        self.rate, self.present, self.stream, self.restarts = 48_000, True, None, 0
        self.opened = threading.Event()

    def query_devices(self, name, kind):
        if not self.present or name == "nothing":
            raise ValueError(f"No input device matching {name!r}")
        return {"default_samplerate": float(self.rate)}

    def InputStream(self, **options):  # noqa: N802
        if options["samplerate"] > 100_000:
            raise PortAudioError("Invalid sample rate")
        self.options, self.stream = options, types.SimpleNamespace(start=self.opened.set, close=lambda: None)
        return self.stream

    def _terminate(self):
        self.restarts += 1

    def _initialize(self):
        self.present = self.restarts > 1  # not at the first attempt

    def play(self, blocks, status=""):
        for block in blocks:
            self.options["callback"](block, len(block), None, status)

    def unplug(self):
        self.present = False
        self.options["finished_callback"]()


@pytest.fixture
def sound(monkeypatch):
    fake = FakeSound()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr(device, "RETRY_S", 0.01)
    monkeypatch.setattr(source, "TICK_S", 0.01)
    return fake


def blocks(number, channels=1, value=0.1):
    return [np.full((480, channels), value, np.float32) for _ in range(number)]


def following(messages, number):
    """Return the next messages that are not None."""
    found = []
    while len(found) < number:
        if (message := next(messages)) is not None:
            found.append(message)
    return found


def test_messages_samples_copied(sound):
    messages = Device("USB", channels=2).messages()
    assert next(messages) == Begin(48_000, 2)
    assert (sound.options["device"], sound.options["dtype"], sound.options["blocksize"]) == ("USB", "float32", 480)
    buffer = blocks(1, 2)[0]
    sound.play([buffer])
    buffer[:] = 9  # PortAudio reuses its buffer
    np.testing.assert_array_equal(following(messages, 1)[0], blocks(1, 2)[0])


def test_device_number_and_rate(sound):
    assert next(Device("3", rate=44_100).messages()) == Begin(44_100, 1)
    assert sound.options["device"] == 3


def test_messages_reconnected(sound):
    messages = Device().messages()
    sound.play(blocks(2))
    assert len(following(messages, 3)) == 3
    sound.rate = 16_000
    sound.unplug()
    gone, back, begin = following(messages, 3)
    assert "is disconnected" in gone
    assert "is connected again, now at 16000 Hz" in back
    assert begin == Begin(16_000, 1)
    assert sound.restarts > 1, "the first attempt fails"
    sound.play(blocks(1))
    assert isinstance(following(messages, 1)[0], np.ndarray)


def test_messages_overrun_filled(sound, monkeypatch):
    monkeypatch.setattr(device, "QUEUE_BLOCKS", 20)
    microphone = Device()
    sound.play(blocks(50))  # nothing reads them
    messages = microphone.messages()
    found = following(messages, 1 + 2 + 20)
    assert found[0] == Begin(48_000, 1)
    assert [message[:15] for message in found if isinstance(message, str)] == ["overrun: 0.30 s"]
    samples = [message for message in found if isinstance(message, np.ndarray)]
    assert sum(map(len, samples)) == 50 * 480


def test_messages_long_overrun(sound, monkeypatch):
    monkeypatch.setattr(device, "QUEUE_BLOCKS", 20)
    microphone = Device()
    sound.play(blocks(200))
    first, notice, second = following(microphone.messages(), 3)
    assert first == second == Begin(48_000, 1)
    assert "1.80 s" in notice


def test_messages_device_status(sound):
    messages = Device().messages()
    sound.play(blocks(1), status="input overflow")
    assert "input overflow" in following(messages, 2)[1]


def test_device_unusable(sound):
    with pytest.raises(UsageError, match="nothing: this device cannot be opened"):
        Device("nothing")
    with pytest.raises(UsageError, match="Invalid sample rate"):
        Device(rate=192_000)


def test_device_without_sounddevice(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UsageError, match=r"popclass\[live\].*libportaudio2"):
        Device()
