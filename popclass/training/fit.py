"""From labelled events to a model: folds, candidates, calibration, novelty, thresholds.

`train` takes labelled recordings; `fit` takes features that somebody has already. Both give a finished `Model` whose
`info["scores"]` come from held-out groups only: each event is judged by a classifier, a calibration and a novelty
measure that have not seen its group. Nothing depends on the number of cores or on the clock: the same data, settings
and library versions give the same bytes.
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from popclass.errors import LabelError, UsageError
from popclass.labels.records import Note
from popclass.model import Model
from popclass.modelfile import SCHEMA_VERSION
from popclass.results import OTHER
from popclass.training.adapt import adapt, can_adapt
from popclass.training.baseline import WIDTH
from popclass.training.calibration import fit_calibration
from popclass.training.classes import indexed
from popclass.training.classifiers import BOOSTING, KINDS, SETTINGS, enough_for, to_graph, train_classifier
from popclass.training.context import Company, Judge, learn_context
from popclass.training.folds import Folds, choose_groups, make_folds
from popclass.training.novelty import fit_novelty
from popclass.training.thresholds import NOVELTY, PRECISION, doubtful_band, joint_precision, min_probability, uncertain
from popclass.training.trial import Progress, Trial, remarks_on, scored, trial_scores, try_out

if TYPE_CHECKING:
    from popclass.features.frontend import FrontEnd

AUTO = "auto"

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "skl2onnx", "onnx", "librosa", "soxr")


def train(
    labelled: str | Path,
    *,
    classifier: str = AUTO,
    folds: int = 5,
    seed: int = 0,
    base: Model | str | Path | None = None,
    partial: bool = False,
    precision: float = PRECISION,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> Model:
    """Train a model on labelled recordings.

    Parameters
    ----------
    labelled : path
        A folder per class of short clips, a CSV of labels or a folder with a `labels.csv`, or recordings with label
        tracks beside them; see `popclass.labels.read`.
    classifier : str
        `logistic`, `svm`, `forest`, or `auto`, which takes the one with the least log loss on held-out groups.
    folds : int
        At least 2; fewer are made where a class has fewer subjects or recordings.
    seed : int
        Decides everything random.
    base : Model or path, optional
        A model whose front end and context weights are taken over. With `auto` its answers are corrected by the
        labels, until a model of their own is clearly better; see `popclass.training.adapt`.
    partial : bool
        Whether the recordings named are labelled only in part, so that what lies between labels is left out instead of
        being `other`.
    precision : float
        Share of the joint labels that should be right, 0.5 to 1; it sets the least probability of a joint label.
    progress : callable, optional
        Called with a description, how many steps are done, and how many there are.
    notice : callable, optional
        Called with each warning about labels and recordings in full. The model keeps them without the names of
        recordings, which would tell more about people than a model may.

    Returns
    -------
    Model
        Its scores are in `info["scores"]`, remarks on the data in `info["training"]["remarks"]`.

    Raises
    ------
    LabelError
        If the labels cannot be used, or do not suffice.
    UsageError
        If an option is outside what is allowed.

    Examples
    --------
    >>> model = popclass.train("labelled/")                                  # doctest: +SKIP
    >>> model.save("mine.onnx")                                              # doctest: +SKIP
    """
    from popclass.features.frontend import FrontEnd
    from popclass.labels.read import read_labels
    from popclass.training.samples import collect

    _check_options(classifier, folds, precision)
    labels = read_labels(labelled)
    base = base if base is None or isinstance(base, Model) else Model.load(base)
    frontend = FrontEnd.build() if base is None else base.frontend
    samples = collect(labels, frontend, partial=partial, by_hand=True, progress=progress)
    if notice is not None:
        for warning in (*labels.warnings, *samples.warnings):
            notice(warning)
    classes, y = indexed(samples.labels)
    kind, groups, remarks = choose_groups(y, samples.subjects, samples.recordings)
    context = None if base is None else base.info["context"]
    if base is not None and base.classes != classes and context is not None:
        context = None
        remarks.append(f"the context weights of the base model are for {', '.join(base.classes)} and were left out")
    if base is not None and classifier == AUTO:
        if can_adapt(base, samples.labels):
            adapted = adapt(
                base,
                samples.X,
                samples.labels,
                groups,
                folds=folds,
                seed=seed,
                grouped_by=kind,
                provenance={**samples.provenance(), "partial": partial},
                remarks=[*_without_names([*labels.warnings, *samples.warnings]), *remarks],
                progress=progress,
            )
            if adapted is not None:
                return adapted
            remarks.append("a model of its own was clearly better on held-out groups than the base with a correction")
        else:
            remarks.append(f"trained from scratch: the base model knows only {', '.join(base.classes)}")
    return fit(
        samples.X,
        samples.labels,
        groups,
        frontend=frontend,
        classifier=classifier,
        folds=folds,
        seed=seed,
        grouped_by=kind,
        context=context,
        mfcc=samples.mfcc,
        precision=precision,
        provenance={**samples.provenance(), "partial": partial},
        remarks=[*_without_names([*labels.warnings, *samples.warnings]), *remarks],
        progress=progress,
    )


def _without_names(warnings: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(warning.brief if isinstance(warning, Note) else warning for warning in warnings))


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
        What `popclass.context.Context.to_json` gives; stored as it is.
    company : Company, optional
        The sessions the events are from, where the context stage is to be learnt.
    mfcc : numpy.ndarray, shape (n, 40), optional
        Of the same events, from `popclass.training.baseline.describe`; without it the scores have no baseline made by
        hand, and a remark says so.
    provenance : mapping, optional
        More about the data, stored under `training`.
    remarks : sequence of str
        What a reader of the scores should know.

    The others are those of `train`, and so are the errors.
    """
    _check_options(classifier, folds, precision)
    X = _checked(X, len(labels), frontend)
    _check_mfcc(mfcc, len(labels))
    classes, y = indexed(labels)
    counted = _counted(labels, groups)
    for name, found in counted.items():
        if found["groups"] < 2:
            raise LabelError(f"class '{name}' comes from a single {grouped_by}; at least 2 are needed to hold one out")
    splits = make_folds(y, groups, folds=folds, seed=seed)
    notes = list(remarks)
    if len(splits) < folds:
        notes.append(f"{len(splits)} folds instead of {folds}, for want of {grouped_by}s of each class")
    kinds = _candidates(classifier, y, splits, notes)
    with _one_blas_thread():
        trial = try_out(kinds, X, y, classes, splits, mfcc=mfcc, seed=seed, progress=progress)
        graph = to_graph(train_classifier(trial.chosen, X, y, seed=seed), X.shape[1])
        novelty, held_out_novelty = fit_novelty(X, y, splits, seed=seed)
        believed = trial.calibrated
        if company is not None:
            judge = _judge(trial, X, y, seed)
            stage, believed = learn_context(company, y, classes, frontend.names, splits, judge, seed=seed)
            context = stage.to_json()
    notes += remarks_on(trial, len(kinds), mfcc is not None)
    doubt = _doubt(believed, held_out_novelty, y, classes, precision)
    scores = {
        "folds": len(splits),
        "grouped_by": grouped_by,
        "groups": len(set(groups)),
        **trial_scores(trial, y, classes, groups, seed=seed),
        "with_company": scored(y, believed, classes, groups, seed=seed) if company is not None else None,
        **{key: doubt[key] for key in ("joint_labels", "uncertain", "uncertain_joint")},
    }
    info = {
        "schema_version": SCHEMA_VERSION,
        "created_by": f"popclass {importlib.metadata.version('popclass')}",
        "classes": list(classes),
        "features": list(frontend.names),
        "frontend": frontend.to_json(),
        "classifier": {"kind": trial.chosen, "asked_for": classifier, "settings": SETTINGS[trial.chosen]},
        "calibration": fit_calibration(trial.raw, y).to_json(),
        "thresholds": {"min_probability": doubt["min_probability"], "novelty": NOVELTY},
        "novelty": novelty.to_json(),
        "context": context,
        "training": {**(provenance or {}), "classes": counted, "folds": folds, "seed": seed, "remarks": notes},
        "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "scores": scores,
    }
    return Model(graph, info)


def _doubt(
    believed: np.ndarray, novelty: np.ndarray, y: np.ndarray, classes: Sequence[str], precision: float
) -> dict[str, Any]:
    """Where `uncertain` begins, and what that does to held-out events."""
    joints = np.array([name != OTHER for name in classes])
    joint = joints[y]
    bound = min_probability(believed, novelty, y, joints, precision=precision)
    least = np.where(joints, bound, 0.0)
    doubtful = uncertain(believed, novelty, least)
    named = joint_precision(believed, novelty, y, least)
    return {
        "min_probability": dict(zip(classes, least.tolist(), strict=True)),
        "joint_labels": {"wanted": precision, **named, "band": doubtful_band(believed, novelty, y, joints, bound)},
        "uncertain": float(doubtful.mean()),
        "uncertain_joint": float(doubtful[joint].mean()) if joint.any() else None,
    }


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


def _counted(labels: Sequence[str], groups: Sequence[str]) -> dict[str, dict[str, int]]:
    """Events and groups of each class."""
    events, pairs = Counter(labels), set(zip(labels, groups, strict=True))
    return {name: {"events": events[name], "groups": sum(1 for n, _ in pairs if n == name)} for name in sorted(events)}


def _check_options(classifier: str, folds: int, precision: float) -> None:
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
