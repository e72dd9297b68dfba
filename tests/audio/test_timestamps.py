"""Start time of a recording: chunks, tags, file name."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from popclass.audio import open_recording
from popclass.audio.timestamps import check_file_name, from_file_name, recording_time

MORNING = datetime(2026, 11, 22, 10, 15)
SAMPLES = np.random.default_rng(0).uniform(-0.1, 0.1, 4800)


@pytest.mark.parametrize(
    ("name", "began"),
    [
        ("20261122_101500.wav", MORNING),
        ("20261122-101500.wav", MORNING),
        ("20261122 101500.m4a", MORNING),
        ("2026-11-22 10.15.00.m4a", MORNING),
        ("2026-11-22_10-15-00_left knee.wav", MORNING),
        ("2026-11-22T10:15:00.wav", MORNING),
        ("20261122T101500Z.wav", MORNING.replace(tzinfo=UTC)),
        ("2026-11-22T10-15-00Z.flac", MORNING.replace(tzinfo=UTC)),
        ("20261122T101500+0200.wav", MORNING.replace(tzinfo=timezone(timedelta(hours=2)))),
        ("REC_20261122101500.wav", MORNING),
        ("HIP01_20261122_101500.wav", MORNING),
        ("PXL_20261122_101500123.mp4", MORNING.replace(microsecond=123_000)),
        ("WhatsApp Audio 2026-11-22 at 10.15.00.ogg", MORNING),
        ("261122-101500.wav", MORNING),
        ("261122_101500_Tr1.wav", MORNING),
        ("20261122_101500.WAV", MORNING),
        ("2MM01234_20261122_101500.wav", MORNING),
        ("20261122_101500T.WAV", MORNING),
        ("20261122 101500-1A2B3C4D.m4a", MORNING),
        ("AUDIO-2026-11-22-10-15-00.m4a", MORNING),
        ("signal-2026-11-22-10-15-00-123.aac", MORNING),
        ("20261122_101500-0330.wav", MORNING.replace(tzinfo=timezone(-timedelta(hours=3, minutes=30)))),
        ("Recording 2026-11-22 at 10.15.00 AM.m4a", MORNING),
        ("Recording 2026-11-22 at 10.15.00 PM.m4a", MORNING.replace(hour=22)),
        ("Recording 2026-11-22 at 3.15.00\u202fPM.m4a", MORNING.replace(hour=15)),
        ("2026-11-22 12.15.00 am.m4a", MORNING.replace(hour=0)),
        ("6A12C7F4.WAV", datetime(2026, 5, 24, 9, 42, 12, tzinfo=UTC)),
    ],
)
def test_from_file_name(name, began):
    assert from_file_name(name) == began


@pytest.mark.parametrize(
    "name",
    [
        "hip.wav",
        "20261122.wav",
        "AUD-20261122-WA0001.opus",
        "20261322_101500.wav",
        "20260230_101500.wav",
        "20261122_251500.wav",
        "20261122_106000.wav",
        "19700101_000000.wav",
        "knee_612345678901234.wav",
        "1234567890123456.wav",
        "261122_0001.wav",
        "take_261122-101500.wav",
        "123456-123456.wav",
        "2026-1122 10.15.00.wav",
        "2026-11-22 13.15.00 PM.m4a",
        "2026-11-22 3.15.00.m4a",
        "61234567.WAV",
        "2A12C7F4.WAV",
        "DEADBEEFS.WAV",
    ],
)
def test_from_file_name_other(name):
    assert from_file_name(name) is None


@given(st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)).map(lambda time: time.replace(microsecond=0)))
def test_from_file_name_any_time(time):
    for pattern in ("%Y%m%d_%H%M%S", "%Y-%m-%d %H.%M.%S", "x_%Y%m%d%H%M%S_y"):
        assert from_file_name(time.strftime(pattern) + ".wav") == time


@given(st.text(alphabet="0123456789-_. TZ+:", max_size=40))
def test_from_file_name_any_text(name):
    from_file_name(name)


def bext(day: str = "2026-11-22", clock: str = "10:15:00", reference: int = 0) -> bytes:
    return b"".join((bytes(320), day.encode(), clock.encode(), struct.pack("<Q", reference), bytes(256)))


def chunked_wav(path: Path, name: bytes, content: bytes, *, before_data: bool = True) -> Path:
    sf.write(path, SAMPLES, 48_000)
    data = path.read_bytes()
    chunk = name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    at = data.index(b"data") if before_data else len(data)
    path.write_bytes(data[:at] + chunk + data[at:])
    return path


def began(path: Path) -> datetime | None:
    with open_recording(path) as recording:
        assert sum(len(block) for block in recording.blocks()) == 4800
        return recording.recorded_at


@pytest.mark.parametrize("before_data", [True, False])
def test_bext(tmp_path, before_data):
    assert began(chunked_wav(tmp_path / "a.wav", b"bext", bext(), before_data=before_data)) == MORNING


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (0, MORNING),
        (48_000 * (10 * 3600 + 15 * 60) + 12_000, MORNING.replace(microsecond=250_000)),
        (48_000 * 3600, MORNING),
        (2**64 - 1, MORNING),
    ],
)
def test_bext_time_reference(reference, expected):
    assert recording_time("a.wav", {}, {b"bext": bext(reference=reference)}, 48_000) == expected


@pytest.mark.parametrize(
    ("day", "clock"), [("0000-00-00", "00:00:00"), ("\0" * 10, "\0" * 8), ("1970-01-01", "00:00:00")]
)
def test_bext_unset_clock(day, clock):
    assert recording_time("a.wav", {}, {b"bext": bext(day, clock)}, 48_000) is None


@pytest.mark.parametrize("day", ["2026_11_22", "2026 11 22", "2026/11/22"])
def test_bext_separators(day):
    assert recording_time("a.wav", {}, {b"bext": bext(day, "10-15-00")}, 48_000) == MORNING


def test_ixml(tmp_path):
    text = (
        "<BWFXML><BEXT><BWF_ORIGINATION_DATE>2026-11-22</BWF_ORIGINATION_DATE>"
        "<BWF_ORIGINATION_TIME>10:15:00</BWF_ORIGINATION_TIME></BEXT></BWFXML>"
    )
    assert began(chunked_wav(tmp_path / "a.wav", b"iXML", text.encode())) == MORNING


def test_source_order():
    chunks, tags, name = {b"bext": bext()}, {"creation_time": "2025-01-01T00:00:00.000000Z"}, "20240101_000000.wav"
    assert recording_time(name, tags, chunks, 48_000) == MORNING
    assert recording_time(name, tags, {}, 48_000) == datetime(2025, 1, 1, tzinfo=UTC)
    assert recording_time(name, {}, {}, 48_000) == datetime(2024, 1, 1)


def test_m4a_creation_time(tmp_path, encode):
    path = encode(tmp_path / "a.m4a", "aac", SAMPLES, 48_000, metadata={"creation_time": "2026-11-22T10:15:00Z"})
    with open_recording(path) as recording:
        assert recording.recorded_at == MORNING.replace(tzinfo=UTC)


def test_apple_creationdate():
    tags = {"creation_time": "2026-11-22T09:20:00Z", "com.apple.quicktime.creationdate": "2026-11-22T10:15:00+0100"}
    assert recording_time("a.m4a", tags, {}, 48_000) == datetime(2026, 11, 22, 9, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("comment", "zone"),
    [
        ("Recorded at 10:15:00 22/11/2026 (UTC) by AudioMoth 2466", UTC),
        ("Recorded at 10:15:00 22/11/2026 (UTC-3) by AudioMoth", timezone(timedelta(hours=-3))),
        ("Recorded at 10:15:00 22/11/2026 (UTC+5:30) by AudioMoth", timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_audiomoth_comment(comment, zone):
    assert recording_time("a.wav", {"comment": comment}, {}, 48_000) == MORNING.replace(tzinfo=zone)


def test_date_without_time():
    assert recording_time("a.flac", {"date": "2026-11-22"}, {}, 48_000) is None


def test_flac_tag(tmp_path):
    path = tmp_path / "a.flac"
    with sf.SoundFile(path, "w", 48_000, 1) as file:
        file.date = "2026-11-22T10:15:00"
        file.write(SAMPLES)
    assert began(path) == MORNING


def test_modification_time_ignored(tmp_path):
    path = tmp_path / "a.wav"
    sf.write(path, SAMPLES, 48_000)
    os.utime(path, (1.6e9, 1.6e9))
    assert began(path) is None


def test_folder_name_ignored(tmp_path):
    folder = tmp_path / "20261122_101500"
    folder.mkdir()
    sf.write(folder / "a.wav", SAMPLES, 48_000)
    assert began(folder / "a.wav") is None


@pytest.mark.parametrize(
    ("name", "began"),
    [
        ("20240909 094925-1204AB7F.wav", datetime(2024, 9, 9, 9, 49, 25)),
        ("20240909 094925-6A3F12B7.wav", datetime(2024, 9, 9, 9, 49, 25)),
        ("20240909_094925-0001.wav", datetime(2024, 9, 9, 9, 49, 25)),
        ("20240909_094925-1400Hz.wav", datetime(2024, 9, 9, 9, 49, 25)),
        ("20240909_094925+2500.wav", datetime(2024, 9, 9, 9, 49, 25)),
        ("20240909_094925+0545.wav", datetime(2024, 9, 9, 9, 49, 25, tzinfo=timezone(timedelta(hours=5, minutes=45)))),
        ("20240909_19580312.wav", None),
        ("19580312_20240909_094925.wav", datetime(2024, 9, 9, 9, 49, 25)),
        ("Voice 250313_071502.m4a", datetime(2025, 3, 13, 7, 15, 2)),
        ("550e8400-e29b-41d4-a716-446655440000.wav", None),
        ("WhatsApp Audio 2024-09-09 um 09.49.25.opus", datetime(2024, 9, 9, 9, 49, 25)),
        ("Grabaci\u00f3n 2024-09-09 a las 10.49.25 p.\u00a0m..mov", datetime(2024, 9, 9, 22, 49, 25)),
        ("2024-09-09 10_49_25_PM.wav", datetime(2024, 9, 9, 22, 49, 25)),
        ("2024-09-09 3.15.00 PM2.wav", None),
        ("2024-09-09 3.15.00_PM.wav", None),
        ("20240909_214925_PM.wav", datetime(2024, 9, 9, 21, 49, 25)),
        ("20240909_094925s001.wav", datetime(2024, 9, 9, 9, 49, 25)),
        ("2024-09-09T09-49-25-123456Z.wav", datetime(2024, 9, 9, 9, 49, 25, 123_456, tzinfo=UTC)),
        ("2024-09-09 \u4e0b\u534810.49.25.mov", None),
        ("vlc-record-2024-09-09-09h49m25s-file.mp3", datetime(2024, 9, 9, 9, 49, 25)),
        ("wav0001_2024_09_09__09_49_25.wav", datetime(2024, 9, 9, 9, 49, 25)),
        ("SM4_20240909$094925.wav", datetime(2024, 9, 9, 9, 49, 25)),
        ("GMT20240909-094925_Recording.m4a", datetime(2024, 9, 9, 9, 49, 25, tzinfo=UTC)),
        ("Call-20240909_094925UTC-Meeting Recording.mp4", datetime(2024, 9, 9, 9, 49, 25, tzinfo=UTC)),
        ("20240909_094925_UTC.wav", datetime(2024, 9, 9, 9, 49, 25, tzinfo=UTC)),
        ("2024-09-09 09.49.25 UTC+2.wav", datetime(2024, 9, 9, 9, 49, 25)),
        ("2024-09-09T09-49-25-123Z.webm", datetime(2024, 9, 9, 9, 49, 25, 123_000, tzinfo=UTC)),
        ("2024-09-09T09_49_25_123Z.webm", datetime(2024, 9, 9, 9, 49, 25, 123_000, tzinfo=UTC)),
        ("2024-09-09T09-49-25+02-00.wav", datetime(2024, 9, 9, 9, 49, 25, tzinfo=timezone(timedelta(hours=2)))),
        ("DEADBEEF.WAV", None),
        (
            "20210205T035946676+1000_E20210205T040446501+1000_.wav",
            datetime(2021, 2, 5, 3, 59, 46, 676_000, tzinfo=timezone(timedelta(hours=10))),
        ),
    ],
)
def test_from_file_name_numbers(name, began):
    assert from_file_name(name) == began


def test_matroska_date_zero():
    tags = {"creation_time": "2001-01-01T00:00:00.000000Z"}
    assert recording_time("20240909_094925.webm", tags, {}, 48_000) == datetime(2024, 9, 9, 9, 49, 25)
    assert recording_time("a.webm", tags, {}, 48_000) is None


@pytest.mark.parametrize(("used", "warned"), [("2026-11-21T10:15:00", False), ("2026-11-21T10:14:00+00:00", True)])
def test_check_file_name(used, warned):
    both = f"the metadata gives {used} as the start, the file name 2026-11-22T10:15:00"
    found = check_file_name("hip 2026-11-22 10.15.00.wav", datetime.fromisoformat(used))
    assert found == ([f"{both}; the metadata is used"] if warned else [])
    assert check_file_name("hip.wav", datetime.fromisoformat(used)) == []
    assert check_file_name("hip 2026-11-22 10.15.00.wav", None) == []
