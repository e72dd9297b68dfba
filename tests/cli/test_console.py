"""Recordings named on the command line."""

from cli_runner import assert_refused


def test_check_paths(run, recording, tmp_path):
    assert_refused(run("classify", recording, "-o", recording), "is a recording")
    assert_refused(run("classify", recording, tmp_path / ".." / tmp_path.name / "hip.wav"), "given twice")
    assert_refused(run("features", recording, "-o", recording), "is a recording")
    assert_refused(run("classify", recording, "b.wav", "--recorded-at", "2026-11-22T10:15:00"), "single recording")
    assert_refused(run("classify", recording, "b.wav", "--format", "audacity"), "single recording")
    assert_refused(run("classify"), "RECORDING", "classify --help")
