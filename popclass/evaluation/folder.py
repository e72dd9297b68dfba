"""An evaluation as a folder: `scores.json`, `events.csv`, `report.md` and figures.

The folder is new or empty, so that nothing of another evaluation stays in it. Everything is made in a hidden folder
inside and moved out when all of it is there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popclass.errors import OutputError
from popclass.evaluation.cases import Case
from popclass.evaluation.classification import READINGS, worst
from popclass.evaluation.figures import save_all
from popclass.evaluation.pictures import MOST, save_pictures
from popclass.evaluation.report import markdown
from popclass.formats.delimited import cell, csv_line
from popclass.formats.text import visible
from popclass.formats.write import write_text
from popclass.stopping import held

if TYPE_CHECKING:
    from popclass.evaluation.run import Evaluation

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


def save(evaluation: Evaluation, folder: str | os.PathLike[str]) -> None:
    """Write everything, or nothing.

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
        _fill(evaluation, part)
        with held():
            for file in sorted(part.iterdir()):
                os.replace(file, path / file.name)
    except OSError as error:
        raise OutputError(f"cannot write {visible(os.fspath(folder))}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if made:
            with suppress(OSError):
                path.rmdir()  # goes only where it is empty, since something went wrong


def _fill(evaluation: Evaluation, part: Path) -> None:
    text = json.dumps(evaluation.scores, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(part / SCORES, text + "\n")
    write_text(part / EVENTS, event_lines(evaluation))
    figures = save_all(evaluation.scores, part)
    shown = worst(evaluation.classified, evaluation.classes, MOST)
    errors = save_pictures(shown, evaluation.classes, part)
    write_text(part / REPORT, markdown(evaluation.scores, figures, list(errors.items())))


def event_lines(evaluation: Evaluation) -> Iterator[str]:
    """The cases as CSV, header first."""
    rows = [row(case, evaluation.classes) for case in evaluation.cases]
    yield csv_line(columns(evaluation.classes))
    for one in rows:
        yield csv_line(one.values())


def columns(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the columns of `events.csv`, in order."""
    chances = (_column(reading, name) for reading in READINGS for name in classes)
    return (
        *("recording", "status", "truth", "truth_start_s", "truth_end_s", "event", "start_s", "onset_error_s"),
        *("label", "p_label", "acoustic_label", *chances, "novelty", "timing", "since_cavitation_s", "snr_db"),
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
        for reading, chances in case.chances.items():
            known |= {_column(reading, name): float(p) for name, p in zip(classes, chances, strict=True)}
    return {name: _cell(name, known.get(name)) for name in columns(classes)}


def _column(reading: str, name: str) -> str:
    return f"p_{name}" if reading == "sound" else f"{reading}_p_{name}"


def _cell(column: str, value: Any) -> str | None:
    for reading in READINGS:
        column = column.removeprefix(f"{reading}_")
    return cell(column, value)
