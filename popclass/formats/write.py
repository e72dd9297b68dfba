"""Results written in any format, without loss of labels that were corrected by hand.

Users correct the very file that `classify --format audacity` or `--format raven` wrote, and the same command again
would replace their corrections. An existing file in these two formats is therefore replaced only by identical content.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from popclass.errors import OutputError, UsageError
from popclass.formats.audacity import audacity
from popclass.formats.csv_io import events_csv
from popclass.formats.jsonl import events_jsonl
from popclass.formats.raven import raven
from popclass.formats.table import table
from popclass.formats.terminal import terminal_table
from popclass.results import RecordingResult
from popclass.utils.files import STDOUT, write_text
from popclass.utils.text import one_line, visible

FORMATS: dict[str, Callable[[Sequence[RecordingResult]], Iterable[str]]] = {
    "table": table,
    "csv": events_csv,
    "jsonl": events_jsonl,
    "audacity": audacity,
    "raven": raven,
}
_CORRECTABLE = ("audacity", "raven")
_TRACK = re.compile(rb"(\d+\.\d{6}\t\d+\.\d{6}\t[^\t\n]+ (0\.\d\d|1\.00)\n)*[^\n]*")


def write_results(
    results: Sequence[RecordingResult],
    *,
    format: str = "table",
    target: str | os.PathLike[str] = STDOUT,
    keep_corrected: bool = False,
) -> bool:
    """Write results in one of `FORMATS`; a table for a terminal is laid out in its width.

    Parameters
    ----------
    results : sequence of RecordingResult
    format : str
        A key of `FORMATS`.
    target : path or "-"
        A file, which is written whole or not at all, or standard output.
    keep_corrected : bool
        Refuse to replace a label track or selection table that differs from these results.

    Returns
    -------
    bool
        False if the reader of standard output closed it early.

    Raises
    ------
    UsageError
        If the format is unknown or cannot hold these results.
    OutputError
        If `target` cannot be written, or differs and `keep_corrected` is set.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown format '{format}'; allowed are {', '.join(FORMATS)}")
    if format == "table" and os.fspath(target) == STDOUT and sys.stdout.isatty():
        return write_text(target, terminal_table(results))
    text = FORMATS[format](results)
    if keep_corrected and format in _CORRECTABLE:
        text = "".join(text)
        check_unchanged(target, text)
    return write_text(target, text)


def check_not_corrected(format: str, target: str | os.PathLike[str]) -> None:
    """Raise OutputError if `target` holds what popclass cannot have written; for use before the work.

    Formats other than `audacity` and `raven` are never refused.
    """
    content = _content(target) if format in _CORRECTABLE else None
    if content is None:
        return
    written = _TRACK.fullmatch(content) if format == "audacity" else content.startswith("".join(raven([])).encode())
    if not written:
        raise _corrected(target)


def check_unchanged(target: str | os.PathLike[str], text: str) -> None:
    """Raise OutputError if `target` exists and differs from the text that would replace it."""
    if _content(target) not in (None, visible(text).encode()):
        raise _corrected(target)


def _content(target: str | os.PathLike[str]) -> bytes | None:
    path = Path(target)
    if os.fspath(target) == STDOUT or not path.is_file():
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        shown = one_line(os.fspath(target))
        raise OutputError(f"{shown} cannot be read to see whether it was corrected: {error.strerror}") from error


def _corrected(target: str | os.PathLike[str]) -> OutputError:
    return OutputError(
        f"{one_line(os.fspath(target))} exists already and differs from the new results, it may hold corrected labels; "
        "choose another name, or move it away"
    )
