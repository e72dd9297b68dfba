"""Writing of labels: every format reads back the same, and no file is partial.

The golden files in data/labels show each tool's own dialect.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.errors import LabelError, OutputError
from popclass.formats.read_csv import EMPTY_CELLS
from popclass.formats.tracks import single_field
from popclass.labels import LabelledRecording, LabelRow, Labels, read_labels, write_raven, write_table, write_tracks

GOLDEN = Path(__file__).parents[1] / "data" / "labels"

letters = st.characters(exclude_categories=("Cs",), exclude_characters="/\0")
stems = st.text(letters, min_size=1, max_size=20).map(str.strip).filter(lambda stem: stem and not stem.startswith("."))
micros = st.integers(0, 10**11)
classes = st.sampled_from(("cavitation", "snapping", "other", "hip-snap_2"))


def rows(labels: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[LabelRow, ...]]:
    row = st.builds(
        lambda start, length, label: LabelRow(start / 1e6, (start + length) / 1e6, label),
        micros,
        st.just(0) | st.integers(0, 10**7),
        labels,
    )
    return st.sets(row, max_size=5).map(
        lambda found: tuple(sorted(found, key=lambda each: (each.start_s, each.end_s, each.label)))
    )


def subject_read_back(text: str) -> str | None:
    text = normalize("NFC", text.strip())
    return None if text in ("", *EMPTY_CELLS) else text


known = st.fixed_dictionaries(
    {
        "subject": st.none() | st.text(letters, max_size=8).map(subject_read_back),
        "site": st.none() | st.sampled_from(("hip", 'left "hip", inner')),
        "recorded_at": st.none() | st.datetimes(datetime(1900, 1, 1)),
    }
)


def recordings(folder: Path, names: set[str], draw: st.DataObject, labels: st.SearchStrategy[str]) -> Labels:
    """Recordings in a folder with any rows; one without rows is a verified negative."""
    found = []
    for stem in sorted(names):
        name = f"{stem}.wav"
        (folder / name).touch()
        labelled = draw.draw(rows(labels))
        found.append(LabelledRecording(folder / name, name, labelled, verified=not labelled))
    return Labels(tuple(sorted(found, key=lambda each: each.name)))


def same(read: Labels, written: Labels) -> bool:
    """Whatever the order of recordings, which is that of their paths or names."""
    return {each.name: each for each in read.recordings} == {each.name: each for each in written.recordings}


@settings(max_examples=60, deadline=None)
@given(names=st.sets(stems, min_size=1, max_size=3), draw=st.data())
def test_write_table_round_trip(tmp_path_factory, names, draw):
    folder = tmp_path_factory.mktemp("table")
    plain = recordings(folder, names, draw, classes | st.just(""))
    labels = Labels(tuple(replace(each, **draw.draw(known)) for each in plain.recordings))
    whole = draw.draw(st.booleans())
    if whole:
        first = replace(labels.recordings[0], rows=(), verified=False, whole="snapping")
        labels = Labels((first, *labels.recordings[1:]))
    assert write_table(labels, folder) == folder / "labels.csv"
    assert same(read_labels(folder), labels)


@settings(max_examples=60, deadline=None)
@given(names=st.sets(stems, min_size=1, max_size=3), draw=st.data())
def test_write_tracks_round_trip(tmp_path_factory, names, draw):
    folder = tmp_path_factory.mktemp("tracks")
    labels = recordings(folder, names, draw, classes)
    write_tracks(labels)
    assert same(read_labels(folder), labels)


@settings(max_examples=60, deadline=None)
@given(names=st.sets(stems.map(single_field).filter(bool), min_size=1, max_size=3), draw=st.data())
def test_write_raven_round_trip(tmp_path_factory, names, draw):
    folder = tmp_path_factory.mktemp("raven")
    labels = recordings(folder, {name for name in names if not name.startswith(".")}, draw, classes)
    write_raven(labels, folder)
    if labels.recordings:
        assert same(read_labels(folder), labels)


def two(folder: Path) -> Labels:
    """A recording with labels and one without, in a folder of their own."""
    (folder / "p01").mkdir(exist_ok=True)
    for name in ("p01/left, \u201cfirst\u201d.wav", "p01/quiet.flac"):
        (folder / name).touch()
    first = (LabelRow(0.25, 0.25, "cavitation"), LabelRow(3.0191, 3.0301, "snapping"))
    name = "p01/left, \u201cfirst\u201d.wav"
    return Labels(
        (
            LabelledRecording(folder / name, name, first),
            LabelledRecording(folder / "p01/quiet.flac", "p01/quiet.flac", verified=True),
        )
    )


def test_write_golden_files(tmp_path):
    labels = two(tmp_path)
    about = {"subject": 'P"7"', "site": "hip", "recorded_at": datetime.fromisoformat("2026-11-22T10:15:00+01:00")}
    table = write_table(Labels(tuple(replace(each, **about) for each in labels.recordings)), tmp_path)
    assert table.read_bytes() == (GOLDEN / "written.csv").read_bytes()
    track, empty = write_tracks(labels)
    assert track.read_bytes() == (GOLDEN / "written_audacity.txt").read_bytes()
    assert (empty.name, empty.read_bytes()) == ("quiet.txt", b"")
    selections, head = write_raven(labels)
    assert selections.read_bytes() == (GOLDEN / "written_raven.txt").read_bytes()
    assert head.name == "quiet.Table.1.selections.txt"
    assert head.read_text() == selections.read_text("utf-8").splitlines(keepends=True)[0]


def test_write_table_elsewhere(tmp_path):
    audio, tables = tmp_path / "audio", tmp_path / "tables"
    audio.mkdir()
    tables.mkdir()
    labels = two(audio)
    back = read_labels(write_table(labels, tables / "mine.csv"))
    assert [each.name for each in back.recordings] == [f"../audio/{each.name}" for each in labels.recordings]
    assert [each.rows for each in back.recordings] == [each.rows for each in labels.recordings]


def test_write_table_undecodable_name(tmp_path):
    name = "caf\udce9.wav"
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this file system has no such names")
    labels = Labels((LabelledRecording(tmp_path / name, name, (LabelRow(1.0, 2.0, "other"),)),))
    write_table(labels, tmp_path)
    assert read_labels(tmp_path) == labels
    (tmp_path / "labels.csv").unlink()
    write_tracks(labels)
    assert read_labels(tmp_path) == labels


def test_write_tracks_same_stem(tmp_path):
    found = []
    for name in ("a.flac", "a.wav"):
        (tmp_path / name).touch()
        found.append(LabelledRecording(tmp_path / name, name, (LabelRow(1.0, 1.0, "other"),)))
    assert [path.name for path in write_tracks(Labels(tuple(found)))] == ["a.flac.txt", "a.wav.txt"]
    assert read_labels(tmp_path).recordings == tuple(found)


def test_write_nothing_on_failure(tmp_path):
    labels = two(tmp_path)
    (tmp_path / "p01" / "quiet.txt").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_tracks(labels)
    assert sorted(path.suffix for path in (tmp_path / "p01").iterdir()) == [".flac", ".txt", ".wav"]
    assert (tmp_path / "p01" / "quiet.txt").read_text() == "mine"
    assert len(write_tracks(labels, force=True)) == 2
    with pytest.raises(OutputError, match="2 recordings go into a folder"):
        write_tracks(labels, tmp_path / "one.txt")
    with pytest.raises(OutputError, match="no folder"):
        write_tracks(labels, tmp_path / "p01")
    one = Labels(labels.recordings[:1])
    assert write_tracks(one, tmp_path / "one.txt") == [tmp_path / "one.txt"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"whole": "snapping"}, "only a CSV can hold that"),
        ({"rows": (LabelRow(1, 2, ""),)}, "only a CSV can hold that"),
        ({"rows": (LabelRow(1, 2, "other"),), "verified": True}, "only a CSV can hold that"),
        ({}, "no labels and not verified"),
    ],
)
def test_write_tracks_refused(tmp_path, fields, message):
    labels = Labels((LabelledRecording(tmp_path / "a.wav", "a.wav", **fields),))
    for write in (write_tracks, write_raven):
        with pytest.raises(LabelError, match=message):
            write(labels)
    assert list(tmp_path.iterdir()) == []


def test_write_table_refused(tmp_path):
    with pytest.raises(LabelError, match="would be a missing value"):
        write_table(Labels((LabelledRecording(tmp_path / "a.wav", "a.wav", verified=True, subject="nan"),)), tmp_path)
    with pytest.raises(LabelError, match="spaces at its ends"):
        write_table(Labels((LabelledRecording(tmp_path / " a.wav", " a.wav", verified=True),)), tmp_path)
    with pytest.raises(LabelError, match="no labels and not verified"):
        write_table(Labels((LabelledRecording(tmp_path / "a.wav", "a.wav"),)), tmp_path)
    name = "two\tlines.wav"
    with pytest.raises(LabelError, match="a Raven table cannot hold this name"):
        write_raven(Labels((LabelledRecording(tmp_path / name, name, verified=True),)))
