"""The report of one or several recordings, written to one file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from popclass.errors import UsageError
from popclass.labels.table import TABLE, TABLE_END
from popclass.model.model import Model
from popclass.report.guidance import check_symptom
from popclass.report.media import look
from popclass.report.page import render_page
from popclass.results import RecordingResult
from popclass.utils.files import STDOUT, write_text
from popclass.utils.text import visible

_UNSAFE = re.compile(r"[^\w.-]+")
_LONGEST = 80  # letters of a page's name, which may take four bytes each

PathLike = str | os.PathLike[str]


def write_report(
    results: Sequence[RecordingResult],
    target: PathLike,
    *,
    model: Model,
    symptoms: Sequence[str] = (),
    paths: Sequence[PathLike] | None = None,
    failures: Sequence[str] = (),
    progress: Callable[[int, int | None], None] | None = None,
) -> None:
    """Write one page about recordings that were classified.

    Parameters
    ----------
    results : sequence of RecordingResult
        At least one.
    target : path or "-"
        An HTML file; what is there is replaced.
    model : Model
        The one that classified.
    symptoms : sequence of str
        What else the person notices; the names are those of `popclass classify --symptom`.
    paths : sequence of path, optional
        Where the recordings are, if that is not what the results call them. The recording called `-` is taken to be
        no file of the user's.
    failures : sequence of str
        A line for each recording that was to be on the page and could not be used.
    progress : callable, optional
        Called with the frames read of a recording and the frames there are (None where unknown).

    Raises
    ------
    UsageError
        If a symptom is unknown or there is no recording.
    AudioError
        If a recording cannot be read any more.
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
    known = [check_symptom(symptom) for symptom in symptoms]
    places = [result.recording for result in results] if paths is None else list(paths)
    seen = [look(result, place, model, progress=progress) for result, place in zip(results, places, strict=True)]
    files = [
        None if result.recording == STDOUT else relative(place, target)
        for result, place in zip(results, places, strict=True)
    ]
    page = render_page(seen, files, model=model, labels=labels_name(target), symptoms=known, failures=failures)
    write_text(target, page)


def labels_name(page: PathLike) -> str:
    """What the labels downloaded from a page are called: after the page, so that those of several lie side by side.

    Characters that a browser would replace, or a shell take for something else, are replaced here.

    Examples
    --------
    >>> labels_name("pages/hip.html"), labels_name("left hip?.html"), labels_name("-")
    ('hip.labels.csv', 'left_hip.labels.csv', 'labels.csv')
    """
    stem = "" if os.fspath(page) == STDOUT else _UNSAFE.sub("_", visible(Path(page).stem)).strip("._-")
    return f"{stem[:_LONGEST]}{TABLE_END}" if stem else TABLE


def relative(path: PathLike, page: PathLike) -> str:
    """A recording's path from the folder of a page, with `/`; a page on standard output counts as here.

    Examples
    --------
    >>> relative("takes/hip.wav", "pages/hip.html")
    '../takes/hip.wav'
    """
    folder = os.curdir if os.fspath(page) == STDOUT else os.path.dirname(os.path.abspath(page))
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return Path(os.path.abspath(path)).as_posix()
