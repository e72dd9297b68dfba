"""Labelled recordings as a table of features for training.

Every recording goes through the detector and the front end that `classify` uses. A recording that cannot be read and a
clip without events are skipped, counted and named in a warning. A class that loses all its events that way stops the
training, unless a base model has it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial as bind
from pathlib import Path
from typing import Any

import numpy as np

from popclass.errors import AudioError, LabelError
from popclass.features import FrontEnd
from popclass.labels.matching import TOLERANCE_S, Matched, match
from popclass.labels.records import LabelledRecording, LabelRow, Labels, Note
from popclass.pipeline import Extraction, extract_events
from popclass.results import OTHER
from popclass.training.baseline import Clips, MfccTable, cut_clips
from popclass.training.cross_validation import Progress
from popclass.utils.text import counted, one_line

WORKERS = 2  # processes; the result does not depend on how many
PARALLEL_FROM = 100  # recordings; starting processes takes longer than fewer of them
_SHOWN = 5  # recordings named in a warning


@dataclass(frozen=True, slots=True)
class Samples:
    """Labelled events of many recordings.

    Attributes
    ----------
    X : ndarray, shape (n, f)
    mfcc : ndarray, shape (n, 40)
        MFCC statistics of the same events (`popclass.training.baseline.mfcc_statistics`).
    matches : list of (LabelledRecording, Matched)
        Each recording that could be read, and the match of its labels with its events.
    unreadable : int
        Recordings that could not be read.
    warnings : list of str
    """

    X: np.ndarray
    mfcc: np.ndarray
    matches: list[tuple[LabelledRecording, Matched]]
    unreadable: int
    warnings: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """Label of each event, length n."""
        return [label for _, label in self._labelled()]

    @property
    def subjects(self) -> list[str | None]:
        """Subject of each event, length n."""
        return [recording.subject for recording, _ in self._labelled()]

    @property
    def recordings(self) -> list[str]:
        """Name of the recording of each event, length n."""
        return [recording.name for recording, _ in self._labelled()]

    @property
    def ignored(self) -> int:
        """Number of events without a label: echoes of labelled events, and uncovered ones where labels are partial."""
        return sum(matched.labels.count(None) for _, matched in self.matches)

    @property
    def missed_by_class(self) -> dict[str, int]:
        """Number of labels of each class near which nothing was detected."""
        return self._by_class(lambda matched: matched.missed)

    @property
    def lost_by_class(self) -> dict[str, int]:
        """Number of labels of each class whose event another label took."""
        return self._by_class(lambda matched: matched.lost)

    def uncovered(self, label: str | None) -> int:
        """Return the number of events that no label covers and that were given this label (`other` or None)."""
        return sum(_uncovered(matched, label) for _, matched in self.matches)

    def provenance(self) -> dict[str, Any]:
        """Return what a model file stores about its training data."""
        return {
            "recordings": len(self.matches),
            "subjects": len({s for s in self.subjects if s is not None}),
            "sha256": sorted(sha256_of(recording.path) for recording, _ in self.matches),
            "labels_without_event": sum(self.missed_by_class.values()),
            "labels_without_event_by_class": self.missed_by_class,
            "labels_overridden": sum(self.lost_by_class.values()),
            "unreadable": self.unreadable,
            "events_left_out": self.ignored,
            "uncovered_other": self.uncovered(OTHER),
            "uncovered_left_out": self.uncovered(None),
        }

    def _labelled(self) -> list[tuple[LabelledRecording, str]]:
        return [(recording, label) for recording, m in self.matches for label in m.labels if label is not None]

    def _by_class(self, rows: Callable[[Matched], Sequence[LabelRow]]) -> dict[str, int]:
        return dict(sorted(Counter(row.label for _, matched in self.matches for row in rows(matched)).items()))


def collect(
    labels: Labels,
    frontend: FrontEnd,
    *,
    partial: bool = False,
    complete: bool = True,
    progress: Progress | None = None,
) -> Samples:
    """Extract the labelled events of all recordings.

    Parameters
    ----------
    labels : Labels
    frontend : FrontEnd
    partial : bool
        Whether events between labels are left out instead of being `other`.
    complete : bool
        Whether every class that was labelled needs an event; a classifier does, a correction does not.
    progress : callable, optional

    Raises
    ------
    LabelError
        If a class has no event although all need one, or a label lies beyond the end of its recording.
    """
    rows, matches, broken, silent, late = [np.empty((0, len(frontend.names)))], [], [], [], []
    table = MfccTable()
    for done, (recording, found, clips) in enumerate(_extract_all(labels.recordings, frontend), start=1):
        if progress is not None:
            progress("extracting events", done, len(labels.recordings))
        if isinstance(found, str):
            broken.append(found)
            continue
        check_times(recording, found.info.duration_s)
        last = found.info.duration_s + TOLERANCE_S
        late += [f"{row.where or recording.name} ({row.place})" for row in recording.rows if row.end_s > last]
        if recording.whole is not None and not found.events:
            silent.append(recording.name)
        matched = match(found.events, recording, partial=partial)
        matches.append((recording, matched))
        kept = [i for i, label in enumerate(matched.labels) if label is not None]
        rows.append(found.features[kept])
        table.add(clips[kept])
    samples = Samples(np.concatenate(rows), table.finish(), matches, len(broken))
    samples.warnings.extend(_warnings(samples, broken, silent, late))
    if complete:
        _check_classes(labels, samples)
    return samples


def _extract_all(
    recordings: Sequence[LabelledRecording], frontend: FrontEnd
) -> Iterator[tuple[LabelledRecording, Extraction | str, Clips]]:
    """Yield each recording with its events and clips, or with the reason why it cannot be read, in order."""
    from joblib import Parallel, delayed

    jobs = WORKERS if len(recordings) >= PARALLEL_FROM else 1
    tasks = (delayed(extract_with_clips)(recording.path, frontend) for recording in recordings)
    found = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    return ((recording, *each) for recording, each in zip(recordings, found, strict=True))


def extract_with_clips(
    source: Path | np.ndarray, frontend: FrontEnd, sample_rate: int | None = None
) -> tuple[Extraction | str, Clips]:
    """Return the events of a recording with their clips, or the reason why it cannot be used."""
    clips = [cut_clips([])]
    try:
        found = extract_events(
            source, frontend, sample_rate=sample_rate, on_sounds=lambda sounds: clips.append(cut_clips(sounds))
        )
    except AudioError as error:
        return str(error), clips[0]
    return found, np.concatenate(clips)


def _uncovered(matched: Matched, label: str | None) -> int:
    return sum(matched.labels[i] == label for i in matched.uncovered)


def _warnings(samples: Samples, broken: Sequence[str], silent: Sequence[str], late: Sequence[str]) -> Iterator[Note]:
    if broken:
        they = "it" if len(broken) == 1 else "they"
        yield Note(f"{counted(len(broken), 'recording')} skipped because {they} cannot be read", _some(broken, "; "))
    if silent:
        yield Note(f"{counted(len(silent), 'clip')} skipped because no event was detected", _some(silent))
    if late:
        ends = "ends after its recording does" if len(late) == 1 else "end after their recordings do"
        yield Note(f"{counted(len(late), 'label')} {ends}", _some(late))
    if missed := samples.missed_by_class:
        why = f"because no event was detected within {TOLERANCE_S * 1e3:g} ms"
        yield Note(_skipped(missed, why), _where(samples, lambda matched: len(matched.missed)))
    if lost := samples.lost_by_class:
        why = "because another label took its event"
        yield Note(_skipped(lost, why), _where(samples, lambda matched: len(matched.lost)))
    for label, became in ((OTHER, "labelled 'other'"), (None, "ignored because labels are partial")):
        if total := samples.uncovered(label):
            events = f"{counted(total, 'event')} that no label covers {'is' if total == 1 else 'are'} {became}"
            yield Note(events, _where(samples, bind(_uncovered, label=label)))


def _skipped(by_class: dict[str, int], why: str) -> str:
    each = ", ".join(f"{name} {number}" for name, number in by_class.items())
    return f"{counted(sum(by_class.values()), 'label')} skipped {why} ({each})"


def _where(samples: Samples, count: Callable[[Matched], int]) -> str:
    """Return the names of recordings with their counts, largest first."""
    counts = sorted((-count(matched), recording.name) for recording, matched in samples.matches)
    return _some([f"{name} {-number}" for number, name in counts if number])


def _some(items: Sequence[str], separator: str = ", ") -> str:
    shown = separator.join(one_line(item) for item in items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown}{separator}and {len(items) - _SHOWN} more"


def check_times(recording: LabelledRecording, seconds: float) -> None:
    """Raise LabelError if a label starts after the end of the recording, whose duration is given in seconds."""
    last = max(recording.rows, key=lambda row: row.start_s, default=None)
    if last is not None and last.start_s > seconds + TOLERANCE_S:
        name = one_line(recording.name)
        raise LabelError(
            f"{last.where or name}: the label {last.place} lies beyond the end of {name}, which lasts {seconds:.3f} s; "
            "times are in seconds from the start of the recording"
        )


def _check_classes(labels: Labels, samples: Samples) -> None:
    declared = {name for recording in labels.recordings for name in recording.classes}
    for name in sorted(declared - {OTHER} - set(samples.labels)):
        why = "; ".join(samples.warnings) or "another label took the event of each of its labels"
        raise LabelError(f"class '{name}' has no event to train on: {why}")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, by which a model file identifies a training recording."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
