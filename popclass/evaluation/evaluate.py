"""Evaluation of a model: labelled recordings are classified as `popclass classify` does and compared with the labels.

Subject, site and time of recording come from the labels, so that timelines run across recordings. A recording that
cannot be read is reported and skipped. Labels without a class in the model are counted but not scored for
classification.

Scores on recordings that the model was trained on are too good. A model file holds the SHA-256 of each of its training
recordings, so the same bytes are recognized under any name; a copy in another format is not. An adapted model knows
the recordings it was adapted to, not those of its base.

The inputs are recorded so that a score can be computed again: labels, recordings, options, versions, command. Files are
identified by their SHA-256 and the last part of their names, so that the same inputs give the same bytes anywhere.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from popclass.errors import AudioError, LabelError, UsageError
from popclass.evaluation.classification import score_classification
from popclass.evaluation.detection import Scores, score_detection
from popclass.evaluation.end_to_end import score_answers, score_unlabelled
from popclass.evaluation.matching import WINDOW_S, Case, cases_of, count_labels
from popclass.evaluation.output import Evaluation
from popclass.label_rules import LabelRules
from popclass.labels import LabelledRecording, read_labels
from popclass.metadata import Metadata
from popclass.metrics.bootstrap import DRAWS, FEWEST_GROUPS, LEVEL
from popclass.model.model import Model
from popclass.pipeline import analyze, load_model
from popclass.postprocess import posteriors, postprocess
from popclass.results import Analysis
from popclass.timing.sites import lookup
from popclass.training.dataset import check_times
from popclass.utils.files import sha256_of
from popclass.utils.text import one_line
from popclass.version import __version__

SCHEMA_VERSION = 1
# Libraries that determine a number or a figure.
LIBRARIES = ("numpy", "scipy", "scikit-learn", "onnxruntime", "soundfile", "soxr", "av", "librosa", "matplotlib")

Progress = Callable[[str, int, int], None]
PathLike = str | os.PathLike[str]
AnyModel = Model | PathLike | None
Analyzed = list[tuple[LabelledRecording, Analysis]]


def evaluate(
    labelled: PathLike, *, model: AnyModel = None, partial: bool = False, progress: Progress | None = None
) -> Evaluation:
    """Evaluate a model on labelled recordings.

    Parameters
    ----------
    labelled : path
        As `popclass.train` takes them. Scores on recordings that the model was trained on are too good; these are
        listed in `scores["recordings"]["trained_on"]` (None where the model does not list them).
    model : Model or path, optional
        Default: the bundled model.
    partial : bool
        Whether the recordings named are labelled only in part. Sounds that no label covers are then not counted, and
        the precision of detection is not defined; else they are taken for `other`.
    progress : callable, optional
        Called with a description, the number of recordings done, and the number of all.

    Returns
    -------
    Evaluation
        Recordings that failed are listed in it.

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
    labels, chosen = read_labels(labelled), load_model(model)
    _check_known(labels.recordings, chosen.classes)
    metadata = {recording.name: _metadata(recording) for recording in labels.recordings}
    analyzed, failed = _analyze_all(labels.recordings, chosen, progress)
    cases = _cases(analyzed, metadata, chosen)
    hashes = {recording.name: sha256_of(recording.path) for recording, _ in analyzed}
    complete = [each for each in analyzed if each[0].whole is None and (each[0].verified or not partial)]
    full = {recording.name for recording, _ in complete}
    seconds = sum(analysis.info.duration_s for _, analysis in complete)
    rules = LabelRules.of(chosen)
    answers = score_answers(cases, chosen.classes, full, seconds)
    warnings = [f"{a.info.name}: {line}" for _, a in analyzed for line in a.info.warnings]
    scores = {
        "schema_version": SCHEMA_VERSION,
        "popclass": __version__,
        "model": {"name": _base_name(chosen.name), "sha256": chosen.sha256, "classes": list(chosen.classes)},
        "partial": partial,
        "inputs": _inputs(labelled, model, partial, labels.files, hashes.values()),
        "recordings": _about_recordings(analyzed, failed, hashes, chosen),
        "labels": count_labels(cases),
        "unknown_labels": count_labels(case for case in cases if case.truth not in chosen.classes),
        "notes": [*labels.warnings, *warnings],
        "detection": score_detection(cases, partial=partial),
        "elsewhere": score_unlabelled(answers),
        "end_to_end": answers,
        "classification": score_classification(cases, rules),
    }
    return Evaluation(scores, tuple(cases), rules, tuple(failed))


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


def _analyze_all(
    recordings: Sequence[LabelledRecording], model: Model, progress: Progress | None
) -> tuple[Analyzed, list[str]]:
    """Return the recordings with their analyses, and a line for each that cannot be read."""
    analyzed: Analyzed = []
    failed: list[str] = []
    for done, recording in enumerate(recordings):
        if progress is not None:
            progress("extracting events", done, len(recordings))
        try:
            analysis = analyze(recording.path, model, name=one_line(recording.name))
        except AudioError as error:
            if len(recordings) == 1:
                raise
            failed.append(str(error))
            continue
        check_times(recording, analysis.info.duration_s)
        analyzed.append((recording, analysis))
    if not analyzed:
        raise AudioError(f"none of {len(recordings)} recordings can be read; the first: {failed[0]}")
    return analyzed, failed


def _cases(analyzed: Analyzed, metadata_of: dict[str, Metadata], model: Model) -> list[Case]:
    """Return the cases of all recordings, with the probabilities of the four readings."""
    analyses = [analysis for _, analysis in analyzed]
    metadata = [metadata_of[recording.name] for recording, _ in analyzed]
    timing = posteriors([replace(each, contextual=each.acoustic) for each in analyses], metadata, model)
    both, results = posteriors(analyses, metadata, model), postprocess(analyses, metadata, model)
    cases: list[Case] = []
    for (recording, analysis), timed, final, result in zip(analyzed, timing, both, results, strict=True):
        probabilities = {"sound": analysis.acoustic, "company": analysis.contextual, "timing": timed, "both": final}
        cases += cases_of(recording, result.events, probabilities)
    return cases


def _about_recordings(analyzed: Analyzed, failed: Sequence[str], hashes: dict[str, str], model: Model) -> Scores:
    clips = [analysis for recording, analysis in analyzed if recording.whole is not None]
    trained_on = model.info["training"].get("sha256")
    if trained_on is not None:
        trained_on = [name for name, digest in hashes.items() if digest in set(trained_on)]
    return {
        "heard": len(analyzed),  # a stored name
        "failed": list(failed),
        "clips": len(clips),
        "clips_without_event": sum(not analysis.events for analysis in clips),
        "subjects": len({recording.subject for recording, _ in analyzed} - {None}),
        "minutes": sum(analysis.info.duration_s for _, analysis in analyzed) / 60,
        "trained_on": trained_on,
    }


def _inputs(labelled: PathLike, model: AnyModel, partial: bool, files: Sequence[Path], hashes: Iterable[str]) -> Scores:
    """Return what identifies an evaluation besides its model: label files, SHA-256 of recordings, options, versions."""
    return {
        "labelled": _base_name(labelled),
        "label_files": len(files),
        "label_files_sha256": _combined(map(sha256_of, files)) if files else None,
        "recordings_sha256": _combined(hashes),
        "command": _command(labelled, model, partial),
        "options": {
            "partial": partial,
            "window_s": WINDOW_S,
            "intervals": {"level": LEVEL, "draws": DRAWS, "fewest_groups": FEWEST_GROUPS},
        },
        "versions": {"python": platform.python_version(), **{n: importlib.metadata.version(n) for n in LIBRARIES}},
    }


def _command(labelled: PathLike, model: AnyModel, partial: bool) -> str:
    """Return the equivalent command, paths shortened to their last parts.

    Examples
    --------
    >>> _command("held out/labels.csv", "models/mine.onnx", True)
    'popclass evaluate labels.csv --model mine.onnx --partial'
    """
    words = ["popclass", "evaluate", _base_name(labelled)]
    if isinstance(model, Model):
        model = None if model.name == "default" else model.name
    if model is not None:
        words += ["--model", _base_name(model)]
    return shlex.join([*words, *(["--partial"] if partial else [])])


def _base_name(path: PathLike) -> str:
    """Return the last part of a path, also of `.` and `..`.

    Examples
    --------
    >>> _base_name("recordings/labelled/")
    'labelled'
    """
    return one_line(Path(path).name or Path(path).resolve().name)


def _combined(digests: Iterable[str]) -> str:
    """Return one SHA-256 of several, independent of their order: of the sorted digests, a line each."""
    return hashlib.sha256("".join(f"{digest}\n" for digest in sorted(digests)).encode()).hexdigest()
