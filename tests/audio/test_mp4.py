"""Boxes of an mp4: completeness and encryption."""

from __future__ import annotations

import io

import pytest
from bad_inputs.boxes import _encrypted
from bad_inputs.sources import good
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.audio.header import read_header


def read(data: bytes):
    return read_header(io.BytesIO(data))


@pytest.mark.parametrize("name", ["m4a", "alac", "mp4", "mov", "3gp"])
def test_read_mp4_good(name: str) -> None:
    header = read(good(name))
    assert (header.fault, header.cut_short) == ("", False)


@pytest.mark.parametrize("codec", [b"drms", b"enca"])
def test_read_mp4_encrypted(codec: bytes) -> None:
    assert f"encrypted, as purchased music is ({codec.decode()})" in read(good("m4a").replace(b"mp4a", codec)).fault
    assert "encrypted" in read(_encrypted()).fault


def test_read_mp4_codec_name_in_data() -> None:
    data = good("m4a")
    at = data.index(b"mdat") + 40
    assert read(data[:at] + b"drmsenca" + data[at + 8 :]).fault == ""


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_read_mp4_any_bytes(data: st.DataObject) -> None:
    content = bytearray(good("m4a")[-900:])
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=20)):
        content[at] = data.draw(st.integers(0, 255))
    read(good("m4a")[:28] + bytes(content))
