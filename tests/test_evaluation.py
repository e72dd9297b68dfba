"""popclass.evaluation: what is found and what it is called, held against labels; nothing unknown is scored."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import recordings
from matplotlib.image import imread

import popclass
from popclass.cli import main
from popclass.errors import AudioError, LabelError, OutputError
from popclass.evaluation.classification import READINGS
from popclass.model import Model

ONSETS = (0.2, 0.5, 0.8)
KINDS = ["cavitation", "snapping", "other"]
KEYS = {
    "": "schema_version popclass model partial recordings labels unknown_labels notes "
    "detection elsewhere classification",
    "recordings": "heard failed clips clips_without_event subjects minutes trained_on",
    "detection": "scored intervals_over window_s labelled detected matched precision recall f intervals "
    "precision_undefined onset_error_ms classes",
    "elsewhere": "events minutes called",
    "classification": "intervals_over events groups readings labels subjects sites",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model.load(recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx"))


def labelled(folder: Path, truths: list[list[str]], *, rename=lambda kind: kind) -> Path:
    """Recordings of these kinds, each of a subject of its own, with a table of where each sound begins."""
    with_header = ["file,start_s,end_s,label,subject,site"]
    for number, kinds in enumerate(truths):
        recordings.write(folder / f"{number}.wav", kinds, seed=100 + number, seconds=1.4)
        for at, kind in zip(ONSETS, kinds, strict=False):
            with_header.append(f"{number}.wav,{at},{at + 0.005:.3f},{rename(kind)},P{number},mcp")
        if not kinds:
            with_header.append(f"{number}.wav,,,,P{number},mcp")
    (folder / "labels.csv").write_text("\n".join(with_header) + "\n")
    return folder


# Scores


def test_what_the_model_knows_well_is_found_and_called_right(tmp_path, model):
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS[::-1], KINDS]), model=model)
    detection, classification = found.scores["detection"], found.scores["classification"]
    assert detection["recall"] == 1.0
    assert detection["precision"] == 9 / detection["detected"]
    assert detection["f"] == pytest.approx(18 / (9 + detection["detected"]))
    assert detection["onset_error_ms"]["median"] < 2
    assert {c["class"]: c["labelled"] for c in detection["classes"]} == dict.fromkeys(KINDS, 3)
    assert classification["events"] == 9
    assert classification["readings"]["sound"]["balanced_accuracy"] == 1.0
    assert classification["readings"]["sound"]["intervals"]["balanced_accuracy"] == [1.0, 1.0]
    assert classification["intervals_over"] == "subject"
    assert found.failed == ()


def test_labels_that_are_moved_round_are_all_wrong(tmp_path, model):
    turned = dict(zip(KINDS, [*KINDS[1:], KINDS[0]], strict=True))
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS], rename=turned.get), model=model)
    sound = found.scores["classification"]["readings"]["sound"]
    assert sound["balanced_accuracy"] == 0.0
    assert found.scores["detection"]["recall"] == 1.0
    from popclass.evaluation.classification import worst

    shown = worst(found.classified, found.classes, 2)
    given_to_truth = [case.chances["both"][found.classes.index(case.truth)] for case in shown]
    everything = [case.chances["both"][found.classes.index(case.truth)] for case in found.classified]
    assert given_to_truth == sorted(everything)[:2]


def test_labels_are_those_of_classify(tmp_path, model):
    folder = labelled(tmp_path, [["cavitation", "cavitation", "snapping"]])
    found = popclass.evaluate(folder, model=model)
    result = popclass.classify(folder / "0.wav", model=model, subject="P0", site="mcp")
    assert [case.event for case in found.cases] == list(result.events)
    both = found.scores["classification"]["readings"]["both"]
    assert both["uncertain"] == pytest.approx(np.mean([event.label == "uncertain" for event in result.events]))
    assert [case.chances["both"].max() for case in found.cases] == [event.p_label for event in result.events]


def test_timing_is_weighed_across_recordings_of_one_subject(tmp_path, model):
    rows = ["file,start_s,end_s,label,subject,site,recorded_at"]
    for number, minute in enumerate((0, 4)):
        recordings.write(tmp_path / f"{number}.wav", ["cavitation"], seed=number + 1)
        rows.append(f"{number}.wav,0.2,0.25,cavitation,P1,mcp,2026-11-22T10:{minute:02d}:00")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    found = popclass.evaluate(tmp_path, model=model)
    assert [case.event.timing for case in found.cases] == ["consistent", "refractory"]
    second = found.cases[1].chances
    place = found.classes.index("cavitation")
    assert second["timing"][place] < second["sound"][place]
    assert found.cases[0].chances["timing"] == pytest.approx(found.cases[0].chances["sound"])


def test_sounds_without_a_label_cost_precision_unless_labels_are_partial(tmp_path, model):
    recordings.write(tmp_path / "a.wav", ["cavitation"] * 3, seconds=1.4)
    (tmp_path / "labels.csv").write_text("file,start_s,end_s,label\na.wav,0.2,0.25,cavitation\n")
    full = popclass.evaluate(tmp_path, model=model).scores
    assert full["detection"]["precision"] == pytest.approx(1 / 3)
    assert full["elsewhere"]["events"] == sum(full["elsewhere"]["called"].values()) == 2
    partial = popclass.evaluate(tmp_path, model=model, partial=True)
    assert (partial.scores["detection"]["precision"], partial.scores["detection"]["f"]) == (None, None)
    assert partial.scores["detection"]["recall"] == 1.0
    assert partial.scores["elsewhere"]["events"] == 0
    assert "Precision not defined" in partial.table()


def test_a_label_where_nothing_sounds_is_missed(tmp_path, model):
    recordings.write(tmp_path / "a.wav", ["cavitation"])
    (tmp_path / "labels.csv").write_text("file,start_s,end_s,label\na.wav,0.2,,cavitation\na.wav,0.7,,snapping\n")
    found = popclass.evaluate(tmp_path, model=model)
    assert [case.status for case in found.cases] == ["matched", "missed"]
    recalls = {c["class"]: c["recall"] for c in found.scores["detection"]["classes"]}
    assert recalls == {"cavitation": 1.0, "snapping": 0.0}


def test_a_class_without_events_has_no_scores(tmp_path, model):
    found = popclass.evaluate(labelled(tmp_path, [["cavitation", "other"], ["cavitation"]]), model=model)
    classes = {c["class"]: c for c in found.scores["classification"]["readings"]["sound"]["classes"]}
    assert classes["snapping"]["recall"] is None
    assert classes["snapping"]["intervals"]["recall"] is None


def test_recordings_in_which_nothing_is_heard_are_scored(tmp_path, model):
    found = popclass.evaluate(labelled(tmp_path, [[], []]), model=model)
    assert found.cases == ()
    assert found.scores["classification"]["events"] == 0
    assert found.scores["detection"]["recall"] is None
    found.save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"scores.json", "events.csv", "report.md"}


def test_labels_without_a_class_are_counted_and_left_out(tmp_path, model):
    renamed = {"other": "cough", "cavitation": "cavitation", "snapping": "snapping"}
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS], rename=renamed.get), model=model)
    assert found.scores["unknown_labels"] == {"cough": 2}
    assert found.scores["detection"]["labelled"] == 6
    assert found.scores["classification"]["events"] == 4
    assert "2 cough" in found.table()


def test_no_known_label_is_an_error(tmp_path, model):
    with pytest.raises(LabelError, match=r"knows none of the labels: they are cough, its classes cavitation"):
        popclass.evaluate(labelled(tmp_path, [KINDS], rename=lambda _: "cough"), model=model)


def test_clips_are_classified_but_detection_is_not_scored(tmp_path, model):
    for kind in KINDS:
        recordings.write(tmp_path / kind / "a.wav", [kind])
    recordings.write(tmp_path / "other" / "silent.wav", [])
    found = popclass.evaluate(tmp_path, model=model)
    assert found.scores["detection"]["scored"] is False
    assert "Detection is not scored" in found.table()
    assert found.scores["classification"]["events"] == 3
    assert found.scores["recordings"]["clips_without_event"] == 1
    assert found.scores["classification"]["intervals_over"] == "recording"


def test_the_same_data_give_the_same_scores(tmp_path, model):
    folder = labelled(tmp_path, [KINDS, KINDS])
    assert popclass.evaluate(folder, model=model).scores == popclass.evaluate(folder, model=model).scores


# The folder


def test_the_folder_holds_scores_events_report_and_figures(tmp_path, model):
    turned = dict(zip(KINDS, [*KINDS[1:], KINDS[0]], strict=True))
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS], rename=turned.get), model=model)
    out = tmp_path / "out"
    found.save(out)
    figures = {"confusion.png", "reliability.png", "risk_coverage.png"} | {f"error_{n:02d}.png" for n in range(1, 7)}
    assert {path.name for path in out.iterdir()} == {"scores.json", "events.csv", "report.md"} | figures
    report = (out / "report.md").read_text()
    assert all(f"]({name})" in report for name in figures)
    for name in figures:
        pixels = imread(out / name)
        assert min(pixels.shape[:2]) > 300
        assert pixels.std() > 0.01
    with (out / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows].count("matched") == 6
    assert {"p_other", "company_p_other", "timing_p_other", "both_p_other"} <= set(rows[0])
    assert all(sum(float(row[f"both_p_{name}"]) for name in KINDS) == pytest.approx(1, abs=2e-4) for row in rows)


def test_the_keys_of_the_scores_stay(tmp_path, model):
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS]), model=model)
    found.save(tmp_path / "out")
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores == found.scores
    for part, keys in KEYS.items():
        assert list(scores[part] if part else scores) == keys.split()
    readings = scores["classification"]["readings"]
    assert tuple(readings) == READINGS
    for one in readings.values():
        assert set(one) >= {"balanced_accuracy", "log_loss", "brier", "ece", "uncertain", "intervals", "risk_coverage"}
    assert set(scores["classification"]["sites"][0]) >= {"name", "events", "balanced_accuracy"}


def test_a_folder_in_use_is_left_alone(tmp_path, model):
    found = popclass.evaluate(labelled(tmp_path / "in", [KINDS]), model=model)
    with pytest.raises(OutputError, match="not empty"):
        found.save(tmp_path / "in")
    with pytest.raises(OutputError, match="is a file"):
        found.save(tmp_path / "in" / "0.wav")
    with pytest.raises(OutputError, match="create it first"):
        found.save(tmp_path / "no" / "folder")


def test_nothing_is_left_where_writing_fails(tmp_path, model, monkeypatch):
    from popclass.evaluation import folder

    found = popclass.evaluate(labelled(tmp_path / "in", [KINDS]), model=model)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "save_pictures", full)
    with pytest.raises(OutputError, match="No space left"):
        found.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Recordings of training


@pytest.fixture
def own(tmp_path, model):
    """Labelled recordings, two of three of which the model was trained on."""
    folder = labelled(tmp_path / "in", [KINDS, KINDS, KINDS])
    hashes = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("0.wav", "2.wav")]
    training = {**model.info["training"], "sha256": sorted(hashes)}
    Model(model.graph, {**model.info, "training": training}).save(tmp_path / "own.onnx")
    return folder, tmp_path / "own.onnx"


def test_recordings_of_training_are_counted_and_warned_of_everywhere(own, tmp_path, capfd):
    folder, path = own
    (folder / "2.wav").rename(folder / "renamed.wav")
    table = (folder / "labels.csv").read_text().replace("2.wav", "renamed.wav")
    (folder / "labels.csv").write_text(table)
    assert main(["evaluate", str(folder), "--model", str(path), "-o", str(tmp_path / "out")]) == 0
    warning = "Warning: the model was trained on 2 of these 3 recordings; the figures are too good."
    assert warning in capfd.readouterr().out.splitlines()
    assert warning in (tmp_path / "out" / "report.md").read_text().splitlines()
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["recordings"]["trained_on"] == ["0.wav", "renamed.wav"]


def test_there_is_no_warning_where_nothing_was_trained_on_or_the_model_does_not_tell(own, tmp_path, model):
    other = labelled(tmp_path / "other", [KINDS[::-1]])
    recordings.write(other / "0.wav", KINDS[::-1], seed=7, seconds=1.4)
    found = popclass.evaluate(other, model=own[1])
    assert found.scores["recordings"]["trained_on"] == []
    untold = popclass.evaluate(own[0], model=model)
    assert "sha256" not in model.info["training"]
    assert untold.scores["recordings"]["trained_on"] is None
    assert "Warning" not in found.table() + untold.table()


def test_the_hashes_that_training_keeps_are_those_that_evaluation_knows(tmp_path):
    for number in range(6):
        recordings.write(tmp_path / KINDS[number % 3] / f"{number}.wav", [KINDS[number % 3]], seed=number)
    trained = popclass.train(tmp_path, classifier="logistic", folds=2)
    assert len(popclass.evaluate(tmp_path, model=trained).scores["recordings"]["trained_on"]) == 6


# The command


def test_the_command_prints_a_table_and_writes_the_folder(tmp_path, model, capfd):
    model.save(tmp_path / "m.onnx")
    folder = labelled(tmp_path / "in", [KINDS, KINDS])
    code = main(["evaluate", str(folder), "--model", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "out")])
    out, err = capfd.readouterr()
    assert code == 0
    assert "with both" in out
    assert err.splitlines()[-1].startswith("wrote ")
    assert (tmp_path / "out" / "report.md").is_file()


def test_a_recording_that_fails_is_named(tmp_path, model, capfd):
    model.save(tmp_path / "m.onnx")
    folder = labelled(tmp_path / "in", [KINDS, KINDS])
    (folder / "1.wav").write_bytes(b"no audio")
    assert main(["evaluate", str(folder), "--model", str(tmp_path / "m.onnx")]) == 1
    out, err = capfd.readouterr()
    assert "1 recordings failed" in out
    assert "1.wav" in err
    (folder / "0.wav").write_bytes(b"no audio")
    with pytest.raises(AudioError, match="none of 2 recordings"):
        popclass.evaluate(folder, model=model)
    assert main(["evaluate", str(folder), "--model", str(tmp_path / "m.onnx")]) == 2


@pytest.mark.parametrize("output", ["-", "in"])
def test_a_wrong_output_is_refused_before_anything_is_heard(tmp_path, model, capfd, monkeypatch, output):
    folder = labelled(tmp_path / "in", [KINDS])
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(folder), "-o", output]) == 2
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)


def test_evaluation_leaves_no_trace_in_the_state_of_matplotlib(tmp_path, model):
    import subprocess
    import sys

    folder = labelled(tmp_path, [KINDS])
    model.save(tmp_path / "m.onnx")
    code = (
        f"import popclass, sys; popclass.evaluate({str(folder)!r}, model={str(tmp_path / 'm.onnx')!r})"
        f".save({str(tmp_path / 'out')!r}); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
