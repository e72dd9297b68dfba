"""Tables of labels of a project."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from popclass.app.labels import LabelTable, given_labels, read_project_labels, with_rows
from popclass.extraction import number_events
from popclass.labels import read_labels
from popclass.labels.records import LabelledRecording, LabelRow, Labels
from popclass.results import Event
from popclass.utils.files import write_synced

RATE = 48_000
NFC, NFD = "h\u00fcfte.wav", "hu\u0308fte.wav"


def test_given_labels():
    onsets = [RATE * at for at in range(1, 6)]
    events = number_events([Event(at, at + 10, at + 2000, RATE, 1, 30.0, -20.0) for at in onsets])
    rows = tuple(
        LabelRow(event.start_s, event.end_s, label) for event, label in zip(events, ["unsure", "other"], strict=False)
    )
    labelled = LabelledRecording(Path("recordings/a.wav"), "a.wav", rows)
    assert given_labels(events, labelled) == ["unsure", "other", *[None] * (len(events) - 2)]
    assert given_labels(events, None) == [None] * len(events)


@pytest.mark.parametrize("text", [None, "", "file,start_s,end_s,label\n"])
def test_read_project_labels_none(tmp_path, text):
    if text is not None:
        (tmp_path / "labels.csv").write_text(text)
    assert read_project_labels(tmp_path / "labels.csv") == Labels(())


def test_table_change_written_in_the_meantime(tmp_path):
    """Rows that an editor adds while a change is made are kept."""
    (tmp_path / "a.wav").touch()
    path = tmp_path / "labels.csv"
    path.write_text("file,start_s,label\na.wav,1.0,other\n")
    seen = []

    def changed(labels):
        [recording] = labels.recordings
        seen.append(len(recording.rows))
        if len(seen) < 3:
            with path.open("a") as file:
                file.write(f"a.wav,{len(seen) + 1},snapping\n")
        return replace(labels, recordings=(with_rows(recording, [LabelRow(9.0, 9.0, "cavitation")]),))

    LabelTable(path).change(changed)
    assert seen == [1, 2, 3]
    [recording] = read_labels(path).recordings
    assert [row.start_s for row in recording.rows] == [1.0, 2.0, 3.0, 9.0]


def test_table_change_written_right_afterwards(tmp_path, monkeypatch):
    """A table that an editor writes as soon as it is replaced is read again."""
    (tmp_path / "a.wav").touch()
    table, path = LabelTable(tmp_path / "labels.csv"), tmp_path / "labels.csv"
    labelled = LabelledRecording(tmp_path / "a.wav", "a.wav", (LabelRow(1.0, 1.0, "other"),))
    with monkeypatch.context() as patched:

        def then_edited(*given, **options):
            written = write_synced(*given, **options)
            with path.open("a") as file:
                file.write("a.wav,2.0,,snapping,,,\n")
            return written

        patched.setattr("popclass.app.labels.write_synced", then_edited)
        table.change(lambda labels: replace(labels, recordings=(labelled,)))
    assert len(table.read().recordings[0].rows) == 2


def test_table_change_of_nothing(tmp_path):
    (tmp_path / "a.wav").touch()
    path = tmp_path / "labels.csv"
    path.write_text("file;start_s;label\na.wav;1,0;other\n")
    LabelTable(path).change(lambda labels: replace(labels, recordings=tuple(labels.recordings)))
    assert path.read_text() == "file;start_s;label\na.wav;1,0;other\n"


def labelled_again(tmp_path, text, recording="b.wav", start=5.0):
    """Return the rows of a table after a label of one recording."""
    for name in ("a.wav", "b.wav", NFD):
        (tmp_path / name).touch()
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")

    def changed(labels):
        found = {each.name: each for each in labels.recordings}
        known = found.get(recording) or LabelledRecording(tmp_path / recording, recording)
        found[recording] = with_rows(known, [LabelRow(start, start, "cavitation")])
        return replace(labels, recordings=tuple(found.values()))

    LabelTable(path).change(changed)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


TABLE = """\
file,start_s,end_s,label,x_note,heard
a.wav,1.0,1.1,other,loud,first
a.wav,2.0,2.1,snapping,soft,second
a.wav,3.0,3.1,,,third
a.wav,3.0,3.2,snapping,None,fourth
"""


@pytest.mark.parametrize("recording", ["a.wav", "b.wav"])
def test_table_change_keeps_cells(tmp_path, recording):
    """Cells of the user's own that differ within a recording, and those of unknown columns."""
    rows = labelled_again(tmp_path, TABLE, recording)
    found = [(row["x_note"], row["heard"]) for row in rows if row["start_s"] != "5.000000"]
    assert found == [("loud", "first"), ("soft", "second"), ("", "third"), ("None", "fourth")]


def test_table_change_keeps_rows_of_others(tmp_path):
    """Rows of a recording that got no label stay as they are."""
    text = "file,start_s,end_s,label,site,x_note\na.wav,1.12345678,,Unsure,Knuckle,loud\na.wav,2,2.5,other,,\n"
    rows = labelled_again(tmp_path, text)
    found = [(row["start_s"], row["end_s"], row["label"], row["site"], row["x_note"]) for row in rows]
    assert found[:2] == [("1.12345678", "", "Unsure", "Knuckle", "loud"), ("2", "2.5", "other", "", "")]


@pytest.mark.parametrize("name", ["a.wav", NFD])
@pytest.mark.parametrize("file", [".\\a.wav", NFC, "./a.wav"])
def test_table_change_file_spelled_otherwise(tmp_path, file, name):
    rows = labelled_again(tmp_path, f"file,start_s,label,note\n{file},1.0,other,loud\n", name)
    assert [row["note"] for row in rows if row["label"] == "other"] == ["loud"]


def test_table_missing_file_of_windows_back(tmp_path):
    (tmp_path / "labels.csv").write_text("file,start_s,label\nsub\\a.wav,1.0,other\n")
    table = LabelTable(tmp_path / "labels.csv")
    assert (table.read().recordings, table.missing()) == ((), ["sub\\a.wav"])
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.wav").touch()
    assert (len(table.read().recordings), table.missing()) == (1, [])


def test_with_rows_same_start():
    """Two labels of one start stay while others are given."""
    both = (LabelRow(1.0, 1.0, "cavitation"), LabelRow(1.0, 1.2, "snapping"))
    found = with_rows(LabelledRecording(Path("a.wav"), "a.wav", both), [LabelRow(2.0, 2.0, "other")])
    assert found.rows == (*both, LabelRow(2.0, 2.0, "other"))
    assert with_rows(found, [LabelRow(1.0, 1.0, "other")]).rows[:-1] == (LabelRow(1.0, 1.0, "other"),)
