"""The formats results are written in, one a module.

`FORMATS` names them all. Each takes the results of one or several recordings and gives the text in pieces; zero events
are a normal result in every one of them. `write_results` puts them where they were asked for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence

from popclass.errors import UsageError
from popclass.formats.audacity import audacity
from popclass.formats.corrected import refuse_change
from popclass.formats.csv_io import events_csv
from popclass.formats.jsonl import events_jsonl
from popclass.formats.raven import raven
from popclass.formats.table import table, terminal_table
from popclass.results import RecordingResult
from popclass.utils.files import STDOUT, write_text

FORMATS: dict[str, Callable[[Sequence[RecordingResult]], Iterable[str]]] = {
    "table": table,
    "csv": events_csv,
    "jsonl": events_jsonl,
    "audacity": audacity,
    "raven": raven,
}


def write_results(
    results: Sequence[RecordingResult],
    *,
    format: str = "table",
    target: str | os.PathLike[str] = STDOUT,
    force: bool = True,
    keep_corrected: bool = False,
) -> bool:
    """Write results in one of `FORMATS`; a table for a terminal is laid out for it.

    Parameters
    ----------
    results : sequence of RecordingResult
    format : str
        A key of `FORMATS`.
    target : path or "-"
        A file, written whole or not at all, or standard output.
    force : bool
        Whether a file that is already there may be replaced.
    keep_corrected : bool
        Refuse to replace a label track or selection table that holds anything else, see `popclass.formats.corrected`.

    Returns
    -------
    bool
        False where standard output was closed by its reader before everything was written.

    Raises
    ------
    UsageError
        Where there is no such format, or it cannot hold these results.
    OutputError
        Where `target` cannot be written, or was corrected.
    """
    if format not in FORMATS:
        raise UsageError(f"no format '{format}'; there are {', '.join(FORMATS)}")
    if format == "table" and os.fspath(target) == STDOUT and sys.stdout.isatty():
        return write_text(target, terminal_table(results))
    text: Iterable[str] = FORMATS[format](results)
    if keep_corrected:
        text = refuse_change(format, target, text)
    return write_text(target, text, force=force)
