"""Settings of a training run, and what a model file stores about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np

from popclass.errors import UsageError
from popclass.metrics.bootstrap import mean_interval, score_with_intervals
from popclass.metrics.scores import log_losses, score
from popclass.training import classifiers
from popclass.training.cross_validation import Arrays, Progress
from popclass.training.folds import EVENT, Folds, Names
from popclass.training.thresholds import (
    BALANCED,
    NOVELTY,
    PRECISE,
    PRECISION,
    HeldOut,
    balanced_weights,
    joint_thresholds,
)

AUTO, KINDS = "auto", classifiers.KINDS
LIBRARIES = ("numpy", "scipy", "scikit-learn", "skl2onnx", "onnx", "librosa", "soxr")


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Settings of `popclass.training.fit.fit`.

    Attributes
    ----------
    classifier : str
        `auto` for cross-validation among all, or one of `popclass.training.classifiers.KINDS`.
    folds : int
        At least 2; fewer are made where a class has fewer groups.
    seed : int
    grouped_by : str
        Kind of the groups, such as `subject`; for messages and scores.
    precision : float, optional
        Share of the joint labels that should be right, 0.5 to 1 (default: 0.8; a corrected base keeps its thresholds).
    target : str
        `precision`, or `balanced` for answers as though classes were equally frequent, without thresholds.
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
    # events of one recording are not independent: intervals over them would be far too narrow
    drawn = [EVENT] * len(labels) if config.grouped_by == EVENT else groups
    candidates = {}
    for kind, p in held_out.items():
        figures = score(y, p, classes)
        totals = {key: figures[key] for key in ("log_loss", "balanced_accuracy", "brier", "ece")}
        candidates[kind] = {**totals, "interval": mean_interval(log_losses(y, p), drawn, seed=config.seed)}
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
            "held_out": score_with_intervals(y, best, classes, drawn, seed=config.seed),
        },
    }
