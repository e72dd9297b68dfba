"""An evaluation as a folder: `scores.json`, `events.csv`, `report.md` and figures.

The folder is new or empty, so that nothing of another evaluation stays in it. Everything is made in a hidden folder
inside and moved out when all of it is there.

What was evaluated, so that a score can be made again: labels, recordings, options, versions, command.

Files are told by their SHA-256 and by the last part of their names. Where they lay and when it was done is nobody's
score, and the same inputs give the same bytes anywhere.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from popclass.errors import OutputError
from popclass.evaluation.classification import READINGS, worst
from popclass.evaluation.figures import MOST, save_all, save_pictures
from popclass.evaluation.matching import MATCHED, WINDOW_S, Case
from popclass.evaluation.report import markdown
from popclass.formats.csv_io import cell, csv_line
from popclass.metrics.bootstrap import DRAWS, FEWEST_GROUPS, LEVEL
from popclass.model.model import Model
from popclass.training.dataset import sha256_of
from popclass.utils.files import write_text
from popclass.utils.signals import defer_signals
from popclass.utils.text import one_line, visible

SCORES, EVENTS, REPORT = "scores.json", "events.csv", "report.md"
PART = ".popclass-evaluation.part"  # of one name, so that two evaluations cannot fill one folder


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Find out before the work starts whether `save` may use `folder`.

    Raises
    ------
    OutputError
    """
    path, shown = Path(folder), visible(os.fspath(folder))
    if path.exists() and not path.is_dir():
        raise OutputError(f"{shown} is a file; an evaluation is written into a new or empty folder")
    try:
        if path.is_dir() and any(path.iterdir()):
            raise OutputError(f"{shown} is not empty; an evaluation is written into a new or empty folder only")
    except OSError as error:
        raise OutputError(f"{shown} cannot be read: {error.strerror}") from error
    if not path.exists() and not path.absolute().parent.is_dir():
        raise OutputError(f"cannot make {shown}: there is no folder {visible(str(path.parent))}; create it first")


def save(
    scores: dict[str, Any], cases: Sequence[Case], classes: tuple[str, ...], folder: str | os.PathLike[str]
) -> None:
    """Write scores, events, report and figures, or nothing.

    Parameters
    ----------
    scores, cases, classes
        Of an `Evaluation`.
    folder : path
        New or empty.

    Raises
    ------
    OutputError
        If the folder is in use or cannot be written.
    """
    check_folder(folder)
    path = Path(folder)
    made, part = not path.exists(), path / PART
    try:
        path.mkdir(exist_ok=True)
        part.mkdir()
    except FileExistsError:
        raise OutputError(f"{visible(os.fspath(folder))} is being written by another evaluation") from None
    except OSError as error:
        raise OutputError(f"cannot write {visible(os.fspath(folder))}: {error.strerror or error}") from error
    try:
        _fill(scores, cases, classes, part)
        with defer_signals():
            for file in sorted(part.iterdir()):
                os.replace(file, path / file.name)
    except OSError as error:
        raise OutputError(f"cannot write {visible(os.fspath(folder))}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if made:
            with suppress(OSError):
                path.rmdir()  # goes only where it is empty, since something went wrong


def _fill(scores: dict[str, Any], cases: Sequence[Case], classes: tuple[str, ...], part: Path) -> None:
    text = json.dumps(scores, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(part / SCORES, text + "\n")
    write_text(part / EVENTS, event_lines(cases, classes))
    figures = save_all(scores, part)
    shown = worst([case for case in cases if case.status == MATCHED and case.truth in classes], classes, MOST)
    errors = save_pictures(shown, classes, part)
    write_text(part / REPORT, markdown(scores, figures, list(errors.items())))


def event_lines(cases: Sequence[Case], classes: tuple[str, ...]) -> Iterator[str]:
    """Yield the cases as CSV, header first."""
    yield csv_line(columns(classes))
    for case in cases:
        yield csv_line(row(case, classes).values())


def columns(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the columns of `events.csv`, in order."""
    probabilities = (_column(reading, name) for reading in READINGS for name in classes)
    return (
        *("recording", "status", "truth", "truth_start_s", "truth_end_s", "event", "start_s", "onset_error_s"),
        *("label", "p_label", "acoustic_label", *probabilities, "novelty", "timing", "since_cavitation_s", "snr_db"),
        *("subject", "site", "recorded_at"),
    )


def row(case: Case, classes: tuple[str, ...]) -> dict[str, Any]:
    """One case in these columns; None where something is not known."""
    event, about = case.event, case.recording
    known: dict[str, Any] = {
        "recording": visible(about.name),
        "status": case.status,
        "truth": case.truth,
        "truth_start_s": case.start_s,
        "truth_end_s": case.end_s,
        "onset_error_s": case.onset_error_s,
        "subject": about.subject,
        "site": about.site,
        "recorded_at": None if about.recorded_at is None else about.recorded_at.isoformat(),
    }
    if event is not None:
        for name in ("event", "start_s", "label", "p_label", "acoustic_label", "novelty", "timing"):
            known[name] = getattr(event, name)
        known |= {"since_cavitation_s": event.since_cavitation_s, "snr_db": event.snr_db}
        for reading, probabilities in case.probabilities.items():
            known |= {_column(reading, name): float(p) for name, p in zip(classes, probabilities, strict=True)}
    return {name: _cell(name, known.get(name)) for name in columns(classes)}


def _column(reading: str, name: str) -> str:
    return f"p_{name}" if reading == "sound" else f"{reading}_p_{name}"


def _cell(column: str, value: Any) -> str | None:
    for reading in READINGS:
        column = column.removeprefix(f"{reading}_")
    return cell(column, value)


# that decide about a number or a figure here
LIBRARIES = ("numpy", "scipy", "scikit-learn", "onnxruntime", "soundfile", "soxr", "av", "librosa", "matplotlib")


def inputs(
    labelled: str | os.PathLike[str],
    model: str | os.PathLike[str] | Model | None,
    partial: bool,
    files: Sequence[Path],
    recordings: Sequence[str],
) -> dict[str, Any]:
    """Return what identifies an evaluation besides its model.

    Parameters
    ----------
    labelled, model, partial
        As `popclass.evaluate` takes them.
    files : sequence of Path
        Label files.
    recordings : sequence of str
        SHA-256 of each recording.
    """
    return {
        "labelled": base_name(labelled),
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
    """Return the equivalent command, paths shortened to their last parts.

    Examples
    --------
    >>> command("held out/labels.csv", "models/mine.onnx", True)
    'popclass evaluate labels.csv --model mine.onnx --partial'
    """
    words = ["popclass", "evaluate", base_name(labelled)]
    if isinstance(model, Model):
        words += [] if model.name == "default" else ["--model", base_name(model.name)]
    elif model is not None:
        words += ["--model", base_name(model)]
    return shlex.join([*words, *(["--partial"] if partial else [])])


def base_name(path: str | os.PathLike[str]) -> str:
    """Return the last part of a path, also of `.` and `..`.

    Examples
    --------
    >>> base_name("recordings/labelled/")
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
