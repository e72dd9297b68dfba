"""Extracted events of generated sessions, with metadata and ground truth.

`popclass.training.default` keeps what training needs. This module also keeps subject, site and start time, the
cavity of each pop, and the true sounds. Sessions are those of `popclass synth` with the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from popclass.errors import AudioError
from popclass.extraction import Extraction, extract_events
from popclass.features import FrontEnd
from popclass.metadata import Metadata
from popclass.schema import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import Label, session_of
from popclass.synthesis.recorder import GeneratedRecording
from popclass.training.default import class_without_label, match_onsets  # the truth must be that of training

STEADY = 0.3  # median absolute deviation of the intervals over their median
FEWEST = 4  # sounds, for regularity to be measurable
THRUST_S = 0.25


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of a session.

    Attributes
    ----------
    session : int
    extraction : Extraction
    metadata : Metadata
    truth : tuple of str
        Class of each event; empty for an echo of a joint sound or the rub before one.
    kind : tuple of str
        Source of each event; empty for noise, echoes and rubs.
    labels : tuple of Label
        The true sounds, detected or not.
    """

    session: int
    extraction: Extraction
    metadata: Metadata
    truth: tuple[str, ...]
    kind: tuple[str, ...]
    labels: tuple[Label, ...]


def extract_sessions(sessions: int, seed: int, frontend: FrontEnd, *, jobs: int = 2) -> list[Recording]:
    """Generate sessions and extract their events; the result does not depend on the number of processes."""
    one = partial(_extract_session, seed=seed, frontend=frontend)
    if jobs == 1:
        return [recording for number in range(sessions) for recording in one(number)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return [recording for recordings in pool.map(one, range(sessions), chunksize=4) for recording in recordings]


def _extract_session(number: int, *, seed: int, frontend: FrontEnd) -> list[Recording]:
    session = session_of(seed, number)
    recordings = []
    for index, recording in enumerate(session.recordings):
        name = f"session_{number:04d}/recording_{index + 1:02d}"
        metadata = Metadata(site=session.settings.site, subject=session.subject, recorded_at=recording.recorded_at)
        try:
            recordings.append(_recording(number, name, recording, metadata, frontend))
        except AudioError:  # a gate that closed on everything leaves silence
            continue
    return recordings


def _recording(
    number: int, name: str, recording: GeneratedRecording, metadata: Metadata, frontend: FrontEnd
) -> Recording:
    extraction = extract_events(recording.samples, frontend, sample_rate=recording.sample_rate, name=name)
    onsets = np.array([event.start_s for event in extraction.events])
    matched = match_onsets(onsets, recording.labels)
    truth = [
        class_without_label(onset, recording.labels) if label is None else (label.label, label.kind)
        for onset, label in zip(onsets.tolist(), matched, strict=True)
    ]
    classes, kinds = tuple(x for x, _ in truth), tuple(x for _, x in truth)
    return Recording(number, extraction, metadata, classes, kinds, recording.labels)


# --- what is in a session ---------------------------------------------------------------------------------------------


def onsets_of(recording: Recording, label: str, kind: str | None = None) -> NDArray[np.float64]:
    """Return the true onsets of a class, or of one kind of it, in seconds."""
    return np.array([x.start_s for x in recording.labels if x.label == label and kind in (None, x.kind)])


def regular(onsets: NDArray[np.float64]) -> bool:
    """Return whether sounds repeat steadily: each after the last, or each after the last but one."""
    if len(onsets) < FEWEST:
        return False
    steps = [np.diff(onsets)]
    if len(onsets) >= FEWEST + 2:
        steps.append(onsets[2:] - onsets[:-2])
    return min(float(np.median(np.abs(step - np.median(step))) / np.median(step)) for step in steps) < STEADY


def snaps_repeat(recording: Recording) -> bool | None:
    """Return whether the snaps of a recording repeat steadily; None without snaps."""
    onsets = onsets_of(recording, SNAPPING)
    return regular(onsets) if len(onsets) else None


def others_repeat(recording: Recording) -> bool:
    """Return whether a sound that is not from a joint repeats steadily: taps, a clock, clicks."""
    kinds = {x.kind for x in recording.labels if x.label == OTHER}
    return any(regular(onsets_of(recording, OTHER, kind)) for kind in kinds)


def cavitations_recur(recordings: Sequence[Recording]) -> bool:
    """Return whether a later thrust of a session pops a cavity that the thrusts before it did not."""
    pops = sorted(
        (start.timestamp() + x.start_s, x.cavity)
        for recording in recordings
        if (start := recording.metadata.recorded_at) is not None
        for x in recording.labels
        if x.label == CAVITATION
    )
    seen: set[int | None] = set()
    last = None
    for moment, cavity in pops:
        if last is not None and moment - last > THRUST_S and cavity not in seen:
            return True
        seen.add(cavity)
        last = moment
    return False
