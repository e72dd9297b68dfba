"""Gaps between the frames of an MP3."""

from __future__ import annotations

import io

import pytest
from bad_inputs.sources import encoded, good, samples
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.audio.header import read_header


def damage(data: bytes) -> str:
    header = read_header(io.BytesIO(data))
    assert header is not None
    assert header.kind == "MP3"
    return header.damage


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000])
def test_read_mp3_good(rate: int) -> None:
    assert damage(encoded(samples(rate), rate, "mp3", "libmp3lame")) == ""
    assert damage(encoded(samples(rate), rate, "mp3", "libmp3lame", options={"write_xing": "0"})) == ""


def test_read_mp3_of_libsndfile() -> None:
    assert damage(good("mp3")) == ""


@settings(max_examples=100, deadline=None)
@given(place=st.floats(0.1, 0.8), count=st.integers(1, 3_000), byte=st.integers(0, 254))
def test_read_mp3_inserted_bytes(place: float, count: int, byte: int) -> None:
    data = good("mp3")
    at = int(place * len(data))
    assert "are not MP3" in damage(data[:at] + bytes([byte]) * count + data[at:])


@settings(max_examples=100, deadline=None)
@given(place=st.floats(0.1, 0.7), count=st.integers(1, 1_000))
def test_read_mp3_lost_bytes(place: float, count: int) -> None:
    data = good("mp3")
    at = int(place * len(data))
    header = read_header(io.BytesIO(data[:at] + data[at + count :]))
    assert header is not None
    assert header.damage or header.cut_short


def test_read_mp3_tags() -> None:
    data, older = good("mp3"), b"TAG" + bytes(125)
    newer = b"ID3\x04\0\0\0\0\0\x64" + bytes(100)
    ape = b"APETAGEX" + (2000).to_bytes(4, "little") + (32).to_bytes(4, "little") + bytes(4) + bytes(12) + bytes(32)
    for whole in (newer + data, data + older, data + newer + data, data + ape + older, newer + data + bytes(5000)):
        assert damage(whole) == ""


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"ID3", b"ID3\x04\0\0\0\0\0\x64", b"\xff\xf1L@" + bytes(99), bytes(999)]
)
def test_read_mp3_other_format(data: bytes) -> None:
    assert read_header(io.BytesIO(data)) is None
