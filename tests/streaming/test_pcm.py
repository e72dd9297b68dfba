"""Tests of popclass.streaming.pcm: wrong encodings of raw samples."""

import numpy as np
import pytest

from popclass.errors import AudioError
from popclass.streaming.pcm import EncodingCheck, Layout, reject_header

RATE = 48_000


def quiet(kind):
    """Return 1.5 s of noise at -40 dB of full scale, as bytes of an encoding."""
    x = np.random.default_rng(2).normal(0, 0.01, 3 * RATE // 2)
    if kind == "s24le":
        return (x * 2**31).astype("<i4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    scale = {"s16le": ("<i2", 2**15), "s32le": ("<i4", 2**31), "f32le": ("<f4", 1), "f64le": ("<f8", 1)}[kind]
    return (x * scale[1]).astype(scale[0]).tobytes()


def warnings_of(data, encoding):
    """Return the warnings for these bytes, read in blocks."""
    layout = Layout(RATE, 1, encoding)
    check, size = EncodingCheck(layout), layout.frame_bytes * RATE // 100
    warnings = [check.check(layout.decode(data[at : at + size])) for at in range(0, len(data) - size + 1, size)]
    return [line for line in warnings if line is not None]


@pytest.mark.parametrize("encoding", ["s16le", "s24le", "s32le", "f32le", "f64le"])
def test_check_right_encoding(encoding):
    assert warnings_of(quiet(encoding), encoding) == []


@pytest.mark.parametrize("sent", ["s16le", "s24le", "s32le"])
@pytest.mark.parametrize("read", ["f32le", "f64le"])
def test_check_integers_as_floats(sent, read):
    with (
        np.errstate(over="raise", invalid="raise", divide="raise"),
        pytest.raises(AudioError, match=f"is --encoding {read} right"),
    ):
        warnings_of(quiet(sent), read)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("s16le", "s24le"),
        ("s24le", "s16le"),
        ("s32le", "s16le"),
        ("f32le", "s16le"),
        ("s16le", "u8"),
        ("f32le", "s32le"),
    ],
)
def test_check_noise_at_full_scale(sent, read):
    (warning,) = warnings_of(quiet(sent), read)
    assert warning.endswith(f"is --encoding {read} right?")


def test_check_loud_after_quiet():
    x = np.full((3 * RATE, 1), 0.9, np.float32)
    x[:480] = 0.01
    check = EncodingCheck(Layout(RATE, 1, "s16le"))
    assert [check.check(block) for block in np.array_split(x, 300)] == [None] * 300


def test_check_floats_beyond_full_scale():
    x = np.full((480, 1), 0.01, np.float32)
    x[7], x[9] = 30.0, np.nan
    assert EncodingCheck(Layout(RATE, 1, "f32le")).check(x) is None


def test_reject_header_formats():
    for first in (b"RIFF", b"fLaC", b"OggS", b"ID3\x03", b"FORM", b"caff", b"RF64"):
        with pytest.raises(AudioError, match="begins with the header"):
            reject_header(first)
    for first in (b"", b"RI", bytes(4), b"\xff\xfb\x90\x00"):
        reject_header(first)
