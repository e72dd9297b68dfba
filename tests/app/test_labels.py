"""Tables of labels of a project."""

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
