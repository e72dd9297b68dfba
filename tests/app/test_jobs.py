"""Work in the background of the app."""

import time

import pytest
import recordings

from popclass.app import jobs as module
from popclass.app.jobs import Jobs
from popclass.app.project import Project
from popclass.errors import UsageError

LONGEST_S = 60


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "project") as made:
        yield made


def add(project, name, seed):
    recordings.write(project.recordings_dir / name, ["cavitation", "other"], seed=seed, seconds=2.0)


def until(holds):
    ends = time.monotonic() + LONGEST_S
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.fixture
def jobs(project, monkeypatch):
    """The work for a project, with what it had found each time before the sounds of all recordings were made."""
    made, load = Jobs(project), module.load_sounds
    made.seen = []

    def noted(*arguments, **options):
        made.seen.append(made.found)
        return load(*arguments, **options)

    monkeypatch.setattr(module, "load_sounds", noted)
    yield made
    made.stop()


def test_results_come_before_the_sounds_of_all_recordings(project, jobs):
    """Whoever drops one recording into a large project sees it before the queue and the map are made anew."""
    add(project, "a.wav", 1)
    jobs.start()
    until(lambda: jobs.found.sounds is not None)
    first = jobs.found.sounds
    add(project, "b.wav", 2)
    until(lambda: jobs.found.sounds is not first)
    assert [(set(found.rows), set(found.results), found.sounds) for found in jobs.seen] == [
        ({"a.wav"}, {"a.wav"}, None),
        ({"a.wav", "b.wav"}, {"a.wav", "b.wav"}, first),
    ]
    assert set(jobs.found.sounds.results) == set(jobs.found.results) == {"a.wav", "b.wav"}
    assert jobs.found.results["a.wav"].events


def test_results_of_two_models_are_never_shown_together(project, jobs, tmp_path):
    own = recordings.make_model(tmp_path / "own.onnx")
    add(project, "a.wav", 1)
    jobs.start()
    until(lambda: jobs.found.sounds is not None)
    before = jobs.found.model.sha256
    project.model_path("own").write_bytes(own.read_bytes())
    project.use_model("own")
    add(project, "b.wav", 2)
    jobs.classify()
    until(lambda: jobs.found.model.sha256 != before)
    assert {found.model.sha256 for found in jobs.seen} == {before}  # the results of the new model came all at once


@pytest.mark.parametrize("kind", ["train", "evaluate"])
def test_work_on_labels_in_line_with_the_manifest(project, jobs, monkeypatch, kind):
    """Subjects that an editor wrote into the manifest are known to training and evaluation."""
    add(project, "a.wav", 1)
    for observer in ("", "anna"):
        project.label([("a.wav", 0.2, 0.2, "other")], observer)
    project.manifest_path.write_text("file,subject\nrecordings/a.wav,P1\n")
    seen = []

    def work(folder, labels, *, second=None, **options):
        seen.append([path.read_text() for path in (labels, second or labels)])

    monkeypatch.setattr(module.training, "train_candidate" if kind == "train" else "evaluate", work)
    jobs.train("", "balanced") if kind == "train" else jobs.evaluate("", "anna")
    jobs.start()
    until(lambda: seen)
    assert all("P1" in text for text in seen[0])


def test_work_on_labels_of_a_wrong_name(jobs):
    with pytest.raises(UsageError, match="cannot be the name of an observer"):
        jobs.train("../x", "balanced")
