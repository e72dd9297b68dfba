"""Decoders: choice, samples, errors."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf

from popclass.audio.decode import ArrayDecoder, PyAVDecoder, SoundFileDecoder, open_file
from popclass.errors import AudioError

SAMPLES = np.random.default_rng(0).uniform(-0.1, 0.1, (30_000, 2)).astype(np.float32)


def test_open_file_prefers_soundfile(tmp_path, encode):
    sf.write(tmp_path / "a.wav", SAMPLES, 48_000)
    encode(tmp_path / "a.m4a", "aac", SAMPLES, 48_000)
    for name, kind in (("a.wav", SoundFileDecoder), ("a.m4a", PyAVDecoder)):
        decoder = open_file(str(tmp_path / name))
        assert isinstance(decoder, kind)
        decoder.close()


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_decoders_agree(tmp_path, subtype):
    path = str(tmp_path / "a.wav")
    sf.write(path, SAMPLES, 48_000, subtype=subtype)
    first, second = SoundFileDecoder(path), PyAVDecoder(path)
    np.testing.assert_allclose(second.read(40_000), first.read(40_000), rtol=0, atol=2.0**-23)
    assert first.unbounded == second.unbounded == (subtype in ("FLOAT", "DOUBLE"))


def test_read_lengths(tmp_path, encode):
    path = encode(tmp_path / "a.m4a", "alac", SAMPLES, 48_000)
    decoder = PyAVDecoder(str(path))
    assert [len(decoder.read(7_000)) for _ in range(6)] == [7_000, 7_000, 7_000, 7_000, 2_000, 0]
    assert decoder.missing(30_000) is None
    assert decoder.missing(10_000) == pytest.approx(20_000 / 48_000)
    decoder.close()


@pytest.mark.parametrize("decoder", [SoundFileDecoder, PyAVDecoder, open_file])
def test_decoder_errors(tmp_path, decoder):
    path = tmp_path / "a.raw"
    path.write_bytes(b"no sound at all, by no means " * 99)
    with pytest.raises(AudioError):
        decoder(str(path))


def test_array_rail():
    assert ArrayDecoder(np.zeros(9, np.int16), 8_000).rail == 32767 / 32768
    assert ArrayDecoder(np.zeros(9, np.uint8), 8_000).rail == 127 / 128
    assert ArrayDecoder(np.zeros(9), 8_000).rail == 1


def test_wav_imports(tmp_path):
    path = tmp_path / "a.wav"
    sf.write(path, SAMPLES, 48_000)
    code = (
        "import sys; from popclass.audio import open_recording; r = open_recording(sys.argv[1]); list(r.blocks()); "
        "sys.exit(any(m in sys.modules for m in ('av', 'scipy', 'librosa', 'sklearn', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0
