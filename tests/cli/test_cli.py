"""Promises of popclass.cli: exit codes, one clear line for what is wrong, results on standard output, a quick start."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import recordings
import soundfile as sf

from popclass.cli import batch as batch_command
from popclass.cli import classify as classify_command
from popclass.cli import main
from popclass.cli import synth as synth_command
from popclass.cli import train as train_command

COMMANDS = (
    ["classify"],
    ["train"],
    ["evaluate"],
    ["batch"],
    ["features"],
    ["model"],
    ["model", "show"],
    ["sites"],
    ["synth"],
)
HEAVY = ("numpy", "scipy", "soundfile", "onnxruntime", "rich", "sklearn", "librosa", "pandas", "matplotlib", "mir_eval")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx"))


@pytest.fixture
def take(tmp_path):
    return str(recordings.write(tmp_path / "take.wav", ["cavitation", "snapping"]))


@pytest.fixture
def run(capfd):
    """Run the command line; exit code, standard output, lines of standard error."""

    def runner(*argv):
        code = main([str(part) for part in argv])
        out, err = capfd.readouterr()
        return code, out, err.splitlines()

    return runner


def process(*argv, code=None, **options):
    """A process of its own, for what only shows there."""
    command = [sys.executable, *(["-m", "popclass"] if code is None else ["-c", code]), *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def refused(result, *words):
    """Exit code 2, nothing on standard output, one line on standard error that holds the words."""
    code, out, lines = result
    assert (code, out, len(lines)) == (2, "", 1), result
    assert lines[0].startswith("popclass: ")
    for word in words:
        assert word in lines[0]


# Starting up


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_shows_examples_and_exits_with_0(run, command):
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, [])
    assert "Usage: popclass" in out
    assert "popclass" in out.split("Example")[-1] or command in (["model"], ["sites"])


def test_help_of_every_command_imports_nothing_heavy():
    code = (
        "import sys\nfrom popclass.cli import main\n"
        f"for command in {[[], *COMMANDS]!r}: main([*command, '--help'])\n"
        f"print('loaded', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert process(code=code).stdout.splitlines()[-1] == "loaded []"


def test_classify_of_a_wav_imports_nothing_that_is_for_training(take, model):
    code = (
        "import sys\nfrom popclass.cli import main\n"
        f"assert main(['classify', {take!r}, '--model', {model!r}]) == 0\n"
        "slow = ('sklearn', 'scipy.signal', 'numba', 'librosa', 'pandas', 'rich', 'av')\n"
        "slow += ('jinja2', 'PIL', 'popclass.report')\n"
        "print('loaded', [name for name in slow if name in sys.modules])"
    )
    assert process(code=code).stdout.splitlines()[-1] == "loaded []"


def test_no_command_shows_the_help_as_an_error(run):
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err[0].startswith("Usage: popclass")


def test_python_m_popclass_and_version():
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, "popclass 0.1.0\n")


def test_limits_named_for_a_quick_start_are_those_of_the_library():
    from popclass import formats
    from popclass.batch import run as batch_run
    from popclass.synthesis import write
    from popclass.training import classifiers

    assert set(classify_command.FORMATS) == set(formats.FORMATS)
    assert list(train_command.CLASSIFIERS) == ["auto", *classifiers.KINDS]
    assert batch_command.MOST_JOBS == batch_run.MOST_JOBS
    assert synth_command.MOST_SESSIONS == write.MOST_SESSIONS


# classify


def test_classify_prints_a_table_and_says_nothing_else(run, take, model):
    code, out, err = run("classify", take, "--model", model)
    assert (code, err) == (0, [])
    assert "cavitation" in out
    assert "snapping" in out


@pytest.mark.parametrize("name", ["events.csv", "EVENTS.CSV", "events.jsonl", "events.txt"])
def test_the_ending_of_the_output_decides_the_format(run, take, model, tmp_path, name):
    target = tmp_path / "out" / name
    target.parent.mkdir()
    code, out, err = run("classify", take, "--model", model, "-o", target)
    assert (code, out, len(err)) == (0, "", name.endswith(".txt"))
    text = target.read_text()
    start = {"csv": "recording,event,burst", "jsonl": '{"schema_version": 1', "txt": take}[name.lower().split(".")[1]]
    assert text.startswith(start)
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("x.json", [], "written as table; for its ending say --format jsonl"),
        ("x.txt", [], "written as table; for its ending say --format audacity or --format raven"),
        ("x.csv", ["--format", "jsonl"], "written as jsonl; for its ending say --format csv"),
        ("x.txt", ["--format", "table"], None),
        ("x.txt", ["--format", "raven"], None),
        ("x.json", ["--format", "jsonl"], None),
        ("x.dat", [], None),
    ],
)
def test_a_format_that_the_ending_does_not_suggest_is_said(run, take, model, tmp_path, name, options, said):
    code, out, err = run("classify", take, "--model", model, *options, "-o", tmp_path / name)
    assert (code, out) == (0, "")
    assert [line.split(name + " was ")[1] for line in err] == ([] if said is None else [said])


@pytest.mark.parametrize("style", ["audacity", "raven"])
def test_labels_corrected_by_hand_are_not_replaced(run, take, model, tmp_path, style):
    target = tmp_path / "take.txt"
    command = ("classify", take, "--model", model, "--format", style, "-o", target)
    assert run(*command) == (0, "", [])
    assert run(*command) == (0, "", [])  # the same again is no change
    found = target.read_text()
    for corrected in (found.replace("snapping", "cavitation"), found.splitlines()[0] + "\n", found + "0.1\t0.2\ttap\n"):
        assert corrected != found
        target.write_text(corrected)
        refused(run(*command), "take.txt is there already", "corrected labels", "choose another name")
        assert target.read_text() == corrected
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".popclass")] == []
    target.write_text("notes")
    assert run("classify", take, "--model", model, "--format", "csv", "-o", target)[0] == 0  # tables may be replaced


def test_labels_that_popclass_cannot_have_written_are_seen_before_the_work(run, tmp_path):
    target = tmp_path / "take.txt"
    target.write_text("0.100000\t0.200000\tcavitation\n")
    refused(run("classify", tmp_path / "missing.wav", "--format", "audacity", "-o", target), "corrected labels")


def test_recordings_treated_alone_and_undocumented_sites_are_said_once(run, model, tmp_path):
    takes = [
        recordings.write(tmp_path / f"20261122_101{minute}00.wav", ["cavitation"], seed=minute) for minute in (5, 9)
    ]
    alone = "each recording was checked by itself; with --subject ID those of one person share a timeline"
    assert run("classify", *takes, "--site", "mcp", "--model", model, "--format", "csv")[2] == [alone]
    assert run("classify", *takes, "--site", "mcp", "--subject", "P", "--model", model)[2] == []
    assert run("classify", takes[0], "--site", "mcp", "--model", model)[2] == []
    assert run("classify", *takes, "--model", model)[2] == []
    first, second = run("classify", *takes, "--site", "hip", "--model", model)[2]
    assert first == alone
    assert second.startswith("site hip: no audible cavitation is documented there")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--symptom", "pain"], "batch has no --symptom: give --manifest a CSV with the columns file and symptoms"),
        (["--subject", "P1"], "batch has no --subject: give --manifest a CSV with the columns file and subject"),
        (["--jobs", "two"], "'two' is no whole number: allowed is one from 1 to 256"),
        (["--jobs", "257"], "257 is not in the range 1<=x<=256"),
    ],
)
def test_what_batch_does_not_take_is_told_where_it_belongs(run, tmp_path, arguments, said):
    code, out, (line,) = run("batch", tmp_path, "-o", tmp_path / "out", *arguments)
    assert (code, out) == (2, "")
    assert said in line
    assert "Did you mean" not in line


def test_an_ending_that_names_a_format_is_no_format_but_said(run, take, model, tmp_path):
    target = tmp_path / "out.audacity"
    code, _, said = run("classify", take, "--model", model, "-o", target)
    assert code == 0
    assert said[-1] == f"{target} was written as table; for its ending say --format audacity"


@pytest.mark.parametrize("columns", [80, 120])
def test_sites_are_wrapped_to_the_columns_there_are(columns):
    done = process("sites", env={**os.environ, "COLUMNS": str(columns), "POPCLASS_SITES": ""})
    assert max(map(len, done.stdout.splitlines())) <= columns
    assert {"unverified", "shoulder", "20min"} <= set(done.stdout.split())


def test_standard_input_is_called_minus(take, model):
    with open(take, "rb") as stream:
        done = process("classify", "-", "--model", model, "--format", "csv", stdin=stream)
    assert done.returncode == 0
    assert {line.split(",")[0] for line in done.stdout.splitlines()[1:]} == {"-"}


def test_recordings_of_one_subject_form_one_timeline(run, model, tmp_path):
    first = recordings.write(tmp_path / "20261122_101500.wav", ["cavitation"], seed=1)
    second = recordings.write(tmp_path / "20261122_101900.wav", ["cavitation"], seed=2)
    _, out, _ = run(
        "classify", first, second, "--subject", "P1", "--site", "MCP", "--model", model, "--format", "jsonl"
    )
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["timing"] for row in rows] == ["consistent", "refractory"]
    assert rows[1]["since_cavitation_s"] == pytest.approx(240, abs=0.01)
    assert {row["site"] for row in rows} == {"mcp"}


def test_options_reach_the_result(run, take, model):
    _, out, _ = run(
        "classify", take, "--model", model, "--recorded-at", "2026-11-22T10:15:00+01:00", "--format", "jsonl"
    )
    assert json.loads(out.splitlines()[0])["recorded_at"] == datetime(2026, 11, 22, 10, 15).isoformat() + "+01:00"
    _, out, _ = run("classify", take, "--model", model, "--min-probability", "1", "--format", "csv")
    assert {line.split(",")[6] for line in out.splitlines()[1:]} == {"uncertain"}


@pytest.mark.parametrize("style", classify_command.FORMATS)
def test_no_events_are_a_normal_result(run, tmp_path, model, style):
    quiet = recordings.write(tmp_path / "quiet.wav", [])
    code, out, err = run("classify", quiet, "--model", model, "--format", style)
    assert (code, err) == (0, [])
    lines = len(out.splitlines())
    assert lines == {"csv": 1, "raven": 1, "jsonl": 0, "audacity": 0, "table": 4}[style]


@pytest.mark.parametrize("style", ["csv", "jsonl", "audacity", "raven"])
def test_an_event_at_the_very_start_is_written_as_zero(run, tmp_path, model, style):
    from popclass.pipeline import extract_events, load_model

    x = recordings.samples([], seconds=0.5)
    x[:200] = 0.5 * np.exp(-np.arange(200) / 30) * np.cos(np.arange(200))
    path = tmp_path / "first.wav"
    sf.write(path, x, recordings.RATE)
    onset = extract_events(path, load_model(model).frontend).events[0].onset
    code, out, _ = run("classify", path, "--model", model, "--format", style)
    assert code == 0
    rows = out.splitlines()
    found = {
        "csv": lambda: rows[1].split(",")[3],
        "jsonl": lambda: json.loads(rows[0])["start_s"],
        "audacity": lambda: rows[0].split("\t")[0],
        "raven": lambda: rows[1].split("\t")[3],
    }[style]()
    assert float(found) == pytest.approx(onset / recordings.RATE, abs=1e-6)
    assert float(found) < 0.001


def test_what_is_odd_goes_to_standard_error_where_no_table_shows_it(run, tmp_path, model):
    path = tmp_path / "offset.wav"
    sf.write(path, recordings.samples(["other"]) + 0.1, recordings.RATE)
    _, table, err = run("classify", path, "--model", model)
    assert "warning: DC offset" in table
    assert err == []
    _, out, err = run("classify", path, "--model", model, "--format", "csv")
    assert "offset of" not in out
    assert len(err) == 1
    assert "warning: DC offset" in err[0]


def test_one_bad_recording_costs_itself_only(run, take, model, tmp_path):
    bad = tmp_path / "empty.wav"
    bad.touch()
    code, out, err = run("classify", bad, take, "--model", model, "--format", "csv")
    assert code == 1
    assert {line.split(",")[0] for line in out.splitlines()[1:]} == {take}
    assert err == [
        f"popclass: {bad}: is empty (0 bytes); record it again or leave it out",
        "popclass: 1 of 2 recordings failed",
    ]


def test_all_bad_is_2_and_writes_nothing(run, model, tmp_path):
    code, out, err = run("classify", tmp_path / "a.wav", tmp_path / "b.wav", "--model", model, "-o", tmp_path / "o.csv")
    assert (code, out, len(err)) == (2, "", 3)
    assert not list(tmp_path.iterdir())


def unusable(path, name):
    """Write the bad recording of that name; the words its error must hold."""
    good = recordings.samples(["other"])
    spoilt = {"nan": np.nan, "inf": np.inf}
    if name in spoilt:
        good[100] = spoilt[name]
        sf.write(path, good, recordings.RATE, subtype="FLOAT")
    elif name == "text":
        path.write_text("no sound\n" * 100)
    elif name == "cut":
        recordings.write(path)
        path.write_bytes(path.read_bytes()[:50_000])
    elif name == "empty":
        path.touch()
    elif name == "folder":
        path.mkdir()
    elif name != "missing":
        shapes = {"one": good[:1], "silence": good * 0, "constant": good * 0 + 0.25, "clipped": np.sign(good)}
        sf.write(path, shapes[name], recordings.RATE)


@pytest.mark.parametrize(
    ("name", "words"),
    {
        "missing": "no such file",
        "empty": "empty (0 bytes)",
        "text": "cannot be read as audio",
        "cut": "cut short",
        "nan": "NaN",
        "inf": "infinite",
        "one": "1 sample",
        "silence": "silence",
        "constant": "same value",
        "clipped": "clipped throughout",
        "folder": "is a folder",
    }.items(),
)
def test_an_unusable_recording_is_one_line_and_nothing_written(run, model, tmp_path, name, words):
    path = tmp_path / "take.wav"
    unusable(path, name)
    refused(run("classify", path, "--model", model, "-o", tmp_path / "out.csv"), str(path), words)
    assert not (tmp_path / "out.csv").exists()
    assert not list(tmp_path.glob(".popclass*"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--site", "hipp"], ["mcp, hand", "'hip'"]),
        (["--cavities", "0"], ["--cavities", "1<=x<=1000"]),
        (["--cavities", "two"], ["--cavities", "whole number", "from 1 to 1000"]),
        (["--refractory", "20"], ["--refractory", "unit", "20min"]),
        (["--refractory", "48h"], ["--refractory", "1ms to 24h"]),
        (["--min-probability", "1.01"], ["--min-probability", "0 to 1"]),
        (["--min-probability", "nan"], ["--min-probability", "0 to 1"]),
        (["--recorded-at", "yesterday"], ["--recorded-at", "2026-11-22T10:15:00"]),
        (["--recorded-at", "2026-11-22"], ["--recorded-at", "2026-11-22T10:15:00"]),
        (["--subject", " "], ["--subject", "empty"]),
        (["--format", "xml"], ["--format", "jsonl"]),
        (["--colour"], ["--colour", "classify --help"]),
        (["--model", "missing.onnx"], ["missing.onnx", "no such model"]),
        (["-o", "no/where.csv"], ["no/where.csv", "no folder"]),
        (["-o", "."], ["is a folder"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_wrong_option_names_what_is_allowed(run, take, options, words):
    refused(run("classify", take, *options), *words)


def test_recordings_and_output_must_not_be_mixed_up(run, take, tmp_path):
    refused(run("classify", take, "-o", take), "is a recording")
    refused(run("classify", take, tmp_path / ".." / tmp_path.name / "take.wav"), "given twice")
    refused(run("features", take, "-o", take), "is a recording")
    refused(run("classify", take, "b.wav", "--recorded-at", "2026-11-22T10:15:00"), "single recording")
    refused(run("classify", take, "b.wav", "--format", "audacity"), "single recording")
    refused(run("classify"), "RECORDING", "classify --help")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_output_is_found_before_the_work(run, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    refused(run("classify", tmp_path / "missing.wav", "-o", locked / "out.csv"), "cannot write", "out.csv")


def test_an_output_below_a_file_is_found_before_the_work(run, take):
    refused(run("classify", "missing.wav", "-o", f"{take}/out.csv"), "cannot write")


def test_a_reader_that_leaves_early_is_no_error(take, model):
    command = [sys.executable, "-m", "popclass", "classify", take, "--model", model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        err = child.stderr.read()
        assert (child.wait(60), err) == (0, b"")


def test_an_interruption_is_130_and_leaves_nothing(run, take, model, tmp_path, monkeypatch):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("popclass.pipeline.analyse", interrupt)
    code, out, err = run("classify", take, "--model", model, "-o", tmp_path / "out.csv")
    assert (code, out, err) == (130, "", ["popclass: interrupted"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["take.wav"]


def test_a_bug_shows_its_traceback(take, model, monkeypatch):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("popclass.pipeline.analyse", broken)
    with pytest.raises(ZeroDivisionError):
        main(["classify", take, "--model", model])


# The other commands


def test_features_are_those_of_the_library(run, take, model, monkeypatch):
    from popclass import extract_features
    from popclass.model.model import Model

    monkeypatch.setattr(Model, "default", classmethod(lambda cls: Model.load(model)))
    code, out, err = run("features", take)
    assert (code, err) == (0, [])
    head, *rows = [line.split(",") for line in out.splitlines()]
    X, names = extract_features(take)
    assert head == ["recording", "event", "start_s", *names]
    assert np.array_equal(np.array([row[3:] for row in rows], float), X)
    assert [row[:2] for row in rows] == [[take, "1"], [take, "2"]]


@pytest.fixture
def labelled(tmp_path):
    for kind in recordings.KINDS:
        for index in range(6):
            recordings.write(tmp_path / "labelled" / kind / f"{index}.wav", [kind], seed=index)
    return tmp_path / "labelled"


def test_train_reports_and_writes_a_model_with_its_card(run, labelled, take, tmp_path):
    target = tmp_path / "mine.onnx"
    code, out, err = run("train", labelled, "-o", target, "--classifier", "logistic", "--folds", "2")
    assert code == 0
    assert "2 folds by recording" in out
    assert "balanced accuracy" in out
    assert err[-1] == f"wrote {target} and {tmp_path / 'mine.md'}"
    assert (tmp_path / "mine.md").read_text().startswith("# mine\n")
    assert run("classify", take, "--model", target)[0] == 0
    before = target.read_bytes()
    refused(run("train", labelled, "-o", target), "exists already", "--force")
    assert target.read_bytes() == before
    code, _, _ = run("train", labelled, "-o", target, "--base", target, "--classifier", "logistic", "--force")
    assert code == 0


def test_train_on_label_tracks_names_recordings_in_its_notes_but_not_in_the_model(run, tmp_path):
    takes = tmp_path / "takes"
    for index in range(4):
        recordings.write(takes / f"jane{index}.wav", ["cavitation", "snapping"], seed=index)
        listed = run("classify", takes / f"jane{index}.wav", "--format", "csv")[1].splitlines()[1:]
        starts = [line.split(",")[3] for line in listed]
        assert len(starts) == 2
        tracks = [f"{start}\t{start}\t{kind}\n" for start, kind in zip(starts, ("cavitation", "snapping"), strict=True)]
        (takes / f"jane{index}.txt").write_text("".join(tracks))
    (takes / "jane3.txt").unlink()
    target = tmp_path / "m.onnx"
    code, _, err = run("train", takes, "-o", target, "--classifier", "logistic")
    assert code == 0
    brief = "1 recording without a label track is left out"
    assert [line for line in err if brief in line] == [f"note: {brief}: jane3.wav"]
    assert brief in (tmp_path / "m.md").read_text()
    assert b"jane" not in target.read_bytes()


def test_train_without_some_unreadable_recordings_writes_the_model_and_ends_with_1(run, labelled, tmp_path):
    (labelled / "other" / "broken.wav").write_text("this is no audio")
    target = tmp_path / "m.onnx"
    code, _, err = run("train", labelled, "-o", target, "--classifier", "logistic", "--folds", "2")
    assert code == 1
    assert "1 recording could not be read" in target.with_suffix(".md").read_text()
    assert any("1 recording skipped because it cannot be read" in line for line in err)


def test_a_misspelt_class_is_refused_unless_it_is_meant(run, labelled, tmp_path):
    (labelled / "snapping").rename(labelled / "slapping")
    options = ("train", labelled, "-o", tmp_path / "m.onnx", "--classifier", "logistic", "--folds", "2")
    refused(run(*options), "did you mean 'snapping'", "--own-class slapping")
    assert run(*options, "--own-class", "slapping")[0] == 0


def test_train_refuses_what_cannot_work(run, labelled, tmp_path):
    refused(run("train", labelled, "-o", "model.pkl"), ".onnx")
    refused(run("train", labelled, "-o", "-"), ".onnx")
    refused(run("train", labelled, "-o", tmp_path / "no" / "m.onnx"), "no folder")
    refused(run("train", labelled, "--folds", "1"), "--folds", "x>=2")
    refused(run("train", labelled, "--seed", "-1"), "--seed", "0<=x")
    refused(run("train", labelled, "--classifier", "deep"), "auto", "forest")
    refused(run("train", tmp_path / "nowhere", "-o", tmp_path / "m.onnx"), "no such folder")
    for kind in ("snapping", "other"):
        for path in (labelled / kind).iterdir():
            path.unlink()
    refused(run("train", labelled, "-o", tmp_path / "m.onnx"), "at least two", "only 'cavitation'")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labelled"]


def test_an_interrupted_training_leaves_nothing(run, labelled, tmp_path, monkeypatch):
    from popclass import training

    train = training.train

    def interrupted(*args, progress, **options):
        def stop(what, done, total):
            if what == "cross-validation":
                raise KeyboardInterrupt

        return train(*args, progress=stop, **options)

    monkeypatch.setattr(training, "train", interrupted)
    code, _, _ = run("train", labelled, "-o", tmp_path / "m.onnx", "--classifier", "logistic", "--folds", "2")
    assert code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["labelled"]


def test_model_show_shows_a_model_made_before_there_were_intervals(run, model, tmp_path):
    from popclass.model.model import Model

    old = Model.load(model)
    scores = {k: v for k, v in old.info["scores"].items() if k not in ("joint_labels", "nested", "risk_coverage")}
    scores["held_out"] = {k: v for k, v in scores["held_out"].items() if k != "intervals"}
    Model(old.graph, {**old.info, "scores": scores}).save(tmp_path / "old.onnx")
    code, out, err = run("model", "show", tmp_path / "old.onnx")
    assert (code, err) == (0, [])
    assert "balanced accuracy" in out


def test_model_show_and_verify(run, model, labelled, tmp_path):
    import hashlib

    digest = hashlib.sha256(Path(model).read_bytes()).hexdigest()
    code, out, err = run("model", "verify", model)
    assert (code, err) == (0, [])
    assert [line.split(":")[0] for line in out.splitlines()[1:5]] == [
        *("checksum", "graph", "front end, calibration and novelty", "trial"),
    ]
    assert out.splitlines()[0] == f"{model}: fine"
    assert out.splitlines()[-1] == f"sha256 {digest}"
    code, out, err = run("model", "show", model)
    assert (code, err) == (0, [])
    for word in (digest, "cavitation", "3 folds", "min probability"):
        assert word in out
    for section in ("Use", "Training data", "Calibration", "Limits", "baseline"):
        assert section in out
    assert "\x1b" not in out, "no escape codes in a pipe"
    data = bytearray(Path(model).read_bytes())
    data[1000] ^= 1
    (tmp_path / "damaged.onnx").write_bytes(data)
    refused(run("model", "verify", tmp_path / "damaged.onnx"), "damaged")
    refused(run("model", "show", tmp_path / "missing.onnx"), "no such model file")
    from popclass.model.model import Model

    bare = Model.load(model)
    Model(bare.graph, {**bare.info, "scores": {}}).save(tmp_path / "bare.onnx")
    refused(run("model", "show", tmp_path / "bare.onnx"), "card")
    refused(run("train", labelled, "--base", tmp_path / "bare.onnx", "-o", tmp_path / "new.onnx"), "card")


def test_sites_lists_every_site(run):
    from popclass.timing.sites import SITES

    code, out, err = run("sites")
    assert (code, err) == (0, [])
    assert [line.split()[0] for line in out.splitlines()[2:] if not line.startswith(" ")] == list(SITES)


def test_synth_writes_a_labelled_set_once(run, tmp_path):
    code, out, err = run("synth", tmp_path / "made", "--seed", "1")
    assert (code, out, err) == (0, "", [f"wrote 1 session into {tmp_path / 'made'}"])
    assert (tmp_path / "made" / "labels.csv").is_file()
    refused(run("synth", tmp_path / "made"), "not empty")
    refused(run("synth", tmp_path / "other", "--sessions", "0"), "--sessions", "1<=x")
