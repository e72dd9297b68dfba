"""Labelled recordings as a table of features."""

import hashlib

import numpy as np
import pytest
import soundfile as sf
from labelled_clips import RATE, noise, put, ring

from popclass.errors import LabelError
from popclass.labels import read_labels
from popclass.training import dataset as samples_module
from popclass.training.dataset import collect


def test_collect_clips(clips, frontend):
    samples = collect(read_labels(clips), frontend)
    assert sorted(samples.labels) == ["cavitation"] * 6 + ["other"] * 6 + ["snapping"] * 6
    assert samples.X.shape == (18, len(frontend.names))
    assert [name.split("/")[0] for name in samples.recordings] == samples.labels
    assert samples.ignored >= 18, "the quieter sound of each clip is ignored"
    assert samples.warnings == []
    assert hashlib.sha256((clips / "other" / "0.wav").read_bytes()).hexdigest() in samples.provenance()["sha256"]


def test_collect_broken_and_silent_clips(clips, frontend):
    (clips / "other" / "broken.wav").write_text("this is no audio")
    sf.write(clips / "snapping" / "nothing.wav", noise(0.5, 99), RATE)
    samples = collect(read_labels(clips), frontend)
    assert len(samples.labels) == 18
    broken, silent = samples.warnings
    assert broken.startswith("1 recording skipped because it cannot be read")
    assert "broken.wav" in broken
    assert silent.endswith("snapping/nothing.wav")


def test_collect_processes(clips, frontend, monkeypatch):
    (clips / "other" / "broken.wav").write_text("this is no audio")
    alone = collect(read_labels(clips), frontend)
    monkeypatch.setattr(samples_module, "PARALLEL_FROM", 1)
    together = collect(read_labels(clips), frontend)
    assert np.array_equal(alone.X, together.X)
    assert (alone.labels, alone.recordings, alone.warnings) == (together.labels, together.recordings, together.warnings)


def test_collect_class_without_events(clips, frontend):
    for path in (clips / "snapping").iterdir():
        path.write_bytes(b"")
    with pytest.raises(LabelError, match="class 'snapping' has no event") as caught:
        collect(read_labels(clips), frontend)
    assert "\n" not in str(caught.value)


@pytest.fixture
def session(tmp_path):
    """A recording with two labelled sounds and an unlabelled one, and one verified to hold nothing."""
    wave = put(noise(4, 1), 1.0, ring(2000, 0.001))
    wave = put(wave, 2.0, ring(400, 0.012))
    sf.write(tmp_path / "a.wav", put(wave, 3.0, ring(3500, 0.006)), RATE)
    sf.write(tmp_path / "b.wav", put(noise(1, 2), 0.5, ring(3500, 0.006)), RATE)
    (tmp_path / "labels.csv").write_text(
        "file,start_s,end_s,label,subject\n"
        "a.wav,0.995,1.01,cavitation,P1\na.wav,1.99,2.05,snapping,P1\na.wav,3.5,3.6,snapping,P1\nb.wav,,,,P2\n"
    )
    return tmp_path


def test_collect_partial(session, frontend):
    samples = collect(read_labels(session), frontend)
    assert samples.labels == ["cavitation", "snapping", "other", "other"]
    assert samples.subjects == ["P1", "P1", "P1", "P2"]
    assert sum(samples.missed_by_class.values()) == 1
    assert any("1 label skipped because no event was detected" in warning for warning in samples.warnings)
    assert (samples.uncovered("other"), samples.uncovered(None)) == (2, 0)
    assert samples.missed_by_class == {"snapping": 1}
    assert [
        (recording.name, len(matched.missed), len(matched.uncovered)) for recording, matched in samples.matches
    ] == [
        ("a.wav", 1, 1),
        ("b.wav", 0, 1),
    ]
    assert "2 events that no label covers are labelled 'other': a.wav 1, b.wav 1" in samples.warnings
    partial = collect(read_labels(session), frontend, partial=True)
    assert (partial.uncovered("other"), partial.uncovered(None)) == (1, 1)
    provenance = partial.provenance()
    assert (provenance["uncovered_other"], provenance["uncovered_left_out"]) == (1, 1)
    assert provenance["labels_without_event_by_class"] == {"snapping": 1}
    assert partial.labels == ["cavitation", "snapping", "other"]
    assert partial.recordings == ["a.wav", "a.wav", "b.wav"], "what is verified stays other"


def test_collect_label_beyond_end(session, frontend):
    with (session / "labels.csv").open("a") as file:
        file.write("b.wav,500,501,cavitation,P2\n")
    with pytest.raises(LabelError, match=r"row 6: the label cavitation at 500-501 s .*b\.wav, which lasts 1\.000 s"):
        collect(read_labels(session), frontend)


def test_collect_label_ends_late(session, frontend):
    with (session / "labels.csv").open("a") as file:
        file.write("b.wav,0.49,1.5,snapping,P2\n")
    samples = collect(read_labels(session), frontend)
    where = f"{session / 'labels.csv'}, row 6 (snapping at 0.49-1.5 s)"
    assert f"1 label ends after its recording does: {where}" in samples.warnings
    assert samples.labels.count("snapping") == 2


def test_collect_overridden_label(session, frontend):
    with (session / "labels.csv").open("a") as file:
        file.write("b.wav,0.5,0.5,cavitation,P2\nb.wav,0.499,0.51,snapping,P2\n")
    text = (session / "labels.csv").read_text().replace("b.wav,,,,P2\n", "")
    (session / "labels.csv").write_text(text)
    samples = collect(read_labels(session), frontend)
    assert (samples.missed_by_class, samples.lost_by_class) == ({"snapping": 1}, {"snapping": 1})
    expected = "1 label skipped because another label took its event (snapping 1): b.wav 1"
    assert expected in samples.warnings
    assert samples.provenance()["labels_overridden"] == 1
