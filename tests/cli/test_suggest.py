"""Command `popclass suggest`."""

import csv
import sys

import pytest
import recordings
from cli_runner import assert_refused, process


@pytest.fixture
def folder(tmp_path):
    for index in range(2):
        recordings.write(tmp_path / "in" / f"{index}.wav", ["snapping", "other", "cavitation"], seed=index)
    return tmp_path / "in"


def test_suggest_table(run, folder, model, tmp_path):
    code, out, err = run("suggest", folder, "-o", tmp_path / "t.csv", "-n", 3, "--model", model)
    assert (code, out) == (0, "")
    assert err == [f"3 sounds of 6 suggested; wrote {tmp_path / 't.csv'}"]
    assert len(list(csv.DictReader((tmp_path / "t.csv").open()))) == 3


def test_suggest_page(run, folder, model, tmp_path):
    assert run("suggest", folder, "-o", tmp_path / "page.html", "-n", 3, "--model", model)[0] == 0
    assert "3 sounds to label" in (tmp_path / "page.html").read_text("utf-8")


def test_suggest_stdout(run, folder, model):
    code, out, _ = run("suggest", folder, "-o", "-", "-n", 3, "--model", model)
    assert (code, out.splitlines()[0]) == (0, "file,start_s,end_s,label,subject,site,recorded_at")


def test_suggest_bad_file(run, folder, model, tmp_path):
    (folder / "bad.wav").write_bytes(b"RIFF")
    code, _, err = run("suggest", folder, "-o", tmp_path / "t.csv", "--model", model)
    assert code == 1
    assert [line for line in err if line.startswith("popclass: bad.wav: ")]
    assert err[-1] == "popclass: 1 of 3 recordings failed"
    assert (tmp_path / "t.csv").exists()


def test_suggest_only_bad_files(run, model, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.wav").write_bytes(b"RIFF")
    assert run("suggest", tmp_path / "in", "-o", tmp_path / "t.csv", "--model", model)[0] == 2
    assert not (tmp_path / "t.csv").exists()


def test_suggest_label_warnings(run, folder, model, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("file,start_s,label\nin/0.wav,0.2,unsure\n")
    _, _, err = run("suggest", folder, "-o", tmp_path / "t.csv", "--model", model, "--labels", labels)
    assert err[0] == "warning: 1 sound labelled 'unsure' left out: in/0.wav 1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-n", "0"], ["0 is not in the range"]),
        (["-n", "501"], ["501 is not in the range"]),
        (["-o", "page.txt"], ["page (.html) or a table (.csv)"]),
        (["-o", "nowhere/page.html"], ["there is no folder", "nowhere"]),
        (["--labels", "nowhere.csv"], ["nowhere.csv"]),
        (["--manifest", "nowhere.csv"], ["nowhere.csv"]),
    ],
)
def test_suggest_wrong_option(run, folder, model, tmp_path, arguments, words):
    given = [] if "-o" in arguments else ["-o", tmp_path / "t.csv"]
    assert_refused(run("suggest", folder, "--model", model, *given, *arguments), *words)
    assert not (tmp_path / "t.csv").exists()


def test_suggest_help_fast():
    code = (
        "import sys; from popclass.cli import main; main(['suggest', '--help']); "
        "print([name for name in ('numpy', 'sklearn', 'soundfile') if name in sys.modules])"
    )
    done = process(code=code)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert "popclass suggest recordings/ -o to_label.html" in done.stdout
    assert sys.version_info
