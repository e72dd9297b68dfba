"""What `classify` and `batch` have to do for a report: check first, write last."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from popclass.cli.messages import complain, progress_bar, say
from popclass.cli.recordings import check_paths
from popclass.errors import UsageError
from popclass.formats.text import one_line
from popclass.formats.write import STDOUT, check_writable

ENDINGS = (".html", ".htm")

if TYPE_CHECKING:
    from popclass.batch import BatchResult
    from popclass.model import Model
    from popclass.results import RecordingResult


def check_report(recordings: Sequence[str], report: str | None, symptoms: Sequence[str], output: str) -> None:
    """Refuse before anything is heard what cannot become a report.

    Raises
    ------
    UsageError
        Where symptoms are named without a report, the page would replace a recording or the table, or its name is not
        that of a page.
    OutputError
        Where it cannot be written.
    """
    if report is None:
        if symptoms:
            raise UsageError("--symptom is for a report, and none is asked for: add --report OUT.html")
        return
    check_paths(recordings, report)
    if report != STDOUT and PurePath(report).suffix.lower() not in ENDINGS:
        allowed = " or ".join(ENDINGS)
        raise UsageError(f"--report {one_line(report)}: a report is a page for a browser; end its name in {allowed}")
    if os.path.realpath(report) == os.path.realpath(output):
        raise UsageError(f"{one_line(report)} cannot be both the report and the table: choose another name for one")
    check_writable(report)


def write_page(
    results: Sequence[RecordingResult],
    paths: Sequence[str],
    target: str,
    model: Model,
    symptoms: Sequence[str],
    failures: Sequence[str],
) -> None:
    """Write the report of recordings that were classified, and of those that failed, and say where it is."""
    from popclass.report import write_report

    with progress_bar("drawing the report") as progress:
        write_report(results, target, model=model, symptoms=symptoms, paths=paths, failures=failures, progress=progress)
    if target != STDOUT:
        say(f"report: {one_line(target)}")


def check_symptoms(folder: str, manifest: str) -> None:
    """Refuse a manifest with an unknown symptom before a folder is heard for hours, report or not.

    Raises
    ------
    LabelError
        With the row.
    """
    from popclass.batch.manifest import read_symptoms

    def check(text: str) -> str:
        from popclass.report.guidance import check_symptom  # most manifests name none

        return check_symptom(text)

    read_symptoms(Path(manifest), Path(folder), (), check)


def write_pages(result: BatchResult, folder: str, *, quiet: bool, **settings: Any) -> int:
    """Write the pages of a batch, and say where; how many recordings could not be heard again."""
    from popclass.report import write_batch_report

    with progress_bar("" if quiet else "drawing reports") as bar:
        index, failures = write_batch_report(result, folder, progress=None if quiet else bar, **settings)
    for failure in failures:
        complain(failure)
    if not quiet:
        say(f"report: {one_line(str(index))}")
    return len(failures)
