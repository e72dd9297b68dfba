"""Tests of popclass.batch.run: rows, resuming, failures, manifests and exit codes."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import recordings

from popclass.batch import classify_folder, worker
from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import Journal, read_entries
from popclass.batch.lines import to_line
from popclass.batch.result import BatchResult
from popclass.batch.worker import extract_one
from popclass.cli import main
from popclass.errors import LabelError, ModelError, OutputError, UsageError
from popclass.features import extract
from popclass.model.model import Model
from popclass.pipeline import analyze, classify
from popclass.utils.files import Stamp

TABLES = ("events.csv", "bursts.csv", "recordings.csv")
NOT_UTF8 = os.fsdecode(b"caf\xe9.wav")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A tree of twelve recordings, one of them corrupt, and of other files."""
    folder = tmp_path_factory.mktemp("data") / "archive"
    for index in range(8):
        kinds = [recordings.KINDS[index % 3]] * (index % 3)
        recordings.write(folder / f"day {index % 2}" / f"take{index}.wav", kinds, seed=index)
    recordings.write(folder / "LOUD.FLAC", ["snapping", "other"])
    recordings.write(folder / "a, b.wav")
    recordings.write(folder / "plain.wav").rename(folder / NOT_UTF8)
    recordings.write(folder / ".hidden" / "no.wav")
    recordings.write(folder / ".no.wav")
    (folder / "day 0" / "broken.wav").write_bytes(b"RIFF")
    (folder / "notes.txt").write_text("no sound")
    return folder


@pytest.fixture(scope="module")
def done(archive, model, tmp_path_factory):
    """The results of one uninterrupted run."""
    return classify_folder(archive, tmp_path_factory.mktemp("done"), model=model)


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def same_tables(one, other):
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in TABLES)


def test_classify_folder_row_order(done, archive):
    found = rows(done.results_dir / "recordings.csv")
    names = [row["recording"] for row in found]
    numbered = [f"day {index % 2}/take{index}.wav" for index in range(8)]
    assert names == sorted([*numbered, "LOUD.FLAC", "a, b.wav", "caf\\xe9.wav", "day 0/broken.wav"])
    assert {row["recording"] for row in found if row["status"] == "failed"} == {"day 0/broken.wav"}
    broken = found[names.index("day 0/broken.wav")]
    assert broken["reason"].startswith("cannot be read as audio")
    assert (broken["events"], broken["duration_s"]) == ("", "")
    assert [row.recording for row in done.failed] == ["day 0/broken.wav"]


def test_classify_folder_equals_classify(done, archive, model):
    from popclass.formats.csv_io import csv_line, csv_rows
    from popclass.schema import event_columns

    lines = [csv_line(event_columns(model.classes))]
    for name in sorted(row.recording for row in done.recordings if row.status == "ok"):
        result = classify(archive / name, model=model)
        lines += csv_rows(replace(result, info=replace(result.info, name=name)))
    assert len(lines) > 8
    assert (done.results_dir / "events.csv").read_text() == "".join(lines)


def test_classify_folder_run_record(done):
    assert len(done.events) == sum(done.counts.values()) == len(rows(done.results_dir / "events.csv"))
    assert list(done.to_dataframe()["event"]) == [event["event"] for event in done.events]
    about = json.loads((done.results_dir / "run.json").read_text())
    assert about["counts"]["recordings"] == len(done.recordings) == 12
    assert about["counts"]["failed"] == 1
    assert about["counts"]["labels"] == done.counts
    assert len(about["model"]["sha256"]) == 64


def test_classify_folder_jobs(done, archive, model, tmp_path):
    result = classify_folder(archive, tmp_path / "two", model=model, jobs=2)
    assert same_tables(result.results_dir, done.results_dir)
    assert result.recordings == done.recordings


@pytest.mark.parametrize("files", [2, 5, 50])
def test_process_chunk_grouping(done, archive, model, files):
    names = [row.recording for row in done.recordings if row.status == "ok" and "\\" not in row.recording]
    chunks = [dict.fromkeys(names[at : at + files], Stamp(1, 2)) for at in range(0, len(names), files)]
    lines = [outcome.line for chunk in chunks for outcome in worker.process_chunk(archive, chunk, model)]
    alone = [worker.process_chunk(archive, {name: Stamp(1, 2)}, model)[0].line for name in names]
    assert lines == alone


def test_classify_folder_resume(done, archive, model, tmp_path, monkeypatch):
    folder, results = tmp_path / "archive", tmp_path / "results"
    shutil.copytree(archive, folder)
    classify_folder(folder, results, model=model)
    processed = []
    monkeypatch.setattr(
        worker, "extract_one", lambda path, *a, name, **k: processed.append(name) or extract_one(path, *a, name=name)
    )
    assert classify_folder(folder, results, model=model).resumed == 11
    assert processed == ["day 0/broken.wav"]
    assert same_tables(results, done.results_dir)
    recordings.write(folder / "new.wav", ["other"])
    recordings.write(folder / "LOUD.FLAC", ["other"] * 2, seed=5)
    (folder / "a, b.wav").unlink()
    processed.clear()
    result = classify_folder(folder, results, model=model)
    assert sorted(processed) == ["LOUD.FLAC", "day 0/broken.wav", "new.wav"]
    assert len(result.recordings) == 12
    again = classify_folder(folder, tmp_path / "again", model=model)
    assert same_tables(results, again.results_dir)
    processed.clear()
    classify_folder(folder, results, model=model, fresh=True)
    assert len(processed) == 12


def test_classify_folder_new_results_first(two, model, tmp_path):
    """A caller need not wait for the recordings of an earlier run."""
    shown = []
    classify_folder(two, tmp_path / "out", model=model)
    recordings.write(two / "3.wav", ["other"], seed=5)
    classify_folder(two, tmp_path / "out", model=model, on_result=lambda result: shown.append(result.recording))
    assert shown == ["3.wav", "1.wav", "2.wav"]


def test_classify_folder_new_results_of_a_subject_first(two, model, tmp_path):
    """Recordings of one subject are labelled together, those of others last; the tables are those of a fresh run."""
    table = manifest(two, "file,subject", "1.wav,A", "2.wav,B", "3.wav,B", "broken.wav,B")
    (two / "3.wav").write_bytes((two / "1.wav").read_bytes())
    (two / "broken.wav").write_bytes(b"no sound")
    late = two / "3.wav"
    content = late.read_bytes()
    late.write_bytes(b"no sound")
    classify_folder(two, tmp_path / "out", model=model, manifest=table)
    late.write_bytes(content)
    shown = []
    kept = classify_folder(
        two, tmp_path / "out", model=model, manifest=table, on_result=lambda result: shown.append(result.recording)
    )
    assert shown == ["2.wav", "3.wav", "1.wav"]
    fresh = classify_folder(two, tmp_path / "fresh", model=model, manifest=table)
    assert same_tables(kept.results_dir, fresh.results_dir)


def test_classify_folder_interrupted(done, archive, model, tmp_path, monkeypatch):
    def interrupted(path, *rest, name, **options):
        if name == "day 1/take3.wav":
            raise KeyboardInterrupt
        return extract_one(path, *rest, name=name, **options)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "extract_one", interrupted)
        with pytest.raises(KeyboardInterrupt):
            classify_folder(archive, tmp_path, model=model)
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]
    with open(tmp_path / JOURNAL, "ab") as file:
        file.write(b'{"recording":"day 1/take5.wav","si')  # a line that was being written
    result = classify_folder(archive, tmp_path, model=model)
    assert result.resumed >= 3
    assert same_tables(tmp_path, done.results_dir)


def test_classify_folder_class_frequencies(done, archive, model, tmp_path, monkeypatch):
    """Estimated from each timeline alone: the same with two processes and after an interruption."""
    manifest = tmp_path / "manifest.csv"
    times = [f"{archive}/day 0/take{take}.wav,P1,2026-11-22T10:0{take}:00\n" for take in (0, 2, 4, 6)]
    manifest.write_text("file,subject,recorded_at\n" + "".join(times))
    options = {"model": model, "manifest": manifest, "class_frequencies": "estimate"}
    one, two, resumed = (tmp_path / name for name in ("one", "two", "resumed"))
    classify_folder(archive, one, **options)
    classify_folder(archive, two, jobs=2, **options)

    def interrupted(path, *rest, name, **more):
        if name == "day 1/take3.wav":
            raise KeyboardInterrupt
        return extract_one(path, *rest, name=name, **more)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "extract_one", interrupted)
        with pytest.raises(KeyboardInterrupt):
            classify_folder(archive, resumed, **options)
    assert classify_folder(archive, resumed, **options).resumed >= 3
    assert same_tables(one, two)
    assert same_tables(one, resumed)
    assert not same_tables(one, done.results_dir)
    run = json.loads((one / "run.json").read_text())
    assert run["parameters"]["class_frequencies"] == "estimate"
    stated = run["class_frequencies"]["estimated"]
    assert set(stated) & {f"day 0/take{take}.wav" for take in range(8)} == {"day 0/take0.wav"}
    assert all(sum(shares.values()) == pytest.approx(1, abs=1e-3) for shares in stated.values())


def test_classify_folder_killed(done, archive, model, tmp_path):
    model.save(tmp_path / "m.onnx")
    results = tmp_path / "results"
    code = (
        "import time, popclass.batch.worker as worker\nextract_one = worker.extract_one\n"
        "def slow(*a, **k):\n    time.sleep(0.2)\n    return extract_one(*a, **k)\n"
        "worker.extract_one = slow\nfrom popclass.cli import main\n"
        f"main(['batch', {str(archive)!r}, '-o', {str(results)!r}, '--model', {str(tmp_path / 'm.onnx')!r}])"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as child:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not (results / JOURNAL).exists():
            time.sleep(0.05)
        while time.monotonic() < deadline and (results / JOURNAL).read_bytes().count(b"\n") < 3:
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
    assert [path.name for path in results.iterdir()] == [JOURNAL]
    result = classify_folder(archive, results, model=Model.load(tmp_path / "m.onnx"))
    assert result.resumed >= 2
    assert same_tables(results, done.results_dir)


def test_classify_folder_crashing_recording(archive, model, tmp_path):
    """An exit of the process simulates a crash of the decoder."""
    script = tmp_path / "batch.py"
    model.save(tmp_path / "m.onnx")
    script.write_text(
        "import os, sys, popclass.batch.worker as worker\n"
        "extract_one = worker.extract_one\n"
        "def deadly(path, *a, name, **k):\n"
        "    if name == 'LOUD.FLAC':\n        os._exit(139)\n"
        "    return extract_one(path, *a, name=name, **k)\n"
        "worker.extract_one = deadly\n"
        "if __name__ == '__main__':\n"
        "    from popclass.cli import main\n    sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, script, "batch", archive, "-o", tmp_path / "results", "--model", tmp_path / "m.onnx"]
    done = subprocess.run([*command, "--jobs", "2"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    failed = {row["recording"]: row["reason"] for row in rows(tmp_path / "results" / "recordings.csv") if row["reason"]}
    assert set(failed) == {"LOUD.FLAC", "day 0/broken.wav"}
    assert failed["LOUD.FLAC"] == worker.CRASHED


def test_classify_folder_no_main_guard(archive, model, tmp_path):
    model.save(tmp_path / "m.onnx")
    script = tmp_path / "script.py"
    script.write_text(
        f"import popclass\npopclass.classify_folder({os.fspath(archive)!r}, 'out', model='m.onnx', jobs=2)\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert "UsageError: no worker process can be started" in done.stderr.splitlines()[-1]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [JOURNAL]


def test_classify_folder_unexpected_error(archive, model, tmp_path, monkeypatch):
    def broken(path, *rest, name, **options):
        if name == "LOUD.FLAC":
            raise ZeroDivisionError("by nothing")
        return extract_one(path, *rest, name=name, **options)

    monkeypatch.setattr(worker, "extract_one", broken)
    failed = {row.recording: row.reason for row in classify_folder(archive, tmp_path, model=model).failed}
    assert failed["LOUD.FLAC"] == "a bug in popclass, please report it: ZeroDivisionError: by nothing"
    assert len(failed) == 2


def test_classify_folder_feature_error(done, archive, model, tmp_path, monkeypatch):
    loud = analyze(archive / "LOUD.FLAC", model).events[0].snr_db

    def broken(sounds, frontend):
        if any(sound.event.snr_db == loud for sound in sounds):
            raise ZeroDivisionError("by nothing")
        return extract(sounds, frontend)

    monkeypatch.setattr("popclass.extraction.extract", broken)
    result = classify_folder(archive, tmp_path, model=model)
    failed = {row.recording: row.reason for row in result.failed}
    assert failed["LOUD.FLAC"] == "a bug in popclass, please report it: ZeroDivisionError: by nothing"
    assert failed.keys() == {"LOUD.FLAC", "day 0/broken.wav"}
    assert result.events == [event for event in done.events if event["recording"] != "LOUD.FLAC"]


def test_journal_add_round_trip(archive, model, tmp_path):
    analysis = analyze(archive / "LOUD.FLAC", model, name="LOUD.FLAC")
    with Journal(tmp_path, {}, classes=3) as journal:
        (back,) = (entry.analysis for entry in journal.add([to_line("LOUD.FLAC", analysis, Stamp(1, 2), (1, 5))]))
    assert len(analysis.events) >= 2
    assert back.events == analysis.events
    for name in ("acoustic", "contextual", "novelty"):
        assert getattr(back, name).tobytes() == getattr(analysis, name).tobytes()
    assert back.info == analysis.info


@pytest.fixture
def extracted(monkeypatch):
    """Names of the recordings in which sounds were detected."""
    names = []
    monkeypatch.setattr(
        worker, "extract_one", lambda path, *a, name, **k: names.append(name) or extract_one(path, *a, name=name)
    )
    return names


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"min_probability": 1.0}, "--min-probability from none to 1.0"),
        ({"site": "mcp"}, "--site from knee to mcp"),
        ({"count_by": "pop"}, "--count-by from burst to pop"),
        ({"class_frequencies": "estimate"}, "--class-frequencies from model to estimate"),
        ({"refractory": 90.0}, "--refractory from none to 90s"),
    ],
)
def test_classify_folder_changed_labelling(archive, model, tmp_path, extracted, changed, message):
    """Only the failed recording is tried again, and the tables are those of a run with these options from the start."""
    starts = [f"{archive}/day {at % 2}/take{at}.wav,P1,2026-11-22T10:0{at}:00Z\n" for at in range(8)]
    (tmp_path / "m.csv").write_text("file,subject,recorded_at\n" + "".join(starts))
    options = {"model": model, "manifest": tmp_path / "m.csv"}
    results, fresh = tmp_path / "results", tmp_path / "fresh"
    classify_folder(archive, results, site="Knee", **options)
    before = [(results / name).read_bytes() for name in TABLES]
    extracted.clear()
    said = []
    again = classify_folder(archive, results, notice=said.append, **options, **{"site": "knee", **changed})
    assert (extracted, again.resumed) == (["day 0/broken.wav"], 11)
    assert [line for line in said if "--" in line] == [f"labels follow; changed since an earlier run: {message}"]
    classify_folder(archive, fresh, **options, **{"site": "knee", **changed})
    assert same_tables(results, fresh)
    if changed.keys() & {"min_probability", "site"}:
        assert [(results / name).read_bytes() for name in TABLES] != before
    said.clear()
    classify_folder(archive, results, site="knee", notice=said.append, **options)
    assert [(results / name).read_bytes() for name in TABLES] == before
    assert len([line for line in said if "changed since" in line]) == 1
    said.clear()
    classify_folder(archive, results, site="knee", notice=said.append, **options)
    assert [line for line in said if "changed since" in line] == []


def test_classify_folder_older_journal(archive, model, tmp_path):
    """A journal without these options was made when each pop counted, at the class frequencies of the model."""
    classify_folder(archive, tmp_path, model=model, count_by="pop")
    assert json.loads((tmp_path / "run.json").read_text())["parameters"]["count_by"] == "pop"
    journal = tmp_path / "journal.jsonl"
    content = journal.read_bytes()
    for option in (b',"--count-by":"pop"', b',"--class-frequencies":"model"'):
        assert content.count(option) == 1
        content = content.replace(option, b"")
    journal.write_bytes(content)
    said = []
    assert classify_folder(archive, tmp_path, model=model, count_by="pop", notice=said.append).resumed == 11
    assert [line for line in said if "changed since" in line] == []
    assert classify_folder(archive, tmp_path, model=model, notice=said.append).resumed == 11
    assert "labels follow; changed since an earlier run: --count-by from pop to burst" in said


def test_classify_folder_foreign_results(archive, model, tmp_path):
    (tmp_path / "events.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"has an events\.csv that no batch wrote; use another folder$"):
        classify_folder(archive, tmp_path, model=model)
    with pytest.raises(OutputError, match="that no batch wrote; use another folder"):
        classify_folder(archive, tmp_path, model=model, fresh=True)
    (tmp_path / JOURNAL).write_text('{"date": "2026"}\n')
    with pytest.raises(OutputError, match="that no batch wrote"):
        classify_folder(archive, tmp_path, model=model, fresh=True)
    assert (tmp_path / "events.csv").read_text() == "mine"
    (tmp_path / "events.csv").unlink()
    with pytest.raises(OutputError, match="is not the journal of a batch; use another folder"):
        classify_folder(archive, tmp_path, model=model, fresh=True)
    assert (tmp_path / JOURNAL).read_text() == '{"date": "2026"}\n'
    results = tmp_path / "results"
    classify_folder(archive, results, model=model)
    with pytest.raises(OutputError, match=r"of another folder.*--fresh"):
        classify_folder(archive / "day 0", results, model=model)


def test_classify_folder_other_model(archive, model, tmp_path, extracted):
    """Sounds are detected again, with the tables of a new batch; what the first model found stays in the journal."""
    scaled = [2 * bias for bias in model.info["calibration"]["bias"]]
    other = Model(model.graph, {**model.info, "calibration": {**model.info["calibration"], "bias": scaled}})
    results, said = tmp_path / "results", []
    classify_folder(archive, results, model=model)
    first = [(results / name).read_bytes() for name in TABLES]
    extracted.clear()
    assert classify_folder(archive, results, model=other, notice=said.append).resumed == 0
    assert len(extracted) == 12
    shown = f"model from {model.sha256[:12]}... to {other.sha256[:12]}..."
    text = f"what this model has not processed yet is processed again; changed since an earlier run: {shown}"
    assert text in said
    second = [(results / name).read_bytes() for name in TABLES]
    classify_folder(archive, tmp_path / "new", model=other)
    assert same_tables(results, tmp_path / "new")
    for again, tables in ((model, first), (other, second)):
        extracted.clear()
        assert classify_folder(archive, results, model=again, min_probability=None).resumed == 11
        assert extracted == ["day 0/broken.wav"]
        assert [(results / name).read_bytes() for name in TABLES] == tables
    assert len(read_entries(results, classes=3, model=model.sha256)) == 11
    analysis = read_entries(results, classes=3, model=other.sha256)["LOUD.FLAC"].analysis
    assert analysis.acoustic.tolist() == analyze(archive / "LOUD.FLAC", other).acoustic.tolist()


def test_classify_folder_other_model_interrupted(archive, model, tmp_path, monkeypatch):
    """The run of another model resumes from its own recordings."""
    other = Model(model.graph, {**model.info, "created_by": "somebody else"})
    classify_folder(archive, tmp_path, model=model)

    def interrupted(path, *rest, name, **options):
        if name == "day 1/take3.wav":
            raise KeyboardInterrupt
        return extract_one(path, *rest, name=name, **options)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "extract_one", interrupted)
        with pytest.raises(KeyboardInterrupt):
            classify_folder(archive, tmp_path, model=other)
    assert 3 <= classify_folder(archive, tmp_path, model=other).resumed < 11
    assert classify_folder(archive, tmp_path, model=model).resumed == 11


def test_classify_folder_journal_locked(archive, model, tmp_path):
    pytest.importorskip("fcntl")
    with Journal(tmp_path, {}, classes=3), pytest.raises(OutputError, match="in use by another batch"):
        classify_folder(archive, tmp_path, model=model)


# Finding files


def test_classify_folder_nested_results(model, tmp_path):
    recordings.write(tmp_path / "take.wav")
    recordings.write(tmp_path / "results" / "old.wav")
    result = classify_folder(tmp_path, tmp_path / "results", model=model)
    assert [row.recording for row in result.recordings] == ["take.wav"]


def test_classify_folder_links(model, tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    recordings.write(folder / "real" / "take.wav")
    recordings.write(elsewhere / "far.wav")
    (folder / "a loop").symlink_to(folder)
    (folder / "a link").symlink_to(folder / "real")
    (folder / "out").symlink_to(elsewhere)
    (folder / "lost.wav").symlink_to(tmp_path / "nowhere.wav")
    result = classify_folder(folder, tmp_path / "results", model=model)
    assert [row.recording for row in result.recordings] == ["lost.wav", "out/far.wav", "real/take.wav"]
    assert [row.reason for row in result.failed] == ["is a link whose target is missing"]


def test_classify_folder_no_audio(model, tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(UsageError, match=r"no recordings .*WAV, .*m4a"):
        classify_folder(tmp_path / "in", tmp_path / "out", model=model)
    assert not (tmp_path / "out").exists()


# The manifest


def test_classify_folder_own_columns(archive, model, tmp_path):
    """Side and the user's own columns in every table, with two processes and after a resumed run without them."""
    rows_given = ["day 0/take4.wav,left,1.50,NA", 'day 1/take1.wav,right,"a, ""b""",', "day 0/broken.wav,left,x,y"]
    path = tmp_path / "m.csv"
    path.write_text("\n".join(["file,side,x_Age_s,x_Arm", *(f"{archive}/{row}" for row in rows_given)]))
    resumed = classify_folder(archive, tmp_path / "resumed", model=model)
    assert resumed.extra == ()
    said = []
    resumed = classify_folder(archive, tmp_path / "resumed", model=model, manifest=path, notice=said.append)
    assert resumed.resumed == 11
    assert any(line.endswith("changed: side of 3 recordings, columns of your own of 3 recordings") for line in said)
    two = classify_folder(archive, tmp_path / "two", model=model, manifest=path, jobs=2)
    assert same_tables(resumed.results_dir, two.results_dir)
    expected = {
        "day 0/take4.wav": ("left", "1.50", "NA"),
        "day 1/take1.wav": ("right", 'a, "b"', ""),
        "day 0/broken.wav": ("left", "x", "y"),
    }
    for name in TABLES:
        table = rows(two.results_dir / name)
        assert list(table[0])[-2:] == ["x_Age_s", "x_Arm"]
        found = {row["recording"]: (row["side"], row["x_Age_s"], row["x_Arm"]) for row in table}
        assert {"day 0/take4.wav", "day 1/take1.wav"} <= found.keys()
        assert all(values == expected.get(name, ("", "", "")) for name, values in found.items())
    frame = two.to_dataframe()
    assert set(frame.loc[frame["recording"] == "day 0/take4.wav", "x_Arm"]) == {"NA"}
    assert frame.dtypes["x_Age_s"] == "string"
    (line,) = [line for line in (two.results_dir / JOURNAL).read_text().splitlines() if '"manifest"' in line]
    assert '"left",{"x_Age_s":"1.50","x_Arm":"NA"}' in line


def test_classify_folder_own_column_of_class(archive, model, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("file,x_rub\n")
    other = Model(model.graph, json.loads(json.dumps(model.info).replace("snapping", "x_rub")))
    with pytest.raises(LabelError, match=r"m\.csv: column x_rub is a class of the model; rename it"):
        classify_folder(archive, tmp_path / "out", model=other, manifest=path)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def two(tmp_path):
    """Two recordings of one knuckle, four minutes apart by the manifest."""
    for index in (1, 2):
        recordings.write(tmp_path / "in" / f"{index}.wav", ["cavitation"], seed=index)
    return tmp_path / "in"


def manifest(folder, *lines):
    path = folder / "manifest.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_classify_folder_manifest_timelines(two, model, tmp_path):
    path = manifest(
        two,
        "file,subject,site,cavities,recorded_at,symptoms",
        "1.wav,P1,MCP,,2026-11-22T10:15:00,",
        "./2.wav,P1,mcp,1,2026-11-22T10:19:00,pain",
    )
    first, second = classify_folder(two, tmp_path / "out", model=model, manifest=path).events
    assert (first["timing"], second["timing"]) == ("consistent", "refractory")
    assert second["since_cavitation_s"] == pytest.approx(240, abs=0.01)
    assert (second["subject"], second["site"]) == ("P1", "mcp")


def test_classify_folder_manifest_sides(two, model, tmp_path):
    """The same knuckle of the other hand is free."""
    lines = [f"{at}.wav,P1,mcp,{side},2026-11-22T10:1{at}:00" for at, side in ((1, "left"), (2, "right"))]
    path = manifest(two, "file,subject,site,side,recorded_at", *lines)
    found = classify_folder(two, tmp_path / "out", model=model, manifest=path).events
    assert [(row["side"], row["timing"]) for row in found] == [("left", "consistent"), ("right", "consistent")]


def test_classify_folder_mixed_offsets(two, model, tmp_path):
    """One warning for the study, in the run record as well."""
    said = []
    path = manifest(two, "file,recorded_at", "1.wav,2026-11-22T10:15:00+01:00", "2.wav,2026-11-22T10:15:00")
    classify_folder(two, tmp_path / "out", model=model, manifest=path, notice=said.append)
    (warning,) = [line for line in said if "offset" in line]
    assert warning.startswith("warning: 1 of 2 starting times has no offset from UTC (2.wav): ")
    assert warning in json.loads((tmp_path / "out" / "run.json").read_text())["notices"]
    first, second = rows(tmp_path / "out" / "recordings.csv")
    assert (first["recorded_at"], first["recorded_at_utc"]) == (
        "2026-11-22T10:15:00+01:00",
        "2026-11-22T09:15:00+00:00",
    )
    assert (second["recorded_at"], second["recorded_at_utc"]) == ("2026-11-22T10:15:00", "")
    said.clear()
    path = manifest(two, "file,recorded_at", "1.wav,2026-11-22T10:15:00+01:00", "2.wav,2026-11-22T10:15:00Z")
    classify_folder(two, tmp_path / "out", model=model, manifest=path, notice=said.append)
    assert not [line for line in said if "offset" in line]


def test_classify_folder_manifest_recorded_at(model, tmp_path):
    """The manifest takes precedence over the file name, in any time zone."""
    folder = tmp_path / "takes"
    folder.mkdir()
    for seed, name in enumerate(("20261122_101500Z.wav", "20261122_101900Z.wav"), start=1):
        recordings.write(folder / name, ["cavitation"], seed=seed)
    path = manifest(
        folder,
        "file,subject,site,recorded_at",
        "20261122_101500Z.wav,P1,mcp,",
        "20261122_101900Z.wav,P1,mcp,2026-11-22T12:25:00+02:00",
    )
    first, second = classify_folder(folder, tmp_path / "out", model=model, manifest=path).events
    assert first["recorded_at"] == "2026-11-22T10:15:00+00:00"
    assert second["recorded_at"] == "2026-11-22T12:25:00+02:00"
    assert second["since_cavitation_s"] == pytest.approx(600, abs=0.01)


def test_classify_folder_unreliable_times(model, tmp_path):
    folder = tmp_path / "takes"
    folder.mkdir()
    for number in (1, 2, 3, 4):
        recordings.write(folder / f"take{number}.wav", ["other"], seed=number, seconds=3)
    path = manifest(
        folder,
        "file,subject,site,recorded_at",
        "take1.wav,P1,mcp,2026-11-22T10:15:00",
        "take2.wav,P1,mcp,2026-11-22T10:05:00",
        "take3.wav,P1,mcp,2026-11-22T10:05:00",
        "take4.wav,P1,mcp,",
    )
    rows = classify_folder(folder, tmp_path / "out", model=model, manifest=path).recordings
    assert rows[0].info.warnings == ()
    assert "begins before take1.wav" in rows[1].info.warnings[0]
    assert any("overlaps in time with take2.wav" in line for line in rows[2].info.warnings)
    assert "no starting time" in rows[3].info.warnings[0]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,subjct", "1.wav,P1"], "unknown column 'subjct': allowed are file, subject"),
        (["subject", "P1"], "column file is missing"),
        (["file;subject,site", "1.wav;P1"], "separate the columns by one of them"),
        (["file,participant", "1.wav,P1"], r"did you mean subject\? Rename it, or remove it"),
        (["file,notes", "1.wav,x"], "unknown column 'notes'.*; rename it x_notes to keep it, or remove it"),
        (["file,recorded_at", "1.wav,1800-01-01T00:00"], "lies before 1900; check the year"),
        (["file,file", "1.wav,2.wav"], "named twice"),
        (["file", "3.wav"], "row 2: '3.wav' not found"),
        (["file", "1.wav", "./1.wav"], "row 3: './1.wav' is named before, in .*row 2"),
        (["file,site", "1.wav,hipp"], "row 2: site 'hipp' is unknown"),
        (["file,cavities", "1.wav,0"], "row 2: cavities 0 is out of range"),
        (["file,cavities", "1.wav,two"], "row 2: cavities 'two' is not a whole number"),
        (["file,recorded_at", "1.wav,today"], "row 2: recorded_at 'today' is not a date and time"),
        (["file,subject", "1.wav,P1,P2"], "row 2: 3 fields"),
        (["file,subject", ",P1"], "row 2: no file is named"),
    ],
)
def test_classify_folder_bad_manifest(two, model, tmp_path, lines, message):
    with pytest.raises(LabelError, match=message) as caught:
        classify_folder(two, tmp_path / "out", model=model, manifest=manifest(two, *lines))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


# The command


def test_main_failed_recordings(archive, model, tmp_path, capfd):
    model.save(tmp_path / "m.onnx")
    command = ["batch", str(archive), "-o", str(tmp_path / "out"), "--model", str(tmp_path / "m.onnx")]
    assert main(command) == 1
    out, err = capfd.readouterr()
    skipped, *_copies, summary, failure = err.splitlines()
    assert skipped == (
        "1 file skipped, not recognized as audio: notes.txt; 2 files skipped as hidden: .hidden/, .no.wav"
        f" (all in {tmp_path}/out/run.json)"
    )
    assert out == ""
    assert summary.startswith("11 of 12 recordings processed, 1 failed; ")
    assert failure.startswith("popclass: day 0/broken.wav: cannot be read as audio")
    assert main([*command, "--quiet"]) == 1
    assert capfd.readouterr().err.splitlines() == [failure]


def test_main_exit_codes(two, model, tmp_path, capfd):
    model.save(tmp_path / "m.onnx")
    command = ["batch", str(two), "-o", str(tmp_path / "out"), "--model", str(tmp_path / "m.onnx")]
    assert main(command) == 0
    for wrong in (["--jobs", "0"], ["--manifest", "missing.csv"], ["--refractory", "1"], ["--model", "missing.onnx"]):
        capfd.readouterr()
        assert main([*command, *wrong]) == 2
        assert len(capfd.readouterr().err.splitlines()) == 1
    for path in two.iterdir():
        path.write_bytes(b"")
    assert main(command) == 2


def test_classify_folder_bad_parameters(two, model, tmp_path):
    out = tmp_path / "out"
    for options in ({"jobs": 0}, {"min_probability": 1.5}, {"refractory": -1.0}, {"site": "hipp"}):
        with pytest.raises(UsageError):
            classify_folder(two, out, **{"model": model, **options})
    with pytest.raises(ModelError):
        classify_folder(two, out, model=tmp_path / "missing.onnx")
    with pytest.raises(UsageError, match="no such folder"):
        classify_folder(tmp_path / "nowhere", out, model=model)
    assert not out.exists()


def test_classify_folder_broken_link_beside_manifest(model, tmp_path):
    folder = tmp_path / "in"
    recordings.write(folder / "1.wav", ["cavitation"], seed=1)
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    manifest = folder / "m.csv"
    manifest.write_text("file,subject\n1.wav,P1\n")
    lines = []
    classify_folder(folder, tmp_path / "out", model=model, manifest=manifest, notice=lines.append)
    assert lines == [f"1 file skipped, not recognized as audio: gone.txt (all in {tmp_path}/out/run.json)"]


def test_classify_folder_notices(model, tmp_path):
    for name in ("1.wav", "2.wav"):
        recordings.write(tmp_path / name, ["cavitation"], seed=1)
    (tmp_path / "m.csv").write_text("file;recorded_at\n1.wav;9000-01-01T00:00\n", encoding="utf-16")
    lines = []
    classify_folder(tmp_path, tmp_path, model=model, manifest=tmp_path / "m.csv", notice=lines.append)
    assert "recorded_at of 1 recording lies in the future: 1.wav" in lines
    assert any(line.startswith("the results are written among the recordings") for line in lines)
    assert lines[-1] == "2 recordings have the same content as others; see warnings in recordings.csv"


def test_batch_result_repr(tmp_path):
    empty = BatchResult((), ("cavitation", "other"), tmp_path)
    assert repr(empty) == f"<BatchResult in '{tmp_path}', 0 recordings, 0 failed: no events>"
