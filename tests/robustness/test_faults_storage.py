"""Storage faults: one line, exit code 2, no partial file under a final name, nothing lost.

Outcomes are those of the table "Faults" in docs/reference-commands.md.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import recordings

from popclass.batch import classify_folder, worker
from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.worker import extract_one
from popclass.cli import main
from popclass.errors import AudioError, OutputError
from popclass.extraction import extract_events
from popclass.model.model import Model
from popclass.pipeline import classify
from popclass.streaming.save import Saver
from popclass.utils.files import check_writable, placing, write_text

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
TABLES = ("events.csv", "bursts.csv", "recordings.csv")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model.load(recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "archive"
    for index in range(6):
        recordings.write(folder / f"take{index}.wav", [recordings.KINDS[index % 3]], seed=index)
    return folder


@pytest.fixture(scope="module")
def done(archive: Path, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classify_folder(archive, tmp_path_factory.mktemp("done"), model=model).results_dir


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[str]]]:
    def runner(*argv: object) -> tuple[int, list[str]]:
        code = main([str(part) for part in argv])
        return code, capfd.readouterr().err.splitlines()

    return runner


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


class FullDisk:
    """Files below a folder can be written to so many times; then the disk is full.

    Every file object that Python opens for writing there counts its writes, and flushing at its end counts, too.
    """

    def __init__(self, folder: Path, writes: int) -> None:
        self.left = writes
        self._folder = os.fspath(folder)
        self._open = builtins.open

    def open(self, file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **options: Any) -> Any:
        inside = isinstance(file, str | os.PathLike) and os.fspath(file).startswith(self._folder)
        if not inside or not set(mode) & set("wax"):
            return self._open(file, mode, buffering, *rest, **options)
        raw = _Counted(os.fspath(file), mode.replace("b", "").replace("t", ""), self)
        if buffering == 0:
            return raw
        binary = io.BufferedWriter(raw)
        return binary if "b" in mode else io.TextIOWrapper(binary, *rest, **options)

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _Counted(io.FileIO):
    def __init__(self, path: str, mode: str, disk: FullDisk) -> None:
        super().__init__(path, mode)
        self._disk = disk

    def write(self, data: Any) -> int:
        self._disk.take()
        return super().write(data) or 0


@pytest.fixture
def full_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], FullDisk]]:
    def fill(writes: int) -> FullDisk:
        disk = FullDisk(tmp_path, writes)
        monkeypatch.setattr(builtins, "open", disk.open)
        monkeypatch.setattr(io, "open", disk.open)
        return disk

    yield fill
    monkeypatch.undo()


def test_full_disk_batch_resume(
    archive: Path, model: Model, done: Path, tmp_path: Path, full_after: Callable[[int], FullDisk]
) -> None:
    failed = 0
    for writes in range(20):
        disk = full_after(writes)
        try:
            classify_folder(archive, tmp_path / "out", model=model)
        except OutputError as error:
            failed += 1
            said = str(error)
            assert said.startswith("cannot write")
            assert said.endswith("No space left on device")
            found = names(tmp_path / "out") - {JOURNAL}
            assert found <= {*TABLES, "run.json"}, "nothing half-written stays"
            for name in found & set(TABLES):
                assert (tmp_path / "out" / name).read_bytes() == (done / name).read_bytes()
            continue
        break
    assert failed >= 4, "the journal and the three files were all hit"
    assert disk.left >= 0
    assert all((tmp_path / "out" / name).read_bytes() == (done / name).read_bytes() for name in TABLES)


EARLIER = {  # how files that popclass may replace begin
    "csv": "recording,event,burst,before",
    "report": "<!doctype html><title>before - popclass</title>",
    "features": "recording,event,start_s,before",
}


@pytest.mark.parametrize(("what", "before"), EARLIER.items(), ids=EARLIER)
def test_full_disk_keeps_old_result(
    what: str,
    before: str,
    archive: Path,
    tmp_path: Path,
    full_after: Callable[[int], FullDisk],
    run: Callable[..., Any],
) -> None:
    target = tmp_path / f"out.{'html' if what == 'report' else 'csv'}"
    target.write_text(before)
    command = ("features", archive / "take1.wav", "-o", target)
    if what != "features":
        command = ("classify", archive / "take1.wav", "--report" if what == "report" else "-o", target)
    full_after(0)
    code, said = run(*command)
    assert (code, len(said)) == (2, 1)
    assert said[0] == f"popclass: cannot write {target}: No space left on device"
    assert names(tmp_path) == {target.name}
    assert target.read_text() == before


def test_full_disk_model_and_card(model: Model, tmp_path: Path, full_after: Callable[[int], FullDisk]) -> None:
    for writes in range(8):
        full_after(writes)
        try:
            with placing(tmp_path / "m.md", "a card", force=False):
                model.save(tmp_path / "m.onnx")
        except OutputError as error:
            said = str(error)
            assert said.endswith("No space left on device")
            assert names(tmp_path) == set()
            continue
        break
    assert writes >= 2
    assert names(tmp_path) == {"m.md", "m.onnx"}


def limited(megabytes: float, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A process whose files cannot grow beyond so much, whichever library writes them."""

    def limit() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (round(megabytes * 1e6), resource.RLIM_INFINITY))

    return subprocess.run(
        [sys.executable, "-B", "-m", "popclass", *map(str, arguments)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("what", ["synth", "evaluate", "parquet", "save"])
def test_full_disk_library_writers(what: str, archive: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for kind in recordings.KINDS:
        recordings.write(tmp_path / "labelled" / kind / "a.wav", [kind])
    command: tuple[object, ...] = ("synth", tmp_path / "made")
    if what == "evaluate":
        command = ("evaluate", tmp_path / "labelled", "-o", tmp_path / "made")
    elif what == "parquet":
        command = ("batch", archive, "-o", tmp_path / "made", "--to", "parquet", "--jobs", "1")
    if what == "save":
        with (archive / "take1.wav").open("rb") as stream:
            line = ["sh", "-c", f"ulimit -f 0; trap '' XFSZ; '{sys.executable}' -B -m popclass listen - --save made"]
            done = subprocess.run(line, stdin=stream, capture_output=True, text=True, cwd=tmp_path, check=False)
    else:
        done = limited(0.006 if what == "parquet" else 0.01, *command)
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("popclass: ")]
    assert len(lines) == 1
    assert "Traceback" not in done.stderr
    left = names(tmp_path / "made") if (tmp_path / "made").exists() else set()
    assert left <= {JOURNAL, "events.parquet", "labels.csv"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


# Folders that go, or cannot be written to


def test_results_removed_while_running(
    archive: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processed = []

    def removing(path: Path, *rest: Any, name: str, **options: Any) -> Any:
        processed.append(name)
        if name == "take1.wav":
            shutil.rmtree(tmp_path / "out")
        return extract_one(path, *rest, name=name, **options)

    monkeypatch.setattr(worker, "extract_one", removing)
    with pytest.raises(OutputError, match=r"journal\.jsonl was removed while the batch was running; run it again"):
        classify_folder(archive, tmp_path / "out", model=model)
    assert len(processed) < 6, "the others would have been processed in vain"
    assert names(tmp_path) == set()


def test_output_folder_missing_or_file(archive: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    (tmp_path / "file").write_text("")
    for command, words in (
        (("batch", archive, "-o", tmp_path / "file"), "is a file"),
        (("evaluate", archive, "-o", tmp_path / "file"), "is a file"),
        (("synth", tmp_path / "file"), "a file"),
        (("synth", tmp_path / "file" / "x"), "cannot be written"),
        (("train", archive, "-o", tmp_path / "file" / "m.onnx"), "cannot write"),
        (("batch", archive, "-o", tmp_path / "file" / "x"), "cannot write"),
    ):
        code, said = run(*command)
        assert (code, len(said)) == (2, 1), said
        assert words in said[0]
    assert names(tmp_path) == {"file"}


def test_output_folder_read_only(archive: Path, tmp_path: Path) -> None:
    """Also for root, whose permission to write anywhere is taken off where the system has a tool for that."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    without = []
    if os.geteuid() == 0:
        tool = shutil.which("setpriv")
        if tool is None:
            pytest.skip("no tool to take permissions off with")
        without = [tool, "--bounding-set=-dac_override,-dac_read_search"]
    for command in (
        ("batch", archive, "-o", locked / "x"),
        ("synth", locked / "x"),
        ("classify", archive / "take0.wav", "--report", locked / "x.html"),
    ):
        line = [*without, sys.executable, "-B", "-m", "popclass", *map(str, command)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "ermission denied" in done.stderr


# Recordings that change


def test_recording_removed_before_read(
    archive: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(archive, tmp_path / "in")

    def removing(path: Path, *rest: Any, name: str, **options: Any) -> Any:
        (tmp_path / "in" / "take2.wav").unlink(missing_ok=True)
        return extract_one(path, *rest, name=name, **options)

    monkeypatch.setattr(worker, "extract_one", removing)
    result = classify_folder(tmp_path / "in", tmp_path / "out", model=model)
    assert [(row.recording, row.reason) for row in result.failed] == [("take2.wav", "no such file; check the path")]


@pytest.mark.parametrize("how", ["truncated", "overwritten", "grown", "touched"])
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_recording_changed_while_read(how: str, ending: str, model: Model, tmp_path: Path) -> None:
    path = recordings.write(tmp_path / f"take.{ending}", ["other"], seconds=6)

    def change(read: int, _total: int | None) -> None:
        if read < 100_000:
            content = path.read_bytes()
            if how == "touched":
                os.utime(path, (1, 1))
                return
            with open(path, "r+b") as file:
                if how == "truncated":
                    file.truncate(len(content) // 2)
                elif how == "grown":
                    file.seek(0, 2)
                    file.write(content[-1000:])
                else:
                    file.write(content[:100] + content[-5000:])
        os.utime(path, (2, 2))

    with pytest.raises(AudioError, match=r"take\.\w+: was changed while it was read; read it again when no program"):
        extract_events(path, model.frontend, progress=change)


def test_recording_removed_while_read(model: Model, tmp_path: Path) -> None:
    path = recordings.write(tmp_path / "take.wav", ["other"], seconds=4)
    whole = classify(path, model=model)
    assert classify(path, model=model, progress=lambda *_: path.unlink(missing_ok=True)).events == whole.events


# Two at once


def test_write_race_without_force(tmp_path: Path) -> None:
    target = tmp_path / "m.onnx"
    check_writable(target, force=False)

    def pieces() -> Iterator[str]:
        yield "mine"
        with pytest.MonkeyPatch.context() as patch:  # not seen by the last look, as it would be a moment too late
            patch.setattr(os.path, "exists", lambda _path: False)
            target.write_text("theirs")

    with pytest.raises(OutputError, match="exists already"):
        write_text(target, pieces(), force=False)
    assert target.read_text() == "theirs"
    assert names(tmp_path) == {"m.onnx"}


def test_listen_two_in_one_folder(tmp_path: Path) -> None:
    one, two = Saver(tmp_path), Saver(tmp_path)
    samples = recordings.samples(["other"])[:, None]
    for saver in (one, two):
        saver._listener = type("Any", (), {"final_events": 0})()
        saver._rate, saver._rows = 48_000, {}
    assert one._write_sound(samples) == "burst_000001.flac"
    assert two._write_sound(samples / 2) == "burst_000002.flac"
    one._write_table()
    with pytest.raises(OutputError, match=r"labels\.csv was changed while"):
        two._write_table()


# The clock


@pytest.mark.parametrize("years", [-20, 20])
def test_clock_jump(
    years: int, archive: Path, model: Model, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    real = time.time

    class Jumping(datetime):
        calls = 0

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            cls.calls += 1
            return datetime(2026 + (years if cls.calls > 1 else 0), 11, 24, tzinfo=tz or UTC)

    monkeypatch.setattr("popclass.batch.run.datetime", Jumping)
    monkeypatch.setattr(time, "time", lambda: real() + years * 31e6)
    seen = []
    began = time.monotonic()
    result = classify_folder(archive, tmp_path, model=model, progress=lambda now: seen.append(now.elapsed_s))
    took = time.monotonic() - began
    assert all((tmp_path / name).read_bytes() == (done / name).read_bytes() for name in TABLES)
    assert all(0 <= elapsed <= took for elapsed in seen)
    times = json.loads((tmp_path / "run.json").read_text())["times"]
    assert 0 <= times["seconds"] <= took
    assert times["ended"].startswith(str(2026 + years))
    assert 0 < result.elapsed_s <= took
