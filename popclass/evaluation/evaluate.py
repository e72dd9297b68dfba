"""Evaluation of a model: labelled recordings are classified as `popclass classify` does and compared with the labels.

Subject, site and time of recording come from the labels, so that timelines run across recordings. A recording that
cannot be read is reported and skipped. Labels without a class in the model are counted but not scored for
classification.

Scores on recordings that the model was trained on are too good. A model file holds the SHA-256 of each of its training
recordings, so the same bytes are recognized under any name; a copy in another format is not. An adapted model knows
the recordings it was adapted to, not those of its base.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from popclass.errors import AudioError, LabelError, UsageError
from popclass.evaluation.classification import score_parts, score_readings
from popclass.evaluation.detection import ALL_CLIPS, score_detection, score_unlabelled
from popclass.evaluation.end_to_end import score_answers
from popclass.evaluation.matching import MATCHED, MISSED, Case, cases_of
from popclass.evaluation.output import base_name, inputs
from popclass.labels import LabelledRecording, read_labels
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.pipeline import analyze, load_model
from popclass.postprocess import posteriors, postprocess
from popclass.results import UNCERTAIN, Analysis
from popclass.timing.sites import lookup
from popclass.training.dataset import check_times, sha256_of
from popclass.utils.text import one_line
from popclass.version import __version__

SCHEMA_VERSION = 1

Progress = Callable[[str, int, int], None]
PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of a model on labelled recordings.

    Attributes
    ----------
    scores : dict
        Plain numbers, as `scores.json` holds them.
    cases : tuple of Case
        Every labelled and every detected sound, by recording and time.
    classes : tuple of str
        Of the model.
    failed : tuple of str
        A line for each recording that could not be used.
    """

    scores: dict[str, Any]
    cases: tuple[Case, ...]
    classes: tuple[str, ...]
    failed: tuple[str, ...] = ()

    @property
    def classified(self) -> tuple[Case, ...]:
        """The cases that the scores of classification rest on."""
        return tuple(case for case in self.cases if case.status == MATCHED and case.truth in self.classes)

    def table(self) -> str:
        """Return a short summary of the scores as text."""
        from popclass.evaluation.report import text

        return text(self.scores)

    def save(self, folder: PathLike) -> None:
        """Write scores, events, report and figures into a new or empty folder.

        Raises
        ------
        OutputError
            If it is in use or cannot be written.
        """
        from popclass.evaluation.output import save

        save(self.scores, self.cases, self.classes, folder)


@dataclass(slots=True)
class _Processed:
    recordings: list[LabelledRecording] = field(default_factory=list)
    analyses: list[Analysis] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def evaluate(
    labelled: PathLike,
    *,
    model: Model | PathLike | None = None,
    partial: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Hold what a model says of labelled recordings against their labels.

    Parameters
    ----------
    labelled : path
        As `popclass.train` takes them. Of those that the model was trained on the scores are too good; which they are
        stands in `scores["recordings"]["trained_on"]` (None where the model does not tell).
    model : Model or path, optional
        The model that comes with popclass where None.
    partial : bool
        Whether the recordings named are labelled only in part. Sounds that no label covers are then not counted, and
        the precision of detection is not defined; else they are taken for `other`.
    progress : callable, optional
        Called with a description, how many recordings are done, and how many there are.

    Returns
    -------
    Evaluation
        Recordings that failed are in it, and are no exception.

    Raises
    ------
    LabelError
        If the labels cannot be used, or the model knows none of them.
    ModelError
        If the model cannot be used.
    AudioError
        If no recording can be read.

    Examples
    --------
    >>> found = popclass.evaluate("labelled/", model="mine.onnx")                        # doctest: +SKIP
    >>> found.scores["classification"]["readings"]["both"]["balanced_accuracy"]          # doctest: +SKIP
    >>> found.save("evaluation/")                                                        # doctest: +SKIP
    """
    labels = read_labels(labelled)
    chosen = load_model(model)
    _check_known(labels.recordings, chosen.classes)
    metadata_of = {recording.name: _metadata(recording) for recording in labels.recordings}
    processed = _analyze_all(labels.recordings, chosen, progress)
    metadata = [metadata_of[recording.name] for recording in processed.recordings]
    cases = tuple(_cases(processed, metadata, chosen))
    hashes = [sha256_of(recording.path) for recording in processed.recordings]
    scores = {
        "schema_version": SCHEMA_VERSION,
        "popclass": __version__,
        "model": {"name": base_name(chosen.name), "sha256": chosen.sha256, "classes": list(chosen.classes)},
        "partial": partial,
        "inputs": inputs(labelled, model, partial, labels.files, hashes),
        "recordings": _about_recordings(processed, hashes, chosen),
        "labels": _count(case.truth for case in cases if case.truth is not None),
        "unknown_labels": _count(c.truth for c in cases if c.truth is not None and c.truth not in chosen.classes),
        "notes": [
            *labels.warnings,
            *(f"{a.info.name}: {line}" for a in processed.analyses for line in a.info.warnings),
        ],
        "detection": _detection(cases, partial),
        "elsewhere": _elsewhere(cases, processed, chosen, partial),
        "end_to_end": _end_to_end(cases, processed, chosen, partial),
        "classification": _classification(cases, chosen),
    }
    return Evaluation(scores, cases, chosen.classes, tuple(processed.failed))


def _check_known(recordings: Sequence[LabelledRecording], classes: Sequence[str]) -> None:
    names = {name for recording in recordings for name in recording.classes}
    if names and not names & set(classes):
        raise LabelError(
            f"the model knows none of the labels: they are {', '.join(sorted(names))}, "
            f"its classes {', '.join(classes)}; rename the labels or give another --model"
        )


def _metadata(recording: LabelledRecording) -> Metadata:
    try:
        site = None if recording.site is None else lookup(recording.site).name
    except UsageError as error:
        raise LabelError(f"{one_line(recording.name)}: {error}") from None
    return Metadata(site=site, subject=recording.subject, recorded_at=recording.recorded_at)


def _analyze_all(recordings: Sequence[LabelledRecording], model: Model, progress: Progress | None) -> _Processed:
    processed = _Processed()
    for done, recording in enumerate(recordings):
        if progress is not None:
            progress("extracting events", done, len(recordings))
        try:
            analysis = analyze(recording.path, model, name=one_line(recording.name))
        except AudioError as error:
            if len(recordings) == 1:
                raise
            processed.failed.append(str(error))
            continue
        check_times(recording, analysis.info.duration_s)
        processed.recordings.append(recording)
        processed.analyses.append(analysis)
    if not processed.recordings:
        raise AudioError(f"none of {len(recordings)} recordings can be read; the first: {processed.failed[0]}")
    return processed


def _cases(processed: _Processed, metadata: Sequence[Metadata], model: Model) -> list[Case]:
    """Return the cases of all recordings, with the probabilities of the four readings."""
    alone = [replace(analysis, contextual=analysis.acoustic) for analysis in processed.analyses]
    timing = posteriors(alone, metadata, model)
    both = posteriors(processed.analyses, metadata, model)
    results = postprocess(processed.analyses, metadata, model)
    cases: list[Case] = []
    for recording, analysis, timed, final, result in zip(
        processed.recordings, processed.analyses, timing, both, results, strict=True
    ):
        probabilities = {"sound": analysis.acoustic, "company": analysis.contextual, "timing": timed, "both": final}
        cases += cases_of(recording, result.events, probabilities)
    return cases


def _about_recordings(processed: _Processed, hashes: Sequence[str], model: Model) -> dict[str, Any]:
    clips = [recording for recording in processed.recordings if recording.whole is not None]
    silent = sum(
        not a.events for r, a in zip(processed.recordings, processed.analyses, strict=True) if r.whole is not None
    )
    return {
        "heard": len(processed.recordings),
        "failed": list(processed.failed),
        "clips": len(clips),
        "clips_without_event": silent,
        "subjects": len({r.subject for r in processed.recordings if r.subject is not None}),
        "minutes": sum(analysis.info.duration_s for analysis in processed.analyses) / 60,
        "trained_on": trained_on(processed.recordings, hashes, model),
    }


def _detection(cases: Sequence[Case], partial: bool) -> dict[str, Any]:
    timed = [case for case in cases if case.recording.whole is None]
    if not timed and cases:
        return {"scored": False, "reason": ALL_CLIPS}
    over, groups = _groups(timed)
    return {"scored": True, "intervals_over": over, **score_detection(timed, groups, partial=partial)}


def _elsewhere(cases: Sequence[Case], processed: _Processed, model: Model, partial: bool) -> dict[str, Any]:
    full, seconds = _complete(processed, partial)
    return score_unlabelled([c for c in cases if c.recording.name in full], (*model.classes, UNCERTAIN), seconds)


def _end_to_end(cases: Sequence[Case], processed: _Processed, model: Model, partial: bool) -> dict[str, Any]:
    over, groups = _groups(cases)
    return {"intervals_over": over, **score_answers(cases, groups, model.classes, *_complete(processed, partial))}


def _complete(processed: _Processed, partial: bool) -> tuple[set[str], float]:
    """Names of the recordings in which every sound is labelled, and how many seconds they last."""
    full = {r.name for r in processed.recordings if r.whole is None and (r.verified or not partial)}
    seconds = sum(
        a.info.duration_s for r, a in zip(processed.recordings, processed.analyses, strict=True) if r.name in full
    )
    return full, seconds


def _classification(cases: Sequence[Case], model: Model) -> dict[str, Any]:
    known = [case for case in cases if case.status == MATCHED and case.truth in model.classes]
    least, novelty = np.array(model.thresholds.min_probability), model.thresholds.novelty
    foreign = [case for case in cases if case.status == MATCHED and case.truth not in model.classes]
    over, groups = _groups(known)
    by_subject: dict[str, list[Case]] = {}
    by_site: dict[str, list[Case]] = {}
    for case in known:
        if case.recording.subject is not None:
            by_subject.setdefault(case.recording.subject, []).append(case)
        if case.recording.site is not None:
            by_site.setdefault(lookup(case.recording.site).name, []).append(case)
    return {
        "intervals_over": over,
        **score_readings(known, groups, model.classes, least, novelty),
        "found_without_class": _count(case.truth for case in foreign),
        "not_found": sum(case.status == MISSED for case in cases),
        "subjects": score_parts(by_subject, model.classes, least, novelty),
        "sites": score_parts(by_site, model.classes, least, novelty),
    }


def _groups(cases: Sequence[Case]) -> tuple[str, list[str]]:
    """Return the groups for intervals: subjects where several are known for all events, else recordings."""
    subjects = [case.recording.subject for case in cases]
    if None not in subjects and len(set(subjects)) > 1:
        return "subject", [str(subject) for subject in subjects]
    return "recording", [case.recording.name for case in cases]


def _count(names: Any) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def trained_on(recordings: Sequence[LabelledRecording], own: Sequence[str], model: Model) -> list[str] | None:
    """Names of the recordings that the model was trained on.

    Parameters
    ----------
    recordings : sequence of LabelledRecording
    own : sequence of str
        The SHA-256 of each.
    model : Model

    Returns
    -------
    list of str or None
        In the order given; None where the model does not tell which recordings it was trained on.
    """
    hashes = model.info["training"].get("sha256")
    if hashes is None:
        return None
    known = set(hashes)
    return [recording.name for recording, digest in zip(recordings, own, strict=True) if digest in known]
