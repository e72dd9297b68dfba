"""Identification of an evaluation, so that a score can be computed again: labels, recordings, options, versions.

Files are identified by their SHA-256 and the last part of their names, so that the same inputs give the same bytes
anywhere.

Scores on recordings that the model was trained on are too good. A model file holds the SHA-256 of each of its training
recordings, so the same bytes are recognized under any name; a copy in another format is not. An adapted model knows
the recordings it was adapted to, not those of its base.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from popclass.evaluation.matching import WINDOW_S
from popclass.labels import LabelledRecording, Labels
from popclass.metrics.bootstrap import DRAWS, FEWEST_GROUPS, LEVEL
from popclass.model.model import Model
from popclass.results import Analysis
from popclass.utils.files import sha256_of
from popclass.utils.text import one_line

# Libraries that determine a number or a figure.
LIBRARIES = ("numpy", "scipy", "scikit-learn", "onnxruntime", "soundfile", "soxr", "av", "librosa", "matplotlib")

Scores = dict[str, Any]
PathLike = str | os.PathLike[str]
AnyModel = Model | PathLike | None
Analyzed = Sequence[tuple[LabelledRecording, Analysis]]
TABLE = "(table)"  # stands for labels that were given in memory


def about_model(model: Model) -> Scores:
    """Return what identifies a model."""
    return {"name": base_name(model.name), "sha256": model.sha256, "classes": list(model.classes)}


def trained_on(model: Model, hashes: Mapping[str, str]) -> list[str] | None:
    """Return the recordings that the model was trained on, given SHA-256 by name; None if it does not list them."""
    known = model.info["training"].get("sha256")
    return None if known is None else [name for name, digest in hashes.items() if digest in set(known)]


def about_recordings(
    analyzed: Analyzed, failed: Sequence[str], hashes: Mapping[str, str], labels: Labels, model: Model
) -> Scores:
    """Return the numbers of recordings that were used and that were not."""
    clips = [analysis for recording, analysis in analyzed if recording.whole is not None]
    return {
        "heard": len(analyzed),  # a stored name
        "failed": list(failed),
        "clips": len(clips),
        "clips_without_event": sum(not analysis.events for analysis in clips),
        "subjects": len({recording.subject for recording, _ in analyzed} - {None}),
        "minutes": sum(analysis.info.duration_s for _, analysis in analyzed) / 60,
        "trained_on": trained_on(model, hashes),
        "listed": len(labels.recordings),
        "unsure": sum(recording.unsure for recording, _ in analyzed),
    }


def inputs(labels: Labels, hashes: Mapping[str, str], words: Sequence[str], options: Scores, second: Scores) -> Scores:
    """Return what identifies an evaluation besides its models.

    Parameters
    ----------
    labels : Labels
    hashes : mapping of str to str
        SHA-256 of the recordings.
    words : sequence of str
        The equivalent command, whose third word is the last part of the path of the labels.
    options, second : dict
        Options, and the label files of the second observer.
    """
    return {
        "labelled": words[2],
        **label_files(labels),
        "recordings_sha256": _combined(hashes.values()),
        "second": second or None,
        "command": shlex.join(words),
        "options": {
            **options,
            "window_s": WINDOW_S,
            "intervals": {"level": LEVEL, "draws": DRAWS, "fewest_groups": FEWEST_GROUPS},
        },
        "versions": {"python": platform.python_version(), **{n: importlib.metadata.version(n) for n in LIBRARIES}},
    }


def label_files(labels: Labels) -> Scores:
    """Return the number of label files and one SHA-256 of them."""
    digest = _combined(map(sha256_of, labels.files)) if labels.files else None
    return {"label_files": len(labels.files), "label_files_sha256": digest}


def command(
    labelled: Any,
    *,
    model: AnyModel = None,
    partial: bool = False,
    second: Any = None,
    compare: AnyModel = None,
    prevalence: Mapping[str, float] | None = None,
) -> list[str]:
    """Return the words of the equivalent command, paths shortened to their last parts.

    Examples
    --------
    >>> shlex.join(command("held out/labels.csv", model="models/mine.onnx", partial=True))
    'popclass evaluate labels.csv --model mine.onnx --partial'
    """
    words = ["popclass", "evaluate", base_name(labelled)]
    for option, given in (("--model", model), ("--compare", compare)):
        if isinstance(given, Model):
            given = None if given.name == "default" and option == "--model" else given.name
        if given is not None:
            words += [option, base_name(given)]
    words += ["--second", base_name(second)] if second is not None else []
    words += [word for name, share in (prevalence or {}).items() for word in ("--prevalence", f"{name}={share:g}")]
    return [*words, *(["--partial"] if partial else [])]


def base_name(path: Any) -> str:
    """Return the last part of a path, also of `.` and `..`; a stand-in for labels in memory.

    Examples
    --------
    >>> base_name("recordings/labelled/")
    'labelled'
    """
    if not isinstance(path, str | os.PathLike):
        return TABLE
    return one_line(Path(path).name or Path(path).resolve().name)


def _combined(digests: Iterable[str]) -> str:
    """Return one SHA-256 of several, independent of their order: of the sorted digests, a line each."""
    return hashlib.sha256("".join(f"{digest}\n" for digest in sorted(digests)).encode()).hexdigest()
