"""The table of recordings: a row for every file, unknown fields empty, zeros counted."""

from __future__ import annotations

import csv
import io

from formats_samples import CLASSES, EMPTY, GOLDEN, recording_rows

from popclass.formats.recordings import RecordingRow, recording_columns, recordings_csv


def _read(rows: list[RecordingRow]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(recordings_csv(rows, classes=CLASSES)), newline="")))


def test_text_is_the_golden_file() -> None:
    written = "".join(recordings_csv(recording_rows(), classes=CLASSES)).encode()
    assert written == (GOLDEN / "recordings.csv").read_bytes()


def test_columns_are_those_of_the_contract() -> None:
    expected = (
        "recording,status,reason,duration_s,sample_rate,channels,events,cavitation,snapping,other,uncertain,"
        "cavities_needed,subject,site,recorded_at,warnings"
    )
    assert ",".join(recording_columns(CLASSES)) == expected


def test_a_recording_without_events_has_zeros() -> None:
    (row,) = _read([RecordingRow.from_result(EMPTY)])
    assert (row["status"], row["events"], row["cavitation"], row["uncertain"]) == ("ok", "0", "0", "0")
    assert row["cavities_needed"] == ""


def test_a_failed_recording_has_a_reason_in_one_line_and_nothing_invented() -> None:
    (row,) = _read([RecordingRow.from_failure("a.wav", "not\naudio", warnings=["one", "two"])])
    known = {"recording": "a.wav", "status": "failed", "reason": "not\\naudio", "warnings": "one; two"}
    assert {column: text for column, text in row.items() if text} == known


def test_no_recordings_have_a_header() -> None:
    assert "".join(recordings_csv([], classes=CLASSES)).count("\n") == 1
