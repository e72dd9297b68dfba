"""Adaptation of a base model to a few labelled events.

The predictions of the base are corrected (`popclass.training.correction`). The correction is shrunk so strongly that a
few labels can do little harm. It is dropped if held-out groups speak against it by more than the standard error over
the groups; where five or more subjects are held out, if its loss is higher at all; and if it never finds a class that
the base finds. The loss is that of the target (`popclass.training.losses`). Choosing the strength on so few labels did
worse than one strength for all (docs/research/learning-curve.md); only many events of the same few subjects shrink it
more. Scores are nested: whether to correct is decided anew without each fold. If the base stays as it is, the scores
are its own, as it has seen none of the events. Labels that cannot be split into folds leave the base as it is.

The adapted model keeps the front end, the context weights and the novelty measure of the base. The new events join the
references of that measure, so that a person's own sounds are not novel any more. The thresholds of the base stay, too,
unless a precision is asked for. Asking for the precision of the base, or more, never lowers its thresholds, however
lucky a few labels are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from popclass.errors import LabelError
from popclass.metrics.bootstrap import FEWEST_GROUPS
from popclass.metrics.tables import BASELINE
from popclass.model.calibration import Calibration
from popclass.model.model import Model
from popclass.model.novelty import Novelty
from popclass.training.classifiers import to_float32
from popclass.training.correction import Correction, Scale, base_probabilities, feature_scale, fit_correction
from popclass.training.cross_validation import Arrays, tracked
from popclass.training.folds import EVENT, SUBJECT, Folds, Names, make_folds
from popclass.training.graphs import corrected_graph
from popclass.training.losses import never_found, target_losses
from popclass.training.settings import AUTO, FitConfig, choose_thresholds, run_info
from popclass.training.thresholds import BALANCED, PRECISE, PRECISION, HeldOut, is_joint, joint_thresholds
from popclass.utils.text import counted

BASE, CORRECTED = "base", "corrected"  # stored names
STRENGTH = 100.0  # of the shrinkage of the slopes, in events (docs/research/learning-curve.md)
EVENTS_OF_A_SUBJECT = 10  # beyond these, further events of the same people shrink the correction as much more
INNER_FOLDS = 3
MOST_REFERENCES = 500  # added to the novelty measure of the base


def can_adapt(base: Model, labels: Collection[str]) -> bool:
    """Return whether every label is a class of the base."""
    return set(labels) <= set(base.classes)


def ancestry(base: Model) -> dict[str, Any]:
    """Return what an adapted model stores about its base, without the hashes of single recordings."""
    data = {key: value for key, value in base.info["training"].items() if key not in ("sha256", "remarks")}
    return {"sha256": base.sha256, "created_by": base.info["created_by"], "training": data}


def choose_correction(
    p: np.ndarray,
    X: np.ndarray,
    y: np.ndarray,
    groups: Names,
    scale: Scale,
    *,
    seed: int = 0,
    target: str = PRECISE,
    frequencies: np.ndarray | None = None,
    strict: bool = False,
    strength: float | None = None,
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
    scale : pair of ndarray
        Result of `popclass.training.correction.feature_scale`.
    seed : int
    target : str
        Decides on the loss, see `popclass.training.losses`.
    frequencies : ndarray, shape (k,), optional
        Share of each class for which `p` is calibrated (default: that in `y`).
    strict : bool
        Whether any higher loss speaks against it, not only one higher by more than its standard error.
    strength : float, optional
        Of the shrinkage of the slopes (default: `STRENGTH`).

    Returns
    -------
    Correction or None
        Where a class has a single group nothing can be held out, and the correction is used.
    """
    strength = STRENGTH if strength is None else strength
    try:
        splits = make_folds(np.unique(y, return_inverse=True)[1], groups, folds=INNER_FOLDS, seed=seed)
    except LabelError:
        return fit_correction(p, X, y, scale, strength)
    corrected = np.empty_like(p)
    for train, test in splits:
        correction = fit_correction(p[train], X[train], y[train], scale, strength)
        corrected[test] = correction.apply(p[test], X[test])
    before, after = target_losses(target, y, p, frequencies), target_losses(target, y, corrected)
    if clearly_better(before, after, groups) or (strict and before.mean() < after.mean()):
        return None
    if never_found(target, y, corrected) > never_found(target, y, p, frequencies):
        return None
    return fit_correction(p, X, y, scale, strength)


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


class Adaptation:
    """A base model with the labelled events that it is adapted to.

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

    Attributes
    ----------
    splits : list of (training indices, held-out indices)
        Empty where the events cannot be split.
    held_out : dict of ndarray, shape (n, k)
        Held-out probabilities of the base, the corrected base and the baseline. Without folds there is only the base.
    losses : ndarray, shape (n,)
        Held-out loss of each event by the corrected base; not set without folds.
    missed, missed_by_base : int
        Classes with events that the base never finds on held-out groups, with its correction and as it is; not set
        without folds.

    Raises
    ------
    LabelError
        If there are no events.
    """

    def __init__(self, base: Model, X: np.ndarray, labels: Names, groups: Names, config: FitConfig) -> None:
        if not len(labels):
            raise LabelError("there is no labelled event to adapt the base model to; label at least one sound")
        self.base, self.X, self.labels, self.groups, self.config = base, to_float32(X), labels, groups, config
        self.y = np.array([base.classes.index(label) for label in labels])
        self.p, self.scale = base_probabilities(base, self.X), feature_scale(base)
        self.splits, self.obstacle = self._split()
        self.held_out = self._predict_held_out()

    def model(self, others: Arrays | None = None, remarks: Sequence[str] = ()) -> Model:
        """Return the base with a correction, or as it is.

        Parameters
        ----------
        others : mapping of str to ndarray, shape (n, k), optional
            Held-out probabilities of other candidates, for the scores.
        remarks : sequence of str
            Remarks on them.
        """
        base, config = self.base, self.config
        correction = self.choose(np.arange(len(self.y))) if self.splits and self.missed <= self.missed_by_base else None
        # what is written is scored: an unchanged base has seen none of these events
        corrected = self.p if correction is None else self.held_out[CORRECTED]
        novelty, held_out_novelty = self.extend_novelty()
        frequencies = None if correction else base.frequencies.tolist()
        thresholds, uncertain = self.thresholds(corrected, held_out_novelty, frequencies)
        stated = frequencies and dict(zip(base.classes, frequencies, strict=True))
        config = replace(config, remarks=[*self.remarks(correction), *remarks])
        kind, strength = (CORRECTED, self.strength) if correction else (BASE, None)
        candidates = self.held_out | (others or {})
        run = run_info(config, base.classes, self.labels, self.groups, self.splits, candidates, corrected)
        info = {
            **base.info,
            **run,
            "training": {**run["training"], "base": ancestry(base), "frequencies": stated},
            "classifier": {"kind": kind, "asked_for": AUTO, "settings": {"strength": strength}},
            "thresholds": thresholds,
            "novelty": novelty.to_json(),
            "scores": {**run["scores"], **uncertain, "chosen": kind, "with_company": None},  # a stored name
        }
        graph = base.graph
        if correction is not None:
            graph = corrected_graph(base, correction)  # with the calibration of the base inside
            info["calibration"] = Calibration.identity(len(base.classes)).to_json()
        return Model(graph, info)

    @property
    def strength(self) -> float:
        """Strength of the shrinkage, in events: many events of few people say little about other people."""
        each = len(self.y) / len(set(self.groups)) if self.config.grouped_by == SUBJECT else 0.0
        return STRENGTH * max(1.0, each / EVENTS_OF_A_SUBJECT)

    def choose(self, rows: np.ndarray) -> Correction | None:
        """Return the correction fitted to some of the events, None for none."""
        groups = [self.groups[i] for i in rows]
        strict = self.config.grouped_by == SUBJECT and len(set(groups)) >= FEWEST_GROUPS
        choice: dict[str, Any] = {"seed": self.config.seed, "target": self.config.target, "strict": strict}
        choice["strength"] = self.strength
        frequencies, data = self.base.frequencies, (self.p[rows], self.X[rows], self.y[rows])
        return choose_correction(*data, groups, self.scale, frequencies=frequencies, **choice)

    def _split(self) -> tuple[Folds, str]:
        """Return the folds, and the reason where there are none."""
        present, place = np.unique(self.y, return_inverse=True)
        names, kind, number = [self.base.classes[i] for i in present], self.config.grouped_by, len(self.y)
        if len(names) < 2:
            return [], f"{counted(number, 'event')}, all of {names[0]}, cannot show where the base is wrong"
        options = {"folds": self.config.folds, "seed": self.config.seed}
        try:
            return make_folds(place, self.groups, classes=names, grouped_by=kind, **options), ""
        except LabelError as error:
            return [], f"no correction can be tested: {error}"

    def _predict_held_out(self) -> Arrays:
        if not self.splits:
            return {BASE: self.p}
        corrected, frequencies = self.p.copy(), np.empty_like(self.p)
        priors = np.tile(self.base.frequencies, (len(self.y), 1))
        for train, test in tracked(self.splits, "adapting", len(self.splits), self.config.progress):
            frequencies[test] = np.bincount(self.y[train], minlength=self.p.shape[1]) / len(train)
            if chosen := self.choose(train):
                corrected[test], priors[test] = chosen.apply(self.p[test], self.X[test]), frequencies[test]
        self.losses = target_losses(self.config.target, self.y, corrected, priors)
        self.missed = never_found(self.config.target, self.y, corrected, priors)
        self.missed_by_base = never_found(self.config.target, self.y, self.p, self.base.frequencies)
        return {BASE: self.p, CORRECTED: corrected, BASELINE: frequencies}

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
