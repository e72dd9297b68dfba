"""Work in the background of the app."""

import time
from threading import Event

import pytest
import recordings

from popclass.app import jobs as module
from popclass.app.jobs import Jobs
from popclass.app.project import Project
from popclass.app.takes import Take, now
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
    project.models.path("own").write_bytes(own.read_bytes())
    project.models.use("own")
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


def test_new_recordings_are_listed_during_other_work(project, jobs, monkeypatch):
    going, ended = Event(), Event()

    def work(*_, **__):
        going.set()
        assert ended.wait(LONGEST_S)

    monkeypatch.setattr(module.training, "train_candidate", work)
    jobs.train("", "balanced")
    jobs.start()
    assert going.wait(LONGEST_S)
    add(project, "a.wav", 1)
    jobs.classify()
    assert list(jobs.waiting) == ["a.wav"]
    ended.set()
    until(lambda: jobs.found.sounds is not None)


def test_labels_of_an_editor_are_told(project, jobs):
    jobs.start()
    until(lambda: jobs.found.made == 0 and jobs.work.kind is None)
    for text in ("file,label\n", "file,start_s,label\n"):
        time.sleep(0.05)
        before = jobs.version
        project.labels_path("anna").write_text(text)
        until(lambda before=before: jobs.version > before)


def leave_take(project, seconds=1):
    """Leave the take of a program that was killed; return its id."""
    take = Take(project, recordings.RATE, {"subject": "P1"}, now())
    for at in range(seconds):
        take.add(at * recordings.RATE, bytes(4 * recordings.RATE))
    take._file.close()
    return take.id


def test_recover_before_the_first_look(project):
    """The take is among the recordings as soon as there are any; one that is begun now is not touched."""
    leave_take(project)
    made = Jobs(project)
    take = Take(project, recordings.RATE, {}, now())
    take._file.close()  # as on a system without locks
    made.start()
    until(lambda: made.found.sounds is not None)
    made.stop()
    assert project.described(project.recordings())[project.recordings()[0]].metadata.subject == "P1"
    assert len(project.recordings()) == len(made.found.rows) == 1
    assert (project.takes_dir / f"{take.id}.f32").exists()


def test_recover_once_mended(project):
    """A take that cannot be completed is named, and is completed without a new start."""
    own = leave_take(project)
    project.manifest_path.write_text("x\n1\n")
    made = Jobs(project)
    made.start()
    until(lambda: "recover" in made.errors)
    assert made.errors["recover"].startswith(f"takes/{own} cannot be completed: ")
    assert project.manifest_path.name in made.errors["recover"]
    project.manifest_path.unlink()
    until(lambda: made.found.rows)
    made.stop()
    assert "recover" not in made.errors
    assert len(project.recordings()) == 1


def test_recover_moved_away(project):
    """A damaged take is no error any more once somebody moved it away."""
    own = leave_take(project)
    (project.takes_dir / f"{own}.json").write_text("{")
    made = Jobs(project)
    made.start()
    until(lambda: "recover" in made.errors)
    for path in project.takes_dir.glob("take-*"):
        path.unlink()
    until(lambda: "recover" not in made.errors)
    made.stop()


def test_recover_costs_little(project, monkeypatch):
    """Where each try takes long, as on a full disk, most of the time is left to other work."""
    leave_take(project)
    made, tries = Jobs(project), []

    def slow(*_):
        tries.append(time.monotonic())
        time.sleep(0.1)
        return [], {"take-1": "the disk may be full"}

    monkeypatch.setattr(module.completion, "recover", slow)
    monkeypatch.setattr(module, "POLL_S", 0.01)
    made.start()
    until(lambda: len(tries) == 2)
    made.stop()
    assert tries[1] - tries[0] > 1


def test_evaluation_of_a_killed_app(project):
    """One that was moved aside is back at the start."""
    (project.cache_dir / "evaluation.old").mkdir()
    (project.cache_dir / "evaluation.old" / "scores.json").write_text("{}")
    made = Jobs(project)
    made.start()
    until((project.evaluation_dir / "scores.json").exists)
    made.stop()
