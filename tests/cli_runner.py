"""Helpers for tests of the command line."""

import subprocess
import sys


def process(*argv, code=None, **options):
    """Run popclass, or Python code, as a process of its own."""
    command = [sys.executable, *(["-m", "popclass"] if code is None else ["-c", code]), *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def assert_refused(result, *words):
    """Assert exit code 2, an empty standard output and one line on standard error with these words."""
    code, out, lines = result
    assert (code, out, len(lines)) == (2, "", 1), result
    assert lines[0].startswith("popclass: ")
    for word in words:
        assert word in lines[0]
