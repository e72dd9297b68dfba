"""Headers of WAV, W64, AIFF, CAF and AU files."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from popclass.audio import mp4
from popclass.audio.header import read_header

SAMPLES = np.random.default_rng(0).uniform(-0.1, 0.1, (4800, 2))


def written(kind: str, subtype: str = "PCM_16", endian: str = "FILE") -> bytes:
    file = io.BytesIO()
    sf.write(file, SAMPLES, 48_000, format=kind, subtype=subtype, endian=endian)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype", "endian", "name"),
    [
        ("WAV", "PCM_16", "FILE", "WAV"),
        ("WAV", "PCM_24", "BIG", "WAV"),
        ("WAVEX", "FLOAT", "FILE", "WAV"),
        ("WAV", "ULAW", "FILE", "WAV"),
        ("WAV", "MS_ADPCM", "FILE", "WAV"),
        ("RF64", "PCM_24", "FILE", "RF64"),
        ("W64", "PCM_16", "FILE", "W64"),
        ("AIFF", "PCM_24", "FILE", "AIFF"),
        ("CAF", "PCM_16", "FILE", "CAF"),
        ("AU", "PCM_16", "FILE", "AU"),
    ],
)
def test_read_header_declared_length(kind, subtype, endian, name):
    data = written(kind, subtype, endian)
    header = read_header(io.BytesIO(data))
    assert header is not None
    assert header.kind == name
    assert header.declared is not None
    assert (header.fault, header.cut_short, header.length_lost, header.length_unknown) == ("", False, False, False)
    if header.byte_rate and subtype != "MS_ADPCM":
        assert header.declared / header.byte_rate == pytest.approx(0.1, rel=1e-3)
    cut = read_header(io.BytesIO(data[: len(data) - 100]))
    assert cut is not None
    assert cut.cut_short


def test_read_header_trailing_chunk():
    data = written("WAV") + b"LIST" + struct.pack("<I", 4) + b"INFO"
    header = read_header(io.BytesIO(data))
    assert header is not None
    assert (header.cut_short, header.length_lost) == (False, False)


def test_read_header_without_samples():
    for tail in (b"", b"LIST" + struct.pack("<I", 4) + b"INFO"):
        data = bytearray(written("WAV")[:44] + tail)
        data[40:44] = bytes(4)
        header = read_header(io.BytesIO(bytes(data)))
        assert header is not None
        assert header.declared == 0
        assert not header.length_lost


def test_read_header_wav_over_4_gib(tmp_path):
    path = tmp_path / "long.wav"
    path.write_bytes(written("WAV"))
    try:
        with open(path, "r+b") as file:
            file.truncate((1 << 32) + 44 + 19_200)
    except OSError:
        pytest.skip("no room for a large sparse file")
    with open(path, "rb") as file:
        header = read_header(file)
    path.unlink()
    assert header is not None
    assert header.length_lost
    assert not header.cut_short


def test_read_header_rf64_unknown_length():
    data = bytearray(written("RF64"))
    at = data.index(b"ds64") + 16
    data[at : at + 8] = b"\xff" * 8
    header = read_header(io.BytesIO(bytes(data)))
    assert header is not None
    assert header.length_unknown


def test_read_header_metadata_chunks():
    data = written("WAV")
    chunk = b"bext" + struct.pack("<I", 5) + b"hello\0"
    for whole in (data[:12] + chunk + data[12:], data + chunk):
        header = read_header(io.BytesIO(whole))
        assert header is not None
        assert header.chunks == {b"bext": b"hello"}


def test_read_header_mp4_box_limit(monkeypatch):
    """A gigabyte of them would take minutes."""
    data = b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * 1000
    header = read_header(io.BytesIO(data))
    assert header is not None
    assert "index (moov) is missing" in header.fault
    monkeypatch.setattr(mp4, "MAX_BOXES", 100)
    header = read_header(io.BytesIO(data))
    assert header is not None
    assert (header.fault, header.cut_short) == ("", False)


def test_read_header_unknown_format():
    for content in (b"", b"x", b"fLaC" + bytes(100), b"some text, not sound"):
        assert read_header(io.BytesIO(content)) is None


@given(
    st.sampled_from(["RIFF", "RF64", "riff", "FORM", "caff", "ID3\x04", "OggS", "\xff\xfb", "free"]),
    st.binary(max_size=300),
)
def test_read_header_any_bytes(magic, rest):
    head = magic.encode("latin-1")
    for middle in (b"", b"\0\0\0\0WAVE", b"\0\0\0\0AIFF", b"\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", b"ftyp"):
        read_header(io.BytesIO(head + middle + rest))
