"""Labels of the recordings of a batch, assigned as soon as their timeline is complete.

A recording without a subject has a timeline of its own, so it is labelled while other processes work on the next ones.
Recordings with a subject wait until all recordings are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from popclass.batch.files import Fingerprint
from popclass.batch.journal import Entry
from popclass.formats.csv_io import FAILED, RecordingRow, csv_rows
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.postprocess import postprocess
from popclass.results import Analysis, RecordingInfo


class Labeler:
    """Labels of the recordings of a batch.

    Parameters
    ----------
    metadata : mapping of str to Metadata
        Of every recording of the batch.
    model : Model
    refractory, min_probability : float or None
        As `popclass.classify`.

    Attributes
    ----------
    fingerprints : dict of str to (int, int)
        Of the recordings that were processed, see `popclass.batch.files.fingerprint`.
    """

    def __init__(
        self,
        metadata: Mapping[str, Metadata],
        model: Model,
        *,
        refractory: float | None,
        min_probability: float | None,
    ) -> None:
        self._metadata = metadata
        self._postprocess = partial(postprocess, model=model, refractory_s=refractory, min_probability=min_probability)
        self._postprocess([], [])  # refuses wrong options before the work starts
        self._pending: dict[str, Analysis] = {}
        self._rows: dict[str, RecordingRow] = {}
        self._events: dict[str, str] = {}
        self.fingerprints: dict[str, Fingerprint] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Add recordings that were processed."""
        alone: dict[str, Analysis] = {}
        for entry in entries:
            name = entry.analysis.info.name
            self.fingerprints[name] = entry.fingerprint
            (alone if self._metadata[name].subject is None else self._pending)[name] = entry.analysis
        self._label(alone)

    def fail(self, reasons: Mapping[str, str]) -> None:
        """Add recordings, or folders of them, that could not be used, with the reason."""
        for name, reason in reasons.items():
            info = self._metadata.get(name, Metadata()).apply(RecordingInfo(name))
            self._rows[name] = RecordingRow(info, FAILED, reason)

    def finish(self, warnings: Mapping[str, str]) -> tuple[RecordingRow, ...]:
        """Label the recordings that wait, and return a row for every recording in the order of their paths.

        Parameters
        ----------
        warnings : mapping of str to str
            Further warnings, by recording.
        """
        self._label(self._pending)
        for name, warning in warnings.items():
            info = self._rows[name].info
            self._rows[name] = replace(self._rows[name], info=replace(info, warnings=(*info.warnings, warning)))
        return tuple(self._rows[name] for name in sorted(self._rows))

    def event_lines(self) -> Iterator[str]:
        """Yield the lines of the events table, in the order of the recordings' paths."""
        return (self._events[name] for name in sorted(self._events))

    def _label(self, analyses: Mapping[str, Analysis]) -> None:
        names = sorted(analyses)  # the result must not depend on the order of processing
        results = self._postprocess([analyses[name] for name in names], [self._metadata[name] for name in names])
        for name, result in zip(names, results, strict=True):
            self._rows[name] = RecordingRow.from_result(result)
            self._events[name] = "".join(csv_rows(result))
