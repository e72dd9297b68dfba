"""Command `popclass batch`."""

import pytest
import recordings


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--symptom", "pain"], "batch has no --symptom: give --manifest a CSV with the columns file and symptoms"),
        (["--subject", "P1"], "batch has no --subject: give --manifest a CSV with the columns file and subject"),
        (["--jobs", "two"], "'two' is not a valid whole number from 1 to 256"),
        (["--jobs", "257"], "257 is not in the range 1<=x<=256"),
    ],
)
def test_batch_options_of_other_commands(run, tmp_path, arguments, expected):
    code, out, (line,) = run("batch", tmp_path, "-o", tmp_path / "out", *arguments)
    assert (code, out) == (2, "")
    assert expected in line
    assert "Did you mean" not in line


def test_batch_earlier_report_is_named(run, tmp_path):
    """A page of an earlier run beside new tables may show other labels."""
    recordings.write(tmp_path / "in" / "a.wav", ["cavitation"])
    model = recordings.make_model(tmp_path / "m.onnx")
    command = ("batch", tmp_path / "in", "-o", tmp_path / "out", "--model", model, "--jobs", "1")
    warning = f"warning: {tmp_path}/out/report.html is from an earlier run"
    assert warning not in "\n".join(run(*command, "--report")[2])
    assert warning in "\n".join(run(*command, "--min-probability", "0.9")[2])
    assert warning not in "\n".join(run(*command, "--report")[2])
    assert warning not in "\n".join(run(*command, "--quiet")[2])
