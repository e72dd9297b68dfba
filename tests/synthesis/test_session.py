"""Generated sessions, in memory and as files."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from popclass.errors import OutputError, UsageError
from popclass.schema import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import Session, Settings, generate_session, recorder, session_of, write_sessions
from popclass.synthesis import plan as planning
from popclass.synthesis import session as module
from popclass.synthesis.waves import SynthSound
from popclass.timing.sites import SITES

SEED = 7
PLAIN = Settings(
    sensor="airborne close",
    room="open",
    device="flat",
    level="loud",
    background="pink",
    processing="none",
    codec="none",
    pitch="whole",
    duration="whole",
    site="lumbar",
    sample_rate=44100,
    bits=24,
)

# A rub or a swell has no sharp beginning, and a fault is not filtered.
SWELLING = (
    *("snap", "finger snap", "fault", "voiced", "unvoiced", "cloth rub", "cable rub", "puff", "cough", "call", "clap"),
    *("tear", "scrape", "strap creak", "cable creak", "breathing", "muscle", "heart", "beep", "lighter", "lip smack"),
    *("soft chewing", "crunchy chewing", "swallow", "drop", "footstep"),
)


def generated(settings: Settings, seed: int) -> Session:
    return generate_session(np.random.default_rng(seed), settings)


@pytest.fixture(scope="module")
def sample() -> list[Session]:
    """Ten sessions of the generator as it is used."""
    return [session_of(4, index) for index in range(10)]


@pytest.mark.slow
def test_session_of_same_seed() -> None:
    first, second = session_of(7, 0), session_of(7, 0)
    assert first.subject == second.subject
    for a, b in zip(first.recordings, second.recordings, strict=True):
        assert a.labels == b.labels
        assert a.recorded_at == b.recorded_at
        assert a.samples.tobytes() == b.samples.tobytes()


def test_generate_session_other_seed() -> None:
    assert generated(PLAIN, 1).subject != generated(PLAIN, 2).subject


def test_generate_session_global_random_state() -> None:
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = generated(PLAIN, 1)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    np.random.seed(6)  # noqa: NPY002
    assert generated(PLAIN, 1).recordings[0].samples.tobytes() == first.recordings[0].samples.tobytes()


@pytest.mark.slow
def test_session_shape(sample: list[Session]) -> None:
    for session in sample:
        assert 3 <= len(session.recordings) <= 8
        times = [recording.recorded_at for recording in session.recordings]
        assert times == sorted(times)
        assert (times[-1] - times[0]).total_seconds() <= 3600
        for recording in session.recordings:
            assert recording.samples.dtype == np.float32
            assert recording.sample_rate == session.settings.sample_rate
            seconds = len(recording.samples) / recording.sample_rate
            assert 9.9 < seconds < 40.1 or 0.5 < seconds < planning.SHORT_S
            assert np.all(np.isfinite(recording.samples))
            assert np.max(np.abs(recording.samples)) <= 1.0


@pytest.mark.slow
def test_recordings_do_not_overlap(sample: list[Session]) -> None:
    for session in sample:
        for earlier, later in pairwise(session.recordings):
            length = len(earlier.samples) / earlier.sample_rate
            assert (later.recorded_at - earlier.recorded_at).total_seconds() > length


def test_labels_ordered(sample: list[Session]) -> None:
    for session in sample:
        for recording in session.recordings:
            starts = [label.start_s for label in recording.labels]
            assert all(b - a >= recorder.MERGE_S for a, b in pairwise(starts))
            for label in recording.labels:
                assert 0.0 < label.start_s < label.end_s <= len(recording.samples) / recording.sample_rate
                assert label.label in (CAVITATION, SNAPPING, OTHER)
                assert (label.cavity is not None) == (label.label == CAVITATION)


@pytest.mark.parametrize("rate", [44100, 96000, 16000])
@pytest.mark.parametrize("sensor", ["airborne close", "contact"])
def test_labels_at_onsets(monkeypatch: pytest.MonkeyPatch, rate: int, sensor: str) -> None:
    """Without background, a tenth of the peak is reached within 1 ms of a label and not before it."""
    quiet = lambda self, length: np.zeros(length, dtype=np.float32)  # noqa: E731
    monkeypatch.setattr(recorder.Background, "render", quiet)
    monkeypatch.setattr(recorder, "convert", lambda rng, signal, bits: signal)
    checked = 0
    for seed in range(4):
        session = generated(replace(PLAIN, sensor=sensor, sample_rate=rate, room="small", device="phone"), seed)
        for recording in session.recordings:
            x = recording.samples - np.median(recording.samples)
            ends = [0.0, *(label.end_s + 0.4 for label in recording.labels)]
            for label, free in zip(recording.labels, ends, strict=False):
                if label.start_s < free or label.kind in SWELLING:
                    continue
                start = round(label.start_s * rate)
                lead = min(start, rate // 20)
                stretch = np.abs(x[start - lead : start + rate // 50])
                loud = np.flatnonzero(stretch >= 0.1 * stretch.max())[0] - lead
                assert abs(loud) <= 0.001 * rate, label
                checked += 1
    assert checked > 20


@pytest.mark.slow
def test_refractory_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without exceptions, two pops of one cavity are at least 15 minutes apart; without the rule they are not."""
    monkeypatch.setattr(module, "PROGRAMS", {(CAVITATION,): 1.0})
    monkeypatch.setattr(planning.p, "SECOND_CAVITATION", replace(planning.p.SECOND_CAVITATION, high=0.0))
    gaps = [gap for seed in range(5) for site in ("mcp", "hand") for gap in _gaps(replace(PLAIN, site=site), seed)]
    assert min(gaps) >= 900.0 - 1.0
    monkeypatch.setattr(planning.p, "REFRACTORY", replace(planning.p.REFRACTORY, low=0.0, high=0.0))
    assert min(_gaps(replace(PLAIN, site="mcp"), 0)) < 900.0


def _gaps(settings: Settings, seed: int) -> list[float]:
    """Seconds between successive pops of each cavity of a session."""
    moments = defaultdict(list)
    for recording in generated(settings, seed).recordings:
        for label in recording.labels:
            moments[label.cavity].append(recording.recorded_at.timestamp() + label.start_s)
    return [b - a for times in moments.values() for a, b in pairwise(times)]


def test_two_sensors_lag_and_level() -> None:
    """The farther of two sensors has each sound later and weaker, on the side that the sound does not come from."""
    settings = replace(PLAIN, channels=2)
    sides = set()
    for seed in range(4):
        rng = np.random.default_rng(seed)
        device = recorder.Recorder(rng, settings)
        device.set_level([30.0])
        device.background.render = lambda length: np.zeros(length, dtype=np.float32)  # type: ignore[method-assign]
        device.background.offset = 0.0
        wave = np.hanning(9)
        sound = SynthSound(
            wave, time_s=0.2, level_db=30.0, label=OTHER, kind="tap", place="joint", side=[-1, 1][seed % 2]
        )
        found = device.record(datetime(2025, 1, 1, tzinfo=UTC), 0.5, [sound])
        assert found.samples.shape == (int(0.5 * 44100), 2)
        near, far = found.samples[:, :: -sound.side].T
        peaks = np.abs(near).argmax(), np.abs(far).argmax()
        assert peaks[1] - peaks[0] == pytest.approx(device.lag_s * 44100, abs=2)
        assert np.abs(far).max() < 0.92 * np.abs(near).max()
        assert len(found.labels) == 1
        sides.add(sound.side)
    assert sides == {-1, 1}


def test_cavities_of_site(sample: list[Session]) -> None:
    for session in sample:
        used = {label.cavity for recording in session.recordings for label in recording.labels} - {None}
        assert len(used) <= SITES[session.settings.site].cavities
        assert all(cavity < SITES[session.settings.site].cavities for cavity in used)


def test_no_digital_silence(sample: list[Session]) -> None:
    """Lossy codecs mute near silence; nothing else leaves runs of zeros."""
    for session in (session for session in sample if session.settings.codec == "none"):
        for recording in session.recordings:
            if any(label.kind == "fault" for label in recording.labels):
                continue
            quiet = np.flatnonzero(recording.samples != 0.0)
            assert np.max(np.diff(quiet)) < max(0.002 * recording.sample_rate, 20)


@pytest.mark.parametrize("change", [{"sensor": "telepathy"}, {"codec": "mp3", "sample_rate": 96000}])
def test_settings_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="choose"):
        replace(PLAIN, **change)  # type: ignore[arg-type]


# --- sessions as files ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sessions(tmp_path_factory.mktemp("synth") / "out", sessions=3, seed=SEED)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_write_same_seed(written: Path, tmp_path: Path) -> None:
    again = write_sessions(tmp_path / "again", sessions=3, seed=SEED)
    assert contents(again) == contents(written)


@pytest.mark.slow
def test_write_any_number(written: Path, tmp_path: Path) -> None:
    one = contents(write_sessions(tmp_path / "one", sessions=1, seed=SEED))
    many = contents(written)
    recordings = [name for name in one if name.endswith(".flac")]
    assert recordings
    assert all(one[name] == many[name] for name in recordings)
    first_label_lines = one["labels.csv"].decode().splitlines()
    assert many["labels.csv"].decode().splitlines()[: len(first_label_lines)] == first_label_lines


@pytest.mark.slow
def test_write_samples(written: Path) -> None:
    for index in range(3):
        session = session_of(SEED, index)
        for number, recording in enumerate(session.recordings, 1):
            path = written / f"session_{index:04d}" / f"recording_{number:02d}.flac"
            samples, rate = sf.read(path, dtype="float32")
            assert rate == recording.sample_rate
            assert np.array_equal(samples, recording.samples)


@pytest.mark.slow
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


@pytest.mark.slow
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
