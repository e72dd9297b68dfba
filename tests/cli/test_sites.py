"""Command `popclass sites`."""

import os

import pytest
from cli_runner import process


@pytest.mark.parametrize("columns", [80, 120])
def test_sites_width(columns):
    done = process("sites", env={**os.environ, "COLUMNS": str(columns), "POPCLASS_SITES": ""})
    assert max(map(len, done.stdout.splitlines())) <= columns
    assert {"unverified", "shoulder", "20min"} <= set(done.stdout.split())


def test_sites(run):
    from popclass.timing.sites import SITES

    code, out, err = run("sites")
    assert (code, err) == (0, [])
    assert [line.split()[0] for line in out.splitlines()[2:] if not line.startswith(" ")] == list(SITES)
