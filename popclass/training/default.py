"""The model that comes with popclass, trained on generated sessions alone.

    python -m popclass.training.default

writes `models/default.onnx` and its card `models/default.md`. The same seed gives the same bytes on one machine with
one set of library versions (`models/requirements.lock`). Folds hold out generator settings (a sensor in a room), never
single events. Then every value of every named setting is left out once, which shows what the model does under
conditions that the generator did not have. Scores on real recordings are measured by `experiments/real.py` and stored
in `models/real.json`, since the recordings are not part of the repository.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from popclass.features import FrontEnd
from popclass.metrics.scores import score
from popclass.model.calibration import Calibration
from popclass.model.model import Model
from popclass.results import OTHER
from popclass.training.classifiers import BOOSTING, predict_with
from popclass.training.context import ContextSamples, learn_context
from popclass.training.cross_validation import Progress
from popclass.training.fit import FitConfig, fit
from popclass.training.folds import Folds, make_folds
from popclass.training.generated import UNKNOWN, GeneratedEvents, generate_events
from popclass.training.model_card import card
from popclass.training.novelty import distribution, fit_novelty

SESSIONS, SEED = 1000, 20261122
MOST_OF_A_KIND = 10  # events of one kind from one recording: the hundred crackles of a fire are nearly the same
SETTINGS_LEFT_OUT = ("sensor", "room", "device", "background", "processing", "pitch", "duration")
NOVELTY_EVENTS = 6000  # enough for the distances of ordinary sounds
WORKERS = 2
COMMAND = "python -m popclass.training.default"


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
    samples = context_samples(events, seed)
    rows = samples.rows
    config = FitConfig(
        classifier=BOOSTING,
        seed=seed % 2**32,
        grouped_by="generator setting (sensor in room)",
        provenance={
            "source": "generated",
            "sessions": sessions,
            "generator_seed": seed,
            "recordings": int(events.recording.max()) + 1,
            "subjects": sessions,
            "labels_without_event": events.missed,
            "events_left_out": int((events.label == UNKNOWN).sum()),
            "rebuild": COMMAND,
        },
        progress=progress,
    )
    model = fit(
        *(events.X[rows], events.label[rows].tolist(), samples.group[rows].tolist(), frontend, config),
        samples=samples,
        mfcc=events.mfcc[rows],
    )
    left_out = leave_out(events, samples, model, config)
    return Model(model.graph, {**model.info, "scores": {**model.info["scores"], "left_out": left_out}}, name="default")


def context_samples(events: GeneratedEvents, seed: int) -> ContextSamples:
    """Return the events of generated sessions with those chosen for training: few of a kind from one recording."""
    kept, seen = [], Counter[tuple[int, str]]()
    for event in np.random.default_rng(seed).permutation(np.flatnonzero(events.label != UNKNOWN)).tolist():
        source = (int(events.recording[event]), str(events.kind[event]))
        seen[source] += 1
        if seen[source] <= MOST_OF_A_KIND:
            kept.append(event)
    return ContextSamples(
        X=events.X,
        group=np.char.add(np.char.add(events.factor("sensor"), " in "), events.factor("room")),
        session=events.session,
        recording=events.recording,
        onset_s=events.onset_s,
        burst=events.burst,
        level_db=events.level_db,
        rows=np.sort(kept),
        parts=np.flatnonzero(events.label == UNKNOWN),
    )


def leave_out(
    events: GeneratedEvents, samples: ContextSamples, model: Model, config: FitConfig
) -> list[dict[str, Any]]:
    """Return scores with context on every value of every setting while it is left out of training."""
    from joblib import Parallel, delayed

    X, seed = samples.X[samples.rows], config.seed
    y = np.array([model.classes.index(label) for label in events.label[samples.rows]])
    calibration = Calibration.from_json(model.info["calibration"])

    def predict(train: Any, new: Any) -> Any:
        return calibration.apply(predict_with(BOOSTING, X[train], y[train], new, seed=seed))

    def without(factor: str) -> list[dict[str, Any]]:
        group = events.factor(factor)
        own = group[samples.rows]
        values = np.unique(own)
        folds = [(np.flatnonzero(own != value), np.flatnonzero(own == value)) for value in values]
        grouped = replace(samples, group=group)
        _, contextual = learn_context(grouped, y, model.classes, model.features, folds, predict, seed=seed)
        novelty = _novelty_left_out(X, y, folds, seed)
        parts: list[tuple[str, Any]] = [(str(value), test) for value, (_, test) in zip(values, folds, strict=True)]
        rows = []
        for name, part in (*parts, ("all", slice(None))):
            figures = score(y[part], contextual[part], model.classes)
            totals = {key: figures[key] for key in ("events", "balanced_accuracy", "log_loss", "ece")}
            totals["joint_events"] = int((y[part] != model.classes.index(OTHER)).sum())
            rows.append({"setting": factor, "value": name, **totals, "novelty": distribution(novelty[part])})
        return rows

    rows: list[dict[str, Any]] = []
    tasks = Parallel(n_jobs=WORKERS, return_as="generator")(map(delayed(without), SETTINGS_LEFT_OUT))
    for done, found in enumerate(tasks, start=1):
        rows += found
        if config.progress is not None:
            config.progress("leaving out settings", done, len(SETTINGS_LEFT_OUT))
    return rows


def _novelty_left_out(X: Any, y: Any, folds: Folds, seed: int) -> Any:
    """Return the novelty of each event to a model without the setting that it comes from."""
    novelty = np.zeros(len(y))
    for train, test in folds:
        some = np.random.default_rng(seed).permutation(train)[:NOVELTY_EVENTS]
        halves = make_folds(y[some], np.arange(len(some)).astype(str).tolist(), folds=2, seed=seed)
        novelty[test] = fit_novelty(X[some], y[some], halves, seed=seed)[0].score(X[test])
    return novelty


def write_card(models: Path, model: Model) -> None:
    """Write the card of the default model, with its scores on real recordings where they have been measured."""
    real = models / "real.json"
    extra = json.loads(real.read_text("utf-8")) if real.exists() else None
    (models / "default.md").write_text(card(model, title="default", real=extra), "utf-8")


def main() -> int:
    """Build the model and write it with its card into `models/`."""
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
