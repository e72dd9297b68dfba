"""Error reduction by timing and context, measured on generated sessions.

    python experiments/evidence.py [--sessions N] [--seed S] [-o FOLDER]

Detection, features, context stage and refractory rule are those of `popclass classify`
(`popclass.pipeline.apply_model`, `popclass.postprocess.posteriors`). The sessions are simulated and so are, beside the
default model, acoustic classifiers of several error rates (`simulated.py`). Page and figures are written into
docs/research/ (`evidence_page.py`); with other sessions or another seed, `-o` names the folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from evidence_page import write_page
from evidence_scores import VARIANTS, Tally, score
from numpy.typing import NDArray
from sessions import Recording, cavitations_recur, extract_sessions, others_repeat, snaps_repeat
from simulated import simulate

from popclass.metadata import Metadata
from popclass.metrics.scores import LEAST
from popclass.model.model import Model
from popclass.pipeline import apply_model
from popclass.postprocess import posteriors
from popclass.results import Analysis
from popclass.schema import CAVITATION, OTHER, PER_POP, SNAPPING
from popclass.timing.refractory import PRICE
from popclass.training.default import UNKNOWN

SESSIONS, SEED = 240, 20261124
ERRORS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
COMPARED = 0.2  # error rate of the simulated classifier in tables with two classifiers
MINUTES = (10, 15, 20, 25, 30)
PRICES = (0.5, 1.0, PRICE, 3.0, float("inf"))
FEW, MANY = 1, 10  # joint cavities of a site
DOCS = Path(__file__).resolve().parents[1] / "docs" / "research"

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A named acoustic classifier with its analyses by recording name."""

    name: str
    analyses: Mapping[str, Analysis]

    def of(self, recordings: Sequence[Recording]) -> list[Analysis]:
        """Return the analyses of some recordings."""
        return [self.analyses[recording.extraction.info.name] for recording in recordings]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=SESSIONS, help=f"sessions to generate ({SESSIONS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the sessions and the simulated noise ({SEED})")
    parser.add_argument("-o", dest="folder", type=Path, help="folder for the page and its figures (docs/research)")
    options = parser.parse_args(argv)
    if options.folder is None and (options.sessions, options.seed) != (SESSIONS, SEED):
        parser.error("name a folder with -o: docs/research shows the default sessions and seed")
    model = Model.default()
    recordings = extract_sessions(options.sessions, options.seed, model.frontend)
    results = measure(recordings, model, options.seed)
    write_page(results, options.sessions, options.seed, options.folder or DOCS)
    return 0


def measure(recordings: Sequence[Recording], model: Model, seed: int) -> dict[str, Any]:
    """Return every figure of the page."""
    real = Classifier(
        "the default model",
        _named(recordings, [apply_model([recording.extraction], model)[0] for recording in recordings]),
    )
    made = [simulated(recordings, model, error, seed) for error in ERRORS]
    pair = (real, made[ERRORS.index(COMPARED)])
    return {
        "n": sizes(recordings, model),
        "classifiers": [(each.name, score(count(recordings, each, model), model)) for each in (real, *made)],
        "errors": ERRORS,
        "periods": [
            (each.name, vary(recordings, each, model, "refractory_s", [60.0 * m for m in MINUTES])) for each in pair
        ],
        "minutes": MINUTES,
        "prices": [(each.name, vary(recordings, each, model, "price", PRICES)) for each in pair],
        "price": PRICES,
        "subsets": [(each.name, subsets(recordings, each, model)) for each in pair],
        "clocks": [(each.name, clocks(recordings, each, model, seed)) for each in pair],
        "scenarios": [(each.name, scenarios(recordings, each, model)) for each in pair],
    }


def sizes(recordings: Sequence[Recording], model: Model) -> dict[str, int]:
    """Count sessions, recordings and events of each class."""
    truth = [each for recording in recordings for each in recording.truth]
    return {
        "sessions": len({recording.session for recording in recordings}),
        "recordings": len(recordings),
        **{name: truth.count(name) for name in model.classes},
        "unnamed": truth.count(UNKNOWN),
    }


# --- classifiers and variants -----------------------------------------------------------------------------------------


def simulated(recordings: Sequence[Recording], model: Model, error: float, seed: int) -> Classifier:
    """Return a simulated acoustic classifier followed by the default model's context stage.

    Echoes and rubs count as `other`, which the default model nearly always answers.
    """
    place = {name: i for i, name in enumerate(model.classes)}
    y = np.array([place[truth or OTHER] for recording in recordings for truth in recording.truth])
    groups = [
        (recording.extraction.info.name, kind) if kind else None for recording in recordings for kind in recording.kind
    ]
    known = np.array([truth != UNKNOWN for recording in recordings for truth in recording.truth])
    shares = np.bincount(y[known], minlength=len(place)) / known.sum()
    flat = simulate(y, groups, error, shares, seed=seed)
    edges = np.cumsum([len(recording.truth) for recording in recordings])[:-1]
    acoustic = np.split(flat, edges)
    return Classifier(
        f"simulated, {100 * error:.0f} %",
        _named(
            recordings,
            [apply_model([t.extraction], model, acoustic=p)[0] for t, p in zip(recordings, acoustic, strict=True)],
        ),
    )


def _named(recordings: Sequence[Recording], analyses: Sequence[Analysis]) -> dict[str, Analysis]:
    return {recording.extraction.info.name: analysis for recording, analysis in zip(recordings, analyses, strict=True)}


def variants(
    recordings: Sequence[Recording],
    classifier: Classifier,
    model: Model,
    metadata: Sequence[Metadata] | None = None,
    **options: float,
) -> dict[str, list[Array]]:
    """Return the probabilities of every event: sound alone, with timing (each pop counts), with context, with both."""
    analyses = classifier.of(recordings)
    known = [recording.metadata for recording in recordings] if metadata is None else metadata
    alone = [replace(analysis, contextual=analysis.acoustic) for analysis in analyses]
    return {
        "sound": [analysis.acoustic for analysis in analyses],
        "timing": posteriors(alone, known, model, count_by=PER_POP, **options),
        "context": [analysis.contextual for analysis in analyses],
        "both": posteriors(analyses, known, model, count_by=PER_POP, **options),
    }


def count(
    recordings: Sequence[Recording],
    classifier: Classifier,
    model: Model,
    metadata: Sequence[Metadata] | None = None,
    **options: float,
) -> Tally:
    """Count the labels given under each variant."""
    found = variants(recordings, classifier, model, metadata, **options)
    place = {name: i for i, name in enumerate(model.classes)}
    row = {session: i for i, session in enumerate(sorted({recording.session for recording in recordings}))}
    called = np.zeros((len(row), len(VARIANTS), len(place), len(place)), dtype=np.int64)
    left, loss = np.zeros((len(row), len(VARIANTS)), dtype=np.int64), np.zeros((len(row), len(VARIANTS)))
    joint = [place[CAVITATION], place[SNAPPING]]
    for at, name in enumerate(VARIANTS):
        for recording, sound, probabilities in zip(recordings, found["sound"], found[name], strict=True):
            known = [i for i, truth in enumerate(recording.truth) if truth != UNKNOWN]
            y = np.array([place[recording.truth[i]] for i in known], dtype=np.int64)
            by_sound, answers = (each[known].argmax(axis=1) for each in (sound, probabilities))
            np.add.at(called, (row[recording.session], at, y, answers), 1)
            left[row[recording.session], at] += (is_swap(y, by_sound, joint) & is_swap(y, answers, joint)).sum()
            loss[row[recording.session], at] -= np.log(np.maximum(probabilities[known, y], LEAST)).sum()
    return Tally(called, left, loss)


def is_swap(y: NDArray[np.int64], answers: NDArray[np.int64], joint: Sequence[int]) -> NDArray[np.bool_]:
    """Return which events are of one joint class and called the other."""
    return np.isin(y, joint) & np.isin(answers, joint) & (y != answers)


# --- what is varied ---------------------------------------------------------------------------------------------------


def vary(
    recordings: Sequence[Recording], classifier: Classifier, model: Model, what: str, values: Sequence[float]
) -> list[dict[str, Any]]:
    """Score with other refractory periods or prices."""
    return [score(count(recordings, classifier, model, **{what: value}), model) for value in values]


def subsets(recordings: Sequence[Recording], classifier: Classifier, model: Model) -> dict[str, dict[str, Any]]:
    """Score subsets by their content, and all recordings with less metadata."""
    single = [recording for recording in recordings if len(recording.extraction.events) == 1]
    untimed = [replace(recording.metadata, recorded_at=None) for recording in recordings]
    unnamed = [replace(recording.metadata, subject=None) for recording in recordings]
    nowhere = [replace(recording.metadata, site=None) for recording in recordings]
    chosen = {
        "every snap repeats": [
            recording for recording in of_sessions(recordings, _snaps) if snaps_repeat(recording) is not False
        ],
        "lone or irregular snaps": [
            recording for recording in of_sessions(recordings, _snaps) if snaps_repeat(recording) is not True
        ],
        "taps, clocks, clicks that repeat": of_sessions(recordings, lambda own: any(map(others_repeat, own))),
        "cavitations in several thrusts": of_sessions(recordings, cavitations_recur),
        "sites of one joint cavity": [recording for recording in recordings if recording.metadata.capacity == FEW],
        "sites of ten cavities or more": [
            recording for recording in recordings if (recording.metadata.capacity or 0) >= MANY
        ],
    }
    found = {name: count(some, classifier, model) for name, some in chosen.items()}
    found["no recording time"] = count(recordings, classifier, model, untimed)
    found["no subject"] = count(recordings, classifier, model, unnamed)
    found["no site"] = count(recordings, classifier, model, nowhere)
    alone = [replace(recording.metadata, subject=None, recorded_at=None) for recording in single]
    found["one event, no time"] = count(single, classifier, model, alone)
    return {name: score(tally, model) for name, tally in found.items()}


def of_sessions(recordings: Sequence[Recording], wanted: Callable[[list[Recording]], bool]) -> list[Recording]:
    """Return the recordings of the sessions that meet a condition."""
    sessions: dict[int, list[Recording]] = {}
    for recording in recordings:
        sessions.setdefault(recording.session, []).append(recording)
    return [recording for own in sessions.values() if wanted(own) for recording in own]


def _snaps(own: list[Recording]) -> bool:
    return any(snaps_repeat(recording) is not None for recording in own)


def clocks(
    recordings: Sequence[Recording], classifier: Classifier, model: Model, seed: int
) -> dict[str, dict[str, Any]]:
    """Score with correct, wrong and missing start times."""
    rng = np.random.default_rng([seed, 1])
    normal = rng.standard_normal(len(recordings))
    known = {
        "right": [recording.metadata for recording in recordings],
        "wrong by 10 min": [_shifted(recording, 600 * z) for recording, z in zip(recordings, normal, strict=True)],
        "wrong by 1 h": [_shifted(recording, 3600 * z) for recording, z in zip(recordings, normal, strict=True)],
        "order swapped": _swapped(recordings, rng),
        "none": [replace(recording.metadata, recorded_at=None) for recording in recordings],
    }
    return {name: score(count(recordings, classifier, model, metadata), model) for name, metadata in known.items()}


def _shifted(recording: Recording, seconds: float) -> Metadata:
    at = recording.metadata.recorded_at
    assert at is not None
    return replace(recording.metadata, recorded_at=at + timedelta(seconds=seconds))


def _swapped(recordings: Sequence[Recording], rng: np.random.Generator) -> list[Metadata]:
    """Permute the start times of each session among its recordings."""
    metadata = [recording.metadata for recording in recordings]
    session = np.array([recording.session for recording in recordings])
    for number in np.unique(session):
        own = np.flatnonzero(session == number)
        for index, other in zip(own, rng.permutation(own), strict=True):
            metadata[index] = replace(recordings[index].metadata, recorded_at=recordings[other].metadata.recorded_at)
    return metadata


def scenarios(recordings: Sequence[Recording], classifier: Classifier, model: Model) -> dict[str, dict[str, Any]]:
    """Score where every snap repeats and nothing else does, and where a fifth of the snaps do not and taps do."""
    plain = [
        recording for recording in recordings if snaps_repeat(recording) is not False and not others_repeat(recording)
    ]
    chosen = {
        "every snap repeats, nothing else does": plain,
        "a fifth of the snaps do not, taps and clocks do": mixed(recordings),
    }
    return {name: score(count(some, classifier, model), model) for name, some in chosen.items()}


def mixed(recordings: Sequence[Recording], share: float = 0.2) -> list[Recording]:
    """Return recordings with at most this share of lone or irregular snaps, and all those without snaps."""
    snaps = [recording.truth.count(SNAPPING) for recording in recordings]
    steady = sum(n for recording, n in zip(recordings, snaps, strict=True) if snaps_repeat(recording))
    allowed, kept = steady * share / (1 - share), []
    for recording, n in zip(recordings, snaps, strict=True):
        if snaps_repeat(recording) is False:
            if n > allowed:
                continue
            allowed -= n
        kept.append(recording)
    return kept


if __name__ == "__main__":
    sys.exit(main())
