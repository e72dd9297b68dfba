"""Sounds of a project."""

import csv
import io
import shutil
import time

import numpy as np
import pytest
import recordings
import soundfile as sf

from popclass.app import sounds as module
from popclass.app.labels import read_project_labels
from popclass.app.sounds import load_sounds, queue_data
from popclass.batch import classify_folder, features
from popclass.batch.files import fingerprint
from popclass.batch.result import read_events
from popclass.errors import AudioError, UsageError
from popclass.extraction import Extraction, number_events
from popclass.info import RecordingInfo
from popclass.labels.records import Labels
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.pipeline import apply_model
from popclass.postprocess import postprocess
from popclass.report.clips import BEFORE_S
from popclass.results import Event
from popclass.suggestions import suggest
from popclass.utils.files import Stamp

SOUNDS = ["cavitation", "snapping", "snapping", "other", "snapping"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model.load(recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx"))


def classify(project, model, **options):
    """Classify the recordings as the app does, and return the results by name."""
    found, manifest = {}, project / "recordings.csv"
    classify_folder(
        project / "recordings",
        project / "results",
        model=model,
        manifest=manifest if manifest.exists() else None,
        fresh=True,  # a copied project has another path
        on_result=lambda result: found.update({result.recording: result}),
        **options,
    )
    return found


def load(project, model, **options):
    """Return the sounds of the recordings as they are now."""
    return load_sounds(project, model, classify(project, model), **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory, model):
    """A project whose features are in the cache."""
    place = tmp_path_factory.mktemp("data") / "project"
    for seed, name in enumerate(("a.wav", "b.wav", "c.wav")):
        recordings.write(place / "recordings" / name, SOUNDS, seed=seed, seconds=2.0)
    lines = ["file,subject,site", *(f"recordings/{name}.wav,P-{name},mcp" for name in "abc")]
    (place / "recordings.csv").write_text("\n".join(lines) + "\n")
    results = classify(place, model)
    load_sounds(place, model, results)
    return place, results


@pytest.fixture
def project(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "project")  # modification times are kept
    return tmp_path / "project"


@pytest.fixture
def results(made):
    """Results of the recordings as they are at first."""
    return dict(made[1])


@pytest.fixture
def sounds(project, model, results):
    """The sounds of the recordings as they are at first."""
    return load_sounds(project, model, results)


@pytest.fixture
def extracted(monkeypatch):
    """Return the recordings whose features are computed from now on."""
    names, process = [], module.process

    def noted(root, missing, *others):
        names.extend(missing)
        return process(root, missing, *others)

    monkeypatch.setattr(module, "process", noted)
    return names


def write_labels(project, labels, name="labels.csv"):
    rows = [("file", "start_s", "end_s", "label"), *labels]
    with (project / name).open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return read_project_labels(project / name)


def label_first(project, sounds, labels):
    """Label the first sounds of a.wav."""
    events = sounds.search.events[sounds.search.rows["a.wav"]]
    rows = [
        ("recordings/a.wav", f"{event.start_s:.6f}", f"{event.end_s:.6f}", label)
        for event, label in zip(events, labels, strict=False)
    ]
    return write_labels(project, rows)


def labels_of(sounds):
    return [event.label for result in sounds.results.values() for event in result.events]


def test_load_same_as_batch(project, model):
    sounds = load(project, model)
    rows = list(read_events(project / "results"))
    assert len(rows) >= 15
    assert [row["label"] for row in rows] == labels_of(sounds)
    assert [row["recording"] for row in rows] == sounds.search.recordings
    np.testing.assert_allclose([row["p_snapping"] for row in rows], _acoustic(sounds, "snapping"), atol=1e-4)


def _acoustic(sounds, name):
    at = sounds.model.classes.index(name)
    return np.concatenate([analysis.acoustic[:, at] for _, _, analysis in sounds.processed.values()])


def test_load_from_cache(project, model, results, extracted):
    shutil.move(project / ".cache", project / "moved")
    fresh = load_sounds(project, model, results)
    assert extracted == ["a.wav", "b.wav", "c.wav"]
    again = load_sounds(project, model, results)
    assert extracted == ["a.wav", "b.wav", "c.wav"]
    np.testing.assert_array_equal(again.search.X, fresh.search.X)
    np.testing.assert_array_equal(again.search.probabilities, fresh.search.probabilities)
    assert again.search.events == fresh.search.events
    assert again.search.infos == fresh.search.infos


@pytest.mark.parametrize("jobs", [1, 2])
def test_load_after_batch(project, model, sounds, extracted, jobs):
    """A batch keeps the features on its way, the same as are computed here."""
    cache = {path.name: path.read_bytes() for path in (project / ".cache").iterdir()}
    shutil.rmtree(project / ".cache")
    results = classify(project, model, jobs=jobs, features=project / ".cache")
    assert {path.name: path.read_bytes() for path in (project / ".cache").iterdir()} == cache
    np.testing.assert_array_equal(load_sounds(project, model, results).search.X, sounds.search.X)
    assert extracted == []


def test_load_changed_recording(project, model, extracted):
    recordings.write(project / "recordings" / "b.wav", SOUNDS[:2], seed=7)
    sounds = load(project, model)
    assert extracted == ["b.wav"]
    assert sounds.search.recordings.count("b.wav") < sounds.search.recordings.count("a.wav")


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "pickle", "another recording"])
def test_load_damaged_cache(project, model, results, sounds, extracted, damage):
    first, second = sorted((project / ".cache").glob("*.npz"))[:2]
    data = first.read_bytes()
    middle = len(data) // 2
    changed = {
        "cut": data[:middle],
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "empty": b"",
        "pickle": b"\x80\x04N.",
        "another recording": second.read_bytes(),
    }
    first.write_bytes(changed[damage])
    after = load_sounds(project, model, results)
    assert len(extracted) == 1
    np.testing.assert_array_equal(after.search.X, sounds.search.X)
    assert first.read_bytes() == data


def test_load_other_version(project, model, results, extracted, monkeypatch):
    monkeypatch.setattr(features, "__version__", "0.0.0")
    load_sounds(project, model, results)
    assert extracted == ["a.wav", "b.wav", "c.wav"]


def test_load_other_model(project, model, sounds, extracted):
    other = Model(model.graph, {**model.info, "calibration": {**model.info["calibration"], "bias": [0.0, 3.0, 0.0]}})
    after = load(project, other, before=sounds)
    assert extracted == []
    expected = other.probabilities(after.search.X)
    found = np.concatenate([analysis.acoustic for _, _, analysis in after.processed.values()])
    np.testing.assert_array_equal(found, expected)
    assert not np.allclose(found, model.probabilities(after.search.X))


def test_load_before(project, model, sounds, extracted):
    shutil.rmtree(project / ".cache")
    recordings.write(project / "recordings" / "d.wav", SOUNDS[:2], seed=9)
    after = load(project, model, before=sounds)
    assert extracted == ["d.wav"]
    assert list(after.processed) == ["a.wav", "b.wav", "c.wav", "d.wav"]


def test_load_results_of_batch(project, model, results, sounds):
    """Those of a batch are taken as they are, and recordings that it could not use are left out."""
    assert sounds.results == results
    del results["b.wav"]
    without = load_sounds(project, model, results)
    assert list(without.processed) == ["a.wav", "c.wav"]
    assert without.results["a.wav"] is results["a.wav"]
    np.testing.assert_array_equal(without.search.probabilities[:3], sounds.search.probabilities[:3])


def test_load_changed_since_batch(project, model, results):
    recordings.write(project / "recordings" / "b.wav", SOUNDS[:2], seed=9)
    assert list(load_sounds(project, model, results).results) == ["a.wav", "c.wav"]


def test_load_bad_recording(project, model, results):
    """Both a recording that a batch could not use, and one that cannot be read any more."""
    (project / "recordings" / "bad.wav").write_bytes(b"RIFF")
    assert list(load(project, model).search.infos) == ["a.wav", "b.wav", "c.wav"]
    (project / "recordings" / "b.wav").write_bytes(b"RIFF")
    assert list(load_sounds(project, model, results).search.infos) == ["a.wav", "c.wav"]


def test_load_removed_recording(project, model, results):
    (project / "recordings" / "c.wav").unlink()
    (project / "recordings.csv").unlink()
    assert list(load_sounds(project, model, results).processed) == ["a.wav", "b.wav"]
    assert len(list((project / ".cache").glob("*.npz"))) == 2


def test_load_without_cache(project, model, results):
    shutil.rmtree(project / ".cache")
    (project / ".cache").write_text("a file")
    assert len(load_sounds(project, model, results).processed) == 3


def test_load_empty_project(model, tmp_path):
    sounds = load_sounds(tmp_path, model, {})
    assert sounds.queue(Labels(())).suggestions == ()
    assert sounds.map(Labels(()))["x"] == []


def test_queue_same_as_suggest(project, model, sounds):
    labels = label_first(project, sounds, ["snapping", "unsure"])
    queue = sounds.queue(labels, count=6)
    manifest = project / "recordings.csv"
    told = suggest(
        project / "recordings", model=model, count=6, manifest=manifest, labels=project / "labels.csv"
    ).suggestions
    assert [(each.sound, each.by, each.similar) for each in queue.suggestions] == [
        (each.sound, each.by, each.similar) for each in told
    ]
    assert queue.counts["snapping"] == queue.counts["unsure"] == 1


@pytest.mark.parametrize("count", [0, 501])
def test_queue_out_of_range(sounds, count):
    with pytest.raises(UsageError, match="is out of range"):
        sounds.queue(Labels(()), count=count)


def test_queue_data(project, sounds):
    labels = label_first(project, sounds, ["snapping"])
    queue = sounds.queue(labels, count=3)
    data = queue_data(queue, project / "labels.csv", lambda name, number: f"api/clip?{name}&{number}")
    assert data["labels"] == "labels.csv"
    assert data["suggested"] == 3
    assert all(each["file"] == each["name"] for each in data["recordings"])
    assert [row[0] for row in data["rows"]] == ["a.wav"]
    for sound in data["sounds"]:
        assert sound["clip"] == f"api/clip?{data['recordings'][sound['recording']]['name']}&{sound['n']}"
        assert sound["clipStart"] == pytest.approx(max(sound["start"] - BEFORE_S, 0), abs=1e-5)
    assert all(at < len(data["sounds"]) for sound in data["sounds"][:3] for at in sound["similar"])


def test_map_groups_kinds(sounds):
    """Sounds of one kind lie closer together than sounds of two."""
    found = sounds.map(Labels(()))
    places, label = np.array([found["x"], found["y"]]).T, np.array(found["label"])
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    same = label[:, None] == label[None]
    assert apart[same].mean() < 0.6 * apart[~same].mean()
    assert found["mine"] == [-1] * len(label)


def test_map_repeats(project, model, results, sounds):
    assert sounds.map(Labels(())) == load_sounds(project, model, results).map(Labels(()))


def test_map_columns(project, sounds):
    labels = label_first(project, sounds, ["tendon", "unsure"])
    found = sounds.map(labels)
    assert found["recordings"] == ["a.wav", "b.wav", "c.wav"]
    assert found["subjects"] == ["P-a", "P-b", "P-c"]
    assert [found["recordings"][at] for at in found["recording"]] == sounds.search.recordings
    assert all(end > start for start, end in zip(found["start"], found["end"], strict=True))
    assert [found["labels"][at] for at in found["label"]] == labels_of(sounds)
    assert [found["labels"][at] for at in found["mine"] if at >= 0] == ["tendon", "unsure"]
    assert found["event"][:3] == [1, 2, 3]


@pytest.mark.parametrize("count", [1, 2])
def test_map_few_sounds(model, tmp_path, count):
    recordings.write(tmp_path / "recordings" / "a.wav", SOUNDS[:count], seconds=1.0)
    found = load(tmp_path, model).map(Labels(()))
    assert len(found["x"]) == count
    assert np.isfinite([found["x"], found["y"]]).all()


def test_clip_samples(project, sounds):
    clip = sounds.clip("b.wav", 2)
    event = sounds.search.events[sounds.search.rows["b.wav"]][1]
    samples, rate = sf.read(io.BytesIO(clip.data))
    whole, _ = sf.read(project / "recordings" / "b.wav")
    first = round(clip.start_s * rate)
    part = whole[first : first + len(samples)]
    assert clip.mime == "audio/flac"
    assert first == event.onset - round(BEFORE_S * rate)
    assert np.corrcoef(samples, part)[0, 1] > 0.99


@pytest.mark.parametrize(("name", "event"), [("../labels.csv", 1), ("a.wav", 0), ("a.wav", 99)])
def test_clip_refuses(sounds, name, event):
    with pytest.raises(UsageError, match="there is no"):
        sounds.clip(name, event)


def test_clip_changed_recording(project, sounds):
    recordings.write(project / "recordings" / "a.wav", ["other"], seconds=0.3)
    with pytest.raises(AudioError, match="has changed"):
        sounds.clip("a.wav", 5)
    (project / "recordings" / "a.wav").unlink()
    with pytest.raises(AudioError):
        sounds.clip("a.wav", 1)


@pytest.mark.slow
def test_many_sounds(tmp_path):
    """Queue and map of 1,000 recordings and 20,000 sounds take less than 2 s each."""
    model, rng, each, rate = Model.default(), np.random.default_rng(0), 20, 48_000
    analyses = []
    (tmp_path / "recordings").mkdir()
    cache = features.FeatureCache(tmp_path / ".cache", model)
    spread = rng.normal(size=(each, len(model.features)))
    X = model.ordinary + spread * np.abs(model.ordinary) * 0.1
    for number in range(1000):
        path = tmp_path / "recordings" / f"{number}.wav"
        path.write_bytes(b"RIFF")
        at = (np.arange(each) * 2 + 1) * rate
        events = number_events([Event(on, on + 10, on + 2000, rate, 1, 30.0, -20.0) for on in at.tolist()])
        extraction = Extraction(RecordingInfo(path.name, rate, 1, 60.0), events, X)
        analysis = apply_model([extraction], model)[0]
        analyses.append(analysis)
        cache.write((Stamp.of(path), extraction, analysis), fingerprint(path))
    results = postprocess(analyses, [Metadata()] * len(analyses), model)
    sounds = load_sounds(tmp_path, model, {result.recording: result for result in results})
    assert len(sounds.search.events) == 20_000
    for work in (sounds.queue, sounds.map):
        began = time.process_time()
        work(Labels(()))
        assert time.process_time() - began < 2
