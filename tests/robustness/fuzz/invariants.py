"""Invariants of every input, whatever its bytes, shared by the fuzz targets.

An input is used, or refused by a documented exception whose message is one printable line. The answer is the same
every time and comes within a time limit. Anything else raises `BrokenError`.
"""

from __future__ import annotations

import atexit
import shutil
import signal
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

LIMIT_S = 20.0  # seconds of processor time for one input of at most some tens of kilobytes


class BrokenError(AssertionError):
    """Violation of an invariant."""


class TooSlow(BaseException):
    """An input took too long; no `except Exception` of the code under test can swallow it."""


@dataclass(frozen=True)
class Refused:
    """An input was not used, for this reason."""

    kind: str
    message: str


def attempt(work: Callable[[], Any], *allowed: type[Exception]) -> Any:
    """What `work` gives, or `Refused` where it raised one of the allowed exceptions with a clear line."""
    try:
        return work()
    except allowed as error:
        check_line(str(error))
        return Refused(type(error).__name__, str(error))


def twice(work: Callable[[], Any], *allowed: type[Exception]) -> Any:
    """`attempt`, whose outcome must be the same the second time."""
    first, second = attempt(work, *allowed), attempt(work, *allowed)
    check(repr(first) == repr(second), f"two answers: {first!r}, {second!r}")
    return first


def check(kept: bool, invariant: str) -> None:
    """Raise `BrokenError` if an invariant is violated."""
    if not kept:
        raise BrokenError(invariant[:500])


def check_line(text: str) -> None:
    """A message is one line that can be printed anywhere."""
    check(bool(text.strip()), "an empty message")
    bad = [char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
    check(not bad, f"a message with {bad[:3]!r}: {text!r}")


@contextmanager
def time_limit(seconds: float = LIMIT_S) -> Iterator[None]:
    """Raise `TooSlow` where the block takes more processor time; only where the system has such a timer."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _too_slow)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _too_slow(number: int, frame: Any) -> None:
    raise TooSlow(f"more than {LIMIT_S:g} s of processor time")


@cache
def workplace(name: str) -> Path:
    """A folder of this process for the files of a target; gone when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix=f"popclass-fuzz-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
