"""The figures of an evaluation: what was called what, how far probabilities hold, what not answering gains.

Figures are made without matplotlib's global state, so that they can be made anywhere and leave nothing behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150
COLOURS = {"sound": "#7f7f7f", "company": "#1f77b4", "timing": "#e08214", "both": "#1b7837"}
WIDTHS = {"sound": 1.4, "company": 1.6, "timing": 2.0, "both": 3.0}  # curves often coincide: thin ones on top
STYLES = {"sound": "--", "company": "-.", "timing": ":", "both": "-"}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, size in inches, that no window or registry knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def save_figure(made: Figure, path: Path) -> None:
    """As PNG, without what would make the bytes differ between runs."""
    made.savefig(path, dpi=DPI, format="png", metadata={"Software": None})


def confusion(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """How often each true class was given each label; shades are shares of the class."""
    truths, labels = list(counts), list(next(iter(counts.values())))
    table = np.array([[counts[truth][label] for label in labels] for truth in truths])
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    made = new_figure(1.7 + 1.1 * len(labels), 1.5 + 0.75 * len(truths))
    axes = made.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(*table.shape):
        shown = f"{table[i, j]}\n{shares[i, j]:.0%}" if table[i].any() else "0"
        axes.text(j, i, shown, ha="center", va="center", color="white" if shares[i, j] > 0.55 else "black")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(
        range(len(truths)), [f"{truth}\n(n = {row.sum()})" for truth, row in zip(truths, table, strict=True)]
    )
    axes.set(xlabel="label given", ylabel="true class", title=f"Labels of {table.sum()} sounds")
    made.colorbar(image, ax=axes, label="share of the class")
    return made


def reliability(readings: Mapping[str, Mapping[str, Any]]) -> Figure:
    """How often the most likely class is right, over how likely it was said to be, and how many events say so."""
    made = new_figure(5.5, 6.0)
    upper, lower = made.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    names = ("sound", "both")
    for place, name in enumerate(names):
        bins = readings[name]["reliability"]
        sure, right = [b["probability"] for b in bins], [b["right"] for b in bins]
        label = f"{_TITLES[name]} (ECE {readings[name]['ece']:.3f})"
        upper.plot(sure, right, marker="o", markersize=4, color=COLOURS[name], linestyle=STYLES[name], label=label)
        middles = [(b["from"] + b["to"]) / 2 + (place - 0.5) * 0.04 for b in bins]
        lower.bar(middles, [b["events"] for b in bins], width=0.04, color=COLOURS[name])
    upper.set(ylabel="share that is right", ylim=(0, 1.02), title="Reliability")
    upper.legend(loc="upper left", frameon=False)
    lower.set(xlabel="probability of the most likely class", ylabel="events", xlim=(0, 1))
    return made


def risk_coverage(readings: Mapping[str, Mapping[str, Any]]) -> Figure:
    """The share of wrong answers, over the share of events that are answered, the surest first."""
    made = new_figure(5.5, 4.2)
    axes = made.subplots()
    for name, one in readings.items():
        curve = one["risk_coverage"]
        axes.plot(
            [at["coverage"] for at in curve],
            [at["risk"] for at in curve],
            color=COLOURS[name],
            linestyle=STYLES[name],
            linewidth=WIDTHS[name],
            zorder=-WIDTHS[name],
            label=_TITLES[name],
        )
    axes.set(xlabel="share of events answered, the surest first", ylabel="share of answers that are wrong")
    axes.set(title="Risk and coverage", xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return made


def save_all(scores: Mapping[str, Any], folder: Path) -> Sequence[str]:
    """Write the three figures, and give their file names; none where nothing was classified."""
    classification = scores["classification"]
    if not classification["events"]:
        return ()
    made = {
        "confusion.png": confusion(classification["labels"]),
        "reliability.png": reliability(classification["readings"]),
        "risk_coverage.png": risk_coverage(classification["readings"]),
    }
    for name, drawn in made.items():
        save_figure(drawn, folder / name)
    return tuple(made)


_TITLES = {"sound": "sound alone", "company": "with company", "timing": "with timing", "both": "with both"}
