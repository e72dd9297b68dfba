"""Standard input, output and error as the command line needs them: open, or safely not.

Whoever starts a process may have closed one of the three. Its number would then go to the next file that is opened, and
a library that writes a warning to standard error would write it into a recording or a result. So the number is taken:
reading or writing there fails as it would on a closed one, and what is said on standard error goes nowhere.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def fill_gaps() -> None:
    """Take the numbers of standard streams that are closed."""
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):  # the wrong way round: see the module
        try:
            os.fstat(number)
        except OSError:
            taken = os.open(os.devnull, flags)
            if taken != number:
                os.dup2(taken, number)
                os.close(taken)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def discard(stream: object) -> None:
    """Let what a standard stream still holds go nowhere; written at exit, it would fail once more and say so."""
    with suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[attr-defined]
        os.close(null)
