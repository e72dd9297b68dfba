"""What the timing and the company of sounds are worth: errors with and without them, on generated sessions.

    python benchmarks/evidence.py [--sessions N] [--seed S] [-o FOLDER]

Sounds, detection, features, the context stage and the refractory rule are popclass's own, and probabilities come from
the functions that `popclass classify` calls (`popclass.pipeline.judge`, `popclass.postprocess.probabilities`). Simulated
are the people and, beside the default model, classifiers of any error rate (`simulated.py`). The page and its figures
are written into docs/, or into another folder where sessions or seed are not those of the page (`evidence_page.py`).
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
from evidence_scores import READINGS, Tally, score
from numpy.typing import NDArray
from sessions import Take, cavitations_recur, hear_takes, others_repeat, snaps_repeat
from simulated import simulate

from popclass.metrics.scores import LEAST
from popclass.model.model import Model
from popclass.pipeline import judge
from popclass.postprocess import Metadata, posteriors
from popclass.results import OTHER, SNAPPING, Analysis
from popclass.timing.refractory import PRICE
from popclass.training.generated import UNKNOWN

SESSIONS, SEED = 240, 20261124
ERRORS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
COMPARED = 0.2  # the simulated classifier that stands beside the default model where one is enough
MINUTES = (10, 15, 20, 25, 30)
PRICES = (0.5, 1.0, PRICE, 3.0, float("inf"))
FEW, MANY = 1, 10  # joint cavities of a site
DOCS = Path(__file__).resolve().parents[1] / "docs"

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A name, and what takes are like to its ear."""

    name: str
    analyses: Mapping[str, Analysis]

    def of(self, takes: Sequence[Take]) -> list[Analysis]:
        """Its analyses of some recordings."""
        return [self.analyses[take.heard.name] for take in takes]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=SESSIONS, help=f"sessions to generate ({SESSIONS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the sessions and the simulated noise ({SEED})")
    parser.add_argument("-o", dest="folder", type=Path, help="folder for the page and its figures (docs)")
    options = parser.parse_args(argv)
    if options.folder is None and (options.sessions, options.seed) != (SESSIONS, SEED):
        parser.error("name a folder with -o: the page in docs is for the default sessions and seed")
    model = Model.default()
    takes = hear_takes(options.sessions, options.seed, model.frontend)
    results = measure(takes, model, options.seed)
    write_page(results, options.sessions, options.seed, options.folder or DOCS)
    return 0


def measure(takes: Sequence[Take], model: Model, seed: int) -> dict[str, Any]:
    """Every figure of the page."""
    real = Classifier("the default model", _named(takes, [judge(take.heard, model) for take in takes]))
    made = [simulated(takes, model, error, seed) for error in ERRORS]
    pair = (real, made[ERRORS.index(COMPARED)])
    return {
        "n": sizes(takes, model),
        "classifiers": [(each.name, score(count(takes, each, model), model)) for each in (real, *made)],
        "errors": ERRORS,
        "periods": [
            (each.name, vary(takes, each, model, "refractory_s", [60.0 * m for m in MINUTES])) for each in pair
        ],
        "minutes": MINUTES,
        "prices": [(each.name, vary(takes, each, model, "price", PRICES)) for each in pair],
        "price": PRICES,
        "parts": [(each.name, parts(takes, each, model)) for each in pair],
        "clocks": [(each.name, clocks(takes, each, model, seed)) for each in pair],
        "worlds": [(each.name, worlds(takes, each, model)) for each in pair],
    }


def sizes(takes: Sequence[Take], model: Model) -> dict[str, int]:
    """How many sessions, recordings and events of each class there are."""
    truth = [each for take in takes for each in take.truth]
    return {
        "sessions": len({take.session for take in takes}),
        "recordings": len(takes),
        **{name: truth.count(name) for name in model.classes},
        "unnamed": truth.count(UNKNOWN),
    }


# --- classifiers and readings -----------------------------------------------------------------------------------------


def simulated(takes: Sequence[Take], model: Model, error: float, seed: int) -> Classifier:
    """A simulated classifier of sounds, followed by the default model's own context stage.

    An echo or a rub is heard as `other`, as by the default model nearly always.
    """
    place = {name: i for i, name in enumerate(model.classes)}
    y = np.array([place[truth or OTHER] for take in takes for truth in take.truth])
    alike = [(take.heard.name, kind) if kind else None for take in takes for kind in take.kind]
    known = np.array([truth != UNKNOWN for take in takes for truth in take.truth])
    shares = np.bincount(y[known], minlength=len(place)) / known.sum()
    flat = simulate(y, alike, error, shares, seed=seed)
    edges = np.cumsum([len(take.truth) for take in takes])[:-1]
    said = np.split(flat, edges)
    return Classifier(
        f"simulated, {100 * error:.0f} %",
        _named(takes, [judge(t.heard, model, acoustic=p) for t, p in zip(takes, said, strict=True)]),
    )


def _named(takes: Sequence[Take], analyses: Sequence[Analysis]) -> dict[str, Analysis]:
    return {take.heard.name: analysis for take, analysis in zip(takes, analyses, strict=True)}


def readings(
    takes: Sequence[Take],
    classifier: Classifier,
    model: Model,
    around: Sequence[Metadata] | None = None,
    **options: float,
) -> dict[str, list[Array]]:
    """Probabilities of every event: of the sound, with timing, with company, with both."""
    analyses = classifier.of(takes)
    known = [take.around for take in takes] if around is None else around
    alone = [replace(analysis, contextual=analysis.acoustic) for analysis in analyses]
    return {
        "sound": [analysis.acoustic for analysis in analyses],
        "timing": posteriors(alone, known, model, **options),
        "company": [analysis.contextual for analysis in analyses],
        "both": posteriors(analyses, known, model, **options),
    }


def count(
    takes: Sequence[Take],
    classifier: Classifier,
    model: Model,
    around: Sequence[Metadata] | None = None,
    **options: float,
) -> Tally:
    """What was called what under each reading."""
    found = readings(takes, classifier, model, around, **options)
    place = {name: i for i, name in enumerate(model.classes)}
    row = {session: i for i, session in enumerate(sorted({take.session for take in takes}))}
    called = np.zeros((len(row), len(READINGS), len(place), len(place)), dtype=np.int64)
    loss = np.zeros((len(row), len(READINGS)))
    for at, name in enumerate(READINGS):
        for take, chances in zip(takes, found[name], strict=True):
            known = [i for i, truth in enumerate(take.truth) if truth != UNKNOWN]
            y = [place[take.truth[i]] for i in known]
            np.add.at(called, (row[take.session], at, y, chances[known].argmax(axis=1)), 1)
            loss[row[take.session], at] -= np.log(np.maximum(chances[known, y], LEAST)).sum()
    return Tally(called, loss)


# --- what is varied ---------------------------------------------------------------------------------------------------


def vary(
    takes: Sequence[Take], classifier: Classifier, model: Model, what: str, values: Sequence[float]
) -> list[dict[str, Any]]:
    """Scores with another refractory period or price."""
    return [score(count(takes, classifier, model, **{what: value}), model) for value in values]


def parts(takes: Sequence[Take], classifier: Classifier, model: Model) -> dict[str, dict[str, Any]]:
    """Scores of some sessions or recordings by what is in them, and of all with less known about them."""
    single = [take for take in takes if len(take.heard.events) == 1]
    untimed = [replace(take.around, recorded_at=None) for take in takes]
    unnamed = [replace(take.around, subject=None) for take in takes]
    nowhere = [replace(take.around, site=None) for take in takes]
    chosen = {
        "every snap repeats": [take for take in of_sessions(takes, _snaps) if snaps_repeat(take) is not False],
        "lone or irregular snaps": [take for take in of_sessions(takes, _snaps) if snaps_repeat(take) is not True],
        "taps, clocks, clicks that repeat": of_sessions(takes, lambda own: any(map(others_repeat, own))),
        "cavitations in several thrusts": of_sessions(takes, cavitations_recur),
        "sites of one joint cavity": [take for take in takes if take.around.capacity() == FEW],
        "sites of ten cavities or more": [take for take in takes if (take.around.capacity() or 0) >= MANY],
    }
    found = {name: count(some, classifier, model) for name, some in chosen.items()}
    found["no recording time"] = count(takes, classifier, model, untimed)
    found["no subject"] = count(takes, classifier, model, unnamed)
    found["no site"] = count(takes, classifier, model, nowhere)
    alone = [replace(take.around, subject=None, recorded_at=None) for take in single]
    found["one sound heard, no time"] = count(single, classifier, model, alone)
    return {name: score(tally, model) for name, tally in found.items()}


def of_sessions(takes: Sequence[Take], wanted: Callable[[list[Take]], bool]) -> list[Take]:
    """The recordings of the sessions that have something in them."""
    sessions: dict[int, list[Take]] = {}
    for take in takes:
        sessions.setdefault(take.session, []).append(take)
    return [take for own in sessions.values() if wanted(own) for take in own]


def _snaps(own: list[Take]) -> bool:
    return any(snaps_repeat(take) is not None for take in own)


def clocks(takes: Sequence[Take], classifier: Classifier, model: Model, seed: int) -> dict[str, dict[str, Any]]:
    """Scores with the right starting times, wrong ones and none."""
    rng = np.random.default_rng([seed, 1])
    normal = rng.standard_normal(len(takes))
    known = {
        "right": [take.around for take in takes],
        "wrong by 10 min": [_shifted(take, 600 * z) for take, z in zip(takes, normal, strict=True)],
        "wrong by 1 h": [_shifted(take, 3600 * z) for take, z in zip(takes, normal, strict=True)],
        "order swapped": _swapped(takes, rng),
        "none": [replace(take.around, recorded_at=None) for take in takes],
    }
    return {name: score(count(takes, classifier, model, around), model) for name, around in known.items()}


def _shifted(take: Take, seconds: float) -> Metadata:
    at = take.around.recorded_at
    assert at is not None
    return replace(take.around, recorded_at=at + timedelta(seconds=seconds))


def _swapped(takes: Sequence[Take], rng: np.random.Generator) -> list[Metadata]:
    """The starting times of each session, given to its recordings in another order."""
    around = [take.around for take in takes]
    session = np.array([take.session for take in takes])
    for number in np.unique(session):
        own = np.flatnonzero(session == number)
        for index, other in zip(own, rng.permutation(own), strict=True):
            around[index] = replace(takes[index].around, recorded_at=takes[other].around.recorded_at)
    return around


def worlds(takes: Sequence[Take], classifier: Classifier, model: Model) -> dict[str, dict[str, Any]]:
    """Scores where every snap repeats and nothing else does; and where a fifth of the snaps do not, and taps do."""
    plain = [take for take in takes if snaps_repeat(take) is not False and not others_repeat(take)]
    chosen = {
        "every snap repeats, nothing else does": plain,
        "a fifth of the snaps do not, taps and clocks do": mixed(takes),
    }
    return {name: score(count(some, classifier, model), model) for name, some in chosen.items()}


def mixed(takes: Sequence[Take], share: float = 0.2) -> list[Take]:
    """Recordings with at most this share of lone or irregular snaps, in order, and all those without snaps."""
    snaps = [take.truth.count(SNAPPING) for take in takes]
    steady = sum(n for take, n in zip(takes, snaps, strict=True) if snaps_repeat(take))
    allowed, kept = steady * share / (1 - share), []
    for take, n in zip(takes, snaps, strict=True):
        if snaps_repeat(take) is False:
            if n > allowed:
                continue
            allowed -= n
        kept.append(take)
    return kept


if __name__ == "__main__":
    sys.exit(main())
