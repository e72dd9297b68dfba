"""Tests of popclass.batch.journal: resuming after interruption, damage and write errors."""

import csv
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import recordings
from analyses import analyses, same_analysis
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.batch import classify_folder, worker
from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import Journal, can_continue, read_entries
from popclass.batch.lines import seal, to_line
from popclass.batch.worker import extract_one
from popclass.cli import main
from popclass.errors import OutputError
from popclass.model.model import Model
from popclass.utils.files import Stamp

TABLES = ("events.csv", "bursts.csv", "recordings.csv")

# The command with slowed extraction, so that it can be interrupted.
SLOW = """
import sys, time, popclass.batch.worker as worker
from popclass.batch.worker import extract_one
def slow(*a, **k):
    time.sleep({pause})
    return extract_one(*a, **k)
worker.extract_one = slow
if __name__ == "__main__":
    from popclass.cli import main
    sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx")
    return Model.load(path), path


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "archive"
    for index in range(12):
        recordings.write(folder / f"take{index:02}.wav", [recordings.KINDS[index % 3]] * (index % 3), seed=index)
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture(scope="module")
def done(archive, model, tmp_path_factory):
    return classify_folder(archive, tmp_path_factory.mktemp("done"), model=model[0]).results_dir


@pytest.fixture
def command(archive, model, tmp_path):
    def made(results, *options, pause=0.02):
        script = tmp_path / f"slow_{pause}.py"
        script.write_text(SLOW.format(pause=pause))
        return [sys.executable, script, "batch", archive, "-o", results, "--model", model[1], *options]

    return made


def same_tables(one, other):
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in TABLES)


def journal_started(results, lines=2):
    """Return True if the journal has at least `lines` lines."""
    journal = results / JOURNAL
    return journal.exists() and journal.read_bytes().count(b"\n") >= lines


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_classify_folder_killed(archive, model, done, command, tmp_path):
    """Fifteen kills at random moments, each run resuming from the journal of the previous one."""
    moments = random.Random(0)
    results = tmp_path / "results"
    killed = 0
    for round_ in range(15):
        jobs = ("--jobs", str(1 + round_ % 3 // 2))
        with subprocess.Popen(command(results, *jobs), stderr=subprocess.DEVNULL) as child:
            wait_for(lambda: journal_started(results, 1) or child.poll() is not None)
            time.sleep(moments.uniform(0, 0.25))
            child.kill()
            killed += child.wait() == -signal.SIGKILL
        for name in TABLES:  # whole, or not there
            assert not (results / name).exists() or same_tables(results, done)
        if all((results / name).exists() for name in TABLES):
            shutil.rmtree(results)
    assert killed >= 10
    classify_folder(archive, results, model=model[0])
    assert same_tables(results, done)


def test_journal_truncated(archive, model, done, tmp_path):
    whole = (done / JOURNAL).read_bytes()
    moments = random.Random(1)
    for cut in [0, 1, len(whole) - 1, *(moments.randrange(len(whole)) for _ in range(12))]:
        (tmp_path / JOURNAL).write_bytes(whole[:cut])
        result = classify_folder(archive, tmp_path, model=model[0])
        assert result.resumed == max(0, whole[:cut].count(b"\n") - 1)
        assert same_tables(tmp_path, done)
        for name in TABLES:
            (tmp_path / name).unlink()


def test_journal_damaged_line(archive, model, done, tmp_path):
    lines = (done / JOURNAL).read_bytes().splitlines(keepends=True)
    lines[3] = b"\0" * (len(lines[3]) - 1) + b"\n"
    (tmp_path / JOURNAL).write_bytes(b"".join(lines))
    assert classify_folder(archive, tmp_path, model=model[0]).resumed == 11
    assert same_tables(tmp_path, done)


@settings(deadline=None)
@given(analyses(), st.integers(0, 2**60), st.tuples(st.integers(0, 2**60), st.integers(0, 2**32 - 1)))
def test_journal_exact(tmp_path_factory, analysis, size, piece):
    folder = tmp_path_factory.mktemp("journal")
    line = to_line(analysis.info.name, analysis, Stamp(size, size), piece)
    with Journal(folder, {}, classes=3) as journal:
        (entry,) = journal.add([line])
    for found in (entry, read_entries(folder, classes=3)[analysis.info.name]):
        assert same_analysis(found.analysis, analysis)
        assert (found.stamp, found.fingerprint) == (Stamp(size, size), piece)


@settings(max_examples=50, deadline=None)
@given(many=st.lists(analyses(), min_size=1, max_size=3, unique_by=lambda each: each.info.name), draw=st.data())
def test_journal_round_trip(tmp_path_factory, many, draw):
    """After a change of any byte behind the header only undamaged lines are read."""
    folder = tmp_path_factory.mktemp("journal")
    lines = {each.info.name: to_line(each.info.name, each, Stamp(1, 1), (1, 1)) for each in many}
    known = {each.info.name: each for each in many}
    with Journal(folder, {"popclass": "0"}, classes=3) as journal:
        journal.add(lines.values())
        journal.note_manifest({"a.wav": ["P1", "hip", 2, None]})
    with Journal(folder, {"popclass": "0"}, classes=3) as journal:
        assert journal.entries.keys() == lines.keys()
        assert all(same_analysis(entry.analysis, known[name]) for name, entry in journal.entries.items())
        assert journal.manifest == {"a.wav": ["P1", "hip", 2, None]}
    data = bytearray((folder / JOURNAL).read_bytes())
    at = draw.draw(st.integers(data.index(b"\n") + 1, len(data) - 1))
    data[at] ^= draw.draw(st.integers(1, 255))
    (folder / JOURNAL).write_bytes(bytes(data))
    with Journal(folder, {"popclass": "0"}, classes=3) as journal:
        assert journal.entries.keys() <= lines.keys()
        assert all(same_analysis(entry.analysis, known[name]) for name, entry in journal.entries.items())
        assert len(journal.entries) >= len(lines) - 2  # a line end that is damaged takes the next line with it
        assert journal.manifest in (None, {"a.wav": ["P1", "hip", 2, None]})


def test_journal_foreign_line(tmp_path):
    """A foreign line is ignored, even if its checksum is valid."""
    foreign = [{"recording": "a.wav"}, {"piece": 1}, {"recording": "a.wav", "size": 1, "mtime_ns": 1}]
    with Journal(tmp_path, {}, classes=3) as journal:
        for content in foreign:
            with pytest.raises(KeyError):
                journal.add([seal(content)])
        with pytest.raises(ValueError, match="damaged"):
            journal.add(["{}\n"])
    assert (tmp_path / JOURNAL).read_bytes().count(b"\n") == 5
    with Journal(tmp_path, {}, classes=3) as journal:
        assert journal.entries == {}


def test_classify_folder_changed_file(archive, model, tmp_path, monkeypatch):
    folder = tmp_path / "archive"
    shutil.copytree(archive, folder)
    classify_folder(folder, tmp_path / "out", model=model[0])
    processed = []
    monkeypatch.setattr(
        worker, "extract_one", lambda path, *a, name: processed.append(name) or extract_one(path, *a, name=name)
    )
    recordings.write(folder / "take01.wav", ["other"], seed=9)  # of the same size
    os.utime(folder / "take02.wav", (1, 1))
    classify_folder(folder, tmp_path / "out", model=model[0])
    assert sorted(processed) == ["broken.wav", "take01.wav", "take02.wav"]
    classify_folder(folder, tmp_path / "again", model=model[0])
    assert same_tables(tmp_path / "out", tmp_path / "again")


@pytest.mark.slow
def test_main_interrupted(archive, model, done, command, tmp_path):
    for jobs in ("1", "2"):
        results = tmp_path / jobs
        with subprocess.Popen(
            command(results, "--jobs", jobs, pause=0.1), stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as child:
            wait_for(lambda: journal_started(results, 5))  # noqa: B023 - of two chunks
            os.killpg(child.pid, signal.SIGINT)  # as a terminal does, to the workers too
            began = time.monotonic()
            _, err = child.communicate(timeout=30)
            took = time.monotonic() - began
        assert child.returncode == 130, err
        assert took < 10  # a second where nothing else is going on
        (line,) = err.splitlines()
        assert line.startswith("popclass: interrupted after ")
        assert line.endswith(f"of 13 recordings; the same command continues from there, using {results}/{JOURNAL}")
        assert classify_folder(archive, results, model=model[0]).resumed >= 2
        assert same_tables(results, done)


@pytest.mark.slow
def test_main_folder_in_use(archive, model, done, command, tmp_path):
    pytest.importorskip("fcntl")
    results = tmp_path / "results"
    with subprocess.Popen(command(results, "--jobs", "1", pause=0.4), stderr=subprocess.DEVNULL) as first:
        wait_for(lambda: journal_started(results))
        second = subprocess.run(command(results), capture_output=True, text=True, check=False)
        assert first.wait() == 1
    assert second.returncode == 2
    assert second.stderr.strip().endswith("is in use by another batch; wait or name another folder")
    assert same_tables(results, done)


def test_main_killed_worker(archive, model, done, tmp_path):
    """The worker writes its process id at one recording and is killed there once."""
    script = tmp_path / "batch.py"
    script.write_text(
        "import os, sys, time, popclass.batch.worker as worker\n"
        "from popclass.batch.worker import extract_one\n"
        f"pid = {os.fspath(tmp_path / 'pid')!r}\n"
        "def waiting(path, *a, name, **k):\n"
        "    if name == 'take05.wav' and not os.path.exists(pid):\n"
        "        open(pid + '.part', 'w').write(str(os.getpid()))\n        os.replace(pid + '.part', pid)\n"
        "        time.sleep(60)\n"
        "    return extract_one(path, *a, name=name, **k)\n"
        "worker.extract_one = waiting\n"
        "if __name__ == '__main__':\n    from popclass.cli import main\n    sys.exit(main(sys.argv[1:]))\n"
    )
    results = tmp_path / "results"
    line = [sys.executable, script, "batch", archive, "-o", results, "--model", model[1], "--jobs", "2"]
    with subprocess.Popen(line, stderr=subprocess.DEVNULL) as child:
        wait_for((tmp_path / "pid").exists)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        assert child.wait(timeout=60) == 1
    assert same_tables(results, done)


# Where nothing can be written


def test_main_disk_full(archive, model, done, command, tmp_path):
    """A file size limit below the size of the journal simulates a full disk."""
    resource = pytest.importorskip("resource")
    whole = (done / JOURNAL).stat().st_size

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails, as it does on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (whole // 2, whole // 2))

    results = tmp_path / "results"
    ended = subprocess.run(
        command(results, "--jobs", "1", pause=0.0), capture_output=True, text=True, check=False, preexec_fn=limit
    )
    assert ended.returncode == 2
    assert ended.stderr == f"popclass: cannot write {results / JOURNAL}: {os.strerror(errno.EFBIG)}\n"
    assert [path.name for path in results.iterdir()] == [JOURNAL]
    assert classify_folder(archive, results, model=model[0]).resumed >= 2
    assert same_tables(results, done)


def test_main_unwritable_folder(archive, model, tmp_path, capfd):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "taken" / JOURNAL).mkdir(parents=True)
    places = [tmp_path / "file", tmp_path / "file" / "below", tmp_path / "taken"]
    if os.path.isdir("/proc/self"):
        places.append("/proc/popclass")  # read-only for everybody
    for place in places:
        capfd.readouterr()
        assert main(["batch", str(archive), "-o", str(place), "--model", str(model[1])]) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert str(place) in line


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_classify_folder_read_only(archive, model, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="cannot write"):
            classify_folder(archive, tmp_path, model=model[0])
    finally:
        tmp_path.chmod(0o700)


# What is found and how it is written


def test_classify_folder_formula_names(model, tmp_path):
    folder = tmp_path / "in"
    names = ["=1+1.wav", "+2.wav", "-3.wav", "@sum.wav", "\ttab.wav", "=d/plain.wav", "ok=.wav", "Übung.WAV"]
    for index, name in enumerate(names):
        recordings.write(folder / name, ["cavitation"], seed=index)
    (folder / "=broken.wav").write_bytes(b"")
    (folder / "._Übung.WAV").write_bytes(b"left by a Mac")
    (folder / "m.csv").write_text("file,subject\n=1+1.wav,P1\n./-3.wav,-3\nÜbung.WAV,P2\n", encoding="utf-8")
    options = {"model": model[0], "manifest": folder / "m.csv"}
    result = classify_folder(folder, tmp_path / "out", **options)
    for table in TABLES:
        with open(tmp_path / "out" / table, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        texts = [text for row in rows for text in row.values() if not is_number(text)]
        assert not [text for text in texts if text.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "./=1+1.wav" in (tmp_path / "out" / "events.csv").read_text()
    assert all((folder / row.recording).is_file() for row in result.recordings)
    assert {row.recording for row in result.recordings if row.info.subject} == {"./=1+1.wav", "./-3.wav", "Übung.WAV"}
    assert [row.recording for row in result.failed] == ["./=broken.wav"]
    assert classify_folder(folder, tmp_path / "out", **options).resumed == len(names)


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_classify_folder_duplicate_content(model, tmp_path):
    folder = tmp_path / "in"
    recordings.write(folder / "a.wav", ["cavitation"])
    for name in ("b.wav", "c.wav"):
        shutil.copy(folder / "a.wav", folder / name)
    recordings.write(folder / "other.wav", ["cavitation"], seed=3)  # of the same size
    recordings.write(folder / "nearly.wav", ["cavitation"])
    with open(folder / "nearly.wav", "r+b") as file:  # another sample at the end, far from the middle
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    for _ in range(2):  # the second time by the journal
        result = classify_folder(folder, tmp_path / "out", model=model[0])
        warned = {row.recording: row.info.warnings for row in result.recordings if row.info.warnings}
        assert warned == {
            "a.wav": ("same content as b.wav and 1 more",),
            "b.wav": ("same content as a.wav and 1 more",),
            "c.wav": ("same content as a.wav and 1 more",),
        }


# The manifest of one run and the next


def test_main_manifest_changed(model, tmp_path, capfd):
    folder = tmp_path / "in"
    for index in (1, 2):
        recordings.write(folder / f"{index}.wav", ["cavitation"], seed=index)
    manifest = folder / "m.csv"
    manifest.write_text("file,subject,site\n1.wav,P1,mcp\n")
    line = ["batch", str(folder), "-o", str(tmp_path / "out"), "--model", str(model[1])]

    def notices(*more):
        assert main([*line, *more]) == 0
        return capfd.readouterr().err.splitlines()[:-1]

    unnamed = f"1 of 2 recordings not in {manifest}, each with a timeline of its own: 2.wav"
    given = ("--manifest", str(manifest))
    assert notices(*given) == [unnamed]
    assert notices(*given) == [unnamed]
    manifest.write_text("file,subject,site\n1.wav,P2,mcp\n2.wav,P2,\n")
    change = "differs from an earlier run; labels follow; changed: subject of 2 recordings"
    assert notices(*given) == [f"{manifest} {change}"]
    gone = (
        "no manifest, but an earlier run had one; labels follow; changed: subject of 2 recordings, site of 1 recording"
    )
    assert notices() == [gone, f"1 file skipped, not recognized as audio: m.csv (all in {tmp_path}/out/run.json)"]
    assert notices() == [f"1 file skipped, not recognized as audio: m.csv (all in {tmp_path}/out/run.json)"]
    (new,) = notices(*given)
    assert new.startswith(f"{manifest} is new; earlier runs had none; labels follow; changed: ")


def test_classify_folder_manifest_missing_files(model, tmp_path):
    from popclass.errors import LabelError

    recordings.write(tmp_path / "in" / "1.wav")
    (tmp_path / "in" / "m.csv").write_text("file\n1.wav\n2.wav\n3.wav\n")
    with pytest.raises(LabelError, match=r"row 3: '2.wav' not found, nor are 1 further files it names; paths"):
        classify_folder(tmp_path / "in", tmp_path / "out", model=model[0], manifest=tmp_path / "in" / "m.csv")
    (tmp_path / "in" / "m.csv").write_text("file,subject\n1.wav,=HYPERLINK(1)\n")
    with pytest.raises(LabelError, match=r"row 2: subject '=HYPERLINK\(1\)' begins like a spreadsheet formula"):
        classify_folder(tmp_path / "in", tmp_path / "out", model=model[0], manifest=tmp_path / "in" / "m.csv")


def test_classify_folder_manifest_encoding(model, tmp_path):
    """The same name in two encodings would count as two subjects."""
    from popclass.errors import LabelError

    recordings.write(tmp_path / "in" / "1.wav")
    path = tmp_path / "in" / "m.csv"
    path.write_bytes("file,subject\n1.wav,M\u00fcller\n".encode("latin-1"))
    with pytest.raises(LabelError, match=r"row 2: subject 'M\\xfcller' is not UTF-8: save the table as UTF-8"):
        classify_folder(tmp_path / "in", tmp_path / "out", model=model[0], manifest=path)
    path.write_text("file,subject\n1.wav,M\u00fcller\n", encoding="utf-8")
    (row,) = classify_folder(tmp_path / "in", tmp_path / "out", model=model[0], manifest=path).recordings
    assert row.info.subject == "M\u00fcller"


def test_main_assumed_site(model, tmp_path, capfd):
    for index in (1, 2, 3):
        recordings.write(tmp_path / "in" / f"{index}.wav", ["cavitation"], seed=index)
    path = tmp_path / "in" / "m.csv"
    path.write_text("file,site\n1.wav,knee\n2.wav,mcp\n")
    line = ["batch", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", str(model[1])]
    assert main([*line, "--site", "hip", "--manifest", str(path)]) == 0
    notices = [text for text in capfd.readouterr().err.splitlines() if text.startswith("site ")]
    assert [text.split(":")[0] for text in notices] == ["site hip", "site knee"]
    assert all("no audible cavitation is documented there" in text for text in notices)
    assert set(notices) <= set(json.loads((tmp_path / "out" / "run.json").read_text())["notices"])
    assert main([*line, "--site", "hip", "--manifest", str(path), "--quiet"]) == 0
    assert capfd.readouterr().err == ""


def test_main_misspelt_symptom(model, tmp_path, capfd):
    recordings.write(tmp_path / "in" / "1.wav")
    path = tmp_path / "in" / "m.csv"
    path.write_text("file,symptoms\n1.wav,pain;swollen-legz\n")
    line = ["batch", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", str(model[1])]
    assert main([*line, "--manifest", str(path)]) == 2
    (message,) = capfd.readouterr().err.splitlines()
    assert "row 2: " in message
    assert "swollen-legz" in message
    assert not (tmp_path / "out").exists()


def test_main_fresh_interrupted(archive, model, tmp_path, monkeypatch, capfd):
    """An interruption leaves no old table beside a new journal, and its message names the command that resumes."""
    results, line = tmp_path / "out", ["batch", str(archive), "--model", str(model[1]), "--jobs", "1"]
    assert main([*line, "-o", str(results)]) == 1
    before = {name: (results / name).read_bytes() for name in TABLES}
    plain = worker.extract_one

    def interrupted(path, *rest, name, **options):
        if name == "take08.wav":
            raise KeyboardInterrupt
        return plain(path, *rest, name=name, **options)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "extract_one", interrupted)
        capfd.readouterr()
        assert main([*line, "-o", str(results), "--fresh"]) == 130
    message = capfd.readouterr().err.splitlines()[-1]
    assert message.endswith(f"; the same command without --fresh continues from there, using {results}/{JOURNAL}")
    assert [path.name for path in results.iterdir()] == [JOURNAL]
    assert main([*line, "-o", str(results)]) == 1
    assert {name: (results / name).read_bytes() for name in TABLES} == before


def test_can_continue(archive, model, done, tmp_path):
    """Not for another folder or version, as a batch refuses them; other options are no hindrance."""
    results = shutil.copytree(done, tmp_path / "results")
    assert can_continue(results, archive)
    assert can_continue(tmp_path / "none", archive)
    moved = shutil.copytree(archive, tmp_path / "moved")
    assert not can_continue(results, moved)
    with pytest.raises(OutputError, match="is of another folder"):
        classify_folder(moved, results, model=model[0])
    classify_folder(moved, results, model=model[0], fresh=True)
    assert can_continue(results, moved)


@pytest.mark.parametrize(("line", "expected"), [(b"", True), (b'{"journal":3,"pop', True), (b'{"journal":}\n', False)])
def test_can_continue_damaged(tmp_path, line, expected):
    (tmp_path / JOURNAL).write_bytes(line)
    assert can_continue(tmp_path, tmp_path) is expected
