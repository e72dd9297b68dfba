"""Tests of popclass.streaming.source, and of WAV streams and encodings in popclass.streaming.pcm."""

import io
import struct
import threading
import time

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.cli.listen import _ENCODINGS
from popclass.errors import AudioError
from popclass.streaming import source
from popclass.streaming.pcm import ENCODINGS, Layout, wav_layout
from popclass.streaming.source import Begin, Pipe

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


def test_messages_second_stream():
    first, second = written(wave(0.1), "PCM_16"), written(wave(0.1, channels=1), "FLOAT", rate=12_000)
    chunk = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    messages, _ = received(Pipe(io.BytesIO(first + chunk + second)))
    assert messages == [Begin(RATE, 2), Begin(12_000, 1)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"fLaC" + bytes(100), "not a WAV stream"),
        (b"RIFF", "not a WAV stream"),
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
