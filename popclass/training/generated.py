"""Generated sessions as training data: every event that is heard in them, with what it truly is.

A session depends on nothing but the seed and its number, so sessions are generated and heard in any number of
processes with the same outcome. Events stay in the order of sessions, recordings and onsets; those that no label
explains but that belong to a joint's sound (its echoes, the rub before a snap) have no label and serve as
company only, where it is learnt that they are no events of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.detection import Sound
from popclass.errors import AudioError
from popclass.features import FrontEnd
from popclass.pipeline import extract_events
from popclass.results import OTHER, SNAPPING
from popclass.synthesis import draw_settings, generate_session
from popclass.synthesis.session import Label
from popclass.training.baseline import Clips, Described, clips_of

MATCH_S = 0.006  # between the true onset and the detected one
ECHO_S = 0.120  # after a labelled sound, an event without a label is taken for a part of it
RUB_S = 0.250  # before a snap, for the rub that leads to it
UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """Events of generated sessions.

    Attributes
    ----------
    X : ndarray, shape (n, features)
    label : ndarray of str, shape (n,)
        Class, or empty for an echo.
    kind : ndarray of str, shape (n,)
        What made the sound; `after` it, where another sound goes on; empty where it is noise.
    session, recording : ndarray of int, shape (n,)
        Number of the session; number of the recording over all sessions.
    onset_s : ndarray, shape (n,)
    burst : ndarray of int, shape (n,)
    level_db : ndarray, shape (n,)
        `snr_db` as heard.
    factors : tuple of dict
        Named settings of each session.
    labels, missed : int
        Labelled sounds, and those in which nothing was detected.
    mfcc : ndarray, shape (n, 40), or None
        What `popclass.training.baseline.describe` says of the events, where it was asked for.
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
    mfcc: NDArray[np.float64] | None = None

    def group(self, factor: str) -> NDArray[np.str_]:
        """The value of a factor for each event."""
        return np.array([each[factor] for each in self.factors])[self.session]


def hear_sessions(
    sessions: int,
    seed: int,
    frontend: FrontEnd,
    *,
    jobs: int = 1,
    by_hand: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Heard:
    """Generate sessions and hear them.

    Parameters
    ----------
    sessions : int
    seed : int
    frontend : FrontEnd
    jobs : int
        Processes; the outcome does not depend on it.
    by_hand : bool
        Whether the clips of the events are described by MFCC, too, for the baseline made by hand.
    progress : callable, optional
        Called with sessions done and sessions in all.
    """
    tasks = [(seed, number, frontend, by_hand) for number in range(sessions)]
    parts = []
    if jobs == 1:
        for task in tasks:
            parts.append(_hear_session(*task))
            if progress is not None:
                progress(len(parts), sessions)
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            for part in pool.map(_hear_session, *zip(*tasks, strict=True), chunksize=4):
                parts.append(part)
                if progress is not None:
                    progress(len(parts), sessions)
    return _joined(parts)


def _hear_session(seed: int, number: int, frontend: FrontEnd, by_hand: bool) -> dict[str, Any]:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    settings = draw_settings(rng)
    session = generate_session(rng, settings)
    rows: list[tuple[Any, ...]] = []
    tables = [np.zeros((0, len(frontend.names)))]
    described = Described() if by_hand else None
    labels = missed = 0
    for index, recording in enumerate(session.recordings):
        try:
            clips: list[Clips] = []
            notice = None if described is None else partial(_note, clips)
            heard = extract_events(recording.samples, frontend, sample_rate=recording.sample_rate, on_sounds=notice)
        except AudioError:  # a gate that closed on everything leaves silence
            continue
        onsets = np.array([event.start_s for event in heard.events])
        truth = match_onsets(onsets, recording.labels)
        labels += len(recording.labels)
        missed += len(recording.labels) - len({each.start_s for each in truth if each is not None})
        for event, label in zip(heard.events, truth, strict=True):
            said = unlabelled(event.start_s, recording.labels) if label is None else (label.label, label.kind)
            rows.append((index, event.start_s, event.burst, event.snr_db, *said))
        tables.append(heard.features)
        if described is not None:
            described.add(np.concatenate([clips_of([]), *clips]))
    return {
        "X": np.concatenate(tables),
        "mfcc": None if described is None else described.table(),
        "rows": rows,
        "factors": settings.factors(),
        "recordings": len(session.recordings),
        "labels": labels,
        "missed": missed,
    }


def _note(clips: list[Clips], sounds: Sequence[Sound]) -> None:
    clips.append(clips_of(sounds))


def match_onsets(onsets: NDArray[np.float64], labels: tuple[Label, ...]) -> list[Label | None]:
    """The label of each onset: the nearest within 6 ms, each label given once, to the nearest onset."""
    truth: list[Label | None] = [None] * len(onsets)
    for label in labels:
        if not len(onsets):
            break
        nearest = int(np.argmin(np.abs(onsets - label.start_s)))
        distance = abs(onsets[nearest] - label.start_s)
        other = truth[nearest]
        if distance <= MATCH_S and (other is None or distance < abs(onsets[nearest] - other.start_s)):
            truth[nearest] = label
    return truth


def unlabelled(onset_s: float, labels: tuple[Label, ...]) -> tuple[str, str]:
    """Class and kind of an event that no label explains.

    What is heard within or soon after a sound belongs to it: an echo, a syllable's next pulse. That of a joint's sound
    has no class; that of another sound is as little a joint's as that sound itself.
    """
    around = [label for label in labels if _begins(label) <= onset_s <= label.end_s + ECHO_S]
    if any(label.label != OTHER for label in around):
        return UNKNOWN, ""
    return OTHER, f"after {around[0].kind}" if around else ""


def _begins(label: Label) -> float:
    return label.start_s - (RUB_S if label.label == SNAPPING else MATCH_S)


def _joined(parts: list[dict[str, Any]]) -> Heard:
    rows = [row for part in parts for row in part["rows"]]
    first = np.cumsum([0] + [part["recordings"] for part in parts])
    session = np.repeat(np.arange(len(parts)), [len(part["rows"]) for part in parts])
    index, onset_s, burst, level, label, kind = zip(*rows, strict=True)
    return Heard(
        X=np.concatenate([part["X"] for part in parts]),
        label=np.array(label),
        kind=np.array(kind),
        session=session,
        recording=np.array(index) + first[session],
        onset_s=np.array(onset_s),
        burst=np.array(burst),
        level_db=np.array(level),
        factors=tuple(part["factors"] for part in parts),
        labels=sum(part["labels"] for part in parts),
        missed=sum(part["missed"] for part in parts),
        mfcc=np.concatenate([part["mfcc"] for part in parts]) if parts[0]["mfcc"] is not None else None,
    )
