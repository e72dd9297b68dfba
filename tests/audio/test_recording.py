"""Recordings of every format: opening, reading, refusing."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.audio import open_recording
from popclass.errors import AudioError, UsageError

SUBTYPES = {  # worst rounding error of each, in full scale; of the two companded ones relative to the level
    "PCM_U8": 2.0**-7,
    "PCM_16": 2.0**-15,
    "PCM_24": 2.0**-23,
    "PCM_32": 2.0**-24,
    "FLOAT": 0.0,
    "DOUBLE": 0.0,
    "ULAW": 0.04,
    "ALAW": 0.04,
}


def noise(frames: int = 4800, channels: int = 1, level: float = 0.1, seed: int = 0) -> np.ndarray:
    shape = (frames, channels) if channels > 1 else (frames,)
    return (np.random.default_rng(seed).uniform(-level, level, shape)).astype(np.float32)


def read(source, frames: int = 65_536, **options) -> tuple[np.ndarray, list[str]]:
    with open_recording(source, **options) as recording:
        blocks = list(recording.blocks(frames))
        assert recording.frames_read == sum(len(block) for block in blocks)
        for block in blocks:
            assert block.dtype == np.float32
            assert block.flags.c_contiguous
            assert block.shape[1] == recording.channels
        assert all(len(block) == frames for block in blocks[:-1])
        return np.concatenate(blocks), recording.warnings


def error_of(source, **options) -> str:
    with pytest.raises(AudioError) as caught:
        read(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Formats of libsndfile


@settings(max_examples=60, deadline=None)
@given(
    subtype=st.sampled_from(sorted(SUBTYPES)),
    container=st.sampled_from(["WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU"]),
    rate=st.integers(8_000, 192_000),
    channels=st.integers(1, 8),
    frames=st.integers(2_000, 9_000),
    block=st.integers(1, 10_000),
    seed=st.integers(0, 9),
)
def test_pcm_formats(subtype, container, rate, channels, frames, block, seed):
    if container in ("AIFF", "CAF", "AU") and subtype == "PCM_U8":
        subtype = "PCM_S8"
    if container == "AIFF":
        frames += frames % 2  # libsndfile takes the pad byte after an odd number of bytes for a frame
    samples = noise(frames, channels, seed=seed)
    block = max(block, frames // 200)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "any")
        sf.write(path, samples, rate, subtype=subtype, format=container)
        with open_recording(path) as recording:
            assert (recording.sample_rate, recording.channels, recording.frames) == (rate, channels, frames)
        got, warnings = read(path, block)
    assert warnings == []
    tolerance = SUBTYPES.get(subtype, 2.0**-7)
    np.testing.assert_allclose(got, samples.reshape(frames, channels), rtol=0, atol=tolerance)


@pytest.mark.parametrize("extension", ["flac", "ogg", "mp3", "aiff", "caf"])
def test_libsndfile_lengths(tmp_path, extension):
    path = tmp_path / f"a.{extension}"
    sf.write(path, noise(48_000), 48_000)
    assert len(read(path)[0]) == 48_000


# Formats of FFmpeg

CLICKS = (10_000, 30_000, 50_001, 77_777)


def clicks() -> np.ndarray:
    samples = noise(96_000, level=1e-4)
    samples[list(CLICKS)] = 0.9
    return samples


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.m4a", "aac"),
        ("a.m4a", "alac"),
        ("a.mp4", "aac"),
        ("a.mov", "aac"),
        ("a.mov", "pcm_s16le"),
        ("a.3gp", "aac"),
        ("a.webm", "libopus"),
        ("a.mka", "aac"),
        ("a.mp3", "libmp3lame"),
        ("a.ogg", "libopus"),
        ("a.caf", "alac"),
    ],
)
def test_codec_positions(tmp_path, encode, name, codec):
    path = encode(tmp_path / name, codec, clicks(), 48_000)
    with open_recording(path) as recording:
        assert (recording.sample_rate, recording.channels) == (48_000, 1)
    got = read(path, 1000)[0][:, 0]
    assert abs(len(got) - 96_000) <= 1024
    for position in CLICKS:
        start = position - 2_000
        assert start + np.argmax(np.abs(got[start : position + 2_000])) == position


def test_amr(tmp_path, encode):
    av = pytest.importorskip("av")
    if "libopencore_amrnb" not in av.codecs_available:
        pytest.skip("this PyAV (19 and newer) writes no AMR")
    got, _ = read(encode(tmp_path / "a.amr", "libopencore_amrnb", noise(16_000), 8_000))
    assert abs(len(got) - 16_000) <= 320


def test_first_audio_stream(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        streams = [container.add_stream("pcm_s16le", rate=8_000, layout="mono") for _ in range(2)]
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(video.encode(picture))
        for number, stream in enumerate(streams):
            wave = np.full((1, 1000), 1000 * (number + 1), np.int16) * np.sign(np.sin(np.arange(1000))).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            frame.sample_rate = 8_000
            container.mux(stream.encode(frame))
        for stream in (video, *streams):
            container.mux(stream.encode(None))
    assert np.abs(read(path)[0]).max() == pytest.approx(1000 / 32768)


def test_phone_recordings(realdata):
    paths = sorted((realdata / "negatives" / "taps").glob("*.m4a"))
    assert paths
    for path in paths:
        with open_recording(path) as recording:
            assert (recording.sample_rate, recording.channels) == (48_000, 2)
            assert recording.recorded_at is not None
            assert sum(len(block) for block in recording.blocks()) > 48_000 * 10


def test_webcam_offset(realdata):
    _, warnings = read(realdata / "cracks" / "wrist_crack.wav")
    assert warnings == ["DC offset of +0.337 of full scale in channel 1"]


# Streams and arrays


def test_standard_input(monkeypatch):
    data = io.BytesIO()
    sf.write(data, noise(), 8_000, format="WAV")
    data.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    with open_recording("-") as recording:
        assert recording.name == "-"
        assert sum(len(block) for block in recording.blocks()) == 4800


def test_stream_copy_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = io.BytesIO()
    sf.write(data, noise(), 8_000, format="FLAC")
    data.seek(0)
    recording = open_recording(data, name="from the wire")
    assert recording.name == "from the wire"
    assert len(list(tmp_path.iterdir())) == 1
    recording.close()
    assert list(tmp_path.iterdir()) == []
    assert "is empty" in error_of(io.BytesIO())
    assert list(tmp_path.iterdir()) == []


def test_named_pipe(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    path, source = tmp_path / "pipe", tmp_path / "a.wav"
    sf.write(source, noise(), 8_000)
    os.mkfifo(path)
    if os.fork() == 0:
        path.write_bytes(source.read_bytes())
        os._exit(0)
    assert len(read(path)[0]) == 4800
    os.wait()


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8", "int16", "int32", "uint8", "uint16"])
def test_array_full_scale(dtype):
    samples = np.array([0.0, 0.5, -0.5, -1.0] * 50)
    info = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else None
    if info is None:
        given = samples.astype(dtype)
    else:
        half = (int(info.max) - int(info.min) + 1) // 2
        given = (samples * half + (half if info.min == 0 else 0)).astype(dtype)
    for shape in ((-1,), (-1, 2)):
        got, _ = read(given.reshape(shape), sample_rate=8_000)
        np.testing.assert_array_equal(got.ravel(), samples.astype(np.float32))


def test_array_not_modified():
    samples = noise()
    before = samples.copy()
    with open_recording(samples, sample_rate=8_000) as recording:
        for block in recording.blocks(100):
            block[:] = 7
    np.testing.assert_array_equal(samples, before)


def test_open_recording_arguments():
    with pytest.raises(UsageError, match="needs its sample_rate"):
        open_recording(noise())
    with pytest.raises(UsageError, match="leave it out for a file"):
        open_recording("a.wav", sample_rate=8_000)
    with pytest.raises(UsageError, match="at least 1 frame"):
        open_recording(noise(), sample_rate=8_000).blocks(0)
    assert "type complex128 and shape" in error_of(noise().astype(complex), sample_rate=8_000)
    assert "shape (1, 1, 4800)" in error_of(noise()[None, None], sample_rate=8_000)
    assert "whole numbers" in error_of(noise(), sample_rate=8_000.5)


def test_blocks_once():
    recording = open_recording(noise(), sample_rate=8_000)
    list(recording.blocks())
    with pytest.raises(RuntimeError, match="once"):
        recording.blocks()


# Names


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
@pytest.mark.parametrize("extension", ["wav", "m4a"])
def test_names_not_utf8(tmp_path, encode, extension):
    plain = tmp_path / f"plain.{extension}"
    if extension == "wav":
        sf.write(plain, noise(), 48_000)
    else:
        encode(plain, "aac", noise(), 48_000)
    path = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"knie \xff." + extension.encode()))
    os.rename(plain, path)
    with open_recording(path) as recording:
        assert recording.name == f"{tmp_path}/knie \\xff.{extension}"
        assert sum(len(block) for block in recording.blocks()) >= 4800


def test_suffix_ignored(tmp_path):
    sf.write(tmp_path / "a.wav", noise(), 8_000)
    for name in ("a.raw", "a.mp3", "a", "a.txt"):
        os.replace(next(tmp_path.iterdir()), tmp_path / name)
        assert len(read(tmp_path / name)[0]) == 4800


# Unusable input


def wav(tmp_path: Path, samples: np.ndarray, rate: int = 8_000, name: str = "a.wav", **options) -> Path:
    path = tmp_path / name
    sf.write(path, samples, rate, **options)
    return path


def test_unusable_paths(tmp_path):
    assert error_of(tmp_path / "none.wav") == f"{tmp_path}/none.wav: no such file; check the path"
    assert "is a folder" in error_of(tmp_path)
    (tmp_path / "empty.wav").touch()
    assert "is empty (0 bytes)" in error_of(tmp_path / "empty.wav")
    assert "cannot be read" in error_of("a\0b.wav")


@pytest.mark.parametrize(
    "content",
    [
        b"Dear diary, today my hip cracked.\n" * 50,
        b"\0" * 5000,
        b"RIFF" + b"\0" * 5000,
        b"RIFF\x24\0\0\0WAVE",
        b"OggS" + b"junk" * 500,
        b"fLaC",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 500,
        b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.ts\n",
        b"ffconcat version 1.0\nfile a.wav\n",
        b"x",
    ],
)
def test_not_audio(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert error_of(path).startswith(f"{path}: ")


def test_video_without_sound(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert "no audio stream" in error_of(path)


@settings(max_examples=40, deadline=None)
@given(container=st.sampled_from(["WAV", "RF64", "W64", "AIFF", "CAF", "AU"]), keep=st.floats(0.001, 0.999))
def test_cut_file(container, keep):
    with tempfile.TemporaryDirectory() as folder:
        path = wav(Path(folder), noise(), format=container)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * keep)])
        error_of(path)


def test_cut_wav_message(tmp_path):
    path = wav(tmp_path, noise(16_000))
    path.write_bytes(path.read_bytes()[: 44 + 2 * 4_000])
    message = error_of(path)
    assert message.endswith(
        "cut short: the header declares 2.00 s, the file has 0.50 s; copy the file again or repair its header"
    )


@pytest.mark.parametrize(
    ("name", "codec", "options", "message"),
    [
        ("a.flac", "flac", {}, r"breaks off after about [12]\.\d\d s of 4.00 s"),
        ("a.mp3", "libmp3lame", {}, r"declares 4\.\d\d s, the file has 2\.\d\d s"),
        ("a.ogg", "libopus", {}, "last page is missing"),
        ("a.m4a", "aac", {}, "cut short"),
        ("a.m4a", "aac", {"movflags": "faststart"}, "cut short"),
        ("a.webm", "libopus", {}, r"cut short: 4\.\d\d s declared, [12]\.\d\d s present"),
    ],
)
def test_cut_compressed_file(tmp_path, encode, name, codec, options, message):
    path = encode(tmp_path / name, codec, noise(4 * 48_000), 48_000, options=options)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert re.search(message, error_of(path))


def test_mp4_without_index(tmp_path, encode):
    path = encode(tmp_path / "a.m4a", "aac", noise(48_000), 48_000)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    assert "index (moov) is missing" in error_of(path)


def patched_length(path: Path, length: int) -> Path:
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:at] + struct.pack("<I", length) + data[at + 4 :])
    return path


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW"])
def test_length_zero(tmp_path, subtype):
    samples = noise(channels=2)
    whole = read(wav(tmp_path, samples, subtype=subtype))[0]
    got, warnings = read(patched_length(tmp_path / "a.wav", 0))
    np.testing.assert_array_equal(got, whole)
    assert warnings == ["the WAV header gives a wrong length; read to the end of the file"]


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFF000, 0x80000000, 0x7FFFFFFF - 36])
def test_length_unknown(tmp_path, length):
    whole = read(wav(tmp_path, noise()))[0]
    got, warnings = read(patched_length(tmp_path / "a.wav", length))
    np.testing.assert_array_equal(got, whole)
    assert len(warnings) == 1
    assert "does not declare its length" in warnings[0]


def test_contradictory_format_chunk(tmp_path):
    path = wav(tmp_path, noise())
    data = path.read_bytes()
    path.write_bytes(data[:34] + struct.pack("<H", 17) + data[36:])
    assert "17 bits, 1 channel(s), 2 bytes per frame" in error_of(path)


@pytest.mark.parametrize(("rate", "channels"), [(7_999, 1), (192_001, 1), (1, 1), (48_000, 9)])
def test_rates_and_channels_out_of_range(tmp_path, rate, channels):
    message = error_of(wav(tmp_path, noise(channels=channels), rate))
    assert ("8000-192000 Hz" if channels == 1 else "allowed are 1-8") in message
    assert error_of(noise(channels=channels), sample_rate=rate).startswith("array: ")


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, lambda samples: samples.tolist()])
def test_array_channels_first(channels, form):
    message = error_of(form(noise(channels=channels).reshape(-1, channels).T), sample_rate=48_000)
    assert message.endswith("channels; allowed are 1-8: an array has samples first, channels second: transpose it")


@pytest.mark.parametrize("kind", ["file", "array"])
@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(8_000), "silence"),
        (np.full(8_000, 0.25), r"same value \(\+0\.25\)"),
        (np.zeros(1), "1 sample"),
        (np.full(79, 0.1), "9.88 ms of sound; at least 10 ms"),
        (np.zeros(0), "contains no sound"),
        (np.where(np.arange(8_000) == 4_000, np.nan, 0.1), r"at 0\.500000 s is not a number"),
        (np.where(np.arange(8_000) == 4_001, -np.inf, 0.1), r"at 0\.500125 s is infinite"),
        (np.where(np.arange(8_000) == 4_001, 1e300, 0.1), r"at 0\.500125 s is infinite"),
        (np.clip(100 * np.sin(np.arange(8_000)), -1, 1), "clipped throughout: 99%"),
    ],
)
def test_unusable_samples(tmp_path, kind, samples, message):
    if kind == "file":
        found = error_of(wav(tmp_path, samples, subtype="DOUBLE"))
    else:
        found = error_of(samples, sample_rate=8_000)
    assert re.search(message, found)


def test_silence_after_last_block():
    with open_recording(np.zeros(1000), sample_rate=8_000) as recording:
        blocks = recording.blocks(100)
        assert sum(len(next(blocks)) for _ in range(10)) == 1000
        with pytest.raises(AudioError, match="silence"):
            next(blocks)


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(["WAV", "FLAC", "OGG", "AIFF", "CAF", "W64"]), data=st.data())
def test_damaged_bytes(kind, data):
    with tempfile.TemporaryDirectory() as folder:
        path = wav(Path(folder), noise(2_000), format=kind)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, min(len(content) - 1, 200)))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        with contextlib.suppress(AudioError):
            read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!doctype html><title>Sign in</title>", "it is a web page; download the recording again"),
        (b"\xff\xd8\xff\xe0" + bytes(99), "it is a picture; give the recording itself"),
        (b"Dear all,\n", "it is a text file"),
        ("Dear all,\n".encode("utf-16"), "it is a text file"),
        (b"recording,event,burst\n", "it is a table that popclass wrote"),
        (b"recording,burst,start_s\n", "it is a table that popclass wrote"),
        (bytes(5000), "it is nothing but zeros; copy or download it again"),
    ],
)
def test_foreign_content(tmp_path, content, message):
    (tmp_path / "a.wav").write_bytes(content)
    assert f"a.wav: cannot be read as audio: {message}" in error_of(tmp_path / "a.wav")


def test_mp4_without_beginning(tmp_path, encode):
    whole = encode(tmp_path / "a.m4a", "aac", np.random.default_rng(0).normal(0, 0.1, 48_000), 48_000).read_bytes()
    (tmp_path / "b.m4a").write_bytes(whole[1000:])
    assert "it is an mp4 whose beginning is missing; copy" in error_of(tmp_path / "b.m4a")


def test_broken_link(tmp_path):
    (tmp_path / "a.wav").symlink_to(tmp_path / "nowhere.wav")
    assert error_of(tmp_path / "a.wav") == f"{tmp_path}/a.wav: is a link whose target is missing"


@pytest.mark.parametrize("index", [range(9600), range(5, 9605), range(9600, 0, -1)])
def test_array_like(index):
    samples = np.sin(np.arange(9600) / 10)
    with open_recording(pd.Series(samples, index=index), sample_rate=48_000) as recording:
        assert np.array_equal(np.concatenate(list(recording.blocks()))[:, 0], samples.astype(np.float32))


@pytest.mark.parametrize("values", [["a"], [None], ["1.0"]])
def test_array_like_text(values):
    with pytest.raises(AudioError, match="not an array of numbers"):
        open_recording(pd.Series(values, dtype=object), sample_rate=48_000)
