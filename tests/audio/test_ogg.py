"""Pages of an Ogg file that are missing, damaged or out of order are noticed, and good files pass."""

from __future__ import annotations

import io

import pytest
from bad_inputs.codecs import page_checksum, pages
from bad_inputs.sources import good
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.audio.ogg import is_whole, read_ogg

NAMES = ("vorbis", "opus", "flac-in-ogg")


def verdict(data: bytes) -> tuple[bool, bool, bool]:
    header = read_ogg(io.BytesIO(data))
    return header.cut_short, bool(header.damage), header.length_unknown


@pytest.mark.parametrize("name", NAMES)
def test_a_good_file_is_good(name: str) -> None:
    assert verdict(good(name)) == (False, False, False)


@pytest.mark.parametrize("name", NAMES)
def test_the_checksum_is_that_of_the_standard_bit_by_bit(name: str) -> None:
    for page in pages(good(name))[:3]:
        assert int.from_bytes(page[22:26], "little") == page_checksum(page)
        assert is_whole(page)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(NAMES), place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(name: str, place: float, flip: int) -> None:
    data = bytearray(good(name))
    data[int(place * len(data))] ^= flip
    cut_short, damaged, _ = verdict(bytes(data))
    assert cut_short or damaged


@settings(max_examples=100, deadline=None)
@given(name=st.sampled_from(NAMES), place=st.floats(0, 1, exclude_max=True))
def test_no_cut_goes_unnoticed(name: str, place: float) -> None:
    assert verdict(good(name)[: int(place * len(good(name)))]) != (False, False, False)


@pytest.mark.parametrize("name", NAMES)
def test_pages_have_an_order(name: str) -> None:
    for index in range(1, len(pages(good(name)))):
        without = pages(good(name))
        del without[index]
        assert verdict(b"".join(without)) != (False, False, False)


def test_streams_may_follow_each_other_and_zeros_the_last() -> None:
    assert verdict(good("vorbis") + good("opus")) == (False, False, False)
    assert verdict(good("vorbis") + bytes(70_000)) == (False, False, False)
    assert verdict(good("vorbis") + bytes(70_000) + good("opus"))[1]
