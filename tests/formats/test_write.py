"""Results in every format: golden files, zero events, JSON lines, targets."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from formats_samples import EMPTY, FULL, SETS, golden_names, golden_path
from formats_strategies import results
from hypothesis import given
from hypothesis import strategies as st

from popclass.errors import UsageError
from popclass.formats import FORMATS, write_results
from popclass.formats.text import fields
from popclass.formats.write import events_jsonl
from popclass.results import RecordingResult
from popclass.schema import event_columns


@pytest.mark.parametrize(("name", "which"), golden_names())
def test_formats_golden(name: str, which: str) -> None:
    written = "".join(FORMATS[name](SETS[which])).encode()
    assert written == golden_path(name, which).read_bytes()


@pytest.mark.parametrize("name", FORMATS)
@given(result=results())
def test_formats_any_result(name: str, result: RecordingResult) -> None:
    text = "".join(FORMATS[name]([result]))
    assert text.encode("utf-8").decode("utf-8") == text
    assert text == "" or text.endswith("\n")


@pytest.mark.parametrize(("name", "lines"), [("csv", 1), ("jsonl", 0), ("audacity", 0), ("raven", 1)])
def test_formats_no_events(name: str, lines: int) -> None:
    assert "".join(FORMATS[name]([EMPTY])).count("\n") == lines


def test_write_results_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown format 'xml'; allowed are table, csv, jsonl, audacity, raven"):
        write_results([FULL], format="xml", target=tmp_path / "a.xml")


def test_write_results_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one recording, not to 2"):
        write_results([FULL, EMPTY], format="audacity", target=tmp_path / "labels.txt")
    assert list(tmp_path.iterdir()) == []


def test_write_results_file(tmp_path: Path) -> None:
    assert write_results([FULL], format="csv", target=tmp_path / "events.csv")
    assert (tmp_path / "events.csv").read_bytes() == golden_path("csv", "full").read_bytes()


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "ruled"), [(_Terminal, True), (io.TextIOWrapper, False)])
def test_write_results_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: Callable[..., io.TextIOWrapper], ruled: bool
) -> None:
    binary = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", stream(binary, encoding="utf-8"))
    assert write_results([FULL])
    assert ("───" in binary.getvalue().decode("utf-8")) is ruled


def test_formats_imports() -> None:
    """`--help` and a piped result load neither numpy nor rich."""
    code = (
        "import sys, popclass.formats as f, popclass.results as r;"
        "f.write_results([r.RecordingResult(r.RecordingInfo('a', 8000, 1, 1.0), (), ())]);"
        "sys.exit(' '.join({'numpy', 'rich', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr == "\n" or run.stderr == ""
    assert run.stdout.endswith("no events\n")


def _no_constants(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@given(st.lists(results(), max_size=3))
def test_events_jsonl_round_trip(many: list[Any]) -> None:
    lines = "".join(events_jsonl(many)).split("\n")
    assert lines.pop() == ""
    back = [json.loads(line, parse_constant=_no_constants) for line in lines]
    assert back == [{"schema_version": 2, **row} for result in many for row in fields(result)]


def test_events_jsonl_keys() -> None:
    record = json.loads(next(iter(events_jsonl([FULL]))))
    assert tuple(record) == ("schema_version", *event_columns(FULL.classes))
    assert record["start_s"] == 0.0
    assert record["since_cavitation_s"] is None


def test_events_jsonl_no_events() -> None:
    assert list(events_jsonl([EMPTY])) == []
