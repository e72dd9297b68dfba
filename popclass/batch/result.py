"""Results of a batch, and the files in the folder of results."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import is_journal
from popclass.errors import OutputError, UsageError
from popclass.formats.csv_io import FAILED, RecordingRow, burst_columns, csv_line, read_events_csv, recordings_csv
from popclass.results import Session
from popclass.schema import event_columns, event_types
from popclass.utils.dataframe import import_pandas, typed
from popclass.utils.files import check_writable, system_errors, write_text
from popclass.utils.text import one_line

if TYPE_CHECKING:
    import pandas as pd

    from popclass.batch.labeler import Labeler

CSV, PARQUET = "csv", "parquet"
RUN = "run.json"


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
    extra : tuple of str
        Columns of the user's own, the last ones of each table.
    sessions : tuple of Session
        Timelines of the recordings that were processed, in the order of their first paths.
    """

    recordings: tuple[RecordingRow, ...]
    classes: tuple[str, ...]
    results_dir: Path
    resumed: int = 0
    to: str = CSV
    audio_s: float = 0.0
    elapsed_s: float = 0.0
    extra: tuple[str, ...] = ()
    sessions: tuple[Session, ...] = ()

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {label}" for label, count in self.counts.items() if count)
        used = f"{len(self.recordings)} recordings, {len(self.failed)} failed"
        return f"<BatchResult in {str(self.results_dir)!r}, {used}: {counts or 'no events'}>"

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
        return list(_read_events(self.results_dir, self.to))

    def to_dataframe(self) -> pd.DataFrame:
        """Return the events as a table, one row an event, with the types of `RecordingResult.to_dataframe`.

        Raises
        ------
        MissingLibraryError
            If pandas is not installed.
        """
        pandas = import_pandas()
        path, types = self.results_dir / _tables(self.to)[0], event_types(self.classes, self.extra)
        if self.to == PARQUET:
            return typed(pandas.DataFrame(self.events, columns=list(types)), types)
        # a text such as `NA` is not a missing value
        texts = {name: str for name, kind in types.items() if kind not in ("float64", "Int64")}
        return typed(pandas.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""]), types)


class ResultsFolder:
    """Folder of results of a batch.

    Parameters
    ----------
    path : Path
    to : str
        Format of the tables, `csv` or `parquet`.

    Raises
    ------
    UsageError
        If the format is unknown or cannot be written.
    """

    def __init__(self, path: Path, to: str) -> None:
        if to not in (CSV, PARQUET):
            raise UsageError(f"to {to!r} is unknown: allowed are {CSV}, {PARQUET}")
        if to == PARQUET:
            try:
                import popclass.batch.parquet  # noqa: F401
            except ImportError:
                raise UsageError("--to parquet needs pyarrow: pip install 'popclass[parquet]'") from None
        self._path = path
        self._to = to
        self._files = [path / name for name in (*_tables(CSV), *_tables(PARQUET), RUN)]

    def prepare(self) -> None:
        """Make the folder.

        Raises
        ------
        OutputError
            If it cannot be written, or holds tables without a journal, which something else wrote.
        """
        shown = one_line(os.fspath(self._path))
        with system_errors(self._path):
            if self._path.is_file():
                raise OutputError(f"{shown} is a file; name a folder for the results")
            self._path.mkdir(parents=True, exist_ok=True)
        for name in (*_tables(self._to), RUN):
            check_writable(self._path / name)
        foreign = [path.name for path in self._files if path.exists()]
        if foreign and not is_journal(self._path / JOURNAL):
            article = "an" if foreign[0].startswith("e") else "a"
            raise OutputError(f"{shown} has {article} {foreign[0]} that no batch wrote; use another folder")

    def remove_tables(self) -> None:
        """Remove the tables of an earlier run, which do not belong to a journal that starts over."""
        for path in self._files:
            with system_errors(path, "remove"):
                path.unlink(missing_ok=True)

    def write(self, result: BatchResult, labeler: Labeler, run: str) -> None:
        """Write the tables and `run.json`, each in one move; `run.json` comes last.

        Parameters
        ----------
        result : BatchResult
        labeler : Labeler
            Holds the lines of the tables of events and bursts.
        run : str
            Text of `run.json`.

        Raises
        ------
        OutputError
            If one of them cannot be written.
        """
        write: Callable[[Path, Iterator[str]], object] = write_text
        if self._to == PARQUET:
            from popclass.batch.parquet import write_parquet as write
        events, recordings, bursts = (self._path / name for name in _tables(self._to))
        columns = result.classes, result.extra
        write(events, chain([csv_line(event_columns(*columns))], labeler.event_lines()))
        write(bursts, chain([csv_line(burst_columns(*columns))], labeler.burst_lines()))
        write(recordings, recordings_csv(result.recordings, classes=result.classes, extra=result.extra))
        write_text(self._path / RUN, run)


def read_events(results_dir: Path) -> Iterable[dict[str, Any]]:
    """Yield the events of a finished batch, from the table that its `run.json` names.

    Raises
    ------
    UsageError
        If the folder does not hold the results of a batch.
    LabelError, OutputError
        If the table cannot be read.
    """
    shown = one_line(os.fspath(results_dir))
    try:
        to = json.loads((results_dir / RUN).read_bytes())["parameters"].get("to", CSV)
    except OSError:
        wanted = f"name the folder that popclass batch -o wrote; it has a {RUN} once the batch has ended"
        raise UsageError(f"{shown}: no results of a batch here; {wanted}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(f"{shown}: {RUN} is damaged; run the batch again") from None
    ResultsFolder(results_dir, to)  # refuses what cannot be read here
    return _read_events(results_dir, to)


def _read_events(results_dir: Path, to: str) -> Iterable[dict[str, Any]]:
    path = results_dir / _tables(to)[0]
    if to == PARQUET:
        from popclass.batch.parquet import read_rows

        return read_rows(path)
    return read_events_csv(path)


def _tables(to: str) -> tuple[str, str, str]:
    return f"events.{to}", f"recordings.{to}", f"bursts.{to}"
