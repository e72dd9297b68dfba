"""Evaluation of a model on labelled recordings."""

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
from popclass.evaluation.classification import READINGS, ranking, score_readings
from popclass.evaluation.end_to_end import score_answers
from popclass.evaluation.matching import Case
from popclass.labels import LabelledRecording
from popclass.model.model import Model
from popclass.results import Event

ONSETS = (0.2, 0.5, 0.8)
KINDS = ["cavitation", "snapping", "other"]
KEYS = {
    "": "schema_version popclass model partial inputs recordings labels unknown_labels notes "
    "detection elsewhere end_to_end classification",
    "model": "name sha256 classes",
    "inputs": "labelled label_files label_files_sha256 recordings_sha256 command options versions",
    "recordings": "heard failed clips clips_without_event subjects minutes trained_on",
    "detection": "scored intervals_over window_s labelled detected matched precision recall f intervals "
    "precision_undefined onset_error_ms classes",
    "elsewhere": "events minutes called",
    "end_to_end": "intervals_over groups classes false_joint_calls table",
    "classification": "intervals_over events groups readings labels found_without_class not_found subjects sites",
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


def test_evaluate_perfect_model(tmp_path, model):
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS[::-1], KINDS]), model=model)
    detection, classification = found.scores["detection"], found.scores["classification"]
    assert detection["recall"] == 1.0
    assert detection["precision"] == 9 / detection["detected"]
    assert detection["f"] == pytest.approx(18 / (9 + detection["detected"]))
    assert detection["onset_error_ms"]["median"] < 2
    assert {c["class"]: c["labelled"] for c in detection["classes"]} == dict.fromkeys(KINDS, 3)
    assert classification["events"] == 9
    assert classification["readings"]["sound"]["balanced_accuracy"] == 1.0
    assert all(one["roc_auc"] == 1.0 for one in classification["readings"]["sound"]["classes"])
    assert classification["intervals_over"] == "subject"
    assert found.failed == ()


def test_evaluate_permuted_labels(tmp_path, model):
    turned = dict(zip(KINDS, [*KINDS[1:], KINDS[0]], strict=True))
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS], rename=turned.get), model=model)
    sound = found.scores["classification"]["readings"]["sound"]
    assert sound["balanced_accuracy"] == 0.0
    assert found.scores["detection"]["recall"] == 1.0
    from popclass.evaluation.classification import worst

    shown = worst(found.classified, found.classes, 2)
    given_to_truth = [case.probabilities["both"][found.classes.index(case.truth)] for case in shown]
    everything = [case.probabilities["both"][found.classes.index(case.truth)] for case in found.classified]
    assert given_to_truth == sorted(everything)[:2]


def test_evaluate_labels_as_classify(tmp_path, model):
    folder = labelled(tmp_path, [["cavitation", "cavitation", "snapping"]])
    found = popclass.evaluate(folder, model=model)
    result = popclass.classify(folder / "0.wav", model=model, subject="P0", site="mcp")
    assert [case.event for case in found.cases] == list(result.events)
    both = found.scores["classification"]["readings"]["both"]
    assert both["uncertain"] == pytest.approx(np.mean([event.label == "uncertain" for event in result.events]))
    assert [case.probabilities["both"].max() for case in found.cases] == [event.p_label for event in result.events]


def test_evaluate_timing_across_recordings(tmp_path, model):
    rows = ["file,start_s,end_s,label,subject,site,recorded_at"]
    for number, minute in enumerate((0, 4)):
        recordings.write(tmp_path / f"{number}.wav", ["cavitation"], seed=number + 1)
        rows.append(f"{number}.wav,0.2,0.25,cavitation,P1,mcp,2026-11-22T10:{minute:02d}:00")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    found = popclass.evaluate(tmp_path, model=model)
    assert [case.event.timing for case in found.cases] == ["consistent", "refractory"]
    second = found.cases[1].probabilities
    place = found.classes.index("cavitation")
    assert second["timing"][place] < second["sound"][place]
    assert found.cases[0].probabilities["timing"] == pytest.approx(found.cases[0].probabilities["sound"])


def test_evaluate_partial_precision(tmp_path, model):
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


def test_evaluate_missed_label(tmp_path, model):
    recordings.write(tmp_path / "a.wav", ["cavitation"])
    (tmp_path / "labels.csv").write_text("file,start_s,end_s,label\na.wav,0.2,,cavitation\na.wav,0.7,,snapping\n")
    found = popclass.evaluate(tmp_path, model=model)
    assert [case.status for case in found.cases] == ["matched", "missed"]
    recalls = {c["class"]: c["recall"] for c in found.scores["detection"]["classes"]}
    assert recalls == {"cavitation": 1.0, "snapping": 0.0}


def test_evaluate_class_without_events(tmp_path, model):
    found = popclass.evaluate(labelled(tmp_path, [["cavitation", "other"], ["cavitation"]]), model=model)
    classes = {c["class"]: c for c in found.scores["classification"]["readings"]["sound"]["classes"]}
    assert classes["snapping"]["recall"] is None
    assert classes["snapping"]["intervals"]["recall"] is None


def answered(truths, groups, probabilities):
    """Scores of `sound` for cases with these probabilities."""
    event = Event(0, 0, 1, 48_000, channel=1, snr_db=20.0, peak_dbfs=-6.0, label="other", novelty=0.0)
    cases = [
        Case(LabelledRecording(Path("a"), "a"), truth, 0.0, 0.0, event, dict.fromkeys(READINGS, np.array(p)))
        for truth, p in zip(truths, probabilities, strict=True)
    ]
    return score_readings(cases, groups, KINDS, np.zeros(3), 1.0)["readings"]["sound"]


def test_evaluate_class_few_groups():
    rng = np.random.default_rng(0)
    truths, groups = ["cavitation", "other"] * 24, [str(i // 4) for i in range(48)]
    truths[0] = truths[2] = "snapping"  # of one group only
    found = answered(truths, groups, rng.dirichlet(np.ones(3), 48))
    spans = {one["class"]: one["intervals"] for one in found["classes"]}
    assert spans["snapping"] == {"precision": None, "recall": None, "f1": None}
    assert all(low < high for one in ("cavitation", "other") for low, high in spans[one].values())
    assert found["intervals"]["balanced_accuracy"] is None, "it is a mean over snapping, too"
    assert found["intervals"]["log_loss"] is not None


def test_evaluate_few_groups():
    rng = np.random.default_rng(0)
    for count, known in ((4, False), (5, True)):
        groups = [str(i % count) for i in range(60)]
        found = answered(["cavitation", "snapping", "other"] * 20, groups, rng.dirichlet(np.ones(3), 60))
        assert all((span is not None) == known for span in found["intervals"].values())


def test_ranking_threshold_free():
    p = np.array([[0.2, 0.1, 0.7], [0.1, 0.2, 0.7], [0.05, 0.05, 0.9], [0.15, 0.05, 0.8]])
    found = ranking(np.array([0, 1, 2, 2]), p, KINDS)
    assert found["cavitation"] == {"roc_auc": 1.0, "average_precision": 1.0}
    assert found["other"]["roc_auc"] == 1.0
    assert ranking(np.array([0, 0]), p[:2], KINDS)["cavitation"] == {"roc_auc": None, "average_precision": None}


def test_evaluate_no_events(tmp_path, model):
    found = popclass.evaluate(labelled(tmp_path, [[], []]), model=model)
    assert found.cases == ()
    assert found.scores["classification"]["events"] == 0
    assert found.scores["detection"]["recall"] is None
    found.save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"scores.json", "events.csv", "report.md"}


def test_evaluate_unknown_labels(tmp_path, model):
    renamed = {"other": "cough", "cavitation": "cavitation", "snapping": "snapping"}
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS], rename=renamed.get), model=model)
    assert found.scores["unknown_labels"] == {"cough": 2}
    assert found.scores["detection"]["labelled"] == 6
    assert found.scores["classification"]["events"] == 4
    assert "2 cough" in found.table()


def test_evaluate_no_known_label(tmp_path, model):
    with pytest.raises(LabelError, match=r"knows none of the labels: they are cough, its classes cavitation"):
        popclass.evaluate(labelled(tmp_path, [KINDS], rename=lambda _: "cough"), model=model)


def test_evaluate_clips(tmp_path, model):
    for kind in KINDS:
        recordings.write(tmp_path / kind / "a.wav", [kind])
    recordings.write(tmp_path / "other" / "silent.wav", [])
    found = popclass.evaluate(tmp_path, model=model)
    assert found.scores["detection"]["scored"] is False
    assert "Detection is not scored" in found.table()
    assert found.scores["classification"]["events"] == 3
    assert found.scores["recordings"]["clips_without_event"] == 1
    assert found.scores["classification"]["intervals_over"] == "recording"


def test_evaluate_repeatable(tmp_path, model):
    folder = labelled(tmp_path, [KINDS, KINDS])
    assert popclass.evaluate(folder, model=model).scores == popclass.evaluate(folder, model=model).scores


def test_evaluate_onset_errors(tmp_path, model):
    recordings.write(tmp_path / "a.wav", ["cavitation"] * 3, seconds=1.4)
    rows = ["a.wav,0.2,,cavitation", "a.wav,0.45,0.65,cavitation", "a.wav,0.799,0.805,cavitation"]
    (tmp_path / "labels.csv").write_text("\n".join(["file,start_s,end_s,label", *rows]) + "\n")
    found = popclass.evaluate(tmp_path, model=model)
    assert found.scores["detection"]["matched"] == 3
    assert found.scores["detection"]["onset_error_ms"]["n"] == 2
    assert found.scores["detection"]["onset_error_ms"]["p95"] < 2, "the stretch begins 50 ms before its sound"


# From recording to answer


def given(truths, answers, *, recordings_=None):
    """Cases with these labels (None: without) and answers (None: missed), each in a recording of its own or named."""
    names = recordings_ or [str(i) for i in range(len(truths))]
    rows = []
    for name, truth, answer in zip(names, truths, answers, strict=True):
        event = Event(0, 0, 1, 48_000, channel=1, snr_db=20.0, peak_dbfs=-6.0, label=answer) if answer else None
        start = None if truth is None else 0.0
        rows.append(Case(LabelledRecording(Path(name), name), truth, start, start, event, {}))
    return rows


C, S, O, U = "cavitation", "snapping", "other", "uncertain"  # noqa: E741


def test_end_to_end_missed_and_uncertain():
    cases = given([C, C, C, C, S, O, None, None, None], [C, S, U, None, S, C, C, O, S], recordings_=["a"] * 9)
    found = score_answers(cases, ["a"] * 9, KINDS, {"a"}, 30.0)
    assert {one["class"]: (one["labelled"], one["called"]) for one in found["classes"]} == {
        C: (4, 3),
        S: (1, 3),
        O: (1, 1),
    }
    assert [one["sensitivity"] for one in found["classes"]] == [1 / 4, 1, 0]
    assert [one["positive_predictive_value"] for one in found["classes"]] == [1 / 3, 1 / 3, 1]
    assert found["false_joint_calls"] == {"count": 3, "minutes": 0.5, "per_minute": 6.0}
    table = found["table"]
    assert table["columns"] == [*KINDS, U]
    assert table["rows"][0] == {"truth": C, "given": [1, 1, 0, 1], "missed": 1}
    assert table["unlabelled"] == [1, 1, 1, 0]


def test_end_to_end_partial():
    cases = given([C, None, None], [C, C, S], recordings_=["a"] * 3)
    found = score_answers(cases, ["a"] * 3, KINDS, set(), 0.0)
    assert found["classes"][0]["positive_predictive_value"] == 1
    assert found["classes"][1]["called"] == 0
    assert found["false_joint_calls"]["per_minute"] is None
    assert found["table"]["unlabelled"] is None


def test_end_to_end_unknown_class():
    found = score_answers(given(["cough", C], [C, C], recordings_=["a"] * 2), ["a"] * 2, KINDS, {"a"}, 60.0)
    assert found["classes"][0]["positive_predictive_value"] == 1 / 2
    assert found["false_joint_calls"]["count"] == 1
    assert found["table"]["rows"][-1] == {"truth": "cough", "given": [1, 0, 0, 0], "missed": 0}


def test_end_to_end_few_groups():
    cases = given([C, C] * 6 + [S] * 4, [C, O] * 5 + [C, C] + [S, O, S, S])
    groups = [str(i // 2) for i in range(12)] + ["0", "1", "2", "3"]
    found = {one["class"]: one["intervals"] for one in score_answers(cases, groups, KINDS, set(), 0.0)["classes"]}
    low, high = found[C]["sensitivity"]
    assert 0.5 <= low < 7 / 12 < high <= 1
    assert found[S] == {"sensitivity": None, "positive_predictive_value": None}, "four groups"
    assert found[C]["positive_predictive_value"] is None, "every call was right in every draw"


def test_end_to_end_table(tmp_path, model):
    recordings.write(tmp_path / "a.wav", KINDS, seconds=1.4)
    rows = ["a.wav,0.2,,cavitation", "a.wav,0.5,,cough", "a.wav,1.2,,snapping"]
    (tmp_path / "labels.csv").write_text("\n".join(["file,start_s,end_s,label", *rows]) + "\n")
    found = popclass.evaluate(tmp_path, model=model)
    table = found.scores["end_to_end"]["table"]
    assert sum(sum(row["given"]) + row["missed"] for row in table["rows"]) == 3
    assert sum(table["unlabelled"]) == found.scores["detection"]["detected"] - 2
    assert "Classification of 1 of 3 labelled sounds (1 were not found; 1 were found, but" in found.table()
    lines = found.table().splitlines()
    head = next(line for line in lines if "balanced accuracy" in line and "log loss" in line)
    readings = [line for line in lines if line.startswith(("sound alone", "with "))]
    assert {len(line) for line in [head, *readings]} == {len(head)}, "columns are in line"


# What was evaluated


def test_inputs_recorded(tmp_path, model):
    model.save(tmp_path / "m.onnx")
    folder = labelled(tmp_path / "held out", [KINDS, KINDS])
    about = popclass.evaluate(folder, model=tmp_path / "m.onnx", partial=True).scores
    assert about["model"]["name"] == "m.onnx"
    assert about["model"]["sha256"] == hashlib.sha256((tmp_path / "m.onnx").read_bytes()).hexdigest()
    assert about["inputs"]["command"] == "popclass evaluate 'held out' --model m.onnx --partial"
    assert about["inputs"]["label_files"] == 1
    assert about["inputs"]["versions"]["numpy"] == np.__version__
    (folder / "labels.csv").write_text((folder / "labels.csv").read_text() + "\n")
    other = popclass.evaluate(folder, model=tmp_path / "m.onnx").scores["inputs"]
    assert other["label_files_sha256"] != about["inputs"]["label_files_sha256"]
    assert other["recordings_sha256"] == about["inputs"]["recordings_sha256"]


def test_save_same_bytes_elsewhere(tmp_path, model):
    turned = dict(zip(KINDS, [*KINDS[1:], KINDS[0]], strict=True))
    for place in ("here", "there"):
        folder = labelled(tmp_path / place / "labelled", [KINDS, KINDS], rename=turned.get)
        popclass.evaluate(folder, model=model).save(tmp_path / place / "out")
    files = sorted(path.name for path in (tmp_path / "here" / "out").iterdir())
    assert any(name.endswith(".pdf") for name in files)
    for name in files:
        assert (tmp_path / "here" / "out" / name).read_bytes() == (tmp_path / "there" / "out" / name).read_bytes(), name


# The folder


def test_save_files(tmp_path, model):
    turned = dict(zip(KINDS, [*KINDS[1:], KINDS[0]], strict=True))
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS], rename=turned.get), model=model)
    out = tmp_path / "out"
    found.save(out)
    figures = {"confusion.png", "reliability.png", "risk_coverage.png"} | {f"error_{n:02d}.png" for n in range(1, 7)}
    papers = {name.replace(".png", ".pdf") for name in figures}
    assert {path.name for path in out.iterdir()} == {"scores.json", "events.csv", "report.md"} | figures | papers
    assert all((out / name).read_bytes().startswith(b"%PDF") for name in papers)
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


def test_scores_keys(tmp_path, model):
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


def test_save_folder_in_use(tmp_path, model):
    found = popclass.evaluate(labelled(tmp_path / "in", [KINDS]), model=model)
    with pytest.raises(OutputError, match="not empty"):
        found.save(tmp_path / "in")
    with pytest.raises(OutputError, match="is a file"):
        found.save(tmp_path / "in" / "0.wav")
    with pytest.raises(OutputError, match="create it first"):
        found.save(tmp_path / "no" / "folder")


def test_save_failure_leaves_nothing(tmp_path, model, monkeypatch):
    from popclass.evaluation import output as folder

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


def test_trained_on_warning(own, tmp_path, capfd):
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


def test_trained_on_none_or_unknown(own, tmp_path, model):
    other = labelled(tmp_path / "other", [KINDS[::-1]])
    recordings.write(other / "0.wav", KINDS[::-1], seed=7, seconds=1.4)
    found = popclass.evaluate(other, model=own[1])
    assert found.scores["recordings"]["trained_on"] == []
    untold = popclass.evaluate(own[0], model=model)
    assert "sha256" not in model.info["training"]
    assert untold.scores["recordings"]["trained_on"] is None
    assert "Warning" not in found.table() + untold.table()


def test_trained_on_hashes(tmp_path):
    for number in range(6):
        recordings.write(tmp_path / KINDS[number % 3] / f"{number}.wav", [KINDS[number % 3]], seed=number)
    trained = popclass.train(tmp_path, classifier="logistic", folds=2)
    assert len(popclass.evaluate(tmp_path, model=trained).scores["recordings"]["trained_on"]) == 6


# The command


def test_command_table_and_folder(tmp_path, model, capfd):
    model.save(tmp_path / "m.onnx")
    folder = labelled(tmp_path / "in", [KINDS, KINDS])
    code = main(["evaluate", str(folder), "--model", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "out")])
    out, err = capfd.readouterr()
    assert code == 0
    assert "with both" in out
    assert err.splitlines()[-1].startswith("wrote ")
    assert (tmp_path / "out" / "report.md").is_file()


def test_command_failed_recording(tmp_path, model, capfd):
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
def test_command_wrong_output(tmp_path, model, capfd, monkeypatch, output):
    folder = labelled(tmp_path / "in", [KINDS])
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(folder), "-o", output]) == 2
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)


def test_figures_leave_matplotlib_state(tmp_path, model):
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
