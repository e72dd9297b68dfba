"""Command `popclass batch`."""

import pytest


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
