"""Reports: one HTML file about recordings, or a page for each recording of a batch and an index that links them.

The report of a batch is made from the journal after the run. Labels are assigned again from it, since the tables do not
hold the reasons. So a report can be requested for a batch that is complete, and a batch without one does no extra work.

A recording that failed or has no events has no page of its own, but its subject's symptoms matter as much. So every
warning on the index names its subjects, and every row shows the symptoms of its recording.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import read_entries
from popclass.batch.manifest import read_manifest, read_symptoms
from popclass.batch.result import BatchResult
from popclass.errors import AudioError, OutputError, UsageError
from popclass.extraction import Progress
from popclass.formats.csv_io import plain_path
from popclass.formats.table import description, distinct_sessions, repeated_warnings, summary, total
from popclass.formats.text import shares
from popclass.labels.table import TABLE, TABLE_END
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.pipeline import load_model
from popclass.postprocess import postprocess
from popclass.report.guidance import check_symptom, guidance
from popclass.report.index import render_index
from popclass.report.media import Gathered, extract_media
from popclass.report.page import Saving, lead, page_data, page_script, render, shown_name
from popclass.results import RecordingResult
from popclass.schema import FROM_MODEL, PER_BURST
from popclass.timing.sites import lookup
from popclass.utils.files import STDOUT, system_errors, write_text
from popclass.utils.text import abbreviated, counted, one_line, visible

INDEX, PAGES = "report.html", "pages"

PathLike = str | os.PathLike[str]
Results = dict[str, RecordingResult]  # by name of the recording


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
    gathered: Sequence[Gathered] | None = None,
    saving: Saving | None = None,
    progress: Progress | None = None,
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
    gathered : sequence of Gathered, optional
        What `popclass.report.media.gather` collected from each recording; without it, they are read again.
    saving : Saving, optional
        Server that takes the corrections; without it, the page keeps them and offers them for download.
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
    sites = [result.site for result in results]
    texts = guidance(sites, symptoms)  # refuses a wrong symptom before recordings are read
    media, files = [], []
    paths = paths or [result.recording for result in results]
    for number, (result, path) in enumerate(zip(results, paths, strict=True)):
        known = None if gathered is None else gathered[number]
        media.append(extract_media(result, path, model, progress, gathered=known))
        files.append(None if result.recording == STDOUT else relative(path, target))
    values = {
        "title": shown_name(results[0].recording) if len(results) == 1 else f"{len(results)} recordings",
        "lead": lead(results),
        "total": total(results) if len(results) > 1 else None,
        "failures": [one_line(failure) for failure in failures],
        "warnings": [
            f"{counted(len(names), 'recording')} ({abbreviated(names)}): {one_line(warning)}"
            for warning, names in repeated_warnings(results).items()
        ],
        "count_by": PER_BURST if results[0].session is None else results[0].session.count_by,
        "frequencies": [shares(each.frequencies) for each in distinct_sessions(results) if each.frequencies],
        "sounds": any(result.events for result in results),
        "recordings": [(shown_name(each.recording), description(each), summary(each)) for each in results],
        "data": page_data(
            media,
            files,
            labels_name(target),
            timeline_results or results,
            graded=bool(model.novelty_costs),
            saving=saving,
        ),
        "guidance": texts,
        "index": index,
        "script": page_script(),
    }
    write_text(target, render("page.html", values, model, sites))


def write_batch_report(
    batch: BatchResult,
    folder: PathLike,
    *,
    model: Model | PathLike | None = None,
    manifest: PathLike | None = None,
    site: str | None = None,
    refractory: float | None = None,
    min_probability: float | None = None,
    count_by: str = PER_BURST,
    class_frequencies: str = FROM_MODEL,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Path, list[str]]:
    """Write `report.html` and `pages/` into the results folder of a batch.

    Parameters
    ----------
    batch : BatchResult
        Returned by `popclass.classify_folder`.
    folder, model, manifest, site, refractory, min_probability, count_by, class_frequencies
        As passed to `popclass.classify_folder`.
    progress : callable, optional
        Called with the number of pages done and the number of all pages.

    Returns
    -------
    index : Path
    failures : list of str
        One message for each recording that could not be read again; it has no page.

    Raises
    ------
    LabelError
        If the manifest names an unknown symptom.
    OutputError
        If a page cannot be written, or the journal lacks a recording.
    """
    chosen, root = load_model(model), Path(folder)
    site = None if site is None else lookup(site).name
    names = [row.recording for row in batch.recordings]
    metadata = {name: Metadata(site=site) for name in names}
    symptoms: dict[str, tuple[str, ...]] = {}
    if manifest is not None:
        symptoms = read_symptoms(Path(manifest), root, names, check_symptom)
        metadata |= read_manifest(Path(manifest), root, names, site=site)
    rules = {"refractory_s": refractory, "min_probability": min_probability, "count_by": count_by}
    rules["class_frequencies"] = class_frequencies
    results = _results(batch, metadata, chosen, rules)
    timelines: dict[int, list[RecordingResult]] = {}
    for result in results.values():
        timelines.setdefault(id(result.session), []).append(result)
    with_events = [result for result in results.values() if result.events]
    pages, failures = dict[str, str](), list[str]()
    for number, result in enumerate(with_events, start=1):
        target = batch.results_dir / PAGES / page_name(result.recording)
        with system_errors(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_report(
                [result],
                target,
                model=chosen,
                symptoms=symptoms.get(result.recording, ()),
                paths=[root / result.recording],
                timeline_results=timelines[id(result.session)],
                index=f"../{INDEX}",
            )
            pages[result.recording] = f"{PAGES}/{quote(target.name)}"
        except AudioError as error:
            failures.append(str(error))
        if progress is not None:
            progress(number, len(with_events))
    write_text(batch.results_dir / INDEX, render_index(batch, results, pages, symptoms, chosen))
    return batch.results_dir / INDEX, failures


def _results(batch: BatchResult, metadata: Mapping[str, Metadata], model: Model, rules: Mapping[str, Any]) -> Results:
    """Return the results of all processed recordings, by name, with the reasons that tables do not hold."""
    names = [row.recording for row in batch.recordings if row.status == "ok"]
    entries = read_entries(batch.results_dir, classes=len(model.classes), model=model.sha256)
    if missing := sorted(set(names) - entries.keys()):
        shown = one_line(os.fspath(batch.results_dir / JOURNAL))
        raise OutputError(f"{shown} has no entry for {one_line(missing[0])}; run the batch again")
    analyses = [entries[name].analysis for name in names]
    results = postprocess(analyses, [metadata[name] for name in names], model, **rules)
    return dict(zip(names, results, strict=True))


def page_name(recording: str) -> str:
    """Return a file name for the page of a recording: readable, safe on every system and unique to the recording.

    Examples
    --------
    >>> page_name("day 1/hip.wav")
    'day_1-hip.wav-ed1c571b.html'
    """
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", recording.replace("/", "-")).strip("._")[-60:]
    digest = hashlib.sha256(recording.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{readable}-{digest}.html"


def labels_name(page: PathLike) -> str:
    """Return the name of the labels file that a page offers for download.

    The name is derived from the page's, so that the files of several pages can share a folder. Characters that are
    special to a browser or a shell are replaced.

    Examples
    --------
    >>> labels_name("pages/hip.html"), labels_name("left hip?.html"), labels_name("-")
    ('hip.labels.csv', 'left_hip.labels.csv', 'labels.csv')
    """
    stem = "" if os.fspath(page) == STDOUT else re.sub(r"[^\w.-]+", "_", visible(Path(page).stem)).strip("._-")
    # at most 80 characters, each of up to four bytes
    return f"{stem[:80]}{TABLE_END}" if stem else TABLE


def relative(path: PathLike, page: PathLike) -> str:
    """Return a recording's path relative to the folder of a page, with `/`, that no spreadsheet reads as a formula.

    A page on standard output counts as in the current folder.

    Examples
    --------
    >>> relative("audio/hip.wav", "pages/hip.html")
    '../audio/hip.wav'
    """
    folder = os.curdir if os.fspath(page) == STDOUT else os.path.dirname(os.path.abspath(page))
    try:
        return plain_path(Path(os.path.relpath(path, folder)).as_posix())
    except ValueError:  # on another drive of Windows
        return Path(os.path.abspath(path)).as_posix()
