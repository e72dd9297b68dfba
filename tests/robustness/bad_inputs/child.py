"""Puts kinds of bad inputs through the library and the command line, one after the other in one process.

    python -m bad_inputs.child FOLDER RESULTS PART PARTS

Each line of RESULTS is JSON about one kind: what `popclass.classify` returned or raised, exit code, standard output and
standard error of `popclass classify`, seconds, and the largest resident memory of the process so far. A kind that takes
longer than its time is interrupted, and says so; one that ends the process is the last that was begun.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from bad_inputs.kinds import Kind
from bad_inputs.registry import KINDS

SECONDS = 10
ADDRESS_SPACE = 6 << 30  # far above what is allowed, so that a mistake ends this process and not the machine


class TooLongError(BaseException):
    """No `except Exception` may swallow it."""


def main(folder: str, results: str, part: str, parts: str) -> None:
    import popclass.batch  # so that the first kind does not pay for the imports
    import popclass.pipeline

    del popclass
    limit = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, limit[1]))
    signal.signal(signal.SIGALRM, _too_long)
    with open(results, "w", encoding="ascii") as out:
        for kind in KINDS[int(part) :: int(parts)]:
            print(json.dumps({"begun": kind.name}), file=out, flush=True)
            print(json.dumps(put_through(kind, Path(folder))), file=out, flush=True)


def put_through(kind: Kind, folder: Path) -> dict[str, Any]:
    """What became of one kind."""
    path = os.path.join(os.fsencode(folder), kind.file_name)
    began = time.monotonic()
    found = {"kind": kind.name, **_library(os.fsdecode(path)), **_command(os.fsdecode(path))}
    return {**found, "seconds": time.monotonic() - began, "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    """The most memory this process has had; the system's count begins with that of the process it was started by."""
    with suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _too_long(number: int, frame: object) -> None:
    raise TooLongError


@contextmanager
def _in_time() -> Iterator[None]:
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def _library(path: str) -> dict[str, Any]:
    import popclass

    try:
        with _in_time():
            result = popclass.classify(path)
    except BaseException as error:
        return {"raised": type(error).__name__, "message": str(error), "where": traceback.format_exc()}
    numbers = [value for event in result.rows() for value in event.values() if isinstance(value, float)]
    finite = all(abs(value) < 1e300 for value in numbers)
    return {"raised": None, "warnings": list(result.warnings), "events": len(result.events), "finite": finite}


def _command(path: str) -> dict[str, Any]:
    from popclass.cli import main as popclass_main

    argv = ["classify", path, "--format", "csv"]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = _with_output(out.fileno(), err.fileno(), lambda: popclass_main(argv))
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "surrogateescape"))
    return {"code": code, "stdout": texts[0], "stderr": texts[1]}


def _with_output(out: int, err: int, run: Callable[[], int]) -> int | str:
    """Run with standard output and error of the process, and so of every library in it, in these files."""
    kept = [os.dup(1), os.dup(2)]
    try:
        with open(os.dup(out), "w") as text_out, open(os.dup(err), "w") as text_err:
            os.dup2(out, 1)
            os.dup2(err, 2)
            with redirect_stdout(text_out), redirect_stderr(text_err), _in_time():
                return run()
    except BaseException:
        os.write(err, traceback.format_exc().encode("utf-8", "backslashreplace"))
        return "raised"
    finally:
        for number, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)


if __name__ == "__main__":
    main(*sys.argv[1:])
