"""Tests of popclass.batch.files: every file is a recording or is listed as skipped."""

import unicodedata

import numpy as np
import pytest
import soundfile as sf

from popclass.audio.paths import AUDIO_SUFFIXES
from popclass.batch.files import find_recordings
from popclass.batch.manifest import read_manifest
from popclass.errors import LabelError

UNKNOWN = "not recognized as audio by name or content"
SOUND = np.random.default_rng(0).normal(0, 0.01, 4800)


def found(folder):
    recordings, unreadable, skipped = find_recordings(folder, exclude=folder / "results")
    assert not unreadable
    return recordings, skipped


def test_find_recordings_every_file_listed(tmp_path):
    sf.write(tmp_path / "a.wav", SOUND, 48_000)
    sf.write(tmp_path / "b.flac", SOUND, 48_000)
    (tmp_path / "b.flac").rename(tmp_path / "b.bin")
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "wide.txt").write_text("text", encoding="utf-16")  # begins like a frame of an MP3
    (tmp_path / "._a.wav").write_bytes(b"\0\5\x16\7")
    (tmp_path / "empty").touch()
    assert found(tmp_path) == (
        ("a.wav", "b.bin"),
        {"._a.wav": "hidden", **dict.fromkeys(("empty", "notes.txt", "wide.txt"), UNKNOWN)},
    )


@pytest.mark.parametrize(
    "suffix",
    [".qta", ".QTA", ".avi", ".mts", ".m4b", ".3ga", ".wv", ".dss", ".m2t", ".VOB", ".f4a", ".adts", ".m4a.part"],
)
def test_find_recordings_suffixes(tmp_path, suffix):
    (tmp_path / f"a{suffix}").touch()
    assert found(tmp_path) == ((f"a{suffix}",), {})
    assert suffix.lower().removesuffix(".part") in AUDIO_SUFFIXES


@pytest.mark.parametrize(
    ("codec", "kind"),
    [("aac", "mp4"), ("aac", "mov"), ("aac", "adts"), ("ac3", "ac3"), ("aac", "mpegts"), ("aac", "matroska")],
)
def test_find_recordings_by_content(tmp_path, encode, codec, kind):
    suffix = {"matroska": "mka", "mpegts": "ts", "adts": "aac"}.get(kind, kind)
    encode(tmp_path / f"b.{suffix}", codec, SOUND, 48_000).rename(tmp_path / "b.bin")
    assert "b.bin" in found(tmp_path)[0]


def test_find_recordings_moov_first(tmp_path, encode):
    whole = bytearray(encode(tmp_path / "a.m4a", "aac", SOUND, 48_000).read_bytes())
    whole[4:8] = b"wide"
    (tmp_path / "old").write_bytes(whole)
    assert found(tmp_path)[0] == ("a.m4a", "old")


def test_find_recordings_other_content(tmp_path):
    (tmp_path / "a.wav").touch()
    contents = {
        **{"page": b"<!DOCTYPE html><p>", "picture": b"\x89PNG\r\n\x1a\n" + bytes(50), "zip": b"PK\3\4" + bytes(50)},
        **{"zeros": bytes(5000), "random": np.random.default_rng(0).bytes(100_000), "free": b"The free text"},
        "photo": b"\0\0\0\x18ftypheic" + bytes(50),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert found(tmp_path) == (("a.wav",), dict.fromkeys(sorted(contents), UNKNOWN))


def test_find_recordings_hidden_folders(tmp_path):
    for name in ("a.wav", ".Trash-1000/b.wav", "P1/.tmp/deep/c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert found(tmp_path) == (("a.wav",), {".Trash-1000/": "a hidden folder", "P1/.tmp/": "a hidden folder"})


def test_read_manifest_back_slashes(tmp_path):
    (tmp_path / "P1").mkdir()
    (tmp_path / "P1" / "a.wav").touch()
    manifest = tmp_path / "manifest.csv"
    manifest.write_bytes("file,subject\r\nP1\\a.wav,Jo\u0308rg\r\n".encode("utf-16"))
    metadata = read_manifest(manifest, tmp_path, ("P1/a.wav",), site=None)
    assert metadata["P1/a.wav"].subject == "J\u00f6rg"


@pytest.mark.parametrize("subject", ["nan", "None", "NULL", "#N/A"])
def test_read_manifest_missing_value(tmp_path, subject):
    (tmp_path / "a.wav").touch()
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(f"file,subject\na.wav,{subject}\n")
    with pytest.raises(LabelError, match="a missing value; leave the cell empty"):
        read_manifest(manifest, tmp_path, ("a.wav",), site=None)


@pytest.mark.parametrize(("in_table", "on_disk"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_read_manifest_unicode_forms(tmp_path, in_table, on_disk):
    name = unicodedata.normalize(on_disk, "knöchel.wav")
    (tmp_path / name).touch()
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(f"file,subject\n{unicodedata.normalize(in_table, 'knöchel.wav')},P1\n", encoding="utf-8")
    metadata = read_manifest(manifest, tmp_path, found(tmp_path)[0], site=None)
    assert metadata[name].subject == "P1"
