"""Command `popclass clips`."""

import pytest
import recordings
from cli_runner import assert_refused


@pytest.fixture
def results(run, model, tmp_path):
    for index in range(2):
        recordings.write(tmp_path / "in" / f"{index}.wav", ["snapping", "other"], seed=index)
    assert run("batch", tmp_path / "in", "-o", tmp_path / "results", "--model", model, "--jobs", 1, "--quiet")[0] == 0
    return tmp_path / "results"


def test_clips(run, results, tmp_path):
    code, out, err = run("clips", results, "-o", tmp_path / "out")
    count = len(list((tmp_path / "out").rglob("*.wav")))
    assert (code, out) == (0, "")
    assert err[0].startswith(f"wrote {count} clips into {tmp_path / 'out'}: ")
    code, out, err = run("clips", results, "-o", tmp_path / "one", "--label", "other", "--between", "0", "1", "-n", "1")
    assert (code, out, err) == (0, "", [f"wrote 1 clip into {tmp_path / 'one'}: 1 other"])


def test_clips_recording_missing(run, results, tmp_path):
    (tmp_path / "in" / "0.wav").unlink()
    code, out, err = run("clips", results, "-o", tmp_path / "out")
    assert (code, out) == (1, "")
    assert [line.split(";")[0] for line in err if "popclass:" in line] == [
        "popclass: 0.wav: is no longer there",
        "popclass: 1 of 2 recordings failed",
    ]
    assert list((tmp_path / "out").rglob("1-*.wav"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--label", "creak"], ["no label 'creak'", "snapping ("]),
        (["--between", "0.5", "1.5"], ["--between '1.5' is out of range", "from 0 to 1"]),
        (["--between", "0.9", "0.1"], ["--between 0.9 0.1", "--between 0.1 0.9"]),
        (["--between", "0.9"], ["--between"]),
        (["-n", "0"], ["0 is not in the range x>=1"]),
        (["--recordings", "nowhere"], ["no such folder as nowhere"]),
        (["-o", "-"], ["-o -: clips are a folder"]),
    ],
)
def test_clips_wrong_option(run, results, tmp_path, arguments, words):
    assert_refused(run("clips", results, "-o", tmp_path / "out", *arguments), *words)
    assert not (tmp_path / "out").exists()
