"""Adaptation of a base model to a few labelled events.

The predictions of the base are corrected (`popclass.training.correction`). The correction is shrunk so strongly that a
few labels can do little harm. It is dropped if held-out groups speak against it by more than the standard error over
the groups. Choosing the strength on so few labels did worse than one strength for all (docs/learning-curve.md). Scores
are nested: whether to correct is decided anew without each fold. Labels that cannot be split into folds leave the base
as it is.

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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from popclass.errors import LabelError
from popclass.metrics.bootstrap import FEWEST_GROUPS, mean_interval, score_with_intervals
from popclass.metrics.scores import log_losses
from popclass.metrics.tables import BASELINE
from popclass.model.calibration import Calibration
from popclass.model.model import Model
from popclass.model.novelty import Novelty
from popclass.training.classifiers import to_float32, trainable_kinds
from popclass.training.config import AUTO, FitConfig
from popclass.training.correction import Correction, base_probabilities, corrected_graph, feature_scale, fit_correction
from popclass.training.cross_validation import candidate_scores, cross_validate
from popclass.training.fit import created_by, fold_info, library_versions, training_info
from popclass.training.folds import EVENT, SUBJECT, Folds, make_folds
from popclass.training.thresholds import PRECISION, HeldOut, is_joint, joint_thresholds
from popclass.utils.text import counted

BASE, CORRECTED = "base", "corrected"  # stored names
STRENGTH = 300.0  # of the shrinkage of the slopes, in events
INNER_FOLDS = 3
EVENTS_NEEDED = 200  # fewer never made a better model of the labels alone (docs/learning-curve.md)
MOST_REFERENCES = 500  # added to the novelty measure of the base


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result of comparing the best model of the labels alone with the corrected base.

    Attributes
    ----------
    kind : str
    replaces : bool
        Whether it replaces the base.
    remark : str
        The reason, for people.
    """

    kind: str
    replaces: bool
    remark: str


def can_adapt(base: Model, labels: Sequence[str]) -> bool:
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
    X = to_float32(X)
    y = np.array([base.classes.index(label) for label in labels])
    p, scale = base_probabilities(base, X), feature_scale(base)
    splits, obstacle = _split(base, y, groups, config)

    def choose(rows: np.ndarray) -> Correction | None:
        return choose_correction(p[rows], X[rows], y[rows], [groups[i] for i in rows], scale, seed=config.seed)

    corrected, frequencies = p.copy(), np.empty_like(p)
    for done, (train, test) in enumerate(splits, start=1):
        frequencies[test] = np.bincount(y[train], minlength=p.shape[1]) / len(train)
        if chosen := choose(train):
            corrected[test] = chosen.apply(p[test], X[test])
        if config.progress is not None:
            config.progress("adapting", done, len(splits))
    held_out, comparison = {BASE: p}, None
    if splits:
        others = {}
        if config.classifier == AUTO and len(set(labels)) == len(base.classes):
            others = predict_held_out(X, y, splits, config.seed)
        held_out |= {CORRECTED: corrected, **others, BASELINE: frequencies}
        losses = {kind: log_losses(y, found) for kind, found in others.items()}
        comparison = compare(losses, log_losses(y, corrected), groups, config.grouped_by, seed=config.seed)
    correction = choose(np.arange(len(y))) if splits else None
    novelty, held_out_novelty = _extend_novelty(base, X, splits, config.seed)
    least, uncertain = _thresholds(base, HeldOut(corrected, held_out_novelty, y, base.classes), config.precision)
    scores = {
        **fold_info(config, splits, groups),
        "chosen": CORRECTED if correction else BASE,
        "candidates": candidate_scores(y, held_out, base.classes, groups, seed=config.seed),
        "held_out": score_with_intervals(y, corrected, base.classes, groups, seed=config.seed),
        "with_company": None,  # a stored name
        **uncertain,
    }
    remarks = [*config.remarks, *(config.fold_remarks if splits else ())]
    remarks.append(obstacle or _remark(len(y), correction, config.grouped_by))
    if comparison is not None:
        remarks.append(comparison.remark)
    training = {**training_info(config, labels, groups, base.classes, remarks), "base": _ancestry(base)}
    return _adapted(base, correction, novelty, least, training, scores), comparison


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


def predict_held_out(X: np.ndarray, y: np.ndarray, splits: Folds, seed: int) -> dict[str, np.ndarray]:
    """Return calibrated held-out probabilities of each classifier of the labels alone; empty with too few events.

    Parameters
    ----------
    X : ndarray, shape (n, f)
    y : ndarray of int, shape (n,)
        Classes, each present on every training side.
    splits : list of (training indices, held-out indices)
    seed : int
    """
    if len(y) < EVENTS_NEEDED:
        return {}
    kinds = trainable_kinds(y, [train for train, _ in splits])
    return {kind: cross_validate([kind], X, y, splits, seed=seed).held_out[kind] for kind in kinds}


def compare(
    losses: Mapping[str, np.ndarray], corrected: np.ndarray, groups: Sequence[str], grouped_by: str, *, seed: int = 0
) -> Comparison | None:
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
    Comparison or None
        None where there are no models.

    Examples
    --------
    >>> groups = [str(i // 10) for i in range(100)]
    >>> compare({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "subject").replaces
    True
    >>> compare({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "recording").replaces
    False
    """
    if not losses:
        return None
    kind = min(losses, key=lambda each: losses[each].mean())
    gain = corrected - losses[kind]
    span = mean_interval(gain, groups, seed=seed)
    interval = "too few groups for an interval" if span is None else f"95 % interval {-span[1]:+.3f} to {-span[0]:+.3f}"
    found = (
        f"{kind}, trained on these labels alone, had a log loss {abs(gain.mean()):.3f} ({interval}) "
        f"{'below' if gain.mean() > 0 else 'above'} that of the base with a correction, on held-out {grouped_by}s"
    )
    if gain.mean() <= 0:
        return Comparison(kind, False, f"{found}; the base stays")
    if grouped_by != SUBJECT:
        return Comparison(
            kind,
            False,
            f"{found}, but these share people, so the result does not apply to a new person and the base stays; to "
            f"compare them, name the subjects in a labels.csv, at least {FEWEST_GROUPS}, and at least 2 for each class",
        )
    if span is not None and span[0] > 0:
        return Comparison(kind, True, f"{found}; that is clearly better, so it replaces the base")
    return Comparison(kind, False, f"{found}; that is not clear enough, so the base stays")


def _split(base: Model, y: np.ndarray, groups: Sequence[str], config: FitConfig) -> tuple[Folds, str | None]:
    """Return the folds, or none and the reason why a correction cannot be tested."""
    present, place = np.unique(y, return_inverse=True)
    names = [base.classes[i] for i in present]
    if len(names) < 2:
        events = counted(len(y), "event")
        return [], f"the base is unchanged: {events}, all of {names[0]}, cannot show where the base is wrong"
    try:
        splits = make_folds(
            place, groups, folds=config.folds, seed=config.seed, classes=names, grouped_by=config.grouped_by
        )
    except LabelError as error:
        return [], f"the base is unchanged, since no correction can be tested: {error}"
    return splits, None


def _remark(events: int, correction: Correction | None, grouped_by: str) -> str:
    if correction is None:
        return f"{counted(events, 'event')}: the base is unchanged, since held-out data speak against a correction"
    untested = (
        "; there are too few recordings to hold any out, so it is not tested on other recordings"
        if grouped_by == EVENT
        else ""
    )
    return f"{counted(events, 'event')}: the base with a shrunk correction{untested}"


def _extend_novelty(base: Model, X: np.ndarray, splits: Folds, seed: int) -> tuple[Novelty, np.ndarray]:
    """Return the novelty measure with the new events as references, and the novelty of each while held out."""
    own = Novelty.from_json(base.info["novelty"])

    def extended(rows: np.ndarray) -> Novelty:
        some = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_REFERENCES])
        white = (X[some] - own.mean) @ own.whitening
        return replace(own, references=np.concatenate([own.references, white]))

    novelty = np.asarray(own.score(X))
    for train, test in splits:
        novelty[test] = extended(train).score(X[test])
    return extended(np.arange(len(X))), novelty


def _thresholds(base: Model, held_out: HeldOut, precision: float | None) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the minimum probability of each class, and what these do to held-out events."""
    least = np.array(base.thresholds.min_probability)
    wanted = float(base.info["scores"].get("joint_labels", {}).get("wanted", PRECISION))  # older models lack it
    if precision is None:
        return least, held_out.scores(least, wanted)
    bound = held_out.choose_bound(precision)
    if precision >= wanted:
        bound = max(bound, float(least[is_joint(base.classes)].max(initial=0.0)))
    least = joint_thresholds(base.classes, bound)
    return least, held_out.scores(least, precision, bound=bound)


def _ancestry(base: Model) -> dict[str, Any]:
    """Return which model was adapted and its training data; hashes of single recordings are left out."""
    data = {key: value for key, value in base.info["training"].items() if key not in ("sha256", "remarks")}
    return {"sha256": base.sha256, "created_by": base.info["created_by"], "training": data}


def _adapted(
    base: Model,
    correction: Correction | None,
    novelty: Novelty,
    least: np.ndarray,
    training: Mapping[str, Any],
    scores: Mapping[str, Any],
) -> Model:
    kind, strength = (CORRECTED, STRENGTH) if correction else (BASE, None)
    bounds = dict(zip(base.classes, least.tolist(), strict=True))
    info = {
        **base.info,
        "created_by": created_by(),
        "classifier": {"kind": kind, "asked_for": AUTO, "settings": {"strength": strength}},
        "thresholds": {**base.info["thresholds"], "min_probability": bounds},
        "novelty": novelty.to_json(),
        "training": training,
        "versions": library_versions(),
        "scores": scores,
    }
    if correction is None:
        return Model(base.graph, info)
    # the corrected graph contains the calibration of the base
    info["calibration"] = Calibration.identity(len(base.classes)).to_json()
    return Model(corrected_graph(base, correction), info)
