"""Tests of popclass.streaming.source, with a fake sounddevice, and of WAV streams in popclass.streaming.pcm."""

import io
import struct
import sys
import threading
import time
import types

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.cli.listen import _ENCODINGS
from popclass.errors import AudioError, UsageError
from popclass.streaming import source
from popclass.streaming.pcm import ENCODINGS, Layout, wav_layout
from popclass.streaming.source import Begin, Device, Pipe

RATE = 8000
SUBTYPES = {
    **{"u8": "PCM_U8", "s16le": "PCM_16", "s24le": "PCM_24", "s32le": "PCM_32", "f32le": "FLOAT", "f64le": "DOUBLE"},
    **{"mulaw": "ULAW", "alaw": "ALAW"},
}


class PartialReads(io.RawIOBase):
    """Stream that returns a few bytes at a time."""

    def __init__(self, data, sizes):
        self.data, self.sizes, self.at = data, sizes, 0

    def read(self, size=-1):
        size = min(size, self.sizes[self.at % len(self.sizes)])
        part, self.data, self.at = self.data[:size], self.data[size:], self.at + 1
        return part


def wave(seconds=0.5, channels=2, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (round(seconds * RATE), channels)).astype(np.float32)


def written(samples, subtype, kind="WAV", rate=RATE):
    file = io.BytesIO()
    sf.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def one_layout(messages):
    return sum(isinstance(message, Begin) for message in messages) < 2


def received(pipe):
    """Return the messages of a pipe and its samples."""
    messages = [message for message in pipe.messages() if message is not None]
    blocks = [message for message in messages if isinstance(message, np.ndarray)]
    others = [message for message in messages if not isinstance(message, np.ndarray)]
    return others, np.concatenate(blocks or [wave(0)]) if one_layout(messages) else None


def test_encodings_same_in_command():
    assert _ENCODINGS == ENCODINGS


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_decode_matches_libsndfile(encoding):
    data = written(wave(), SUBTYPES[encoding])
    expected = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)[0]
    messages, samples = received(Pipe(io.BytesIO(data)))
    assert messages == [Begin(RATE, 2)]
    np.testing.assert_array_equal(samples, expected)
    raw = written(wave(), SUBTYPES[encoding], "RAW")
    np.testing.assert_array_equal(received(Pipe(io.BytesIO(raw), Layout(RATE, 2, encoding)))[1], expected)


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 500), min_size=1, max_size=5))
def test_messages_partial_reads(sizes):
    data = written(wave(0.05), "PCM_24")
    expected = sf.read(io.BytesIO(data), dtype="float32")[0]
    np.testing.assert_array_equal(received(Pipe(PartialReads(data, sizes)))[1], expected)


@pytest.mark.parametrize("length", [0, 0x7FFFFFFF - 36, 0x80000000, 0xFFFFFFFF])
def test_wav_layout_unknown_length(length):
    data = written(wave(), "PCM_16")
    at = data.index(b"data") + 4
    messages, samples = received(Pipe(io.BytesIO(data[:at] + struct.pack("<I", length) + data[at + 4 :])))
    assert messages == [Begin(RATE, 2)]
    assert len(samples) == len(wave())


def test_messages_truncated():
    data = written(wave(1.0), "PCM_16")
    messages, samples = received(Pipe(io.BytesIO(data[: len(data) // 2 + 1])))
    assert len(samples) == pytest.approx(RATE / 2, abs=20)
    assert messages[0] == Begin(RATE, 2)
    assert "before the length" in messages[1]


@pytest.mark.parametrize("sizes", [[1], [4], [8, 500], [10_000]], ids=str)
@pytest.mark.parametrize("encoding", ["f32le", "f64le"])
def test_messages_wrong_encoding_from_start(sizes, encoding):
    """The first samples are checked together, however few arrive at once: none are passed on before the error."""
    data = bytes(8) + np.random.default_rng(0).bytes(5000)
    messages = Pipe(PartialReads(data, sizes), Layout(RATE, 1, encoding)).messages()
    assert next(messages) == Begin(RATE, 1)
    with pytest.raises(AudioError, match=f"is --encoding {encoding} right"):
        next(messages)


def test_messages_raw_shorter_than_block():
    samples = np.arange(3, dtype="<i2")
    _, found = received(Pipe(PartialReads(samples.tobytes() + b"\0", [1]), Layout(RATE, 1, "s16le")))
    np.testing.assert_array_equal(found[:, 0] * 32_768, samples)


def test_messages_second_stream():
    first, second = written(wave(0.1), "PCM_16"), written(wave(0.1, channels=1), "FLOAT", rate=12_000)
    chunk = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    messages, _ = received(Pipe(io.BytesIO(first + chunk + second)))
    assert messages == [Begin(RATE, 2), Begin(12_000, 1)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"fLaC" + bytes(100), "is not WAV"),
        (b"RIFF", "is not WAV"),
        (written(wave(), "PCM_16")[:30], "damaged WAV header"),
        (written(wave(), "PCM_16")[:36], "within its WAV header"),
        (written(wave(), "MS_ADPCM"), "WAV format 2"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "lacks the format"),
    ],
)
def test_wav_layout_invalid(data, problem):
    with pytest.raises(AudioError, match=problem):
        received(Pipe(io.BytesIO(data)))


def test_messages_no_samples():
    for raw in (None, Layout(RATE, 1, "s16le")):
        with pytest.raises(AudioError, match="no sound arrived: did the program before the pipe fail"):
            received(Pipe(io.BytesIO(b""), raw))
    assert wav_layout(io.BytesIO(b"").read) is None


def test_messages_stalled_sender(monkeypatch):
    monkeypatch.setattr(source, "TICK_S", 0.02)
    monkeypatch.setattr(source, "STALLED_S", 0.1)
    data, go_on = written(wave(), "PCM_16"), threading.Event()

    class Stalled(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 4000:
                go_on.wait(10)
            return super().read(size)

    messages, began = [], time.monotonic()
    for message in Pipe(Stalled(data)).messages():
        messages.append(message)
        if time.monotonic() - began > 0.4:
            go_on.set()
    notices = [message for message in messages if isinstance(message, str)]
    assert len(notices) == 2
    assert "still running" in notices[0]
    assert "again" in notices[1]
    assert sum(message is None for message in messages) > 5, "the caller gets control meanwhile"
    assert sum(len(message) for message in messages if isinstance(message, np.ndarray)) == len(wave())


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
    monkeypatch.setattr(source, "RETRY_S", 0.01)
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
    assert "is connected again, at 16000 Hz" in back
    assert begin == Begin(16_000, 1)
    assert sound.restarts > 1, "the first attempt fails"
    sound.play(blocks(1))
    assert isinstance(following(messages, 1)[0], np.ndarray)


def test_messages_overrun_filled(sound, monkeypatch):
    monkeypatch.setattr(source, "QUEUE_BLOCKS", 20)
    microphone = Device()
    sound.play(blocks(50))  # nothing reads them
    messages = microphone.messages()
    found = following(messages, 1 + 2 + 20)
    assert found[0] == Begin(48_000, 1)
    assert [message[:15] for message in found if isinstance(message, str)] == ["overrun: 0.30 s"]
    samples = [message for message in found if isinstance(message, np.ndarray)]
    assert sum(map(len, samples)) == 50 * 480


def test_messages_long_overrun(sound, monkeypatch):
    monkeypatch.setattr(source, "QUEUE_BLOCKS", 20)
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
