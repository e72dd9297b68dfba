"""Results of a batch: the record, and the files in the folder of results."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popclass.batch.journal import NAME as JOURNAL
from popclass.errors import OutputError, UsageError
from popclass.formats.csv_io import (
    FAILED,
    RecordingRow,
    csv_header,
    csv_line,
    read_events_csv,
    recording_columns,
    recordings_csv,
)
from popclass.formats.text import INTEGERS
from popclass.results import UNCERTAIN
from popclass.utils.files import check_writable, write_text
from popclass.utils.text import one_line

if TYPE_CHECKING:
    import pandas as pd

CSV, PARQUET = "csv", "parquet"
RUN = "run.json"


def tables(to: str) -> tuple[str, str]:
    """Return the names of the tables of events and of recordings; raise UsageError if `to` is unknown."""
    if to not in (CSV, PARQUET):
        raise UsageError(f"to {to!r} is unknown: allowed are {CSV}, {PARQUET}")
    return f"events.{to}", f"recordings.{to}"


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Results of a batch.

    Attributes
    ----------
    recordings : tuple of RecordingRow
        One for every file found, in the order of their paths.
    classes : tuple of str
        The model's.
    results_dir : Path
    resumed : int
        Recordings that an earlier run had processed.
    to : str
        Format of the tables, `csv` or `parquet`.
    audio_s : float
        Seconds of audio that this run processed.
    elapsed_s : float
        Seconds that took.
    """

    recordings: tuple[RecordingRow, ...]
    classes: tuple[str, ...]
    results_dir: Path
    resumed: int = 0
    to: str = CSV
    audio_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def failed(self) -> tuple[RecordingRow, ...]:
        """Recordings that could not be used; each has a `reason`."""
        return tuple(row for row in self.recordings if row.status == FAILED)

    @property
    def counts(self) -> dict[str, int]:
        """Number of events with each label."""
        total: Counter[str] = Counter()
        for row in self.recordings:
            total.update(row.counts)
        return dict(total)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Events as read from the events table: one dict an event, in the columns of `events.csv`."""
        path = self.results_dir / tables(self.to)[0]
        if self.to == PARQUET:
            from popclass.batch.parquet import read_rows

            return read_rows(path)
        return read_events_csv(path)

    def to_dataframe(self) -> pd.DataFrame:
        """Return the events as a table, one row an event (needs pandas)."""
        import pandas as pd

        path = self.results_dir / tables(self.to)[0]
        return pd.read_parquet(path) if self.to == PARQUET else pd.read_csv(path)


def prepare_folder(target: Path, to: str, *, fresh: bool) -> None:
    """Make the folder of results.

    Raises
    ------
    OutputError
        If it cannot be written, or holds tables without a journal, which some other program wrote.
    """
    make_folder(target)
    for name in (*tables(to), RUN):
        check_writable(target / name)
    if fresh or (target / JOURNAL).exists():
        return
    for path in _files(target):
        if path.exists():
            raise OutputError(
                f"{one_line(os.fspath(target))} has a {path.name} that no batch wrote (there is no {JOURNAL}); name "
                "another folder, or replace it with --fresh"
            )


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; raise OutputError if that is impossible."""
    shown = one_line(os.fspath(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError(f"{shown} is a file; name a folder for the results") from None
    except OSError as error:
        raise OutputError(f"cannot write {shown}: {error.strerror or error}") from None


def remove_tables(target: Path) -> None:
    """Remove the tables of an earlier run, which do not belong to a journal that starts over."""
    for path in _files(target):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot remove {one_line(str(path))}: {error.strerror or error}") from None


def _files(target: Path) -> list[Path]:
    return [target / name for name in (*tables(CSV), *tables(PARQUET), RUN)]


def write_tables(result: BatchResult, event_lines: Iterable[str], run: str) -> None:
    """Write the three files, each in one move; `run.json` comes last.

    Parameters
    ----------
    result : BatchResult
    event_lines : iterable of str
        Lines of `events.csv` without its header.
    run : str
        Text of `run.json`.

    Raises
    ------
    OutputError
        If one of them cannot be written.
    """
    events, recordings = (result.results_dir / name for name in tables(result.to))
    rows = recordings_csv(result.recordings, classes=result.classes)
    if result.to == PARQUET:
        from popclass.batch.parquet import write_parquet

        counts = ("sample_rate", "channels", "events", *result.classes, UNCERTAIN, "cavities_needed")
        write_parquet(events, csv_header(result.classes), event_lines, integers=INTEGERS)
        header, lines = csv_line(recording_columns(result.classes)), islice(rows, 1, None)
        write_parquet(recordings, header, lines, integers=frozenset(counts))
    else:
        write_text(events, [csv_header(result.classes), *event_lines])
        write_text(recordings, rows)
    write_text(result.results_dir / RUN, run)
