"""Accuracy after a few labels, for the sounds that `popclass suggest` chooses and for others.

    python benchmarks/suggest.py [--draws N] [--people N] [--cache FILE] [--write]

Generated people whom the bundled model was not trained on. In each draw, the sounds of a few people are halved: labels
are chosen from one half, and the other half is classified by a model that `popclass train --base default --partial`
would make of these labels. A chosen sound that has no class, such as an echo, is labelled `unsure`: it is used up and
teaches nothing. Strategies see the same halves. `--write` replaces the tables of docs/research/suggest.md.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "experiments"))

from sessions import Recording, extract_sessions  # noqa: E402

from popclass.model.model import Model  # noqa: E402
from popclass.model.novelty import Novelty  # noqa: E402
from popclass.pipeline import apply_model  # noqa: E402
from popclass.postprocess import posteriors  # noqa: E402
from popclass.training.active import RANDOM_SHARE, Choice, choose_events  # noqa: E402
from popclass.training.fit import fit  # noqa: E402
from popclass.training.folds import choose_groups  # noqa: E402
from popclass.training.settings import FitConfig  # noqa: E402

SEED, PEOPLE, TOGETHER = 515_151, 80, 5
SIZES = (5, 10, 20, 50)
DRAWS = 50
FEWEST = 20  # sounds of each person
PAGE = ROOT / "docs" / "research" / "suggest.md"
REFERENCE = "random"
CLUSTERS = "one of each cluster"
STRATEGIES: dict[str, dict[str, Any]] = {
    "suggested": {},
    CLUSTERS: {},
    "margin": {"random_share": 0.0},
    REFERENCE: {"random_share": 1.0},
}
CANDIDATES = 10  # sounds with a small margin that are clustered, for each one chosen
FARTHEST = 4.0  # whitened features are clipped there, so that a single feature makes no cluster


@dataclass(frozen=True, slots=True)
class Person:
    """Recordings of one person, whose events follow each other in the arrays of `Events`."""

    recordings: tuple[Recording, ...]

    @property
    def truth(self) -> list[str]:
        """Class of each event, empty where it has none."""
        return [label for recording in self.recordings for label in recording.truth]


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"draws, at least 2 ({DRAWS})")
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"people to generate ({PEOPLE})")
    parser.add_argument("--cache", type=Path, help="file that keeps the extracted events")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--write", action="store_true", help=f"replace the tables of {PAGE.name}")
    options = parser.parse_args(argv)
    people = load_people(options.people, options.cache, options.jobs)
    if options.draws < 2 or len(people) < TOGETHER:
        parser.error(f"at least 2 draws and {TOGETHER} people with {FEWEST} sounds are needed; found {len(people)}")
    began, found = time.monotonic(), []
    start = {"mp_context": get_context("spawn"), "initializer": _begin, "initargs": [people]}
    with ProcessPoolExecutor(options.jobs, **start) as pool:
        try:
            for number, scores in enumerate(pool.map(_draw, range(options.draws)), start=1):
                found.append(scores)
                print(f"{number} of {options.draws}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        except KeyboardInterrupt:  # the tables state the number of draws
            pool.shutdown(cancel_futures=True)
    text = tables(found, len(people))
    print(text)
    if options.write:
        PAGE.write_text(PAGE.read_text("utf-8").partition("## ")[0] + text, "utf-8")
    return 0


def load_people(number: int, cache: Path | None, jobs: int) -> list[Person]:
    """Return the people with enough sounds, from the cache if it holds them."""
    if cache is not None and cache.exists():
        recordings: list[Recording] = pickle.loads(cache.read_bytes())
    else:
        recordings = extract_sessions(number, SEED, Model.default().frontend, jobs=jobs)
        if cache is not None:
            cache.write_bytes(pickle.dumps(recordings))
    people = [Person(tuple(each for each in recordings if each.session == session)) for session in range(number)]
    return [person for person in people if len(person.truth) >= FEWEST]


_people: list[Person]


def _begin(people: list[Person]) -> None:
    global _people
    _people = people


def _draw(number: int) -> dict[str, Any]:
    return score_draw(_people, number)


def score_draw(people: Sequence[Person], number: int) -> dict[str, Any]:
    """Return the scores of one draw by strategy and number of labels, and what its similar sounds were."""
    rng = np.random.default_rng([SEED, number])
    drawn = [people[i] for i in rng.permutation(len(people))[:TOGETHER]]
    recordings = [recording for person in drawn for recording in person.recordings]
    truth = np.array([label for person in drawn for label in person.truth])
    person = np.repeat(np.arange(len(drawn)), [len(each.truth) for each in drawn])
    offered = np.zeros(len(truth), dtype=bool)
    for one in range(len(drawn)):
        own = rng.permutation(np.flatnonzero(person == one))
        offered[own[: len(own) // 2]] = True
    base = Model.default()
    X = np.concatenate([each.extraction.features for each in recordings])
    p = classify(base, recordings)
    subjects = [each.metadata.subject for each in recordings for _ in each.truth]
    names = [each.extraction.info.name for each in recordings for _ in each.truth]
    tested = ~offered & (truth != "")
    scores: dict[str, Any] = {"none": balanced_accuracy(base, p[tested], truth[tested])}
    for size in SIZES:
        for strategy, settings in STRATEGIES.items():
            options = {"count": size, "allowed": offered, "seed": number, **settings}
            pick = partial(one_of_each_cluster, base, X) if strategy == CLUSTERS else choose_events
            chosen = pick(p, subjects, names, **options)
            rows = np.array([each.event for each in chosen if truth[each.event]], dtype=int)
            model = train(base, X[rows], truth[rows].tolist(), [subjects[i] for i in rows], [names[i] for i in rows])
            score = balanced_accuracy(base, classify(model, recordings)[tested], truth[tested])
            scores[strategy, size] = score, len(rows), len(set(truth[rows]))
    scores["similar"] = similar_sounds(base, recordings)
    return scores


def one_of_each_cluster(
    base: Model, X: Any, p: Any, subjects: Sequence[str | None], names: Sequence[str], **options: Any
) -> list[Choice]:
    """Choose as `choose_events`, but of the smallest margins one of each of as many clusters of similar sounds."""
    from sklearn.cluster import AgglomerativeClustering

    number = options["count"] - round(RANDOM_SHARE * options["count"])
    best = choose_events(p, subjects, names, **{**options, "count": CANDIDATES * number}, random_share=0.0)
    candidates = [each.event for each in best]
    novelty = Novelty.from_json(base.info["novelty"])
    white = np.clip((X[candidates] - novelty.mean) @ novelty.whitening, -FARTHEST, FARTHEST)
    # Ward's clusters, unlike those of k-means, depend on no start and no number of threads
    cluster = AgglomerativeClustering(n_clusters=min(number, len(candidates)), linkage="ward").fit_predict(white)
    chosen = [best[at] for at in sorted(np.unique(cluster, return_index=True)[1].tolist())]
    left = np.array(options["allowed"])
    left[[each.event for each in chosen]] = False
    others = {**options, "count": options["count"] - len(chosen), "allowed": left}
    return chosen + choose_events(p, subjects, names, **others, random_share=1.0)


def classify(model: Model, recordings: Sequence[Recording]) -> Any:
    """Return the probabilities of all events after context and timing."""
    analyses = apply_model([each.extraction for each in recordings], model)
    return np.concatenate(posteriors(analyses, [each.metadata for each in recordings], model))


def train(base: Model, X: Any, labels: list[str], subjects: list[str | None], recordings: list[str]) -> Model:
    """Return the model that `popclass train --base default --partial` makes of labelled events."""
    if not labels:
        return base
    kind, groups, _ = choose_groups(np.unique(labels, return_inverse=True)[1], subjects, recordings)
    return fit(X, labels, groups, base.frontend, FitConfig(grouped_by=kind), base=base)


def balanced_accuracy(base: Model, p: Any, truth: Any) -> float:
    """Return the mean over the classes of the share of their events that is classified right."""
    right = np.array(base.classes)[p.argmax(axis=1)] == truth
    return float(np.mean([right[truth == name].mean() for name in np.unique(truth)]))


def similar_sounds(base: Model, recordings: Sequence[Recording]) -> list[tuple[int, int]]:
    """Return for each event with a class the number of similar ones in its recording, and how many have its class."""
    found = []
    for recording in recordings:
        level = np.array([event.snr_db for event in recording.extraction.events])
        for at, label in enumerate(recording.truth):
            assert base.context is not None
            others = base.context.similar(recording.extraction.features, level, at)
            if label and len(others):
                found.append((len(others), sum(recording.truth[i] == label for i in others)))
    return found


def tables(found: Sequence[dict[str, Any]], people: int) -> str:
    """Return the results as tables in Markdown."""
    before = [scores["none"] for scores in found]
    draws = f"{len(found)} draws of {TOGETHER} of {people} people"
    lines = [f"## Balanced accuracy\n\n{draws}; without labels {interval(before)}.\n", *header("labels")]
    lines += [row(size, lambda name, size=size: interval([each[name, size][0] for each in found])) for size in SIZES]
    lines += [f"\n## Difference from labels chosen at random\n\nWithin the same draw; intervals hold for {draws}.\n"]
    lines += header("labels")
    for size in SIZES:
        lines.append(row(size, lambda name, size=size: interval(gains(found, name, size), signed=True)))
    lines += ["\n## Labels with a class, and classes among them\n", *header("labels")]
    for size in SIZES:
        lines.append(row(size, lambda name, size=size: counts(found, name, size)))
    events = [event for scores in found for event in scores["similar"]]
    similar, same = (sum(each) for each in zip(*events, strict=True))
    lines.append(
        f"\n## Similar sounds\n\n{len(events)} sounds of these people (counted again where people were drawn again) "
        f"have similar ones in their recording, {similar / len(events):.1f} each on average. {same / similar:.1%} of "
        "these have the same class; the others are of another class or of none.\n"
    )
    return "\n".join(lines)


def header(first: str) -> list[str]:
    """Return the header of a table with a column for each strategy."""
    return [f"| {first} | " + " | ".join(STRATEGIES) + " |", "| ---: |" + " ---: |" * len(STRATEGIES)]


def row(size: int, cell: Callable[[str], str]) -> str:
    """Return a line of a table."""
    return f"| {size} | " + " | ".join(map(cell, STRATEGIES)) + " |"


def gains(found: Sequence[dict[str, Any]], name: str, size: int) -> list[float]:
    """Return the difference of each draw from labels chosen at random."""
    return [scores[name, size][0] - scores[REFERENCE, size][0] for scores in found]


def counts(found: Sequence[dict[str, Any]], name: str, size: int) -> str:
    """Return the mean number of labels that have a class, and of classes among them."""
    labels, classes = (np.mean([scores[name, size][i] for scores in found]) for i in (1, 2))
    return f"{labels:.1f}, {classes:.1f}"


def interval(values: Sequence[float], *, signed: bool = False) -> str:
    """Return the mean of some draws and its 95 % interval."""
    mean, half = float(np.mean(values)), 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5
    form = "{:+.3f}" if signed else "{:.3f}"
    return f"{form.format(mean)} ({form.format(mean - half)} to {form.format(mean + half)})"


if __name__ == "__main__":
    sys.exit(main())
