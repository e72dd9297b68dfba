"""Events of generated sessions as training data.

A session depends only on the seed and its number. So any number of processes gives the same result. Events stay in the
order of sessions, recordings and onsets. Those that belong to the sound of a joint but match no label (its echoes, the
rub before a snap) have no class; they only train the context stage.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.features import FrontEnd
from popclass.results import OTHER, SNAPPING
from popclass.synthesis import Label, draw_settings, generate_session
from popclass.training.baseline import MfccTable
from popclass.training.cross_validation import Progress
from popclass.training.dataset import extract_with_clips

MATCH_S = 0.006  # between the true onset and the detected one
ECHO_S = 0.120  # after a labelled sound, an event without a label belongs to it
RUB_S = 0.250  # before a snap, for the rub that leads to it
UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class GeneratedEvents:
    """Events of generated sessions.

    Attributes
    ----------
    X : ndarray, shape (n, features)
    label : ndarray of str, shape (n,)
        Class, or empty for an echo.
    kind : ndarray of str, shape (n,)
        Source of the sound; with `after` before it where the event follows another sound; empty for noise.
    session, recording : ndarray of int, shape (n,)
        Number of the session; number of the recording over all sessions.
    onset_s : ndarray, shape (n,)
    burst : ndarray of int, shape (n,)
    level_db : ndarray, shape (n,)
        `snr_db` of the event.
    factors : tuple of dict
        Named settings of each session.
    labels, missed : int
        Number of labelled sounds, and of those in which nothing was detected.
    mfcc : ndarray, shape (n, 40)
        MFCC statistics of the events (`popclass.training.baseline.mfcc_statistics`).
    """

    X: NDArray[np.float64]
    label: NDArray[np.str_]
    kind: NDArray[np.str_]
    session: NDArray[np.int64]
    recording: NDArray[np.int64]
    onset_s: NDArray[np.float64]
    burst: NDArray[np.int64]
    level_db: NDArray[np.float64]
    factors: tuple[dict[str, str], ...]
    labels: int
    missed: int
    mfcc: NDArray[np.float64]

    def factor(self, name: str) -> NDArray[np.str_]:
        """Return the value of a named setting for each event."""
        return np.array([each[name] for each in self.factors])[self.session]


def generate_events(
    sessions: int,
    seed: int,
    frontend: FrontEnd,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> GeneratedEvents:
    """Generate sessions and extract their events.

    Parameters
    ----------
    sessions : int
    seed : int
    frontend : FrontEnd
    jobs : int
        Processes; the result does not depend on it.
    progress : callable, optional
    """
    tasks = [(seed, number, frontend) for number in range(sessions)]
    parts = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:  # starts no process before it is used
        run: Any = map if jobs == 1 else partial(pool.map, chunksize=4)
        for part in run(_extract_session, *zip(*tasks, strict=True)):
            parts.append(part)
            if progress is not None:
                progress("generating sessions", len(parts), sessions)
    return _join(parts)


def _extract_session(seed: int, number: int, frontend: FrontEnd) -> tuple[Any, ...]:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    settings = draw_settings(rng)
    session = generate_session(rng, settings)
    rows: list[tuple[Any, ...]] = []
    tables, mfcc = [np.zeros((0, len(frontend.names)))], MfccTable()
    labels = missed = 0
    for index, recording in enumerate(session.recordings):
        found, clips = extract_with_clips(recording.samples, frontend, recording.sample_rate)
        if isinstance(found, str):  # a gate that closed on everything leaves silence
            continue
        matched = match_onsets(np.array([event.start_s for event in found.events]), recording.labels)
        labels += len(recording.labels)
        missed += len(recording.labels) - len({each.start_s for each in matched if each is not None})
        for event, label in zip(found.events, matched, strict=True):
            truth = class_without_label(event.start_s, recording.labels) if label is None else (label.label, label.kind)
            rows.append((index, event.start_s, event.burst, event.snr_db, *truth))
        tables.append(found.features)
        mfcc.add(clips)
    return np.concatenate(tables), mfcc.finish(), rows, settings.factors(), len(session.recordings), labels, missed


def match_onsets(onsets: NDArray[np.float64], labels: tuple[Label, ...]) -> list[Label | None]:
    """Return the label of each onset: the nearest within 6 ms, each label for its nearest onset only."""
    matched: list[Label | None] = [None] * len(onsets)
    for label in labels if len(onsets) else ():
        nearest = int(np.argmin(np.abs(onsets - label.start_s)))
        distance = abs(onsets[nearest] - label.start_s)
        other = matched[nearest]
        if distance <= MATCH_S and (other is None or distance < abs(onsets[nearest] - other.start_s)):
            matched[nearest] = label
    return matched


def class_without_label(onset_s: float, labels: tuple[Label, ...]) -> tuple[str, str]:
    """Return class and kind of an event that matches no label.

    An event within a sound or soon after it belongs to it: an echo, the next pulse of a syllable. It has no class if
    the sound is that of a joint, and is `other` otherwise.
    """
    near = [label for label in labels if _begin(label) <= onset_s <= label.end_s + ECHO_S]
    if any(label.label != OTHER for label in near):
        return UNKNOWN, ""
    return OTHER, f"after {near[0].kind}" if near else ""


def _begin(label: Label) -> float:
    return label.start_s - (RUB_S if label.label == SNAPPING else MATCH_S)


def _join(parts: list[tuple[Any, ...]]) -> GeneratedEvents:
    features, mfcc, rows, factors, recordings, labels, missed = zip(*parts, strict=True)
    session = np.repeat(np.arange(len(parts)), [len(each) for each in rows])
    index, onset_s, burst, level, label, kind = map(np.array, zip(*chain.from_iterable(rows), strict=True))
    return GeneratedEvents(
        X=np.concatenate(features),
        label=label,
        kind=kind,
        session=session,
        recording=index + np.cumsum([0, *recordings])[session],
        onset_s=onset_s,
        burst=burst,
        level_db=level,
        factors=factors,
        labels=sum(labels),
        missed=sum(missed),
        mfcc=np.concatenate(mfcc),
    )
