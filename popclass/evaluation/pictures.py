"""The worst errors as pictures: what the sound looks like that was taken for something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from popclass.audio import open_recording
from popclass.evaluation.cases import Case
from popclass.evaluation.figures import new_figure, save_figure
from popclass.results import Event

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AROUND_S = 0.25  # on either side
MOST = 12
BEFORE_S, AFTER_S = 0.005, 0.025  # of the close view
BOTTOM_HZ, TOP_HZ = 50, 20_000
_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_WINDOW_S, _OVERLAP, _PADDING = 0.010, 0.9, 4
_RANGE_DB = 80  # shown below the loudest


def excerpt(path: Path, event: Event) -> tuple[NDArray[np.float32], float]:
    """Samples of the event's channel around its onset, and the time of the first, in seconds from the onset."""
    around = round(AROUND_S * event.sample_rate)
    first, stop = max(event.onset - around, 0), event.onset + around
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
    """Where it is, what it is, and what it was called."""
    event = case.event
    assert event is not None
    return f"{case.recording.name} at {event.start_s:.3f} s: {case.truth}, called {event.label}"


def picture(case: Case, classes: Sequence[str]) -> Figure:
    """Half a second around an event, the 30 ms of its onset, and a spectrogram; above, what it is and was called."""
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
    heard = hertz > 0  # a logarithmic axis has no zero
    shown = axes.pcolormesh(
        start_s + middle, hertz[heard], level[heard], cmap="magma", norm=norm, shading="nearest", rasterized=True
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
    most = classes[int(case.chances["both"].argmax())]
    return "\n".join(
        [
            f"Labelled {case.truth}; most likely {most}; popclass says {event.label}",
            where if len(where) <= 100 else f"...{where[-97:]}",
            f"sound alone: {_listed(case.chances['sound'], classes)}",
            f"with both: {_listed(case.chances['both'], classes)}",
        ]
    )


def _listed(chances: NDArray[np.float64], classes: Sequence[str]) -> str:
    return ", ".join(f"{name} {chance:.2f}" for name, chance in zip(classes, chances, strict=True))


def save_pictures(cases: Sequence[Case], classes: Sequence[str], folder: Path) -> Mapping[str, str]:
    """Write a picture of each case, and give captions by file name, in order."""
    captions = {}
    for number, case in enumerate(cases, start=1):
        name = f"error_{number:02d}.png"
        save_figure(picture(case, classes), folder / name)
        captions[name] = caption(case)
    return captions
