"""Lossy codecs: delay, length, bit rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from clicks import RATE, clicks, shift

from popclass.synthesis.codecs import CODECS, Encoding, code, draw_encoding

ANY_RATE = (8000, 16000, 22050, 44100, 48000, 96000)
CASES = [(name, rate) for name, codec in CODECS.items() for rate in codec.rates or ANY_RATE]


def encoding(name: str, bit_rate: int, **options: str) -> Encoding:
    return Encoding(CODECS[name], bit_rate, {**draw_encoding(np.random.default_rng(0), name, RATE).options, **options})


@pytest.mark.parametrize(("name", "rate"), CASES)
@pytest.mark.parametrize("extreme", [0, 1])
def test_code_keeps_length_and_time(name: str, rate: int, extreme: int) -> None:
    signal = clicks(rate)[:-77]
    drawn = draw_encoding(np.random.default_rng(extreme), name, rate)
    bit_rate = min(int(drawn.codec.bit_rates[extreme]), 6 * rate) if name != "amr" else drawn.bit_rate
    coded = code(signal, rate, replace(drawn, bit_rate=bit_rate))
    assert len(coded) == len(signal)
    assert coded.dtype == np.float32
    assert abs(shift(signal, coded)) <= max(1, rate // 16000)
    assert not np.array_equal(coded, signal)


@pytest.mark.parametrize(
    ("name", "bit_rate", "least"), [("aac", 128_000, 0.9), ("mp3", 128_000, 0.9), ("opus", 96_000, 0.8)]
)
def test_code_resembles_signal(name: str, bit_rate: int, least: float) -> None:
    signal = clicks()
    assert np.corrcoef(signal, code(signal, RATE, encoding(name, bit_rate)))[0, 1] > least


@pytest.mark.parametrize("name", list(CODECS))
def test_code_reproducible(name: str) -> None:
    rate = max(CODECS[name].rates or (RATE,))
    drawn = draw_encoding(np.random.default_rng(2), name, rate)
    first, second = (code(clicks(rate), rate, drawn) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_code_channels() -> None:
    signal = clicks()
    both = code(np.stack([signal, signal[::-1]], axis=1), RATE, encoding("aac", 96_000))
    assert both.shape == (len(signal), 2)
    assert np.array_equal(both[:, 0], code(signal, RATE, encoding("aac", 96_000)))


@pytest.mark.parametrize("name", list(CODECS))
def test_draw_encoding_in_range(name: str) -> None:
    low, high = CODECS[name].bit_rates
    drawn = [draw_encoding(np.random.default_rng(seed), name, RATE) for seed in range(50)]
    assert all(low <= each.bit_rate <= high for each in drawn)
    assert len({each.bit_rate for each in drawn}) > 5


def test_draw_encoding_low_rate() -> None:
    assert all(draw_encoding(np.random.default_rng(seed), "aac", 8000).bit_rate <= 48_000 for seed in range(20))
