"""Tests of popclass.audio.excerpts."""

import numpy as np
import pytest
import soundfile as sf

from popclass.audio.excerpts import read_excerpts
from popclass.audio.recording import BLOCK_FRAMES, open_recording
from popclass.errors import AudioError

RATE = 48_000
# apart, overlapping, one inside another, across the borders of blocks, at the end and beyond it
RANGES = [
    *((0, 10), (5, 3000), (100, 200), (BLOCK_FRAMES - 5, BLOCK_FRAMES + 5), (BLOCK_FRAMES, 3 * BLOCK_FRAMES)),
    *((199_990, 200_010), (300_000, 300_010)),
]


@pytest.fixture(scope="module")
def samples():
    return np.random.default_rng(0).normal(0, 0.1, (200_000, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("suffix", "subtype"), [("wav", "PCM_24"), ("flac", "PCM_16"), ("aiff", "FLOAT"), ("ogg", None)]
)
def test_read_excerpts_formats(tmp_path, samples, suffix, subtype):
    path = tmp_path / f"a.{suffix}"
    sf.write(path, samples, RATE, subtype=subtype)
    with open_recording(path) as recording:
        whole = np.concatenate(list(recording.blocks()))
    with open_recording(path) as recording:
        sought = recording.read_at(0, 1) is not None
        assert sought == (suffix != "ogg")
    with open_recording(path) as recording:
        for (first, last), found in zip(RANGES, read_excerpts(recording, RANGES), strict=True):
            assert np.array_equal(found, whole[first:last])


def test_read_excerpts_seeks(tmp_path, samples, monkeypatch):
    sf.write(tmp_path / "a.wav", samples, RATE)
    with open_recording(tmp_path / "a.wav") as recording:
        monkeypatch.setattr(recording, "blocks", None)
        assert len(next(read_excerpts(recording, [(150_000, 150_100)]))) == 100


def test_read_excerpts_damaged(tmp_path, samples):
    path = tmp_path / "a.flac"
    sf.write(path, samples, RATE)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 60_000] = bytes(60_000)
    path.write_bytes(data)
    with open_recording(path, name="a.flac") as recording, pytest.raises(AudioError, match=r"^a\.flac: "):
        list(read_excerpts(recording, [(len(samples) // 2 + 5000, len(samples) // 2 + 9000)]))
