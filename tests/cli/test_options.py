"""Shared options."""

import pytest
from cli_runner import assert_refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--site", "hipp"], ["mcp, hand", "'hip'"]),
        (["--cavities", "0"], ["--cavities", "1<=x<=1000"]),
        (["--cavities", "two"], ["--cavities", "whole number", "from 1 to 1000"]),
        (["--refractory", "20"], ["--refractory", "unit", "90s"]),
        (["--refractory", "48h"], ["--refractory", "1ms to 24h"]),
        (["--count-by", "thrust"], ["--count-by", "burst", "pop"]),
        (["--class-frequencies", "mine"], ["--class-frequencies", "estimate", "model"]),
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
def test_options_wrong_value(run, recording, options, words):
    assert_refused(run("classify", recording, *options), *words)
