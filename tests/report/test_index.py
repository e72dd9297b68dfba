"""Index page of a batch: totals, the figure of the subjects, and sorting."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
import recordings

from popclass.cli import main
from popclass.formats.csv_io import FAILED, RecordingRow
from popclass.info import RecordingInfo
from popclass.report.index import BARS_SHOWN, bars, totals
from popclass.results import Cavitations

CLASSES = ("cavitation", "snapping", "other")


def row(
    name: str,
    subject: str | None = None,
    site: str | None = None,
    side: str | None = None,
    counts: tuple[int, ...] = (0, 0, 0, 0),
    expected: float | None = 0.0,
) -> RecordingRow:
    """Return a row of a recording of a minute."""
    info = RecordingInfo(name, 48_000, 1, 60.0, subject=subject, site=site, side=side)
    labels = dict(zip((*CLASSES, "uncertain"), counts, strict=True))
    return RecordingRow(info, events=sum(counts), counts=labels, cavitations=Cavitations(expected))


def named(table: dict) -> list[dict]:
    """Return the rows of a table of totals by the names of its columns, as shown."""
    names = [name for name, _ in table["columns"]]
    return [dict(zip(names, (shown for shown, _ in cells), strict=True)) for cells in table["rows"]]


def test_totals_by_subject_site_and_side() -> None:
    rows = [
        row("1", "P10", "knee", "left", (1, 2, 3, 4), 1.254),
        row("2", "P2", "knee", "right", (1, 0, 0, 0), 0.5),
        row("3", "P10", "knee", "left", (1, 0, 0, 0), 1.0),
        row("4", "P10", "knee", None),
        row("5", None, None, None, (0, 0, 1200, 0)),
        RecordingRow(RecordingInfo("6", subject="P2", site="knee", side="right"), FAILED, "no audio"),
    ]
    found = totals(rows, CLASSES)
    assert [tuple(each.values())[:3] for each in named(found)] == [
        ("P2", "knee", "right"),
        ("P10", "knee", "left"),
        ("P10", "knee", "unknown"),
        ("unknown", "unknown", "unknown"),
    ]
    right, left, _, nobody = named(found)
    assert (right["Recordings"], right["Failed"], right["Duration"]) == ("2", "1", "1 min")
    assert (left["Recordings"], left["Failed"], left["Duration"]) == ("2", "0", "2 min")
    assert [left[name] for name in ("Events", *CLASSES, "uncertain")] == ["11", "2", "2", "3", "4"]
    assert left["Expected cavitations"] == "2.25"
    assert nobody["Events"] == "1,200"
    assert [shown for shown, _ in found["total"]] == [
        *("all", "", "", "6", "1", "5 min", "1,212", "3", "2", "1,203", "4", "2.75")
    ]
    assert [number for _, number in found["columns"]] == [False] * 3 + [True] * 9
    assert found["rows"][3][0] == ("unknown", None)


def test_totals_empty_columns() -> None:
    names = [name for name, _ in totals([row("1", "P1", expected=None)], CLASSES)["columns"]]
    assert names == ["Subject", "Recordings", "Duration", "Events", *CLASSES, "uncertain"]


def test_bars() -> None:
    rows = [
        row("1", "P2", "hip", None, (1, 2, 50, 1)),
        row("2", "P2", "knee", None, (1, 0, 0, 0)),
        row("3", None, None, None, (0, 1, 0, 0)),
        row("4", "P1", None, None, (0, 0, 7, 0)),
        RecordingRow(RecordingInfo("5", subject="P3"), FAILED, "no audio"),
    ]
    first, second, nobody = bars(rows, CLASSES)
    assert first == {"subject": "P1", "text": "none in 1 recording", "parts": []}
    assert second["text"] == "2 cavitation, 2 snapping, 1 uncertain in 2 recordings"
    assert second["parts"] == [(0, 400, "label-0"), (400, 400, "label-1"), (800, 200, "uncertain")]
    assert (nobody["subject"], nobody["parts"]) == (None, [(0, 200, "label-1")])
    assert bars(rows[2:3], CLASSES) == []


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The index of subjects of both sides, one with a name that is HTML."""
    recordings.make_model(tmp_path / "small.onnx")
    lines = ["file,subject,site,side,recorded_at"]
    subjects = ["P10", "P2", "<i>x</i>", *(f"Q{number}" for number in range(BARS_SHOWN))]
    for at, subject in enumerate(subjects):
        recordings.write(tmp_path / "in" / f"{at}.wav", ["cavitation", "snapping"][: at % 3], seed=at)
        zone = "+01:00" if at else ""
        lines.append(f"{at}.wav,{subject},knee,{('left', 'right')[at % 2]},2026-11-22T00:30:00{zone}")
    (tmp_path / "in" / "m.csv").write_text("\n".join(lines))
    command = ["batch", "in", "-o", "out", "--model", "small.onnx", "--manifest", "in/m.csv", "--report", "--quiet"]
    places = [str(tmp_path / part) if part in ("in", "out", "small.onnx", "in/m.csv") else part for part in command]
    assert main([*places, "--jobs", "1"]) == 0
    return tmp_path / "out" / "report.html"


def test_render_index(study: Path) -> None:
    """Texts are escaped, times are local and UTC, the offsets are warned of, and nothing is loaded from elsewhere."""
    page = study.read_text("utf-8")
    assert "<i>x</i>" not in page
    assert "&lt;i&gt;x&lt;/i&gt;</th>" in page
    assert "knee, right side" in page
    assert "2026-11-22 00:30:00+01:00 (2026-11-21 23:30:00 UTC)" in page
    assert len(re.findall("starting times has no offset from UTC", page)) == 1
    assert f"and {3} more</summary>" in page
    assert not re.search(r"<(img|link|script|iframe)[^>]*(src|href)=\"(?!data:)", page)
    assert "script-src 'sha256-" in html.unescape(page)
