"""The model that comes with popclass: built from generated sessions alone, by one command.

    python -m popclass.training.default

writes `models/default.onnx` and its card `models/default.md`; the same seed gives the same bytes on one machine with
one set of library versions (`models/requirements.lock`). Folds hold out generator settings (a sensor in a room), never
single events; then every value of every named setting is left out once, which shows what the model does where the
generator's world is one it has not met. Scores on real recordings are measured elsewhere (`benchmarks/real.py`) and
kept in `models/real.json`, since the recordings are no part of the repository.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from popclass.features import FrontEnd
from popclass.metrics.scores import score
from popclass.model.calibration import Calibration
from popclass.model.model import Model
from popclass.results import OTHER
from popclass.training.classifiers import BOOSTING, train_classifier
from popclass.training.context import Company, learn_context
from popclass.training.fit import fit
from popclass.training.folds import Folds, make_folds
from popclass.training.generated import UNKNOWN, Heard, hear_sessions
from popclass.training.model_card import card
from popclass.training.novelty import distribution, fit_novelty

SESSIONS, SEED = 1000, 20261122
KIND = BOOSTING
MOST_ALIKE = 10  # events of one kind from one recording: a fire crackles a hundred times, and is one thing to learn
SETTINGS_LEFT_OUT = ("sensor", "room", "device", "background", "processing", "pitch", "duration")
NOVELTY_EVENTS = 6000  # enough to know how far ordinary sounds lie apart
WORKERS = 2
COMMAND = "python -m popclass.training.default"

Progress = Callable[[str, int, int], None]


def build(*, sessions: int = SESSIONS, seed: int = SEED, jobs: int = 2, progress: Progress | None = None) -> Model:
    """Generate sessions, hear them and train the default model.

    Parameters
    ----------
    sessions, seed : int
        How many sessions, and what decides everything random.
    jobs : int
        Processes that generate and hear; the model does not depend on it.
    progress : callable, optional
        Called with a description, how many steps are done, and how many there are.
    """
    frontend = FrontEnd.build()

    def heard_so_far(done: int, total: int) -> None:
        if progress is not None:
            progress("hearing generated sessions", done, total)

    heard = hear_sessions(sessions, seed, frontend, jobs=jobs, by_hand=True, progress=heard_so_far)
    company = company_of(heard, seed)
    labels = heard.label[company.rows].tolist()
    model = fit(
        heard.X[company.rows],
        labels,
        company.group[company.rows].tolist(),
        frontend=frontend,
        classifier=KIND,
        seed=seed % 2**32,
        grouped_by="generator setting (sensor in room)",
        company=company,
        mfcc=None if heard.mfcc is None else heard.mfcc[company.rows],
        provenance=_provenance(heard, sessions, seed),
        progress=progress,
    )
    scores = {**model.info["scores"], "left_out": leave_out(heard, company, model, seed, progress)}
    return Model(model.graph, {**model.info, "scores": scores}, name="default")


def company_of(heard: Heard, seed: int) -> Company:
    """The events of generated sessions, and which of them the classifier is trained on."""
    known = np.flatnonzero(heard.label != UNKNOWN)
    shuffled = np.random.default_rng(seed).permutation(known)
    seen: Counter[tuple[int, str]] = Counter()
    kept = []
    for event in shuffled.tolist():
        source = (int(heard.recording[event]), str(heard.kind[event]))
        seen[source] += 1
        if seen[source] <= MOST_ALIKE:
            kept.append(event)
    return Company(
        X=heard.X,
        group=np.char.add(np.char.add(heard.group("sensor"), " in "), heard.group("room")),
        session=heard.session,
        recording=heard.recording,
        onset_s=heard.onset_s,
        burst=heard.burst,
        level_db=heard.level_db,
        rows=np.sort(kept),
        parts=np.flatnonzero(heard.label == UNKNOWN),
    )


def leave_out(
    heard: Heard, company: Company, model: Model, seed: int, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """Scores on every value of every setting while it is left out of training, company weighed."""
    from joblib import Parallel, delayed

    X, labels = company.X[company.rows], heard.label[company.rows]
    y = np.array([model.classes.index(label) for label in labels])
    calibration = Calibration.from_json(model.info["calibration"])

    def judge(train: Any, events: Any) -> Any:
        estimator = train_classifier(KIND, X[train], y[train], seed=seed % 2**32)
        return calibration.apply(estimator.predict_proba(events.astype(np.float32).astype(np.float64)))

    def without(factor: str) -> list[dict[str, Any]]:
        value = heard.group(factor)
        own = value[company.rows]
        folds = [(np.flatnonzero(own != each), np.flatnonzero(own == each)) for each in np.unique(own)]
        aside = replace(company, group=value)
        _, contextual = learn_context(aside, y, model.classes, model.features, folds, judge, seed=seed % 2**32)
        strange = _novelty_left_out(X, y, folds, seed % 2**32)
        parts: list[tuple[str, Any]] = [
            *((str(each), test) for each, (_, test) in zip(np.unique(own), folds, strict=True)),
            ("all", slice(None)),
        ]
        return [
            {
                "setting": factor,
                "value": name,
                **_summary(score(y[part], contextual[part], model.classes), y[part], model),
                "novelty": distribution(strange[part]),
            }
            for name, part in parts
        ]

    rows: list[dict[str, Any]] = []
    tasks = Parallel(n_jobs=WORKERS, return_as="generator")(map(delayed(without), SETTINGS_LEFT_OUT))
    for done, found in enumerate(tasks, start=1):
        rows += found
        if progress is not None:
            progress("leaving out settings", done, len(SETTINGS_LEFT_OUT))
    return rows


def _novelty_left_out(X: Any, y: Any, folds: Folds, seed: int) -> Any:
    """Novelty of each event to a model that has not met the setting it comes from."""
    strange = np.zeros(len(y))
    for train, test in folds:
        some = np.random.default_rng(seed).permutation(train)[:NOVELTY_EVENTS]
        halves = make_folds(y[some], np.arange(len(some)).astype(str).tolist(), folds=2, seed=seed)
        strange[test] = fit_novelty(X[some], y[some], halves, seed=seed)[0].score(X[test])
    return strange


def _summary(figures: dict[str, Any], y: Any, model: Model) -> dict[str, Any]:
    joint = int((y != model.classes.index(OTHER)).sum())
    kept = {key: figures[key] for key in ("balanced_accuracy", "log_loss", "ece")}
    return {"events": len(y), "joint_events": joint, **kept}


def _provenance(heard: Heard, sessions: int, seed: int) -> dict[str, Any]:
    return {
        "source": "generated",
        "sessions": sessions,
        "generator_seed": seed,
        "recordings": int(heard.recording.max()) + 1,
        "subjects": sessions,
        "labels_without_event": heard.missed,
        "events_left_out": int((heard.label == UNKNOWN).sum()),
        "rebuild": COMMAND,
    }


def write_card(models: Path, model: Model) -> None:
    """Write the default model's card, with its scores on real recordings where they have been measured."""
    real = models / "real.json"
    extra = json.loads(real.read_text("utf-8")) if real.exists() else None
    (models / "default.md").write_text(card(model, title="default", real=extra), "utf-8")


def main() -> int:
    """Build the model and write it with its card into `models/`."""
    models = Path(__file__).resolve().parents[2] / "models"
    if not models.is_dir():
        sys.stderr.write(f"{models} does not exist: run this in a checkout of popclass\n")
        return 2

    def say(what: str, done: int, total: int) -> None:
        sys.stderr.write(f"\r{what}: {done} of {total}   ")

    model = build(progress=say)
    model.save(models / "default.onnx", force=True)
    write_card(models, model)
    sys.stderr.write(f"\n{models / 'default.onnx'}: sha256 {model.sha256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
