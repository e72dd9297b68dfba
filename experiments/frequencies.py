"""Class frequencies: those of the training data against those estimated from the events of a timeline.

    python experiments/frequencies.py [--real FOLDER] [--sessions N] [--seed S] [--cache FILE] [-o PAGE]

The default model labels generated sessions that it was not trained on, and with `--real` real recordings (FOLDER as
`experiments/real.py` reads it). The tables are printed. With the default sessions and seed they replace those of
docs/research/frequencies.md; without `--real` the tables of real recordings stay. Extracted events are kept in the
cache, if one is named.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from real import AUDIO, CONFIDENT, NEAR_S
from sessions import Recording, extract_sessions

from popclass.extraction import Extraction, extract_events
from popclass.frequencies import PRIOR_EVENTS, estimate, reweight
from popclass.metadata import Metadata
from popclass.metrics.scores import score
from popclass.model.model import Model
from popclass.pipeline import apply_model
from popclass.postprocess import posteriors, postprocess
from popclass.results import Analysis, Event, RecordingResult
from popclass.schema import CAVITATION, OTHER, SNAPPING
from popclass.training.default import UNKNOWN

SESSIONS, SEED = 240, 20261130
PRIORS = (3.0, 10.0, 30.0, 100.0, 300.0)
PROGRAMS = ("all", "only other", "only joint sounds", "mixed")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "research" / "frequencies.md"

Array = NDArray[np.float64]
Units = Sequence[Sequence[int]]
"""Recordings, by index, whose events share one estimate."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to estimate the class frequencies.

    Attributes
    ----------
    name : str
    prior_events : float or None
        None for the frequencies of the training data.
    unit : str
        `timeline` or `recording` for sessions; `recording` or `kind` for real recordings.
    by_burst : bool
        A burst counts as one event with the mean of its probabilities.
    acoustic : bool
        Estimate from the probabilities before context.
    """

    name: str
    prior_events: float | None = None
    unit: str = "timeline"
    by_burst: bool = False
    acoustic: bool = False


MODEL = Variant("`model`")
GENERATED = (
    MODEL,
    *(Variant(f"timeline, prior of {n:g} events", n) for n in PRIORS),
    *(Variant(f"timeline, prior of {n:g}, a burst counts once", n, by_burst=True) for n in (30.0, 100.0)),
    *(Variant(f"recording, prior of {n:g}", n, "recording") for n in (30.0, 100.0)),
    Variant("timeline, prior of 100, before context", 100.0, acoustic=True),
)
REAL = (
    MODEL,
    *(Variant(f"recording, prior of {n:g} events", n, "recording") for n in PRIORS),
    *(Variant(f"recording, prior of {n:g}, a burst counts once", n, "recording", by_burst=True) for n in (30.0, 100.0)),
    *(Variant(f"all of a kind, prior of {n:g}", n, "kind") for n in (30.0, 100.0)),
    Variant("recording, prior of 100, before context", 100.0, "recording", acoustic=True),
)
BY_KIND = (MODEL, REAL[PRIORS.index(PRIOR_EVENTS) + 1], REAL[-2])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="real recordings")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help=f"sessions to generate ({SESSIONS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the sessions ({SEED})")
    parser.add_argument("--cache", type=Path, metavar="FILE", help="extracted events, read if the file exists")
    parser.add_argument("-o", dest="page", type=Path, help="page to write")
    options = parser.parse_args(argv)
    model = Model.default()
    frontend = model.frontend
    cached = partial(_cached, options.cache)
    sessions = f"sessions {options.sessions} {options.seed}"
    parts = {
        "Generated": generated(cached(sessions, extract_sessions, options.sessions, options.seed, frontend), model)
    }
    if options.real is not None:
        found = cached("real", extract_folder, options.real, frontend)
        parts["Real"] = real(found, read_truth(options.real / "cracks" / "truth.csv"), model)
    print("\n\n".join(parts.values()))
    page = options.page
    if page is None and (options.sessions, options.seed) == (SESSIONS, SEED):
        page = PAGE
    if page is not None:
        write(page, parts)
    return 0


def _cached(path: Path | None, key: str, make: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a file holds under a key, or make it and add it."""
    held = pickle.loads(path.read_bytes()) if path is not None and path.exists() else {}
    if key not in held:
        held[key] = make(*arguments)
        if path is not None:
            path.write_bytes(pickle.dumps(held))
    return held[key]


def write(page: Path, parts: dict[str, str]) -> None:
    """Replace the sections of the page that were measured."""
    before, *sections = PAGE.read_text("utf-8").rstrip().split("\n## ")
    kept = {section.split(" ", 1)[0]: f"## {section.rstrip()}" for section in sections} | parts
    page.write_text("\n\n".join([before.rstrip(), *kept.values()]) + "\n", "utf-8")


def reweighted(analyses: Sequence[Analysis], units: Units, variant: Variant, model: Model) -> list[Analysis]:
    """Return analyses with the contextual probabilities at the class frequencies of their unit."""
    if variant.prior_events is None:
        return list(analyses)
    found = list(analyses)
    for unit in units:
        parts = [_counted(analyses[index], variant) for index in unit]
        now = estimate(np.concatenate(parts), model.frequencies, prior_events=variant.prior_events)
        for index in unit:
            contextual = reweight(analyses[index].contextual, model.frequencies, now)
            found[index] = replace(analyses[index], contextual=contextual)
    return found


def _counted(analysis: Analysis, variant: Variant) -> Array:
    """Return the probabilities of what counts as an event."""
    probabilities = analysis.acoustic if variant.acoustic else analysis.contextual
    if not variant.by_burst or not len(probabilities):
        return probabilities
    burst = np.array([event.burst for event in analysis.events])
    return np.array([probabilities[burst == number].mean(axis=0) for number in np.unique(burst)])


# --- generated sessions -----------------------------------------------------------------------------------------------


def generated(recordings: Sequence[Recording], model: Model) -> str:
    """Return a table for each kind of session."""
    analyses = apply_model([recording.extraction for recording in recordings], model)
    metadata = [recording.metadata for recording in recordings]
    place = {name: i for i, name in enumerate(model.classes)} | {UNKNOWN: -1}
    y = [np.array([place[truth] for truth in recording.truth], dtype=int) for recording in recordings]
    sessions: dict[int, list[int]] = {}
    for index, recording in enumerate(recordings):
        sessions.setdefault(recording.session, []).append(index)
    units = {"timeline": list(sessions.values()), "recording": [[index] for index in range(len(recordings))]}
    programs = {number: _program([recordings[i] for i in own]) for number, own in sessions.items()}
    found = {
        variant: posteriors(reweighted(analyses, units[variant.unit], variant, model), metadata, model)
        for variant in GENERATED
    }
    text = [f"## Generated sessions: {len(sessions)}"]
    head = ("class frequencies", "log loss", "Brier", "ECE", "balanced accuracy", "joint precision", "joint recall")
    for program in PROGRAMS:
        some = [i for i, each in enumerate(recordings) if program in ("all", programs[each.session])]
        truth = np.concatenate([y[i] for i in some])
        known = truth >= 0
        joint = (truth[known] != place[OTHER]).mean()
        number = sum(program in ("all", each) for each in programs.values())
        text.append(f"{program.capitalize()}: {number} sessions, {known.sum():,} events, {joint:.0%} from joints.")
        rows = [
            (variant.name, *_figures(truth[known], np.concatenate([p[i] for i in some])[known], model))
            for variant, p in found.items()
        ]
        text.append(_table(head, rows))
    return "\n\n".join(text)


def _program(own: Sequence[Recording]) -> str:
    labels = {label.label for recording in own for label in recording.labels}
    if labels <= {OTHER}:
        return PROGRAMS[1]
    return PROGRAMS[3] if OTHER in labels else PROGRAMS[2]


def _figures(y: NDArray[np.intp], probabilities: Array, model: Model) -> tuple[str, ...]:
    figures = score(y, probabilities, model.classes)
    other = model.classes.index(OTHER)
    true, called = y != other, probabilities.argmax(axis=1) != other
    ratios = [f"{(true & called).sum() / of.sum():.3f}" if of.any() else "-" for of in (called, true)]
    names = ("log_loss", "brier", "ece", "balanced_accuracy")
    return (*(f"{figures[name]:.3f}" for name in names), *(ratios if true.any() else ("-", "-")))


# --- real recordings --------------------------------------------------------------------------------------------------


def extract_folder(folder: Path, frontend: Any) -> list[tuple[str, Extraction]]:
    """Return the events of every recording in a folder, with its kind: the folder it is in."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO)
    kinds = ["/".join(path.relative_to(folder).parts[:-1]) for path in paths]
    tasks = (delayed(extract_events)(path, frontend, name=path.name) for path in paths)
    return list(zip(kinds, Parallel(n_jobs=2)(tasks), strict=True))


def read_truth(path: Path) -> dict[str, list[float]]:
    """Return the onsets of the cracks in each recording."""
    onsets: dict[str, list[float]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            onsets.setdefault(row["file"], []).append(float(row["onset_s"]))
    return onsets


def real(found: Sequence[tuple[str, Extraction]], onsets: dict[str, list[float]], model: Model) -> str:
    """Return tables of false joint labels in recordings without joints, and of the labels of real cracks."""
    kinds: dict[str, list[int]] = {}
    for index, (kind, _) in enumerate(found):
        kinds.setdefault(kind, []).append(index)
    analyses = apply_model([extraction for _, extraction in found], model)
    alone = [[index] for index in range(len(found))]
    units = {"kind": list(kinds.values()), "recording": alone, "timeline": alone}
    nowhere = [Metadata()] * len(found)
    results = {
        variant: postprocess(reweighted(analyses, units[variant.unit], variant, model), nowhere, model)
        for variant in REAL
    }
    negatives = {kind: own for kind, own in kinds.items() if kind.startswith("negatives")}
    every = [index for own in negatives.values() for index in own]
    cracks = [index for index in kinds.get("cracks", []) if found[index][1].info.name in onsets]
    rows = []
    for variant, labelled in results.items():
        kept = [_kept(labelled[index], onsets[labelled[index].recording]) for index in cracks]
        rows.append((variant.name, *_alarms([labelled[index] for index in every]), *kept))
    names = [found[index][1].info.name for index in cracks]
    head = ("class frequencies", "false joint labels a minute", f"of a probability from {CONFIDENT:g}", *names)
    minutes = sum(found[index][1].info.duration_s for index in every) / 60
    text = [f"## Real recordings: {len(every)} without joints, {minutes:.0f} min, and {len(cracks)} of cracks"]
    text.append(_table(head, rows))
    text.append("False joint labels a minute, and those with that probability, by kind:")
    rows = [
        (
            kind.removeprefix("negatives/"),
            f"{sum(found[index][1].info.duration_s for index in own) / 60:.1f}",
            *(" / ".join(_alarms([results[variant][index] for index in own])) for variant in BY_KIND),
        )
        for kind, own in negatives.items()
    ]
    text.append(_table(("kind", "minutes", *(variant.name for variant in BY_KIND)), rows))
    return "\n\n".join(text)


def _alarms(results: Sequence[RecordingResult]) -> tuple[str, str]:
    """Return the joint labels a minute, and the confident ones."""
    minutes = sum(result.duration_s for result in results) / 60
    joint = [event for result in results for event in result.events if event.label in (CAVITATION, SNAPPING)]
    confident = [event for event in joint if (event.p_label or 0.0) >= CONFIDENT]
    return f"{len(joint) / minutes:.2f}", f"{len(confident) / minutes:.2f}"


def _kept(result: RecordingResult, onsets: Sequence[float]) -> str:
    """Return how many cracks are labelled cavitation, and the lowest posterior of cavitation among them."""
    near: list[Event] = [e for e in result.events if any(abs(e.start_s - onset) <= NEAR_S for onset in onsets)]
    kept = sum(event.label == CAVITATION for event in near)
    lowest = min((event.posteriors[CAVITATION] for event in near), default=0.0)
    return f"{kept} of {len(onsets)} ({lowest:.2f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    sys.exit(main())
