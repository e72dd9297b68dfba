"""Training of a model from labelled recordings: reading, event extraction, and adaptation or training from scratch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from popclass.errors import LabelError
from popclass.features import FrontEnd
from popclass.labels.memory import read_records
from popclass.labels.read import note_unsure, read_labels
from popclass.labels.records import Note
from popclass.labels.validation import check_spelling, same_content, sibling_clips
from popclass.model.model import Model
from popclass.schema import OTHER
from popclass.training.adapt import can_adapt
from popclass.training.context import class_differences
from popclass.training.cross_validation import Progress
from popclass.training.dataset import collect
from popclass.training.fit import fit
from popclass.training.folds import choose_groups
from popclass.training.model_card import card
from popclass.training.settings import AUTO, FitConfig
from popclass.training.thresholds import PRECISE
from popclass.utils.checks import check_number, check_texts
from popclass.utils.extras import require_train
from popclass.utils.log import log_warnings

DEFAULT, NONE = "default", "none"  # bases that are no file


def train(
    labelled: Any,
    *,
    labels: Any = None,
    classifier: str = AUTO,
    folds: int = 5,
    seed: int = 0,
    base: Model | str | Path | None = DEFAULT,
    partial: bool = False,
    precision: float | None = None,
    target: str = PRECISE,
    own_classes: Sequence[str] = (),
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> Model:
    """Train a model on labelled recordings.

    Parameters
    ----------
    labelled : path, or mapping of str to path or (ndarray, int)
        Without `labels`, a folder per class of short clips, a CSV of labels or a folder with a `labels.csv`, or
        recordings with label tracks beside them; see `popclass.labels.read`. With `labels`, recordings by name, as a
        path or samples with their sample rate, or the folder to which the names in the table are relative.
    labels : DataFrame or sequence of mapping, optional
        A table with the columns of a CSV of labels: `file`, `start_s`, `label` and, where known, `end_s`, `subject`,
        `site`, `recorded_at`; see `popclass.labels.memory.read_records`.
    classifier : str
        `logistic`, `svm`, `forest`, or `auto`: the one with the least log loss on held-out groups.
    folds : int
        At least 2; fewer are made where a class has fewer subjects or recordings.
    seed : int
        Seed of everything random.
    base : Model, path, `default` or `none`
        A model whose front end and context weights are used. With `auto` its predictions are corrected by the labels,
        unless a model of the labels, with or without its predictions as features, is clearly better for new subjects;
        see `popclass.training.selection`.
        `default` is the bundled model, unless `classifier` is given or it lacks a class of the labels.
    partial : bool
        Whether the recordings are labelled only in part: events between labels are then left out instead of `other`.
    precision : float, optional
        Share of the joint labels that should be right, 0.5 to 1; it sets the minimum probability of a joint label
        (default: 0.8; an adapted model keeps the thresholds of its base).
    target : str
        `precision`: joint labels are as often right as `precision` says. `balanced`: answers as though classes were
        equally frequent, for balanced accuracy and for finding more; there are no minimum probabilities then.
    own_classes : sequence of str
        Labels that are spelt nearly like a standard class or a more frequent label but are classes of their own.
        Without it they are an error or a warning. Classes of the base need not be named.
    progress : callable, optional
        Called with a description, how many steps are done, and how many there are.
    notice : callable, optional
        Called with each warning about labels and recordings. The model stores the warnings without the names of
        recordings, which could identify people.

    Returns
    -------
    Model
        Scores are in `info["scores"]`, remarks on the data in `info["training"]["remarks"]`.

    Raises
    ------
    LabelError
        If the labels cannot be used, or do not suffice.
    UsageError
        If an option is out of range.

    Examples
    --------
    >>> model = popclass.train("labelled/")                                  # doctest: +SKIP
    >>> model.save("mine.onnx")                                              # doctest: +SKIP
    >>> table = [{"file": "hip", "start_s": 1.5, "label": "snapping", "subject": "P1"}]
    >>> model = popclass.train({"hip": (samples, 48_000)}, labels=table)      # doctest: +SKIP
    """
    require_train("training")
    check_number(folds, "folds", 2, 10**6, whole=True)
    check_number(seed, "seed", 0, 2**32 - 1, whole=True)
    if precision is not None:
        check_number(precision, "precision", 0.5, 1)
    check_texts(own_classes, "own_classes")
    config = FitConfig(
        classifier=classifier, folds=folds, seed=seed, precision=precision, target=target, progress=progress
    )
    found = read_labels(labelled) if labels is None else note_unsure(read_records(labelled, labels))
    declared = {name for recording in found.recordings for name in recording.classes}
    base, without = _load_base(base, classifier, declared)
    known, frontend = ((), FrontEnd.build()) if base is None else (base.classes, base.frontend)
    doubts = [*check_spelling(found.recordings, [*own_classes, *known]), *sibling_clips(found.recordings)]
    doubts += same_content(found.recordings)
    samples = collect(found, frontend, partial=partial, progress=progress)
    missing = declared - {OTHER} - set(samples.labels)
    if missing and (base is None or classifier != AUTO or not can_adapt(base, declared)):  # a correction needs none
        why = "; ".join(samples.warnings) or "another label took the event of each of its labels"
        raise LabelError(f"class '{min(missing)}' has no event to train on: {why}")
    warnings = [*found.warnings, *doubts, *samples.warnings]
    if notice is None:
        log_warnings("", warnings)
    else:
        for warning in warnings:
            notice(warning)
    _, y = np.unique(samples.labels, return_inverse=True)
    kind, groups, limits = choose_groups(y, samples.subjects, samples.recordings)
    remarks = list(dict.fromkeys(each.brief if isinstance(each, Note) else each for each in warnings)) + without
    provenance = {**samples.provenance(), "partial": partial}
    if base is not None and not can_adapt(base, samples.labels):
        unknown = class_differences(base.classes, sorted({*samples.labels, *base.classes}))
        remarks.append(f"trained from scratch, since the base model cannot be corrected: {unknown}")
    config = replace(config, grouped_by=kind, provenance=provenance, remarks=tuple(remarks), fold_remarks=limits)
    return fit(samples.X, samples.labels, groups, frontend, config, mfcc=samples.mfcc, base=base)


def _load_base(
    base: Model | str | Path | None, classifier: str, declared: Collection[str]
) -> tuple[Model | None, list[str]]:
    """Return the base model, and a remark if the labels do not allow the bundled one."""
    if base is None or base == NONE or (base == DEFAULT and classifier != AUTO):
        return None, []
    if base == DEFAULT:
        default = Model.default()
        if not can_adapt(default, declared):
            unknown = class_differences(default.classes, sorted({*declared, *default.classes}))
            return None, [f"trained on these labels alone, since the bundled model cannot be corrected: {unknown}"]
        return default, []
    if not isinstance(base, Model):
        base = Model.load(base)
        card(base)  # the new card repeats parts of the base's JSON: refuse it before training, not after
    return base, []
