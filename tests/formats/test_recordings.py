"""Table of recordings."""

from __future__ import annotations

import csv
import io

from formats_samples import CLASSES, EMPTY, GOLDEN, recording_rows
from formats_strategies import results
from hypothesis import given
from hypothesis import strategies as st

from popclass.formats.recordings import FAILED, RecordingRow, recording_columns, recordings_csv
from popclass.results import RecordingInfo, RecordingResult
from popclass.utils.text import visible


def _read(rows: list[RecordingRow]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(recordings_csv(rows, classes=CLASSES)), newline="")))


def test_recordings_csv_golden() -> None:
    written = "".join(recordings_csv(recording_rows(), classes=CLASSES)).encode()
    assert written == (GOLDEN / "recordings.csv").read_bytes()


def test_recording_columns() -> None:
    expected = (
        "recording,status,reason,duration_s,sample_rate,channels,events,cavitation,snapping,other,uncertain,"
        "cavities_needed,subject,site,recorded_at,warnings"
    )
    assert ",".join(recording_columns(CLASSES)) == expected


def test_recordings_csv_no_events() -> None:
    (row,) = _read([RecordingRow.from_result(EMPTY)])
    assert (row["status"], row["events"], row["cavitation"], row["uncertain"]) == ("ok", "0", "0", "0")
    assert row["cavities_needed"] == ""


def test_recordings_csv_failed() -> None:
    (row,) = _read(
        [
            RecordingRow(
                RecordingInfo(
                    "a.wav",
                    warnings=(
                        "one",
                        "two",
                    ),
                ),
                FAILED,
                "not\naudio",
            )
        ]
    )
    known = {"recording": "a.wav", "status": "failed", "reason": "not\\naudio", "warnings": "one; two"}
    assert {column: text for column, text in row.items() if text} == known


def test_recordings_csv_no_recordings() -> None:
    assert "".join(recordings_csv([], classes=CLASSES)).count("\n") == 1


@given(many=st.lists(results(), max_size=3), reason=st.text(min_size=1, max_size=20))
def test_recordings_csv_round_trip(many: list[RecordingResult], reason: str) -> None:
    """Whatever is in names, subjects, warnings and reasons; a field that is unknown is empty."""
    rows = [*map(RecordingRow.from_result, many), RecordingRow(RecordingInfo("bad.wav"), FAILED, reason)]
    back = _read(rows)
    assert [row["recording"] for row in back] == [visible(each.recording) for each in rows]
    assert all(tuple(row) == recording_columns(CLASSES) and None not in row.values() for row in back)
    for result, row in zip(many, back, strict=False):
        assert row["events"] == str(len(result.events))
        assert {name: int(row[name]) for name in (*CLASSES, "uncertain")} == result.counts()
        assert row["subject"] == visible(result.subject or "")
        assert row["recorded_at"] == (result.recorded_at.isoformat() if result.recorded_at else "")
    assert back[-1]["status"] == "failed"
    assert len(back[-1]["reason"].splitlines()) <= 1
