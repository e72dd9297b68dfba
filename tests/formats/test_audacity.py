"""Audacity label tracks."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats_samples import EMPTY, FULL, GOLDEN, golden_path
from formats_strategies import results
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.errors import LabelError, UsageError
from popclass.formats.audacity import audacity, label_name, read_audacity
from popclass.formats.text import TrackLabel
from popclass.results import RecordingInfo, RecordingResult
from popclass.utils.files import write_text


def _labels(path: Path) -> list[TrackLabel]:
    return [label for _, label in read_audacity(path)]


@settings(deadline=None)
@given(result=results())
def test_audacity_round_trip(tmp_path_factory: pytest.TempPathFactory, result: RecordingResult) -> None:
    path = tmp_path_factory.mktemp("labels") / "a.txt"
    write_text(path, audacity([result]))
    back = _labels(path)
    assert [label_name(label.text) for label in back] == [event.label for event in result.events]
    for label, event in zip(back, result.events, strict=True):
        assert label.start_s == pytest.approx(event.start_s, abs=1e-6)
        assert label.end_s == pytest.approx(event.end_s, abs=1e-6)


def test_read_audacity_event_at_zero() -> None:
    assert _labels(golden_path("audacity", "full"))[0] == TrackLabel(0.0, 0.00625, "other 0.99")


def test_read_audacity_no_events() -> None:
    assert _labels(golden_path("audacity", "zero")) == []


def test_audacity_several_recordings() -> None:
    with pytest.raises(UsageError, match="one recording, not to 2; classify them one at a time"):
        audacity([FULL, EMPTY])


def test_audacity_class_with_tabs() -> None:
    odd = RecordingResult(
        RecordingInfo("a.wav", sample_rate=48000, channels=1, duration_s=1.0),
        events=(FULL.events[0].gain(label="my\tclass\n2"),),
        classes=FULL.classes,
    )
    assert list(audacity([odd])) == ["0.000000\t0.006250\tmy class 2 0.99\n"]


def test_read_audacity_extended() -> None:
    """Points, regions, frequency ranges, labels without text, tabs within one."""
    assert _labels(GOLDEN / "audacity_extended_export.txt") == [
        TrackLabel(1.0, 1.0, "click at 6928 Hz"),
        TrackLabel(2.0, 2.5, "cavitation"),
        TrackLabel(3.0, 3.5, ""),
        TrackLabel(4.0, 4.5, "snapping hip"),
    ]


def test_read_audacity_spreadsheet() -> None:
    """Byte-order mark, CRLF, decimal commas, blank lines at the end."""
    assert _labels(GOLDEN / "audacity_spreadsheet.txt") == [
        TrackLabel(0.25, 0.5, "R\xfccken"),
        TrackLabel(1.5, 1.75, "snapping"),
    ]


def test_read_audacity_points_of_1_2(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0.5\tcavitation\n")
    assert _labels(tmp_path / "a.txt") == [TrackLabel(0.5, 0.5, "cavitation")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.1\t0.2\tpop\nfile,start_s\n", "row 2: expected start TAB end TAB label.*reads 'file,start_s'"),
        ("0.1 0.2 pop\n", "row 1: expected start TAB end TAB label"),
        ("0.1\n", "row 1: expected start TAB end TAB label"),
        ("0.1\tx\tpop\n", "row 1: expected start TAB end TAB label"),
        ("nan\t0.2\tpop\n", "row 1: expected"),
        ("0.3\t0.2\tpop\n", r"row 1: the end \(0.2 s\) lies before the start \(0.3 s\)"),
        ("\\\t100\t200\n", "row 1: a frequency range without a label"),
    ],
)
def test_read_audacity_bad_row(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(LabelError, match=rf"a\.txt, {message}"):
        _labels(tmp_path / "a.txt")


@settings(deadline=None)
@given(raw=st.binary(max_size=60))
def test_read_audacity_any_bytes(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("labels") / "a.txt"
    path.write_bytes(raw)
    labels, complaint = [], "none"
    try:
        labels = _labels(path)
    except LabelError as error:
        complaint = str(error)
    assert len(complaint.splitlines()) == 1
    assert all(label.end_s >= label.start_s for label in labels)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cavitation 0.93", "cavitation"),
        ("cavitation 1.00", "cavitation"),
        (" snapping ", "snapping"),
        ("0.93", "0.93"),
    ],
)
def test_label_name(text: str, name: str) -> None:
    assert label_name(text) == name


def test_read_audacity_real_tracks(realdata: Path) -> None:
    tracks = sorted((realdata / "negatives" / "taps").glob("*.txt"))
    assert tracks
    assert all(_labels(track) for track in tracks)
