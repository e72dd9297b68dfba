"""Scores of the default model on real recordings, none of which it was trained on.

    python experiments/real.py FOLDER [--model M] [--write]

FOLDER holds `cracks/` with recordings and `truth.csv` (file, onset_s, label), and `negatives/KIND/`, in which every
cavitation or snapping label is a false alarm. All labels but `uncertain` are counted, and separately those with a
probability of 0.8 or more. `--write` stores the figures in `models/real.json` and rewrites the model card.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from popclass.metrics.bootstrap import ratios
from popclass.model.model import Model
from popclass.pipeline import classify, load_model
from popclass.results import Event, RecordingResult
from popclass.schema import CAVITATION, OTHER, SNAPPING, UNCERTAIN
from popclass.training.default import write_card
from popclass.training.thresholds import distribution

NEAR_S = 0.003
CONFIDENT = 0.8
AUDIO = (".wav", ".flac", ".ogg", ".m4a", ".mp3")


def main(argv: list[str] | None = None) -> int:
    """Score, print, and write with --write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    model = load_model(options.model)
    novelty: dict[str, list[float]] = {"real cracks": [], "other events beside them": [], "no joint": []}
    figures = {
        "model_sha256": model.sha256,
        "confident": CONFIDENT,
        "cracks": cracks(options.folder / "cracks", model, novelty),
        "negatives": negatives(options.folder / "negatives", model, novelty),
    }
    figures["novelty"] = [
        {"sounds": sounds, "events": len(values), "novelty": distribution(np.array(values))}
        for sounds, values in novelty.items()
    ]
    print(text(figures))
    if options.write:
        models = Path(__file__).resolve().parents[1] / "models"
        (models / "real.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
        write_card(models, model)
    return 0


def cracks(folder: Path, model: Model, novelty: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Count the onsets detected in each recording of cracks, and the labels of these and all other events."""
    truth: dict[str, list[float]] = {path.name: [] for path in sorted(folder.glob("*.wav"))}
    with (folder / "truth.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            truth[row["file"]].append(float(row["onset_s"]))
    rows = []
    for name, onsets in sorted(truth.items()):
        result = classify(folder / name, model=model)
        near = [each for each in result.events if any(abs(each.start_s - onset) <= NEAR_S for onset in onsets)]
        rest = [each for each in result.events if each not in near]
        novelty["real cracks"] += _novelty(near)
        novelty["other events beside them"] += _novelty(rest)
        rows.append(
            {
                "recording": name,
                "cracks": len(onsets),
                "found": len(near),
                "called": _counts([event.label for event in near]),
                "by_sound_alone": _counts([event.acoustic_label for event in near]),
                "p_cavitation": sorted(round(event.probabilities[CAVITATION], 2) for event in near),
                "novelty": sorted(round(event.novelty, 2) for event in near if event.novelty is not None),
                "other_events": _counts([event.label for event in rest]),
            }
        )
    return rows


def negatives(folder: Path, model: Model, novelty: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Count false joint labels in each kind of recording without joint sounds."""
    kinds: dict[str, list[RecordingResult]] = defaultdict(list)
    for path in sorted(each for each in folder.rglob("*") if each.suffix.lower() in AUDIO):
        kinds["/".join(path.relative_to(folder).parts[:-1])].append(classify(path, model=model))
    rows = [{"kind": kind, **_alarms(results)} for kind, results in sorted(kinds.items())]
    everything = [result for results in kinds.values() for result in results]
    rows.append({"kind": "all", **_alarms(everything)})
    novelty["no joint"] += _novelty([event for result in everything for event in result.events])
    return rows


def _novelty(events: list[Event]) -> list[float]:
    return [event.novelty for event in events if event.novelty is not None]


def _alarms(results: list[RecordingResult]) -> dict[str, Any]:
    minutes = sum(result.duration_s for result in results) / 60
    events = [event for result in results for event in result.events]
    counts = _counts([event.label for event in events])
    joint = [event for event in events if event.label in (CAVITATION, SNAPPING)]
    confident = [event for event in joint if (event.p_label or 0.0) >= CONFIDENT]
    return {
        "recordings": len(results),
        "minutes": round(minutes, 2),
        "events": len(events),
        **counts,
        "joint_per_minute": round(len(joint) / minutes, 2),
        "interval": _interval(results),
        "confident_per_minute": round(len(confident) / minutes, 2),
        "novelty_median": round(float(np.median(_novelty(events))), 2) if events else None,
    }


def _interval(results: list[RecordingResult]) -> list[float] | None:
    """Return the interval of the joint labels a minute, by a bootstrap over recordings."""
    joint = np.array([sum(event.label in (CAVITATION, SNAPPING) for event in result.events) for result in results])
    minutes = np.array([result.duration_s for result in results]) / 60
    span = ratios({"joint": (joint, minutes)}, [result.recording for result in results])[1]["joint"]
    return span and [round(bound, 2) for bound in span]


def _counts(labels: list[str]) -> dict[str, int]:
    return {label: labels.count(label) for label in (CAVITATION, SNAPPING, OTHER, UNCERTAIN)}


def text(figures: dict[str, Any]) -> str:
    """Format the figures as two tables."""
    lines = ["real cracks (onsets read off the waveform)", ""]
    for row in figures["cracks"]:
        called = ", ".join(f"{number} {label}" for label, number in row["called"].items() if number)
        rest = ", ".join(f"{number} {label}" for label, number in row["other_events"].items() if number)
        lines.append(
            f"  {row['recording']}: {row['found']} of {row['cracks']} found, called {called or 'nothing'}; "
            f"p(cavitation) by sound {row['p_cavitation']}, novelty {row['novelty']}; other events: {rest or 'none'}"
        )
    head = ("kind", "minutes", "events", CAVITATION, SNAPPING, UNCERTAIN, "joint/min", "conf/min", "novelty")
    lines += ["", "real negatives: every cavitation or snapping is a false alarm", "", _row(head)]
    keys = (
        *("kind", "minutes", "events", CAVITATION, SNAPPING, UNCERTAIN),
        *("joint_per_minute", "confident_per_minute", "novelty_median"),
    )
    lines += [_row(tuple(str(row[key]) for key in keys)) for row in figures["negatives"]]
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return f"{cells[0]:24s}" + "".join(f"{cell:>11s}" for cell in cells[1:])


if __name__ == "__main__":
    sys.exit(main())
