"""Export of a project."""

import csv
import io
import json
import zipfile

import pytest
import recordings

from popclass.app.export import KINDS, export
from popclass.app.sounds import load_sounds
from popclass.batch import classify_folder
from popclass.errors import UsageError
from popclass.formats.tracks import label_name, read_audacity, read_raven
from popclass.model.model import Model

SOUNDS = ["cavitation", "snapping", "other", "snapping", "other"]
NAMES = tuple(f"{name}.wav" for name in "abcdef")


def classified(project, **options):
    """Classify the recordings of a project as the app does, and return its sounds."""
    results = {}
    classify_folder(
        project / "recordings",
        project / "results",
        on_result=lambda result: results.update({result.recording: result}),
        **options,
    )
    return load_sounds(project, Model.default(), results)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with its sounds."""
    project = tmp_path_factory.mktemp("data") / "project"
    for seed, name in enumerate(NAMES):
        recordings.write(project / "recordings" / name, SOUNDS, seed=seed, seconds=2.0)
    (project / "labels.csv").write_text("file,start_s,label\nrecordings/a.wav,0.2,cavitation\n")
    return project, classified(project)


@pytest.fixture
def project(made):
    return made[0]


@pytest.fixture
def sounds(made):
    return made[1]


@pytest.mark.parametrize("kind", ["events.csv", "bursts.csv", "recordings.csv"])
def test_export_tables(project, sounds, kind):
    found = export(project, kind, sounds)
    assert found.data == (project / "results" / kind).read_bytes()
    assert (found.name, found.mime) == (kind, "text/csv; charset=utf-8")


def test_export_jsonl(project, sounds):
    rows = [json.loads(line) for line in export(project, "events.jsonl", sounds).data.splitlines()]
    with (project / "results" / "events.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for key in ("recording", "label", "timing"):
        assert [row[key] for row in rows] == [row[key] for row in table]
    assert [row["p_label"] for row in rows] == pytest.approx([float(row["p_label"]) for row in table], abs=1e-4)


@pytest.fixture
def small(tmp_path):
    """A project of two recordings, one of them without a sound."""
    recordings.write(tmp_path / "recordings" / "a.wav", SOUNDS, seconds=2.0)
    recordings.write(tmp_path / "recordings" / "quiet.wav", [], seconds=1.0)
    return tmp_path


def test_export_options_of_batch(small):
    """Results of other options are exported as they are."""
    sounds = classified(small, min_probability=1)
    rows = [json.loads(line) for line in export(small, "events.jsonl", sounds).data.splitlines()]
    assert {row["label"] for row in rows} == {"uncertain"}


@pytest.mark.parametrize("kind", ["audacity", "raven"])
def test_export_tracks(project, sounds, kind, tmp_path):
    """Each track lies beside its recording and holds its events."""
    labels = [event.label for result in sounds.results.values() for event in result.events]
    with zipfile.ZipFile(io.BytesIO(export(project, f"{kind}.zip", sounds).data)) as file:
        assert file.testzip() is None
        file.extractall(tmp_path / "tracks")
    ending, read = {"audacity": (".txt", read_audacity), "raven": (".Table.1.selections.txt", read_raven)}[kind]
    found = [
        (name, label_name(row.text))
        for name in NAMES
        for _, row in read(tmp_path / "tracks" / name.replace(".wav", ending))
    ]
    assert found == [*zip(sounds.search.recordings, labels, strict=True)]


def test_export_tracks_without_events(small):
    """An empty track would say that a recording was verified to hold nothing."""
    sounds = classified(small)
    with zipfile.ZipFile(io.BytesIO(export(small, "audacity.zip", sounds).data)) as file:
        assert file.namelist() == ["a.txt"]


def test_export_labels_and_model(project, tmp_path):
    assert export(project, "labels.csv", None).data == (project / "labels.csv").read_bytes()
    assert export(project, "model", None).name == "default.onnx"
    path = recordings.make_model(tmp_path / "mine.onnx")
    assert export(project, "model", None, model=path) == ("mine.onnx", "application/octet-stream", path.read_bytes())


def test_export_unknown(project, sounds):
    with pytest.raises(UsageError, match="unknown export"):
        export(project, "../labels.csv", sounds)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "model"])
def test_export_nothing_yet(tmp_path, kind):
    with pytest.raises(UsageError, match="yet"):
        export(tmp_path, kind, None)


def test_export_other_model(project, sounds, tmp_path):
    with pytest.raises(UsageError, match="of another model"):
        export(project, "events.jsonl", sounds, model=recordings.make_model(tmp_path / "other.onnx"))
