"""Index page of a batch: totals of its subjects, a figure of their counts, and its recordings with links to pages.

The figure is an SVG in the page. Its bars hold the events with a joint label and the uncertain ones; those labelled
`other` would hide them, and are in the table of totals.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

from popclass.batch.result import BatchResult
from popclass.formats.csv_io import RecordingRow
from popclass.formats.table import description, length, summary
from popclass.formats.text import shown_start
from popclass.model.model import Model
from popclass.report.guidance import all_symptoms, guidance
from popclass.report.page import render
from popclass.results import RecordingResult
from popclass.schema import OTHER, UNCERTAIN
from popclass.timing.timeline import mixed_offsets
from popclass.utils.text import counted, one_line

COLOURS = 6  # of the palette of the pages, one for each class in turn
BARS_SHOWN = 25  # subjects in the figure; the others are collapsed
SVG_WIDTH = 1000

Row = dict[str, Any]
Cell = tuple[str, str | float | None]  # as shown, and the value to sort by; None comes last


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
        By name of the recording, as are `pages` and `symptoms`.
    pages : mapping of str to str
        URLs.
    symptoms : mapping of str to sequence of str
        Names.
    model : Model
    """
    rows = _rows(batch, results, pages, symptoms)
    folders: dict[str, list[Row]] = {}
    affected: dict[str, dict[str | None, list[Row]]] = {}  # rows by symptom and subject
    for line in rows:
        folders.setdefault(PurePosixPath(line["recording"]).parent.as_posix(), []).append(line)
    for line in sorted(rows, key=lambda line: line["subject"] is None):  # unknown subjects come last
        for symptom in line["symptoms"]:
            affected.setdefault(symptom.name, {}).setdefault(line["subject"], []).append(line)
    shown = _shown_labels(batch.classes)
    stated = any(row.subject or row.site or row.side for row in batch.recordings)
    values = {
        "title": counted(len(rows), "recording"),
        "counts": {label: count for label, count in batch.counts.items() if count},
        "events": sum(batch.counts.values()),
        "failed": len(batch.failed),
        "notice": mixed_offsets([row.info for row in batch.recordings]),
        "totals": totals(batch.recordings, batch.classes) if stated else None,
        "bars": bars(batch.recordings, batch.classes),
        "legend": [(one_line(label), _colour(label, batch.classes)) for label in shown],
        "bars_shown": BARS_SHOWN,
        "svg_width": SVG_WIDTH,
        "folders": folders,
        "affected": affected,
        "max_listed": 6,  # recordings of one subject at a warning; the others are collapsed
        "sounds": bool(pages),
        "guidance": guidance([line["site"] for line in rows if line["symptoms"]], list(affected)),
        "script": resources.files("popclass.report").joinpath("templates", "index.js").read_text("utf-8"),
    }
    return render("index.html", values, model, [result.site for result in results.values()])


def _rows(
    batch: BatchResult,
    results: Mapping[str, RecordingResult],
    pages: Mapping[str, str],
    symptoms: Mapping[str, Sequence[str]],
) -> list[Row]:
    known, rows = all_symptoms(), list[Row]()
    for number, row in enumerate(batch.recordings, start=1):
        subject, result = row.subject, results.get(row.recording)
        subject = None if subject is None else one_line(subject)
        stated = (subject and f"subject {subject}", shown_start(row.info))
        details, outcome = ", ".join(filter(None, stated)), f"failed: {one_line(row.reason or '')}"
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
                "site": row.site,
                "symptoms": [each for each in known if each.name in symptoms.get(row.recording, ())],
            }
        )
    return rows


def totals(recordings: Sequence[RecordingRow], classes: Sequence[str]) -> dict[str, Any]:
    """Return the table of totals by subject, site and side.

    Returns
    -------
    dict
        `columns`: name of each and whether it holds numbers; `rows` of cells, sorted by subject, site and side;
        `total`: a row of all recordings. Columns without any value are left out.
    """
    groups = _grouped(recordings, lambda row: (row.subject, row.site, row.side))
    about = {"Subject": False, "Site": False, "Side": False}
    numbers = ["Recordings", "Failed", "Duration", "Events", *classes, UNCERTAIN, "Expected cavitations"]
    columns = [*about.items(), *((one_line(name), True) for name in numbers)]
    rows = [[*map(_text_cell, key), *_number_cells(group, classes)] for key, group in groups]
    total: list[Cell] = [("all", None), ("", None), ("", None), *_number_cells(recordings, classes)]
    optional = {"Site", "Side", "Failed", "Expected cavitations"}
    kept = [
        at
        for at, (name, _) in enumerate(columns)
        if name not in optional or any(row[at][1] not in (None, 0) for row in rows)
    ]
    return {
        "columns": [columns[at] for at in kept],
        "rows": [[row[at] for at in kept] for row in rows],
        "total": [total[at] for at in kept],
    }


def bars(recordings: Sequence[RecordingRow], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the bars of the figure, one for each subject with a recording that could be used.

    Returns
    -------
    list of dict
        `subject`, None if unknown; `text`: the counts in words; `parts`: start, width and colour of each piece of the
        bar in the units of the SVG. No bars where no subject is known.
    """
    usable = [row for row in recordings if row.counts]
    groups = _grouped(usable, lambda row: (row.subject,))
    if not any(subject for (subject,), _ in groups):
        return []
    shown = _shown_labels(classes)
    counts = [{label: sum(row.counts.get(label, 0) for row in group) for label in shown} for _, group in groups]
    widest = max(max(sum(each.values()) for each in counts), 1)
    found = []
    for ((subject,), group), own in zip(groups, counts, strict=True):
        parts, start = list[tuple[float, float, str]](), 0
        for label, count in own.items():
            edges = (round(SVG_WIDTH * start / widest, 2), round(SVG_WIDTH * count / widest, 2))
            parts += [(*edges, _colour(label, classes))] if count else []
            start += count
        words = ", ".join(f"{count} {one_line(label)}" for label, count in own.items() if count) or "none"
        name = None if subject is None else one_line(subject)
        text = f"{words} in {counted(len(group), 'recording')}"
        found.append({"subject": name, "text": text, "parts": parts})
    return found


def _shown_labels(classes: Sequence[str]) -> list[str]:
    return [label for label in (*classes, UNCERTAIN) if label != OTHER]


def _colour(label: str, classes: Sequence[str]) -> str:
    return UNCERTAIN if label == UNCERTAIN else f"label-{classes.index(label) % COLOURS}"


def _grouped(
    recordings: Sequence[RecordingRow], key: Callable[[RecordingRow], tuple[str | None, ...]]
) -> list[tuple[tuple[str | None, ...], list[RecordingRow]]]:
    """Return recordings by key, in the order of people: numbers by their value, unknown values last."""
    groups: dict[tuple[str | None, ...], list[RecordingRow]] = {}
    for row in recordings:
        groups.setdefault(key(row), []).append(row)
    return sorted(groups.items(), key=lambda item: [(text is None, _natural(text or "")) for text in item[0]])


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `P2` before `P10`."""
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", text.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _text_cell(text: str | None) -> Cell:
    return ("unknown", None) if text is None else (one_line(text), one_line(text))


def _number_cells(rows: Sequence[RecordingRow], classes: Sequence[str]) -> list[Cell]:
    seconds = sum(row.duration_s for row in rows)
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row.counts)
    failed = sum(row.reason is not None for row in rows)
    whole = [len(rows), failed, *(counts[label] for label in (*classes, UNCERTAIN))]
    cells: list[Cell] = [(f"{number:,}", number) for number in whole]
    events = sum(counts.values())
    expected = [row.expected_cavitations for row in rows if row.expected_cavitations is not None]
    mean = round(sum(expected), 2) if expected else None
    cells[2:2] = [(length(seconds), round(seconds, 6)), (f"{events:,}", events)]
    return [*cells, ("", None) if mean is None else (f"{mean:.2f}", mean)]
