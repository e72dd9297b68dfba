"""Report of a batch: one page for each recording with events, and an index that links them.

The report is made from the journal after the run. Labels are assigned again from it, since the tables do not hold the
reasons. So a report can be requested for a batch that is complete, and a batch without one does no extra work.

A recording that failed or has no events has no page of its own, but its subject's symptoms matter as much. So every
warning on the index names its subjects, and every row shows the symptoms of its recording.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import read_entries
from popclass.batch.manifest import read_manifest, read_symptoms
from popclass.batch.result import BatchResult, make_folder
from popclass.errors import AudioError, OutputError
from popclass.formats.table import description, summary
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.pipeline import load_model
from popclass.postprocess import postprocess
from popclass.report.guidance import all_symptoms, check_symptom, guidance
from popclass.report.page import render
from popclass.report.write import write_report
from popclass.results import RecordingResult
from popclass.timing.sites import lookup
from popclass.utils.files import write_text
from popclass.utils.text import counted, one_line

INDEX, PAGES = "report.html", "pages"
MAX_LISTED = 6  # recordings of one subject listed at a warning; the others are collapsed
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

PathLike = str | os.PathLike[str]
Row = dict[str, Any]


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
        If a page cannot be written, or the journal lacks a recording.
    """
    chosen, root = load_model(model), Path(folder)
    names = [row.recording for row in batch.recordings]
    metadata = {name: Metadata(site=None if site is None else lookup(site).name) for name in names}
    symptoms: dict[str, tuple[str, ...]] = {}
    if manifest is not None:
        symptoms = read_symptoms(Path(manifest), root, names, check_symptom)
        metadata |= read_manifest(Path(manifest), root, names, site=site)
    results = _results(batch, metadata, chosen, refractory_s=refractory, min_probability=min_probability)
    timelines: dict[int, list[RecordingResult]] = {}
    for result in results.values():
        timelines.setdefault(id(result.session), []).append(result)
    with_events = [result for result in results.values() if result.events]
    pages, failures = dict[str, str](), list[str]()
    for number, result in enumerate(with_events, start=1):
        target = batch.results_dir / PAGES / page_name(result.recording)
        make_folder(target.parent)
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
    write_text(batch.results_dir / INDEX, _render_index(batch, results, pages, symptoms, chosen))
    return batch.results_dir / INDEX, failures


def _results(
    batch: BatchResult, metadata: Mapping[str, Metadata], model: Model, **options: float | None
) -> dict[str, RecordingResult]:
    """Return the results of all processed recordings, by name, with the reasons that tables do not hold."""
    names = [row.recording for row in batch.recordings if row.status == "ok"]
    entries = read_entries(batch.results_dir, classes=len(model.classes))
    if missing := sorted(set(names) - entries.keys()):
        shown = one_line(os.fspath(batch.results_dir / JOURNAL))
        raise OutputError(f"{shown} has no entry for {one_line(missing[0])}; run the batch again")
    analyses = [entries[name].analysis for name in names]
    results = postprocess(analyses, [metadata[name] for name in names], model, **options)
    return dict(zip(names, results, strict=True))


def _render_index(
    batch: BatchResult,
    results: Mapping[str, RecordingResult],
    pages: Mapping[str, str],
    symptoms: Mapping[str, Sequence[str]],
    model: Model,
) -> str:
    """Return the HTML of the index; results, URLs of pages and names of symptoms are given by recording."""
    rows: list[Row] = []
    folders: dict[str, list[Row]] = {}
    affected: dict[str, dict[str | None, list[Row]]] = {}  # rows by symptom and subject
    for number, row in enumerate(batch.recordings, start=1):
        subject, result = row.info.subject, results.get(row.recording)
        subject = None if subject is None else one_line(subject)
        details, outcome = f"subject {subject}" if subject else "", f"failed: {one_line(row.reason or '')}"
        if result is not None:
            details, outcome = description(result), summary(result)
        rows.append(
            {
                "recording": one_line(row.recording),
                "description": details,
                "summary": outcome,
                "anchor": f"r{number}",
                "page": pages.get(row.recording),
                "subject": subject,
                "site": row.info.site,
                "symptoms": [each for each in all_symptoms() if each.name in symptoms.get(row.recording, ())],
            }
        )
    for line in rows:
        folders.setdefault(PurePosixPath(line["recording"]).parent.as_posix(), []).append(line)
    for line in sorted(rows, key=lambda line: line["subject"] is None):  # unknown subjects come last
        for symptom in line["symptoms"]:
            affected.setdefault(symptom.name, {}).setdefault(line["subject"], []).append(line)
    values = {
        "title": counted(len(rows), "recording"),
        "counts": {label: count for label, count in batch.counts.items() if count},
        "events": sum(batch.counts.values()),
        "failed": len(batch.failed),
        "folders": folders,
        "affected": affected,
        "max_listed": MAX_LISTED,
        "sounds": bool(pages),
        "guidance": guidance([line["site"] for line in rows if line["symptoms"]], list(affected)),
    }
    return render("index.html", values, model, [result.site for result in results.values()])


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
