"""Report of a batch: one page for each recording with events, and an index that links them.

The report is made from the journal after the run. Labels are assigned again from it, since the tables do not hold the
reasons. So a report can be requested for a batch that is complete, and a batch without one does no extra work.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import read_entries
from popclass.batch.manifest import read_manifest, read_symptoms
from popclass.batch.result import BatchResult
from popclass.errors import AudioError, OutputError
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.pipeline import load_model
from popclass.postprocess import postprocess
from popclass.report.guidance import check_symptom
from popclass.report.index import render_index
from popclass.report.media import extract_media
from popclass.report.page import render_page
from popclass.report.write import labels_name, relative
from popclass.results import RecordingResult
from popclass.timing.sites import lookup
from popclass.utils.files import write_text
from popclass.utils.text import one_line

INDEX, PAGES = "report.html", "pages"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

PathLike = str | os.PathLike[str]


def write_batch_report(
    batch: BatchResult,
    folder: PathLike,
    *,
    model: Model | PathLike | None = None,
    manifest: PathLike | None = None,
    site: str | None = None,
    refractory: float | None = None,
    min_probability: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Path, list[str]]:
    """Write `report.html` and `pages/` into the results folder of a batch.

    Parameters
    ----------
    batch : BatchResult
        Returned by `popclass.classify_folder`.
    folder, model, manifest, site, refractory, min_probability
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
        If a page cannot be written.
    """
    classifier, root = load_model(model), Path(folder)
    names = [row.recording for row in batch.recordings]
    symptoms = {} if manifest is None else read_symptoms(Path(manifest), root, names, check_symptom)
    results = results_from_journal(batch, root, classifier, manifest, site, refractory, min_probability)
    timelines: dict[int, list[RecordingResult]] = {}
    for result in results.values():
        timelines.setdefault(id(result.session), []).append(result)
    with_events = [result for result in results.values() if result.events]
    pages, failures = dict[str, str](), list[str]()
    for number, result in enumerate(with_events, start=1):
        target = batch.results_dir / PAGES / page_name(result.recording)
        noticed = symptoms.get(result.recording, ())
        try:
            _write_page(result, root, target, classifier, noticed, timelines[id(result.session)])
            pages[result.recording] = f"{PAGES}/{quote(target.name)}"
        except AudioError as error:
            failures.append(str(error))
        if progress is not None:
            progress(number, len(with_events))
    index = batch.results_dir / INDEX
    write_text(index, render_index(batch, results, pages, symptoms, classifier))
    return index, failures


def results_from_journal(
    batch: BatchResult,
    folder: Path,
    model: Model,
    manifest: PathLike | None,
    site: str | None,
    refractory: float | None,
    min_probability: float | None,
) -> dict[str, RecordingResult]:
    """Return the results of all processed recordings, by name, with the reasons that tables do not hold.

    Raises
    ------
    OutputError
        If the journal lacks a recording.
    """
    site = None if site is None else lookup(site).name
    names = [row.recording for row in batch.recordings if row.status == "ok"]
    metadata = {name: Metadata(site=site) for name in names}
    if manifest is not None:
        metadata |= read_manifest(Path(manifest), folder, names, site=site)
    entries = read_entries(batch.results_dir, classes=len(model.classes))
    if missing := sorted(set(names) - entries.keys()):
        shown = one_line(os.fspath(batch.results_dir / JOURNAL))
        raise OutputError(f"{shown} has no entry for {one_line(missing[0])}; run the batch again")
    results = postprocess(
        [entries[name].analysis for name in names],
        [metadata[name] for name in names],
        model,
        refractory_s=refractory,
        min_probability=min_probability,
    )
    return dict(zip(names, results, strict=True))


def _write_page(
    result: RecordingResult,
    folder: Path,
    target: Path,
    model: Model,
    symptoms: Sequence[str],
    timeline_results: Sequence[RecordingResult],
) -> None:
    try:
        target.parent.mkdir(exist_ok=True)
    except OSError as error:
        shown = one_line(os.fspath(target.parent))
        raise OutputError(f"cannot write {shown}: {error.strerror or error}") from None
    path = folder / result.recording
    media = extract_media(result, path, model)
    page = render_page(
        [media],
        [relative(path, target)],
        model=model,
        labels=labels_name(target),
        symptoms=symptoms,
        timeline_results=timeline_results,
        index=f"../{INDEX}",
    )
    write_text(target, page)


def page_name(recording: str) -> str:
    """Return a file name for the page of a recording: readable, safe on every system and unique to the recording.

    Examples
    --------
    >>> page_name("day 1/hip.wav")
    'day_1-hip.wav-ed1c571b.html'
    """
    readable = _UNSAFE.sub("_", recording.replace("/", "-")).strip("._")[-60:]
    digest = hashlib.sha256(recording.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{readable}-{digest}.html"
