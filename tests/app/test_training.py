"""Training and evaluation of a project."""

import csv
import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import recordings

from popclass.app import training
from popclass.app.training import compare, discard, evaluate, keep, restore_evaluation, train_candidate
from popclass.errors import LabelError, OutputError, UsageError
from popclass.evaluation.output import Evaluation
from popclass.metrics.tables import BASELINE
from popclass.model.model import Model

SOUNDS = ["cavitation", "snapping", "other", "snapping", "other"]
NAMES = tuple(f"{name}.wav" for name in "abcdef")


def write_labels(project, label_of, name="labels.csv", subjects=True):
    """Label each sound by its place in its recording."""
    with (project / name).open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("file", "start_s", "end_s", "label", "subject"))
        for number, recording in enumerate(NAMES):
            for at in range(len(SOUNDS)):
                start = 0.2 + 0.3 * at
                subject = f"P{number}" if subjects else ""
                label = label_of(number, at)
                out.writerow((f"recordings/{recording}", f"{start:.6f}", f"{start:.6f}", label, subject))
    return project / name


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A labelled project whose candidate is trained, with the comparison that training returned."""
    project = tmp_path_factory.mktemp("data") / "project"
    for seed, name in enumerate(NAMES):
        recordings.write(project / "recordings" / name, SOUNDS, seed=seed, seconds=2.0)
    labels = write_labels(project, lambda _, at: SOUNDS[at])
    return project, train_candidate(project, labels)


@pytest.fixture
def project(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def compared(made):
    return made[1]


def test_train_candidate_files(project):
    model = Model.load(project / "models" / "candidate.onnx")
    assert model.info["training"]["base"]["sha256"] == Model.default().sha256
    assert model.info["training"]["partial"] is True
    assert (project / "models" / "candidate.md").read_text().startswith("# candidate\n")


def test_train_candidate_scores(project, compared):
    """Every number is one that training stored."""
    scores = Model.load(project / "models" / "candidate.onnx").info["scores"]
    assert compared["new"]["log_loss"] == scores["held_out"]["log_loss"]
    assert compared["new"]["intervals"]["log_loss"] == scores["held_out"]["intervals"]["log_loss"]
    assert compared["in_use"]["name"] == "default"
    assert compared["in_use"]["brier"] == scores["candidates"]["base"]["brier"]
    assert compared["in_use"]["intervals"] == {"log_loss": scores["candidates"]["base"]["interval"]}
    assert compared["baseline"]["log_loss"] == scores["candidates"][BASELINE]["log_loss"]
    assert (compared["groups"], compared["grouped_by"], compared["labels"]) == (6, "subject", 30)
    assert compared["classes"] == {"cavitation": 6, "snapping": 12, "other": 12}
    assert compared["target"] == "balanced"
    json.dumps(compared, allow_nan=False)


def test_train_candidate_unsure_left_out(project):
    labels = write_labels(project, lambda number, at: "unsure" if number < 2 else SOUNDS[at])
    found = train_candidate(project, labels, target="precision")
    assert found["labels"] == 20
    assert found["target"] == "precision"
    assert any("10 sounds labelled 'unsure' left out: recordings/a.wav 5" in note for note in found["notes"])


def test_train_candidate_progress(project):
    seen = []
    train_candidate(project, project / "labels.csv", progress=lambda *step: seen.append(step))
    assert ("extracting events", 6, 6) in seen


@pytest.mark.parametrize("text", ["", "file,start_s,end_s,label\n"])
def test_train_candidate_no_labels(project, text):
    (project / "labels.csv").write_text(text)
    before = (project / "models" / "candidate.onnx").read_bytes()
    with pytest.raises(LabelError, match="no labels yet"):
        train_candidate(project, project / "labels.csv")
    assert (project / "models" / "candidate.onnx").read_bytes() == before


def test_train_candidate_bad_target(project):
    with pytest.raises(UsageError, match="target 'best'"):
        train_candidate(project, project / "labels.csv", target="best")


def test_compare_after_restart(project, compared):
    found = compare(project)
    assert {**found, "notes": compared["notes"]} == compared
    assert all(any(note.startswith(each) for note in compared["notes"]) for each in found["notes"])


def test_compare_none(tmp_path):
    assert compare(tmp_path) is None


def test_compare_kept_model(project, compared):
    """A model trained here is compared by the scores of its own training."""
    path = keep(project, "mine")
    labels = write_labels(project, lambda number, at: "unsure" if number < 2 else SOUNDS[at])
    found = train_candidate(project, labels, in_use=path)
    assert found["in_use"]["name"] == "mine"
    assert found["in_use"]["same_labels"] is False
    assert found["in_use"]["log_loss"] == compared["new"]["log_loss"]
    assert found["in_use"]["labels"] == 30
    assert found["labels"] == 20
    base = Model.load(project / "models" / "candidate.onnx").info["training"]["base"]
    assert base["sha256"] == Model.default().sha256


def test_compare_useless(project):
    """Labels at random teach nothing."""
    labels = write_labels(project, lambda number, at: SOUNDS[(number * 7 + at * 3 + number * at) % 5])
    found = train_candidate(project, labels)
    assert found["new"]["useless"]
    assert found["in_use"]["useless"]


def test_compare_useful(compared):
    assert compared["new"]["log_loss"] < compared["baseline"]["log_loss"]
    assert compared["new"]["useless"] is None


@pytest.mark.slow
def test_compare_own_class(project):
    """The bundled model cannot be scored on a class that it lacks."""
    labels = write_labels(project, lambda _, at: "tendon" if SOUNDS[at] == "snapping" else SOUNDS[at])
    found = train_candidate(project, labels)
    assert found["in_use"] is None
    assert "tendon" in found["classes"]
    assert any("the bundled model cannot be corrected" in note for note in found["notes"])


def test_keep(project):
    data = (project / "models" / "candidate.onnx").read_bytes()
    path = keep(project, "hip_2-a")
    assert path == project / "models" / "hip_2-a.onnx"
    assert path.read_bytes() == data
    assert path.with_suffix(".md").read_text().startswith("# hip_2-a\n")
    assert sorted(each.name for each in path.parent.iterdir()) == ["hip_2-a.md", "hip_2-a.onnx"]


@pytest.mark.parametrize("taken", ["mine.onnx", "mine.md"])
def test_keep_taken(project, taken):
    (project / "models" / taken).write_text("mine")
    with pytest.raises(UsageError, match="choose another name"):
        keep(project, "mine")
    assert (project / "models" / taken).read_text() == "mine"
    assert compare(project) is not None


@pytest.mark.parametrize("name", ["", "candidate", "default", "none", "../mine", "a b", "Mine", "a" * 41, "a\n", "-a"])
def test_keep_bad_name(project, name):
    with pytest.raises(UsageError, match="cannot be the name"):
        keep(project, name)


def test_keep_interrupted(project):
    """The model has its place, but the card has not, and the candidate is still there."""
    models = project / "models"
    shutil.copyfile(models / "candidate.onnx", models / "mine.onnx")
    keep(project, "mine")
    assert sorted(each.name for each in models.iterdir()) == ["mine.md", "mine.onnx"]


def other_candidate(project):
    """Replace the candidate, as another training does; return the bytes of the new one."""
    path = project / "models" / "candidate.onnx"
    model = Model.load(path)
    calibration = {**model.info["calibration"], "bias": [0.0, 3.0, 0.0]}
    Model(model.graph, {**model.info, "calibration": calibration}).save(path, force=True)
    return path.read_bytes()


def test_keep_shown(project, compared):
    """The model that a page compared is kept, or none."""
    other = other_candidate(project)
    with pytest.raises(UsageError, match="another model has been trained"):
        keep(project, "mine", compared["sha256"])
    with pytest.raises(UsageError, match="another model has been trained"):
        discard(project, compared["sha256"])
    assert sorted(each.name for each in (project / "models").iterdir()) == ["candidate.md", "candidate.onnx"]
    assert keep(project, "mine", compare(project)["sha256"]).read_bytes() == other


def test_keep_while_trained(project, monkeypatch, compared):
    """A candidate that is trained meanwhile stays."""
    found = []

    def slow_card(model, *, title):
        found.append(other_candidate(project))
        return f"# {title}\n"

    monkeypatch.setattr(training, "card", slow_card)
    kept = keep(project, "mine", compared["sha256"])
    assert Model.load(kept).sha256 == compared["sha256"]
    assert [(project / "models" / "candidate.onnx").read_bytes()] == found


def test_keep_twice_at_once(project, compared):
    """The second of two windows is told that the name is taken."""
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(keep, project, "mine", compared["sha256"]) for _ in range(2)]
    [error] = [call.exception() for call in calls if call.exception()]
    assert str(error) == "there is a model mine already; choose another name"


def test_keep_none(tmp_path):
    with pytest.raises(UsageError, match="no candidate"):
        keep(tmp_path, "mine")


def test_discard(project):
    discard(project)
    assert list((project / "models").iterdir()) == []
    discard(project)


@pytest.fixture
def without_figures(monkeypatch):
    """Save scores alone, which takes a moment instead of many seconds."""

    def fill(evaluation, folder):
        (folder / "scores.json").write_text(json.dumps(evaluation.scores))

    monkeypatch.setattr(Evaluation, "_fill", fill)


@pytest.mark.slow
def test_evaluate_files(project):
    names = evaluate(project, project / "labels.csv")
    assert {"scores.json", "report.md", "methods.md", "events.csv", "counts.csv"} <= set(names)
    assert all((project / "evaluation" / name).is_file() for name in names)


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_evaluate_again(project):
    assert evaluate(project, project / "labels.csv") == ["scores.json"]
    (project / "evaluation" / "old.png").write_bytes(b"")
    labels = write_labels(project, lambda number, at: SOUNDS[at] if number < 5 else "unsure", "labels-anna.csv")
    again = evaluate(project, project / "labels.csv", second=labels, model=project / "models" / "candidate.onnx")
    assert again == ["scores.json"]
    scores = json.loads((project / "evaluation" / "scores.json").read_text())
    assert scores["partial"] is True
    assert scores["model"]["sha256"] == Model.load(project / "models" / "candidate.onnx").sha256
    assert scores["observers"]["kappa"] == 1
    assert list((project / ".cache").iterdir()) == []


def test_evaluate_keeps_own_files(project):
    (project / "evaluation").mkdir()
    (project / "evaluation" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="files of your own"):
        evaluate(project, project / "labels.csv")
    assert (project / "evaluation" / "notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("without_figures")
def test_evaluate_failure_keeps_earlier(project):
    evaluate(project, project / "labels.csv")
    (project / "none.csv").write_text("file,start_s,end_s,label\n")
    with pytest.raises(LabelError, match="no labels yet"):
        evaluate(project, project / "none.csv")
    assert (project / "evaluation" / "scores.json").is_file()


def test_restore_evaluation(project):
    """The earlier one is back, unless the new one has its place."""
    old, target = project / ".cache" / "evaluation.old", project / "evaluation"
    restore_evaluation(project)
    for text in ("1", "2"):
        old.mkdir(parents=True)
        (old / "scores.json").write_text(text)
        restore_evaluation(project)
        assert (target / "scores.json").read_text() == "1"
    assert old.exists()


@pytest.mark.usefixtures("without_figures")
def test_evaluate_failure_after_kill(project, monkeypatch):
    """The next evaluation does not remove the only one that there is."""
    old, target = project / ".cache" / "evaluation.old", project / "evaluation"
    old.mkdir(parents=True)
    (old / "scores.json").write_text("1")
    monkeypatch.setattr(Evaluation, "_fill", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OutputError, match="No space"):
        evaluate(project, project / "labels.csv")
    assert (target / "scores.json").read_text() == "1"
