"""Results of a batch: the labels of its recordings, and the files in the folder of results."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popclass.batch.files import Fingerprint
from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import is_journal
from popclass.batch.lines import Entry
from popclass.errors import OutputError, UsageError
from popclass.formats.csv_io import (
    FAILED,
    RecordingRow,
    burst_columns,
    burst_rows,
    csv_line,
    csv_rows,
    read_events_csv,
    recordings_csv,
)
from popclass.info import RecordingInfo
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.postprocess import postprocess
from popclass.results import Analysis, RecordingResult
from popclass.schema import event_columns, event_types
from popclass.utils.dataframe import import_pandas, typed
from popclass.utils.files import check_writable, system_errors, write_text
from popclass.utils.text import one_line

if TYPE_CHECKING:
    import pandas as pd

CSV, PARQUET = "csv", "parquet"
RUN = "run.json"


class Labeler:
    """Labels of the recordings of a batch, assigned as soon as their timeline is complete.

    A recording without a subject has a timeline of its own, so it is labelled while other processes work on the next
    ones. Recordings with a subject wait until all of this subject are there. Those of an earlier run come last, unless
    there are new ones of their subject.

    Parameters
    ----------
    metadata : mapping of str to Metadata
        Of every recording of the batch.
    model : Model
    refractory, min_probability : float or None
        As `popclass.classify`.
    count_by, class_frequencies : str
        As `popclass.classify`.
    extra : tuple of str
        Columns of the user's own in the manifest.
    on_result : callable, optional
        Called with each result.

    Attributes
    ----------
    fingerprints : dict of str to (int, int)
        Of the recordings that were processed, see `popclass.batch.files.fingerprint`.
    """

    def __init__(
        self,
        metadata: Mapping[str, Metadata],
        model: Model,
        refractory: float | None,
        min_probability: float | None,
        count_by: str,
        class_frequencies: str,
        extra: tuple[str, ...] = (),
        on_result: Callable[[RecordingResult], None] | None = None,
    ) -> None:
        self._on_result = on_result
        self._extra = dict.fromkeys(extra, "")
        self._metadata = metadata
        if extra:
            self._metadata = {
                name: replace(each, extra=self._extra | dict(each.extra)) for name, each in metadata.items()
            }
        self._postprocess = partial(
            postprocess,
            model=model,
            refractory_s=refractory,
            min_probability=min_probability,
            count_by=count_by,
            class_frequencies=class_frequencies,
        )
        self._postprocess([], [])  # refuses wrong options before the work starts
        self._waiting = defaultdict[str | None, list[Analysis]](list)  # by subject
        self._missing = defaultdict[str | None, set[str]](set)  # recordings that are not there yet, by subject
        for name, known in metadata.items():
            self._missing[known.subject].add(name)
        self._rows: dict[str, RecordingRow] = {}
        self._events: dict[str, str] = {}
        self._bursts: dict[str, str] = {}
        self._frequencies: dict[str, Mapping[str, float]] = {}
        self.fingerprints: dict[str, Fingerprint] = {}

    def keep(self, entries: Iterable[Entry]) -> None:
        """Add recordings of an earlier run."""
        for entry in entries:
            name = entry.analysis.info.name
            self.fingerprints[name] = entry.fingerprint
            self._waiting[self._subject(name)].append(entry.analysis)
            self._missing[self._subject(name)].discard(name)

    def add(self, entries: Iterable[Entry]) -> None:
        """Add recordings that were processed."""
        alone: list[Analysis] = []
        arrived: list[str] = []
        for entry in entries:
            name = entry.analysis.info.name
            self.fingerprints[name] = entry.fingerprint
            (alone if self._subject(name) is None else self._waiting[self._subject(name)]).append(entry.analysis)
            arrived.append(name)
        self._label(alone)
        self._label_complete(arrived)

    def fail(self, reasons: Mapping[str, str]) -> None:
        """Add recordings, or folders of them, that could not be used, with the reason."""
        for name, reason in reasons.items():
            info = self._metadata.get(name, Metadata(extra=self._extra)).apply(RecordingInfo(name))
            self._rows[name] = RecordingRow(info, FAILED, reason)
        self._label_complete(reasons)

    def _subject(self, name: str) -> str | None:
        return self._metadata[name].subject if name in self._metadata else None

    def _label_complete(self, arrived: Iterable[str]) -> None:
        """Label the subjects of which the last recordings have arrived."""
        for name in arrived:
            subject = self._subject(name)
            self._missing[subject].discard(name)
            if subject is not None and not self._missing[subject]:
                self._label(self._waiting.pop(subject, ()))

    def finish(self, warnings: Mapping[str, str]) -> tuple[RecordingRow, ...]:
        """Label the recordings that wait, and return a row for every recording in the order of their paths.

        Parameters
        ----------
        warnings : mapping of str to str
            Further warnings, by recording.
        """
        self._label(chain.from_iterable(self._waiting.values()))
        for name, warning in warnings.items():
            info = self._rows[name].info
            self._rows[name] = replace(self._rows[name], info=replace(info, warnings=(*info.warnings, warning)))
        return tuple(self._rows[name] for name in sorted(self._rows))

    def event_lines(self) -> Iterator[str]:
        """Yield the lines of the events table, in the order of the recordings' paths."""
        return (self._events[name] for name in sorted(self._events))

    def burst_lines(self) -> Iterator[str]:
        """Yield the lines of the table of bursts, in the order of the recordings' paths."""
        return (self._bursts[name] for name in sorted(self._bursts))

    def frequencies(self) -> dict[str, dict[str, float]]:
        """Return the estimated class frequencies of each timeline by the name of its first recording."""
        found = self._frequencies
        return {name: {label: round(share, 4) for label, share in found[name].items()} for name in sorted(found)}

    def _label(self, analyses: Iterable[Analysis]) -> None:
        ordered = sorted(analyses, key=lambda each: each.info.name)  # independent of the order of processing
        for result in self._postprocess(ordered, [self._metadata[each.info.name] for each in ordered]):
            if self._on_result is not None:
                self._on_result(result)
            self._rows[result.recording] = RecordingRow.from_result(result)
            if result.session is not None and result.session.frequencies is not None:
                self._frequencies[result.session.recordings[0]] = result.session.frequencies
            self._events[result.recording] = "".join(csv_rows(result))
            self._bursts[result.recording] = "".join(burst_rows(result))


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
    """

    recordings: tuple[RecordingRow, ...]
    classes: tuple[str, ...]
    results_dir: Path
    resumed: int = 0
    to: str = CSV
    audio_s: float = 0.0
    elapsed_s: float = 0.0
    extra: tuple[str, ...] = ()

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
