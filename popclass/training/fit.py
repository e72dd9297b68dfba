"""Training of a model on the features of labelled events.

Candidates are compared on the same held-out groups: with a base model, this base with and without a correction
(`popclass.training.adapt`), and from 200 events classifiers with and without its predictions as features
(`popclass.training.selection`); without one, classifiers alone. `fit` returns a `Model` whose `info["scores"]` come
from held-out groups only. The result does not depend on the number of cores or the clock: the same data, settings and
library versions give the same bytes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from popclass.errors import UsageError
from popclass.features import FrontEnd
from popclass.metrics.bootstrap import score_with_intervals
from popclass.metrics.scores import risk_coverage
from popclass.metrics.tables import MFCC_FOREST, STACKED
from popclass.model.file import SCHEMA_VERSION
from popclass.model.model import Model
from popclass.training import classifiers
from popclass.training.adapt import Adaptation, ancestry, can_adapt
from popclass.training.classifiers import ALONE, KINDS, OF_MANY, trainable
from popclass.training.context import ContextSamples, inherit_context
from popclass.training.cross_validation import Arrays, CrossValidation, fit_calibration
from popclass.training.folds import SUBJECT, Folds, Names, index_classes, make_folds
from popclass.training.graphs import base_logs, stacked_graph
from popclass.training.losses import never_found, rank, target_losses
from popclass.training.open_set import learn_open_set
from popclass.training.selection import EVENTS_NEEDED, MANY_EVENTS, candidate_tables, compare
from popclass.training.settings import AUTO, FitConfig, choose_thresholds, run_info
from popclass.training.thresholds import BALANCED, fit_novelty, fit_space


def fit(
    X: np.ndarray,
    labels: Names,
    groups: Names,
    frontend: FrontEnd,
    config: FitConfig,
    *,
    samples: ContextSamples | None = None,
    mfcc: np.ndarray | None = None,
    base: Model | None = None,
) -> Model:
    """Train a model on features.

    Parameters
    ----------
    X : ndarray, shape (n, f)
        Features of `frontend`.
    labels : sequence of str, length n
        Names of the classes; without a base at least two different ones.
    groups : sequence of str, length n
        Groups that must not be on both sides of a fold: subjects, recordings, generator settings.
    frontend : FrontEnd
        Stored in the model; that of the base if there is one.
    config : FitConfig
    samples : ContextSamples, optional
        The sessions of the events; with them the costs of novelty and the context stage are learnt.
    mfcc : ndarray, shape (n, 40), optional
        MFCC statistics of the same events (`popclass.training.dataset.mfcc_statistics`). Without them the scores have
        no MFCC baseline, and a remark says so.
    base : Model, optional
        A model to start from, if it has every class of the labels; otherwise only its context stage is used.

    Raises
    ------
    LabelError
        If the labels do not suffice.
    UsageError
        If the features have a wrong shape or are not finite.
    """
    from threadpoolctl import threadpool_limits

    expected = (len(labels), len(frontend.names))
    with np.errstate(over="ignore"):
        X = classifiers.to_float32(np.asarray(X, dtype=np.float64))  # the precision of onnxruntime
    if X.shape != expected or not np.isfinite(X).all():
        raise UsageError(f"features of shape {X.shape}: they must be finite in float32, and of shape {expected}")
    with threadpool_limits(limits=1):  # sums are then added in the same order on every machine
        adaptation = Adaptation(base, X, labels, groups, config) if base and can_adapt(base, labels) else None
        if adaptation is not None and config.classifier == AUTO and not _comparable(adaptation):
            return adaptation.model()
        return _Fit(X, labels, groups, frontend, config, base, adaptation, mfcc).model(samples)


def _comparable(adaptation: Adaptation) -> bool:
    """Return whether there are events enough for candidates beside the base."""
    every_class = set(adaptation.labels) == set(adaptation.base.classes)
    return bool(adaptation.splits) and every_class and len(adaptation.y) >= EVENTS_NEEDED


class _Fit:
    """Candidates on the same folds, and the model of the chosen one."""

    def __init__(
        self,
        X: np.ndarray,
        labels: Names,
        groups: Names,
        frontend: FrontEnd,
        config: FitConfig,
        base: Model | None,
        adaptation: Adaptation | None,
        mfcc: np.ndarray | None,
    ) -> None:
        self.X, self.labels, self.groups, self.frontend, self.config = X, labels, groups, frontend, config
        self.base, self.adaptation, self.mfcc = base, adaptation, mfcc
        self.classes, self.y = index_classes(labels)
        if adaptation is not None and config.classifier == AUTO:
            self.classes, self.y = adaptation.base.classes, adaptation.y  # its order
        folds = {"folds": config.folds, "seed": config.seed}
        self.splits: Folds = make_folds(self.y, groups, classes=self.classes, grouped_by=config.grouped_by, **folds)
        self.losses, self.rank = partial(target_losses, config.target), partial(rank, config.target)

    def model(self, samples: ContextSamples | None) -> Model:
        """Return the model of the candidate with the least loss, or that of the base if nothing is clearly better."""
        config, adaptation = self.config, self.adaptation
        replaces = config.classifier == AUTO and adaptation is not None
        tables = {config.classifier: self.X} if config.classifier != AUTO else self._tables()
        mfcc = None if replaces else self.mfcc
        options: dict[str, Any] = {"seed": config.seed, "progress": config.progress}
        tested = CrossValidation(tables, self.y, self.splits, mfcc=mfcc, **options)
        remarks: list[str] = []
        if replaces and adaptation is not None:
            missed = {kind: never_found(config.target, self.y, tested.held_out[kind]) for kind in tested.kinds}
            fewest = min([adaptation.missed, *missed.values()])
            losses = {
                kind: self.losses(self.y, tested.held_out[kind]) for kind, number in missed.items() if number == fewest
            }
            measure = "balanced log loss" if config.target == BALANCED else "log loss"
            compared = losses, adaptation.losses, self.groups, config.grouped_by
            better, remark = compare(*compared, seed=config.seed, measure=measure)
            if missed and not losses:
                remark = "the base stays, since models of these labels alone never find a class that it finds"
            if not better:
                return adaptation.model(tested.held_out, [remark] if remark else [])
            remarks.append(remark)
            if self.mfcc is not None:
                baseline = CrossValidation({}, self.y, self.splits, mfcc=self.mfcc, **options)
                tested.held_out[MFCC_FOREST] = baseline.held_out[MFCC_FOREST]
        return self._finish(tested, tables, samples, remarks)

    def _tables(self) -> Arrays:
        """Return the features of the candidates; only quick ones for a remark where none can replace the base."""
        logs = None
        if self.adaptation is not None:
            if self.config.grouped_by != SUBJECT:
                quick = [kind for kind in KINDS if kind in OF_MANY or len(self.y) < MANY_EVENTS]
                sides = [train for train, _ in self.splits]
                return {kind: self.X for kind in quick if trainable(kind, self.y, sides)}
            logs = base_logs(self.adaptation.base, self.X)
        return candidate_tables(self.X, logs, self.y, self.splits)

    def _finish(
        self, tested: CrossValidation, tables: Arrays, samples: ContextSamples | None, remarks: list[str]
    ) -> Model:
        """Return the model of the best of the tested candidates."""
        X, y, classes, splits, config = self.X, self.y, self.classes, self.splits, self.config
        kind, seed = tested.best(self.rank), config.seed
        held_out, nested = tested.held_out[kind], tested.nest(self.rank)
        stacked = kind.endswith(STACKED)
        if stacked and self.adaptation is not None:  # the context stage of the base was trained with its novelty
            novelty, held_out_novelty = self.adaptation.extend_novelty()
        else:
            novelty, held_out_novelty = fit_novelty(X, y, splits, seed=seed)
        context, more = inherit_context(self.base, classes)
        contextual, with_context, left_out = held_out, None, None
        if samples is not None:

            def learn(train: np.ndarray, known: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
                raw = classifiers.predict_with(kind, X[known], y[known], new, seed=seed)
                calibrated = fit_calibration(tested.raw[kind][train], y[train]).apply(raw)
                return calibrated, fit_space(X[known], y[known], seed).distance(new)

            names, steps = self.frontend.names, config.progress
            found = learn_open_set(samples, y, classes, names, splits, learn, seed=seed, progress=steps)
            novelty, contextual, left_out = replace(novelty, costs=found.costs), found.contextual, found.kinds
            context = found.context.to_json()
            with_context = score_with_intervals(y, contextual, classes, self.groups, seed=seed)
        thresholds, of_thresholds = choose_thresholds(config, contextual, held_out_novelty, y, classes)
        best = held_out if nested is None else nested[0]
        config = replace(config, remarks=[*config.remarks, *remarks, *self._remarks(tested, nested is None), *more])
        candidates = tested.held_out
        if self.adaptation is not None:
            candidates = {**self.adaptation.held_out, **candidates}
        run = run_info(config, classes, self.labels, self.groups, splits, candidates, best)
        info = {
            **run,
            "schema_version": SCHEMA_VERSION,
            "classes": list(classes),
            "features": list(self.frontend.names),
            "frontend": self.frontend.to_json(),
            "classifier": {
                "kind": kind,
                "asked_for": config.classifier,
                "settings": classifiers.SETTINGS[kind.removesuffix(STACKED)],
            },
            "calibration": fit_calibration(tested.raw[kind], y).to_json(),
            "thresholds": thresholds,
            "novelty": novelty.to_json(),
            "context": context,
            "scores": {
                **run["scores"],
                "chosen": kind,
                "nested": None if nested is None else {"chosen": nested[1]},
                "risk_coverage": risk_coverage(y, best),
                "with_company": with_context,  # a stored name
                "kinds_left_out": left_out,
                **of_thresholds,
            },
        }
        graph = classifiers.to_graph(
            classifiers.train_classifier(kind, tables[kind], y, seed=seed), tables[kind].shape[1]
        )
        if stacked and self.base is not None:
            info["training"]["base"] = ancestry(self.base)
            graph = stacked_graph(self.base, graph)
        return Model(graph, info)

    def _remarks(self, tested: CrossValidation, selected: bool) -> list[str]:
        """Return what a reader of the scores should know; `selected` if they chose the classifier."""
        config, remarks = self.config, [*self.config.fold_remarks]
        if len(self.splits) < config.folds:
            count = f"{len(self.splits)} folds instead of {config.folds}"
            remarks.append(f"{count}: too few {config.grouped_by}s of each class")
        if config.classifier == AUTO:
            missing, many = [kind for kind in ALONE if kind not in tested.kinds], len(self.y) >= MANY_EVENTS
            why = f"it is slow with {MANY_EVENTS} events or more" if many else "too few events of a class"
            remarks += [f"{kind} was not tested: {why}" for kind in missing]
        if len(tested.kinds) > 1 and selected:
            remarks.append(
                "the scores chose the classifier, so they are a little too good; nested ones need more groups"
            )
        if MFCC_FOREST not in tested.held_out:
            remarks.append(f"{MFCC_FOREST}, a baseline, was not tested: there were features but no clips")
        return remarks
