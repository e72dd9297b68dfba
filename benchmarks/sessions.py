"""Generated sessions as they are heard, a recording at a time, with everything that timing and company rest on.

`popclass.training.generated` keeps what training needs; this keeps the rest as well: who, where and when, which cavity
a pop came from, and the true sounds themselves. Sessions are those of `popclass synth` with the same seed.
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
from popclass.features import FrontEnd
from popclass.pipeline import Extraction, extract_events
from popclass.postprocess import Metadata
from popclass.results import CAVITATION, OTHER, SNAPPING, RecordingInfo
from popclass.synthesis.session import GeneratedRecording, Label
from popclass.synthesis.write import session_of
from popclass.training.generated import class_without_label, match_onsets  # the truth must be that of training

STEADY = 0.3  # median absolute deviation of the intervals over their median, below which sounds come regularly
FEWEST = 4  # sounds, or no regularity can be seen
THRUST_S = 0.25


@dataclass(frozen=True, slots=True)
class Take:
    """One recording of a session.

    Attributes
    ----------
    session : int
    heard : Extraction
    around : Metadata
        The true ones.
    truth : tuple of str
        Class of each event; empty for an echo of a joint's sound, or the rub before one, which has none.
    kind : tuple of str
        What made each sound; empty where it is noise, an echo or a rub.
    labels : tuple of Label
        The true sounds, heard or not.
    """

    session: int
    heard: Extraction
    around: Metadata
    truth: tuple[str, ...]
    kind: tuple[str, ...]
    labels: tuple[Label, ...]


def hear_takes(sessions: int, seed: int, frontend: FrontEnd, *, jobs: int = 2) -> list[Take]:
    """Generate sessions and hear them; the outcome does not depend on the number of processes."""
    one = partial(_hear_session, seed=seed, frontend=frontend)
    if jobs == 1:
        return [take for number in range(sessions) for take in one(number)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return [take for takes in pool.map(one, range(sessions), chunksize=4) for take in takes]


def _hear_session(number: int, *, seed: int, frontend: FrontEnd) -> list[Take]:
    session = session_of(seed, number)
    takes = []
    for index, recording in enumerate(session.recordings):
        name = f"session_{number:04d}/recording_{index + 1:02d}"
        around = Metadata(site=session.site, subject=session.subject, recorded_at=recording.recorded_at)
        try:
            takes.append(_take(number, name, recording, around, frontend))
        except AudioError:  # a gate that closed on everything leaves silence
            continue
    return takes


def _take(number: int, name: str, recording: GeneratedRecording, around: Metadata, frontend: FrontEnd) -> Take:
    heard = extract_events(recording.samples, frontend, sample_rate=recording.sample_rate, name=name)
    onsets = np.array([event.start_s for event in heard.events])
    matched = match_onsets(onsets, recording.labels)
    said = [
        class_without_label(onset, recording.labels) if label is None else (label.label, label.kind)
        for onset, label in zip(onsets.tolist(), matched, strict=True)
    ]
    return RecordingInfo(
        number, duration_s=tuple(x for _, x in said), recorded_at=tuple(x for x, _ in said), site=around, subject=heard
    )


# --- what is in a session ---------------------------------------------------------------------------------------------


def onsets_of(take: Take, label: str, kind: str | None = None) -> NDArray[np.float64]:
    """True onsets of a class, or of one kind of it, in seconds."""
    return np.array([x.start_s for x in take.labels if x.label == label and kind in (None, x.kind)])


def regular(onsets: NDArray[np.float64]) -> bool:
    """Whether sounds come back steadily: each after the last, or each after the last but one, as there and back."""
    if len(onsets) < FEWEST:
        return False
    steps = [np.diff(onsets)]
    if len(onsets) >= FEWEST + 2:
        steps.append(onsets[2:] - onsets[:-2])
    return min(float(np.median(np.abs(step - np.median(step))) / np.median(step)) for step in steps) < STEADY


def snaps_repeat(take: Take) -> bool | None:
    """Whether the snaps of a recording come back steadily; None where it has none."""
    onsets = onsets_of(take, SNAPPING)
    return regular(onsets) if len(onsets) else None


def others_repeat(take: Take) -> bool:
    """Whether something that is no joint comes back steadily: taps, a clock, clicks."""
    kinds = {x.kind for x in take.labels if x.label == OTHER}
    return any(regular(onsets_of(take, OTHER, kind)) for kind in kinds)


def cavitations_recur(takes: Sequence[Take]) -> bool:
    """Whether a later thrust of a session makes another cavity pop than the thrusts before."""
    pops = sorted(
        (start.timestamp() + x.start_s, x.cavity)
        for take in takes
        if (start := take.around.recorded_at) is not None
        for x in take.labels
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
