"""Results written in any format, without loss of labels that were corrected by hand.

JSON lines hold one object an event: `schema_version` and the keys of `popclass.schema.event_columns`, with the numbers
of the CSV and null for unknown values.

Users correct the very file that `classify --format audacity` or `--format raven` wrote, and the same command again
would replace their corrections. An existing file in these two formats is therefore replaced only by identical content.
In the other formats only a file that popclass wrote is replaced: a table of labels made by hand has the same suffix.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from popclass.errors import OutputError, UsageError
from popclass.formats.csv_io import events_csv
from popclass.formats.table import table
from popclass.formats.terminal import terminal_table
from popclass.formats.text import fields
from popclass.formats.tracks import audacity, raven
from popclass.results import RecordingResult
from popclass.schema import SCHEMA_VERSION, event_columns
from popclass.utils.files import STDOUT, Target, write_text
from popclass.utils.text import one_line, visible


def events_jsonl(results: Iterable[RecordingResult]) -> Iterator[str]:
    """Yield the events of several recordings as JSON lines."""
    for result in results:
        for row in fields(result):
            yield json.dumps({"schema_version": SCHEMA_VERSION, **row}, ensure_ascii=False, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Sequence[RecordingResult]], Iterable[str]]] = {
    "table": table,
    "csv": events_csv,
    "jsonl": events_jsonl,
    "audacity": audacity,
    "raven": raven,
}
FEATURES, PAGE = "features", "page"
FEATURE_COLUMNS = ("recording", "event", "start_s")  # the features follow
_TRACK = re.compile(rb"(\d+\.\d{6}\t\d+\.\d{6}\t[^\t\n]+ (0\.\d\d|1\.00)\n)*[^\n]*\Z")
_CORRECTABLE = {"audacity": _TRACK, "raven": re.compile(re.escape("".join(raven([])).encode()))}
_BEGINNINGS = {  # of what popclass writes; an empty file is replaced as well
    "table": re.compile(rb"\Z|[^\n]*\n[0-9][^\n,]*, [0-9.]+ kHz, "),
    "csv": re.compile(rb"\Z|" + ",".join(event_columns(())[:3]).encode() + b","),
    "jsonl": re.compile(rb'\Z|\{"schema_version"'),
    FEATURES: re.compile(rb"\Z|" + ",".join(FEATURE_COLUMNS).encode() + b","),
    PAGE: re.compile(rb"\Z|<!doctype html>.* - popclass</title>", re.DOTALL),
}
_BEGINNING_BYTES = 8192


def write_results(
    results: Sequence[RecordingResult],
    *,
    format: str = "table",
    target: Target = STDOUT,
    keep_corrected: bool = False,
    show_all: bool = False,
) -> bool:
    """Write results in one of `FORMATS`; a table for a terminal is laid out in its width, joint sounds first.

    Parameters
    ----------
    results : sequence of RecordingResult
    format : str
        A key of `FORMATS`.
    target : path or "-"
        A file, which is written whole or not at all, or standard output.
    keep_corrected : bool
        Refuse to replace a label track or selection table that differs from these results.
    show_all : bool
        List events labelled `other` on a terminal as well.

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
        return write_text(target, terminal_table(results, show_all=show_all))
    text = FORMATS[format](results)
    if keep_corrected and format in _CORRECTABLE:
        text = "".join(text)
        check_replaceable(format, target, text)
    return write_text(target, text)


def check_replaceable(kind: str, target: Target, text: str | None = None) -> None:
    """Raise OutputError if a file is there already that is not of popclass, or may hold corrected labels.

    Parameters
    ----------
    kind : str
        What is to be written: a key of `FORMATS`, `FEATURES` or `PAGE`.
    target : path or "-"
    text : str, optional
        For a label track or selection table: the new content, from which the old must not differ. Without it, before
        the work, the old content must be something that popclass can have written.
    """
    path, shown = Path(target), one_line(os.fspath(target))
    if os.fspath(target) == STDOUT or not path.is_file():
        return
    try:
        with path.open("rb") as file:
            content = file.read(-1 if kind in _CORRECTABLE else _BEGINNING_BYTES)
    except OSError as error:
        raise OutputError(f"{shown} cannot be read to see what it is: {error.strerror}") from error
    if text is None:
        written = (_CORRECTABLE | _BEGINNINGS)[kind].match(content) is not None
    else:
        written = content == visible(text).encode()
    if not written:
        why = " and may hold corrected labels" if kind in _CORRECTABLE else ", and popclass did not write it"
        raise OutputError(f"{shown} exists already{why}; choose another name, or move it away")
