"""Figures for a study: agreement of counts, agreement of observers, decision curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from popclass.evaluation.counts import BURST, RECORDING, Counted
from popclass.evaluation.figures import new_figure
from popclass.metrics.agreement import Limits, limits_of_agreement
from popclass.schema import OTHER

MODEL, OBSERVERS = "#1b7837", "#b35806"
_AREA = 26.0  # of the marker of one pair, in square points; of several at one place it grows with their number
_TITLES = {RECORDING: "recordings", BURST: "labelled bursts"}
_GREY = "#555555"
_WIDTH = 5.8  # inches: one column, so that text is legible on a narrow screen


def bland_altman(counted: Counted, observed: Sequence[tuple[int, int]] = ()) -> Figure:
    """Plot differences of counts over their means, with bias and limits of agreement; observers beside the model.

    Parameters
    ----------
    counted : Counted
    observed : sequence of (int, int)
        Cavitations that two observers labelled in each recording.
    """
    shown = [unit for unit in _TITLES if counted.of(unit)]
    made = new_figure(_WIDTH, 1.2 + 3.4 * len(shown))
    for axes, unit in zip(np.ravel(made.subplots(len(shown), 1, squeeze=False)), shown, strict=True):
        counts = counted.of(unit)
        true, expected = [each.true for each in counts], [each.counted.expected or 0.0 for each in counts]
        _differences(axes, true, expected, MODEL, "o", "-")
        if unit == RECORDING and observed:
            _differences(axes, [a for a, _ in observed], [b for _, b in observed], OBSERVERS, "x", "--")
        axes.axhline(0, color="#bbbbbb", linewidth=1, zorder=0)
        axes.set(title=f"{len(counts)} {_TITLES[unit]}", xlabel="mean of both counts", ylabel="difference of counts")
        axes.margins(x=0.12, y=0.15)
    names: list[tuple[str, str, str, Any]] = [("model less observer", MODEL, "o", "-")]
    names += [("observer 2 less observer 1", OBSERVERS, "x", "--")] if observed else []
    handles = [Line2D([], [], color=c, marker=m, linestyle=s, label=label) for label, c, m, s in names]
    made.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    made.suptitle("Counts of cavitations: bias and 95 % limits of agreement", fontsize=11)
    return made


def _differences(
    axes: Axes, first: Sequence[float], second: Sequence[float], colour: str, marker: str, style: str
) -> None:
    places = Counter(zip(((np.array(first) + second) / 2).tolist(), (np.subtract(second, first)).tolist(), strict=True))
    x, y = np.transpose(list(places))
    areas = _AREA * np.array(list(places.values()), dtype=float)
    axes.scatter(
        x, y, s=np.minimum(areas, 20 * _AREA), color=colour, marker=marker, alpha=0.6, linewidths=1.2, zorder=3
    )
    limits = limits_of_agreement(first, second)
    if limits is not None:
        _lines(axes, limits, colour, style)


def _lines(axes: Axes, limits: Limits, colour: str, style: str) -> None:
    for value, width in zip(limits, (1.8, 1.0, 1.0), strict=True):
        axes.axhline(value, color=colour, linestyle=style, linewidth=width)
    # the model's at the right edge, the observers' at the left, so that they do not cover each other
    at, side = (0.99, "right") if style == "-" else (0.01, "left")
    apart = limits.high - limits.low > 0
    for value in limits if apart else limits[:1]:
        place = axes.get_yaxis_transform()
        axes.text(at, value, f"{value:.2f}", transform=place, color=colour, ha=side, va="bottom", fontsize=9)


def ceiling(observers: Mapping[str, Any]) -> Figure:
    """Plot kappa and the correlation of counts of each pair of raters; the observers' is the ceiling of the model's."""
    pairs = observers["pairs"]
    made = new_figure(_WIDTH, 5.0)
    titles = {"kappa": "Cohen's kappa of labels", "icc": "ICC of the numbers of cavitations"}
    for axes, (key, title) in zip(made.subplots(2, 1, sharex=True), titles.items(), strict=True):
        for place, one in enumerate(pairs):
            value, span = one[key], one["intervals"][key]
            colour = OBSERVERS if "model" not in one["raters"] else MODEL
            if value is None:
                axes.text(0.5, place, "not defined", ha="center", va="center", color=_GREY, fontsize=9)
                continue
            axes.plot(value, place, marker="o", color=colour)
            label = f"{value:.2f}"
            if span is not None:
                axes.plot(span, [place, place], color=colour, linewidth=2, alpha=0.6)
                label += f" ({span[0]:.2f} to {span[1]:.2f})"
            axes.text(
                min(max(value, 0.2), 0.8), place - 0.16, label, ha="center", va="bottom", fontsize=8, color=colour
            )
        if pairs[0][key] is not None:
            axes.axvline(pairs[0][key], color=OBSERVERS, linestyle="--", linewidth=1, zorder=0)
        axes.set(title=title, ylim=(len(pairs) - 0.5, -0.7))
        axes.set_yticks(range(len(pairs)), [" and\n".join(one["raters"]) for one in pairs])
    spans = [end for one in pairs for key in titles for end in (one["intervals"][key] or [one[key] or 0.0])]
    made.axes[0].set_xlim(min([0.0, *spans]) - 0.04, 1.04)
    return made


def decision_curves(curves: Mapping[str, Any]) -> Figure:
    """Plot the net benefit of the model, of calling all sounds and of calling none, for each joint class."""
    names = [name for name in curves if name != OTHER]
    made = new_figure(_WIDTH, 0.7 + 3.2 * len(names))
    for axes, name in zip(np.ravel(made.subplots(len(names), 1, squeeze=False)), names, strict=True):
        curve = curves[name]
        at = [point["threshold"] for point in curve]
        model = [point["model"] for point in curve]
        axes.plot(at, model, color=MODEL, linewidth=2, marker=".", label="model")
        if spans := [(point["threshold"], *point["interval"]) for point in curve if point["interval"] is not None]:
            x, low, high = np.transpose(spans)
            axes.fill_between(x, low, high, color=MODEL, alpha=0.2, linewidth=0, label="95 % interval")
        axes.plot(at, [point["all"] for point in curve], color=_GREY, linestyle="--", label="call all sounds")
        axes.axhline(0, color="black", linewidth=1, label="call none")
        top = max([0.01, *(value for value in (curve[0]["all"], *model) if value is not None)])
        highest = max([top, *(high for _, _, high in spans)])
        lowest = min([-0.35 * top, *(low for _, low, _ in spans)])
        axes.set(title=name, xlabel="called from this probability on", ylabel="net benefit (true calls a sound)")
        axes.set(xlim=(0, 1), ylim=(max(lowest, -highest), 1.15 * highest))
    handles = {label: line for axes in made.axes for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    made.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, frameon=False)
    return made


def study_figures(
    scores: Mapping[str, Any], counted: Counted, observed: Sequence[tuple[int, int]]
) -> dict[str, Figure]:
    """Return the figures for which there is something to show, by the names of their files."""
    made = {}
    if any(each.true or each.counted.expected for each in counted.counts):
        made["bland_altman.png"] = bland_altman(counted, observed)
    if scores["observers"] is not None:
        made["observers.png"] = ceiling(scores["observers"])
    if any(name != OTHER and curve[0]["model"] is not None for name, curve in scores["net_benefit"].items()):
        made["net_benefit.png"] = decision_curves(scores["net_benefit"])
    return made
