"""Adaptation of a base model to a few labelled events.

The predictions of the base are corrected (`popclass.training.correction`). The correction is shrunk so strongly that a
few labels can do little harm. It is dropped if held-out groups speak against it by more than the standard error over
the groups. Choosing the strength on so few labels did worse than one strength for all
(docs/research/learning-curve.md). Scores are nested: whether to correct is decided anew without each fold. Labels that
cannot be split into folds leave the base as it is.

From 200 events on, models of the labels alone are tested on the same folds (`popclass.training.comparison`).

The adapted model keeps the front end, the context weights and the novelty measure of the base. The new events join the
references of that measure, so that a person's own sounds are not novel any more. The thresholds of the base stay, too,
unless a precision is asked for. Asking for the precision of the base, or more, never lowers its thresholds, however
lucky a few labels are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from popclass.errors import LabelError
from popclass.metrics.bootstrap import score_with_intervals
from popclass.metrics.scores import log_losses
from popclass.metrics.tables import BASELINE
from popclass.model.calibration import Calibration
from popclass.model.model import Model
from popclass.model.novelty import Novelty
from popclass.training.classifiers import KINDS, to_float32
from popclass.training.comparison import Comparison, compare, predict_held_out
from popclass.training.correction import Correction, base_probabilities, corrected_graph, feature_scale, fit_correction
from popclass.training.cross_validation import candidate_scores
from popclass.training.fit import AUTO, FitConfig, created_by, fold_info, library_versions, training_info
from popclass.training.folds import EVENT, Folds, make_folds
from popclass.training.thresholds import PRECISION, HeldOut, is_joint, joint_thresholds
from popclass.utils.text import counted

BASE, CORRECTED = "base", "corrected"  # stored names
STRENGTH = 300.0  # of the shrinkage of the slopes, in events
INNER_FOLDS = 3
MOST_REFERENCES = 500  # added to the novelty measure of the base


def can_adapt(base: Model, labels: Collection[str]) -> bool:
    """Return whether every label is a class of the base."""
    return set(labels) <= set(base.classes)


def adapt(
    base: Model, X: np.ndarray, labels: Sequence[str], groups: Sequence[str], config: FitConfig | None = None
) -> tuple[Model, Comparison | None]:
    """Adapt a base model to labelled events.

    Parameters
    ----------
    base : Model
    X : ndarray, shape (n, f)
        Features of the base's front end.
    labels : sequence of str, length n
        At least one, all of them classes of the base.
    groups : sequence of str, length n
        Groups that must not be on both sides of a fold.
    config : FitConfig, optional

    Returns
    -------
    model : Model
        The base with a correction, or as it is.
    comparison : Comparison or None
        Comparison with models of the labels alone; None where there were too few events to train them.

    Raises
    ------
    LabelError
        If a label is not a class of the base, or there are no events.

    Examples
    --------
    >>> model, _ = adapt(Model.default(), X, labels, subjects)               # doctest: +SKIP
    """
    config = FitConfig() if config is None else config
    if not can_adapt(base, labels):
        unknown = sorted(set(labels) - set(base.classes))[0]
        raise LabelError(f"'{unknown}' is not a class of the base model; allowed are {', '.join(base.classes)}")
    if not len(labels):
        raise LabelError("there is no labelled event to adapt the base model to; label at least one sound")
    seed, adapter = config.seed, _Adapter(base, X, labels, groups, config)
    y, held_out = adapter.y, adapter.predict_held_out()
    corrected = held_out.get(CORRECTED, adapter.p)
    losses = {kind: log_losses(y, held_out[kind]) for kind in KINDS if kind in held_out}
    comparison = compare(losses, log_losses(y, corrected), groups, config.grouped_by, seed=seed)
    correction = adapter.choose(np.arange(len(y))) if adapter.splits else None
    novelty, held_out_novelty = adapter.extend_novelty()
    least, uncertain = adapter.thresholds(HeldOut(corrected, held_out_novelty, y, base.classes))
    remarks = adapter.remarks(correction) + ([comparison.remark] if comparison else [])
    info = {
        "thresholds": {
            **base.info["thresholds"],
            "min_probability": dict(zip(base.classes, least.tolist(), strict=True)),
        },
        "novelty": novelty.to_json(),
        "training": {**training_info(config, labels, groups, base.classes, remarks), "base": _ancestry(base)},
        "scores": {
            **fold_info(config, adapter.splits, groups),
            "chosen": CORRECTED if correction else BASE,
            "candidates": candidate_scores(y, held_out, base.classes, groups, seed=seed),
            "held_out": score_with_intervals(y, corrected, base.classes, groups, seed=seed),
            "with_company": None,  # a stored name
            **uncertain,
        },
    }
    return _adapted(base, correction, info), comparison


def choose_correction(
    p: np.ndarray,
    X: np.ndarray,
    y: np.ndarray,
    groups: Sequence[str],
    scale: tuple[np.ndarray, np.ndarray],
    *,
    seed: int = 0,
) -> Correction | None:
    """Return the correction fitted on all events, or None if held-out groups speak against it.

    Parameters
    ----------
    p : ndarray, shape (n, k)
        Result of `popclass.training.correction.base_probabilities`.
    X : ndarray, shape (n, f)
    y : ndarray of int, shape (n,)
        True classes; not every class need be present.
    groups : sequence of str, length n
    scale : pair of ndarray, shape (f,)
        Result of `popclass.training.correction.feature_scale`.
    seed : int

    Returns
    -------
    Correction or None
        Where a class has a single group nothing can be held out, and the correction is used.
    """
    try:
        splits = make_folds(np.unique(y, return_inverse=True)[1], groups, folds=INNER_FOLDS, seed=seed)
    except LabelError:
        return fit_correction(p, X, y, *scale, STRENGTH)
    loss = np.empty(len(y))
    for train, test in splits:
        correction = fit_correction(p[train], X[train], y[train], *scale, STRENGTH)
        loss[test] = log_losses(y[test], correction.apply(p[test], X[test]))
    if clearly_better(log_losses(y, p), loss, groups):
        return None
    return fit_correction(p, X, y, *scale, STRENGTH)


def clearly_better(loss: np.ndarray, other: np.ndarray, groups: Sequence[str]) -> bool:
    """Return whether the mean loss is lower by more than the standard error of the difference over groups."""
    gain = other - loss
    _, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    count = int(place.max()) + 1
    if count < 2:
        return False
    off = np.bincount(place, weights=gain - gain.mean())
    error = np.sqrt(count / (count - 1) * (off**2).sum()) / len(gain)
    return bool(gain.mean() > error)


class _Adapter:
    """A base model with the labelled events that it is adapted to."""

    def __init__(
        self, base: Model, X: np.ndarray, labels: Sequence[str], groups: Sequence[str], config: FitConfig
    ) -> None:
        self.base, self.X, self.groups, self.config = base, to_float32(X), groups, config
        self.y = np.array([base.classes.index(label) for label in labels])
        self.p, self.scale = base_probabilities(base, self.X), feature_scale(base)
        self.splits: Folds = []
        self.obstacle = self._split()

    def choose(self, rows: np.ndarray) -> Correction | None:
        """Return the correction fitted to some of the events, None for none."""
        groups = [self.groups[i] for i in rows]
        return choose_correction(self.p[rows], self.X[rows], self.y[rows], groups, self.scale, seed=self.config.seed)

    def predict_held_out(self) -> dict[str, np.ndarray]:
        """Return held-out probabilities of the base, the corrected base, other classifiers and the baseline.

        Without folds there is only the base.
        """
        if not self.splits:
            return {BASE: self.p}
        corrected, frequencies = self.p.copy(), np.empty_like(self.p)
        for done, (train, test) in enumerate(self.splits, start=1):
            frequencies[test] = np.bincount(self.y[train], minlength=self.p.shape[1]) / len(train)
            if chosen := self.choose(train):
                corrected[test] = chosen.apply(self.p[test], self.X[test])
            if self.config.progress is not None:
                self.config.progress("adapting", done, len(self.splits))
        others = {}
        if self.config.classifier == AUTO and len(np.unique(self.y)) == self.p.shape[1]:
            others = predict_held_out(self.X, self.y, self.splits, self.config.seed)
        return {BASE: self.p, CORRECTED: corrected, **others, BASELINE: frequencies}

    def extend_novelty(self) -> tuple[Novelty, np.ndarray]:
        """Return the novelty measure with the new events as references, and the novelty of each while held out."""
        own = Novelty.from_json(self.base.info["novelty"])

        def extended(rows: np.ndarray) -> Novelty:
            some = np.sort(np.random.default_rng(self.config.seed).permutation(rows)[:MOST_REFERENCES])
            white = (self.X[some] - own.mean) @ own.whitening
            return replace(own, references=np.concatenate([own.references, white]))

        novelty = np.asarray(own.score(self.X))
        for train, test in self.splits:
            novelty[test] = extended(train).score(self.X[test])
        return extended(np.arange(len(self.X))), novelty

    def thresholds(self, held_out: HeldOut) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the minimum probability of each class, and what these do to held-out events."""
        classes, precision = self.base.classes, self.config.precision
        least = np.array(self.base.thresholds.min_probability)
        # older models lack the precision they were made for
        wanted = float(self.base.info["scores"].get("joint_labels", {}).get("wanted", PRECISION))
        if precision is None:
            return least, held_out.scores(least, wanted)
        bound = held_out.choose_bound(precision)
        if precision >= wanted:
            bound = max(bound, float(least[is_joint(classes)].max(initial=0.0)))
        least = joint_thresholds(classes, bound)
        return least, held_out.scores(least, precision, bound=bound)

    def remarks(self, correction: Correction | None) -> list[str]:
        """Return the remarks of the configuration, and one on the correction."""
        events, untested = counted(len(self.y), "event"), ""
        if self.obstacle is not None:
            return [*self.config.remarks, self.obstacle]
        if self.config.grouped_by == EVENT:
            untested = "; there are too few recordings to hold any out, so it is not tested on other recordings"
        remark = f"{events}: the base with a shrunk correction{untested}"
        if correction is None:
            remark = f"{events}: the base is unchanged, since held-out data speak against a correction"
        return [*self.config.remarks, *self.config.fold_remarks, remark]

    def _split(self) -> str | None:
        """Make the folds, or return the reason why there are none."""
        present, place = np.unique(self.y, return_inverse=True)
        names = [self.base.classes[i] for i in present]
        if len(names) < 2:
            events = counted(len(self.y), "event")
            return f"the base is unchanged: {events}, all of {names[0]}, cannot show where the base is wrong"
        options: dict[str, Any] = {name: getattr(self.config, name) for name in ("folds", "seed", "grouped_by")}
        try:
            self.splits = make_folds(place, self.groups, classes=names, **options)
        except LabelError as error:
            return f"the base is unchanged, since no correction can be tested: {error}"
        return None


def _ancestry(base: Model) -> dict[str, Any]:
    """Return which model was adapted and its training data; hashes of single recordings are left out."""
    data = {key: value for key, value in base.info["training"].items() if key not in ("sha256", "remarks")}
    return {"sha256": base.sha256, "created_by": base.info["created_by"], "training": data}


def _adapted(base: Model, correction: Correction | None, found: Mapping[str, Any]) -> Model:
    kind, strength = (CORRECTED, STRENGTH) if correction else (BASE, None)
    classifier = {"kind": kind, "asked_for": AUTO, "settings": {"strength": strength}}
    info = {
        **base.info,
        **found,
        "created_by": created_by(),
        "classifier": classifier,
        "versions": library_versions(),
    }
    if correction is None:
        return Model(base.graph, info)
    # the corrected graph contains the calibration of the base
    info["calibration"] = Calibration.identity(len(base.classes)).to_json()
    return Model(corrected_graph(base, correction), info)
