"""Labels of the recordings of a batch, and the rows of its tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain

from popclass.batch.files import Fingerprint
from popclass.batch.lines import Entry
from popclass.formats.csv_io import FAILED, RecordingRow, burst_rows, csv_rows
from popclass.info import RecordingInfo
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.postprocess import postprocess
from popclass.results import Analysis, RecordingResult, Session


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
        self._missing = defaultdict[str, set[str]](set)  # recordings that are not there yet, by subject
        for name, known in metadata.items():
            if known.subject is not None:
                self._missing[known.subject].add(name)
        self._rows: dict[str, RecordingRow] = {}
        self._events: dict[str, str] = {}
        self._bursts: dict[str, str] = {}
        self._sessions: dict[str, Session] = {}
        self.fingerprints: dict[str, Fingerprint] = {}

    def keep(self, entries: Iterable[Entry]) -> None:
        """Add recordings of an earlier run."""
        for entry in entries:
            self._waiting[self._note(entry)].append(entry.analysis)

    def add(self, entries: Iterable[Entry]) -> None:
        """Add recordings that were processed."""
        new = defaultdict[str | None, list[Analysis]](list)
        for entry in entries:
            new[self._note(entry)].append(entry.analysis)
        self._label(new.pop(None, ()))
        for subject, analyses in new.items():
            self._waiting[subject] += analyses
        self._label_complete(new)

    def fail(self, reasons: Mapping[str, str]) -> None:
        """Add recordings, or folders of them, that could not be used, with the reason."""
        for name, reason in reasons.items():
            info = self._metadata.get(name, Metadata(extra=self._extra)).apply(RecordingInfo(name))
            self._rows[name] = RecordingRow(info, FAILED, reason)
        self._label_complete({self._arrived(name) for name in reasons})

    def _note(self, entry: Entry) -> str | None:
        """Note a recording that is there, and return its subject."""
        self.fingerprints[entry.analysis.info.name] = entry.fingerprint
        return self._arrived(entry.analysis.info.name)

    def _arrived(self, name: str) -> str | None:
        """Note that a recording need not be waited for, and return its subject."""
        subject = self._metadata[name].subject if name in self._metadata else None
        if subject is not None:
            self._missing[subject].discard(name)
        return subject

    def _label_complete(self, subjects: Iterable[str | None]) -> None:
        """Label those of some subjects of which all recordings are there."""
        for subject in subjects:
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
        found = {each.recordings[0]: each.frequencies for each in self.sessions() if each.frequencies is not None}
        return {name: {label: round(share, 4) for label, share in found[name].items()} for name in sorted(found)}

    def sessions(self) -> tuple[Session, ...]:
        """Return the timelines, in the order of their first paths."""
        return tuple(sorted(self._sessions.values(), key=lambda each: min(each.recordings)))

    def _label(self, analyses: Iterable[Analysis]) -> None:
        ordered = sorted(analyses, key=lambda each: each.info.name)  # independent of the order of processing
        for result in self._postprocess(ordered, [self._metadata[each.info.name] for each in ordered]):
            if self._on_result is not None:
                self._on_result(result)
            self._rows[result.recording] = RecordingRow.from_result(result)
            if result.session is not None:
                self._sessions[result.session.recordings[0]] = result.session
            self._events[result.recording] = "".join(csv_rows(result))
            self._bursts[result.recording] = "".join(burst_rows(result))
