"""From labelled recordings to a model: read, hear, group, and then adapt a base model or train one from scratch.

What a model is made of is `popclass.training.fit`'s affair; this is about where its events come from, which of them
must stay together in a fold, what is taken over from a base, and what a reader of the scores should know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from popclass.labels.records import Note
from popclass.model.model import Model
from popclass.training.adapt import adapt, can_adapt, differences, inherited_context
from popclass.training.cross_validation import Progress
from popclass.training.fit import AUTO, check_options, fit
from popclass.training.folds import choose_groups, indexed
from popclass.training.model_card import told
from popclass.training.thresholds import PRECISION

if TYPE_CHECKING:
    from popclass.training.dataset import Samples


def train(
    labelled: str | Path,
    *,
    classifier: str = AUTO,
    folds: int = 5,
    seed: int = 0,
    base: Model | str | Path | None = None,
    partial: bool = False,
    precision: float | None = None,
    own_classes: Sequence[str] = (),
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
        labels, until a model of their own is clearly better for new subjects; see `popclass.training.adapt`.
    partial : bool
        Whether the recordings named are labelled only in part, so that what lies between labels is left out instead of
        being `other`.
    precision : float, optional
        Share of the joint labels that should be right, 0.5 to 1; it sets the least probability of a joint label. Where
        None, an adapted model keeps its base's least probabilities, and any other is made for 0.8.
    own_classes : sequence of str
        Labels that are classes of their own although they are spelt nearly like a standard class or a more frequent
        label, which is an error or a warning otherwise. Classes of the base are known anyway.
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
    from popclass.labels.validation import check_spelling, sibling_clips
    from popclass.training.dataset import collect

    wanted = PRECISION if precision is None else precision
    check_options(classifier, folds, wanted)
    labels = read_labels(labelled)
    if base is not None and not isinstance(base, Model):
        base = Model.load(base)
        told(base)  # the new card repeats what the base's JSON says: better refused now than after training
    meant = [*own_classes, *(base.classes if base is not None else ())]
    doubts = [*check_spelling(labels.recordings, meant), *sibling_clips(labels.recordings)]
    frontend = FrontEnd.build() if base is None else base.frontend
    declared = sorted({name for recording in labels.recordings for name in recording.classes})
    complete = base is None or classifier != AUTO or not can_adapt(base, declared)
    samples = collect(labels, frontend, partial=partial, by_hand=True, complete=complete, progress=progress)
    warnings = [*labels.warnings, *doubts, *samples.warnings]
    if notice is not None:
        for warning in warnings:
            notice(warning)
    provenance = {**samples.provenance(), "partial": partial}
    remarks = _without_names(warnings)
    beside = None
    if base is not None and can_adapt(base, samples.labels):
        if classifier != AUTO:
            indexed(samples.labels)  # too few for a classifier of their own: say so before anything is tried
        kind, groups, about = _held_together(samples)
        adapted = adapt(
            base,
            samples.X,
            samples.labels,
            groups,
            folds=folds,
            seed=seed,
            grouped_by=kind,
            precision=precision,
            rivals=classifier == AUTO,
            provenance=provenance,
            remarks=remarks,
            about_folds=about,
            progress=progress,
        )
        if classifier == AUTO and not (adapted.verdict and adapted.verdict.replaces):
            return adapted.model
        beside = adapted.rows
        remarks += [adapted.verdict.remark] if adapted.verdict else []
    elif base is not None:
        unknown = differences(base.classes, sorted({*samples.labels, *base.classes}))
        remarks.append(f"trained from scratch, since the base model cannot be corrected: {unknown}")
    classes, _ = indexed(samples.labels)
    kind, groups, about = _held_together(samples)
    context, about_context = inherited_context(base, classes)
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
        precision=wanted,
        beside=beside,
        provenance=provenance,
        remarks=[*remarks, *about, *about_context],
        progress=progress,
    )


def _held_together(samples: Samples) -> tuple[str, list[str], list[str]]:
    """What must be held out together, and what that leaves unknown."""
    _, y = np.unique(samples.labels, return_inverse=True)
    return choose_groups(y, samples.subjects, samples.recordings)


def _without_names(warnings: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(warning.brief if isinstance(warning, Note) else warning for warning in warnings))
