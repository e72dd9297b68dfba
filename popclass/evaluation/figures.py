"""Figures of an evaluation: confusion, reliability, risk and coverage, and the worst errors as pictures.

Figures are made without matplotlib's global state, so that they can be made anywhere and leave nothing behind. Each is
written twice, as PNG for the report and as PDF for a paper, with nothing in it that would change between runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.mlab import specgram
from numpy.typing import NDArray
from scipy.stats import binomtest

from popclass.audio import open_recording
from popclass.evaluation.classification import READINGS
from popclass.evaluation.matching import Case
from popclass.labels import LabelledRecording
from popclass.results import Event

Readings = Mapping[str, Mapping[str, Any]]
Samples = NDArray[np.float32]

DPI = 150
# For each of `READINGS`.
COLOURS = {"sound": "#7f7f7f", "company": "#1f77b4", "timing": "#e08214", "both": "#1b7837"}
WIDTHS = {"sound": 1.4, "company": 1.6, "timing": 2.0, "both": 3.0}  # thin curves on top of wide ones
STYLES = {"sound": "--", "company": "-.", "timing": ":", "both": "-"}
MARKERS = {"sound": "s", "both": "o"}
BARS = {"sound": 3.0, "both": 1.0}  # widths of error bars: where both lie at one place, both are seen
_AREA, _LEAST_AREA = 180.0, 6.0  # of the marker of a bin that holds all events, and of any marker, in square points

AROUND_S = 0.25  # on either side of an onset
BEFORE_S, AFTER_S = 0.005, 0.025  # of the close view
BOTTOM_HZ, TOP_HZ = 50, 20_000
_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_WINDOW_S, _OVERLAP, _PADDING = 0.010, 0.9, 4
_RANGE_DB = 80  # shown below the loudest


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, size in inches, outside pyplot's registry."""
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(made: Figure, path: Path) -> None:
    """Write a figure as PNG and, beside it, as PDF with its fonts as fonts, so that its text can be searched."""
    made.savefig(path, dpi=DPI, format="png", metadata={"Software": None})
    made.set_layout_engine("none")  # the places are known now; finding them takes longer than drawing
    with rc_context({"pdf.fonttype": 42}):
        made.savefig(path.with_suffix(".pdf"), dpi=2 * DPI, format="pdf", metadata={"CreationDate": None})


def confusion(answers: Mapping[str, Any]) -> Figure:
    """Plot the labels given to the sounds of each label, or missed; shades are shares of the row.

    Parameters
    ----------
    answers : mapping
        The `table` of `popclass.evaluation.end_to_end.score_answers`.
    """
    columns = [*answers["columns"], "missed"]
    rows = {row["truth"]: [*row["given"], row["missed"]] for row in answers["rows"]}
    if answers["unlabelled"] is not None:
        rows["(unlabelled)"] = [*answers["unlabelled"], 0]
    table = np.array(list(rows.values()))
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    made = new_figure(1.9 + 1.1 * len(columns), 1.5 + 0.75 * len(rows))
    axes = made.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(*table.shape):
        shown = f"{table[i, j]}\n{shares[i, j]:.0%}" if table[i].any() else "0"
        axes.text(j, i, shown, ha="center", va="center", color="white" if shares[i, j] > 0.55 else "black")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), [f"{name}\n(n = {sum(row)})" for name, row in rows.items()])
    axes.set(xlabel="label given", ylabel="true label", title="From recording to answer")
    axes.axvline(len(columns) - 1.5, color="#888888", linewidth=1)
    if answers["unlabelled"] is not None:
        axes.texts[-1].set_text("-")  # sounds without a label cannot be missed
        axes.axhline(len(rows) - 1.5, color="#888888", linewidth=1)
    made.colorbar(image, ax=axes, label="share of the row")
    return made


def reliability(readings: Readings) -> Figure:
    """Plot reliability: accuracy of the most likely class over its probability, with event counts."""
    made = new_figure(5.8, 6.4)
    upper, lower = made.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1, zorder=0)
    for shift, name in ((-0.021, "sound"), (0.021, "both")):
        bins, colour = readings[name]["reliability"], COLOURS[name]
        _bins(upper, bins, name, f"{READINGS[name]} (ECE {readings[name]['ece']:.3f})")
        middles = [(b["from"] + b["to"]) / 2 + shift for b in bins]
        bars = lower.bar(middles, [b["events"] for b in bins], width=0.04, color=colour)
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
    span = binomtest(right, events).proportion_ci(method="wilson")
    return float(span.low), float(span.high)


def _bins(axes: Axes, bins: Sequence[Mapping[str, Any]], name: str, label: str) -> None:
    """Plot the bins of one reading: areas that grow with their events, and intervals of the share that is right."""
    sure, right, events = (np.array([b[key] for b in bins]) for key in ("probability", "right", "events"))
    reach = np.abs(np.array([wilson(round(b["right"] * b["events"]), b["events"]) for b in bins]).T - right)
    colour, bar = COLOURS[name], BARS[name]
    axes.errorbar(sure, right, yerr=reach, fmt="none", ecolor=colour, elinewidth=bar, capsize=1 + bar, alpha=0.75)
    axes.plot(sure, right, color=colour, linestyle=STYLES[name], linewidth=1)
    area = np.maximum(_AREA * events / events.sum(), _LEAST_AREA)
    axes.scatter(sure, right, s=area, color=colour, marker=MARKERS[name], alpha=0.75, label=label, zorder=3)


def risk_coverage(readings: Readings) -> Figure:
    """Plot the error rate over the share of events that are labelled, most confident first."""
    made = new_figure(5.8, 5.0)
    axes = made.subplots()
    drawn: dict[tuple[tuple[float, float], ...], str] = {}
    for name, one in readings.items():
        points = tuple((at["coverage"], at["risk"]) for at in one["risk_coverage"])
        first = drawn.setdefault(points, name)
        label = READINGS[name] if first == name else f"{READINGS[name]} (same curve as {READINGS[first]})"
        (line,) = axes.plot(*np.transpose(points), color=COLOURS[name], linestyle=STYLES[name], label=label)
        line.set(linewidth=WIDTHS[name], zorder=-WIDTHS[name])
    worst = max(risk for points in drawn for _, risk in points)
    axes.set(xlabel="share of events answered, the surest first", ylabel="share of answers that are wrong")
    axes.set(title="Risk and coverage", xlim=(0, 1.02), ylim=(-0.03 * max(worst, 0.05), 1.1 * max(worst, 0.05)))
    if not worst:
        shown = f"no wrong answer in {readings['both']['events']} events"
        axes.text(0.5, 0.5, shown, transform=axes.transAxes, ha="center")
    made.legend(*axes.get_legend_handles_labels(), loc="outside lower center", frameon=False)
    return made


def save_figures(scores: Mapping[str, Any], folder: Path) -> list[str]:
    """Write the figures for which there is something to show; return the names of their PNG files."""
    made = {"confusion.png": confusion(scores["end_to_end"]["table"])} if scores["labels"] else {}
    if scores["classification"]["events"]:
        readings = scores["classification"]["readings"]
        made |= {"reliability.png": reliability(readings), "risk_coverage.png": risk_coverage(readings)}
    return save_all(made, folder)


def save_all(made: Mapping[str, Figure], folder: Path) -> list[str]:
    """Write figures by the names of their files; return the names."""
    for name, figure in made.items():
        save_figure(figure, folder / name)
    return list(made)


def save_pictures(cases: Sequence[Case], classes: Sequence[str], folder: Path) -> dict[str, str]:
    """Write a picture of each case; return captions by file name, in order."""
    captions = {}
    for number, case in enumerate(cases, start=1):
        if case.event is not None:
            name = f"error_{number:02d}.png"
            save_figure(picture(case, case.event, classes), folder / name)
            captions[name] = f"{_place(case, case.event)}: {case.truth}, called {case.event.label}"
    return captions


def picture(case: Case, event: Event, classes: Sequence[str]) -> Figure:
    """Plot half a second around an event, the 30 ms of its onset, and a spectrogram, under its labels."""
    samples, start_s = _excerpt(case.recording, event)
    seconds = start_s + np.arange(len(samples)) / event.sample_rate
    made = new_figure(7.8, 6.2)
    made.suptitle(_title(case, event, classes), fontsize=9, x=0.01, ha="left")
    panels = made.subplot_mosaic([["wave", "near"], ["spectrum", "spectrum"]], height_ratios=[1, 1.5])
    _waveform(panels["wave"], seconds, samples, (-AROUND_S, AROUND_S), "seconds")
    _waveform(panels["near"], 1e3 * seconds, samples, (-1e3 * BEFORE_S, 1e3 * AFTER_S), "milliseconds")
    panels["wave"].set_ylabel("amplitude")
    _spectrogram(panels["spectrum"], samples, event.sample_rate, start_s)
    return made


def _excerpt(labelled: LabelledRecording, event: Event) -> tuple[Samples, float]:
    """Return samples of the event's channel around its onset, and the time of the first in seconds from the onset."""
    margin = round(AROUND_S * event.sample_rate)
    first, stop = max(event.onset - margin, 0), event.onset + margin
    pieces, at = [], 0
    source, rate = labelled.samples or (labelled.path, None)
    with open_recording(source, sample_rate=rate) as recording:
        for block in recording.blocks():
            pieces.append(np.asarray(block[max(first - at, 0) : stop - at, event.channel - 1], dtype=np.float32))
            at += len(block)
            if at >= stop:
                break
    return np.concatenate(pieces), (first - event.onset) / event.sample_rate


def _waveform(axes: Axes, times: NDArray[np.float64], samples: Samples, span: tuple[float, float], unit: str) -> None:
    shown = (times >= span[0]) & (times <= span[1])
    axes.plot(times[shown], samples[shown], color="#333333", linewidth=0.6)
    # beside the sound, not over it
    axes.plot(0, 1, marker="v", color="#d62728", clip_on=False, transform=axes.get_xaxis_transform())
    axes.set(xlim=span, xlabel=f"{unit} from the onset")
    axes.tick_params(labelsize=8)


def _spectrogram(axes: Axes, samples: Samples, rate: int, start_s: float) -> None:
    # on a logarithmic axis, since the sounds of contact microphones lie below 1 kHz
    size = min(max(round(_WINDOW_S * rate), 32), len(samples))
    spectrum = specgram(samples, NFFT=size, Fs=rate, noverlap=int(_OVERLAP * size), pad_to=_PADDING * size)
    power, hertz, middle = (np.asarray(part, dtype=float) for part in spectrum)
    level = 10 * np.log10(np.maximum(power, 1e-20))
    level -= level.max()
    audible = hertz > 0  # a logarithmic axis has no zero
    style: dict[str, Any] = {"cmap": "magma", "vmin": -_RANGE_DB, "vmax": 0, "shading": "nearest", "rasterized": True}
    shown = axes.pcolormesh(start_s + middle, hertz[audible], level[audible], **style)
    top = min(rate / 2, TOP_HZ)
    axes.set_yscale("log")
    ticks = [hz for hz in _TICKS_HZ if hz <= top]
    axes.set_yticks(ticks, [f"{hz:g}" if hz < 1000 else f"{hz / 1000:g} k" for hz in ticks])
    axes.set_yticks([], minor=True)
    axes.set(xlabel="seconds from the onset", ylabel="Hz", xlim=(-AROUND_S, AROUND_S), ylim=(BOTTOM_HZ, top))
    axes.figure.colorbar(shown, ax=axes, label="dB below the loudest", pad=0.01)


def _title(case: Case, event: Event, classes: Sequence[str]) -> str:
    def listed(reading: str) -> str:
        probabilities = zip(classes, case.probabilities[reading], strict=True)
        return ", ".join(f"{name} {probability:.2f}" for name, probability in probabilities)

    where = f"{_place(case, event)}, SNR {event.snr_db:.0f} dB"
    most = classes[int(case.probabilities["both"].argmax())]
    where = where if len(where) <= 100 else f"...{where[-97:]}"
    labels = f"Labelled {case.truth}; most likely {most}; popclass label {event.label}"
    return f"{labels}\n{where}\nsound alone: {listed('sound')}\nwith both: {listed('both')}"


def _place(case: Case, event: Event) -> str:
    return f"{case.recording.name} at {event.start_s:.3f} s"
