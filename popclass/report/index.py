"""Index page of a batch: the events of each recording, and warnings for the symptoms of each subject.

A recording that failed or has no events has no page of its own, but its subject's symptoms matter as much. So every
warning on the index names its subjects, and every row shows the symptoms of its recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from popclass.batch.result import BatchResult
from popclass.formats.csv_io import RecordingRow
from popclass.formats.table import description, summary
from popclass.model.model import Model
from popclass.report.guidance import Symptom, all_symptoms, guidance
from popclass.report.page import limits_of, name_of, render
from popclass.results import RecordingResult
from popclass.utils.text import one_line
from popclass.version import __version__

MAX_LISTED = 6  # recordings of one subject listed at a warning; the others are collapsed


@dataclass(frozen=True, slots=True)
class Line:
    """Row of one recording in the index.

    Attributes
    ----------
    recording, description, summary : str
    anchor : str
        HTML id of the row.
    page : str or None
        Relative URL of its page, if it has one.
    subject : str or None
    symptoms : tuple of Symptom
        Symptoms from the manifest, the most urgent first.
    """

    recording: str
    description: str
    summary: str
    anchor: str
    page: str | None
    subject: str | None
    symptoms: tuple[Symptom, ...]

    @property
    def address(self) -> str:
        """URL of the page, or of the row if there is no page."""
        return f"#{self.anchor}" if self.page is None else self.page


@dataclass(frozen=True, slots=True)
class AffectedSubject:
    """Subject of a warning (None if unknown) and its recordings that have the symptom."""

    name: str | None
    lines: tuple[Line, ...]


def render_index(
    batch: BatchResult,
    results: Mapping[str, RecordingResult],
    pages: Mapping[str, str],
    symptoms: Mapping[str, Sequence[str]],
    model: Model,
) -> str:
    """Return the HTML of the index.

    Parameters
    ----------
    batch : BatchResult
    results : mapping of str to RecordingResult
        Results of the processed recordings, by name.
    pages : mapping of str to str
        Relative URLs of the pages, by name.
    symptoms : mapping of str to sequence of str
        Names of symptoms, by recording, including failed ones.
    model : Model
        The model that classified the recordings.
    """
    known = {symptom.name: symptom for symptom in all_symptoms()}
    lines = []
    for number, row in enumerate(batch.recordings, start=1):
        noticed = set(symptoms.get(row.recording, ()))
        lines.append(_line(number, row, results, pages, [known[name] for name in known if name in noticed]))
    named = [name for name in known if any(name == symptom.name for line in lines for symptom in line.symptoms)]
    sites = [row.info.site for row, line in zip(batch.recordings, lines, strict=True) if line.symptoms]
    return render(
        "index.html",
        {
            "title": f"{len(batch.recordings)} recording{'' if len(batch.recordings) == 1 else 's'}",
            "counts": {label: count for label, count in batch.counts.items() if count},
            "events": sum(batch.counts.values()),
            "failed": len(batch.failed),
            "folders": _by_folder(lines),
            "affected": {name: affected_subjects(lines, name) for name in named},
            "max_listed": MAX_LISTED,
            "sounds": bool(pages),
            "limits": limits_of(model, [result.site for result in results.values()]),
            "guidance": guidance(sites, named),
            "model": name_of(model),
            "version": __version__,
        },
    )


def affected_subjects(lines: Sequence[Line], symptom: str) -> list[AffectedSubject]:
    """Return the subjects with a symptom, in the order of their recordings; unnamed subjects come last."""
    found: dict[str | None, list[Line]] = {}
    for line in lines:
        if any(each.name == symptom for each in line.symptoms):
            found.setdefault(line.subject, []).append(line)
    order = sorted(found, key=lambda subject: subject is None)
    return [AffectedSubject(subject, tuple(found[subject])) for subject in order]


def _line(
    number: int,
    row: RecordingRow,
    results: Mapping[str, RecordingResult],
    pages: Mapping[str, str],
    symptoms: Sequence[Symptom],
) -> Line:
    name, subject = one_line(row.recording), None if row.info.subject is None else one_line(row.info.subject)
    result = results.get(row.recording)
    if result is None:
        details, outcome = "" if subject is None else f"subject {subject}", f"failed: {one_line(row.reason or '')}"
    else:
        details, outcome = description(result), summary(result)
    return Line(name, details, outcome, f"r{number}", pages.get(row.recording), subject, tuple(symptoms))


def _by_folder(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Group the lines by the folder of their recordings, in order."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(PurePosixPath(line.recording).parent.as_posix(), []).append(line)
    return found
