"""Tests of popclass.batch.cluster: equality with a local run, lost workers, mismatched workers.

The scheduler and its workers run as separate local processes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest
import recordings

from popclass.batch import classify_folder
from popclass.cli import main
from popclass.errors import UsageError

distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'popclass[cluster]'")
cluster = pytest.importorskip("popclass.batch.cluster")

pytestmark = pytest.mark.slow

TABLES = ("events.csv", "bursts.csv", "recordings.csv")
WAIT_S = 60.0

# A worker slowed down by a pause, which exits at one given recording.
PRELOAD = """
import os, time
import popclass.batch.worker as worker

plain = getattr(worker.extract_one, "plain", worker.extract_one)  # a preload may be loaded twice

def slow(path, *a, name, **k):
    time.sleep({pause})
    if name == {deadly!r}:
        os._exit(139)
    return plain(path, *a, name=name, **k)

slow.plain = plain
worker.extract_one = slow
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Twenty-four recordings, one of them corrupt, one with a name that is not UTF-8."""
    folder = tmp_path_factory.mktemp("data") / "archive"
    for index in range(22):
        kinds = [recordings.KINDS[index % 3]] * (index % 3)
        recordings.write(folder / f"day {index % 2}" / f"take{index:02}.wav", kinds, seed=index)
    recordings.write(folder / "plain.wav").rename(folder / os.fsdecode(b"caf\xe9.wav"))
    (folder / "day 0" / "broken.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture(scope="module")
def local(archive, model, tmp_path_factory):
    return classify_folder(archive, tmp_path_factory.mktemp("local"), model=model).results_dir


@contextmanager
def process(*arguments, **options):
    command = [sys.executable, "-m", *map(str, arguments)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


@contextmanager
def scheduler(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--host", "127.0.0.1", "--port", port, "--no-dashboard", "--no-jupyter")
    env = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}  # quicker than the usual 3
    with process("distributed.cli.dask_scheduler", *options, cwd=tmp_path, env=env) as child:
        wait_until(lambda: is_listening(port), child)
        yield f"tcp://127.0.0.1:{port}"


def is_listening(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition, child=None):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        assert child is None or child.poll() is None, "the process has ended"
        time.sleep(0.05)


@contextmanager
def worker(address, tmp_path, *, pause=0.0, deadly="", nanny=False, env=None):
    name = tmp_path / f"preload_{time.monotonic_ns()}.py"
    name.write_text(PRELOAD.format(pause=pause, deadly=deadly))
    options = ["--nthreads", 1, "--no-dashboard", "--nanny" if nanny else "--no-nanny", "--preload", name]
    options += ["--local-directory", tmp_path / "scratch"]
    with process("distributed.cli.dask_worker", address, *options, cwd=tmp_path, env=env) as child:
        yield child


@contextmanager
def started(tmp_path, workers=2, **options):
    """Yield the address of a scheduler and its connected workers."""
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path))
        children = [stack.enter_context(worker(address, tmp_path, **options)) for _ in range(workers)]
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=WAIT_S)
        yield address, children


def same_tables(one, other):
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in TABLES)


def test_classify_folder_killed_worker(archive, model, local, tmp_path):
    with started(tmp_path, pause=0.05) as (address, children):
        done_counts = []

        def kill(now):
            done_counts.append(now.done)
            if len(done_counts) == 2:
                children[0].kill()

        result = classify_folder(archive, tmp_path / "out", model=model, scheduler=address, progress=kill)
        assert children[0].poll() is not None
        assert 0 < done_counts[1] < 24
        assert same_tables(result.results_dir, local)
        assert [row.recording for row in result.failed] == ["day 0/broken.wav"]
        again = classify_folder(archive, tmp_path / "out", model=model, scheduler=address)
        assert again.resumed == 23
        assert same_tables(again.results_dir, local)


def test_classify_folder_no_worker_left(archive, model, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "WORKERS_GONE_S", 4.0)
    with started(tmp_path, workers=1, pause=0.3) as (address, children):
        notices, began = [], []

        def kill(now):
            began.append(time.monotonic())
            children[0].kill()

        def notice(line):
            notices.append((line, time.monotonic() - began[0]))

        with pytest.raises(UsageError, match="has had no worker for 4 s; what was processed is kept"):
            classify_folder(archive, tmp_path / "out", model=model, scheduler=address, progress=kill, notice=notice)
    ((line, after_s),) = notices
    assert line == f"no worker is left at {address}; waiting 4 s for one"
    assert after_s < 3.5


def test_classify_folder_late_worker(archive, model, local, tmp_path):
    with started(tmp_path, workers=1, pause=0.05) as (address, children), ExitStack() as later:

        def replace(now):
            if now.done == 1:
                later.enter_context(worker(address, tmp_path))
                children[0].kill()

        result = classify_folder(archive, tmp_path / "out", model=model, scheduler=address, progress=replace)
        assert same_tables(result.results_dir, local)


def test_classify_folder_crashing_recording(archive, model, tmp_path):
    with started(tmp_path, deadly="day 1/take03.wav", nanny=True) as (address, _):
        result = classify_folder(archive, tmp_path / "out", model=model, scheduler=address)
    assert {row.recording: row.reason for row in result.failed}.keys() == {"day 0/broken.wav", "day 1/take03.wav"}
    assert cluster.CRASHED in [row.reason for row in result.failed]


def test_main_scheduler(archive, model, local, tmp_path, capfd):
    model.save(tmp_path / "m.onnx")
    command = ["batch", str(archive), "-o", str(tmp_path / "out"), "--model", str(tmp_path / "m.onnx")]
    with started(tmp_path) as (address, _):
        assert main([*command, "--scheduler", address]) == 1
    assert same_tables(tmp_path / "out", local)
    assert len(capfd.readouterr().err.splitlines()) == 2


# What will not do


def test_main_scheduler_unreachable(archive, model, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(cluster, "ANSWER_S", 0.5)
    for address in ("tcp://127.0.0.1:1", "127.0.0.1:1", "pigeon://home", "tcp://nowhere.invalid:8786"):
        assert main(["batch", str(archive), "-o", str(tmp_path / "out"), "--scheduler", address]) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"popclass: no Dask scheduler answers at {address} (")
    assert not (tmp_path / "out").exists()
    assert main(["batch", str(archive), "-o", str(tmp_path / "out"), "--scheduler", address, "--jobs", "2"]) == 2
    assert "omit one of them" in capfd.readouterr().err


def test_classify_folder_no_workers(archive, model, tmp_path, monkeypatch):
    with scheduler(tmp_path) as address:
        monkeypatch.setattr(cluster, "FIRST_WORKER_S", 0.3)
        with pytest.raises(UsageError, match=f"has no workers; start some with `dask worker {address}`"):
            classify_folder(archive, tmp_path / "out", model=model, scheduler=address)


def test_classify_folder_scheduler_busy(archive, model, tmp_path, monkeypatch):
    """A first answer with another message behind it, which the client of Dask refuses, as a busy scheduler sends it."""
    tried = []

    def connect(address, **options):
        tried.append(address)
        if len(tried) < 3:
            raise AssertionError
        return distributed.Client(address, **options)

    monkeypatch.setattr(cluster, "Client", connect)
    monkeypatch.setattr(cluster, "FIRST_WORKER_S", 0.3)
    with scheduler(tmp_path) as address:
        with pytest.raises(UsageError, match="has no workers"):
            classify_folder(archive, tmp_path / "out", model=model, scheduler=address)
        assert tried == [address] * 3
        tried.clear()
        monkeypatch.setattr(cluster, "CONNECTIONS", 2)
        with pytest.raises(UsageError, match=r"no Dask scheduler answers .* \(AssertionError\)"):
            classify_folder(archive, tmp_path / "out", model=model, scheduler=address)


def test_classify_folder_worker_without_popclass(archive, model, tmp_path, monkeypatch):
    """A module that cannot be imported shadows the package."""
    monkeypatch.setattr(cluster, "FIRST_WORKER_S", WAIT_S)
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "popclass.py").write_text("raise ImportError('not here')")
    env = {**os.environ, "PYTHONPATH": f"{blocked}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    with scheduler(tmp_path) as address:
        options = ("--nthreads", 1, "--no-nanny", "--no-dashboard")
        refused = pytest.raises(UsageError, match=r"the worker tcp://\S+ on \S+ cannot import popclass")
        with process("distributed.cli.dask_worker", address, *options, cwd=blocked, env=env), refused:
            classify_folder(archive, tmp_path / "out", model=model, scheduler=address)


@pytest.mark.parametrize(
    ("expected", "folder", "message"),
    [
        ({}, "/nowhere", "the worker on node7 cannot see /nowhere; every worker must see"),
        ({"numpy": "1.0"}, "/", "the worker on node7 has numpy .*, here is 1.0; use one version everywhere"),
        ({"popclass": "9"}, "/", "the worker on node7 has popclass .*, here is 9; "),
    ],
)
def test_check_worker_mismatch(expected, folder, message):
    here = cluster.versions()
    cluster.check_worker("the worker on node7", here, "/")
    with pytest.raises(UsageError, match=message):
        cluster.check_worker("the worker on node7", {**here, **expected}, folder)


def test_task_missing_library(monkeypatch):
    work = cluster.task("m", "/")

    def version(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(cluster, "get_worker", lambda: SimpleNamespace(address="tcp://w:1"))
    monkeypatch.setattr(cluster, "version", version)
    with pytest.raises(ImportError, match=r"the worker tcp://w:1 on \S+ cannot import popclass \(.*numpy\); install"):
        work(b"", {})


def test_check_dask_other_version():
    class Client:
        def get_versions(self):
            packages = {"python": "3.11.2.final.0", "dask": "2026.8.0", "distributed": "2026.8.0"}
            older = {**packages, "python": "3.11.9.final.0", "distributed": "2025.1.0"}
            return {"client": {"packages": packages}, "scheduler": {"packages": older}}

    with pytest.raises(UsageError, match=r"the scheduler at here has distributed 2025.1.0, here is 2026.8.0; "):
        cluster._check_dask(Client(), "here")


def test_process_on_worker_file_mismatch(archive, model, tmp_path):
    size = (archive / "day 0" / "take00.wav").stat().st_size
    chunk = {"day 0/take00.wav": (size, 0), "day 1/take01.wav": (5, 0), "gone.wav": (7, 0)}
    found = cluster.process_on_worker(model.to_bytes(), model.name, str(archive), chunk)
    by_name = {outcome.recording: outcome for outcome in found}
    assert by_name["day 0/take00.wav"].line is not None
    assert "cannot see this file; every worker must see" in by_name["gone.wav"].reason
    assert "sees another file there" in by_name["day 1/take01.wav"].reason
