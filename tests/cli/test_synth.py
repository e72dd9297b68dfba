"""Command `popclass synth`."""

from cli_runner import assert_refused


def test_synth(run, tmp_path):
    code, out, err = run("synth", tmp_path / "made", "--seed", "1")
    assert (code, out, err) == (0, "", [f"wrote 1 session into {tmp_path / 'made'}"])
    assert (tmp_path / "made" / "labels.csv").is_file()
    assert_refused(run("synth", tmp_path / "made"), "not empty")
    assert_refused(run("synth", tmp_path / "other", "--sessions", "0"), "--sessions", "1<=x")
