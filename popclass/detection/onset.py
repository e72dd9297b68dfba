"""Onset picking: the sample at which the variance changes, and merging of close onsets.

The picker is the Akaike information criterion of a two-variance model, the standard for acoustic emission and seismic
onsets (Maeda 1985, Zisin 38:365-379): for every split of a window, AIC(k) = k ln var(before) + (n - k) ln var(after);
the minimum marks the onset. It finds the steepest change: the release of a snap, not the rubbing before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.detection.bands import Floats


@dataclass(frozen=True, slots=True)
class Onset:
    """A located onset whose sound may be incomplete: sample position, channel from 0, evidence in nats."""

    sample: int
    channel: int
    evidence: float
    floor_power: float


def octave_detail(samples: Floats, octave: int) -> NDArray[np.float64]:
    """Return the Haar detail of one octave at every sample; octave 1 is the highest, DC is removed.

    Position i compares the `2 ** (octave - 1)` samples from there on with as many before.
    """
    half = 2 ** (octave - 1)
    padded = np.concatenate([np.full(half, samples[0]), samples, np.full(half, samples[-1])]).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    size = len(samples)
    detail: NDArray[np.float64] = sums[2 * half :][:size] - 2 * sums[half:][:size] + sums[:size]
    return detail


def pick_onset(signal: NDArray[np.float64], *, margin: int = 4) -> int:
    """Return the index of the first sample after the change of variance; 0 if the variance never rises.

    Parameters
    ----------
    signal : ndarray, shape (n,)
        Zero-mean.
    margin : int
        Samples at each end in which no split is tried.

    Examples
    --------
    >>> import numpy as np
    >>> quiet = np.sin(np.arange(200.0)) * 0.01
    >>> quiet[120:] *= 50
    >>> pick_onset(quiet)
    120
    """
    size = len(signal)
    if size <= 2 * margin:
        return 0
    energy = np.cumsum(signal * signal)
    splits = np.arange(margin, size - margin)
    tiny = energy[-1] * 1e-9 / size + 1e-30
    before = energy[splits - 1] / splits + tiny
    after = (energy[-1] - energy[splits - 1]) / (size - splits) + tiny
    rising = after > before
    if not rising.any():
        return 0
    criterion = splits * np.log(before) + (size - splits) * np.log(after)
    return int(splits[np.argmin(np.where(rising, criterion, np.inf))])


def merge_close(onsets: list[Onset], separation: int) -> list[Onset]:
    """Return the onsets in order without those closer than `separation` samples to a stronger one."""
    merged: list[Onset] = []
    for onset in sorted(onsets, key=lambda each: each.sample):
        if not merged or onset.sample - merged[-1].sample >= separation:
            merged.append(onset)
        elif onset.evidence > merged[-1].evidence:
            merged[-1] = onset
    return merged
