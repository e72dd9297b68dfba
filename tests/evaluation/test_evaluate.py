"""Evaluation of a model on labelled recordings."""

import csv
import hashlib
import json

import numpy as np
import pytest
import recordings
import soundfile as sf

import popclass
from popclass.cli import main
from popclass.errors import AudioError, LabelError, UsageError
from popclass.evaluation.classification import worst
from popclass.model.model import Model

KINDS = ["cavitation", "snapping", "other"]


# Scores


def test_evaluate_perfect_model(tmp_path, model, labelled):
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


def test_evaluate_permuted_labels(tmp_path, model, labelled):
    turned = dict(zip(KINDS, [*KINDS[1:], KINDS[0]], strict=True))
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS], rename=turned.get), model=model)
    sound = found.scores["classification"]["readings"]["sound"]
    assert sound["balanced_accuracy"] == 0.0
    assert found.scores["detection"]["recall"] == 1.0
    shown = worst(found.classified, found.rules, 2)
    given_to_truth = [case.probabilities["both"][found.classes.index(case.truth)] for case in shown]
    everything = [case.probabilities["both"][found.classes.index(case.truth)] for case in found.classified]
    assert given_to_truth == sorted(everything)[:2]


def test_evaluate_labels_as_classify(tmp_path, model, labelled):
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


def test_evaluate_sides_have_timelines_of_their_own(tmp_path, model):
    rows = ["file,start_s,end_s,label,subject,site,side,recorded_at"]
    for number, side in enumerate(("left", "right")):
        recordings.write(tmp_path / f"{number}.wav", ["cavitation"], seed=number + 1)
        rows.append(f"{number}.wav,0.2,0.25,cavitation,P1,mcp,{side},2026-11-22T10:0{4 * number}:00")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    found = popclass.evaluate(tmp_path, model=model)
    assert [case.event.timing for case in found.cases] == ["consistent", "consistent"]
    assert [each["column"] for each in found.scores["subgroups"]] == ["side"]


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


def test_evaluate_class_without_events(tmp_path, model, labelled):
    found = popclass.evaluate(labelled(tmp_path, [["cavitation", "other"], ["cavitation"]]), model=model)
    classes = {c["class"]: c for c in found.scores["classification"]["readings"]["sound"]["classes"]}
    assert classes["snapping"]["recall"] is None
    assert classes["snapping"]["intervals"]["recall"] is None


def test_evaluate_no_events(tmp_path, model, labelled):
    found = popclass.evaluate(labelled(tmp_path, [[], []]), model=model)
    assert found.cases == ()
    assert found.scores["classification"]["events"] == 0
    assert found.scores["detection"]["recall"] is None
    assert "False joint calls, where no joint sound is labelled: 0 in 0.0 minutes" in found.table()
    found.save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("scores.json", "events.csv", "counts.csv", "report.md", "methods.md")
    }


def test_evaluate_verified_negatives_only(tmp_path, model):
    """False joint calls are shown although there is no label to score."""
    recordings.write(tmp_path / "a.wav", ["cavitation"] * 3, seconds=1.4)
    (tmp_path / "labels.csv").write_text("file,start_s,end_s,label\na.wav,,,\n")
    found = popclass.evaluate(tmp_path, model=model)
    assert found.scores["end_to_end"]["false_joint_calls"]["count"] == 3
    assert "False joint calls, where no joint sound is labelled: 3 in 0.0 minutes" in found.table()


def test_evaluate_unknown_labels(tmp_path, model, labelled):
    renamed = {"other": "cough", "cavitation": "cavitation", "snapping": "snapping"}
    found = popclass.evaluate(labelled(tmp_path, [KINDS, KINDS], rename=renamed.get), model=model)
    assert found.scores["unknown_labels"] == {"cough": 2}
    assert found.scores["detection"]["labelled"] == 6
    assert found.scores["classification"]["events"] == 4
    first = "Warning: the model has no class for 2 of 6 labelled sounds (2 cough); a joint label"
    assert found.table().split("\n\n")[1].startswith(first)


@pytest.mark.parametrize("misspelt", ["cavitaion", "snaping", "othr"])
@pytest.mark.parametrize("partial", [True, False])
def test_evaluate_misspelt_label(tmp_path, model, labelled, misspelt, partial):
    meant = {"c": "cavitation", "s": "snapping", "o": "other"}[misspelt[0]]
    folder = labelled(tmp_path, [KINDS, KINDS], rename=lambda kind: misspelt if kind == meant else kind)
    with pytest.raises(LabelError, match=rf"'{misspelt}' \(2 labels\); did you mean '{meant}'\? Otherwise rename it"):
        popclass.evaluate(folder, model=model, partial=partial)


def test_evaluate_misspelt_label_of_second(tmp_path, model, labelled):
    for name, wrong in (("first", "snapping"), ("second", "snaping")):
        (tmp_path / name).mkdir()
        labelled(tmp_path / name, [KINDS], rename=lambda kind, wrong=wrong: wrong if kind == "snapping" else kind)
    with pytest.raises(LabelError, match="did you mean 'snapping'"):
        popclass.evaluate(tmp_path / "first", model=model, second=tmp_path / "second")


def test_evaluate_class_of_model_like_another(tmp_path, labelled):
    """A class that the model has is not a misspelling."""
    own = Model.load(recordings.make_model(tmp_path / "own.onnx", other="others"))
    (tmp_path / "labelled").mkdir()
    folder = labelled(tmp_path / "labelled", [KINDS], rename=lambda kind: "others" if kind == "other" else kind)
    assert popclass.evaluate(folder, model=own).scores["unknown_labels"] == {}


def test_evaluate_no_known_label(tmp_path, model, labelled):
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


def test_evaluate_repeatable(tmp_path, model, labelled):
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


def test_end_to_end_table(tmp_path, model):
    recordings.write(tmp_path / "a.wav", KINDS, seconds=1.4)
    rows = ["a.wav,0.2,,cavitation", "a.wav,0.5,,cough", "a.wav,1.2,,snapping"]
    (tmp_path / "labels.csv").write_text("\n".join(["file,start_s,end_s,label", *rows]) + "\n")
    found = popclass.evaluate(tmp_path, model=model)
    table = found.scores["end_to_end"]["table"]
    assert sum(sum(row["given"]) + row["missed"] for row in table["rows"]) == 3
    assert sum(table["unlabelled"]) == found.scores["detection"]["detected"] - 2
    assert (
        "Classification of 1 of 3 labelled sounds (1 not found; 1 without a class in the model: 1 cough)"
        in found.table()
    )
    lines = found.table().splitlines()
    head = next(line for line in lines if "balanced accuracy" in line and "log loss" in line)
    readings = [line for line in lines if line.startswith(("sound alone", "with "))]
    assert {len(line) for line in [head, *readings]} == {len(head)}, "columns are in line"


@pytest.mark.slow
def test_evaluate_table_in_memory(tmp_path, model, labelled):
    folder = labelled(tmp_path, [KINDS, KINDS[::-1]])
    with (folder / "labels.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    arrays = {name: (sf.read(folder / name, dtype="int16")[0], 48_000) for name in ("0.wav", "1.wav")}
    found = popclass.evaluate(arrays, labels=table, model=model)
    expected = popclass.evaluate(folder, model=model)
    for part in ("detection", "end_to_end", "classification", "counts", "calibration"):
        assert found.scores[part] == expected.scores[part]
    assert found.scores["inputs"]["labelled"] == "(table)"
    found.save(tmp_path / "out")
    assert popclass.evaluate(folder, labels=table, model=model).scores["counts"] == expected.scores["counts"]


def test_evaluate_scores_weighted_answers(tmp_path, model, labelled):
    """A model with weights is scored by the classes that it names."""
    heavy = {**model.info["thresholds"], "weights": {"cavitation": 1e-6, "snapping": 1e-6, "other": 1e6}}
    weighted = Model(model.graph, {**model.info, "thresholds": heavy})
    folder = labelled(tmp_path, [KINDS, KINDS])
    found = popclass.evaluate(folder, model=weighted)
    assert {case.event.label for case in found.cases if case.event is not None} <= {"other", "uncertain"}
    both = found.scores["classification"]["readings"]["both"]
    assert [one["recall"] for one in both["classes"]] == [0, 0, 1]
    assert both["balanced_accuracy"] == pytest.approx(1 / 3)
    assert {case.truth for case in worst(found.classified, found.rules, 9)} == {"cavitation", "snapping"}


def test_evaluate_groups_clips_by_source(tmp_path, model):
    for number in range(4):
        for kind in KINDS:
            recordings.write(tmp_path / kind / f"{number}.{kind}.wav", [kind], seed=number)
    names = [f"{number}.{kind}.wav" for number in range(4) for kind in KINDS]
    lines = [f"{name},{'a.wav' if name < '2' else 'b.wav'}," for name in names]
    (tmp_path / "clips.csv").write_text("\n".join(["file,recording,subject", *lines]) + "\n")
    found = popclass.evaluate(tmp_path, model=model).scores
    assert found["classification"]["groups"] == 2
    assert found["classification"]["intervals_over"] == "recording"
    assert found["classification"]["readings"]["both"]["intervals"]["log_loss"] is None


# What was evaluated


def test_inputs_recorded(tmp_path, model, labelled):
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


# Recordings of training


@pytest.fixture
def own(tmp_path, model, labelled):
    """Labelled recordings, two of three of which the model was trained on."""
    folder = labelled(tmp_path / "in", [KINDS, KINDS, KINDS])
    hashes = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("0.wav", "2.wav")]
    training = {**model.info["training"], "sha256": sorted(hashes)}
    Model(model.graph, {**model.info, "training": training}).save(tmp_path / "own.onnx")
    return folder, tmp_path / "own.onnx"


@pytest.mark.slow
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


def test_trained_on_none_or_unknown(own, tmp_path, model, labelled):
    other = labelled(tmp_path / "other", [KINDS[::-1]])
    recordings.write(other / "0.wav", KINDS[::-1], seed=7, seconds=1.4)
    found = popclass.evaluate(other, model=own[1])
    assert found.scores["recordings"]["trained_on"] == []
    untold = popclass.evaluate(own[0], model=model)
    assert "sha256" not in model.info["training"]
    assert untold.scores["recordings"]["trained_on"] is None
    assert "Warning" not in found.table() + untold.table()


@pytest.mark.slow
def test_trained_on_hashes(tmp_path):
    for number in range(6):
        recordings.write(tmp_path / KINDS[number % 3] / f"{number}.wav", [KINDS[number % 3]], seed=number)
    trained = popclass.train(tmp_path, classifier="logistic", folds=2)
    assert len(popclass.evaluate(tmp_path, model=trained).scores["recordings"]["trained_on"]) == 6


# The command


@pytest.mark.slow
def test_command_table_and_folder(tmp_path, model, capfd, labelled):
    model.save(tmp_path / "m.onnx")
    folder = labelled(tmp_path / "in", [KINDS, KINDS])
    code = main(["evaluate", str(folder), "--model", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "out")])
    out, err = capfd.readouterr()
    assert code == 0
    assert "with both" in out
    assert err.splitlines()[-1].startswith("wrote ")
    assert (tmp_path / "out" / "report.md").is_file()


def test_command_failed_recording(tmp_path, model, capfd, labelled):
    model.save(tmp_path / "m.onnx")
    folder = labelled(tmp_path / "in", [KINDS, KINDS])
    (folder / "1.wav").write_bytes(b"no audio")
    assert main(["evaluate", str(folder), "--model", str(tmp_path / "m.onnx")]) == 1
    out, err = capfd.readouterr()
    assert "1 recording failed" in out
    assert "1.wav" in err
    (folder / "0.wav").write_bytes(b"no audio")
    with pytest.raises(AudioError, match="none of 2 recordings"):
        popclass.evaluate(folder, model=model)
    assert main(["evaluate", str(folder), "--model", str(tmp_path / "m.onnx")]) == 2


@pytest.mark.parametrize("output", ["-", "in"])
def test_command_wrong_output(tmp_path, model, capfd, monkeypatch, output, labelled):
    folder = labelled(tmp_path / "in", [KINDS])
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(folder), "-o", output]) == 2
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)


@pytest.mark.slow
def test_command_second_and_compare(tmp_path, model, capfd, labelled):
    model.save(tmp_path / "m.onnx")
    folder = labelled(tmp_path / "in", [KINDS, KINDS[::-1], KINDS, KINDS, KINDS, KINDS])
    second = (folder / "labels.csv").read_text().replace("0.wav,0.2,0.205,cavitation", "0.wav,0.2,0.205,other")
    (folder / "second.csv").write_text(second.split("5.wav")[0])
    words = ["evaluate", str(folder), "--model", str(tmp_path / "m.onnx"), "--compare", "default"]
    words += ["--second", str(folder / "second.csv"), "--prevalence", "cavitation=0.2", "-o", str(tmp_path / "out")]
    assert main(words) == 0
    out = capfd.readouterr().out
    assert "5 recordings labelled by both observers; only by the first: 5.wav." in out
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert 0 < scores["observers"]["kappa"] < 1
    assert scores["observers"]["counts"]["n"] == 5
    comparison = scores["comparison"]
    assert comparison["model"]["name"] == "default"
    assert comparison["baseline"]["folds"] == 5
    assert all(one["model"] is not None for one in comparison["figures"] if one["figure"] == "sensitivity")
    words = "popclass evaluate in --model m.onnx --compare default --second second.csv --prevalence cavitation=0.2"
    assert scores["inputs"]["command"] == words
    assert scores["inputs"]["second"]["label_files"] == 1
    assert (tmp_path / "out" / "observers.png").is_file()
    report, methods = ((tmp_path / "out" / name).read_text() for name in ("report.md", "methods.md"))
    digests = (comparison["model"]["sha256"], scores["inputs"]["second"]["label_files_sha256"])
    assert all(f"SHA-256 `{digest}`" in text for digest in digests for text in (report, methods))
    assert all(f"## {name}\n" in report for name in ("Counts", "Observers", "Two models", "Calibration", "Net benefit"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["cavitation"], "give a class and its share of all sounds, like cavitation=0.3"),
        (["cavitation=2"], "allowed is a number from 0 to 1"),
        (["cavitation=0.1", "cavitation=0.2"], "a class is named twice"),
        (["cough=0.1"], "prevalence of 'cough': the classes of the model are cavitation"),
        (
            ["cavitation=0.7", "snapping=0.7"],
            "prevalence of cavitation, snapping: shares of all sounds may add up to 1",
        ),
    ],
)
def test_command_wrong_prevalence(tmp_path, model, capfd, labelled, given, message):
    model.save(tmp_path / "m.onnx")
    folder = labelled(tmp_path / "in", [KINDS])
    words = [word for each in given for word in ("--prevalence", each)]
    assert main(["evaluate", str(folder), "--model", str(tmp_path / "m.onnx"), *words]) == 2
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert message in err


def test_command_second_observer_of_other_recordings(tmp_path, model, capfd, labelled):
    model.save(tmp_path / "m.onnx")
    folder = labelled(tmp_path / "in", [KINDS])
    recordings.write(tmp_path / "other.wav", KINDS)
    (tmp_path / "second.csv").write_text("file,start_s,label\nother.wav,0.2,other\n")
    words = ["evaluate", str(folder), "--model", str(tmp_path / "m.onnx"), "--second", str(tmp_path / "second.csv")]
    assert main(words) == 2
    assert "labels none of the same recordings" in capfd.readouterr().err


def test_second_table_needs_labels(tmp_path, model, labelled):
    with pytest.raises(UsageError, match="second is a table"):
        popclass.evaluate(labelled(tmp_path, [KINDS]), model=model, second=[{"file": "0.wav"}])
