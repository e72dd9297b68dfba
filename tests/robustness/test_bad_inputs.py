"""Outcomes of bad inputs: every kind of `bad_inputs` has the outcome that the documentation gives.

Every kind must end without an exception outside `popclass.errors` and without a traceback. A failure is one line.
Standard output reads back whatever the names are, standard error holds no control characters, time and memory are
bounded, and no other file is opened. Each kind goes through `popclass.classify` and `popclass classify` alone, and all
together through one `popclass batch` and one `popclass classify`.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bad_inputs.child import SECONDS
from bad_inputs.kinds import Kind, Outcome
from bad_inputs.playlists import PORT, TARGET
from bad_inputs.registry import KINDS, make_all, path_of
from bad_inputs.sources import good

import popclass
from popclass.errors import AudioError, UsageError
from popclass.formats.csv_io import read_events_csv
from popclass.utils.text import one_line, visible

TESTS = Path(__file__).resolve().parent
CHILDREN = 2
MOST_MIB = 400
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

# The system's count of a process begins with the memory of the one it was started by: here that is a small one.
MEASURED = [
    *(sys.executable, "-c"),
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)",
]

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes, devices and any byte in a name")


@dataclass
class Done:
    """What a process left behind."""

    code: int
    stdout: bytes
    stderr: str
    peak_mib: float


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    make_all(folder)
    return folder


@pytest.fixture(scope="module")
def opened(corpus: Path) -> Iterator[Callable[[], list[str]]]:
    """Tells what was opened of the things that files point to since the corpus was made."""
    target = corpus / TARGET
    os.utime(target, (0, target.stat().st_mtime))
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # another program may have this port; then the file alone is watched
            listener.bind(("127.0.0.1", PORT))
            listener.listen()
        listener.setblocking(False)
        yield lambda: _visited(listener, target)


def _visited(listener: socket.socket, target: Path) -> list[str]:
    found = [TARGET] if target.stat().st_atime != 0 else []
    with suppress(OSError):
        listener.accept()[0].close()
        found.append(f"port {PORT}")
    return found


@pytest.fixture(scope="module")
def results(corpus: Path, opened: object, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the children say of each kind."""
    place = tmp_path_factory.mktemp("results")
    files = [place / f"{part}.jsonl" for part in range(CHILDREN)]
    running = [
        _start([sys.executable, "-m", "bad_inputs.child", str(corpus), str(file), str(part), str(CHILDREN)], cwd=TESTS)
        for part, file in enumerate(files)
    ]
    ended = [process.communicate(timeout=300)[1] for process in running]
    found: dict[str, dict[str, Any]] = {}
    for file, errors in zip(files, ended, strict=True):
        for line in file.read_text("ascii").splitlines():
            entry = json.loads(line)
            if "begun" in entry:
                found[entry["begun"]] = {"died": errors.decode("utf-8", "replace")}
            else:
                found[entry["kind"]] = entry
    return found


@pytest.fixture(scope="module")
def together(corpus: Path, opened: object, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Done, Path]:
    """All kinds in one `batch` and in one `classify`, at the same time."""
    target = tmp_path_factory.mktemp("batch")
    command = [sys.executable, "-m", "popclass"]
    paths = [os.fsencode(path_of(kind, corpus)) for kind in KINDS]
    batch = _start([*MEASURED, *command, "batch", str(corpus), "-o", str(target), "--jobs", "1", "--quiet"])
    single = _start([*MEASURED, *command, "classify", "--format", "jsonl", *paths])
    return _end(single), _end(batch), target


def _start(command: list[Any], cwd: Path | None = None) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    out, err = subprocess.PIPE, subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)


def _end(process: subprocess.Popen[bytes]) -> Done:
    """Read all that a `MEASURED` process writes."""
    stdout, stderr = process.communicate()
    *lines, peak = stderr.decode("utf-8").splitlines(keepends=True)
    return Done(process.returncode, stdout, "".join(lines), int(peak) / 1024)


def by_name(kind: Kind) -> str:
    return kind.name


def test_kinds_unique() -> None:
    assert len(KINDS) >= 150
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert len({kind.file_name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
def test_classify_documented_outcome(kind: Kind, corpus: Path, results: dict[str, dict[str, Any]]) -> None:
    result = results[kind.name]
    assert "died" not in result, f"the process ended: {result.get('died')}"
    if result["raised"] is not None:
        assert result["raised"] == "AudioError", result["where"]
        assert _is_line(result["message"])
        assert result["message"].startswith(f"{one_line(str(path_of(kind, corpus)))}: ")
        _check(kind.outcome, kind.says, Outcome.REFUSED, [result["message"]])
        return
    assert result["finite"]
    _check(kind.outcome, kind.says, Outcome.WARNED if result["warnings"] else Outcome.ACCEPTED, result["warnings"])


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
def test_command_messages(kind: Kind, corpus: Path, results: dict[str, dict[str, Any]]) -> None:
    result = results[kind.name]
    assert "died" not in result
    lines = result["stderr"].splitlines()
    assert not CONTROL.search(result["stderr"])
    if result["raised"] is not None:
        assert (result["code"], result["stdout"]) == (2, "")
        assert lines == [f"popclass: {result['message']}"]
        return
    shown = str(path_of(kind, corpus))
    assert result["code"] == 0
    assert lines == [f"{one_line(shown)}: warning: {warning}" for warning in result["warnings"]]
    rows = list(csv.DictReader(io.StringIO(result["stdout"], newline=""), strict=True))
    assert [row["recording"] for row in rows] == [visible(shown)] * result["events"]
    assert [row["event"] for row in rows] == [str(number) for number in range(1, result["events"] + 1)]


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
def test_command_time_and_memory(kind: Kind, results: dict[str, dict[str, Any]]) -> None:
    assert results[kind.name]["seconds"] < 2 * SECONDS
    assert results[kind.name]["peak_mib"] < MOST_MIB


def _check(outcome: Outcome, says: tuple[str, ...], got: Outcome, lines: list[str]) -> None:
    if outcome is Outcome.EITHER:
        return
    assert got is outcome, lines
    if says:
        assert any(part in line for part in says for line in lines), f"{lines} say nothing of {says}"


def _is_line(text: str) -> bool:
    return bool(text) and "\n" not in text and not CONTROL.search(text)


def test_batch_lists_every_file(corpus: Path, together: tuple[Done, Done, Path]) -> None:
    _, done, target = together
    assert done.code == 1, done.stderr
    assert done.peak_mib < MOST_MIB
    with open(target / "recordings.csv", encoding="utf-8", newline="") as file:
        rows = {row["recording"]: row for row in csv.DictReader(file, strict=True)}
    expected = {_in_tables(kind): kind for kind in KINDS if kind.in_batch is not Outcome.SKIPPED}
    assert set(rows) == set(expected)
    for name, kind in expected.items():
        row = rows[name]
        warnings = [line for line in row["warnings"].split("; ") if line and not line.startswith("same content as")]
        got = Outcome.REFUSED if row["status"] == "failed" else Outcome.WARNED if warnings else Outcome.ACCEPTED
        assert (row["status"] == "failed") == bool(row["reason"])
        _check(kind.outcome, kind.batch_says or kind.says, got, [row["reason"], *warnings])
    failed = [row for row in rows.values() if row["status"] == "failed"]
    lines = done.stderr.splitlines()
    assert len(lines) == len(failed)
    assert all(line.startswith("popclass: ") and not CONTROL.search(line) for line in lines)
    processed = {row["recording"] for row in rows.values() if row["events"] not in ("", "0")}
    assert {event["recording"] for event in read_events_csv(target / "events.csv")} == processed


def _in_tables(kind: Kind) -> str:
    """Name of a file as documented: bytes that are no UTF-8 as \\xNN, and ./ before what begins like a formula."""
    name = kind.file_name.decode("utf-8", "backslashreplace")
    return f"./{name}" if name[0] in "=+-@\t\r\n＝＋－＠" else name


def test_classify_all_readable(corpus: Path, together: tuple[Done, Done, Path]) -> None:
    done, _, _ = together
    assert done.code == 1, done.stderr
    assert done.peak_mib < MOST_MIB
    assert "Traceback" not in done.stderr
    assert not CONTROL.search(done.stderr)
    processed = {json.loads(line)["recording"] for line in done.stdout.splitlines()}
    able = {visible(str(path_of(kind, corpus))) for kind in KINDS if kind.outcome is not Outcome.REFUSED}
    certain = {visible(str(path_of(kind, corpus))) for kind in KINDS if kind.group == "Names"}
    assert certain <= processed <= able


@pytest.mark.usefixtures("results", "together")
def test_playlist_targets_not_opened(corpus: Path, opened: Callable[[], list[str]]) -> None:
    assert opened() == []
    target = corpus / TARGET
    target.read_bytes()
    if opened() != [TARGET]:
        pytest.skip("this file system does not note when a file was read")
    os.utime(target, (0, target.stat().st_mtime))


def test_playlist_targets_opened_unrestricted(tmp_path: Path) -> None:
    """So the test above can fail."""
    av = pytest.importorskip("av")
    (tmp_path / "other").write_bytes(good("wav"))
    script = tmp_path / "a.m4a"
    script.write_text("ffconcat version 1.0\nfile 'other'\n")
    with av.open(str(script)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == 48_000
    with pytest.raises(AudioError, match="cannot be read as audio: it is a text file"):
        popclass.classify(script)


@pytest.mark.parametrize("name", ["--help.wav", "-o.wav", "-.wav", "--.wav", "=1+1.wav"])
def test_classify_names_like_options(
    name: str, corpus: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from popclass.cli import main

    monkeypatch.chdir(corpus)
    assert main(["classify", "--format", "csv", "--", name]) == 0
    rows = csv.DictReader(io.StringIO(capfdbinary.readouterr().out.decode("utf-8"), newline=""))
    assert {row["recording"] for row in rows} == {name}


@pytest.mark.parametrize(
    "source", [None, 3, 2.5, {"left": 1.0}, object(), io.StringIO("text")], ids=lambda source: type(source).__name__
)
def test_classify_wrong_source_type(source: Any) -> None:
    with pytest.raises(UsageError, match="a recording cannot be of type"):
        popclass.classify(source)


def test_classify_list_without_rate() -> None:
    with pytest.raises(UsageError, match="needs its sample_rate"):
        popclass.classify([0.0, 1.0])


@pytest.mark.parametrize("path", ["\ud800.wav", "a\0b.wav", "", "x" * 300 + ".wav", "a/" * 3000, b"nowhere.wav"])
def test_classify_impossible_paths(path: str | bytes) -> None:
    with pytest.raises(AudioError) as caught:
        popclass.classify(path)
    assert _is_line(str(caught.value))


def test_documented_table_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TESTS.parents[1] / "docs" / "generate"))
    table = importlib.import_module("robustness_table")
    assert table.PAGE.read_text("utf-8") == table.page(), "run: python docs/generate/robustness_table.py"
