"""Tables of labels of a project."""

from pathlib import Path

import pytest

from popclass.app.labels import given_labels, read_project_labels
from popclass.extraction import number_events
from popclass.labels.records import LabelledRecording, LabelRow, Labels
from popclass.results import Event

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
