"""Report of one or several recordings in one HTML file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from popclass.errors import UsageError
from popclass.labels.table import TABLE, TABLE_END
from popclass.model.model import Model
from popclass.report.guidance import check_symptom
from popclass.report.media import extract_media
from popclass.report.page import render_page
from popclass.results import RecordingResult
from popclass.utils.files import STDOUT, write_text
from popclass.utils.text import visible

_UNSAFE = re.compile(r"[^\w.-]+")
_MAX_STEM = 80  # characters of a file name, up to four bytes each

PathLike = str | os.PathLike[str]


def write_report(
    results: Sequence[RecordingResult],
    target: PathLike,
    *,
    model: Model,
    symptoms: Sequence[str] = (),
    paths: Sequence[PathLike] | None = None,
    failures: Sequence[str] = (),
    timeline_results: Sequence[RecordingResult] | None = None,
    index: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> None:
    """Write one page about classified recordings.

    Parameters
    ----------
    results : sequence of RecordingResult
        At least one.
    target : path or "-"
        HTML file, replaced if it exists; `-` is standard output.
    model : Model
        The model that classified the recordings.
    symptoms : sequence of str
        Symptoms of the person, named as for `popclass classify --symptom`.
    paths : sequence of path, optional
        Locations of the recordings, if they differ from the names in the results. The recording `-` is standard input
        and has no path in the downloaded labels.
    failures : sequence of str
        One message for each recording that could not be used and is missing on the page.
    timeline_results : sequence of RecordingResult, optional
        All recordings of the timelines, including `results` (default: `results`).
    index : str, optional
        Relative URL of an index page to link to.
    progress : callable, optional
        Called with the frames read of a recording and the number of all its frames (None if unknown).

    Raises
    ------
    UsageError
        If a symptom is unknown or `results` is empty.
    AudioError
        If a recording can no longer be read, or has changed.
    OutputError
        If the page cannot be written.

    Examples
    --------
    >>> from popclass.report import write_report                                      # doctest: +SKIP
    >>> result = popclass.classify("hip.m4a", site="hip")                             # doctest: +SKIP
    >>> write_report([result], "hip.html", model=Model.default(), symptoms=["pain"])  # doctest: +SKIP
    """
    if not results:
        raise UsageError("a report needs at least one recording")
    media, files = [], []
    for result, path in zip(results, paths or [result.recording for result in results], strict=True):
        media.append(extract_media(result, path, model, progress=progress))
        files.append(None if result.recording == STDOUT else relative(path, target))
    page = render_page(
        media,
        files,
        model=model,
        labels=labels_name(target),
        symptoms=[check_symptom(symptom) for symptom in symptoms],
        failures=failures,
        timeline_results=timeline_results,
        index=index,
    )
    write_text(target, page)


def labels_name(page: PathLike) -> str:
    """Return the name of the labels file that a page offers for download.

    The name is derived from the page's, so that the files of several pages can share a folder. Characters that are
    special to a browser or a shell are replaced.

    Examples
    --------
    >>> labels_name("pages/hip.html"), labels_name("left hip?.html"), labels_name("-")
    ('hip.labels.csv', 'left_hip.labels.csv', 'labels.csv')
    """
    stem = "" if os.fspath(page) == STDOUT else _UNSAFE.sub("_", visible(Path(page).stem)).strip("._-")
    return f"{stem[:_MAX_STEM]}{TABLE_END}" if stem else TABLE


def relative(path: PathLike, page: PathLike) -> str:
    """Return a recording's path relative to the folder of a page, with `/`.

    A page on standard output counts as in the current folder.

    Examples
    --------
    >>> relative("audio/hip.wav", "pages/hip.html")
    '../audio/hip.wav'
    """
    folder = os.curdir if os.fspath(page) == STDOUT else os.path.dirname(os.path.abspath(page))
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return Path(os.path.abspath(path)).as_posix()
