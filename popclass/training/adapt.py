"""Few labels: a base model's answers, corrected as far as the labels show that a correction helps.

Whether to correct at all is decided by held-out groups (`popclass.training.adapt`). From 200 events on, models of the
labels alone are tried on the same folds (`popclass.training.adapt`). Scores are nested: whether to correct is decided
anew without each fold. Labels that cannot be split into folds show nothing about a correction; then the base stays as
it is.

The adapted model keeps the base's front end, context weights and novelty measure; the new events join its references,
so that a person's own sounds are not called new any more. Its thresholds are the base's, too, unless a precision of
joint labels is asked for: then the held-out new events decide where a joint class is named, but asking for as much as
the base was made for, or more, never names it sooner than the base does, whatever a few lucky labels say.

Whether labels correct a base model at all.

The correction (`popclass.training.correction`) is shrunk so strongly that a few labels can do little harm, and where
held-out groups speak against it, by more than the standard error over the groups, the base's answers stay as they are.
Choosing the strength on so few labels did worse than one strength for all (docs/learning-curve.md).

Models trained on the labels alone, held against a base with a correction on the same folds.

A base has met far more people than a few recordings hold, so it is given up only on evidence about people: a model of
the labels alone replaces it if the folds keep subjects apart and the 95 % interval of the difference in log loss, drawn
over the subjects, lies above 0. Where folds keep only recordings apart, a model that knows these few people by heart
looks good whatever it is worth for the next one.

What a model trained anew takes over from its base: the worth of a sound's company, where the classes are the same.

Weights belong to classes by name. A base may list them in another order than the new model; the same numbers then move
to where their class stands. Where a class is missing on either side the weights mean nothing and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from popclass.context.features import context_names
from popclass.errors import LabelError
from popclass.metrics.bootstrap import FEWEST_GROUPS, mean_interval
from popclass.metrics.scores import log_losses, score
from popclass.model.context import Context, ContextWeights
from popclass.model.model import Model
from popclass.model.novelty import Novelty
from popclass.training.calibration import cross_calibrated
from popclass.training.classifiers import BASELINE, KINDS, enough_for, train_classifier
from popclass.training.correction import Correction, base_answers, corrected_graph, fit_correction, scale_of
from popclass.training.cross_validation import row, scored
from popclass.training.folds import Folds, make_folds
from popclass.training.provenance import counted, created_by, versions
from popclass.training.thresholds import PRECISION, cost_of, doubtful_band, joint_bounds, joint_classes, min_probability
from popclass.utils.text import counted as _counted

BASE, CORRECTED = "base", "corrected"
MOST_REFERENCES = 500  # added to the base's novelty measure


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What came of adapting a base.

    Attributes
    ----------
    model : Model
        The base with a correction, or as it is.
    rows : dict
        What the table of candidates tells of the base and of the base with its correction.
    verdict : Verdict or None
        Whether a model of the labels alone replaces it; None where there were too few events to try.
    """

    model: Model
    rows: dict[str, dict[str, Any]]
    verdict: Verdict | None


def can_adapt(base: Model, labels: Sequence[str]) -> bool:
    """Whether every label is a class of the base."""
    return set(labels) <= set(base.classes)


def adapt(
    base: Model,
    X: np.ndarray,
    labels: Sequence[str],
    groups: Sequence[str],
    *,
    folds: int = 5,
    seed: int = 0,
    grouped_by: str = "group",
    precision: float | None = None,
    rivals: bool = True,
    provenance: Mapping[str, Any] | None = None,
    remarks: Sequence[str] = (),
    about_folds: Sequence[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> Adaptation:
    """A base model adapted to labelled events.

    Parameters
    ----------
    base : Model
    X : numpy.ndarray, shape (n, f)
        As the base's front end makes them.
    labels : sequence of str, length n
        At least one, all of them classes of the base.
    groups : sequence of str, length n
        What must not be on both sides of a fold.
    precision : float, optional
        Share of the joint labels that should be right, 0.5 to 1. Where None, the base's thresholds stay.
    rivals : bool
        Whether models of the labels alone are tried where there are events enough.
    about_folds : sequence of str
        Remarks that hold only where there are folds.

    The others are those of `popclass.training.fit.fit`.

    Raises
    ------
    LabelError
        If a label is no class of the base, or there are no events.

    Examples
    --------
    >>> model = adapt(Model.default(), X, labels, subjects).model            # doctest: +SKIP
    """
    if not can_adapt(base, labels):
        strange = sorted(set(labels) - set(base.classes))[0]
        raise LabelError(f"'{strange}' is no class of the base model; it knows {', '.join(base.classes)}")
    if not len(labels):
        raise LabelError("there is no labelled event to adapt the base model to; label at least one sound")
    X = X.astype(np.float32).astype(np.float64)
    y = np.array([base.classes.index(label) for label in labels])
    p, scale = base_answers(base, X), scale_of(base)
    splits, obstacle = _splits(base, y, groups, folds, seed, grouped_by)

    def chosen(rows: np.ndarray) -> Correction | None:
        own = [groups[i] for i in rows]
        return choose_correction(p[rows], X[rows], y[rows], own, scale, seed=seed)

    held_out = {BASE: p, CORRECTED: p.copy()}
    for done, (train, test) in enumerate(splits, start=1):
        if found := chosen(train):
            held_out[CORRECTED][test] = found.apply(p[test], X[test])
        if progress is not None:
            progress("adapting", done, len(splits))
    every_class = len(set(labels)) == len(base.classes)
    own = held_out_answers(X, y, splits, seed) if rivals and splits and every_class else {}
    verdict = judge(
        {kind: log_losses(y, answers) for kind, answers in own.items()},
        log_losses(y, held_out[CORRECTED]),
        groups,
        grouped_by,
        seed=seed,
    )
    found = chosen(np.arange(len(y))) if splits else None
    novelty, strange_share = _novelty(base, X, splits, seed)
    least, cost = _bounds(base, held_out[CORRECTED], strange_share, y, precision)
    shown = {**held_out, **own} if splits else {BASE: p}
    if splits:
        shown[BASELINE] = _frequencies(y, len(base.classes), splits)
    scores = {
        "folds": len(splits),
        "grouped_by": grouped_by,
        "groups": len(set(groups)),
        **_scores(shown, y, base, CORRECTED if found else BASE, groups, seed),
        **cost,
    }
    notes = [*remarks, *(about_folds if splits else ()), obstacle or _remark(len(y), found, grouped_by)]
    if verdict is not None:
        notes.append(verdict.remark)
    training = {
        **(provenance or {}),
        "classes": counted(labels, groups, base.classes),
        "folds": folds,
        "seed": seed,
        "remarks": notes,
        "base": _ancestry(base),
    }
    model = _adapted(base, found, novelty, least, training, scores)
    return Adaptation(model, {name: scores["candidates"][name] for name in (BASE, CORRECTED) if name in shown}, verdict)


def _adapted(
    base: Model,
    found: Correction | None,
    novelty: Novelty,
    least: np.ndarray,
    training: Mapping[str, Any],
    scores: Mapping[str, Any],
) -> Model:
    """The base's graph with the correction in it, if there is one, and everything that is told beside it."""
    info = {
        **base.info,
        "created_by": created_by(),
        "classifier": {
            "kind": CORRECTED if found else BASE,
            "asked_for": "auto",
            "settings": {"strength": STRENGTH if found else None},
        },
        "thresholds": {
            **base.info["thresholds"],
            "min_probability": dict(zip(base.classes, least.tolist(), strict=True)),
        },
        "novelty": novelty.to_json(),
        "training": dict(training),
        "versions": versions(),
        "scores": dict(scores),
    }
    if found is None:
        return Model(base.graph, info)
    identity = {"method": "identity", "weights": np.eye(len(base.classes)).tolist(), "events": 0}
    info["calibration"] = {**identity, "bias": [0.0] * len(base.classes)}
    return Model(corrected_graph(base, found), info)


def _splits(
    base: Model, y: np.ndarray, groups: Sequence[str], folds: int, seed: int, grouped_by: str
) -> tuple[Folds, str | None]:
    """The folds, or none and why a correction cannot be judged."""
    present, place = np.unique(y, return_inverse=True)
    names = [base.classes[i] for i in present]
    if len(names) < 2:
        events = _counted(len(y), "event")
        return [], f"the base's answers as they are: {events}, all of {names[0]}, cannot show where the base errs"
    try:
        return make_folds(place, groups, folds=folds, seed=seed, classes=names, grouped_by=grouped_by), None
    except LabelError as error:
        return [], f"the base's answers as they are, since no correction can be judged: {error}"


def _remark(events: int, found: Correction | None, grouped_by: str) -> str:
    if found is None:
        said = "the base's answers as they are, since held-out data speak against a correction"
        return f"{_counted(events, 'event')}: {said}"
    bare = (
        "; too few recordings to hold any out, so it is unproven: nothing is known of other recordings"
        if grouped_by == "event"
        else ""
    )
    return f"{_counted(events, 'event')}: the base's answers with a shrunk correction{bare}"


def _frequencies(y: np.ndarray, classes: int, splits: Folds) -> np.ndarray:
    """What one would say who knew only how frequent each class is on the other side of the fold."""
    out = np.empty((len(y), classes))
    for train, test in splits:
        out[test] = np.bincount(y[train], minlength=classes) / len(train)
    return out


def _novelty(base: Model, X: np.ndarray, splits: Folds, seed: int) -> tuple[Novelty, np.ndarray]:
    """The base's measure with the new events among its references, and what it said of each while held out."""
    own = Novelty.from_json(base.info["novelty"])

    def extended(rows: np.ndarray) -> Novelty:
        some = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_REFERENCES])
        white = (X[some] - own.mean) @ own.whitening
        return replace(own, references=np.concatenate([own.references, white]))

    share = np.asarray(own.score(X))  # what no fold holds out is new to the base at least
    for train, test in splits:
        share[test] = extended(train).score(X[test])
    return extended(np.arange(len(X))), share


def _ancestry(base: Model) -> dict[str, Any]:
    """Which model was adapted, and what that was trained on; hashes of single recordings stay with it."""
    data = {key: value for key, value in base.info["training"].items() if key not in ("sha256", "remarks")}
    return {"sha256": base.sha256, "created_by": base.info["created_by"], "training": data}


def _bounds(
    base: Model, held_out: np.ndarray, novelty: np.ndarray, y: np.ndarray, precision: float | None
) -> tuple[np.ndarray, dict[str, Any]]:
    """The least probability of each class, and what these bounds do to held-out events."""
    least, wanted = np.array(base.thresholds.min_probability), _wanted(base)
    if precision is None:
        return least, cost_of(held_out, novelty, y, base.classes, least, wanted)
    joints = joint_classes(base.classes)
    bound = min_probability(held_out, novelty, y, joints, precision=precision)
    if precision >= wanted:
        bound = max(bound, float(least[joints].max(initial=0.0)))
    least = joint_bounds(base.classes, bound)
    cost = cost_of(held_out, novelty, y, base.classes, least, precision)
    cost["joint_labels"]["band"] = doubtful_band(held_out, novelty, y, joints, bound)
    return least, cost


def _wanted(base: Model) -> float:
    """The precision of joint labels that the base was made for; models made earlier do not tell."""
    return float(base.info["scores"].get("joint_labels", {}).get("wanted", PRECISION))


def _scores(
    answers: Mapping[str, np.ndarray], y: np.ndarray, base: Model, kind: str, groups: Sequence[str], seed: int
) -> dict[str, Any]:
    # held out is the whole way of choosing: in some folds it may have left the base as it is, or corrected it otherwise
    figures = {name: score(y, p, base.classes) for name, p in answers.items()}
    losses = {name: log_losses(y, p) for name, p in answers.items()}
    return {
        "chosen": kind,
        "candidates": {name: row(each, losses[name], groups, seed=seed) for name, each in figures.items()},
        "held_out": scored(y, answers.get(CORRECTED, answers[BASE]), base.classes, groups, seed=seed),
        "with_company": None,
    }


STRENGTH = 300.0  # of the shrinkage of the slopes, in events
INNER_FOLDS = 3


def choose_correction(
    p: np.ndarray,
    X: np.ndarray,
    y: np.ndarray,
    groups: Sequence[str],
    scale: tuple[np.ndarray, np.ndarray],
    *,
    folds: int = INNER_FOLDS,
    seed: int = 0,
) -> Correction | None:
    """The correction fitted on all events, or None where held-out groups speak against correcting.

    Parameters
    ----------
    p : numpy.ndarray, shape (n, k)
        The base's calibrated probabilities, none of them 0 (`popclass.training.correction.base_answers`).
    X : numpy.ndarray, shape (n, f)
    y : numpy.ndarray of int, shape (n,)
        True classes; not every class need be present.
    groups : sequence of str, length n
    scale : pair of numpy.ndarray, shape (f,)
        What `popclass.training.correction.scale_of` gave.

    Returns
    -------
    Correction or None
        Where a class has a single group nothing can be held out, and the correction stands.
    """
    try:
        splits = make_folds(np.unique(y, return_inverse=True)[1], groups, folds=folds, seed=seed)
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
    """Whether the mean loss is lower by more than the standard error of the difference over groups."""
    gain = other - loss
    _, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    count = int(place.max()) + 1
    if count < 2:
        return False
    off = np.bincount(place, weights=gain - gain.mean())
    error = np.sqrt(count / (count - 1) * (off**2).sum()) / len(gain)
    return bool(gain.mean() > error)


EVENTS_NEEDED = 200  # fewer never made a better model of their own (docs/learning-curve.md)
SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the best model of the labels alone.

    Attributes
    ----------
    kind : str
        Which it was.
    replaces : bool
        Whether it takes the place of the base with its correction.
    remark : str
        Why, for people.
    """

    kind: str
    replaces: bool
    remark: str


def held_out_answers(X: np.ndarray, y: np.ndarray, splits: Folds, seed: int) -> dict[str, np.ndarray]:
    """What classifiers without the base say of held-out events, calibrated; none of them with too few events.

    Parameters
    ----------
    X : numpy.ndarray, shape (n, f)
    y : numpy.ndarray of int, shape (n,)
        Classes, each present on every training side.
    splits : list of (training indices, held-out indices)
    seed : int
    """
    if len(y) < EVENTS_NEEDED:
        return {}
    out = {}
    for kind in (kind for kind in KINDS if all(enough_for(kind, y[train]) for train, _ in splits)):
        raw = np.empty((len(y), int(y.max()) + 1))
        for train, test in splits:
            raw[test] = train_classifier(kind, X[train], y[train], seed=seed).predict_proba(X[test])
        out[kind] = cross_calibrated(raw, y, [test for _, test in splits])
    return out


def judge(
    losses: Mapping[str, np.ndarray], corrected: np.ndarray, groups: Sequence[str], grouped_by: str, *, seed: int = 0
) -> Verdict | None:
    """Whether the best of some models replaces a corrected base.

    Parameters
    ----------
    losses : mapping of str to numpy.ndarray, shape (n,)
        Of each model, the log loss of each held-out event.
    corrected : numpy.ndarray, shape (n,)
        The same of the base with its correction.
    groups : sequence of str, length n
        What was held out together.
    grouped_by : str
        What the groups are; only `subject` tells of a new person.

    Returns
    -------
    Verdict or None
        None where there are no models to judge.

    Examples
    --------
    >>> groups = [str(i // 10) for i in range(100)]
    >>> judge({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "subject").replaces
    True
    >>> judge({"forest": np.full(100, 0.2)}, np.full(100, 0.5), groups, "recording").replaces
    False
    """
    if not losses:
        return None
    kind = min(losses, key=lambda each: losses[each].mean())
    gain = corrected - losses[kind]
    span = mean_interval(gain, groups, seed=seed)
    clear = span is not None and span[0] > 0
    found = (
        f"{kind}, trained on these labels alone, had a log loss {_difference(gain.mean(), span)} that of the base with "
        f"a correction, on held-out {grouped_by}s"
    )
    if clear and grouped_by == SUBJECT:
        return Verdict(kind, True, f"{found}; that is clearly better, so it replaces the base")
    if gain.mean() <= 0:
        return Verdict(kind, False, f"{found}; the base stays")
    if grouped_by != SUBJECT:
        return Verdict(
            kind,
            False,
            f"{found}, but these share people, so nothing is known of a new person and the base stays; to have it "
            f"judged, name the subjects in a labels.csv, {FEWEST_GROUPS} or more, each class in at least 2 of them",
        )
    return Verdict(kind, False, f"{found}; that is not clear enough, so the base stays")


def _difference(gain: float, span: Sequence[float] | None) -> str:
    """How far a log loss lies below another, or above it."""
    interval = "too few groups for an interval" if span is None else f"95 % interval {-span[1]:+.3f} to {-span[0]:+.3f}"
    return f"{abs(gain):.3f} ({interval}) {'below' if gain > 0 else 'above'}"


def inherited_context(base: Model | None, classes: Sequence[str]) -> tuple[dict[str, Any] | None, list[str]]:
    """The base's context weights for these classes, as a model file holds them.

    Parameters
    ----------
    base : Model or None
    classes : sequence of str
        In the order of the new model.

    Returns
    -------
    stored : dict or None
        None where there is no base, it has no weights, or its classes are others.
    remarks : list of str
        Which class the weights could not be taken over for.
    """
    if base is None or base.context is None:
        return None, []
    if strange := differences(base.classes, classes):
        return None, [f"the worth of a sound's company was not taken over from the base model: {strange}"]
    if tuple(classes) == base.classes:
        return base.info["context"], []
    return reordered(base.context, base.classes, classes).to_json(), []


def differences(base: Sequence[str], classes: Sequence[str]) -> str:
    """Which classes only one of two models has, in words; empty where they have the same.

    Examples
    --------
    >>> differences(["cavitation", "snapping", "other"], ["cavitation", "click", "other"])
    "it does not know 'click'; 'snapping' is not among the labels"
    """
    new, gone = [n for n in classes if n not in base], [n for n in base if n not in classes]
    parts = [f"it does not know {_quoted(new)}"] if new else []
    if gone:
        parts.append(f"{_quoted(gone)} {'is' if len(gone) == 1 else 'are'} not among the labels")
    return "; ".join(parts)


def reordered(context: Context, old: Sequence[str], new: Sequence[str]) -> Context:
    """The same weights for the same classes in another order."""
    before, names = context_names(old), context_names(new)
    rows, columns = [before.index(name) for name in names], [list(old).index(name) for name in new]
    weighing = context.weighing
    moved = ContextWeights(
        weighing.linear[rows][:, columns],
        weighing.inner[rows],
        weighing.sound[columns],
        weighing.bias,
        weighing.outer[:, columns],
    )
    return replace(context, names=names, weighing=moved)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
