"""Checks of the samples of a recording."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.audio.quality import SampleCheck
from popclass.errors import AudioError

RATE = 8_000


def noise(seconds: float = 4.0, channels: int = 1, level: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(1)
    return random.normal(0, level, (int(RATE * seconds), channels)).astype(np.float32)


def warnings(samples: np.ndarray, block: int = 65_536, **options) -> list[str]:
    check = SampleCheck(RATE, samples.shape[1], **options)
    for start in range(0, len(samples), block):
        check.feed(samples[start : start + block])
    return check.finish()


def test_good_recording():
    assert warnings(noise()) == []
    assert warnings(noise() / np.abs(noise()).max()) == [], "one sample at full scale is a normalised file"


def test_dc_offset_channel():
    samples = noise(channels=2, level=0.01) + np.float32([0, -0.25])
    assert warnings(samples) == ["DC offset of -0.250 of full scale in channel 2"]


def clipped(*places: int, length: int = 3, level: float = 1.0) -> np.ndarray:
    samples = noise(level=0.05)
    for place in places:
        samples[place : place + length] = level
    return samples


def test_clipping_places():
    assert warnings(clipped(800, 900, 20_000)) == ["clipped in 3 places, first at 0.100 s: the level was too high"]
    assert warnings(clipped(0, length=4, level=-1.0)) == [
        "clipped in 1 place, first at 0.000 s: the level was too high"
    ]
    assert warnings(clipped(800, 900, length=2)) == []


@pytest.mark.parametrize(("rail", "level"), [(127 / 128, 127 / 128), (32124 / 32768, -32124 / 32768)])
def test_clipping_rail(rail, level):
    assert len(warnings(clipped(800, level=level), rail=rail)) == 1
    assert warnings(clipped(800, level=level), rail=1.0) == []


def test_beyond_full_scale():
    samples = clipped(4_000, length=5, level=1.5)
    assert warnings(samples, unbounded=True) == ["samples up to 1.5 times full scale, first at 0.500 s"]


def test_dropout():
    samples = noise(6.0)
    samples[8_000:16_000] = 0
    assert warnings(samples) == ["1.0 s of digital silence, the longest 1.0 s from 1.0 s on: a dropout?"]
    samples[15_999] = 0.1
    assert warnings(samples) == []
    samples[20_000:] = 0
    assert warnings(samples) == ["3.5 s of digital silence, the longest 3.5 s from 2.5 s on: a dropout?"]


def test_dropout_one_channel():
    assert warnings(noise(channels=2) * np.float32([1, 0])) == []


@settings(max_examples=60, deadline=None)
@given(block=st.integers(1, 40_000), seed=st.integers(0, 1000))
def test_block_size(block, seed):
    block = max(block, 150)
    random = np.random.default_rng(seed)
    samples = noise(4.0, channels=2, level=0.2)
    for _ in range(random.integers(0, 4)):
        start = random.integers(0, len(samples))
        samples[start : start + random.integers(1, 12_000)] = random.choice([0.0, 1.0, -1.0])
    for place in random.integers(0, len(samples) - 10, 5):
        samples[place : place + random.integers(1, 6), 0] = random.choice([1.0, -1.0])
    whole, parts = outcome(samples, 65_536), outcome(samples, block)
    assert parts == whole


def outcome(samples: np.ndarray, block: int) -> list[str]:
    try:
        return warnings(samples, block)
    except AudioError as error:
        return [str(error)]


@pytest.mark.parametrize(
    "samples",
    [
        np.sign(noise()) * np.float32(0.4),
        np.clip(noise() * 1000, -1, 1),
        np.clip(noise() * 1000, -0.3, 1.0),
        np.clip(np.sin(np.arange(RATE))[:, None] * 50, -1, 1).astype(np.float32),
    ],
)
def test_clipped_throughout(samples):
    if samples.min() == np.float32(-0.3):
        samples = np.where(noise() > -0.05, samples, np.float32(-1))  # lopsided, still nothing but rails
    with pytest.raises(AudioError, match="clipped throughout"):
        warnings(samples)


@pytest.mark.parametrize(
    "samples",
    [
        np.clip(noise(level=1.0), -1, 1),
        np.sin(np.arange(RATE))[:, None].astype(np.float32),
        np.clip(np.sin(np.arange(RATE))[:, None] * 1.2, -1, 1).astype(np.float32),
        np.sign(noise()) * np.float32(2**-15),
        clipped(*range(0, 30_000, 500), length=100),
        noise() * np.float32(1e-4) + np.float32(0.34),
    ],
    ids=["hot noise", "tone", "hot tone", "last bit only", "clipped clicks", "quiet on a DC offset"],
)
def test_hot_recording(samples):
    warnings(samples)


def test_infinite_sample_time():
    samples = noise()
    samples[12_345] = np.inf
    with pytest.raises(AudioError, match=r"at 1\.543125 s is infinite"):
        warnings(samples, 1000)
