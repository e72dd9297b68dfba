"""Learning curve of adaptation: scores of a base model corrected with few labels.

    python experiments/learning_curve.py [--sessions N] [--draws N] [-o PAGE]

Generated sessions that the base was not trained on; a session stands for a person. Labels of one person are tested on
other recordings of the same person, labels of other people on held-out people. Under domain shift the base is trained
without contact sensors and tested on contact sessions. The tables are printed. With the default sessions and draws
they replace those of docs/research/learning-curve.md; otherwise nothing is written unless -o names a page.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from popclass.features import FrontEnd
from popclass.model.model import Model
from popclass.training.adapt import STRENGTH, choose_correction
from popclass.training.classifiers import train_classifier
from popclass.training.correction import RECALIBRATION, base_probabilities, feature_scale, fit_correction
from popclass.training.default import generate_events
from popclass.training.fit import fit
from popclass.training.settings import FitConfig

SESSIONS, SEED = 240, 777
SIZES = (5, 10, 20, 50, 100, 200, 500)
DRAWS = 12
FEWEST_SESSIONS = 12
METHODS = ("base", "scratch", "recalibrated", "corrected", "as features", "popclass")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "research" / "learning-curve.md"


def main(argv: list[str] | None = None) -> int:
    """Run the study, print, and write the page."""
    options = parsed(argv)
    frontend = FrontEnd.build()
    events = generate_events(options.sessions, SEED, frontend, jobs=2)
    rows = events.rows
    X, labels = events.X[rows].astype(np.float32).astype(float), events.label[rows]
    person, recording = events.session[rows], events.recording[rows]
    contact = events.factor("sensor")[rows] == "contact"
    away = np.flatnonzero(~contact)
    people = person[away].astype(str).tolist()
    config = FitConfig(classifier="boosting", folds=3)
    shifted = fit(X[away], labels[away].tolist(), people, frontend, config)
    parts = []
    for title, base, some in (
        ("The default model, new sessions", Model.default(), np.arange(len(X))),
        ("A base without contact sensors, contact sessions", shifted, np.flatnonzero(contact)),
    ):
        y = np.array([base.classes.index(label) for label in labels[some]], dtype=int)
        data = (base, X[some], y, person[some], recording[some])
        parts.append(f"## {title}\n\nLabels of other people:\n\n{curve(data, others, options.draws)}")
        parts.append(f"Labels of the same person:\n\n{curve(data, same, options.draws)}")
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.page is not None:
        before = PAGE.read_text("utf-8").partition("## The default model")[0]
        options.page.write_text(before + text, "utf-8")
    return 0


def parsed(argv: list[str] | None) -> argparse.Namespace:
    """Parse the options; `page` is None where nothing is to be written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=SESSIONS, help=f"sessions to generate ({SESSIONS})")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"sets of labels of each size, at least 2 ({DRAWS})")
    parser.add_argument("-o", dest="page", type=Path, help="page to write")
    options = parser.parse_args(argv)
    if options.sessions < FEWEST_SESSIONS:
        parser.error(f"--sessions {options.sessions}: at least {FEWEST_SESSIONS}, or a class may be missing")
    if options.draws < 2:
        parser.error(f"--draws {options.draws}: at least 2, since the interval is over draws")
    if options.page is None and (options.sessions, options.draws) == (SESSIONS, DRAWS):
        options.page = PAGE
    return options


def others(rng: Any, n: int, y: Any, person: Any, recording: Any) -> tuple[Any, Any, Any] | None:
    """Draw rows of n labelled events, few of each person; rows of held-out people; groups."""
    names = rng.permutation(np.unique(person))
    test = np.isin(person, names[: len(names) // 2])
    seen: Counter[int] = Counter()
    own = []
    for event in rng.permutation(np.flatnonzero(~test)):
        if seen[person[event]] < max(5, n // 15) and len(own) < n:
            seen[person[event]] += 1
            own.append(event)
    return (np.array(own), np.flatnonzero(test), person) if len(own) == n else None


def same(rng: Any, n: int, y: Any, person: Any, recording: Any) -> tuple[Any, Any, Any] | None:
    """Draw rows of n labelled events of one person; rows of their other recordings; groups."""
    for one in rng.permutation(np.unique(person)):
        mine = np.flatnonzero(person == one)
        names = rng.permutation(np.unique(recording[mine]))
        train = mine[np.isin(recording[mine], names[: (len(names) + 1) // 2])]
        test = np.setdiff1d(mine, train)
        if len(train) >= n and len(test) >= 10 and len(np.unique(y[train])) > 1 and len(np.unique(y[test])) > 1:
            return rng.permutation(train)[:n], test, recording
    return None


def curve(data: Any, choose: Any, draws: int) -> str:
    """Tabulate log loss / balanced accuracy of each method, and the gain over the base with its 95% interval."""
    base, X, y, person, recording = data
    p, scale = base_probabilities(base, X), feature_scale(base)
    lines = ["| labels | " + " | ".join(METHODS) + " | gain of popclass in log loss |", "| ---: |" + " ---: |" * 7]
    for n in SIZES:
        found: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
        for draw in range(draws):
            drawn = choose(np.random.default_rng([n, draw]), n, y, person, recording)
            if drawn is None:
                break
            own, test, group = drawn
            for method, answers in methods(p, X, y, own, test, group, scale).items():
                found[method].append(scores(answers, y[test]))
        if len(found["base"]) == draws:
            lines.append(
                f"| {n} | " + " | ".join(cell(found[method], draws) for method in METHODS) + f" | {gain(found)} |"
            )
    return "\n".join(lines)


def methods(p: Any, X: Any, y: Any, own: Any, test: Any, group: Any, scale: Any) -> dict[str, Any]:
    """Return the probabilities of each method on the test events."""
    out = {"base": p[test]}
    for name, strength in (("recalibrated", RECALIBRATION), ("corrected", STRENGTH)):
        out[name] = fit_correction(p[own], X[own], y[own], scale, strength).apply(p[test], X[test])
    groups = group[own].astype(str).tolist()
    chosen = choose_correction(p[own], X[own], y[own], groups, scale)
    out["popclass"] = p[test] if chosen is None else chosen.apply(p[test], X[test])
    if len(np.unique(y[own])) == p.shape[1]:
        both = np.hstack([X, np.log(p)])
        out["scratch"] = train_classifier("forest", X[own], y[own]).predict_proba(X[test])
        out["as features"] = train_classifier("forest", both[own], y[own]).predict_proba(both[test])
    return out


def scores(p: Any, y: Any) -> tuple[float, float]:
    """Log loss (no probability below 1e-4) and balanced accuracy."""
    recalls = [(p[y == c].argmax(axis=1) == c).mean() for c in np.unique(y)]
    return float(-np.log(np.maximum(p[np.arange(len(y)), y], 1e-4)).mean()), float(np.mean(recalls))


def cell(found: list[tuple[float, float]], draws: int) -> str:
    """Format the means over the draws; `-` where a draw is missing."""
    return "{:.3f} / {:.3f}".format(*np.mean(found, axis=0)) if len(found) == draws else "-"


def gain(found: dict[str, list[tuple[float, float]]]) -> str:
    """Format the mean gain over the base in log loss, with the normal 95% interval over the draws."""
    gains = np.array(found["base"])[:, 0] - np.array(found["popclass"])[:, 0]
    half = 1.96 * gains.std(ddof=1) / np.sqrt(len(gains))
    return f"{gains.mean():+.3f} ({gains.mean() - half:+.3f} to {gains.mean() + half:+.3f})"


if __name__ == "__main__":
    sys.exit(main())
