"""The labels of a batch: rows and event lines, made as early as they can be.

A recording without a subject shares its timeline with no other, so it is concluded as soon as it was heard, while other
processes hear the next ones. Recordings of a subject wait until all of them are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from popclass.batch.duplicates import Piece
from popclass.batch.journal import from_line, piece_in
from popclass.conclusion import Circumstances, conclude
from popclass.formats.delimited import csv_rows
from popclass.formats.recordings import RecordingRow
from popclass.model import Model


class Settled:
    """What is known of each recording by now.

    Parameters
    ----------
    around : mapping of str to Circumstances
        Of every recording of the batch.
    model : Model
    refractory, min_probability : float or None
        As `popclass.conclusion.conclude`.

    Attributes
    ----------
    pieces : dict of str to (int, int)
        Of the recordings that were heard, see `popclass.batch.duplicates`.
    """

    def __init__(
        self,
        around: Mapping[str, Circumstances],
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
        self._conclude(alone)

    def fail(self, reasons: Mapping[str, str]) -> None:
        """Take why recordings, or folders of them, could not be used."""
        for name, reason in reasons.items():
            known = self._around.get(name, Circumstances())
            self._rows[name] = RecordingRow.from_failure(
                name, reason, subject=known.subject, site=known.site, recorded_at=known.recorded_at
            )

    def warn(self, warnings: Mapping[str, str]) -> None:
        """Take a warning about recordings that only shows beside the others."""
        self._warnings.update(warnings)

    def finish(self) -> None:
        """Conclude what waited: all recordings are there."""
        self._conclude(self._waiting)
        self._waiting = {}

    def rows(self) -> tuple[RecordingRow, ...]:
        """A row for every recording, in the order of their paths."""
        return tuple(self._warned(self._rows[name]) for name in sorted(self._rows))

    def event_lines(self) -> Iterator[str]:
        """The lines of the events table, in the same order."""
        return (self._events[name] for name in sorted(self._events))

    def _warned(self, row: RecordingRow) -> RecordingRow:
        more = self._warnings.get(row.recording)
        return row if more is None else replace(row, warnings=(*row.warnings, more))

    def _conclude(self, lines: Mapping[str, str]) -> None:
        names = sorted(lines)  # so that nothing depends on which was heard first
        results = conclude(
            [from_line(lines[name], classes=len(self._model.classes)) for name in names],
            [self._around[name] for name in names],
            self._model,
            refractory_s=self._refractory,
            min_probability=self._min_probability,
        )
        for name, result in zip(names, results, strict=True):
            self._rows[name] = RecordingRow.from_result(result)
            self._events[name] = "".join(csv_rows(result))
