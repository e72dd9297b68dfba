"""Interruptions: one line, the exit code of the signal, no traceback, no process and no partial file left.

Outcomes are those of the table "Faults" in docs/reference-commands.md. Signals go to the whole process group, as a
terminal sends them, unless a test says otherwise.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import recordings

from popclass.utils.signals import SignalHandler, Stopped, as_stopped, defer_signals, handle_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

HALF = re.compile(r"(^|/)\.")  # what is not finished has a name that begins with a dot
STARTED_S = 0.3  # where one cannot see it; before Python itself has started, no program can answer a signal


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "archive"
    for index in range(9):
        recordings.write(folder / f"take{index}.wav", [recordings.KINDS[index % 3]] * 2, seed=index)
    recordings.write(folder / "long.flac", ["cavitation", "snapping"] * 4, seconds=40)
    return folder


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    for kind in recordings.KINDS:
        for index in range(5):
            recordings.write(folder / kind / f"{index}.wav", [kind], seed=index)
    return folder


def interrupted(
    arguments: Sequence[object], after_s: float, number: int = signal.SIGINT, *, group: bool = True
) -> tuple[int, str, float]:
    """Start a command, send it a signal so long after: exit code, standard error, seconds until it had ended."""
    command = [sys.executable, "-B", "-m", "popclass", *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as child:
        await_handlers(child.pid)
        time.sleep(after_s)
        began = time.monotonic()
        (os.killpg if group else os.kill)(child.pid, number)
        try:
            _, said = child.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        took = time.monotonic() - began
        assert not group_of(child.pid), "a process was left behind"
    return child.returncode, said.decode(), took


def await_handlers(process: int) -> None:
    """Wait until a process answers SIGTERM, however busy the machine is."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        time.sleep(STARTED_S)
        return
    for _ in range(3000):
        caught = re.search(r"^SigCgt:\s*(\w+)", status.read_text(), re.MULTILINE)
        if caught is None or int(caught[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.005)


def group_of(leader: int) -> list[str]:
    """What is still running of a process group after a moment."""
    left: list[str] = []
    if not Path("/proc/self/stat").exists():
        return left
    for _ in range(40):
        left = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, its_group = path.read_text().rsplit(")", 1)[1].split()[:3]
            except OSError:
                continue
            if its_group == str(leader) and state != "Z":
                left.append(path.parent.name)
        if not left:
            break
        time.sleep(0.05)
    return left


# Compiled modules of other libraries that are stopped while they import one another print that themselves.
OF_AN_IMPORT = re.compile(
    r"Traceback \(most recent call last\):\n"
    r"(?:  File \"<frozen importlib[^\n]*\n)+"
    r"  File \"[^\"]*signals\.py\"[^\n]*\n[^\n]*\npopclass\.utils\.signals\.Stopped: \d+\n"
)


def check(code: int, said: str, folder: Path, words: str = "interrupted", expected: int = 130) -> bool:
    """Whether it was stopped at all; that it then said so in a line, and left nothing half-written."""
    said = OF_AN_IMPORT.sub("", said)
    assert "Traceback" not in said, said
    assert "Exception ignored" not in said, said
    assert not [path for path in folder.rglob("*") if HALF.search(str(path.relative_to(folder)))]
    if code in (0, -signal.SIGINT, -signal.SIGTERM):  # it was done, and ended as it was ending
        return False
    assert code == expected, said
    assert said.splitlines()[-1].startswith(f"popclass: {words}"), said
    return True


@pytest.mark.parametrize("part", [0, 1, 2])
def test_interrupt_classify(part: int, archive: Path, tmp_path: Path) -> None:
    stops = 0
    for moment in range(5):
        target = tmp_path / f"{moment}.csv"
        delay = 0.03 * (3 * moment + part)
        code, said, _ = interrupted(
            ("classify", archive / "long.flac", "-o", target, "--report", tmp_path / "r.html"), delay
        )
        stops += check(code, said, tmp_path)
        assert not target.exists() or target.read_text().endswith("\n")
    assert stops >= 2


def test_interrupt_batch_resume(archive: Path, tmp_path: Path) -> None:
    stops, target = 0, tmp_path / "stopped"
    for moment in range(8):
        number = (signal.SIGINT, signal.SIGTERM)[moment % 2]
        words = ("interrupted", "terminated")[moment % 2]
        code, said, _ = interrupted(("batch", archive, "-o", target, "--jobs", "2"), 0.07 * moment, number)
        stops += check(code, said, tmp_path, words, 128 + number)
    assert stops >= 2
    for folder in (target, tmp_path / "whole"):
        done = [sys.executable, "-m", "popclass", "batch", str(archive), "-o", str(folder), "--quiet", "--jobs", "1"]
        assert subprocess.run(done, timeout=60, check=False).returncode == 0
    for name in ("events.csv", "bursts.csv", "recordings.csv"):
        assert (target / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_workers_end_with_parent(archive: Path, tmp_path: Path) -> None:
    for moment in range(4):
        code, said, _ = interrupted(
            ("batch", archive, "-o", tmp_path / "out", "--jobs", "2"),
            0.15 + 0.1 * moment,
            signal.SIGTERM,
            group=False,
        )
        check(code, said, tmp_path, "terminated", 143)


@pytest.mark.parametrize(
    ("command", "delays"),
    [
        (("train", "-o"), (0.3, 0.9, 1.6)),
        (("evaluate", "-o"), (0.3, 1.1)),
        (("synth",), (0.3, 1.1)),
    ],
    ids=lambda value: value[0] if isinstance(value[0], str) else "",
)
def test_interrupt_leaves_no_files(
    command: tuple[str, ...], delays: tuple[float, ...], labelled: Path, tmp_path: Path
) -> None:
    target = tmp_path / ("m.onnx" if command[0] == "train" else "made")
    source = () if command[0] == "synth" else (labelled,)
    stops = 0
    for delay in delays:
        code, said, took = interrupted((command[0], *source, *command[1:], target), delay)
        if check(code, said, tmp_path):
            stops += 1
            assert took < 15
            assert not target.exists()
    assert stops >= 1


def test_hangup(archive: Path, tmp_path: Path) -> None:
    code, said, _ = interrupted(("batch", archive, "-o", tmp_path / "out"), 0.15, signal.SIGHUP)
    check(code, said, tmp_path, "hung up", 129)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        code, said, _ = interrupted(("batch", archive, "-o", tmp_path / "out", "--jobs", "1"), 0.15, signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (code, said.count("\n")) == (0, 1)


# The exception


def test_interrupt_in_destructor() -> None:
    class Dropping:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)

    def work() -> None:
        Dropping()
        time.sleep(5)

    with pytest.raises(Stopped), handle_signals():
        work()


def test_signal_deferred() -> None:
    reached = []

    def work() -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
        reached.append(1)

    with handle_signals() as stops:
        with pytest.raises(Stopped) as caught, defer_signals():
            work()
        assert reached == [1]
        assert stops.received is caught.value
    assert (caught.value.exit_code, caught.value.word) == (143, "terminated")
    assert as_stopped(KeyboardInterrupt()).word == "interrupted"


def test_handlers_restored() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with handle_signals() as outer, handle_signals() as inner:
        assert inner is outer
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before
    found: list[SignalHandler] = []

    def elsewhere() -> None:
        with handle_signals() as stops:
            found.append(stops)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(found) == 1


def test_interrupt_wrapped_by_library(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    from popclass.cli import main

    def wrapping(*_args: object, **_options: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    monkeypatch.setattr("popclass.pipeline.load_model", wrapping)
    assert main(["classify", "take.wav"]) == 130
    assert capfd.readouterr().err == "popclass: interrupted\n"
