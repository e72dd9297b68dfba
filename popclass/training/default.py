"""The model that comes with popclass, trained on generated sessions alone.

    python -m popclass.training.default

writes `models/default.onnx` and its card `models/default.md`. The same seed gives the same bytes on one machine with
one set of library versions (`models/requirements.lock`). Folds hold out generator settings (a sensor in a room), never
single events. Then every value of every named setting is left out once, which shows what the model does under
conditions that the generator did not have. Scores on real recordings are measured by `experiments/real.py` and stored
in `models/real.json`, since the recordings are not part of the repository.

A session depends only on the seed and its number. So any number of processes gives the same result. Events stay in the
order of sessions, recordings and onsets. Those that belong to the sound of a joint but match no label (its echoes, the
rub before a snap) have no class; they only train the context stage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.features import FrontEnd
from popclass.metrics.bootstrap import score_with_intervals
from popclass.model.calibration import Calibration
from popclass.model.context import Context
from popclass.model.model import Model
from popclass.schema import OTHER, SNAPPING
from popclass.synthesis import Label, session_of
from popclass.synthesis.other import FAMILIES
from popclass.training.classifiers import BOOSTING, predict_with
from popclass.training.context import ContextSamples
from popclass.training.cross_validation import Progress, tracked
from popclass.training.dataset import MfccTable, extract_with_clips
from popclass.training.fit import fit
from popclass.training.folds import make_folds
from popclass.training.model_card import card
from popclass.training.settings import FitConfig
from popclass.training.thresholds import distribution, fit_novelty

SESSIONS, SEED = 800, 20261122
SETTINGS_LEFT_OUT = ("sensor", "room", "device", "background", "processing", "pitch", "duration")
NOVELTY_EVENTS = 6000  # enough for the distances of ordinary sounds
WORKERS = 2
COMMAND = "python -m popclass.training.default"
MATCH_S = 0.006  # between the true onset and the detected one
ECHO_S = 0.120  # after a labelled sound, an event without a label belongs to it
LEAD_S = {SNAPPING: 0.250}  # before a snap, for the rub that leads to it
UNKNOWN = ""
MOST_OF_A_KIND = 10  # events of one kind from one recording: the hundred crackles of a fire are nearly the same
OTHER_SHARE = 0.79  # of the training events; the least tried with at most one false joint label a minute


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedEvents(ContextSamples):
    """Events of generated sessions. Those of one sensor in one room are a group.

    Attributes
    ----------
    label : ndarray of str, shape (m,)
        Class, or empty for an echo.
    kind : ndarray of str, shape (m,)
        Source of the sound; with `after` before it where the event follows another sound; empty for noise.
    factors : tuple of dict
        Named settings of each session.
    missed : int
        Number of labelled sounds in which nothing was detected.
    mfcc : ndarray, shape (m, 40)
        MFCC statistics of the events (`popclass.training.dataset.mfcc_statistics`).
    """

    label: NDArray[np.str_]
    kind: NDArray[np.str_]
    factors: tuple[dict[str, str], ...]
    missed: int
    mfcc: NDArray[np.float64]

    def factor(self, name: str) -> NDArray[np.str_]:
        """Return the value of a named setting for each event."""
        return np.array([each[name] for each in self.factors])[self.session]


def build(*, sessions: int = SESSIONS, seed: int = SEED, jobs: int = 2, progress: Progress | None = None) -> Model:
    """Generate sessions, extract their events and train the default model.

    Parameters
    ----------
    sessions, seed : int
        Number of sessions, and the seed of everything random.
    jobs : int
        Processes that generate sessions; the model does not depend on it.
    progress : callable, optional
    """
    frontend = FrontEnd.build()
    events = generate_events(sessions, seed, frontend, jobs=jobs, progress=progress)
    rows = events.rows
    provenance = {
        "source": "generated",
        "sessions": sessions,
        "generator_seed": seed,
        "recordings": int(events.recording.max()) + 1,
        "subjects": sessions,
        "labels_without_event": events.missed,
        "events_left_out": len(events.parts),
        "rebuild": COMMAND,
    }
    grouped_by = "generator setting (sensor in room)"
    config = FitConfig(BOOSTING, seed=seed % 2**32, grouped_by=grouped_by, provenance=provenance, progress=progress)
    labels, groups = events.label[rows].tolist(), events.group[rows].tolist()
    model = fit(events.X[rows], labels, groups, frontend, config, samples=events, mfcc=events.mfcc[rows])
    scores = {**model.info["scores"], "left_out": leave_out(events, model, config)}
    return Model(model.graph, {**model.info, "scores": scores}, name="default")


def generate_events(
    sessions: int, seed: int, frontend: FrontEnd, *, jobs: int = 1, progress: Progress | None = None
) -> GeneratedEvents:
    """Generate sessions, extract their events, and choose those to train on: few of a kind from one recording.

    Parameters
    ----------
    sessions : int
    seed : int
    frontend : FrontEnd
    jobs : int
        Processes; the result does not depend on it.
    progress : callable, optional
    """
    from joblib import Parallel, delayed

    tasks = (delayed(_extract_session)(seed, number, frontend) for number in range(sessions))
    parts = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    return _join([*tracked(parts, "generating sessions", sessions, progress)], seed)


def _extract_session(seed: int, number: int, frontend: FrontEnd) -> tuple[Any, ...]:
    session = session_of(seed, number)
    rows: list[tuple[Any, ...]] = []
    tables, mfcc = [np.zeros((0, len(frontend.names)))], MfccTable()
    missed = 0
    for index, recording in enumerate(session.recordings):
        [(found, clips)] = extract_with_clips([(recording.samples, recording.sample_rate, None)], frontend)
        if isinstance(found, str):  # a gate that closed on everything leaves silence
            continue
        matched = match_onsets(np.array([event.start_s for event in found.events]), recording.labels)
        missed += len(recording.labels) - len({each.start_s for each in matched if each is not None})
        for event, label in zip(found.events, matched, strict=True):
            truth = class_without_label(event.start_s, recording.labels) if label is None else (label.label, label.kind)
            rows.append((index, event.start_s, event.burst, event.snr_db, *truth))
        tables.append(found.features)
        mfcc.add(clips)
    factors = session.settings.factors()
    return np.concatenate(tables), mfcc.finish(), rows, factors, len(session.recordings), missed


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
    near = [each for each in labels if each.start_s - LEAD_S.get(each.label, MATCH_S) <= onset_s <= each.end_s + ECHO_S]
    if any(label.label != OTHER for label in near):
        return UNKNOWN, ""
    return OTHER, f"after {near[0].kind}" if near else ""


def _join(parts: list[tuple[Any, ...]], seed: int) -> GeneratedEvents:
    features, mfcc, rows, factors, recordings, missed = zip(*parts, strict=True)
    session = np.repeat(np.arange(len(parts)), [len(each) for each in rows])
    index, onset_s, burst, level_db, label, kind = map(np.array, zip(*chain.from_iterable(rows), strict=True))
    columns = {"onset_s": onset_s, "burst": burst, "level_db": level_db, "label": label, "kind": kind}
    recording = index + np.cumsum([0, *recordings])[session]
    return GeneratedEvents(
        X=np.concatenate(features),
        group=np.array([f"{each['sensor']} in {each['room']}" for each in factors])[session],
        session=session,
        recording=recording,
        rows=choose_events(label, kind, recording, seed),
        parts=np.flatnonzero(label == UNKNOWN),
        factors=factors,
        family=np.array([_family(*each) for each in zip(label.tolist(), kind.tolist(), strict=True)]),
        missed=sum(missed),
        mfcc=np.concatenate(mfcc),
        **columns,
    )


def choose_events(
    label: NDArray[np.str_], kind: NDArray[np.str_], recording: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    """Return the indices of the events to train on: few of a kind from one recording, and few enough of `other`.

    Parameters
    ----------
    label, kind : ndarray of str, shape (m,)
        As in `GeneratedEvents`.
    recording : ndarray of int, shape (m,)
    seed : int

    Returns
    -------
    ndarray of int, shape (n,)
        In rising order; at most a share of `OTHER_SHARE` is `other`.
    """
    kept, seen = [], Counter[tuple[int, str]]()
    for event in np.random.default_rng(seed).permutation(np.flatnonzero(label != UNKNOWN)).tolist():
        source = (int(recording[event]), str(kind[event]))
        seen[source] += 1
        if seen[source] <= MOST_OF_A_KIND:
            kept.append(event)
    chosen = np.array(kept, dtype=np.int64)
    other = label[chosen] == OTHER
    most = round((~other).sum() * OTHER_SHARE / (1 - OTHER_SHARE))
    return np.sort(np.concatenate([chosen[~other], chosen[other][:most]]))


def _family(label: str, kind: str) -> str:
    """Return the family of the kind of an event that is `other` and no noise; empty for all others."""
    return FAMILIES[kind.removeprefix("after ")] if label == OTHER and kind else ""


def leave_out(events: GeneratedEvents, model: Model, config: FitConfig) -> list[dict[str, Any]]:
    """Return scores with context on every value of every setting while it is left out of training.

    Intervals are those of a bootstrap over sessions.
    Classifier and novelty measure are trained without the value; calibration, costs of novelty and context stage are
    those of the model.
    """
    from joblib import Parallel, delayed

    X, seed = events.X[events.rows], config.seed
    y = np.array([model.classes.index(label) for label in events.label[events.rows]])
    calibration = Calibration.from_json(model.info["calibration"])
    context = Context.from_json(model.info["context"], model.classes)

    def predict(train: Any, aside: Any) -> tuple[Any, Any]:
        acoustic = calibration.apply(predict_with(BOOSTING, X[train], y[train], events.X[aside], seed=seed))
        novelty = _novelty_left_out(X[train], y[train], events.X[aside], seed)
        known = model.include_novelty(acoustic, novelty)
        return context.apply(known, events.features(context, aside, known)), novelty

    def without(factor: str) -> list[dict[str, Any]]:
        values = events.factor(factor)
        contextual, novelty = np.zeros((len(values), len(model.classes))), np.zeros(len(values))
        names = np.unique(values[events.rows]).tolist()
        for name in names:
            aside = np.flatnonzero(values == name)
            contextual[aside], novelty[aside] = predict(np.flatnonzero(values[events.rows] != name), aside)
        rows = []
        for name in (*names, "all"):
            part = np.flatnonzero((values[events.rows] == name) | (name == "all"))
            at = events.rows[part]
            sessions = events.session[at].astype(str).tolist()
            figures = score_with_intervals(y[part], contextual[at], model.classes, sessions, seed=seed)
            totals = {key: figures[key] for key in ("events", "balanced_accuracy", "log_loss", "ece")}
            spans = figures["intervals"] or {}
            totals["intervals"] = {key: spans.get(key) for key in ("balanced_accuracy", "log_loss")}
            totals["joint_events"] = int((y[part] != model.classes.index(OTHER)).sum())
            rows.append({"setting": factor, "value": name, **totals, "novelty": distribution(novelty[at])})
        return rows

    found = Parallel(n_jobs=WORKERS, return_as="generator")(map(delayed(without), SETTINGS_LEFT_OUT))
    return [*chain.from_iterable(tracked(found, "leaving out settings", len(SETTINGS_LEFT_OUT), config.progress))]


def _novelty_left_out(X: Any, y: Any, new: Any, seed: int) -> Any:
    """Return the novelty of events to a model that was trained on others."""
    some = np.random.default_rng(seed).permutation(len(X))[:NOVELTY_EVENTS]
    halves = make_folds(y[some], np.arange(len(some)).astype(str).tolist(), folds=2, seed=seed)
    return fit_novelty(X[some], y[some], halves, seed=seed)[0].score(new)


def write_card(models: Path, model: Model) -> None:
    """Write the card of the default model, with its scores on real recordings where they have been measured."""
    real, codecs = (
        json.loads(path.read_text("utf-8")) if path.exists() else None
        for path in (models / "real.json", models / "codecs.json")
    )
    (models / "default.md").write_text(card(model, title="default", real=real, codecs=codecs), "utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Build the model and write it with its card into `models/`."""
    argparse.ArgumentParser(description="Build the bundled model into models/ of this checkout.").parse_args(argv)
    models = Path(__file__).resolve().parents[2] / "models"
    if not models.is_dir():
        sys.stderr.write(f"{models} does not exist: run this in a checkout of popclass\n")
        return 2

    def report(what: str, done: int, total: int) -> None:
        sys.stderr.write(f"\r{what}: {done} of {total}   ")

    model = build(progress=report)
    model.save(models / "default.onnx", force=True)
    write_card(models, model)
    sys.stderr.write(f"\n{models / 'default.onnx'}: sha256 {model.sha256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
