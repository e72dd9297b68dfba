"""From labelled recordings to a table of features: what a classifier learns from.

Every recording is heard by the detector and the front end that `classify` uses. A recording that cannot be read, or a
clip in which nothing is heard, costs itself and nothing else, is named in a warning and counted; a class that loses all
its events that way stops the training, unless a base model knows it already.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial as with_fixed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from popclass.errors import AudioError, LabelError
from popclass.labels.matching import TOLERANCE_S, Matched, match
from popclass.labels.records import LabelledRecording, Labels, Note
from popclass.pipeline import Extraction, extract_events
from popclass.results import OTHER, Event
from popclass.training.baseline import Clips, Described, clips_of
from popclass.utils.text import counted, one_line

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
    matches : list of (str, Matched)
        Name of each recording that was heard, and what its labels made of its events.
    ignored : int
        Events that were left out, since no label says what they are: those next to a label's own, and the uncovered
        ones where labels are partial.
    unreadable : int
        Recordings that could not be read and were left out.
    warnings : list of str
    mfcc : numpy.ndarray, shape (n, 40), or None
        What `popclass.training.baseline.describe` says of the same events, where it was asked for.
    """

    X: np.ndarray
    labels: list[str] = field(default_factory=list)
    subjects: list[str | None] = field(default_factory=list)
    recordings: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    matches: list[tuple[str, Matched]] = field(default_factory=list)
    ignored: int = 0
    unreadable: int = 0
    warnings: list[str] = field(default_factory=list)
    mfcc: np.ndarray | None = None

    @property
    def missed(self) -> int:
        """Labels near which nothing was detected."""
        return sum(len(matched.missed) for _, matched in self.matches)

    @property
    def missed_by_class(self) -> dict[str, int]:
        """How many labels of each class nothing was detected near; classes without any are not in it."""
        return dict(sorted(Counter(row.label for _, matched in self.matches for row in matched.missed).items()))

    @property
    def lost_by_class(self) -> dict[str, int]:
        """How many labels of each class lost the only sounds near them to other labels."""
        return dict(sorted(Counter(row.label for _, matched in self.matches for row in matched.lost).items()))

    @property
    def became_other(self) -> int:
        """Events that no label covers and that are `other` therefore."""
        return sum(_uncovered(matched, OTHER) for _, matched in self.matches)

    @property
    def left_unknown(self) -> int:
        """Events that no label covers and that were left out, since labels are partial."""
        return sum(_uncovered(matched, None) for _, matched in self.matches)

    def provenance(self) -> dict[str, Any]:
        """What a model file tells about its training data."""
        return {
            "recordings": len(self.hashes),
            "subjects": len({s for s in self.subjects if s is not None}),
            "sha256": sorted(self.hashes),
            "labels_without_event": self.missed,
            "labels_without_event_by_class": self.missed_by_class,
            "labels_overridden": sum(self.lost_by_class.values()),
            "unreadable": self.unreadable,
            "events_left_out": self.ignored,
            "uncovered_other": self.became_other,
            "uncovered_left_out": self.left_unknown,
        }


def collect(
    labels: Labels,
    frontend: FrontEnd,
    *,
    partial: bool = False,
    by_hand: bool = False,
    complete: bool = True,
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
    complete : bool
        Whether every class that was labelled needs an event, as a classifier does and a correction does not.
    progress : callable, optional
        Called with what is being done, recordings done and recordings in all.

    Raises
    ------
    LabelError
        If a class is left without any event although all are needed, or a label lies beyond the end of its recording.
    """
    samples = Samples(np.empty((0, len(frontend.names))))
    rows, broken, silent, late = [], [], [], []
    described = Described() if by_hand else None
    for done, (recording, heard, clips) in enumerate(_hear_all(labels.recordings, frontend, by_hand), start=1):
        if progress is not None:
            progress("hearing recordings", done, len(labels.recordings))
        if isinstance(heard, str):
            broken.append(heard)
            continue
        check_times(recording, heard.info.duration_s)
        last = heard.info.duration_s + TOLERANCE_S
        late += [f"{row.where or recording.name} ({row.place})" for row in recording.rows if row.end_s > last]
        if recording.whole is not None and not heard.events:
            silent.append(recording.name)
        kept = _add(samples, recording, heard.events, partial=partial)
        rows.append(heard.features[kept])
        if described is not None and clips is not None:
            described.add(clips[kept])
    samples.unreadable = len(broken)
    samples.X = np.concatenate([samples.X, *rows])
    samples.mfcc = None if described is None else described.table()
    samples.warnings += _warnings(samples, broken, silent, late)
    if complete:
        _check_classes(labels, samples)
    return samples


def _hear_all(
    recordings: Sequence[LabelledRecording], frontend: FrontEnd, by_hand: bool
) -> Iterator[tuple[LabelledRecording, Extraction | str, Clips | None]]:
    """Each recording with what was heard in it and its clips, or with the reason why nothing could be, in order."""
    from joblib import Parallel, delayed

    jobs = WORKERS if len(recordings) >= MANY else 1
    paths = [recording.path for recording in recordings]
    heard = Parallel(n_jobs=jobs, return_as="generator")(delayed(_hear)(path, frontend, by_hand) for path in paths)
    return ((recording, *found) for recording, found in zip(recordings, heard, strict=True))


def _hear(path: Path, frontend: FrontEnd, by_hand: bool) -> tuple[Extraction | str, Clips | None]:
    clips = [clips_of([])]
    try:
        heard = extract_events(
            path, frontend, on_sounds=(lambda some: clips.append(clips_of(some))) if by_hand else None
        )
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
    samples.matches.append((recording.name, matched))
    samples.ignored += len(events) - len(kept)
    samples.hashes.append(sha256_of(recording.path))
    return kept


def _uncovered(matched: Matched, label: str | None) -> int:
    return sum(matched.labels[i] == label for i in matched.uncovered)


def _warnings(samples: Samples, broken: Sequence[str], silent: Sequence[str], late: Sequence[str]) -> list[str]:
    out: list[str] = []
    if broken:
        count = counted(len(broken), "recording")
        out.append(Note(f"{count} left out because {_they(broken)} cannot be read", _some(broken, "; ")))
    if silent:
        out.append(Note(f"{counted(len(silent), 'clip')} left out because nothing is heard", _some(silent, ", ")))
    if late:
        ends = "ends after its recording does" if len(late) == 1 else "end after their recordings do"
        out.append(Note(f"{counted(len(late), 'label')} {ends}", _some(late, ", ")))
    if samples.missed:
        count, reach = counted(samples.missed, "label"), f"{TOLERANCE_S * 1e3:g} ms"
        brief = f"{count} left out because nothing is heard within {reach} ({_listed(samples.missed_by_class)})"
        out.append(Note(brief, _where(samples, lambda matched: len(matched.missed))))
    if lost := samples.lost_by_class:
        count = counted(sum(lost.values()), "label")
        brief = f"{count} left out because another label took the sound there ({_listed(lost)})"
        out.append(Note(brief, _where(samples, lambda matched: len(matched.lost))))
    for label, became in ((OTHER, "taken for 'other'"), (None, "left out, since labels are partial")):
        found = _where(samples, with_fixed(_uncovered, label=label))
        total = samples.became_other if label == OTHER else samples.left_unknown
        if total:
            out.append(
                Note(f"{counted(total, 'sound')} that no label covers {'is' if total == 1 else 'are'} {became}", found)
            )
    return out


def _they(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "they"


def _listed(by_class: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in by_class.items())


def _where(samples: Samples, count: Callable[[Matched], int]) -> str:
    """Recordings with how many each has, most first."""
    counts = [(count(matched), name) for name, matched in samples.matches]
    return _some([f"{name} {n}" for n, name in sorted(counts, key=lambda each: (-each[0], each[1])) if n], ", ")


def _some(items: Sequence[str], between: str) -> str:
    shown = between.join(one_line(item) for item in items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown}{between}and {len(items) - _SHOWN} more"


def check_times(recording: LabelledRecording, seconds: float) -> None:
    """Raise LabelError if a label starts after the recording, which lasts so many seconds, has ended."""
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
        why = "; ".join(samples.warnings) if samples.warnings else "all of its labels were overridden"
        raise LabelError(f"class '{name}' has no event to learn from: {why}")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as a model keeps it of every recording it was trained on."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
