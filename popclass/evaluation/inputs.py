"""What was evaluated, so that a score can be made again: labels, recordings, options, versions, command.

Files are told by their SHA-256 and by the last part of their names. Where they lay and when it was done is nobody's
score, and the same inputs give the same bytes anywhere.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from popclass.evaluation.pairs import WINDOW_S
from popclass.formats.text import one_line
from popclass.labels import label_files
from popclass.model import Model
from popclass.training.intervals import DRAWS, LEVEL
from popclass.training.samples import sha256_of
from popclass.training.sureness import FEWEST_GROUPS

# that decide about a number or a figure here
LIBRARIES = ("numpy", "scipy", "scikit-learn", "onnxruntime", "soundfile", "soxr", "av", "librosa", "matplotlib")


def inputs(
    labelled: str | os.PathLike[str],
    model: str | os.PathLike[str] | Model | None,
    partial: bool,
    recordings: Sequence[str],
) -> dict[str, Any]:
    """What identifies an evaluation beside its model.

    Parameters
    ----------
    labelled, model, partial
        As `popclass.evaluate` takes them.
    recordings : sequence of str
        SHA-256 of each recording that was heard.
    """
    files = label_files(labelled)
    return {
        "labelled": last_name(labelled),
        "label_files": len(files),
        "label_files_sha256": together(map(sha256_of, files)) if files else None,
        "recordings_sha256": together(recordings),
        "command": command(labelled, model, partial),
        "options": {
            "partial": partial,
            "window_s": WINDOW_S,
            "intervals": {"level": LEVEL, "draws": DRAWS, "fewest_groups": FEWEST_GROUPS},
        },
        "versions": {"python": platform.python_version(), **{n: importlib.metadata.version(n) for n in LIBRARIES}},
    }


def command(labelled: str | os.PathLike[str], model: str | os.PathLike[str] | Model | None, partial: bool) -> str:
    """The command that says the same, with the last parts of names.

    Examples
    --------
    >>> command("held out/labels.csv", "models/mine.onnx", True)
    'popclass evaluate labels.csv --model mine.onnx --partial'
    """
    words = ["popclass", "evaluate", last_name(labelled)]
    if isinstance(model, Model):
        words += [] if model.name == "default" else ["--model", last_name(model.name)]
    elif model is not None:
        words += ["--model", last_name(model)]
    return shlex.join([*words, *(["--partial"] if partial else [])])


def last_name(path: str | os.PathLike[str]) -> str:
    """The last part of a path, also of `.` and `..`.

    Examples
    --------
    >>> last_name("recordings/labelled/")
    'labelled'
    """
    return one_line(Path(path).name or Path(path).resolve().name)


def together(digests: Iterable[str]) -> str:
    """One SHA-256 of several, whatever their order: of the sorted digests, a line each.

    Examples
    --------
    >>> together(["b", "a"]) == together(["a", "b"]) != together(["a"])
    True
    """
    return hashlib.sha256("".join(f"{digest}\n" for digest in sorted(digests)).encode()).hexdigest()
