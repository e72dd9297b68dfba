"""From features of labelled events to a model: folds, candidates, calibration, novelty, thresholds.

`fit` gives a finished `Model` whose `info["scores"]` come from held-out groups only: each event is judged by a
classifier, a calibration and a novelty measure that have not seen its group. Nothing depends on the number of cores or
on the clock: the same data, settings and library versions give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from popclass.errors import UsageError
from popclass.model.file import SCHEMA_VERSION
from popclass.model.model import Model
from popclass.training.baseline import WIDTH
from popclass.training.calibration import fit_calibration
from popclass.training.classifiers import BOOSTING, KINDS, SETTINGS, enough_for, to_graph, train_classifier
from popclass.training.context import Company, Judge, learn_context
from popclass.training.cross_validation import Progress, Trial, remarks_on, scored, trial_scores, try_out
from popclass.training.folds import Folds, indexed, make_folds
from popclass.training.novelty import fit_novelty
from popclass.training.provenance import counted, created_by, versions
from popclass.training.thresholds import (
    NOVELTY,
    PRECISION,
    cost_of,
    doubtful_band,
    joint_bounds,
    joint_classes,
    min_probability,
)

if TYPE_CHECKING:
    from popclass.features.frontend import FrontEnd

AUTO = "auto"


def fit(
    X: np.ndarray,
    labels: Sequence[str],
    groups: Sequence[str],
    *,
    frontend: FrontEnd,
    classifier: str = AUTO,
    folds: int = 5,
    seed: int = 0,
    grouped_by: str = "group",
    context: Mapping[str, Any] | None = None,
    company: Company | None = None,
    mfcc: np.ndarray | None = None,
    precision: float = PRECISION,
    beside: Mapping[str, Mapping[str, Any]] | None = None,
    provenance: Mapping[str, Any] | None = None,
    remarks: Sequence[str] = (),
    progress: Progress | None = None,
) -> Model:
    """Train a model on features.

    Parameters
    ----------
    X : numpy.ndarray, shape (n, f)
        As `frontend` makes them.
    labels : sequence of str, length n
        Names of the classes; at least two different ones.
    groups : sequence of str, length n
        What must not be on both sides of a fold: subjects, recordings, generator settings.
    frontend : FrontEnd
        Goes into the model.
    grouped_by : str
        What the groups are, for the report.
    context : mapping, optional
        What `popclass.model.context.Context.to_json` gives; stored as it is.
    company : Company, optional
        The sessions the events are from, where the context stage is to be learnt.
    mfcc : numpy.ndarray, shape (n, 40), optional
        Of the same events, from `popclass.training.baseline.describe`; without it the scores have no baseline made by
        hand, and a remark says so.
    beside : mapping, optional
        Rows of the table of candidates that were found elsewhere on the same events, such as those of a base model.
    provenance : mapping, optional
        More about the data, stored under `training`.
    remarks : sequence of str
        What a reader of the scores should know.

    The others are those of `popclass.train`, and so are the errors.
    """
    check_options(classifier, folds, precision)
    X = _checked(X, len(labels), frontend)
    _check_mfcc(mfcc, len(labels))
    classes, y = indexed(labels)
    found_of = counted(labels, groups, sorted(classes))
    splits = make_folds(y, groups, folds=folds, seed=seed, classes=classes, grouped_by=grouped_by)
    notes = list(remarks)
    if len(splits) < folds:
        notes.append(f"{len(splits)} folds instead of {folds}, for want of {grouped_by}s of each class")
    kinds = _candidates(classifier, y, splits, notes)
    with _one_blas_thread():
        trial = try_out(kinds, X, y, classes, splits, mfcc=mfcc, seed=seed, progress=progress)
        graph = to_graph(train_classifier(trial.chosen, X, y, seed=seed), X.shape[1])
        novelty, held_out_novelty = fit_novelty(X, y, splits, seed=seed)
        contextual = trial.calibrated
        if company is not None:
            judge = _judge(trial, X, y, seed)
            stage, contextual = learn_context(company, y, classes, frontend.names, splits, judge, seed=seed)
            context = stage.to_json()
    notes += remarks_on(trial, len(kinds), mfcc is not None)
    bound = min_probability(contextual, held_out_novelty, y, joint_classes(classes), precision=precision)
    least = joint_bounds(classes, bound)
    cost = cost_of(contextual, held_out_novelty, y, classes, least, precision)
    cost["joint_labels"]["band"] = doubtful_band(contextual, held_out_novelty, y, joint_classes(classes), bound)
    tried = trial_scores(trial, y, classes, groups, seed=seed)
    scores = {
        "folds": len(splits),
        "grouped_by": grouped_by,
        "groups": len(set(groups)),
        **tried,
        "candidates": {**(beside or {}), **tried["candidates"]},
        "with_company": scored(y, contextual, classes, groups, seed=seed) if company is not None else None,
        **cost,
    }
    info = {
        "schema_version": SCHEMA_VERSION,
        "created_by": created_by(),
        "classes": list(classes),
        "features": list(frontend.names),
        "frontend": frontend.to_json(),
        "classifier": {"kind": trial.chosen, "asked_for": classifier, "settings": SETTINGS[trial.chosen]},
        "calibration": fit_calibration(trial.raw, y).to_json(),
        "thresholds": {"min_probability": dict(zip(classes, least.tolist(), strict=True)), "novelty": NOVELTY},
        "novelty": novelty.to_json(),
        "context": context,
        "training": {**(provenance or {}), "classes": found_of, "folds": folds, "seed": seed, "remarks": notes},
        "versions": versions(),
        "scores": scores,
    }
    return Model(graph, info)


def _judge(trial: Trial, X: np.ndarray, y: np.ndarray, seed: int) -> Judge:
    """What the chosen kind, trained on some events and calibrated on what it said of them held out, says of others."""

    def judge(train: np.ndarray, events: np.ndarray) -> np.ndarray:
        estimator = train_classifier(trial.chosen, X[train], y[train], seed=seed)
        raw = np.asarray(estimator.predict_proba(events.astype(np.float32).astype(np.float64)))
        return fit_calibration(trial.raw[train], y[train]).apply(raw)

    return judge


def _candidates(classifier: str, y: np.ndarray, splits: Folds, notes: list[str]) -> list[str]:
    if classifier != AUTO:
        return [classifier]
    kinds = [kind for kind in KINDS if all(enough_for(kind, y[train]) for train, _ in splits)]
    notes += [f"{kind} was not tried: too few events of a class" for kind in KINDS if kind not in kinds]
    return kinds


def check_options(classifier: str, folds: int, precision: float) -> None:
    """Raise UsageError if one of them is outside what is allowed."""
    if classifier not in (AUTO, *KINDS, BOOSTING):
        raise UsageError(f"classifier '{classifier}': allowed are {AUTO}, {', '.join(KINDS)}")
    if folds < 2:
        raise UsageError(f"folds {folds}: at least 2 are needed to hold anything out")
    if not 0.5 <= precision <= 1:
        raise UsageError(f"precision {precision:g}: the share of joint labels that should be right is 0.5 to 1")


def _check_mfcc(mfcc: np.ndarray | None, events: int) -> None:
    if mfcc is not None and mfcc.shape != (events, WIDTH):
        raise UsageError(f"mfcc of shape {mfcc.shape}, expected ({events}, {WIDTH})")


def _checked(X: np.ndarray, events: int, frontend: FrontEnd) -> np.ndarray:
    """Features as float64 numbers that float32 holds exactly, which is what onnxruntime will see."""
    X = np.asarray(X, dtype=np.float64)
    if X.shape != (events, len(frontend.names)):
        raise UsageError(f"features of shape {X.shape}, expected ({events}, {len(frontend.names)})")
    with np.errstate(over="ignore"):
        X = X.astype(np.float32).astype(np.float64)
    if not np.isfinite(X).all():
        raise UsageError("features must be finite and within the range of float32")
    return X


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Sums are added in the same order on every machine, and the folds' threads do not fight over the cores."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
