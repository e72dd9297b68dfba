"""Labelled recordings as a table of features for training, and the MFCC statistics of the baseline.

Every recording goes through the detector and the front end that `classify` uses. A recording that cannot be read and a
clip without events are skipped, counted and named in a warning.

Most published classifiers of short sounds are a random forest on mean and standard deviation of MFCC over a clip, or
similar. As a baseline it gets the events and folds of the candidates, the default settings of librosa and scikit-learn,
and the calibration of the candidates, which can only help it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from popclass.detection import Sound
from popclass.detection.sounds import AFTER_S, BEFORE_S
from popclass.errors import AudioError, LabelError
from popclass.extraction import SOUNDS_AT_ONCE, EventExtractor, Extraction, Source
from popclass.features import FrontEnd
from popclass.labels.matching import TOLERANCE_S, Matched, match
from popclass.labels.records import UNSURE, LabelledRecording, Labels, Note
from popclass.schema import OTHER
from popclass.training.cross_validation import Progress, tracked
from popclass.utils.text import counted, one_line
from popclass.utils.workers import keep_freed_memory

WORKERS = 2  # processes; the result does not depend on how many
PARALLEL_FROM = 100  # recordings; starting processes takes longer than fewer of them
RATE = 22_050  # librosa's default, in hertz
SAMPLES = round((BEFORE_S + AFTER_S) * RATE)  # of a clip
COEFFICIENTS = 20
BATCH = 256  # clips per call of librosa
_SHOWN = 5  # recordings named in a warning

Recorded = tuple[Source, int | None, str | None]
"""A recording, its sample rate and its name in messages, as `extract_events` takes them."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Labelled events of many recordings.

    Attributes
    ----------
    X : ndarray, shape (n, f)
    mfcc : ndarray, shape (n, 40)
        MFCC statistics of the same events (`popclass.training.dataset.mfcc_statistics`).
    labels, subjects, recordings : list, length n
        Label of each event, subject and name of its recording, or of the one that its clip was cut from.
    matches : list of (LabelledRecording, Matched)
        Each recording that could be read, and the match of its labels with its events.
    unreadable : int
        Recordings that could not be read.
    warnings : list of str
    """

    X: np.ndarray
    mfcc: np.ndarray
    labels: list[str]
    subjects: list[str | None]
    recordings: list[str]
    matches: list[tuple[LabelledRecording, Matched]]
    unreadable: int
    warnings: list[str] = field(default_factory=list)

    def by_class(self, kind: str) -> dict[str, int]:
        """Return the number of labels of each class that are `missed` or `lost`, see `Matched`."""
        counts = Counter(row.label for _, matched in self.matches for row in getattr(matched, kind))
        return dict(sorted(counts.items()))

    def uncovered(self, label: str | None) -> list[int]:
        """Return the number of events of each recording that no label covers and that were given `other` or None."""
        return [sum(matched.labels[i] == label for i in matched.uncovered) for _, matched in self.matches]

    def provenance(self) -> dict[str, Any]:
        """Return what a model file stores about its training data."""
        missed = self.by_class("missed")
        return {
            "recordings": len(self.matches),
            "subjects": len(set(self.subjects) - {None}),
            "sha256": sorted(recording.sha256 for recording, _ in self.matches),
            "labels_without_event": sum(missed.values()),
            "labels_without_event_by_class": missed,
            "labels_overridden": sum(self.by_class("lost").values()),
            "unreadable": self.unreadable,
            # echoes of labelled events, and uncovered ones where labels are partial
            "events_left_out": sum(matched.labels.count(None) for _, matched in self.matches),
            "uncovered_other": sum(self.uncovered(OTHER)),
            "uncovered_left_out": sum(self.uncovered(None)),
        }


def collect(labels: Labels, frontend: FrontEnd, *, partial: bool = False, progress: Progress | None = None) -> Samples:
    """Extract the labelled events of all recordings.

    Parameters
    ----------
    labels : Labels
    frontend : FrontEnd
    partial : bool
        Whether events between labels are left out instead of being `other`.
    progress : callable, optional

    Raises
    ------
    LabelError
        If a label lies beyond the end of its recording.
    """
    from joblib import Parallel, delayed

    table, rows, matches, broken, silent, late = MfccTable(), [np.empty((0, len(frontend.names)))], [], [], [], []
    recordings = [recording for recording in labels.recordings if recording.whole != UNSURE]
    total = len(recordings)
    sources: list[Recorded] = [
        (recording.path, None, None)
        if recording.samples is None
        else (recording.samples[0], recording.samples[1], recording.name)
        for recording in recordings
    ]
    size = max(1, min(SOUNDS_AT_ONCE, total // (8 * WORKERS)))  # of a task: short clips are faster together
    tasks = (delayed(extract_with_clips)(sources[at : at + size], frontend) for at in range(0, total, size))
    parts = Parallel(n_jobs=WORKERS if total >= PARALLEL_FROM else 1, return_as="generator")(tasks)
    extracted = tracked(chain.from_iterable(parts), "extracting events", total, progress)
    for recording, (found, clips) in zip(recordings, extracted, strict=True):
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
    owners = [(recording, label) for recording, matched in matches for label in matched.labels if label is not None]
    owned = (
        [label for _, label in owners],
        [each.subject for each, _ in owners],
        [each.source or each.name for each, _ in owners],
    )
    samples = Samples(np.concatenate(rows), table.finish(), *owned, matches, len(broken))
    samples.warnings.extend(_warnings(samples, broken, silent, late))
    return samples


def extract_with_clips(recordings: Sequence[Recorded], frontend: FrontEnd) -> list[tuple[Extraction | str, np.ndarray]]:
    """Return, for each recording, its events, or the reason why it cannot be used, and the clips of the events."""
    keep_freed_memory()
    extractor, read = EventExtractor(frontend), []
    for source, sample_rate, name in recordings:
        clips, reason = [cut_clips([])], None

        def add(sounds: Sequence[Sound], clips: list[np.ndarray] = clips) -> None:
            clips.append(cut_clips(sounds))

        try:
            extractor.add(source, sample_rate=sample_rate, name=name, on_sounds=add)
        except AudioError as error:
            clips, reason = clips[:1], str(error)
        read.append((reason, np.concatenate(clips)))
    extractions = iter(extractor.finish())
    return [(next(extractions) if reason is None else reason, clips) for reason, clips in read]


def cut_clips(sounds: Sequence[Sound]) -> np.ndarray:
    """Return the clips around sounds at librosa's rate, shape (events, SAMPLES), zero after the end of a recording."""
    import soxr

    out = np.zeros((len(sounds), SAMPLES), np.float32)
    for row, sound in zip(out, sounds, strict=True):
        clip = soxr.resample(sound.clip, sound.event.sample_rate, RATE, quality="HQ")[:SAMPLES]
        row[: len(clip)] = clip
    return out


def mfcc_statistics(clips: np.ndarray) -> np.ndarray:
    """Return mean and standard deviation over the frames of `librosa.feature.mfcc` with its defaults.

    Parameters
    ----------
    clips : ndarray, shape (n, samples)
        Result of `cut_clips`.

    Returns
    -------
    ndarray, shape (n, 40)
        Means of the 20 coefficients, then their standard deviations.

    Examples
    --------
    >>> mfcc_statistics(np.zeros((2, SAMPLES), np.float32)).shape
    (2, 40)
    """
    from threadpoolctl import threadpool_limits

    from popclass.features.frontend import import_librosa

    tables = [np.zeros((0, 2 * COEFFICIENTS))]
    with threadpool_limits(limits=1):  # a matrix product rounds otherwise with more threads
        for at in range(0, len(clips), BATCH):
            librosa = import_librosa()
            powers = librosa.feature.melspectrogram(y=clips[at : at + BATCH], sr=RATE)
            # clip by clip: librosa cuts at 80 dB below the maximum of all that it gets
            decibels = np.stack([librosa.power_to_db(power) for power in powers])
            frames = librosa.feature.mfcc(S=decibels, n_mfcc=COEFFICIENTS)
            tables.append(np.concatenate([frames.mean(axis=-1), frames.std(axis=-1)], axis=1))
    return np.concatenate(tables).astype(np.float64)


class MfccTable:
    """MFCC statistics of clips that are added a few at a time; their samples are dropped batch by batch."""

    def __init__(self) -> None:
        self._pending, self._tables = [cut_clips([])], [np.zeros((0, 2 * COEFFICIENTS))]

    def add(self, clips: np.ndarray) -> None:
        """Add the clips of some events."""
        self._pending.append(clips)
        if sum(map(len, self._pending)) >= BATCH:
            self.finish()

    def finish(self) -> np.ndarray:
        """Return the statistics of all clips in the order of `add`, shape (n, 40)."""
        self._tables.append(mfcc_statistics(np.concatenate(self._pending)))
        self._pending = [cut_clips([])]
        return np.concatenate(self._tables)


def _warnings(samples: Samples, broken: Sequence[str], silent: Sequence[str], late: Sequence[str]) -> Iterator[Note]:
    names = [recording.name for recording, _ in samples.matches]

    def where(counts: Sequence[int]) -> str:
        found = sorted((-count, name) for count, name in zip(counts, names, strict=True) if count)
        return _some([f"{name} {-count}" for count, name in found])

    notes = [
        (len(broken), "recording", "skipped because not readable", _some(broken, "; ")),
        (len(silent), "clip", "skipped because no event was detected", _some(silent)),
        (len(late), "label", "with an end after that of the recording", _some(late)),
    ]
    missing = f"skipped because no event was detected within {TOLERANCE_S * 1e3:g} ms"
    for kind, why in (("missed", missing), ("lost", "skipped because another label took its event")):
        by_class, counts = samples.by_class(kind), [len(getattr(matched, kind)) for _, matched in samples.matches]
        each = ", ".join(f"{name} {number}" for name, number in by_class.items())
        notes.append((sum(counts), "label", f"{why} ({each})", where(counts)))
    for label, became in ((OTHER, "labelled 'other'"), (None, "ignored because labels are partial")):
        counts = samples.uncovered(label)
        notes.append((sum(counts), "event", f"outside of all labels, {became}", where(counts)))
    for count, noun, text, places in notes:
        if count:
            yield Note(f"{counted(count, noun)} {text}", places)


def _some(items: Sequence[str], separator: str = ", ") -> str:
    shown = separator.join(one_line(item) for item in items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown}{separator}and {len(items) - _SHOWN} more"


def check_times(recording: LabelledRecording, seconds: float) -> None:
    """Raise LabelError if a label starts after the end of the recording, whose duration is given in seconds."""
    last = max(recording.rows, key=lambda row: row.start_s, default=None)
    if last is not None and last.start_s > seconds + TOLERANCE_S:
        name = one_line(recording.name)
        end = f"the end of {name}, which lasts {seconds:.3f} s; times are in seconds from its start"
        raise LabelError(f"{last.where or name}: the label {last.place} lies beyond {end}")
