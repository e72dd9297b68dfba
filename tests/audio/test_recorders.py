"""Files as recorders, browsers and converters write them: each sound is found once, at its place."""

import re
import struct
from fractions import Fraction

import numpy as np
import pytest
import soundfile as sf

import popclass
from popclass.audio import open_recording
from popclass.errors import AudioError

av = pytest.importorskip("av")
RATE = 48_000
ONSETS = (0.5, 1.1, 1.7, 2.3, 2.9, 3.5)


@pytest.fixture(scope="module")
def sounds():
    """Return 4 s of noise with six clicks."""
    rng = np.random.default_rng(7)
    x = rng.normal(0, 3e-4, 4 * RATE)
    seconds = np.arange(1500) / RATE
    for onset in ONSETS:
        wave = np.sin(2 * np.pi * rng.uniform(1500, 4000) * seconds) * np.exp(-seconds * 900)
        x[round(onset * RATE) :][:1500] += 0.4 * wave
    return x.astype(np.float32)


def read(path):
    """Return the samples of a file and its warnings."""
    with open_recording(path) as recording:
        samples = np.concatenate(list(recording.blocks()))
    return samples[:, 0], recording.warnings


def found(path):
    result = popclass.classify(path)
    return [event.start_s for event in result.events], result.warnings


def assert_found(path, expected, *, within=0.005):
    """Assert one event at each place (others may lie at the ends of the file)."""
    onsets, warnings = found(path)
    inner = [onset for onset in onsets if expected[0] - 0.1 < onset < expected[-1] + 0.1]
    np.testing.assert_allclose(inner, expected, rtol=0, atol=within)
    return warnings


def remux(path, target, *, drop=(), shift=lambda pts: pts, movflags=""):
    """Copy the packets of a file without those between two times; `shift` changes their stamps in seconds."""
    options = {"movflags": movflags} if movflags else {}
    with av.open(str(path)) as source, av.open(str(target), "w", options=options) as copy:
        stream = copy.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.pts is None:
                continue
            seconds = float(packet.pts * packet.time_base)
            if drop and drop[0] <= seconds < drop[1]:
                continue
            moved = round(Fraction(shift(seconds)) / packet.time_base)
            packet.pts = packet.dts = moved
            packet.stream = stream
            copy.mux(packet)
    return target


@pytest.mark.parametrize(
    ("codec", "name"), [("libopus", "a.webm"), ("aac", "a.m4a"), ("flac", "a.mka"), ("aac", "a.ts")]
)
@pytest.mark.parametrize("length", [0.06, 0.3])
def test_gap_filled(tmp_path, encode, sounds, codec, name, length):
    whole = encode(tmp_path / f"whole-{name}", codec, sounds, RATE)
    path = remux(whole, tmp_path / name, drop=(1.9, 1.9 + length))
    expected = [onset + (0.021 if name.endswith(".ts") else 0.0) for onset in ONSETS]
    warnings = assert_found(path, expected)
    assert any("1 gap in the time stamps" in warning and "filled with silence" in warning for warning in warnings)


@pytest.mark.parametrize("start", [0.2, 0.5, 1.4])
def test_late_start(tmp_path, encode, sounds, start):
    whole = encode(tmp_path / "whole.webm", "libopus", sounds, RATE)
    path = remux(whole, tmp_path / "a.webm", shift=lambda seconds: seconds + start)
    assert assert_found(path, ONSETS) == ()


def test_clock_drift(tmp_path, encode, sounds):
    whole = encode(tmp_path / "whole.mka", "flac", np.tile(sounds, 3), RATE)
    path = remux(whole, tmp_path / "a.mka", shift=lambda seconds: seconds * 1.02)
    (warning,) = [text for text in read(path)[1] if "drifts" in text]
    assert float(re.search(r"differ by ([+.\d]+) s", warning)[1]) == pytest.approx(0.24, abs=0.03)


def edit_list(path, target, *edits):
    """Write a copy of an m4a with another edit list: duration in ms and start in samples, -1 for silence."""
    data = bytearray(path.read_bytes())
    at = data.index(b"edts") - 4
    old = int.from_bytes(data[at : at + 4], "big")
    table = struct.pack(">II", 0, len(edits)) + b"".join(struct.pack(">IiI", *edit, 1 << 16) for edit in edits)
    box = struct.pack(">I4sI4s", 16 + len(table), b"edts", 8 + len(table), b"elst") + table
    for name in (b"moov", b"trak"):
        place = data.index(name) - 4
        size = int.from_bytes(data[place : place + 4], "big") + len(box) - old
        data[place : place + 4] = size.to_bytes(4, "big")
    data[at : at + old] = box
    target.write_bytes(data)
    return target


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([(1400, 0), (1950, 98_400)], [0.5, 1.1, 1.65, 2.25, 2.85]),
        ([(500, -1), (4000, 0)], [onset + 0.5 for onset in ONSETS]),
        ([(1400, 0), (1200, -1), (2600, 67_200)], [0.5, 1.1, 2.9, 3.5, 4.1, 4.7]),
        ([(300, 12_345), (200, -1), (700, 48_000), (800, 96_000)], [0.2428, 0.6, 1.5]),
    ],
)
def test_edit_list(tmp_path, encode, sounds, edits, expected):
    path = edit_list(encode(tmp_path / "whole.m4a", "alac", sounds, RATE), tmp_path / "a.m4a", *edits)
    onsets, _ = found(path)
    np.testing.assert_allclose(onsets, expected, rtol=0, atol=0.001)


def test_edit_list_repeats(tmp_path, encode, sounds):
    whole = encode(tmp_path / "whole.m4a", "alac", sounds, RATE)
    path = edit_list(whole, tmp_path / "a.m4a", (1000, 48_000), (1000, 0))
    with pytest.raises(AudioError, match="out of order; export it again"):
        read(path)


@pytest.mark.parametrize("codec", ["libopus", "flac"])
def test_chained_ogg(tmp_path, encode, sounds, codec):
    one = encode(tmp_path / "one.ogg", codec, sounds, RATE).read_bytes()
    serial = bytearray(encode(tmp_path / "two.ogg", codec, sounds[::-1].copy(), RATE).read_bytes())
    (tmp_path / "a.ogg").write_bytes(one + serial)
    samples, _ = read(tmp_path / "a.ogg")
    assert len(samples) == pytest.approx(2 * len(sounds), abs=2000)


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.flac", "a.caf", "a.w64", "a.au"])
def test_joined_files(tmp_path, sounds, name):
    """A second file behind the first is not read, and a warning says so."""
    sf.write(tmp_path / name, sounds, RATE)
    data = (tmp_path / name).read_bytes()
    (tmp_path / f"joined-{name}").write_bytes(data + data)
    samples, warnings = read(tmp_path / f"joined-{name}")
    if name == "a.w64":  # libsndfile reads to the end of the file
        assert len(samples) > len(sounds)
        return
    assert len(samples) == len(sounds)
    assert f"{len(data):,} more bytes follow" in warnings[0]


def test_joined_m4a(tmp_path, encode, sounds):
    data = encode(tmp_path / "a.m4a", "aac", sounds, RATE).read_bytes()
    (tmp_path / "joined.m4a").write_bytes(data + data)
    assert "more bytes follow" in read(tmp_path / "joined.m4a")[1][0]


def test_mp3_in_wav(tmp_path, encode, sounds):
    path = encode(tmp_path / "a.wav", "libmp3lame", sounds, RATE)
    onsets, warnings = found(path)
    delays = np.array(onsets[: len(ONSETS)]) - ONSETS
    assert 0.02 < delays.min() <= delays.max() < 0.05
    assert "delay of the MP3 encoder is not in the file" in warnings[0]


@pytest.mark.parametrize("tail", [b"LYRICSBEGININD0000200LYRICS200", b"\r\nmade by a recorder\r\n" * 40, bytes(5000)])
@pytest.mark.parametrize("padding", [0, 700, 9_000])
def test_mp3_before_and_after(tmp_path, encode, sounds, padding, tail):
    path = encode(tmp_path / "a.mp3", "libmp3lame", sounds, RATE)
    data = path.read_bytes()
    size = 10 + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    (tmp_path / "b.mp3").write_bytes(data[:size] + bytes(padding) + data[size:] + tail)
    np.testing.assert_array_equal(read(tmp_path / "b.mp3")[0][:190_000], read(path)[0][:190_000])
    assert assert_found(tmp_path / "b.mp3", ONSETS) == ()


def test_adpcm_last_block(tmp_path, sounds):
    path = tmp_path / "a.wav"
    sf.write(path, sounds[:100_001], RATE, subtype="IMA_ADPCM")
    data = bytearray(path.read_bytes())
    at = data.index(b"fact") + 8
    with sf.SoundFile(path) as file:
        assert file.frames > 100_001  # whole blocks
    data[at : at + 4] = (100_001).to_bytes(4, "little")
    path.write_bytes(data)
    assert len(read(path)[0]) == 100_001


def test_adpcm_wrong_fact(tmp_path, sounds):
    """A number that is more than a block away is not the end of the sound."""
    path = tmp_path / "a.wav"
    sf.write(path, sounds, RATE, subtype="IMA_ADPCM")
    data = bytearray(path.read_bytes())
    at = data.index(b"fact") + 8
    data[at : at + 4] = (1_000).to_bytes(4, "little")
    path.write_bytes(data)
    assert len(read(path)[0]) >= len(sounds)


@pytest.mark.parametrize("delay_ms", [2.0, 3.0, 4.0, 5.0, 6.0, 7.5])
def test_microphones_apart(tmp_path, sounds, delay_ms):
    later = np.roll(sounds, round(delay_ms * RATE / 1000)) * np.float32(0.7)
    noise = np.random.default_rng(1).normal(0, 1e-4, (len(sounds), 2))
    sf.write(tmp_path / "a.wav", np.stack([sounds, later], axis=1) + noise, RATE)
    assert_found(tmp_path / "a.wav", ONSETS, within=0.001)


def test_two_pops_in_both_channels(tmp_path, sounds):
    """Two sounds 6 ms apart stay two where both microphones have both."""
    twice = sounds + np.roll(sounds, round(0.006 * RATE))
    noise = np.random.default_rng(1).normal(0, 1e-4, (len(sounds), 2))
    sf.write(tmp_path / "a.wav", np.stack([twice, twice * 0.9], axis=1) + noise, RATE)
    assert len(found(tmp_path / "a.wav")[0]) == 2 * len(ONSETS)


@pytest.mark.parametrize(
    ("name", "expected", "within"),
    [
        ("01_mp3_in_wav/vbr.wav", [onset + 0.023 for onset in ONSETS], 0.002),
        ("01_mp3_in_wav/cbr.wav", [onset + 0.023 for onset in ONSETS], 0.002),
        ("03_timestamp_gaps/gap_0.2s.m4a", ONSETS, 0.005),
        ("03_timestamp_gaps/gap_0.2s.webm", ONSETS, 0.001),
        ("03_timestamp_gaps/gap_1s_live.webm", [0.5, 1.1, 1.7, 2.9, 3.5], 0.001),
        ("03_timestamp_gaps/jitter_ok.webm", ONSETS, 0.001),
        ("04_edit_lists/aac_middle_cut_out.m4a", [0.5, 1.1, 1.65, 2.25, 2.85], 0.003),
        ("04_edit_lists/aac_starts_late.m4a", [onset + 0.5 for onset in ONSETS], 0.003),
        ("04_edit_lists/alac_silence_inserted.m4a", [0.5, 1.1, 2.9, 3.5, 4.1, 4.7], 0.001),
        ("04_edit_lists/alac_starts_late.m4a", [onset + 0.5 for onset in ONSETS], 0.001),
        ("05_late_start/starts_at_0.2s.webm", ONSETS, 0.001),
        ("05_late_start/starts_at_0.5s.webm", ONSETS, 0.001),
        ("05_late_start/starts_at_0.86s.opus", ONSETS, 0.001),
        ("15_adpcm_last_block/ima_sox.wav", [0.5, 1.1, 1.7], 0.001),
        ("16_mp3_before_and_after/lyrics3_last.mp3", ONSETS, 0.001),
        ("16_mp3_before_and_after/padding_after_tag.mp3", ONSETS, 0.001),
        ("16_mp3_before_and_after/plain.mp3", ONSETS, 0.001),
        ("16_mp3_before_and_after/tag_twice_ok.mp3", ONSETS, 0.001),
        ("19_microphones_apart/2ms_apart.wav", [0.5, 1.1, 1.7], 0.001),
        ("19_microphones_apart/4ms_apart.wav", [0.5, 1.1, 1.7], 0.001),
        ("19_microphones_apart/6ms_apart.wav", [0.5, 1.1, 1.7], 0.001),
    ],
)
def test_recorded_case(cases, name, expected, within):
    assert_found(cases / name, expected, within=within)


def test_clock_drift_case(cases):
    (warning,) = found(cases / "14_clock_drift" / "clock_1_percent_slow.m4a")[1]
    assert "clock drifts" in warning


@pytest.mark.parametrize("name", ["a.wav", "a.w64", "a.aiff"])
@pytest.mark.parametrize("frames", [30_984, 31_040, 31_200])
def test_gsm_last_block(tmp_path, sounds, name, frames):
    """An odd number of blocks of 65 bytes has a pad byte, of which libsndfile makes another block."""
    sf.write(tmp_path / name, sounds[::6][:frames], 8_000, subtype="GSM610")
    assert len(read(tmp_path / name)[0]) == frames


def test_rf64_fact(tmp_path, encode, sounds):
    """The number of samples in `ds64`, where that of `fact` is unknown."""
    path = encode(tmp_path / "a.wav", "adpcm_ima_wav", sounds, RATE, options={"rf64": "always"})
    data = bytearray(path.read_bytes())
    at = data.index(b"ds64") + 24
    data[at : at + 8] = len(sounds).to_bytes(8, "little")
    path.write_bytes(data)
    assert len(read(path)[0]) == len(sounds)


@pytest.mark.parametrize("codec", ["adpcm_ima_wav", "adpcm_ms"])
def test_w64_fact(tmp_path, encode, sounds, codec):
    path = encode(tmp_path / "a.w64", codec, sounds, RATE)
    data = bytearray(path.read_bytes())
    at = data.index(b"fact\xf3\xac\xd3\x11") + 24
    data[at : at + 8] = len(sounds).to_bytes(8, "little")
    path.write_bytes(data)
    assert len(read(path)[0]) == len(sounds)


@pytest.mark.parametrize(
    ("codec", "name", "rate"),
    [
        *[("mp2", "a.mp2", RATE), ("mp2", "a.wav", RATE), ("ac3", "a.ac3", RATE), ("eac3", "a.eac3", RATE)],
        *[("libopus", "a.ts", RATE), ("aac", "a.avi", RATE), ("aac", "a.flv", 44_100), ("libmp3lame", "a.avi", RATE)],
        ("libopencore_amrnb", "a.amr", 8_000),
    ],
)
def test_delay_unknown(tmp_path, encode, codec, name, rate):
    if codec not in av.codecs_available:
        pytest.skip("this PyAV does not write it")
    path = encode(tmp_path / name, codec, np.random.default_rng(0).normal(0, 0.01, rate), rate)
    (warning,) = read(path)[1]
    assert "encoder is not in the file" in warning


@pytest.mark.parametrize(("codec", "name"), [("aac", "a.mkv"), ("libmp3lame", "a.mka"), ("ac3", "a.mka")])
def test_delay_matroska(tmp_path, encode, sounds, codec, name):
    path = encode(tmp_path / name, codec, sounds, RATE)
    assert assert_found(path, ONSETS) == ()
    data = bytearray(path.read_bytes())
    at = data.index(b"\x56\xaa") + 2  # CodecDelay; mkvmerge writes none
    data[at + 1 : at + 1 + (data[at] & 0x7F)] = bytes(data[at] & 0x7F)
    path.write_bytes(data)
    (warning,) = read(path)[1]
    assert "encoder is not in the file" in warning


@pytest.mark.parametrize(("codec", "name"), [("libopus", "a.mp4"), ("aac", "a.m4a"), ("alac", "a.m4a")])
@pytest.mark.parametrize("flags", ["", "empty_moov+delay_moov"])
def test_late_start_mp4(tmp_path, encode, sounds, codec, name, flags):
    """An empty edit before the sound; in a fragmented file the length of the second edit is 0."""
    whole = encode(tmp_path / f"whole-{name}", codec, sounds, RATE)
    path = remux(whole, tmp_path / name, shift=lambda seconds: seconds + 0.5, movflags=flags)
    assert assert_found(path, [onset + 0.5 for onset in ONSETS]) == ()


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_gap_fragmented(tmp_path, encode, sounds, codec):
    whole = encode(tmp_path / "whole.m4a", codec, sounds, RATE)
    path = remux(whole, tmp_path / "a.m4a", drop=(1.9, 2.2), movflags="empty_moov+delay_moov")
    (warning,) = assert_found(path, ONSETS)
    assert "1 gap in the time stamps" in warning


def test_long_gap_warned_once(tmp_path, encode, sounds):
    whole = encode(tmp_path / "whole.mka", "flac", sounds, RATE)
    (warning,) = read(remux(whole, tmp_path / "a.mka", drop=(1.2, 2.8)))[1]
    assert "1 gap in the time stamps" in warning


def test_avi_without_drift(tmp_path, encode, sounds):
    """An AVI has no time stamps; FFmpeg computes nonsense for codecs with blocks."""
    assert read(encode(tmp_path / "a.avi", "adpcm_ima_wav", sounds, RATE))[1] == []


@pytest.mark.parametrize("name", ["a.qta", "a.mkv"])
def test_two_audio_tracks(tmp_path, sounds, name):
    with av.open(str(tmp_path / name), "w", format="mov" if name == "a.qta" else None) as container:
        streams = [container.add_stream("aac", rate=RATE, layout="mono") for _ in range(2)]
        for stream, samples in zip(streams, (sounds, sounds[::-1]), strict=True):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[np.newaxis]), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            container.mux([*stream.encode(frame), *stream.encode(None)])
    warnings = assert_found(tmp_path / name, ONSETS)
    assert warnings == ("1 more audio track in the file; only the first was read",)


@pytest.mark.parametrize(
    ("codec", "name", "rate", "bits"),
    [("aac", "a.m4a", 44_100, "128k"), ("libmp3lame", "a.mp3", 32_000, "64k"), ("aac", "a.m4a", 8_000, "64k")],
)
def test_long_pre_echo(tmp_path, rate, bits, codec, name):
    """One click is one event in codecs with long blocks."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 3e-4, 4 * rate)
    seconds = np.arange(round(0.03 * rate)) / rate
    for onset in ONSETS:
        wave = np.sin(2 * np.pi * rng.uniform(0.03, 0.08) * rate * seconds) * np.exp(-seconds * 900)
        x[round(onset * rate) :][: len(wave)] += 0.4 * wave
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono", options={"b": bits})
        frame = av.AudioFrame.from_ndarray(x[np.newaxis].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    assert_found(tmp_path / name, ONSETS)


@pytest.mark.parametrize(
    ("codec", "name"), [("aac", "a.m4a"), ("libmp3lame", "a.mp3"), ("libopus", "a.opus"), ("flac", "a.mka")]
)
def test_short_recording(tmp_path, encode, sounds, codec, name):
    path = encode(tmp_path / name, codec, sounds[19_200:33_600], RATE)
    assert len(read(path)[0]) == 14_400
    assert assert_found(path, [0.1]) == ()


@pytest.mark.parametrize("rate", [16_000, 44_100, 96_000])
def test_microphones_apart_rates(rate):
    """The same 7 ms at rates with other frames."""
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1e-4, (4 * rate, 2))
    for onset in ONSETS:
        sound = np.exp(-np.arange(rate // 20) / rate / 0.0008) * rng.uniform(-0.4, 0.4, rate // 20)
        for channel, delay in enumerate((0.0, 0.007)):
            x[round((onset + delay) * rate) :][: len(sound), channel] += sound
    onsets = [event.start_s for event in popclass.classify(x, sample_rate=rate).events]
    np.testing.assert_allclose(onsets, ONSETS, rtol=0, atol=0.001)
