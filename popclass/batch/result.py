"""What a batch found, as a record and as the files of its folder of results.

The labels of a batch: rows and event lines, made as early as they can be.

A recording without a subject shares its timeline with no other, so it is concluded as soon as it was heard, while other
processes hear the next ones. Recordings of a subject wait until all of them are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popclass.batch.files import Piece
from popclass.batch.journal import from_line, piece_in
from popclass.errors import UsageError
from popclass.formats.csv_io import csv_header, csv_line, csv_rows, read_events_csv
from popclass.formats.recordings import FAILED, RecordingRow, recording_columns, recordings_csv
from popclass.formats.text import INTEGERS
from popclass.model.model import Model
from popclass.postprocess import Metadata, postprocess
from popclass.results import UNCERTAIN, RecordingInfo
from popclass.utils.files import write_text

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


class Settled:
    """What is known of each recording by now.

    Parameters
    ----------
    around : mapping of str to Metadata
        Of every recording of the batch.
    model : Model
    refractory, min_probability : float or None
        As `popclass.postprocess.postprocess`.

    Attributes
    ----------
    pieces : dict of str to (int, int)
        Of the recordings that were heard, see `popclass.batch.files`.
    """

    def __init__(
        self,
        around: Mapping[str, Metadata],
        model: Model,
        *,
        refractory: float | None,
        min_probability: float | None,
    ) -> None:
        self._around = around
        self._model = model
        self._refractory = refractory
        self._min_probability = min_probability
        self._waiting: dict[str, str] = {}
        self._rows: dict[str, RecordingRow] = {}
        self._events: dict[str, str] = {}
        self._warnings: dict[str, str] = {}
        self.pieces: dict[str, Piece] = {}

    def add(self, lines: Mapping[str, str]) -> None:
        """Take the journal lines of recordings that were heard."""
        self.pieces.update((name, piece_in(line)) for name, line in lines.items())
        alone = {name: line for name, line in lines.items() if self._around[name].subject is None}
        self._waiting.update((name, line) for name, line in lines.items() if name not in alone)
        self._postprocess(alone)

    def fail(self, reasons: Mapping[str, str]) -> None:
        """Take why recordings, or folders of them, could not be used."""
        for name, reason in reasons.items():
            info = self._around.get(name, Metadata()).apply(RecordingInfo(name))
            self._rows[name] = RecordingRow(info, FAILED, reason)

    def warn(self, warnings: Mapping[str, str]) -> None:
        """Take a warning about recordings that only shows beside the others."""
        self._warnings.update(warnings)

    def finish(self) -> None:
        """Conclude what waited: all recordings are there."""
        self._postprocess(self._waiting)
        self._waiting = {}

    def rows(self) -> tuple[RecordingRow, ...]:
        """A row for every recording, in the order of their paths."""
        return tuple(self._warned(self._rows[name]) for name in sorted(self._rows))

    def event_lines(self) -> Iterator[str]:
        """The lines of the events table, in the same order."""
        return (self._events[name] for name in sorted(self._events))

    def _warned(self, row: RecordingRow) -> RecordingRow:
        more = self._warnings.get(row.recording)
        return row if more is None else replace(row, info=replace(row.info, warnings=(*row.info.warnings, more)))

    def _postprocess(self, lines: Mapping[str, str]) -> None:
        names = sorted(lines)  # so that nothing depends on which was heard first
        results = postprocess(
            [from_line(lines[name], classes=len(self._model.classes)) for name in names],
            [self._around[name] for name in names],
            self._model,
            refractory_s=self._refractory,
            min_probability=self._min_probability,
        )
        for name, result in zip(names, results, strict=True):
            self._rows[name] = RecordingRow.from_result(result)
            self._events[name] = "".join(csv_rows(result))
