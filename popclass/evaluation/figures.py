"""The figures of an evaluation: what was called what, how far probabilities hold, what not answering gains.

Figures are made without matplotlib's global state, so that they can be made anywhere and leave nothing behind. Each is
written twice, as PNG for the report and as PDF for a paper, with nothing in it that would change between runs.

The worst errors as pictures: what the sound looks like that was taken for something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from popclass.audio import open_recording
from popclass.evaluation.matching import Case
from popclass.results import Event

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


DPI = 150
COLOURS = {"sound": "#7f7f7f", "company": "#1f77b4", "timing": "#e08214", "both": "#1b7837"}
WIDTHS = {"sound": 1.4, "company": 1.6, "timing": 2.0, "both": 3.0}  # thin curves on top of wide ones
STYLES = {"sound": "--", "company": "-.", "timing": ":", "both": "-"}
MARKERS = {"sound": "s", "both": "o"}
BARS = {"sound": 3.0, "both": 1.0}  # widths of error bars: where both lie at one place, both are seen
_AREA = 180.0  # of the marker of a bin that holds all events, in square points
_LEAST_AREA = 6.0


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, size in inches, outside pyplot's registry."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def save_figure(made: Figure, path: Path) -> None:
    """As PNG and, beside it, as PDF with its fonts as fonts, so that a journal can set and search its text."""
    from matplotlib import rc_context

    made.savefig(path, dpi=DPI, format="png", metadata={"Software": None})
    with rc_context({"pdf.fonttype": 42}):
        made.savefig(path.with_suffix(".pdf"), dpi=2 * DPI, format="pdf", metadata={"CreationDate": None})


def confusion(answers: Mapping[str, Any]) -> Figure:
    """Plot the labels given to the sounds of each label, or missed; shades are shares of the row.

    Parameters
    ----------
    answers : mapping
        As `popclass.evaluation.end_to_end.answer_table` gives it.
    """
    columns = [*answers["columns"], "missed"]
    rows = [(row["truth"], [*row["given"], row["missed"]]) for row in answers["rows"]]
    if answers["unlabelled"] is not None:
        rows.append(("(unlabelled)", [*answers["unlabelled"], 0]))
    table = np.array([row for _, row in rows])
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    made = new_figure(1.9 + 1.1 * len(columns), 1.5 + 0.75 * len(rows))
    axes = made.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(*table.shape):
        shown = f"{table[i, j]}\n{shares[i, j]:.0%}" if table[i].any() else "0"
        if rows[i][0] == "(unlabelled)" and columns[j] == "missed":
            shown = "-"
        axes.text(j, i, shown, ha="center", va="center", color="white" if shares[i, j] > 0.55 else "black")
    axes.set_xticks(range(len(columns)), columns)
    names = [f"{name}\n(n = {row.sum()})" for (name, _), row in zip(rows, table, strict=True)]
    axes.set_yticks(range(len(rows)), names)
    axes.set(xlabel="label given", ylabel="true label", title="From recording to answer")
    axes.axvline(len(columns) - 1.5, color="#888888", linewidth=1)
    if answers["unlabelled"] is not None:
        axes.axhline(len(rows) - 1.5, color="#888888", linewidth=1)
    made.colorbar(image, ax=axes, label="share of the row")
    return made


def reliability(readings: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Plot reliability: accuracy of the most likely class over its probability, with event counts."""
    made = new_figure(5.8, 6.4)
    upper, lower = made.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1, zorder=0)
    names = ("sound", "both")
    total = max(sum(b["events"] for b in readings[name]["reliability"]) for name in names)
    for place, name in enumerate(names):
        bins = readings[name]["reliability"]
        label = f"{_TITLES[name]} (ECE {readings[name]['ece']:.3f})"
        _bins(upper, bins, total, name, label)
        middles = [(b["from"] + b["to"]) / 2 + (place - 0.5) * 0.042 for b in bins]
        bars = lower.bar(middles, [b["events"] for b in bins], width=0.04, color=COLOURS[name])
        lower.bar_label(bars, fontsize=7)
    upper.set(ylabel="share that is right", ylim=(-0.03, 1.03))
    upper.set_title("Reliability (bars: 95 % Wilson intervals, events taken as independent;\narea: events)", fontsize=9)
    lower.set(xlabel="probability of the most likely class", ylabel="events", xlim=(0, 1.02))
    lower.margins(y=0.2)
    made.legend(*upper.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return made


def wilson(right: int, events: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22:209-212).

    Examples
    --------
    >>> [round(end, 3) for end in wilson(1, 1)]
    [0.207, 1.0]
    """
    from scipy.stats import binomtest

    span = binomtest(right, events).proportion_ci(method="wilson")
    return float(span.low), float(span.high)


def _bins(axes: Axes, bins: Sequence[Mapping[str, Any]], total: int, name: str, label: str) -> None:
    """Bins of one reading: an area that grows with their events, and how far the share may be off."""
    sure, right = np.array([b["probability"] for b in bins]), np.array([b["right"] for b in bins])
    spans = np.array([wilson(round(b["right"] * b["events"]), b["events"]) for b in bins])
    reach = np.maximum(np.abs(spans.T - right), 0.0)
    colour = COLOURS[name]
    axes.errorbar(
        sure, right, yerr=reach, fmt="none", ecolor=colour, elinewidth=BARS[name], capsize=1 + BARS[name], alpha=0.75
    )
    axes.plot(sure, right, color=colour, linestyle=STYLES[name], linewidth=1)
    area = [max(_AREA * b["events"] / total, _LEAST_AREA) for b in bins]
    axes.scatter(sure, right, s=area, color=colour, marker=MARKERS[name], alpha=0.75, label=label, zorder=3)


def risk_coverage(readings: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Plot the error rate over the share of events that are labelled, most confident first."""
    made = new_figure(5.8, 5.0)
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
            label=_curve_label(name, readings),
        )
    worst = max(at["risk"] for one in readings.values() for at in one["risk_coverage"])
    axes.set(xlabel="share of events answered, the surest first", ylabel="share of answers that are wrong")
    axes.set(title="Risk and coverage", xlim=(0, 1.02), ylim=(-0.03 * max(worst, 0.05), 1.1 * max(worst, 0.05)))
    if not worst:
        events = readings["both"]["events"]
        axes.text(0.5, 0.5, f"no wrong answer in {events} events", transform=axes.transAxes, ha="center")
    made.legend(*axes.get_legend_handles_labels(), loc="outside lower center", frameon=False)
    return made


def _curve_label(name: str, readings: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the name of a reading, and the first one with the same curve."""
    points = {key: [(at["coverage"], at["risk"]) for at in one["risk_coverage"]] for key, one in readings.items()}
    first = next(key for key in readings if points[key] == points[name])
    return _TITLES[name] if first == name else f"{_TITLES[name]} (same curve as {_TITLES[first]})"


def save_all(scores: Mapping[str, Any], folder: Path) -> Sequence[str]:
    """Write the figures, and give the names of their PNG files; those of which there is something to show."""
    classification = scores["classification"]
    made = {}
    if scores["labels"]:
        made["confusion.png"] = confusion(scores["end_to_end"]["table"])
    if classification["events"]:
        made["reliability.png"] = reliability(classification["readings"])
        made["risk_coverage.png"] = risk_coverage(classification["readings"])
    for name, drawn in made.items():
        save_figure(drawn, folder / name)
    return tuple(made)


_TITLES = {"sound": "sound alone", "company": "with context", "timing": "with timing", "both": "with both"}

AROUND_S = 0.25  # on either side
MOST = 12
BEFORE_S, AFTER_S = 0.005, 0.025  # of the close view
BOTTOM_HZ, TOP_HZ = 50, 20_000
_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_WINDOW_S, _OVERLAP, _PADDING = 0.010, 0.9, 4
_RANGE_DB = 80  # shown below the loudest


def excerpt(path: Path, event: Event) -> tuple[NDArray[np.float32], float]:
    """Return samples of the event's channel margin its onset, and the time of the first in seconds from the onset."""
    margin = round(AROUND_S * event.sample_rate)
    first, stop = max(event.onset - margin, 0), event.onset + margin
    pieces, at = [], 0
    with open_recording(path) as recording:
        for block in recording.blocks():
            if at + len(block) > first:
                pieces.append(np.asarray(block[max(first - at, 0) : stop - at, event.channel - 1], dtype=np.float32))
            at += len(block)
            if at >= stop:
                break
    return np.concatenate(pieces), (first - event.onset) / event.sample_rate


def caption(case: Case) -> str:
    """Return a caption: position, true label, and assigned label."""
    event = case.event
    assert event is not None
    return f"{case.recording.name} at {event.start_s:.3f} s: {case.truth}, called {event.label}"


def picture(case: Case, classes: Sequence[str]) -> Figure:
    """Half a second margin an event, the 30 ms of its onset, and a spectrogram; above, what it is and was called."""
    event = case.event
    assert event is not None
    samples, start_s = excerpt(case.recording.path, event)
    seconds = start_s + np.arange(len(samples)) / event.sample_rate
    made = new_figure(7.8, 6.2)
    made.suptitle(_title(case, event, classes), fontsize=9, x=0.01, ha="left")
    panels = made.subplot_mosaic([["wave", "near"], ["spectrum", "spectrum"]], height_ratios=[1, 1.5])
    _waveform(panels["wave"], seconds, samples, (-AROUND_S, AROUND_S))
    _waveform(panels["near"], 1e3 * seconds, samples, (-1e3 * BEFORE_S, 1e3 * AFTER_S))
    panels["wave"].set(xlabel="seconds from the onset", ylabel="amplitude")
    panels["near"].set(xlabel="milliseconds from the onset")
    _spectrogram(panels["spectrum"], samples, event.sample_rate, start_s)
    return made


def _waveform(axes: Axes, times: NDArray[np.float64], samples: NDArray[np.float32], span: tuple[float, float]) -> None:
    shown = (times >= span[0]) & (times <= span[1])
    axes.plot(times[shown], samples[shown], color="#333333", linewidth=0.6)
    # beside the sound, not over it
    axes.plot(0, 1, marker="v", color="#d62728", clip_on=False, transform=axes.get_xaxis_transform())
    axes.set_xlim(*span)
    axes.tick_params(labelsize=8)


def _spectrogram(axes: Axes, samples: NDArray[np.float32], rate: int, start_s: float) -> None:
    """On a logarithmic axis, since the sounds of contact microphones lie below 1 kHz."""
    from matplotlib.colors import Normalize
    from matplotlib.mlab import specgram
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    size = min(max(round(_WINDOW_S * rate), 32), len(samples))
    spectrum = specgram(samples, NFFT=size, Fs=rate, noverlap=int(_OVERLAP * size), pad_to=_PADDING * size)
    power, hertz, middle = (np.asarray(part, dtype=float) for part in spectrum)
    level = 10 * np.log10(np.maximum(power, 1e-20))
    level -= level.max()
    norm = Normalize(-_RANGE_DB, 0)
    audible = hertz > 0  # a logarithmic axis has no zero
    shown = axes.pcolormesh(
        start_s + middle, hertz[audible], level[audible], cmap="magma", norm=norm, shading="nearest", rasterized=True
    )
    top = min(rate / 2, TOP_HZ)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator([hz for hz in _TICKS_HZ if hz <= top]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda hz, _: f"{hz:g}" if hz < 1000 else f"{hz / 1000:g} k"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="seconds from the onset", ylabel="Hz", xlim=(-AROUND_S, AROUND_S), ylim=(BOTTOM_HZ, top))
    axes.figure.colorbar(shown, ax=axes, label="dB below the loudest", pad=0.01)


def _title(case: Case, event: Event, classes: Sequence[str]) -> str:
    where = f"{case.recording.name} at {event.start_s:.3f} s, SNR {event.snr_db:.0f} dB"
    most = classes[int(case.probabilities["both"].argmax())]
    return "\n".join(
        [
            f"Labelled {case.truth}; most likely {most}; popclass label {event.label}",
            where if len(where) <= 100 else f"...{where[-97:]}",
            f"sound alone: {_listed(case.probabilities['sound'], classes)}",
            f"with both: {_listed(case.probabilities['both'], classes)}",
        ]
    )


def _listed(probabilities: NDArray[np.float64], classes: Sequence[str]) -> str:
    return ", ".join(f"{name} {probability:.2f}" for name, probability in zip(classes, probabilities, strict=True))


def save_pictures(cases: Sequence[Case], classes: Sequence[str], folder: Path) -> Mapping[str, str]:
    """Write a picture of each case, and give captions by file name, in order."""
    captions = {}
    for number, case in enumerate(cases, start=1):
        name = f"error_{number:02d}.png"
        save_figure(picture(case, classes), folder / name)
        captions[name] = caption(case)
    return captions
