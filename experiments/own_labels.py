"""Scores of models that people train on their own labels, on other people.

    python experiments/own_labels.py FOLDER [--people N]... [--others N] [--draws N] [--quick] [-o PAGE]

FOLDER holds fully labelled recordings of many subjects as `popclass train` reads them, of a world that the bundled
model was not trained on. An earlier version of the generator makes one (docs/research/own-labels.md). In each draw a
model is trained on all events of some people, as `popclass train` does it, for either target. The final labels of
other people (after novelty, context, timing and thresholds) are compared with theirs; an `uncertain` one counts as
wrong. Sounds that were not detected are not counted. With -o the table replaces that of the page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from popclass.errors import AudioError
from popclass.extraction import Extraction, extract_events
from popclass.labels.matching import match
from popclass.labels.read import read_labels
from popclass.metadata import Metadata
from popclass.metrics.tables import markdown_table
from popclass.model.model import Model
from popclass.pipeline import apply_model
from popclass.postprocess import postprocess
from popclass.schema import UNCERTAIN
from popclass.training.adapt import Adaptation
from popclass.training.fit import fit
from popclass.training.folds import SUBJECT
from popclass.training.settings import FitConfig
from popclass.training.thresholds import BALANCED, PRECISE, balanced_weights

PEOPLE, OTHERS, DRAWS = (20, 5), 20, 4
TARGETS = (BALANCED, PRECISE)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One recording with its events and their labels, None for an event without a label."""

    subject: str
    extraction: Extraction
    metadata: Metadata
    labels: tuple[str | None, ...]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="labelled recordings of many subjects")
    parser.add_argument("--people", type=int, action="append", help=f"subjects that label ({PEOPLE}); repeatable")
    parser.add_argument("--others", type=int, default=OTHERS, help=f"subjects that are tested ({OTHERS})")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"draws of subjects ({DRAWS})")
    parser.add_argument("--quick", action="store_true", help="test no candidates beside the base and its correction")
    parser.add_argument("-o", dest="page", type=Path, help="page to write")
    options = parser.parse_args(argv)
    text = study([*read_folder(options.folder)], options.people or PEOPLE, options)
    print(text)
    if options.page is not None:
        options.page.write_text(options.page.read_text("utf-8").partition("| people")[0] + text, "utf-8")
    return 0


def read_folder(folder: Path) -> Iterator[Labelled]:
    """Yield the recordings of a folder of labels; those that cannot be read are left out."""
    frontend = Model.default().frontend
    for recording in read_labels(folder).recordings:
        try:
            extraction = extract_events(recording.path, frontend, name=recording.name)
        except AudioError:
            continue
        metadata = Metadata(site=recording.site, subject=recording.subject, recorded_at=recording.recorded_at)
        labels = match(extraction.events, recording).labels
        yield Labelled(recording.subject or recording.name, extraction, metadata, labels)


def study(found: Sequence[Labelled], people: Sequence[int], options: argparse.Namespace) -> str:
    """Return the table of all draws, a row each, with the means."""
    head = ["people", "target", "draw", "events", "chosen", "bundled, sound", "bundled, final"]
    rows = [[*head, "trained, sound", "trained, final", "uncertain"]]
    subjects = sorted({each.subject for each in found})
    for number in people:
        for target in TARGETS:
            scores = []
            for draw in range(options.draws):
                drawn = np.random.default_rng([number, draw]).permutation(subjects)
                own = [each for each in found if each.subject in drawn[:number]]
                test = [each for each in found if each.subject in drawn[number : number + options.others]]
                model, events = train_on(own, target, options.quick)
                shown = [str(number), target, str(draw + 1), str(events), model.info["classifier"]["kind"]]
                scores.append([*score(test, reweighted(Model.default(), target))[:2], *score(test, model)])
                rows.append([*shown, *(f"{each:.3f}" for each in scores[-1])])
            mean = np.mean(scores, axis=0)
            rows.append([str(number), target, "mean", "", "", *(f"**{each:.3f}**" for each in mean)])
    return markdown_table(rows) + "\n"


def train_on(own: Sequence[Labelled], target: str, quick: bool = False) -> tuple[Model, int]:
    """Return a model trained as `popclass train` does it with the bundled base, and the number of events."""
    base = Model.default()
    rows = [
        (features, label, each.subject)
        for each in own
        for features, label in zip(each.extraction.features, each.labels, strict=True)
        if label is not None
    ]
    X, labels, groups = zip(*rows, strict=True)
    config = FitConfig(target=target, grouped_by=SUBJECT)
    if quick:
        return Adaptation(base, np.array(X), labels, groups, config).model(), len(labels)
    return fit(np.array(X), labels, groups, base.frontend, config, base=base), len(labels)


def reweighted(model: Model, target: str) -> Model:
    """Return a model whose answers are those for the target."""
    if target != BALANCED:
        return model
    weights = balanced_weights(model.classes, model.frequencies.tolist())
    least = dict.fromkeys(model.classes, 0.0)
    thresholds = {**model.info["thresholds"], "min_probability": least, "weights": weights}
    return Model(model.graph, {**model.info, "thresholds": thresholds})


def score(test: Sequence[Labelled], model: Model) -> tuple[float, float, float]:
    """Return balanced accuracies by the sound alone and of the final labels, and the share of `uncertain` events."""
    analyses = apply_model([each.extraction for each in test], model)
    results = postprocess(analyses, [each.metadata for each in test], model)
    weights = np.array(model.thresholds.weights)
    truth = np.array([label or "" for each in test for label in each.labels])
    sound = np.array([model.classes[i] for each in analyses for i in (each.acoustic * weights).argmax(axis=1)])
    final = np.array([event.label for result in results for event in result.events])
    known = truth != ""
    right = [[(given[truth == name] == name).mean() for name in model.classes] for given in (sound, final)]
    by_sound, at_last = np.mean(right, axis=1)
    return float(by_sound), float(at_last), float((final[known] == UNCERTAIN).mean())


if __name__ == "__main__":
    sys.exit(main())
