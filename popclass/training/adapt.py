"""Adaptation of a base model to a few labelled events.

The predictions of the base are corrected (`popclass.training.correction`). The correction is shrunk so strongly that a
few labels can do little harm. It is dropped if held-out groups speak against it by more than the standard error over
the groups. Choosing the strength on so few labels did worse than one strength for all
(docs/research/learning-curve.md). Scores are nested: whether to correct is decided anew without each fold. Labels that
cannot be split into folds leave the base as it is.

From 200 events on, models of the labels alone are tested on the same folds. A base was trained on far more people than
a few recordings hold, so it is replaced only on evidence about people: the folds must keep subjects apart, and the 95 %
interval of the difference in log loss must lie above 0. Where folds keep only recordings apart, a model that overfits
to these few people looks good whatever it is worth for others.

The adapted model keeps the front end, the context weights and the novelty measure of the base. The new events join the
references of that measure, so that a person's own sounds are not novel any more. The thresholds of the base stay, too,
unless a precision is asked for. Asking for the precision of the base, or more, never lowers its thresholds, however
lucky a few labels are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from popclass.errors import LabelError
from popclass.metrics.bootstrap import FEWEST_GROUPS, mean_interval
from popclass.metrics.scores import log_losses
from popclass.metrics.tables import BASELINE
from popclass.model.calibration import Calibration
from popclass.model.model import Model
from popclass.model.novelty import Novelty
from popclass.training.classifiers import KINDS, to_float32, trainable_kinds
from popclass.training.correction import (
    Correction,
    Scale,
    base_probabilities,
    corrected_graph,
    feature_scale,
    fit_correction,
)
from popclass.training.cross_validation import Arrays, cross_validate, tracked
from popclass.training.fit import AUTO, FitConfig, choose_thresholds, run_info
from popclass.training.folds import EVENT, SUBJECT, Folds, Names, make_folds
from popclass.training.thresholds import BALANCED, PRECISION, HeldOut, is_joint, joint_thresholds
from popclass.utils.text import counted

BASE, CORRECTED = "base", "corrected"  # stored names
STRENGTH = 300.0  # of the shrinkage of the slopes, in events
INNER_FOLDS = 3
MOST_REFERENCES = 500  # added to the novelty measure of the base
EVENTS_NEEDED = 200  # fewer never made a better model of the labels alone (docs/research/learning-curve.md)


def can_adapt(base: Model, labels: Collection[str]) -> bool:
    """Return whether every label is a class of the base."""
    return set(labels) <= set(base.classes)


def adapt(base: Model, X: np.ndarray, labels: Names, groups: Names, config: FitConfig) -> tuple[Model, str | None]:
    """Adapt a base model to labelled events.

    Parameters
    ----------
    base : Model
    X : ndarray, shape (n, f)
        Features of the base's front end.
    labels : sequence of str, length n
        At least one; `can_adapt` must hold for them.
    groups : sequence of str, length n
        Groups that must not be on both sides of a fold.
    config : FitConfig

    Returns
    -------
    model : Model
        The base with a correction, or as it is.
    replaced : str or None
        The reason, for people, if a model of the labels alone is clearly better and should replace this one.

    Raises
    ------
    LabelError
        If there are no events.

    Examples
    --------
    >>> model, _ = adapt(Model.default(), X, labels, subjects, FitConfig())  # doctest: +SKIP
    """
    if not len(labels):
        raise LabelError("there is no labelled event to adapt the base model to; label at least one sound")
    adapter = _Adapter(base, X, labels, groups, config)
    y, held_out = adapter.y, adapter.predict_held_out()
    corrected = held_out.get(CORRECTED, adapter.p)
    losses = {kind: log_losses(y, held_out[kind]) for kind in KINDS if kind in held_out}
    replaces, comparison = compare(losses, log_losses(y, corrected), groups, config.grouped_by, seed=config.seed)
    correction = adapter.choose(np.arange(len(y))) if adapter.splits else None
    novelty, held_out_novelty = adapter.extend_novelty()
    frequencies = None if correction else base.frequencies.tolist()
    thresholds, uncertain = adapter.thresholds(corrected, held_out_novelty, frequencies)
    config = replace(config, remarks=adapter.remarks(correction) + ([comparison] if comparison else []))
    kind, strength = (CORRECTED, STRENGTH) if correction else (BASE, None)
    run = run_info(config, base.classes, labels, groups, adapter.splits, held_out, corrected)
    # hashes of single recordings are left out
    data = {key: value for key, value in base.info["training"].items() if key not in ("sha256", "remarks")}
    ancestry = {"sha256": base.sha256, "created_by": base.info["created_by"], "training": data}
    info = {
        **base.info,
        **run,
        "training": {**run["training"], "base": ancestry},
        "classifier": {"kind": kind, "asked_for": AUTO, "settings": {"strength": strength}},
        "thresholds": thresholds,
        "novelty": novelty.to_json(),
        "scores": {**run["scores"], **uncertain, "chosen": kind, "with_company": None},  # a stored name
    }
    graph = base.graph
    if correction is not None:
        graph = corrected_graph(base, correction)  # with the calibration of the base inside
        info["calibration"] = Calibration.identity(len(base.classes)).to_json()
    return Model(graph, info), comparison if replaces else None


def choose_correction(
    p: np.ndarray, X: np.ndarray, y: np.ndarray, groups: Names, scale: Scale, *, seed: int = 0
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
        return fit_correction(p, X, y, scale, STRENGTH)
    loss = np.empty(len(y))
    for train, test in splits:
        correction = fit_correction(p[train], X[train], y[train], scale, STRENGTH)
        loss[test] = log_losses(y[test], correction.apply(p[test], X[test]))
    if clearly_better(log_losses(y, p), loss, groups):
        return None
    return fit_correction(p, X, y, scale, STRENGTH)


def clearly_better(loss: np.ndarray, other: np.ndarray, groups: Names) -> bool:
    """Return whether the mean loss is lower by more than the standard error of the difference over groups."""
    gain = other - loss
    _, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    count = int(place.max()) + 1
    if count < 2:
        return False
    off = np.bincount(place, weights=gain - gain.mean())
    error = np.sqrt(count / (count - 1) * (off**2).sum()) / len(gain)
    return bool(gain.mean() > error)


def compare(losses: Arrays, corrected: np.ndarray, groups: Names, grouped_by: str, seed: int = 0) -> tuple[bool, str]:
    """Decide whether the best of some models replaces the corrected base.

    Parameters
    ----------
    losses : mapping of str to ndarray, shape (n,)
        Log loss of each held-out event by each model.
    corrected : ndarray, shape (n,)
        The same of the base with its correction.
    groups : sequence of str, length n
        Held-out group of each event.
    grouped_by : str
        Kind of the groups; only scores over a `subject` apply to a new person.
    seed : int

    Returns
    -------
    replaces : bool
    remark : str
        The reason, for people; empty where there are no models.

    Examples
    --------
    >>> groups = [str(i // 10) for i in range(100)]
    >>> compare({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "subject")[0]
    True
    >>> compare({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "recording")[0]
    False
    """
    if not losses:
        return False, ""
    kind = min(losses, key=lambda each: losses[each].mean())
    gain = corrected - losses[kind]
    span = mean_interval(gain, groups, seed=seed)
    interval = "too few groups for an interval" if span is None else f"95 % interval {-span[1]:+.3f} to {-span[0]:+.3f}"
    if span is not None and math.isclose(*span):
        interval = "no interval, as all bootstrap draws agree"
    found = (
        f"{kind}, trained on these labels alone, had a log loss {abs(gain.mean()):.3f} ({interval}) "
        f"{'below' if gain.mean() > 0 else 'above'} that of the base with a correction, on held-out {grouped_by}s"
    )
    if gain.mean() > 0 and grouped_by == SUBJECT and span is not None and span[0] > 0:
        return True, f"{found}; that is clearly better, so it replaces the base"
    if gain.mean() > 0 and grouped_by != SUBJECT:
        subjects = f"name the subjects in a labels.csv, {FEWEST_GROUPS} or more, and 2 or more for each class"
        return False, f"{found}, which does not apply to a new person, so the base stays; to compare them, {subjects}"
    return False, f"{found}; {'that is not clear enough, so ' if gain.mean() > 0 else ''}the base stays"


class _Adapter:
    """A base model with the labelled events that it is adapted to."""

    def __init__(self, base: Model, X: np.ndarray, labels: Names, groups: Names, config: FitConfig) -> None:
        self.base, self.X, self.groups, self.config = base, to_float32(X), groups, config
        self.y = np.array([base.classes.index(label) for label in labels])
        self.p, self.scale = base_probabilities(base, self.X), feature_scale(base)
        self.splits: Folds = []
        self.obstacle = ""
        present, place = np.unique(self.y, return_inverse=True)
        names = [base.classes[i] for i in present]
        if len(names) < 2:
            self.obstacle = f"{counted(len(self.y), 'event')}, all of {names[0]}, cannot show where the base is wrong"
            return
        options = {"folds": config.folds, "seed": config.seed}
        try:
            self.splits = make_folds(place, groups, classes=names, grouped_by=config.grouped_by, **options)
        except LabelError as error:
            self.obstacle = f"no correction can be tested: {error}"

    def choose(self, rows: np.ndarray) -> Correction | None:
        """Return the correction fitted to some of the events, None for none."""
        groups = [self.groups[i] for i in rows]
        return choose_correction(self.p[rows], self.X[rows], self.y[rows], groups, self.scale, seed=self.config.seed)

    def predict_held_out(self) -> Arrays:
        """Return held-out probabilities of the base, the corrected base, other classifiers and the baseline.

        Without folds there is only the base.
        """
        if not self.splits:
            return {BASE: self.p}
        corrected, frequencies = self.p.copy(), np.empty_like(self.p)
        for train, test in tracked(self.splits, "adapting", len(self.splits), self.config.progress):
            frequencies[test] = np.bincount(self.y[train], minlength=self.p.shape[1]) / len(train)
            if chosen := self.choose(train):
                corrected[test] = chosen.apply(self.p[test], self.X[test])
        out = {BASE: self.p, CORRECTED: corrected, BASELINE: frequencies}
        every_class = len(np.unique(self.y)) == self.p.shape[1]
        if self.config.classifier == AUTO and every_class and len(self.y) >= EVENTS_NEEDED:
            for kind in trainable_kinds(self.y, [train for train, _ in self.splits]):
                alone = cross_validate([kind], self.X, self.y, self.splits, seed=self.config.seed)
                out[kind] = alone.held_out[kind]
        return out

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

    def thresholds(
        self, held_out: np.ndarray, novelty: np.ndarray, frequencies: Sequence[float] | None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the thresholds as a model file stores them, and what they do to held-out events."""
        classes, precision = self.base.classes, self.config.precision
        if self.config.target == BALANCED:
            return choose_thresholds(self.config, held_out, novelty, self.y, classes, frequencies)
        stored = self.base.thresholds
        predicted = HeldOut(held_out, novelty, self.y, classes, None if precision else stored.weights)
        least = np.array(stored.min_probability)
        # older models lack the precision they were made for
        wanted = self.base.info["scores"].get("joint_labels", {}).get("wanted", PRECISION)
        if precision is None:
            return dict(self.base.info["thresholds"]), predicted.scores(least, wanted)
        bound = predicted.choose_bound(precision)
        if wanted is not None and precision >= wanted:
            bound = max(bound, float(least[is_joint(classes)].max(initial=0.0)))
        least = joint_thresholds(classes, bound)
        minimum = dict(zip(classes, least.tolist(), strict=True))
        return {"min_probability": minimum, "novelty": stored.novelty}, predicted.scores(least, precision, bound=bound)

    def remarks(self, correction: Correction | None) -> list[str]:
        """Return the remarks of the configuration, and one on the correction."""
        if self.obstacle:
            return [*self.config.remarks, f"the base is unchanged: {self.obstacle}"]
        outcome = "with a shrunk correction"
        if correction is None:
            outcome = "is unchanged, since held-out data speak against a correction"
        elif self.config.grouped_by == EVENT:
            outcome += "; there are too few recordings to hold any out, so it is not tested on other recordings"
        remark = f"{counted(len(self.y), 'event')}: the base {outcome}"
        return [*self.config.remarks, *self.config.fold_remarks, remark]
