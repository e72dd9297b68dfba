"""The page that lists the recordings of a batch: what was found in each, and whose symptoms call for what.

A recording that failed or in which nothing was heard has no page of its own. What its subject notices is not less
urgent for that, so every warning on this page names whom it is about, and every row carries the symptoms named for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from popclass.batch.result import BatchResult
from popclass.formats.recordings import RecordingRow
from popclass.formats.table import description, summary
from popclass.model.model import Model
from popclass.report.guidance import Symptom, all_symptoms, guidance
from popclass.report.page import limits_of, name_of, render
from popclass.results import RecordingResult
from popclass.utils.text import one_line
from popclass.version import __version__

AT_ONCE = 6  # recordings of one subject named beside a warning before the rest are folded


@dataclass(frozen=True, slots=True)
class Line:
    """A recording in the index.

    Attributes
    ----------
    recording, description, summary : str
    anchor : str
        Where its row is in the index.
    page : str or None
        Address of its own page, where it has one.
    subject : str or None
    symptoms : tuple of Symptom
        Named for it, the most urgent first.
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
        """Where to find it: its page, or else its row."""
        return f"#{self.anchor}" if self.page is None else self.page


@dataclass(frozen=True, slots=True)
class Concern:
    """Whom a warning is about: a subject, unknown where None, and the recordings for which the symptom was named."""

    subject: str | None
    lines: tuple[Line, ...]


def render_index(
    batch: BatchResult,
    results: Mapping[str, RecordingResult],
    pages: Mapping[str, str],
    symptoms: Mapping[str, Sequence[str]],
    model: Model,
) -> str:
    """The HTML of the index.

    Parameters
    ----------
    batch : BatchResult
    results : mapping of str to RecordingResult
        Of the recordings that were heard, by name.
    pages : mapping of str to str
        Addresses of the pages of those that have one.
    symptoms : mapping of str to sequence of str
        Names of symptoms by recording, heard or not.
    model : Model
        The one that classified.
    """
    known = {symptom.name: symptom for symptom in all_symptoms()}
    lines = []
    for number, row in enumerate(batch.recordings, start=1):
        noticed = set(symptoms.get(row.recording, ()))
        lines.append(_line(number, row, results, pages, [known[name] for name in known if name in noticed]))
    named = [name for name in known if any(name == symptom.name for line in lines for symptom in line.symptoms)]
    concerned = [row.info.site for row, line in zip(batch.recordings, lines, strict=True) if line.symptoms]
    return render(
        "index.html",
        {
            "title": f"{len(batch.recordings)} recording{'' if len(batch.recordings) == 1 else 's'}",
            "counts": {label: count for label, count in batch.counts.items() if count},
            "events": sum(batch.counts.values()),
            "failed": len(batch.failed),
            "folders": _by_folder(lines),
            "concerns": {name: concerns(lines, name) for name in named},
            "at_once": AT_ONCE,
            "sounds": bool(pages),
            "limits": limits_of(model, [result.site for result in results.values()]),
            "guidance": guidance(concerned, named),
            "model": name_of(model),
            "version": __version__,
        },
    )


def concerns(lines: Sequence[Line], symptom: str) -> list[Concern]:
    """The subjects for whom a symptom was named, in the order of their recordings; those without a name come last."""
    found: dict[str | None, list[Line]] = {}
    for line in lines:
        if any(each.name == symptom for each in line.symptoms):
            found.setdefault(line.subject, []).append(line)
    order = sorted(found, key=lambda subject: subject is None)
    return [Concern(subject, tuple(found[subject])) for subject in order]


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
        about, said = "" if subject is None else f"subject {subject}", f"failed: {one_line(row.reason or '')}"
    else:
        about, said = description(result), summary(result)
    return Line(name, about, said, f"r{number}", pages.get(row.recording), subject, tuple(symptoms))


def _by_folder(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """The lines under the folders their recordings lie in, in the order given."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(PurePosixPath(line.recording).parent.as_posix(), []).append(line)
    return found
