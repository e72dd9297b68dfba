"""An evaluation and its folder: `scores.json`, `events.csv`, `counts.csv`, `report.md`, `methods.md` and figures.

The folder is new or empty, so that nothing of another evaluation stays in it. Everything is made in a hidden folder
inside and moved out when all of it is there.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from popclass.evaluation.classification import READINGS, worst
from popclass.evaluation.counts import SUBJECT, Counted
from popclass.evaluation.matching import MATCHED, Case
from popclass.evaluation.report import markdown, text
from popclass.formats.csv_io import cell, csv_line
from popclass.label_rules import LabelRules
from popclass.labels import LabelledRecording
from popclass.utils.files import write_text
from popclass.utils.folders import check_new_folder, filling
from popclass.utils.text import visible

WHAT = "an evaluation is"  # in messages about its folder
MOST_ERRORS = 12  # that are shown as pictures
_OF_READING = re.compile(f"^({'|'.join(READINGS)})_(?=p_)")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of a model on labelled recordings.

    Attributes
    ----------
    scores : dict
        Plain numbers, as `scores.json` holds them.
    cases : tuple of Case
        Every labelled and every detected sound, by recording and time.
    rules : LabelRules
        Those of the model.
    failed : tuple of str
        A line for each recording that could not be used.
    counted : Counted
        True and counted cavitations of recordings, bursts and subjects.
    observed : list of (int, int)
        Cavitations that two observers labelled, of each recording that both have labelled.
    """

    scores: dict[str, Any]
    cases: tuple[Case, ...]
    rules: LabelRules
    failed: tuple[str, ...] = ()
    counted: Counted = field(default_factory=Counted)
    observed: Sequence[tuple[int, int]] = ()

    def __repr__(self) -> str:
        found = Counter(case.status for case in self.cases)
        counts = ", ".join(f"{number} {status}" for status, number in found.items())
        return f"<Evaluation of {self.scores['model']['name']!r}: {counts or 'no sounds'}>"

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the model."""
        return self.rules.classes

    @property
    def classified(self) -> tuple[Case, ...]:
        """The cases that are scored for classification."""
        return tuple(case for case in self.cases if case.status == MATCHED and case.truth in self.classes)

    def table(self) -> str:
        """Return a short summary of the scores as text."""
        return text(self.scores)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write scores, events, report and figures into a new or empty folder, or nothing.

        Raises
        ------
        OutputError
            If the folder is in use or cannot be written.
        """
        with filling(folder, WHAT) as part:
            self._fill(part)

    def _fill(self, folder: Path) -> None:
        from popclass.evaluation.figures import save_all, save_figures, save_pictures
        from popclass.evaluation.methods import methods
        from popclass.evaluation.study_figures import study_figures

        stored = json.dumps(self.scores, indent=1, ensure_ascii=False, allow_nan=False)
        write_text(folder / "scores.json", stored + "\n")
        write_text(folder / "events.csv", _event_lines(self.cases, self.classes))
        write_text(folder / "counts.csv", _count_lines(self.counted))
        write_text(folder / "methods.md", methods(self.scores))
        figures = save_figures(self.scores, folder)
        figures += save_all(study_figures(self.scores, self.counted, self.observed), folder)
        errors = save_pictures(worst(self.classified, self.rules, MOST_ERRORS), self.classes, folder)
        write_text(folder / "report.md", markdown(self.scores, figures, errors))


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Raise OutputError if an evaluation may not be written into `folder`; called before the work starts."""
    check_new_folder(folder, WHAT)


def _event_lines(cases: Sequence[Case], classes: tuple[str, ...]) -> Iterator[str]:
    """Yield the cases as CSV, header first; what is unknown is empty."""
    probabilities = [_column(reading, name) for reading in READINGS for name in classes]
    columns = (
        *("recording", "status", "truth", "truth_start_s", "truth_end_s", "event", "start_s", "onset_error_s"),
        *("label", "p_label", "acoustic_label", *probabilities, "novelty", "timing", "since_cavitation_s", "snr_db"),
        *("subject", "site", "recorded_at", *(f"posterior_{name}" for name in classes), "side"),
        *(own := _own_columns(case.recording for case in cases)),
    )
    yield csv_line(columns)
    for case in cases:
        info = case.recording
        known = {name: getattr(case.event, name, None) for name in columns} | {
            "recording": visible(info.name),
            "status": case.status,
            "truth": case.truth,
            "truth_start_s": getattr(case.row, "start_s", None),
            "truth_end_s": getattr(case.row, "end_s", None),
            "onset_error_s": case.onset_error_s,
            "subject": info.subject,
            "site": info.site,
            "recorded_at": None if info.recorded_at is None else info.recorded_at.isoformat(),
            "side": info.side,
            **{name: info.extra.get(name) for name in own},
        }
        if case.event is not None:
            known |= {f"posterior_{name}": p for name, p in case.event.posteriors.items()}
        for reading, table in case.probabilities.items():
            known |= {_column(reading, name): float(p) for name, p in zip(classes, table, strict=True)}
        # probabilities of all readings have the decimals of `p_<class>`
        yield csv_line(cell(_OF_READING.sub("", name), known[name]) for name in columns)


def _count_lines(counted: Counted) -> Iterator[str]:
    """Yield the counts as CSV, header first."""
    numbers = ("expected_cavitations", "cavitations_low", "cavitations_high")
    own = _own_columns(each.recording for each in counted.counts)
    yield csv_line(("unit", "recording", "subject", "start_s", "true", *numbers, "named", "rows", "side", *own))
    for each in counted.counts:
        info, cavitations = each.recording, each.counted
        name = None if each.unit == SUBJECT else visible(info.name)
        start = None if each.start_s is None else cell("start_s", each.start_s)
        bounds = (cell(numbers[0], cavitations.expected), cavitations.low, cavitations.high)
        about = [None] * (1 + len(own)) if each.unit == SUBJECT else [info.side, *map(info.extra.get, own)]
        yield csv_line((each.unit, name, info.subject, start, each.true, *bounds, each.named, each.rows, *about))


def _own_columns(recordings: Iterable[LabelledRecording]) -> tuple[str, ...]:
    """Return the names of the user's own columns, in the order of the labels."""
    return tuple(dict.fromkeys(name for recording in recordings for name in recording.extra))


def _column(reading: str, name: str) -> str:
    return f"p_{name}" if reading == "sound" else f"{reading}_p_{name}"
