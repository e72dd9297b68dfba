"""What a batch found, as a record and as the files of its folder of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popclass.errors import UsageError
from popclass.formats.delimited import csv_header, csv_line, read_events_csv
from popclass.formats.recordings import FAILED, RecordingRow, recording_columns, recordings_csv
from popclass.formats.text import INTEGERS
from popclass.formats.write import write_text
from popclass.results import UNCERTAIN

if TYPE_CHECKING:
    import pandas as pd

CSV, PARQUET = "csv", "parquet"
KINDS = (CSV, PARQUET)
RUN = "run.json"


def tables(to: str) -> tuple[str, str]:
    """Names of the tables of events and of recordings.

    Raises
    ------
    UsageError
        If they cannot be written as `to`.
    """
    if to not in KINDS:
        raise UsageError(f"to {to!r} is unknown: allowed are {', '.join(KINDS)}")
    return f"events.{to}", f"recordings.{to}"


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch found, and where it is written.

    Attributes
    ----------
    recordings : tuple of RecordingRow
        One for every file found, in the order of their paths.
    classes : tuple of str
        The model's.
    results_dir : Path
    resumed : int
        How many recordings had been heard by an earlier run.
    to : str
        `csv` or `parquet`, what the tables are written as.
    audio_s : float
        Seconds of sound that this run heard.
    elapsed_s : float
        How long hearing took.
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
        """The recordings that could not be used; each has a `reason`."""
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
        """The events, read from the table of events: one dict an event, in the columns of `events.csv`."""
        path = self.results_dir / tables(self.to)[0]
        if self.to == PARQUET:
            from popclass.batch.parquet import read_rows

            return read_rows(path)
        return read_events_csv(path)

    def to_dataframe(self) -> pd.DataFrame:
        """The events as a table, one row an event (needs pandas)."""
        import pandas as pd

        path = self.results_dir / tables(self.to)[0]
        return pd.read_parquet(path) if self.to == PARQUET else pd.read_csv(path)


def write_tables(result: BatchResult, event_lines: Iterable[str], about: str) -> None:
    """Write the three files, each in one move; what the run was comes last.

    Parameters
    ----------
    result : BatchResult
    event_lines : iterable of str
        Lines of `events.csv`, without its header.
    about : str
        What `run.json` says.

    Raises
    ------
    OutputError
        Where one of them cannot be written.
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
    write_text(result.results_dir / RUN, about)
