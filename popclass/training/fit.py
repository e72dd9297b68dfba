"""Training of a model on the features of labelled events.

`fit` returns a `Model` whose `info["scores"]` come from held-out groups only. The result does not depend on the number
of cores or the clock: the same data, settings and library versions give the same bytes.
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from popclass.errors import UsageError
from popclass.features import FrontEnd
from popclass.metrics.bootstrap import score_with_intervals
from popclass.metrics.tables import MFCC_FOREST
from popclass.model.file import SCHEMA_VERSION
from popclass.model.model import Model
from popclass.training.baseline import WIDTH
from popclass.training.calibration import fit_calibration
from popclass.training.classifiers import (
    BOOSTING,
    KINDS,
    SETTINGS,
    predict_with,
    to_float32,
    to_graph,
    train_classifier,
    trainable_kinds,
)
from popclass.training.context import ContextSamples, Predictor, learn_context
from popclass.training.cross_validation import CrossValidation, Progress, cross_validate
from popclass.training.folds import Folds, index_classes, make_folds
from popclass.training.novelty import fit_novelty
from popclass.training.thresholds import NOVELTY, PRECISION, HeldOut, joint_thresholds

AUTO = "auto"
LIBRARIES = ("numpy", "scipy", "scikit-learn", "skl2onnx", "onnx", "librosa", "soxr")


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Settings of `popclass.training.fit.fit` and `popclass.training.adapt.adapt`.

    Attributes
    ----------
    classifier : str
        `auto` for cross-validation among all, or one of `popclass.training.classifiers.KINDS`. For `adapt`, anything
        but `auto` leaves out the comparison with models of the labels alone.
    folds : int
        At least 2; fewer are made where a class has fewer groups.
    seed : int
    grouped_by : str
        Kind of the groups, such as `subject`; for messages and scores.
    precision : float, optional
        Share of the joint labels that should be right, 0.5 to 1 (default: 0.8 for `fit`, the thresholds of the base
        model for `adapt`).
    context : mapping, optional
        Context stage to take over, as `popclass.model.context.Context.to_json` returns it; for `fit`.
    base_candidates : mapping
        Rows of the table of candidates that `adapt` has computed for a base model on the same events; for `fit`.
    provenance : mapping
        Description of the data, stored under `training`.
    remarks : sequence of str
        Notes on the data and the scores, stored under `training`.
    fold_remarks : sequence of str
        More remarks, which apply only if the events can be split into folds.
    progress : callable, optional

    Raises
    ------
    UsageError
        If `classifier`, `folds` or `precision` is out of range.
    """

    classifier: str = AUTO
    folds: int = 5
    seed: int = 0
    grouped_by: str = "group"
    precision: float | None = None
    context: Mapping[str, Any] | None = None
    base_candidates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    fold_remarks: Sequence[str] = ()
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.classifier not in (AUTO, *KINDS, BOOSTING):
            raise UsageError(f"classifier '{self.classifier}': allowed are {AUTO}, {', '.join(KINDS)}")
        if self.folds < 2:
            raise UsageError(f"folds {self.folds}: at least 2 are needed to hold anything out")
        if self.precision is not None and not 0.5 <= self.precision <= 1:
            raise UsageError(
                f"precision {self.precision:g}: allowed is 0.5 to 1, the share of joint labels to be right"
            )


def fit(
    X: np.ndarray,
    labels: Sequence[str],
    groups: Sequence[str],
    frontend: FrontEnd,
    config: FitConfig | None = None,
    *,
    samples: ContextSamples | None = None,
    mfcc: np.ndarray | None = None,
) -> Model:
    """Train a model on features.

    Parameters
    ----------
    X : ndarray, shape (n, f)
        Features of `frontend`.
    labels : sequence of str, length n
        Names of the classes; at least two different ones.
    groups : sequence of str, length n
        Groups that must not be on both sides of a fold: subjects, recordings, generator settings.
    frontend : FrontEnd
        Stored in the model.
    config : FitConfig, optional
    samples : ContextSamples, optional
        The sessions of the events; with them the context stage is trained.
    mfcc : ndarray, shape (n, 40), optional
        MFCC statistics of the same events (`popclass.training.baseline.mfcc_statistics`). Without them the scores have
        no MFCC baseline, and a remark says so.

    Raises
    ------
    LabelError
        If the labels do not suffice.
    UsageError
        If an array has a wrong shape, or features are not finite.
    """
    from threadpoolctl import threadpool_limits

    config = FitConfig() if config is None else config
    X = _check_features(X, len(labels), frontend)
    if mfcc is not None and mfcc.shape != (len(labels), WIDTH):
        raise UsageError(f"mfcc of shape {mfcc.shape}, expected ({len(labels)}, {WIDTH})")
    classes, y = index_classes(labels)
    seed = config.seed
    splits = make_folds(y, groups, folds=config.folds, seed=seed, classes=classes, grouped_by=config.grouped_by)
    auto = config.classifier == AUTO
    kinds = trainable_kinds(y, [train for train, _ in splits]) if auto else [config.classifier]
    with threadpool_limits(limits=1):  # sums are then added in the same order on every machine
        tested = cross_validate(kinds, X, y, splits, mfcc=mfcc, seed=seed, progress=config.progress)
        graph = to_graph(train_classifier(tested.chosen, X, y, seed=seed), X.shape[1])
        novelty, held_out_novelty = fit_novelty(X, y, splits, seed=seed)
        context, contextual, with_context = config.context, tested.calibrated, None
        if samples is not None:
            predict = _predictor(tested, X, y, seed)
            stage, contextual = learn_context(samples, y, classes, frontend.names, splits, predict, seed=seed)
            context = stage.to_json()
            with_context = score_with_intervals(y, contextual, classes, groups, seed=seed)
    held_out = HeldOut(contextual, held_out_novelty, y, classes)
    precision = PRECISION if config.precision is None else config.precision
    bound = held_out.choose_bound(precision)
    least = joint_thresholds(classes, bound)
    scores = tested.scores(y, classes, groups, seed=seed)
    info = {
        "schema_version": SCHEMA_VERSION,
        "created_by": created_by(),
        "classes": list(classes),
        "features": list(frontend.names),
        "frontend": frontend.to_json(),
        "classifier": {"kind": tested.chosen, "asked_for": config.classifier, "settings": SETTINGS[tested.chosen]},
        "calibration": fit_calibration(tested.raw, y).to_json(),
        "thresholds": {"min_probability": dict(zip(classes, least.tolist(), strict=True)), "novelty": NOVELTY},
        "novelty": novelty.to_json(),
        "context": context,
        "training": training_info(config, labels, groups, classes, _remarks(config, kinds, splits, tested)),
        "versions": library_versions(),
        "scores": {
            **fold_info(config, splits, groups),
            **scores,
            "candidates": {**config.base_candidates, **scores["candidates"]},
            "with_company": with_context,  # a stored name
            **held_out.scores(least, precision, bound=bound),
        },
    }
    return Model(graph, info)


def created_by() -> str:
    """Return name and version of the program."""
    return f"popclass {importlib.metadata.version('popclass')}"


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that decide the numbers of a model."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def fold_info(config: FitConfig, splits: Folds, groups: Sequence[str]) -> dict[str, Any]:
    """Return what `scores` stores about the folds."""
    return {"folds": len(splits), "grouped_by": config.grouped_by, "groups": len(set(groups))}


def training_info(
    config: FitConfig, labels: Sequence[str], groups: Sequence[str], classes: Iterable[str], remarks: Sequence[str]
) -> dict[str, Any]:
    """Return what a model file stores under `training`; a class without events has 0 of both."""
    events = Counter(labels)
    found = Counter(name for name, _ in set(zip(labels, groups, strict=True)))
    return {
        **config.provenance,
        "classes": {name: {"events": events[name], "groups": found[name]} for name in classes},
        "folds": config.folds,
        "seed": config.seed,
        "remarks": list(remarks),
    }


def _check_features(X: np.ndarray, events: int, frontend: FrontEnd) -> np.ndarray:
    """Return features rounded to float32, the precision of onnxruntime."""
    X = np.asarray(X, dtype=np.float64)
    if X.shape != (events, len(frontend.names)):
        raise UsageError(f"features of shape {X.shape}, expected ({events}, {len(frontend.names)})")
    with np.errstate(over="ignore"):
        X = to_float32(X)
    if not np.isfinite(X).all():
        raise UsageError("features must be finite and within the range of float32")
    return X


def _predictor(tested: CrossValidation, X: np.ndarray, y: np.ndarray, seed: int) -> Predictor:
    def predict(train: np.ndarray, new: np.ndarray) -> np.ndarray:
        raw = predict_with(tested.chosen, X[train], y[train], new, seed=seed)
        return fit_calibration(tested.raw[train], y[train]).apply(raw)

    return predict


def _remarks(config: FitConfig, kinds: Sequence[str], splits: Folds, tested: CrossValidation) -> list[str]:
    """Return what a reader of the scores should know."""
    remarks = [*config.remarks, *config.fold_remarks]
    if len(splits) < config.folds:
        remarks.append(f"{len(splits)} folds instead of {config.folds}: too few {config.grouped_by}s of each class")
    if config.classifier == AUTO:
        remarks += [f"{kind} was not tested: too few events of a class" for kind in KINDS if kind not in kinds]
    if len(kinds) > 1 and tested.nested is None:
        remarks.append(
            "the scores are those of the classifier they chose, so a little too good: nested cross-validation needs "
            "three folds, and events of all classes outside any two of them"
        )
    if MFCC_FOREST not in tested.held_out:
        remarks.append(f"{MFCC_FOREST}, a baseline, was not tested: there were features but no clips")
    return remarks
