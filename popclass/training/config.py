"""Settings of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from popclass.errors import UsageError
from popclass.training.classifiers import BOOSTING, KINDS
from popclass.training.cross_validation import Progress

AUTO = "auto"


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
