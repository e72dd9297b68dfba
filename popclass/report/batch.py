"""The report of a batch: a page for each recording with events, and an index that links them.

It is made after the run, from what the run left: the journal tells what was heard, and the labels are concluded from it
once more, since the tables hold no reasons. So a report can be asked for when the batch is done already, and costs a
batch without one nothing.
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
from popclass.model.model import Model
from popclass.pipeline import load_model
from popclass.postprocess import Metadata, postprocess
from popclass.report.guidance import check_symptom
from popclass.report.index import render_index
from popclass.report.media import look
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
    """Write `report.html` and `pages/` into the folder of results of a batch.

    Parameters
    ----------
    batch : BatchResult
        As `popclass.classify_folder` gave it.
    folder, model, manifest, site, refractory, min_probability
        As they were given there.
    progress : callable, optional
        Called with how many pages are done and how many there are.

    Returns
    -------
    index : Path
    failures : list of str
        A line for each recording that could not be heard again; it has no page.

    Raises
    ------
    LabelError
        If the manifest names an unknown symptom.
    OutputError
        If a page cannot be written.
    """
    chosen, place = load_model(model), Path(folder)
    symptoms = batch_symptoms(place, [row.recording for row in batch.recordings], manifest)
    results = concluded(batch, place, chosen, manifest, site, refractory, min_probability)
    timelines: dict[int, list[RecordingResult]] = {}
    for result in results.values():
        timelines.setdefault(id(result.session), []).append(result)
    heard = [result for result in results.values() if result.events]
    pages, failures = dict[str, str](), list[str]()
    for number, result in enumerate(heard, start=1):
        target = batch.results_dir / PAGES / page_name(result.recording)
        around = timelines[id(result.session)]
        try:
            _write_page(result, place, target, chosen, symptoms.get(result.recording, ()), around)
            pages[result.recording] = f"{PAGES}/{quote(target.name)}"
        except AudioError as error:
            failures.append(str(error))
        if progress is not None:
            progress(number, len(heard))
    index = batch.results_dir / INDEX
    write_text(index, render_index(batch, results, pages, symptoms, chosen))
    return index, failures


def batch_symptoms(folder: Path, recordings: Sequence[str], manifest: PathLike | None) -> dict[str, tuple[str, ...]]:
    """The symptoms a manifest names, by recording.

    Raises
    ------
    LabelError
        Where one is unknown, with the row.
    """
    if manifest is None:
        return {}
    return read_symptoms(Path(manifest), folder, recordings, check_symptom)


def concluded(
    batch: BatchResult,
    folder: Path,
    model: Model,
    manifest: PathLike | None,
    site: str | None,
    refractory: float | None,
    min_probability: float | None,
) -> dict[str, RecordingResult]:
    """The results of all recordings that were heard, by name, with the reasons that tables do not hold."""
    site = None if site is None else lookup(site).name
    names = [row.recording for row in batch.recordings if row.status == "ok"]
    metadata = {name: Metadata(site=site) for name in names}
    if manifest is not None:
        metadata |= read_manifest(Path(manifest), folder, names, site=site)
    entries = read_entries(batch.results_dir, classes=len(model.classes))
    if missing := sorted(set(names) - entries.keys()):
        shown = one_line(os.fspath(batch.results_dir / JOURNAL))
        raise OutputError(f"{shown} has no line of {one_line(missing[0])}; run the batch again")
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
    around: Sequence[RecordingResult],
) -> None:
    try:
        target.parent.mkdir(exist_ok=True)
    except OSError as error:
        shown = one_line(os.fspath(target.parent))
        raise OutputError(f"cannot write {shown}: {error.strerror or error}") from None
    place = folder / result.recording
    seen = look(result, place, model)
    page = render_page(
        [seen],
        [relative(place, target)],
        model=model,
        labels=labels_name(target),
        symptoms=symptoms,
        around=around,
        index=f"../{INDEX}",
    )
    write_text(target, page)


def page_name(recording: str) -> str:
    """A file name for the page of a recording: readable, safe on every system, and different for every recording.

    Examples
    --------
    >>> page_name("day 1/hip.wav")
    'day_1-hip.wav-ed1c571b.html'
    """
    readable = _UNSAFE.sub("_", recording.replace("/", "-")).strip("._")[-60:]
    digest = hashlib.sha256(recording.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{readable}-{digest}.html"
