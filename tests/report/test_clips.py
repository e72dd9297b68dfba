"""Clips of events: samples, gain and size limit."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from popclass.report import clips as module
from popclass.report.clips import AFTER_S, BEFORE_S, PEAK_DBFS, Clip, Cutter, opus
from popclass.results import Event

RATE = 48_000


def event(seconds: float, channel: int = 1) -> Event:
    at = round(seconds * RATE)
    return Event(at, at + 10, at + 400, RATE, channel, 30.0, -10.0)


def cut(samples: np.ndarray, events: list[Event], block: int = 4096) -> list[Clip | None]:
    """The clips of events that are found up to 2.4 s late, as the detector finds them."""
    cutter, waiting = Cutter(), list(events)
    for start in range(0, len(samples), block):
        cutter.feed(samples[start : start + block].astype(np.float32), RATE)
        found = [each for each in waiting if each.onset < start + block - 2.4 * RATE]
        cutter.add(found)
        del waiting[: len(found)]
    cutter.add(waiting)
    return cutter.finish(len(samples) / RATE)


def recording(seconds: float, *, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(2).normal(0, 0.01, (round(seconds * RATE), channels))


@pytest.mark.parametrize("block", [1000, 65_536])
def test_cutter_samples(block: int) -> None:
    x = recording(3.0, channels=2)
    (clip,) = cut(x, [event(1.5, channel=2)], block)
    assert clip is not None
    decoded_samples, rate = soundfile.read(io.BytesIO(clip.data))
    assert (rate, clip.mime) == (RATE, "audio/flac")
    assert clip.start_s == 1.5 - BEFORE_S
    assert len(decoded_samples) == round((BEFORE_S + AFTER_S) * RATE)
    own = x[round(clip.start_s * RATE) :][: len(decoded_samples), 1]
    inside = slice(200, -200)
    assert np.allclose(decoded_samples[inside] * 10 ** (-clip.gain_db / 20), (own - own.mean())[inside], atol=1e-5)
    assert 20 * np.log10(np.abs(decoded_samples).max()) == pytest.approx(PEAK_DBFS, abs=0.01)
    assert decoded_samples[0] == decoded_samples[-1] == 0


def test_cutter_overlap_and_ends() -> None:
    found = cut(recording(1.0), [event(0.0), event(0.006), event(0.99)])
    lengths = [soundfile.info(io.BytesIO(clip.data)).duration for clip in found if clip is not None]
    assert lengths == pytest.approx([0.25, 0.256, 0.11])


def test_cutter_size_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    x, events = recording(8.0), [event(0.2 + 0.15 * number) for number in range(50)]
    packed = cut(x, events)
    assert {clip.mime for clip in packed if clip is not None} == {"audio/ogg"}
    assert None not in packed
    monkeypatch.setattr(module, "SIZE_LIMIT", 20_000)
    monkeypatch.setattr(module, "SIZE_LIMIT_PER_S", 0)
    few = cut(x, events)
    assert sum(len(clip.data) for clip in few if clip is not None) <= 20_000
    assert few == [clip if clip is not None else None for clip in packed[: 50 - few.count(None)]] + [None] * few.count(
        None
    )
    assert 0 < few.count(None) < 50


def test_cutter_certain_opus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips that cannot be FLAC are encoded early, and are the same."""
    x, events = recording(8.0), [event(0.2 + 0.15 * number) for number in range(50)]
    late = cut(x, events)
    monkeypatch.setattr(module, "MAX_SIZE_LIMIT", 600_000)
    assert cut(x, events) == late


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 192_000])
def test_opus_deterministic_and_similar(rate: int) -> None:
    t = np.arange(round(0.35 * rate)) / rate
    tone = (0.5 * np.sin(2 * np.pi * 700 * t)).astype(np.float32)
    data, _ = opus(tone, rate)
    assert data == opus(tone, rate)[0]
    decoded_samples, decoded = soundfile.read(io.BytesIO(data))
    assert decoded == 48_000
    middle = decoded_samples[2400 : 2400 + 9600]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * 48_000 / len(middle) == pytest.approx(700, abs=6)
