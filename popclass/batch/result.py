"""What a batch found, as a record and as the files of its folder of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popclass.formats.delimited import csv_header, read_events_csv
from popclass.formats.recordings import FAILED, RecordingRow, recordings_csv
from popclass.formats.write import write_text

if TYPE_CHECKING:
    import pandas as pd

EVENTS, RECORDINGS, RUN = "events.csv", "recordings.csv", "run.json"
TABLES = (EVENTS, RECORDINGS, RUN)


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
    """

    recordings: tuple[RecordingRow, ...]
    classes: tuple[str, ...]
    results_dir: Path
    resumed: int = 0

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
        """The events, read from `events.csv`: one dict an event, in its columns."""
        return read_events_csv(self.results_dir / EVENTS)

    def to_dataframe(self) -> pd.DataFrame:
        """The events as a table, one row an event (needs pandas)."""
        import pandas as pd

        return pd.read_csv(self.results_dir / EVENTS)


def write_tables(result: BatchResult, event_lines: Iterable[str], about: str) -> None:
    """Write the three files, each in one move; what the run was comes last.

    Raises
    ------
    OutputError
        Where one of them cannot be written.
    """
    write_text(result.results_dir / EVENTS, [csv_header(result.classes), *event_lines])
    write_text(result.results_dir / RECORDINGS, recordings_csv(result.recordings, classes=result.classes))
    write_text(result.results_dir / RUN, about)
