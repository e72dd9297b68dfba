"""CSV tables of events and recordings."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from formats_samples import CLASSES, EMPTY, FULL, GOLDEN, SETS, burst_lines, recording_rows
from formats_strategies import results
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from popclass.errors import LabelError
from popclass.formats.csv_io import (
    FAILED,
    RecordingRow,
    burst_columns,
    burst_rows,
    csv_line,
    csv_rows,
    events_csv,
    read_events_csv,
    recording_columns,
    recordings_csv,
)
from popclass.formats.text import fields
from popclass.info import RecordingInfo
from popclass.results import RecordingResult
from popclass.schema import event_columns
from popclass.utils.files import write_text
from popclass.utils.text import visible


@settings(deadline=None)
@given(st.lists(results(), max_size=3))
def test_events_csv_round_trip(tmp_path_factory: pytest.TempPathFactory, many: list[Any]) -> None:
    path = tmp_path_factory.mktemp("csv") / "events.csv"
    write_text(path, events_csv(many))
    assert list(read_events_csv(path)) == [row for result in many for row in fields(result)]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2))
def test_csv_line_any_cell(cells: list[str]) -> None:
    assert list(csv.reader(io.StringIO(csv_line(cells), newline=""))) == [cells]


def test_csv_rows_concatenated() -> None:
    many = SETS["several"]
    pieces = [csv_line(event_columns(FULL.classes))] + [line for result in many for line in csv_rows(result)]
    assert "".join(pieces) == "".join(events_csv(many))


def test_events_csv_zero_and_unknown(tmp_path: Path) -> None:
    write_text(tmp_path / "e.csv", events_csv([FULL]))
    first = next(csv.DictReader(io.StringIO((tmp_path / "e.csv").read_text())))
    assert first["start_s"] == "0.000000"
    assert first["since_cavitation_s"] == ""


@given(onset=st.integers(0, 24 * 3600 * 192_000 - 1))
def test_fields_neighbouring_samples(onset: int) -> None:
    (first,) = fields(_with_onset(onset))
    (second,) = fields(_with_onset(onset + 1))
    assert first["start_s"] < second["start_s"]
    assert round(first["start_s"] * 192_000) == onset


def _with_onset(onset: int) -> RecordingResult:
    event = FULL.events[0].gain(onset=onset, sample_rate=192_000)
    return RecordingResult(
        RecordingInfo("a.wav", sample_rate=192_000, channels=1, duration_s=86400.0),
        events=(event,),
        classes=FULL.classes,
    )


def test_events_csv_no_recordings() -> None:
    assert "".join(events_csv([])) == csv_line(event_columns(()))


def test_events_csv_pandas(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    write_text(tmp_path / "e.csv", events_csv(SETS["several"]))
    frame = pandas.read_csv(tmp_path / "e.csv")
    assert tuple(frame.columns) == event_columns(FULL.classes)
    assert len(frame) == 8
    assert frame["recording"].iloc[0] == FULL.recording
    assert frame["start_s"].iloc[1] == pytest.approx(3.0191, abs=1e-5)


def test_events_csv_mixed_classes() -> None:
    other = RecordingResult(
        RecordingInfo("a.wav", sample_rate=8000, channels=1, duration_s=1.0), events=(), classes=("pop", "other")
    )
    with pytest.raises(ValueError, match="one set of classes"):
        list(events_csv([FULL, other]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an events table"),
        ("file,label\n", "not an events table"),
        ("recording,event,burst,start_s\na.wav,1,1\n", "row 2: 3 fields where the header has 4"),
        ("recording,event,burst,start_s\na.wav,one,1,0.5\n", "row 2: invalid literal"),
        ('recording,event,burst,start_s\n"a.wav,1,1,0.5\n', "cannot be read as CSV"),
        ("recording,event,burst,start_s\n\udcff,1,1,0.5\n", "cannot be read as CSV"),
    ],
)
def test_read_events_csv_damaged(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(LabelError, match=rf"e\.csv.*{message}"):
        list(read_events_csv(path))


def test_read_events_csv_missing(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"none\.csv: no such file; check the path"):
        list(read_events_csv(tmp_path / "none.csv"))


def _read_recordings(rows: list[RecordingRow]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(recordings_csv(rows, classes=CLASSES)), newline="")))


def test_recordings_csv_golden() -> None:
    written = "".join(recordings_csv(recording_rows(), classes=CLASSES)).encode()
    assert written == (GOLDEN / "recordings.csv").read_bytes()


def test_burst_rows_golden() -> None:
    assert "".join(burst_lines()).encode() == (GOLDEN / "bursts.csv").read_bytes()


def test_burst_columns() -> None:
    expected = (
        "recording,burst,start_s,end_s,events,cavitation,snapping,other,uncertain,expected_cavitations,cavitations_low,"
        "cavitations_high,cavities_needed,subject,site,side,recorded_at"
    )
    assert ",".join(burst_columns(CLASSES)) == expected


def test_event_columns() -> None:
    expected = (
        "recording,event,burst,start_s,peak_s,end_s,label,p_label,acoustic_label,p_cavitation,p_snapping,p_other,"
        "novelty,timing,since_cavitation_s,snr_db,peak_dbfs,channel,site,subject,recorded_at,side,"
        "posterior_cavitation,posterior_snapping,posterior_other"
    )
    assert ",".join(event_columns(CLASSES)) == expected


def test_read_events_csv_schema_1() -> None:
    """A table of schema 1 has the same columns, except `side` and the posteriors."""
    older = list(read_events_csv(GOLDEN / "csv_schema_1.csv"))
    now = [row for result in SETS["several"] for row in fields(result)]
    new = ("side", "posterior_cavitation", "posterior_snapping", "posterior_other")
    assert older == [{name: value for name, value in row.items() if name not in new} for row in now]


def test_recording_columns() -> None:
    expected = (
        "recording,status,reason,duration_s,sample_rate,channels,events,cavitation,snapping,other,uncertain,"
        "cavities_needed,subject,site,recorded_at,warnings,expected_cavitations,cavitations_low,cavitations_high,"
        "side,recorded_at_utc"
    )
    assert ",".join(recording_columns(CLASSES)) == expected


def test_columns_own_last() -> None:
    """Columns of the user's own come last in every table."""
    for columns in (recording_columns, burst_columns, event_columns):
        assert columns(CLASSES, ("x_b", "x_a")) == (*columns(CLASSES), "x_b", "x_a")


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"), max_size=20))
def test_rows_own_columns(first: str, second: str) -> None:
    """The user's own texts are the same in every table, numbers and lengths in seconds included."""
    extra = {"x_age_s": first, "x_p_": second}
    result = replace(FULL, info=replace(FULL.info, extra=extra, side="left"))
    written = {
        event_columns: "".join(events_csv([result])),
        burst_columns: csv_line(burst_columns(CLASSES, tuple(extra))) + "".join(burst_rows(result)),
        recording_columns: "".join(
            recordings_csv([RecordingRow.from_result(result)], classes=CLASSES, extra=tuple(extra))
        ),
    }
    for columns, text in written.items():
        reader = csv.DictReader(io.StringIO(text, newline=""))
        assert tuple(reader.fieldnames or ()) == columns(CLASSES, tuple(extra))
        for row in reader:
            assert (row["x_age_s"], row["x_p_"], row["side"]) == (first, second, "left")


def test_recordings_csv_utc() -> None:
    """The own time keeps its offset; UTC beside it, unknown without an offset."""
    starts = [
        "2026-11-22T00:30:00+01:00",
        "2026-11-22T00:30:00",
        "2026-11-22T00:30:00+00:00",
        "9999-12-31T23:30:00-01:00",
    ]
    infos = [RecordingInfo("a.wav", recorded_at=datetime.fromisoformat(start)) for start in starts]
    rows = _read_recordings([RecordingRow(info) for info in infos])
    assert [row["recorded_at"] for row in rows] == starts
    utc = ["2026-11-21T23:30:00+00:00", "", "2026-11-22T00:30:00+00:00", ""]
    assert [row["recorded_at_utc"] for row in rows] == utc


def test_recordings_csv_no_events() -> None:
    (row,) = _read_recordings([RecordingRow.from_result(EMPTY)])
    assert (row["status"], row["events"], row["cavitation"], row["uncertain"]) == ("ok", "0", "0", "0")
    assert row["cavities_needed"] == ""


def test_recordings_csv_failed() -> None:
    (row,) = _read_recordings(
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


@settings(suppress_health_check=[HealthCheck.too_slow])  # a loaded machine draws slowly
@given(many=st.lists(results(), max_size=3), reason=st.text(min_size=1, max_size=20))
def test_recordings_csv_round_trip(many: list[RecordingResult], reason: str) -> None:
    """Whatever is in names, subjects, warnings and reasons; a field that is unknown is empty."""
    rows = [*map(RecordingRow.from_result, many), RecordingRow(RecordingInfo("bad.wav"), FAILED, reason)]
    back = _read_recordings(rows)
    assert [row["recording"] for row in back] == [visible(each.recording) for each in rows]
    assert all(tuple(row) == recording_columns(CLASSES) and None not in row.values() for row in back)
    for result, row in zip(many, back, strict=False):
        assert row["events"] == str(len(result.events))
        assert {name: int(row[name]) for name in (*CLASSES, "uncertain")} == result.counts()
        assert row["subject"] == visible(result.subject or "")
        assert row["recorded_at"] == (result.recorded_at.isoformat() if result.recorded_at else "")
    assert back[-1]["status"] == "failed"
    assert len(back[-1]["reason"].splitlines()) <= 1
