"""Label tracks of Audacity and selection tables of Raven."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats_samples import EMPTY, FULL, GOLDEN, ODD, SETS, golden_path
from formats_strategies import results
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.errors import LabelError, UsageError
from popclass.formats.text import TrackLabel
from popclass.formats.tracks import audacity, label_name, raven, read_audacity, read_raven
from popclass.info import RecordingInfo
from popclass.results import RecordingResult
from popclass.utils.files import write_text

HEADER = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tAnnotation\n"


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


def _selections(path: Path) -> list[TrackLabel]:
    return [selection for _, selection in read_raven(path)]


@settings(deadline=None)
@given(many=st.lists(results(), max_size=3))
def test_raven_round_trip(tmp_path_factory: pytest.TempPathFactory, many: list[RecordingResult]) -> None:
    path = tmp_path_factory.mktemp("raven") / "a.txt"
    write_text(path, raven(many))
    events = [event for result in many for event in result.events]
    back = _selections(path)
    assert [selection.text for selection in back] == [event.label for event in events]
    for selection, event in zip(back, events, strict=True):
        assert selection.start_s == pytest.approx(event.start_s, abs=1e-6)
        assert selection.end_s == pytest.approx(event.end_s, abs=3e-6)


def test_raven_begin_times_and_offsets() -> None:
    rows = [line.rstrip("\n").split("\t") for line in raven(SETS["several"])]
    last = dict(zip(rows[0], rows[-1], strict=True))
    assert float(last["Begin Time (s)"]) == pytest.approx(1500.25 + 42.0 + 4000.5)
    assert float(last["File Offset (s)"]) == 4000.5
    assert (last["Selection"], last["View"], last["Channel"]) == ("8", "Waveform 1", "2")
    assert (last["Low Freq (Hz)"], last["High Freq (Hz)"]) == ("0.000", "24000.000")


def test_raven_names() -> None:
    header, row = (line.rstrip("\n").split("\t") for line in raven([ODD]))
    named = dict(zip(header, row, strict=True))
    assert named["Begin File"] == "caf\\xe9 two lines.flac"
    assert named["Begin Path"] == "R\xfccken/caf\\xe9 two lines.flac"


def test_read_raven_no_selections() -> None:
    assert _selections(golden_path("raven", "zero")) == []


def test_read_raven_own_table() -> None:
    selections = _selections(golden_path("raven", "full"))
    assert selections[0] == TrackLabel(*(0.0, 0.00625, "other", 'left, "first".m4a', 'hips/left, "first".m4a'))
    assert len(selections) == len(FULL.events)


def test_read_raven_export() -> None:
    """Both views of a selection, other columns, CRLF, decimal comma, an offset within the second file."""
    assert _selections(GOLDEN / "raven_export.txt") == [
        TrackLabel(0.0, 0.012, "cavitation", "knee_01.wav"),
        TrackLabel(3.0191, 3.0301, "snapping", "knee_01.wav"),
        TrackLabel(2.5, 2.52, "", "knee_02.wav"),
    ]


def test_read_raven_no_label_column(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Begin Time (s)\tEnd Time (s)\tSound Type\n0.5\t0.6\tpop\n")
    with pytest.raises(LabelError, match=r"no column 'label' or 'annotation' .*it has .*sound type"):
        _selections(tmp_path / "a.txt")


def test_read_raven_row_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Begin Time (s)\tEnd Time (s)\tLabel\n\n0.5\t0.6\tpop\n")
    assert [(row.number, label) for row, label in read_raven(tmp_path / "a.txt")] == [(3, TrackLabel(0.5, 0.6, "pop"))]


def test_read_raven_without_selection_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Begin Time (s)\tEnd Time (s)\tLabel\n1\t2\ta\n1\t2\tb\n1\t2\ta\n")
    assert [selection.text for selection in _selections(tmp_path / "a.txt")] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"a\.txt: not a Raven selection table: its first line has no column 'Begin Time"),
        ("0.1\t0.2\tpop\n", "not a Raven selection table"),
        ("Begin Time (s)\tLabel\n", "no column 'End Time"),
        (HEADER + "1\tWaveform 1\t1\tx\t2\tpop\n", r"a\.txt, row 2: the begin and the end time must be numbers"),
        (HEADER + "1\tWaveform 1\t1\n", r"a\.txt, row 2: the begin and the end time must be numbers"),
        (HEADER + "1\tWaveform 1\t1\t3\t2\tpop\n", r"row 2: the end \(2.0 s\) lies before the begin"),
        (HEADER + "1\tWaveform 1\t1\t1\t2\tpop\tmore\n", "row 2: 7 fields where the header has 6"),
        ("Begin Time (s)\tEnd Time (s)\tFile Offset (s)\tLabel\n1\t2\tx\tpop\n", "row 2: the file offset must be"),
    ],
)
def test_read_raven_bad_table(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(LabelError, match=message):
        _selections(tmp_path / "a.txt")


@settings(deadline=None)
@given(raw=st.text(st.sampled_from("0123.,\t\n\r-e aé\\"), max_size=60))
def test_read_raven_any_rows(tmp_path_factory: pytest.TempPathFactory, raw: str) -> None:
    path = tmp_path_factory.mktemp("raven") / "a.txt"
    path.write_text(HEADER + raw, encoding="utf-8", newline="")
    selections, complaint = [], "none"
    try:
        selections = _selections(path)
    except LabelError as error:
        complaint = str(error)
    assert len(complaint.splitlines()) == 1
    assert all(selection.end_s >= selection.start_s for selection in selections)
