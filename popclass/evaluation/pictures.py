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
_WINDOW_S, _OVERLAP = 0.005, 0.875
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
    return f"{case.recording.name} at {event.start_s:.3f} s: {case.truth}, labelled {event.label}"


def picture(case: Case, classes: Sequence[str]) -> Figure:
    """Waveform and spectrogram of half a second around an event, with truth, label and probabilities above."""
    event = case.event
    assert event is not None
    samples, start_s = excerpt(case.recording.path, event)
    rate = event.sample_rate
    made = new_figure(7.5, 5.0)
    made.suptitle(_title(case, event, classes), fontsize=9)
    wave, spectrum = made.subplots(2, 1, sharex=True, height_ratios=[1, 1.4])
    wave.plot(start_s + np.arange(len(samples)) / rate, samples, color="#333333", linewidth=0.5)
    # beside the sound, not over it
    wave.plot(0, 1, marker="v", color="#d62728", clip_on=False, transform=wave.get_xaxis_transform())
    wave.set(ylabel="amplitude")
    _spectrogram(spectrum, samples, rate, start_s)
    spectrum.set(xlabel="seconds from the onset", ylabel="kHz", xlim=(-AROUND_S, AROUND_S))
    return made


def _spectrogram(axes: Axes, samples: NDArray[np.float32], rate: int, start_s: float) -> None:
    from matplotlib.colors import Normalize
    from matplotlib.mlab import specgram

    size = min(max(round(_WINDOW_S * rate), 32), len(samples))
    spectrum = specgram(samples, NFFT=size, Fs=rate, noverlap=int(_OVERLAP * size))
    power, hertz, middle = (np.asarray(part, dtype=float) for part in spectrum)
    level = 10 * np.log10(np.maximum(power, 1e-20))
    top = float(level.max())
    norm = Normalize(top - _RANGE_DB, top)
    axes.pcolormesh(start_s + middle, hertz / 1e3, level, cmap="magma", norm=norm, shading="nearest", rasterized=True)


def _title(case: Case, event: Event, classes: Sequence[str]) -> str:
    where = f"{case.recording.name} at {event.start_s:.3f} s"
    return "\n".join(
        [
            where if len(where) <= 100 else f"...{where[-97:]}",
            f"true: {case.truth}    label: {event.label}    SNR {event.snr_db:.0f} dB",
            "    ".join(f"{name}: {_listed(case.chances[name], classes)}" for name in ("sound", "both")),
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
