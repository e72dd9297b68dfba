"""Commands `popclass classify` and `popclass features`."""

import json
import os
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest
import recordings
import soundfile as sf
from cli_runner import assert_refused, process

from popclass.cli import classify as classify_command
from popclass.model.model import Model


def test_classify_imports(recording, model):
    code = (
        "import sys\nfrom popclass.cli import main\n"
        f"assert main(['classify', {recording!r}, '--model', {model!r}]) == 0\n"
        "slow = ('sklearn', 'scipy.signal', 'numba', 'librosa', 'pandas', 'rich', 'av')\n"
        "slow += ('jinja2', 'PIL', 'popclass.report')\n"
        "print('loaded', [name for name in slow if name in sys.modules])"
    )
    assert process(code=code).stdout.splitlines()[-1] == "loaded []"


def test_classify_table(run, recording, model):
    code, out, err = run("classify", recording, "--model", model)
    assert (code, err) == (0, [])
    assert "cavitation" in out
    assert "snapping" in out


@pytest.mark.parametrize("name", ["events.csv", "EVENTS.CSV", "events.jsonl", "events.txt"])
def test_classify_format_by_suffix(run, recording, model, tmp_path, name):
    target = tmp_path / "out" / name
    target.parent.mkdir()
    code, out, err = run("classify", recording, "--model", model, "-o", target)
    assert (code, out, len(err)) == (0, "", name.endswith(".txt"))
    text = target.read_text()
    start = {"csv": "recording,event,burst", "jsonl": '{"schema_version": 2', "txt": recording}[
        name.lower().split(".")[1]
    ]
    assert text.startswith(start)
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("x.txt", [], "written as table; for the format of its suffix use --format audacity or --format raven"),
        ("x.csv", ["--format", "jsonl"], "written as jsonl; for the format of its suffix use --format csv"),
        ("x.txt", ["--format", "table"], None),
        ("x.txt", ["--format", "raven"], None),
        ("x.json", ["--format", "jsonl"], None),
    ],
)
def test_classify_note_unexpected_suffix(run, recording, model, tmp_path, name, options, expected):
    code, out, err = run("classify", recording, "--model", model, *options, "-o", tmp_path / name)
    assert (code, out) == (0, "")
    assert [line.split(name + " was ")[1] for line in err] == ([] if expected is None else [expected])


@pytest.mark.parametrize("name", ["out.xlsx", "x.wav", "x.json", "x.tsv", "x.audacity", "x.dat"])
def test_classify_unknown_suffix(run, recording, model, tmp_path, name):
    code, out, err = run("classify", recording, "--model", model, "-o", tmp_path / name)
    assert (code, out, len(err)) == (2, "", 1)
    assert "no format has the suffix" in err[0]
    assert "table, csv, jsonl, audacity, raven" in err[0]
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("style", ["audacity", "raven"])
def test_classify_corrected_labels(run, recording, model, tmp_path, style):
    target = tmp_path / "hip.txt"
    command = ("classify", recording, "--model", model, "--format", style, "-o", target)
    assert run(*command) == (0, "", [])
    assert run(*command) == (0, "", [])  # the same again is no change
    found = target.read_text()
    for corrected in (found.replace("snapping", "cavitation"), found.splitlines()[0] + "\n", found + "0.1\t0.2\ttap\n"):
        assert corrected != found
        target.write_text(corrected)
        assert_refused(run(*command), "hip.txt exists already", "corrected labels", "choose another name")
        assert target.read_text() == corrected
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".popclass")] == []


FOREIGN = {
    "labels": "file,start_s,label\nhip.wav,0.1,cavitation\n",
    "track": "0.100000\t0.200000\tcavitation\n",
    "page": "<!doctype html><title>My thesis</title>",
    "text": "notes\n4 kHz, perhaps\n",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.csv", ("-o",)),
        ("a.jsonl", ("-o",)),
        ("a.txt", ("-o",)),
        ("a.txt", ("--format", "csv", "-o")),
        ("a.html", ("--report",)),
        ("a.csv", ("features",)),
    ],
)
def test_classify_foreign_file(run, recording, model, tmp_path, monkeypatch, name, options, content):
    """A file that popclass did not write is not replaced, before any work; its own files are."""
    from popclass.model.model import Model

    monkeypatch.setattr(Model, "default", classmethod(lambda cls: Model.load(model)))
    target = tmp_path / name
    command = ["features", recording, "-o"] if options == ("features",) else ["classify", recording, *options]
    target.write_text(content)
    assert_refused(run(*command, target), f"{name} exists already, and popclass did not write it; choose another name")
    assert target.read_text() == content
    target.write_text("")
    for _ in range(2):
        assert run(*command, target)[0] == 0
    assert target.stat().st_size > 100


def test_classify_foreign_labels_before_work(run, tmp_path):
    target = tmp_path / "hip.txt"
    target.write_text("0.100000\t0.200000\tcavitation\n")
    assert_refused(run("classify", tmp_path / "missing.wav", "--format", "audacity", "-o", target), "corrected labels")


def test_classify_note_no_subject(run, model, tmp_path):
    paths = [
        recordings.write(tmp_path / f"20261122_101{minute}00.wav", ["cavitation"], seed=minute) for minute in (5, 9)
    ]
    alone = "each recording was checked by itself; with --subject ID those of one person share a timeline"
    assert run("classify", *paths, "--site", "mcp", "--model", model, "--format", "csv")[2] == [alone]
    assert run("classify", *paths, "--site", "mcp", "--subject", "P", "--model", model)[2] == []
    assert run("classify", paths[0], "--site", "mcp", "--model", model)[2] == []
    assert run("classify", *paths, "--model", model)[2] == []
    first, second = run("classify", *paths, "--site", "hip", "--model", model)[2]
    assert first == alone
    assert second.startswith("site hip: no audible cavitation is documented there")


def test_classify_stdin(recording, model):
    with open(recording, "rb") as stream:
        done = process("classify", "-", "--model", model, "--format", "csv", stdin=stream)
    assert done.returncode == 0
    assert {line.split(",")[0] for line in done.stdout.splitlines()[1:]} == {"-"}


def test_classify_shared_timeline(run, model, tmp_path):
    first = recordings.write(tmp_path / "20261122_101500.wav", ["cavitation"], seed=1)
    second = recordings.write(tmp_path / "20261122_101900.wav", ["cavitation"], seed=2)
    _, out, _ = run(
        "classify", first, second, "--subject", "P1", "--site", "MCP", "--model", model, "--format", "jsonl"
    )
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["timing"] for row in rows] == ["consistent", "refractory"]
    assert rows[1]["since_cavitation_s"] == pytest.approx(240, abs=0.01)
    assert {row["site"] for row in rows} == {"mcp"}


def test_classify_options(run, recording, model):
    _, out, _ = run(
        "classify", recording, "--model", model, "--recorded-at", "2026-11-22T10:15:00+01:00", "--format", "jsonl"
    )
    assert json.loads(out.splitlines()[0])["recorded_at"] == datetime(2026, 11, 22, 10, 15).isoformat() + "+01:00"
    _, out, _ = run("classify", recording, "--model", model, "--min-probability", "1", "--format", "csv")
    assert {line.split(",")[6] for line in out.splitlines()[1:]} == {"uncertain"}


@pytest.mark.parametrize("style", classify_command.FORMATS)
def test_classify_no_events(run, tmp_path, model, style):
    quiet = recordings.write(tmp_path / "quiet.wav", [])
    code, out, err = run("classify", quiet, "--model", model, "--format", style)
    assert (code, err) == (0, [])
    lines = len(out.splitlines())
    assert lines == {"csv": 1, "raven": 1, "jsonl": 0, "audacity": 0, "table": 4}[style]


@pytest.mark.parametrize("style", ["csv", "jsonl", "audacity", "raven"])
def test_classify_event_at_zero(run, tmp_path, model, style):
    from popclass.extraction import extract_events
    from popclass.pipeline import load_model

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


def test_classify_warnings(run, tmp_path, model):
    path = tmp_path / "offset.wav"
    sf.write(path, recordings.samples(["other"]) + 0.1, recordings.RATE)
    _, table, err = run("classify", path, "--model", model)
    assert "warning: DC offset" in table
    assert err == []
    _, out, err = run("classify", path, "--model", model, "--format", "csv")
    assert "offset of" not in out
    assert len(err) == 1
    assert "warning: DC offset" in err[0]


def test_classify_one_bad_recording(run, recording, model, tmp_path):
    bad = tmp_path / "empty.wav"
    bad.touch()
    code, out, err = run("classify", bad, recording, "--model", model, "--format", "csv")
    assert code == 1
    assert {line.split(",")[0] for line in out.splitlines()[1:]} == {recording}
    assert err == [
        f"popclass: {bad}: is empty (0 bytes); record it again or leave it out",
        "popclass: 1 of 2 recordings failed",
    ]


def test_classify_all_bad(run, model, tmp_path):
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
def test_classify_unusable_recording(run, model, tmp_path, name, words):
    path = tmp_path / "hip.wav"
    unusable(path, name)
    assert_refused(run("classify", path, "--model", model, "-o", tmp_path / "out.csv"), str(path), words)
    assert not (tmp_path / "out.csv").exists()
    assert not list(tmp_path.glob(".popclass*"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_classify_unwritable_output(run, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert_refused(run("classify", tmp_path / "missing.wav", "-o", locked / "out.csv"), "cannot write", "out.csv")


def test_classify_output_below_file(run, recording):
    assert_refused(run("classify", "missing.wav", "-o", f"{recording}/out.csv"), "cannot write")


def test_features(run, recording, model, monkeypatch):
    from popclass import extract_features
    from popclass.model.model import Model

    monkeypatch.setattr(Model, "default", classmethod(lambda cls: Model.load(model)))
    code, out, err = run("features", recording)
    assert (code, err) == (0, [])
    head, *rows = [line.split(",") for line in out.splitlines()]
    X, names = extract_features(recording)
    assert head == ["recording", "event", "start_s", *names]
    assert np.array_equal(np.array([row[3:] for row in rows], float), X)
    assert [row[:2] for row in rows] == [[recording, "1"], [recording, "2"]]


def test_classify_repeated_warnings(run, tmp_path, model):
    paths = [tmp_path / name for name in ("a.wav", "b.wav")]
    for path in paths:
        sf.write(path, recordings.samples(["other"]) + 0.1, recordings.RATE)
    _, _, err = run("classify", *paths, "--model", model, "--format", "csv")
    (line,) = [line for line in err if "DC offset" in line]
    assert line.startswith(f"2 recordings ({paths[0]}, {paths[1]}): warning: DC offset")


def test_classify_class_frequencies(run, tmp_path, model):
    """The estimate is stated beside a table, and on standard error where the output is a file."""
    paths = [tmp_path / name for name in ("a.wav", "b.wav")]
    for path in paths:
        sf.write(path, recordings.samples(["cavitation", "other"]), recordings.RATE)
    chosen = ("--model", model, "--class-frequencies", "estimate")
    assert "; class frequencies, estimated: " in run("classify", paths[0], *chosen)[1].splitlines()[-1]
    assert "class frequencies" not in run("classify", paths[0], "--model", model)[1]
    _, _, err = run("classify", paths[0], *chosen, "-o", tmp_path / "a.csv")
    assert [line for line in err if "% cavitation" in line and line.startswith("class frequencies, estimated: ")]
    _, _, err = run("classify", *paths, *chosen, "-o", tmp_path / "b.csv")
    assert "class frequencies were estimated on each of 2 timelines" in err


def test_classify_count_by(run, tmp_path, model):
    """Three pops 60 ms apart."""
    path = tmp_path / "burst.wav"
    one = recordings.samples(["cavitation"])
    sf.write(path, one + sum(np.roll(one, round(gap * recordings.RATE)) for gap in (0.06, 0.12)), recordings.RATE)
    counted = {}
    for count_by in ("burst", "pop"):
        _, out, _ = run("classify", path, "--model", model, "--cavities", "1", "--count-by", count_by)
        counted[count_by] = out.splitlines()[-1]
    assert run("classify", path, "--model", model, "--cavities", "1")[1].splitlines()[-1] == counted["burst"]
    assert counted["burst"].endswith("at least 1 joint must have popped")
    assert counted["pop"].endswith("if each pop is one joint cavity")


@pytest.mark.parametrize("shown", [True, False])
def test_classify_terminal_all(run, tmp_path, model, monkeypatch, shown):
    """On a terminal, events labelled other are counted in one line."""
    path = recordings.write(tmp_path / "r.wav", ["cavitation", "other", "other"])
    whole = run("classify", path, "--model", model, "--all")[1]
    assert whole == run("classify", path, "--model", model)[1], "not a terminal"
    assert "--all" not in whole
    monkeypatch.setattr("popclass.formats.write.sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    out = run("classify", path, "--model", model, *(["--all"] if shown else []))[1]
    others = [line for line in out.splitlines() if "  other " in line]
    assert bool(others) == shown
    assert ("other (--all shows them)" in out) != shown


@pytest.mark.parametrize("options", [(), ("--format", "csv")])
def test_classify_output_named_like_a_recording(run, recording, tmp_path, options):
    other = tmp_path / "other.WAV"
    other.write_bytes(b"kept")
    code, _, err = run("classify", recording, "-o", other, *options)
    assert (code, len(err)) == (2, 1)
    assert other.read_bytes() == b"kept"


def test_classify_useless_model(run, recording, tmp_path):
    good = Model.default()
    held_out = good.info["scores"]["held_out"]
    rows = [{**row, "recall": 0.0 if row["class"] == "snapping" else row["recall"]} for row in held_out["classes"]]
    scores = {**good.info["scores"], "held_out": {**held_out, "classes": rows}}
    path = tmp_path / "guessing.onnx"
    Model(good.graph, {**good.info, "scores": scores}).save(path)
    _, _, err = run("classify", recording, "--model", path)
    assert "warning:" in err[-1]
    assert "Do not use this model" in err[-1]
    assert not any("Do not use" in line for line in run("classify", recording)[2])


@pytest.mark.parametrize("name", ["features.xlsx", "features.json", "features.tsv"])
def test_features_suffix(run, recording, tmp_path, name):
    assert_refused(run("features", recording, "-o", tmp_path / name), name, "CSV only", ".csv")
    assert not (tmp_path / name).exists()
