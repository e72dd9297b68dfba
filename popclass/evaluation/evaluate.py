"""Evaluation of a model: labelled recordings are classified as `popclass classify` does and compared with the labels.

Subject, site and time of recording come from the labels, so that timelines run across recordings. A recording that
cannot be read is reported and skipped. Labels without a class in the model are counted but not scored for
classification.

A second model gets the same events where both have the same front end.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import AudioError, LabelError, UsageError
from popclass.evaluation.agreement import observed_counts, score_observers, share
from popclass.evaluation.classification import score_classification
from popclass.evaluation.comparison import Side, score_comparison
from popclass.evaluation.counts import NO_CLASS, Counted, count_recordings, score_counts
from popclass.evaluation.detection import score_detection
from popclass.evaluation.end_to_end import counted_cases, score_answers, score_unlabelled
from popclass.evaluation.matching import Case, cases_of, count_labels
from popclass.evaluation.output import Evaluation
from popclass.evaluation.probabilities import score_calibration, score_net_benefit
from popclass.evaluation.provenance import (
    AnyModel,
    about_model,
    about_recordings,
    base_name,
    command,
    inputs,
    label_files,
    trained_on,
)
from popclass.evaluation.subgroups import score_subgroups
from popclass.extraction import Extraction, extract_events
from popclass.label_rules import LabelRules
from popclass.labels import LabelledRecording, Labels, read_labels
from popclass.labels.memory import read_records
from popclass.labels.read import note_unsure
from popclass.labels.validation import check_spelling
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.pipeline import apply_model, load_model
from popclass.postprocess import posteriors, postprocess
from popclass.results import Analysis, RecordingResult
from popclass.schema import CAVITATION
from popclass.timing.sites import lookup
from popclass.training.dataset import MfccTable, check_times, cut_clips
from popclass.utils.checks import check_number
from popclass.utils.extras import require_train
from popclass.utils.text import one_line
from popclass.version import __version__

SCHEMA_VERSION = 1
_OTHERWISE = "rename it, or evaluate a model that has the class {}"

Progress = Callable[[str, int, int], None]
Array = NDArray[np.float64]
Extracted = list[tuple[LabelledRecording, Extraction]]


def evaluate(
    labelled: Any,
    *,
    labels: Any = None,
    model: AnyModel = None,
    partial: bool = False,
    second: Any = None,
    compare: AnyModel = None,
    prevalence: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a model on labelled recordings.

    Parameters
    ----------
    labelled, labels
        As `popclass.train` takes them. Scores on recordings that the model was trained on are too good; these are
        listed in `scores["recordings"]["trained_on"]` (None where the model does not list them).
    model : Model or path, optional
        Default: the bundled model.
    partial : bool
        Whether the recordings named are labelled only in part. Sounds that no label covers are then not counted, and
        the precision of detection is not defined; else they are taken for `other`.
    second : path, DataFrame or sequence of mapping, optional
        Labels of a second observer: a path as `labelled`, or a table as `labels`. Recordings that both have labelled
        are compared, see `popclass.evaluation.agreement`.
    compare : Model or path, optional
        A second model, evaluated on the same recordings, see `popclass.evaluation.comparison`.
    prevalence : mapping of str to float, optional
        Share of a class among the sounds of the population, 0 to 1, for which its predictive values are computed.
    progress : callable, optional
        Called with a description, the number of recordings done, and the number of all.

    Returns
    -------
    Evaluation
        Recordings that failed are listed in it.

    Raises
    ------
    LabelError
        If the labels cannot be used, one is nearly a standard class, the model knows none of them, or the second
        observer labels no same recording.
    ModelError
        If a model cannot be used.
    AudioError
        If no recording can be read.
    UsageError
        If an option is out of range.

    Examples
    --------
    >>> found = popclass.evaluate("labelled/", model="mine.onnx")                        # doctest: +SKIP
    >>> found.scores["classification"]["readings"]["both"]["balanced_accuracy"]          # doctest: +SKIP
    >>> found.save("evaluation/")                                                        # doctest: +SKIP
    >>> table = [{"file": "hip", "start_s": 1.5, "label": "snapping", "subject": "P1"}]
    >>> found = popclass.evaluate({"hip": (samples, 48_000)}, labels=table)              # doctest: +SKIP
    """
    require_train("evaluation")
    options: dict[str, Any] = {"partial": partial, "prevalence": dict(prevalence or {})}
    given = read_labels(labelled) if labels is None else note_unsure(read_records(labelled, labels))
    chosen, other = load_model(model), None if compare is None else load_model(compare)
    models = [each for each in (chosen, other) if each is not None]
    known = {name for each in models for name in each.classes}
    doubts = check_spelling(given.recordings, known, _OTHERWISE)
    for each in models:
        _check_known(given.recordings, each.classes)
    _check_prevalence(options["prevalence"], chosen.classes)
    observer = None if second is None else _read_second(labelled, second, in_memory=labels is not None)
    doubts += [] if observer is None else check_spelling(observer.recordings, known, _OTHERWISE)
    shared = None if observer is None else share(given.recordings, observer.recordings)
    metadata = {recording.name: _metadata(recording) for recording in given.recordings}
    extracted, failed, mfcc = _extract_all(given.recordings, chosen, progress, with_mfcc=other is not None)
    run = _run(extracted, metadata, chosen, partial=partial)
    hashes = {recording.name: recording.sha256 for recording, _ in extracted}
    words = command(labelled if labels is None else None, model=model, second=second, compare=compare, **options)
    seconds = {} if observer is None else {"labelled": base_name(second), **label_files(observer)}
    scores = {
        "schema_version": SCHEMA_VERSION,
        "popclass": __version__,
        "model": about_model(chosen),
        "partial": partial,
        "inputs": inputs(given, hashes, words, options, seconds),
        "recordings": about_recordings(run.analyzed, failed, hashes, given, chosen),
        **_scores(run, [*given.warnings, *doubts], **options),
        "observers": None if shared is None else score_observers(shared, run.results, partial=partial),
        "comparison": None,
    }
    if other is not None:
        if other.frontend.to_json() != chosen.frontend.to_json():
            extracted, _, _ = _extract_all(given.recordings, other, progress)
        compared = _run(extracted, metadata, other, partial)
        first, other_side = (Side(each.rules, each.cases, each.counted) for each in (run, compared))
        recordings = [recording for recording, _ in run.analyzed]
        about = {**about_model(other), "trained_on": trained_on(other, hashes)}
        found = score_comparison(first, other_side, recordings, run.complete, mfcc)
        scores["comparison"] = {"model": about, **found}
    observed = observed_counts(shared, run.results, partial=partial)
    return Evaluation(scores, run.cases, run.rules, tuple(failed), run.counted, observed)


@dataclass(frozen=True, slots=True)
class Run:
    """Labelled recordings as one model classifies them.

    Attributes
    ----------
    rules : LabelRules
        Those of the model.
    analyzed : list of (LabelledRecording, Analysis)
    cases : tuple of Case
    results : dict of str to RecordingResult
        By the name of the recording.
    complete : list of (LabelledRecording, float)
        Recordings in which every sound is labelled, with their length in seconds.
    counted : Counted
    """

    rules: LabelRules
    analyzed: list[tuple[LabelledRecording, Analysis]]
    cases: tuple[Case, ...]
    results: dict[str, RecordingResult]
    complete: list[tuple[LabelledRecording, float]]
    counted: Counted


def _run(extracted: Extracted, metadata_of: Mapping[str, Metadata], model: Model, partial: bool) -> Run:
    """Classify all recordings; each case has the probabilities of the four readings."""
    recordings = [recording for recording, _ in extracted]
    analyses = apply_model([extraction for _, extraction in extracted], model)
    metadata = [metadata_of[recording.name] for recording in recordings]
    timing = posteriors([replace(each, contextual=each.acoustic) for each in analyses], metadata, model)
    both, results = posteriors(analyses, metadata, model), postprocess(analyses, metadata, model)
    cases: list[Case] = []
    for recording, analysis, timed, final, result in zip(recordings, analyses, timing, both, results, strict=True):
        probabilities = {"sound": analysis.acoustic, "company": analysis.contextual, "timing": timed, "both": final}
        cases += cases_of(recording, result.events, probabilities)
    full = [recording.whole is None and (recording.verified or not partial) for recording in recordings]
    labelled = list(compress(zip(recordings, results, strict=True), full))
    complete = [(recording, result.duration_s) for recording, result in labelled]
    analyzed, counted = list(zip(recordings, analyses, strict=True)), count_recordings(labelled)
    by_name = {recording.name: result for recording, result in zip(recordings, results, strict=True)}
    return Run(LabelRules.of(model), analyzed, tuple(cases), by_name, complete, counted)


def _scores(run: Run, warnings: Sequence[str], *, partial: bool, prevalence: Mapping[str, float]) -> dict[str, Any]:
    """Return the scores of one model."""
    cases, classes = run.cases, run.rules.classes
    answers = score_answers(cases, classes, run.complete, prevalence)
    known = counted_cases(cases, run.complete)
    lines = [f"{analysis.info.name}: {line}" for _, analysis in run.analyzed for line in analysis.info.warnings]
    return {
        "labels": count_labels(cases),
        "unknown_labels": count_labels(case for case in cases if case.truth not in classes),
        "notes": [*warnings, *lines],
        "detection": score_detection(cases, partial=partial),
        "elsewhere": score_unlabelled(answers),
        "end_to_end": answers,
        "classification": score_classification(cases, run.rules),
        "counts": score_counts(run.counted, None if CAVITATION in classes else NO_CLASS),
        "specificity": {one["class"]: one["specificity"] for one in answers["classes"]},
        "calibration": score_calibration(known, classes),
        "net_benefit": score_net_benefit(known, classes),
        "subgroups": score_subgroups(cases, [recording for recording, _ in run.analyzed], classes, run.complete),
    }


def _read_second(labelled: Any, second: Any, *, in_memory: bool) -> Labels:
    """Return the labels of a second observer, from files or from a table of the same recordings."""
    if isinstance(second, str | os.PathLike):
        return read_labels(second)
    if not in_memory:
        raise UsageError("second is a table: give labels= as a table, too, or the path of a CSV")
    return read_records(labelled, second)


def _check_known(recordings: Sequence[LabelledRecording], classes: Sequence[str]) -> None:
    names = {name for recording in recordings for name in recording.classes}
    if names and not names & set(classes):
        raise LabelError(
            f"the model knows none of the labels: they are {', '.join(sorted(names))}, "
            f"its classes {', '.join(classes)}; rename the labels or give another --model"
        )


def _check_prevalence(prevalence: Mapping[str, float], classes: Sequence[str]) -> None:
    for name, share_ in prevalence.items():
        if name not in classes:
            raise UsageError(f"prevalence of '{one_line(name)}': the classes of the model are {', '.join(classes)}")
        check_number(share_, f"prevalence of {name}", 0, 1)
    if math.fsum(prevalence.values()) > 1:
        raise UsageError(f"prevalence of {', '.join(prevalence)}: shares of all sounds may add up to 1, not to more")


def _metadata(recording: LabelledRecording) -> Metadata:
    try:
        site = None if recording.site is None else lookup(recording.site).name
    except UsageError as error:
        raise LabelError(f"{one_line(recording.name)}: {error}") from None
    about: dict[str, Any] = {name: getattr(recording, name) for name in ("subject", "recorded_at", "side", "extra")}
    return Metadata(site=site, **about)


def _extract_all(
    recordings: Sequence[LabelledRecording], model: Model, progress: Progress | None, *, with_mfcc: bool = False
) -> tuple[Extracted, list[str], Callable[[Case], Array]]:
    """Return the recordings with their events, a line for each that cannot be read, and MFCC statistics of cases."""
    extracted: Extracted = []
    failed: list[str] = []
    statistics: dict[str, Array] = {}
    for done, recording in enumerate(recordings):
        if progress is not None:
            progress("extracting events", done, len(recordings))
        table, name = MfccTable(), one_line(recording.name)
        on_sounds = (lambda some, table=table: table.add(cut_clips(some))) if with_mfcc else None
        source, rate = recording.samples or (recording.path, None)
        try:
            found = extract_events(source, model.frontend, sample_rate=rate, name=name, on_sounds=on_sounds)
        except AudioError as error:
            if len(recordings) == 1:
                raise
            failed.append(str(error))
            continue
        check_times(recording, found.info.duration_s)
        extracted.append((recording, found))
        if with_mfcc:
            statistics[recording.name] = table.finish()
    if not extracted:
        raise AudioError(f"none of {len(recordings)} recordings can be read; the first: {failed[0]}")

    def of(case: Case) -> Array:
        place = 0 if case.event is None else case.event.event - 1
        return np.asarray(statistics[case.recording.name][place])

    return extracted, failed, of
