"""Figures of `evidence.py`: errors over the acoustic error rate, and over the assumed period and price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popclass.evaluation.figures import new_figure

COLOURS = {"sound": "#7f7f7f", "context": "#1f77b4", "timing": "#e08214", "both": "#1b7837"}
STYLES = {"sound": "--", "context": "-.", "timing": ":", "both": "-"}
TITLES = {"sound": "sound alone", "timing": "+ timing", "context": "+ context", "both": "+ both"}
LABELS = ("balanced accuracy, three classes", "swaps, of 100 joint sounds")


def curves(results: Mapping[str, Any]) -> Any:
    """Plot balanced accuracy and swaps over the error rate of simulated classifiers, the default model as diamonds."""
    made = new_figure(9.0, 4.0)
    (_, real), *simulated = results["classifiers"]
    rates = [100 * error for error in results["errors"]]
    own = 100 * (1 - value(real["sound"]["balanced"]))
    for axes, figure, label in zip(made.subplots(1, 2), ("balanced", "swaps"), LABELS, strict=True):
        for variant, title in TITLES.items():
            found = [scores[variant][figure] for _, scores in simulated]
            colour, style = COLOURS[variant], STYLES[variant]
            axes.plot(rates, [value(f) for f in found], color=colour, linestyle=style, marker=".", label=title)
            if all(f is not None and f[1] is not None for f in found):
                axes.fill_between(
                    rates, [f[1] for f in found], [f[2] for f in found], color=colour, alpha=0.12, linewidth=0
                )
            axes.plot(own, value(real[variant][figure]), color=colour, marker="D", markersize=6, linestyle="none")
        axes.set(xlabel="mean error rate of the sound alone, %", ylabel=label)
    made.axes[1].set_ylim(bottom=0)
    made.axes[0].plot([], [], color="black", marker="D", linestyle="none", label="the default model")
    made.axes[0].legend(frameon=False, loc="lower left")
    return made


def sensitivity(results: Mapping[str, Any]) -> Any:
    """Plot swaps over the assumed period and over the price."""
    made = new_figure(9.0, 4.0)
    left, right = made.subplots(1, 2, sharey=True)
    names = [price_name(price) for price in results["price"]]
    for axes, key, places in ((left, "periods", results["minutes"]), (right, "prices", range(len(names)))):
        for (name, found), marker in zip(results[key], ("D", "o"), strict=True):
            for variant, title in TITLES.items():
                values = [value(scores[variant]["swaps"]) for scores in found]
                axes.plot(
                    places,
                    values,
                    color=COLOURS[variant],
                    linestyle=STYLES[variant],
                    marker=marker,
                    markersize=4,
                    label=f"{name}, {title}",
                )
    left.set(xlabel="assumed refractory period, minutes", ylabel=LABELS[1])
    left.set_ylim(bottom=0)
    right.set(xlabel="price of an exception, log-odds, at 20 min")
    right.set_xticks(range(len(names)), names)
    made.legend(*left.get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=8)
    return made


def price_name(price: float) -> str:
    """Return a price as text, such as 1.75 or infinite."""
    return "infinite" if price == float("inf") else f"{price:.3g}"


def value(figure: tuple[float, ...] | None) -> float:
    """Return a figure without its interval; 0 for None."""
    return 0.0 if figure is None else figure[0]
