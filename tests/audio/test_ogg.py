"""Missing, damaged and misplaced pages of an Ogg file."""

from __future__ import annotations

import io

import pytest
from bad_inputs.codecs import page_checksum, pages
from bad_inputs.sources import good
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.audio.container import ContainerHeader
from popclass.audio.ogg import checksum_matches, read_ogg

NAMES = ("vorbis", "opus", "flac-in-ogg")


def status(data: bytes) -> tuple[bool, bool, bool]:
    header = ContainerHeader("Ogg")
    read_ogg(io.BytesIO(data), len(data), header)
    return header.cut_short, bool(header.damage), header.length_unknown


@pytest.mark.parametrize("name", NAMES)
def test_read_ogg_good(name: str) -> None:
    assert status(good(name)) == (False, False, False)


@pytest.mark.parametrize("name", NAMES)
def test_checksum_matches_standard(name: str) -> None:
    for page in pages(good(name))[:3]:
        assert int.from_bytes(page[22:26], "little") == page_checksum(page)
        assert checksum_matches(page)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(NAMES), place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_read_ogg_changed_byte(name: str, place: float, flip: int) -> None:
    data = bytearray(good(name))
    data[int(place * len(data))] ^= flip
    cut_short, damaged, _ = status(bytes(data))
    assert cut_short or damaged


@settings(max_examples=100, deadline=None)
@given(name=st.sampled_from(NAMES), place=st.floats(0, 1, exclude_max=True))
def test_read_ogg_cut(name: str, place: float) -> None:
    assert status(good(name)[: int(place * len(good(name)))]) != (False, False, False)


@pytest.mark.parametrize("name", NAMES)
def test_read_ogg_missing_page(name: str) -> None:
    for index in range(1, len(pages(good(name)))):
        without = pages(good(name))
        del without[index]
        assert status(b"".join(without)) != (False, False, False)


def test_read_ogg_chained_streams() -> None:
    assert status(good("vorbis") + good("opus")) == (False, False, False)
    assert status(good("vorbis") + bytes(70_000)) == (False, False, False)
    assert status(good("vorbis") + bytes(70_000) + good("opus"))[1]
