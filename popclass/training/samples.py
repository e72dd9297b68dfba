"""From labelled recordings to a table of features: what a classifier learns from.

Every recording is heard by the detector and the front end that `classify` uses. A recording that cannot be read, or a
clip in which nothing is heard, costs itself and nothing else, is named in a warning and counted; a class that loses all
its events that way stops the training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from popclass.errors import AudioError, LabelError
from popclass.formats.text import one_line
from popclass.pipeline import Hearing, hear
from popclass.results import OTHER, Event
from popclass.training.baseline import Clips, Described, clips_of
from popclass.training.labels import LabelledRecording, Labels
from popclass.training.matching import TOLERANCE_S, match

if TYPE_CHECKING:
    from popclass.features.frontend import FrontEnd

WORKERS = 2  # processes; the outcome does not depend on how many
MANY = 100  # recordings from which starting processes pays
_SHOWN = 5  # recordings named in a warning


@dataclass(slots=True)
class Samples:
    """Labelled events of many recordings.

    Attributes
    ----------
    X : numpy.ndarray, shape (n, f)
    labels : list of str, length n
    subjects : list of (str or None), length n
    recordings : list of str, length n
        Names of the recordings the events are from.
    hashes : list of str
        SHA-256 of each recording that was used. Names would tell more about people than a model may.
    missed : int
        Labelled stretches in which nothing was detected.
    ignored : int
        Events that were left out, since no label says what they are.
    warnings : list of str
    mfcc : numpy.ndarray, shape (n, 40), or None
        What `popclass.training.baseline.describe` says of the same events, where it was asked for.
    """

    X: np.ndarray
    labels: list[str] = field(default_factory=list)
    subjects: list[str | None] = field(default_factory=list)
    recordings: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    missed: int = 0
    ignored: int = 0
    warnings: list[str] = field(default_factory=list)
    mfcc: np.ndarray | None = None

    def provenance(self) -> dict[str, Any]:
        """What a model file tells about its training data."""
        return {
            "recordings": len(self.hashes),
            "subjects": len({s for s in self.subjects if s is not None}),
            "sha256": sorted(self.hashes),
            "labels_without_event": self.missed,
            "events_left_out": self.ignored,
        }


def collect(
    labels: Labels,
    frontend: FrontEnd,
    *,
    partial: bool = False,
    by_hand: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Samples:
    """Hear every labelled recording.

    Parameters
    ----------
    labels : Labels
    frontend : FrontEnd
    partial : bool
        Whether what lies between labels is left out instead of being `other`.
    by_hand : bool
        Whether the clips of the events are described by MFCC, too, for the baseline made by hand.
    progress : callable, optional
        Called with what is being done, recordings done and recordings in all.

    Raises
    ------
    LabelError
        If a class is left without any event, or a label lies beyond the end of its recording.
    """
    samples = Samples(np.empty((0, len(frontend.names))))
    rows, broken, silent = [], [], []
    described = Described() if by_hand else None
    for done, (recording, heard, clips) in enumerate(_hear_all(labels.recordings, frontend, by_hand), start=1):
        if progress is not None:
            progress("hearing recordings", done, len(labels.recordings))
        if isinstance(heard, str):
            broken.append(heard)
            continue
        _check_times(recording, heard.duration_s)
        if recording.whole is not None and not heard.events:
            silent.append(recording.name)
        kept = _add(samples, recording, heard.events, partial=partial)
        rows.append(heard.features[kept])
        if described is not None and clips is not None:
            described.add(clips[kept])
    samples.X = np.concatenate([samples.X, *rows])
    samples.mfcc = None if described is None else described.table()
    samples.warnings += _warnings(samples, broken, silent)
    _check_classes(labels, samples)
    return samples


def _hear_all(
    recordings: Sequence[LabelledRecording], frontend: FrontEnd, by_hand: bool
) -> Iterator[tuple[LabelledRecording, Hearing | str, Clips | None]]:
    """Each recording with what was heard in it and its clips, or with the reason why nothing could be, in order."""
    from joblib import Parallel, delayed

    jobs = WORKERS if len(recordings) >= MANY else 1
    paths = [recording.path for recording in recordings]
    heard = Parallel(n_jobs=jobs, return_as="generator")(delayed(_hear)(path, frontend, by_hand) for path in paths)
    return ((recording, *found) for recording, found in zip(recordings, heard, strict=True))


def _hear(path: Path, frontend: FrontEnd, by_hand: bool) -> tuple[Hearing | str, Clips | None]:
    clips = [clips_of([])]
    try:
        heard = hear(path, frontend, notice=(lambda some: clips.append(clips_of(some))) if by_hand else None)
    except AudioError as error:
        return str(error), None
    return heard, np.concatenate(clips) if by_hand else None


def _add(samples: Samples, recording: LabelledRecording, events: Sequence[Event], *, partial: bool) -> list[int]:
    """Note the labelled events of a recording; which they are is returned."""
    matched = match(events, recording, partial=partial)
    kept = [i for i, label in enumerate(matched.labels) if label is not None]
    samples.labels += [label for label in matched.labels if label is not None]
    samples.subjects += [recording.subject] * len(kept)
    samples.recordings += [recording.name] * len(kept)
    samples.missed += len(matched.missed)
    samples.ignored += len(events) - len(kept)
    samples.hashes.append(_sha256(recording.path))
    return kept


def _warnings(samples: Samples, broken: Sequence[str], silent: Sequence[str]) -> list[str]:
    out = []
    if broken:
        out.append(f"{len(broken)} recordings left out because they cannot be read: {_some(broken, '; ')}")
    if silent:
        out.append(f"{len(silent)} clips left out because nothing is heard in them: {_some(silent, ', ')}")
    if samples.missed:
        out.append(f"{samples.missed} labels left out because nothing is heard within {TOLERANCE_S * 1e3:g} ms of them")
    return out


def _some(items: Sequence[str], between: str) -> str:
    shown = between.join(one_line(item) for item in items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown}{between}and {len(items) - _SHOWN} more"


def _check_times(recording: LabelledRecording, seconds: float) -> None:
    last = max((row.start_s for row in recording.rows), default=0.0)
    if last > seconds + TOLERANCE_S:
        name = one_line(recording.name)
        raise LabelError(f"{name}: a label starts at {last:g} s, but it lasts {seconds:.3f} s; times are in seconds")


def _check_classes(labels: Labels, samples: Samples) -> None:
    declared = {name for recording in labels.recordings for name in recording.classes}
    for name in sorted(declared - {OTHER} - set(samples.labels)):
        why = "; ".join(samples.warnings) if samples.warnings else "all of its labels were overridden"
        raise LabelError(f"class '{name}' has no event to learn from: {why}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
