"""Folder of an evaluation."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

import popclass
from popclass.errors import OutputError
from popclass.evaluation import figures, output
from popclass.evaluation.classification import READINGS
from popclass.evaluation.counts import RECORDING, SUBJECT, Count, Counted
from popclass.evaluation.matching import Case
from popclass.labels import LabelledRecording
from popclass.results import Cavitations

KINDS = ["cavitation", "snapping", "other"]
KEYS = {
    "": "schema_version popclass model partial inputs recordings labels unknown_labels notes "
    "detection elsewhere end_to_end classification counts specificity calibration net_benefit subgroups "
    "observers comparison",
    "model": "name sha256 classes",
    "inputs": "labelled label_files label_files_sha256 recordings_sha256 second command options versions",
    "recordings": "heard failed clips clips_without_event subjects minutes trained_on listed unsure",
    "detection": "scored intervals_over window_s labelled detected matched precision recall f intervals "
    "precision_undefined onset_error_ms classes",
    "elsewhere": "events minutes called",
    "end_to_end": "intervals_over groups classes false_joint_calls table",
    "classification": "intervals_over events groups readings labels found_without_class not_found subjects sites",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory, model, labelled):
    """Evaluation with permuted labels, and the two folders into which it was saved at different places."""
    turned = dict(zip(KINDS, [*KINDS[1:], KINDS[0]], strict=True))
    folders = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "MOST_ERRORS", 2)
        patch.setattr(figures, "DPI", 75)
        for place in ("here", "there"):
            root = tmp_path_factory.mktemp(place)
            found = popclass.evaluate(labelled(root / "labelled", [KINDS, KINDS], rename=turned.get), model=model)
            found.save(root / "out")
            folders.append(root / "out")
    return found, *folders


@pytest.mark.slow
def test_save_same_bytes_elsewhere(saved):
    _, here, there = saved
    files = sorted(path.name for path in here.iterdir())
    assert any(name.endswith(".pdf") for name in files)
    for name in files:
        assert (here / name).read_bytes() == (there / name).read_bytes(), name


@pytest.mark.slow
def test_save_files(saved):
    _, out, _ = saved
    pictures = {"confusion.png", "reliability.png", "risk_coverage.png", "error_01.png", "error_02.png"}
    pictures |= {"bland_altman.png", "net_benefit.png"}
    tables = {"scores.json", "events.csv", "counts.csv", "report.md", "methods.md"}
    papers = {name.replace(".png", ".pdf") for name in pictures}
    assert {path.name for path in out.iterdir()} == tables | pictures | papers
    assert all((out / name).read_bytes().startswith(b"%PDF") for name in papers)
    report = (out / "report.md").read_text()
    assert all(f"]({name})" in report for name in pictures)
    section = report.split("## Classification of each class\n")[1].split("## ")[0]
    assert section.count("| class | n | precision |") == 2
    for name in pictures:
        pixels = imread(out / name)
        assert min(pixels.shape[:2]) > 300
        assert pixels.std() > 0.01
    with (out / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows].count("matched") == 6
    assert {"p_other", "company_p_other", "timing_p_other", "both_p_other"} <= set(rows[0])
    with (out / "counts.csv").open(newline="") as file:
        counts = list(csv.DictReader(file))
    assert [row["unit"] for row in counts] == ["recording"] * 2 + ["burst"] * 2 + ["subject"] * 2
    assert all(row["true"] == "1" for row in counts)
    assert all(sum(float(row[f"both_p_{name}"]) for name in KINDS) == pytest.approx(1, abs=2e-4) for row in rows)


def test_scores_keys(saved):
    found, out, _ = saved
    scores = json.loads((out / "scores.json").read_text())
    assert scores == found.scores
    for part, keys in KEYS.items():
        assert list(scores[part] if part else scores) == keys.split()
    readings = scores["classification"]["readings"]
    assert list(readings) == list(READINGS)
    for one in readings.values():
        assert set(one) >= {"balanced_accuracy", "log_loss", "brier", "ece", "uncertain", "intervals", "risk_coverage"}
    assert set(scores["classification"]["sites"][0]) >= {"name", "events", "balanced_accuracy"}


def test_save_folder_in_use(tmp_path, model, labelled):
    found = popclass.evaluate(labelled(tmp_path / "in", [KINDS]), model=model)
    with pytest.raises(OutputError, match="not empty"):
        found.save(tmp_path / "in")
    with pytest.raises(OutputError, match="is a file"):
        found.save(tmp_path / "in" / "0.wav")
    with pytest.raises(OutputError, match="create it first"):
        found.save(tmp_path / "no" / "folder")


def test_save_failure_leaves_nothing(tmp_path, model, labelled, monkeypatch):
    found = popclass.evaluate(labelled(tmp_path / "in", [KINDS]), model=model)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figures, "save_figures", full)
    with pytest.raises(OutputError, match="No space left"):
        found.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_figures_leave_matplotlib_state(saved, tmp_path):
    _, out, _ = saved
    code = (
        "import json, sys; from pathlib import Path; from popclass.evaluation.figures import save_figures; "
        f"save_figures(json.loads(Path({str(out / 'scores.json')!r}).read_text()), Path({str(tmp_path)!r})); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_tables_carry_own_columns():
    recording = LabelledRecording(Path("a"), "a", subject="P", side="left", extra={"x_b": "1", "x_a": "two, three"})
    counts = (Count(RECORDING, recording, 1, Cavitations(0.5, 0, 1), 0), Count(SUBJECT, recording, 1, Cavitations(), 0))
    head, row, person = output._count_lines(Counted(counts))
    assert head.endswith(",rows,side,x_b,x_a\n")
    assert row.endswith(',0,left,1,"two, three"\n')
    assert person.endswith(",0,,,\n")
    head, row = output._event_lines([Case(recording, "cavitation", None, None, {})], ("cavitation", "other"))
    assert head.endswith(",posterior_other,side,x_b,x_a\n")
    assert row.endswith(',left,1,"two, three"\n')


def test_evaluation_repr():
    assert repr(output.Evaluation({"model": {"name": "mine"}}, (), None)) == "<Evaluation of 'mine': no sounds>"
