"""popclass.streaming.pcm: raw samples of one encoding read as another are noticed, and no sound is."""

import numpy as np
import pytest

from popclass.errors import AudioError
from popclass.streaming.pcm import Layout, Plausible, refuse_header

RATE = 48_000


def quiet(kind):
    """1.5 s of noise at -40 dB of full scale, as bytes of an encoding."""
    x = np.random.default_rng(2).normal(0, 0.01, 3 * RATE // 2)
    if kind == "s24le":
        return (x * 2**31).astype("<i4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    scale = {"s16le": ("<i2", 2**15), "s32le": ("<i4", 2**31), "f32le": ("<f4", 1), "f64le": ("<f8", 1)}[kind]
    return (x * scale[1]).astype(scale[0]).tobytes()


def verdict(data, encoding):
    """What is said of these bytes, block by block."""
    layout = Layout(RATE, 1, encoding)
    plausible, size = Plausible(layout), layout.frame_bytes * RATE // 100
    said = [plausible.look(layout.decode(data[at : at + size])) for at in range(0, len(data) - size + 1, size)]
    return [line for line in said if line is not None]


@pytest.mark.parametrize("encoding", ["s16le", "s24le", "s32le", "f32le", "f64le"])
def test_what_is_said_rightly_is_believed(encoding):
    assert verdict(quiet(encoding), encoding) == []


@pytest.mark.parametrize("sent", ["s16le", "s24le", "s32le"])
@pytest.mark.parametrize("read", ["f32le", "f64le"])
def test_whole_numbers_are_no_floats(sent, read):
    with (
        np.errstate(over="raise", invalid="raise", divide="raise"),
        pytest.raises(AudioError, match=f"is --encoding {read} right"),
    ):
        verdict(quiet(sent), read)


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
def test_noise_at_full_scale_is_doubted_once(sent, read):
    (said,) = verdict(quiet(sent), read)
    assert said.endswith(f"is --encoding {read} right?")


def test_a_loud_passage_after_a_quiet_moment_is_nothing_odd():
    x = np.full((3 * RATE, 1), 0.9, np.float32)
    x[:480] = 0.01
    plausible = Plausible(Layout(RATE, 1, "s16le"))
    assert [plausible.look(block) for block in np.array_split(x, 300)] == [None] * 300


def test_floats_a_little_beyond_full_scale_and_a_lost_number_are_heard():
    x = np.full((480, 1), 0.01, np.float32)
    x[7], x[9] = 30.0, np.nan
    assert Plausible(Layout(RATE, 1, "f32le")).look(x) is None


def test_headers_are_told_from_samples():
    for first in (b"RIFF", b"fLaC", b"OggS", b"ID3\x03", b"FORM", b"caff", b"RF64"):
        with pytest.raises(AudioError, match="begins with the header"):
            refuse_header(first)
    for first in (b"", b"RI", bytes(4), b"\xff\xfb\x90\x00"):
        refuse_header(first)
