"""State of a project as values for JSON, and the pages of its recordings."""

from __future__ import annotations

import hashlib
import os
from math import isfinite
from threading import Lock
from typing import Any, NoReturn
from urllib.parse import urlencode

from starlette.responses import FileResponse, Response

from popclass.app import pages, training
from popclass.app.jobs import Found, Jobs
from popclass.app.manifest import Described
from popclass.app.models import CANDIDATE
from popclass.app.project import Project, Row
from popclass.app.sounds import Sounds, queue_data
from popclass.errors import PopclassError, UsageError
from popclass.formats.csv_io import RecordingRow
from popclass.labels.records import UNSURE, LabelledRecording
from popclass.metadata import SIDES
from popclass.model.model import Model
from popclass.report.guidance import all_symptoms
from popclass.report.keys import label_keys
from popclass.report.page import Saving
from popclass.report.write import page_name, write_report
from popclass.results import RecordingResult
from popclass.timing.sites import all_sites
from popclass.utils.files import Stamp
from popclass.utils.text import abbreviated, one_line
from popclass.version import __version__

MOST_PAGES = 50  # kept in the cache


class State:
    """Reads a project for its page.

    Parameters
    ----------
    project : Project
    jobs : Jobs
    """

    def __init__(self, project: Project, jobs: Jobs) -> None:
        self._project, self._jobs = project, jobs
        self._rendering = Lock()  # one page at a time: each decodes a recording
        self._compared: tuple[object, dict[str, Any] | None] | None = None

    def page(self) -> str:
        """Return the page of the project."""
        folder = self._project.folder
        place = hashlib.sha256(os.fsencode(folder)).hexdigest()[:20]
        return pages.app_page(folder.name, str(folder), place)

    def work(self) -> dict[str, Any]:
        """Return what is being done."""
        work = self._jobs.work
        return {"kind": work.kind, "what": work.what, "done": work.done, "total": work.total}

    def sounds(self) -> Sounds:
        """Return the sounds of all recordings; raises UsageError before they are classified."""
        if self._jobs.found.sounds is None:
            raise UsageError("the recordings are not classified yet")
        return self._jobs.found.sounds

    def read(self, observer: str) -> dict[str, Any]:
        """Return everything but the events."""
        project, jobs, found = self._project, self._jobs, self._jobs.found
        waiting = jobs.waiting  # replaced at any moment
        errors = [*jobs.errors.values()]
        if unused := project.models.error():
            errors.append(unused)
        described: dict[str, Described] = {}
        labelled: dict[str, int] = {}
        labels: dict[str, int] = {}
        try:
            described = project.described(tuple(waiting))
            labelled = {name: len(each.rows) for name, each in self._labelled(observer).items()}
            labels = project.label_counts(observer)
            if gone := project.missing(observer):
                table = project.labels_path(observer).name
                shown = abbreviated([one_line(name) for name in gone])
                errors.append(f"{table} names recordings that are not there: {shown}; put them back or remove the rows")
        except PopclassError as error:
            errors.append(str(error))
        candidate, classes = None, self._classes(labels)
        try:
            candidate = self._candidate()
        except PopclassError as error:  # of a damaged file
            errors.append(str(error))
        return {
            "version": jobs.version,
            "popclass": __version__,
            "project": project.folder.name,
            "folder": str(project.folder),
            "model": project.models.in_use,
            "models": project.models.names(),
            "classes": classes,
            "keys": label_keys(classes),
            "sites": [{"name": each.name, "words": [each.note, *each.synonyms]} for each in all_sites().values()],
            "sides": list(SIDES),
            "symptoms": [{"name": each.name, "text": each.short} for each in all_symptoms()],
            "observers": project.observers(),
            "recordings": [
                self._recording(name, found.rows.get(name), described.get(name, Described()))
                | {"labelled": labelled.get(name, 0), "waiting": found.stamps.get(name) != waiting[name]}
                for name in waiting
            ],
            "sounds": 0 if found.sounds is None else found.made,
            "work": self.work(),
            "errors": list(dict.fromkeys(errors)),
            "candidate": candidate,
            "evaluation": self._evaluation(),
            "labels": labels,
            "saved": project.labels_path(observer).name,
        }

    def _classes(self, labels: dict[str, int]) -> list[str]:
        model = self._jobs.found.model
        try:
            own = self._project.models.load().classes if model is None else model.classes
        except PopclassError:  # the work in the background reports it
            own = Model.default().classes
        return [*own, *sorted(name for name in labels if name not in own and name != UNSURE)]

    def _recording(self, name: str, row: RecordingRow | None, known: Described) -> dict[str, Any]:
        work = self._jobs.work.kind == "classify"
        status = ("running" if work else "waiting") if row is None else row.status
        info = known.metadata
        recorded_at = info.recorded_at if row is None else row.info.recorded_at
        low, high = (None, None) if row is None else (row.cavitations.low, row.cavitations.high)
        return {
            "name": name,
            "status": status,
            "reason": None if row is None else row.reason,
            "duration_s": None if row is None else row.info.duration_s,
            "events": None if row is None else row.events,
            "counts": {} if row is None else dict(row.counts),
            "cavitations": None if low is None else [low, high],
            "cavities_needed": None if row is None else row.cavities_needed,
            "warnings": [] if row is None else list(row.info.warnings),
            "subject": info.subject,
            "site": info.site,
            "side": info.side,
            "recorded_at": None if recorded_at is None else recorded_at.isoformat(),
            "symptoms": list(known.symptoms),
        }

    def _candidate(self) -> dict[str, Any] | None:
        file, in_use = self._project.models.path(CANDIDATE), self._project.models.file_in_use
        key = (Stamp.of(file), in_use and Stamp.of(in_use), in_use)
        if self._compared is None or self._compared[0] != key:
            self._compared = key, training.compare(self._project.folder, in_use=in_use) if file.exists() else None
        return self._compared[1]

    def _labelled(self, observer: str) -> dict[str, LabelledRecording]:
        """Return the labels of each recording that has some, by its name."""
        place = self._project.recordings_dir.resolve()
        found = {each.path.resolve(): each for each in self._project.labels(observer).recordings}
        return {
            self._project.name_of(self._project.recordings_dir / path.relative_to(place)): each
            for path, each in found.items()
            if place in path.parents
        }

    def _result(self, found: Found, recording: str) -> RecordingResult:
        self._project.path(recording)
        if recording not in found.results:
            raise UsageError(f"{recording}: not classified yet, or not readable")
        return found.results[recording]

    def map(self, observer: str) -> dict[str, Any]:
        """Return the map of all sounds."""
        return self.sounds().map(self._project.labels(observer))

    def label_page(self, observer: str, count: int) -> str:
        """Return the page of the next sounds to label."""
        sounds, labels = self.sounds(), self._project.labels_path(observer)
        selection = sounds.queue(self._project.labels(observer), count=count)
        data = queue_data(selection, labels, _clip_address)
        return pages.label_page(data, _save_address(observer), sounds.model)

    def report(self, recording: str, observer: str) -> str:
        """Return the page of a recording, on which labels are corrected and saved at once."""
        project, found = self._project, self._jobs.found
        result, model = self._result(found, recording), found.model
        assert model is not None  # of a result
        own = self._labelled(observer).get(recording)
        rows = [] if own is None else [(row.start_s, row.end_s, row.label) for row in own.rows]
        symptoms = project.described(tuple(self._jobs.waiting)).get(recording, Described()).symptoms
        together = [each for each in found.results.values() if each.session is result.session]
        key = repr((Stamp.of(project.path(recording)), model.sha256, result.info, result.events, symptoms, rows))
        digest = hashlib.sha256(f"{__version__}{observer}{key}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        folder = project.cache_dir / "pages"
        path = folder / f"{digest}-{page_name(recording)}"
        with self._rendering:
            if not path.exists():
                folder.mkdir(parents=True, exist_ok=True)
                for old in sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime)[:-MOST_PAGES]:
                    old.unlink(missing_ok=True)
                write_report(
                    [result],
                    path,
                    model=model,
                    symptoms=symptoms,
                    paths=[project.path(recording)],
                    timeline_results=together,
                    saving=Saving(_save_address(observer), [recording], [rows]),
                )
            return str(path.read_text("utf-8"))

    def save_labels(self, rows: Any, observer: str) -> dict[str, int]:
        """Save labels, and return the number of each kind; raises as `Project.label`."""
        found = [_row(each) for each in rows] if isinstance(rows, list) else _wrong()
        known = self._jobs.found.rows
        for name, start, _, label in found:
            length = known[name].info.duration_s if name in known else None
            if label and length is not None and start > length:  # training would refuse the whole table
                raise UsageError(f"{one_line(name)[:80]} lasts {length:.3f} s, so no sound begins at {start:g} s")
        self._project.label(found, observer)
        return self._project.label_counts(observer)

    def _evaluation(self) -> list[str]:
        found = self._project.evaluation_dir.glob("*")
        return sorted(path.name for path in found if path.is_file() and not path.is_symlink())

    def evaluation_file(self, name: str) -> Response:
        """Return a file of the evaluation, the report as a page."""
        path = self._project.evaluation_dir / name
        if "/" in name or "\\" in name or name not in self._evaluation():
            raise UsageError("there is no such file of an evaluation")
        return FileResponse(path)


def _clip_address(recording: str, event: int) -> str:
    return f"api/clip?{urlencode({'recording': recording, 'event': event})}"


def _save_address(observer: str) -> str:
    return f"api/labels?{urlencode({'observer': observer})}"


def _wrong() -> NoReturn:
    raise UsageError("rows must be a list of [recording, start, end, label]")


def _row(row: Any) -> Row:
    """Return a row of labels that a page sent."""
    if not isinstance(row, list) or len(row) != 4 or not isinstance(row[0], str) or not isinstance(row[3], str):
        _wrong()
    name, start, end, label = row
    try:
        first = float(start)
        last = first if end in ("", None) else float(end)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{one_line(name)[:80]}: times must be seconds") from None
    if not isfinite(first) or not isfinite(last):
        raise UsageError(f"{one_line(name)[:80]}: times must be seconds")
    return name, first, last, label
