"""Options that several commands share, and how their values are checked. A wrong value is an error, never clamped.

What `classify` and `batch` have to do for a report: check first, write last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import click

from popclass.cli.console import complain, progress_bar, say
from popclass.cli.inputs import check_paths
from popclass.errors import UsageError
from popclass.timing.sites import MOST_CAVITIES, lookup
from popclass.utils.duration import LONGEST_S, SHORTEST_S, format_duration, parse_duration
from popclass.utils.files import STDOUT, check_writable
from popclass.utils.text import one_line

if TYPE_CHECKING:
    from popclass.batch import BatchResult
    from popclass.model.model import Model
    from popclass.results import RecordingResult


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

PATH = click.Path()


class _Checked(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """Text that one of our own functions turns into a value; its errors name what is allowed."""

    def __init__(self, name: str, check: Callable[[str, str], Any]) -> None:
        self.name = name
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        return self._check(value, param.opts[-1] if param is not None else self.name)


def _duration(text: str, option: str) -> float:
    return parse_duration(text, what=option)


def _site(text: str, _option: str) -> str:
    return lookup(text).name


def _subject(text: str, option: str) -> str:
    if not text.strip():
        raise UsageError(f"{option} is empty: give a name or number, or leave it out")
    return text.strip()


def _probability(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a number: allowed is 0 to 1") from None
    if not 0 <= value <= 1:
        raise UsageError(f"{option} {text} is out of range: allowed is 0 to 1")
    return value


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    # A day alone would silently become midnight.
    if moment is None or ":" not in text:
        raise UsageError(f"{option} {text!r} is no date and time: write it like 2026-11-22T10:15:00+01:00")
    return moment


def _symptom(text: str, option: str) -> str:
    from popclass.report.guidance import check_symptom

    return check_symptom(text, what=option)


class WholeNumber(click.IntRange):
    """A whole number within limits; what is none is told what is allowed."""

    def __init__(self, least: int, most: int | None = None) -> None:
        super().__init__(least, most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            int(value)
        except (TypeError, ValueError):
            limits = f"from {self.min} on" if self.max is None else f"from {self.min} to {self.max}"
            self.fail(f"{value!r} is no whole number: allowed is one {limits}", param, ctx)
        return super().convert(value, param, ctx)


DURATION = _Checked("duration", _duration)
SITE = _Checked("site", _site)
SUBJECT = _Checked("id", _subject)
PROBABILITY = _Checked("probability", _probability)
MOMENT = _Checked("time", _moment)
SYMPTOM = _Checked("symptom", _symptom)


def model_option() -> Decorator:
    return click.option(
        "--model", "model", type=PATH, metavar="MODEL.onnx", help="Model to use; left out, the one that comes along."
    )


def site_option() -> Decorator:
    return click.option("--site", type=SITE, metavar="SITE", help="Where on the body; popclass sites lists them.")


def cavities_option() -> Decorator:
    return click.option(
        "--cavities",
        type=WholeNumber(1, MOST_CAVITIES),
        metavar="N",
        help="Joint cavities that may have sounded; the site's number where left out.",
    )


def refractory_option() -> Decorator:
    limits = f"{format_duration(SHORTEST_S)} to {format_duration(LONGEST_S)}"
    return click.option(
        "--refractory",
        type=DURATION,
        metavar="DURATION",
        help=f"How long a cavity stays silent after a cavitation, {limits}; left out, the site's (20min).",
    )


def min_probability_option() -> Decorator:
    return click.option(
        "--min-probability",
        type=PROBABILITY,
        metavar="P",
        help="Least probability of a label that is not 'uncertain', 0-1; left out, the model's.",
    )


def symptom_option() -> Decorator:
    return click.option(
        "--symptom",
        "symptoms",
        type=SYMPTOM,
        metavar="NAME",
        multiple=True,
        help="What else is noticed, such as pain or numbness, for the report; may be given several times.",
    )


ENDINGS = (".html", ".htm")


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
