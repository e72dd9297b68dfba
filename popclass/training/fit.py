"""Training of a model on the features of labelled events.

`fit` returns a `Model` whose `info["scores"]` come from held-out groups only. The result does not depend on the number
of cores or the clock: the same data, settings and library versions give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from popclass.errors import UsageError
from popclass.features import FrontEnd
from popclass.metrics.bootstrap import mean_interval, score_with_intervals
from popclass.metrics.scores import log_losses, risk_coverage, score
from popclass.metrics.tables import MFCC_FOREST
from popclass.model.file import SCHEMA_VERSION
from popclass.model.model import Model
from popclass.training import classifiers
from popclass.training.context import ContextSamples
from popclass.training.cross_validation import Arrays, CrossValidation, Progress, cross_validate, fit_calibration
from popclass.training.folds import Folds, Names, index_classes, make_folds
from popclass.training.open_set import learn_open_set
from popclass.training.thresholds import (
    BALANCED,
    NOVELTY,
    PRECISE,
    PRECISION,
    HeldOut,
    balanced_weights,
    fit_novelty,
    fit_space,
    joint_thresholds,
)

AUTO, KINDS = "auto", classifiers.KINDS
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
    target : str
        `precision`, or `balanced` for answers as though classes were equally frequent, without thresholds.
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
        If `classifier`, `folds`, `precision` or `target` is out of range.
    """

    classifier: str = AUTO
    folds: int = 5
    seed: int = 0
    grouped_by: str = "group"
    precision: float | None = None
    target: str = PRECISE
    context: Mapping[str, Any] | None = None
    base_candidates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    fold_remarks: Sequence[str] = ()
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.classifier not in (AUTO, *KINDS, classifiers.BOOSTING):
            raise UsageError(f"classifier '{self.classifier}': allowed are {AUTO}, {', '.join(KINDS)}")
        if self.folds < 2:
            raise UsageError(f"folds {self.folds}: at least 2 are needed to hold anything out")
        if self.precision is not None and not 0.5 <= self.precision <= 1:
            raise UsageError(f"precision {self.precision:g}: allowed is 0.5 to 1, the share of right joint labels")
        if self.target not in (BALANCED, PRECISE):
            raise UsageError(f"target {self.target!r}: allowed are {BALANCED} and {PRECISE}")
        if self.target == BALANCED and self.precision is not None:
            raise UsageError(f"target {BALANCED}: a precision of {self.precision:g} cannot be wanted as well")


def fit(
    X: np.ndarray,
    labels: Names,
    groups: Names,
    frontend: FrontEnd,
    config: FitConfig,
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
    config : FitConfig
    samples : ContextSamples, optional
        The sessions of the events; with them the costs of novelty and the context stage are learnt.
    mfcc : ndarray, shape (n, 40), optional
        MFCC statistics of the same events (`popclass.training.dataset.mfcc_statistics`). Without them the scores have
        no MFCC baseline, and a remark says so.

    Raises
    ------
    LabelError
        If the labels do not suffice.
    UsageError
        If the features have a wrong shape or are not finite.
    """
    from threadpoolctl import threadpool_limits

    seed, expected = config.seed, (len(labels), len(frontend.names))
    with np.errstate(over="ignore"):
        X = classifiers.to_float32(np.asarray(X, dtype=np.float64))  # the precision of onnxruntime
    if X.shape != expected or not np.isfinite(X).all():
        raise UsageError(f"features of shape {X.shape}: they must be finite in float32, and of shape {expected}")
    classes, y = index_classes(labels)
    splits = make_folds(y, groups, folds=config.folds, seed=seed, classes=classes, grouped_by=config.grouped_by)
    auto = config.classifier == AUTO
    kinds = classifiers.trainable_kinds(y, [train for train, _ in splits]) if auto else [config.classifier]
    with threadpool_limits(limits=1):  # sums are then added in the same order on every machine
        tested = cross_validate(kinds, X, y, splits, mfcc=mfcc, seed=seed, progress=config.progress)
        kind, held_out = tested.chosen, tested.held_out[tested.chosen]
        graph = classifiers.to_graph(classifiers.train_classifier(kind, X, y, seed=seed), X.shape[1])
        novelty, held_out_novelty = fit_novelty(X, y, splits, seed=seed)
        context, contextual, with_context, left_out = config.context, held_out, None, None
        if samples is not None:

            def learn(train: np.ndarray, known: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
                raw = classifiers.predict_with(kind, X[known], y[known], new, seed=seed)
                calibrated = fit_calibration(tested.raw[train], y[train]).apply(raw)
                return calibrated, fit_space(X[known], y[known], seed).distance(new)

            names, steps = frontend.names, config.progress
            found = learn_open_set(samples, y, classes, names, splits, learn, seed=seed, progress=steps)
            novelty, contextual, left_out = replace(novelty, costs=found.costs), found.contextual, found.kinds
            context = found.context.to_json()
            with_context = score_with_intervals(y, contextual, classes, groups, seed=seed)
    thresholds, of_thresholds = choose_thresholds(config, contextual, held_out_novelty, y, classes)
    best = held_out if tested.nested is None else tested.nested
    config = replace(config, remarks=_remarks(config, kinds, splits, tested))
    run = run_info(config, classes, labels, groups, splits, tested.held_out, best)
    info = {
        **run,
        "schema_version": SCHEMA_VERSION,
        "classes": list(classes),
        "features": list(frontend.names),
        "frontend": frontend.to_json(),
        "classifier": {"kind": kind, "asked_for": config.classifier, "settings": classifiers.SETTINGS[kind]},
        "calibration": fit_calibration(tested.raw, y).to_json(),
        "thresholds": thresholds,
        "novelty": novelty.to_json(),
        "context": context,
        "scores": {
            **run["scores"],
            "chosen": kind,
            "nested": None if tested.nested is None else {"chosen": list(tested.nested_chosen)},
            "risk_coverage": risk_coverage(y, best),
            "candidates": {**config.base_candidates, **run["scores"]["candidates"]},
            "with_company": with_context,  # a stored name
            "kinds_left_out": left_out,
            **of_thresholds,
        },
    }
    return Model(graph, info)


def choose_thresholds(
    config: FitConfig,
    probabilities: np.ndarray,
    novelty: np.ndarray,
    y: np.ndarray,
    classes: Names,
    frequencies: Sequence[float] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the thresholds of the target, as a model file stores them, and what they do to held-out events.

    Parameters
    ----------
    config : FitConfig
    probabilities, novelty, y, classes
        As `popclass.training.thresholds.HeldOut`.
    frequencies : sequence of float, length k, optional
        Share of each class for which the probabilities are calibrated (default: that in `y`).
    """
    if config.target == BALANCED:
        if frequencies is None:
            frequencies = (np.bincount(y, minlength=len(classes)) / len(y)).tolist()
        weights = balanced_weights(classes, frequencies)
        held_out = HeldOut(probabilities, novelty, y, classes, [*weights.values()])
        stored = {"min_probability": dict.fromkeys(classes, 0.0), "novelty": NOVELTY, "weights": weights}
        return stored, held_out.scores(np.zeros(len(classes)), None)
    held_out = HeldOut(probabilities, novelty, y, classes)
    precision = PRECISION if config.precision is None else config.precision
    bound = held_out.choose_bound(precision)
    least = joint_thresholds(classes, bound)
    stored = {"min_probability": dict(zip(classes, least.tolist(), strict=True)), "novelty": NOVELTY}
    return stored, held_out.scores(least, precision, bound=bound)


def run_info(
    config: FitConfig, classes: Names, labels: Names, groups: Names, splits: Folds, held_out: Arrays, best: np.ndarray
) -> dict[str, Any]:
    """Return what a model file stores about the program, the data (`training`) and the folds (`scores`).

    Parameters
    ----------
    config : FitConfig
    classes : sequence of str, length k
        A class without events has 0 events and groups.
    labels, groups : sequence of str, length n
    splits : list of (training indices, held-out indices)
    held_out : mapping of str to ndarray, shape (n, k)
        Held-out probabilities of each candidate.
    best : ndarray, shape (n, k)
        Those that are scored in full.
    """
    events, y = Counter(labels), np.array([classes.index(label) for label in labels])
    found = Counter(name for name, _ in set(zip(labels, groups, strict=True)))
    candidates = {}
    for kind, p in held_out.items():
        figures = score(y, p, classes)
        totals = {key: figures[key] for key in ("log_loss", "balanced_accuracy", "brier", "ece")}
        candidates[kind] = {**totals, "interval": mean_interval(log_losses(y, p), groups, seed=config.seed)}
    return {
        "created_by": f"popclass {version('popclass')}",
        "versions": {name: version(name) for name in LIBRARIES},
        "training": {
            **config.provenance,
            "classes": {name: {"events": events[name], "groups": found[name]} for name in classes},
            "folds": config.folds,
            "seed": config.seed,
            "remarks": list(config.remarks),
        },
        "scores": {
            "folds": len(splits),
            "grouped_by": config.grouped_by,
            "groups": len(set(groups)),
            "candidates": candidates,
            "held_out": score_with_intervals(y, best, classes, groups, seed=config.seed),
        },
    }


def _remarks(config: FitConfig, kinds: Sequence[str], splits: Folds, tested: CrossValidation) -> list[str]:
    """Return what a reader of the scores should know."""
    remarks = [*config.remarks, *config.fold_remarks]
    if len(splits) < config.folds:
        remarks.append(f"{len(splits)} folds instead of {config.folds}: too few {config.grouped_by}s of each class")
    if config.classifier == AUTO:
        remarks += [f"{kind} was not tested: too few events of a class" for kind in KINDS if kind not in kinds]
    if len(kinds) > 1 and tested.nested is None:
        remarks.append("the scores chose the classifier, so they are a little too good; nested ones need more groups")
    if MFCC_FOREST not in tested.held_out:
        remarks.append(f"{MFCC_FOREST}, a baseline, was not tested: there were features but no clips")
    return remarks
