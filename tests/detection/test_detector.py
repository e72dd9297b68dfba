"""The streaming detector."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import click, matched, noise, with_clicks

from popclass.detection import Detector
from popclass.errors import UsageError


def detect(samples, rate=48000, block=65536):
    samples = np.asarray(samples, np.float32)
    samples = samples[:, None] if samples.ndim == 1 else samples
    detector = Detector(rate, samples.shape[1])
    found = []
    for start in range(0, len(samples), block):
        found += detector.feed(samples[start : start + block])
    return found + detector.flush()


def onsets(samples, rate=48000, block=65536):
    return [sound.event.onset for sound in detect(samples, rate, block)]


@pytest.mark.parametrize("colour", ["white", "pink"])
def test_clicks_at_6_db(colour):
    rng = np.random.default_rng(0)
    signal, true = with_clicks(noise(rng, 60, colour=colour), rng, 6)
    found = onsets(signal * 0.01)
    hit, right, _ = matched(found, true, 240)
    assert hit / len(true) >= 0.99
    assert right / len(found) >= 0.99


def test_clicks_at_0_db():
    rng = np.random.default_rng(1)
    signal, true = with_clicks(noise(rng, 60), rng, 0)
    assert matched(onsets(signal * 0.01), true, 480)[0] / len(true) >= 0.95


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 192000])
def test_onset_accuracy(rate):
    rng = np.random.default_rng(2)
    signal, true = with_clicks(noise(rng, 20, rate), rng, 20, rate, hertz=(300, 3000))
    hit, _, errors = matched(onsets(signal * 0.01, rate), true, rate // 100)
    assert hit == len(true)
    assert np.median(np.abs(errors)) < rate / 1000


@pytest.mark.parametrize("colour", ["white", "pink", "brown"])
def test_stationary_noise(colour):
    assert onsets(noise(np.random.default_rng(3), 120, colour=colour) * 0.01) == []


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    blocks=st.lists(st.integers(1, 200_000), min_size=1, max_size=6), seed=st.integers(0, 3), voice=st.floats(0, 100)
)
def test_block_sizes(blocks, seed, voice):
    rng = np.random.default_rng(seed)
    background = [noise(rng, 5) + voiced(5) * gain * voice for gain in (1, 0.2)]
    signal = np.stack([with_clicks(each, rng, snr)[0] for each, snr in zip(background, (3, 12), strict=True)], axis=1)
    signal = signal.astype(np.float32) * 0.01
    detector, found, start, turn = Detector(48000, 2), [], 0, 0
    while start < len(signal):
        size = blocks[turn % len(blocks)]
        found += detector.feed(signal[start : start + size])
        start, turn = start + size, turn + 1
    found += detector.flush()
    expected = detect(signal)
    assert [sound.event for sound in found] == [sound.event for sound in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.clip, other.clip)
        assert (one.clip_start, one.next_onset) == (other.clip_start, other.next_onset)


@pytest.mark.parametrize(
    ("gap_ms", "separation_ms", "number"),
    [(4.5, 3, 2), (4.5, 5, 1), (2.0, 3, 1), (7.0, 5, 2), (7.0, 8, 1), (9.0, 8, 2), (9.0, 10, 1)],
)
def test_separation(gap_ms, separation_ms, number):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        signal = noise(rng, 2) * 1e-3
        for onset in (48000 + 13 * seed, 48000 + 13 * seed + round(48 * gap_ms)):
            signal[onset : onset + 480] += click(rng, fall_ms=(0.3, 0.6))[:480] * 0.1
        detector = Detector(48000, 1, separation_s=separation_ms / 1000)
        assert len(detector.feed(signal[:, None].astype(np.float32)) + detector.flush()) == number


@pytest.mark.parametrize("separation_s", [0.0, 0.0019, 0.051, float("nan")])
def test_separation_out_of_range(separation_s):
    with pytest.raises(UsageError, match=r"separation_s .* is out of range: allowed is 0\.002 to 0\.05"):
        Detector(48000, 1, separation_s=separation_s)


def test_separation_default():
    for gap, number in ((288, 2), (144, 1)):
        rng = np.random.default_rng(4)
        signal = noise(rng, 2) * 1e-3
        for onset in (48000, 48000 + gap):
            signal[onset : onset + 1440] += click(rng, fall_ms=(1, 1.2)) * 0.1
        assert len(onsets(signal)) == number


@pytest.mark.parametrize("level", [0.002, 0.02, 0.2])
def test_pops_six_milliseconds_apart(level):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        signal = noise(rng, 2) * 2e-4
        pops = 48000 + 289 * np.arange(4)
        for onset in pops:
            signal[onset : onset + 1440] += click(rng, fall_ms=(0.5, 1)) * level
        hit, right, _ = matched(onsets(signal), pops, 48)
        assert hit == right == 4


def thrust(rng, response):
    """A second with six pops, each up to 9 dB weaker than the first, convolved with a response, and their onsets."""
    pops = 24000 + np.cumsum(rng.integers(700, 2800, 6))
    signal = np.zeros(48000)
    for number, onset in enumerate(pops):
        signal[onset : onset + 1440] += click(rng) * 10 ** (-(rng.uniform(0, 9) if number else 0) / 20)
    return np.convolve(signal, response)[:48000], pops


@pytest.mark.parametrize("place", ["room", "skin"])
def test_later_pops(place):
    rng = np.random.default_rng(21)
    time = np.arange(14400) / 48000
    found, number = 0, 0
    for _ in range(10):
        if place == "room":  # 0.3 s of reverberation, as strong as the direct sound
            response = rng.standard_normal(len(time)) * np.exp(-time * np.log(1000) / 0.3) * (time > 0.003)
            response /= np.sqrt(np.sum(response**2))
        else:
            response = 0.002 * np.sin(2 * np.pi * 150 * time) * np.exp(-time / 0.01)
        response[0] = 1
        signal, pops = thrust(rng, response)
        found += matched(onsets(signal * 0.1 + noise(rng, 1) * 5e-4), pops, 144)[0]
        number += len(pops)
    assert found / number >= 0.95


def voiced(seconds, hertz=120):
    """Glottal pulses 1/120 s apart through two resonances, in syllables of a quarter second."""
    time = np.arange(2400) / 48000
    pulse = np.sin(2 * np.pi * 600 * time) * np.exp(-time * 300) + np.sin(2 * np.pi * 1800 * time) * np.exp(-time * 500)
    signal = np.zeros(round(seconds * 48000))
    signal[np.round(np.arange(0, len(signal), 48000 / hertz)).astype(int)] = 1
    envelope = np.sin(np.pi * 4 * np.arange(len(signal)) / 48000) ** 2
    return np.convolve(signal, pulse)[: len(signal)] * envelope


def test_voiced_sound():
    rng = np.random.default_rng(22)
    signal = voiced(20) * 0.1 + noise(rng, 20) * 1e-4
    assert len(onsets(signal)) <= 20  # of 2400 pulses


def test_event_at_first_sample():
    rng = np.random.default_rng(5)
    signal = noise(rng, 1) * 1e-3
    signal[:1440] += click(rng) * 0.1
    assert abs(onsets(signal)[0]) <= 24


def test_event_at_end():
    rng = np.random.default_rng(6)
    signal = noise(rng, 1) * 1e-3
    signal[-100:] += click(rng)[:100] * 0.1
    assert abs(onsets(signal)[-1] - (len(signal) - 100)) <= 24


def test_dc_and_rumble():
    rng = np.random.default_rng(7)
    time = np.arange(96000) / 48000
    signal = 0.34 + 0.1 * np.sin(2 * np.pi * 9 * time) + noise(rng, 2) * 1e-3
    signal[48000:49440] += click(rng) * 0.03
    assert [round(onset / 48000, 3) for onset in onsets(signal)] == [1.0]


def test_channel():
    rng = np.random.default_rng(8)
    signal = np.stack([noise(rng, 1) for _ in range(4)], axis=1) * 1e-3
    signal[24000:25440, 2] += click(rng) * 0.05
    sounds = detect(signal)
    assert [sound.event.channel for sound in sounds] == [3]


def test_snr_db():
    rng = np.random.default_rng(9)
    signal, true = with_clicks(noise(rng, 30), rng, 20)
    levels = [sound.event.snr_db for sound in detect(signal * 0.01)]
    assert len(levels) == len(true)
    assert np.median(levels) == pytest.approx(20, abs=1)


def test_event_order_and_bounds():
    rng = np.random.default_rng(10)
    signal = noise(rng, 20)
    for onset in np.cumsum(rng.integers(100, 4000, 450)):
        signal[onset : onset + 1440] += click(rng, fall_ms=(2, 20)) * rng.uniform(3, 100)
    events = [sound.event for sound in detect(signal * 0.01)]
    assert len(events) > 100
    for event, following in zip(events, [*events[1:], None], strict=True):
        assert 0 <= event.onset <= event.peak < event.end <= len(signal)
        assert following is None or (event.end <= following.onset and following.onset - event.onset >= 240)


@pytest.mark.parametrize("samples", [1, 63, 64, 65, 1000, 65536, 65537, 131072])
def test_any_length(samples):
    detect(np.random.default_rng(11).standard_normal(samples) * 0.01)


@pytest.mark.parametrize("level", [0.05, 1.0])
def test_end_within_sound(level):
    signal = noise(np.random.default_rng(13), 0.5) * 0.001
    signal[12000:13440] += click(np.random.default_rng(14)) * level
    for length in range(11900, 13000, 7):
        assert all(sound.event.onset < length for sound in detect(signal[:length]))


def test_peek():
    rng = np.random.default_rng(15)
    signal = noise(rng, 6) * 0.01
    for onset in rng.integers(1000, 280_000, 30):
        signal[onset : onset + 1440] += click(rng)
    looked, left = Detector(48000, 1), Detector(48000, 1)
    sounds, expected = [], []
    for at in range(0, len(signal), 7000):
        block = signal[at : at + 7000, None].astype(np.float32)
        sounds += looked.feed(block)
        expected += left.feed(block)
        peeked = [sound.event for sound in looked.peek()]
        if at % 3 == 0:
            again = Detector(48000, 1)
            before = len(again.feed(signal[: at + 7000, None].astype(np.float32)))
            assert before == len(sounds)
            assert peeked == [sound.event for sound in again.flush()]
        assert all(event.onset >= looked.settled for event in peeked)
    assert [sound.event for sound in sounds + looked.flush()] == [sound.event for sound in expected + left.flush()]


def test_memory():
    detector = Detector(8000, 1)
    rng = np.random.default_rng(12)
    for _ in range(200):
        detector.feed(rng.standard_normal((8000, 1)).astype(np.float32) * 0.01)
        held = detector._samples.nbytes + detector._energies.nbytes + detector._backgrounds.nbytes
        assert held < 1_000_000


class TestRealRecordings:
    def test_wrist_crack(self, realdata):
        samples, rate = soundfile.read(realdata / "cracks" / "wrist_crack.wav")
        strongest = max((sound.event for sound in detect(samples, rate)), key=lambda event: event.snr_db)
        assert strongest.start_s == pytest.approx(3.0191, abs=0.002)

    def test_four_cracks(self, realdata):
        samples, rate = soundfile.read(realdata / "cracks" / "four_cracks.wav")
        loud = [sound.event.start_s for sound in detect(samples, rate) if sound.event.snr_db > 20]
        assert loud == pytest.approx([0.0310, 0.0372, 0.1263, 0.2188], abs=0.002)
