"""Generated sessions as files."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from popclass.errors import OutputError, UsageError
from popclass.synthesis import session as module
from popclass.synthesis import session_of, write_sessions
from popclass.timing.sites import SITES

SEED = 7


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sessions(tmp_path_factory.mktemp("synth") / "out", sessions=3, seed=SEED)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_write_same_seed(written: Path, tmp_path: Path) -> None:
    again = write_sessions(tmp_path / "again", sessions=3, seed=SEED)
    assert contents(again) == contents(written)


def test_write_any_number(written: Path, tmp_path: Path) -> None:
    one = contents(write_sessions(tmp_path / "one", sessions=1, seed=SEED))
    many = contents(written)
    recordings = [name for name in one if name.endswith(".flac")]
    assert recordings
    assert all(one[name] == many[name] for name in recordings)
    first_label_lines = one["labels.csv"].decode().splitlines()
    assert many["labels.csv"].decode().splitlines()[: len(first_label_lines)] == first_label_lines


def test_write_samples(written: Path) -> None:
    for index in range(3):
        session = session_of(SEED, index)
        for number, recording in enumerate(session.recordings, 1):
            path = written / f"session_{index:04d}" / f"recording_{number:02d}.flac"
            samples, rate = sf.read(path, dtype="float32")
            assert rate == recording.sample_rate
            assert np.array_equal(samples, recording.samples)


def test_write_tables(written: Path) -> None:
    labels, manifest = rows(written / "labels.csv"), rows(written / "manifest.csv")
    assert list(labels[0]) == ["file", "start_s", "end_s", "label", "subject", "site", "recorded_at"]
    assert list(manifest[0]) == ["file", "subject", "site", "cavities", "recorded_at"]
    on_disk = {path.relative_to(written).as_posix() for path in written.rglob("*.flac")}
    assert {row["file"] for row in labels} == on_disk
    assert [row["file"] for row in manifest] == sorted(on_disk)
    assert all(int(row["cavities"]) == SITES[row["site"]].cavities for row in manifest)
    assert {row["label"] for row in labels} <= {"", "cavitation", "snapping", "other"}
    assert all((row["label"] == "") == (row["start_s"] == "") == (row["end_s"] == "") for row in labels)


def test_write_recordings_without_events(written: Path) -> None:
    empty = [row for row in rows(written / "labels.csv") if not row["label"]]
    silent = sum(not r.labels for index in range(3) for r in session_of(SEED, index).recordings)
    assert len(empty) == silent


def test_write_synthesis_json(written: Path) -> None:
    record = json.loads((written / "synthesis.json").read_text(encoding="utf-8"))
    assert record["seed"] == SEED
    assert [session["session"] for session in record["sessions"]] == [f"session_{i:04d}" for i in range(3)]
    assert record["sessions"][1]["settings"] == asdict(session_of(SEED, 1).settings)


def test_write_progress(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_sessions(tmp_path / "out", sessions=1, seed=SEED, progress=lambda *call: calls.append(call))
    assert calls == [(1, 1)]


def test_write_folder_in_use(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="not empty"):
        write_sessions(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_write_onto_file(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="a file"):
        write_sessions(target)
    assert target.read_text(encoding="utf-8") == "mine"


def test_write_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert (write_sessions(tmp_path / "out", seed=SEED) / "labels.csv").is_file()


def test_write_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seed: int, index: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "session_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_sessions(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_write_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        write_sessions(tmp_path / "file" / "out")


@pytest.mark.parametrize("options", [{"sessions": 0}, {"sessions": -1}, {"sessions": 10**9}, {"seed": -1}])
def test_write_refuses(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="number from"):
        write_sessions(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
