"""Which frames could hold an onset: a likelihood ratio against the noise floor and against what was just heard.

For every band the energy of the frames ahead is compared with a reference, the largest of

- the floor: a low quantile of the band's energy over the last seconds, corrected to a mean;
- what has been going on: the mean amplitude of the last 100 ms, so that running speech or a rattle does not fire at
  each of its pulses, while a few clicks hardly raise it;
- what has just been: the band's recent peaks, fading, so that a decaying ring or an echo is no new onset.

For Gaussian noise of known variance the log-likelihood ratio of a raised variance is n/2 (r - 1 - ln r), with r the
energy ratio and n the number of independent coefficients; the ratios of the bands add up. One threshold then serves
every background, sample rate and bandwidth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from popclass.detection.bands import Floats

SHORT = 2  # frames of the short window: 2.7 ms, about a click
LONG = 8  # frames of the long window: 10.7 ms, about a ring, and the time over which a sound's level is defined
TRAILING = 75  # frames of "what has been going on": 100 ms
FEWEST_BLOCKS = 24  # of the long window; with fewer the steadiness of the background cannot be told
UNSURE_STEADINESS = 0.5


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The detector's one default setting.

    Attributes
    ----------
    threshold : float
        Log-likelihood ratio (natural logarithm) from which a frame is a candidate. Stationary noise reaches about
        15 in a minute.
    floor_quantile : float
        Quantile of the band energy that is taken for the floor.
    trailing_gain : float
        Energy ratio by which an onset must stand above the mean of the last 100 ms.
    fading_gain, fading_per_frame : float
        A recent peak masks this share of its energy, and this factor less with each frame.
    least_steadiness : float
        However unsteady the background, at least this share of the independent values is counted.
    quietest_rms : float
        No floor is contextual below this (relative to full scale): about a third of a step of 16 bits.
    quietest_share : float
        Nor below this share of the floors of all bands together: what a codec leaves above its cut-off is not silence
        in which anything could be heard.
    """

    threshold: float = 25.0
    floor_quantile: float = 0.3
    trailing_gain: float = 4.0
    fading_gain: float = 0.25
    fading_per_frame: float = 0.87
    quietest_rms: float = 1e-5
    quietest_share: float = 0.01
    least_steadiness: float = 0.1


def moving_sum(values: Floats, length: int) -> Floats:
    """Sum of each frame and the `length - 1` before it (a power of two); the first frames count what there is."""
    total = values.copy()
    span = 1
    while span < length:
        total[..., span:] = total[..., span:] + total[..., :-span]
        span *= 2
    return total


def background(
    energies: Floats, counts: NDArray[np.float64], frame: int, setting: Sensitivity
) -> tuple[Floats, Floats]:
    """What the background is like in each band: its mean energy a frame, and how steady it is.

    Parameters
    ----------
    energies : ndarray, shape (bands, frames)
    counts : ndarray, shape (bands,)
        Independent values in a frame of white noise.
    frame : int
        Samples in a frame.

    Returns
    -------
    floor : ndarray, shape (bands, 1)
        A low quantile, brought to the mean of a chi-square variable (Wilson and Hilferty's approximation).
    freedom : ndarray, shape (bands, 1)
        Independent values in a frame as the scatter of the energy tells: fewer than in white noise where neighbouring
        values are alike, as in noise without high frequencies, or where the background itself rises and falls.
    """
    length = LONG if energies.shape[1] >= 2 * LONG else 1
    grouped = energies[:, : energies.shape[1] // length * length].reshape(len(energies), -1, length)
    blocks = np.einsum("ijk->ij", grouped) / np.float32(length)  # four times faster than mean(axis=2)
    ranks = [int(share * (blocks.shape[1] - 1)) for share in (setting.floor_quantile, 1 - setting.floor_quantile)]
    low, high = np.sort(blocks, axis=1)[:, ranks].T
    normal = _deviate(setting.floor_quantile)
    usual = 2 / (9 * np.maximum(counts * length, 2.0))
    if blocks.shape[1] >= FEWEST_BLOCKS:
        # the cube root of a chi-square variable over its mean is normal with variance 2 / (9 freedom)
        lower, upper = np.cbrt(low), np.cbrt(high)
        scatter = ((upper - lower) / np.maximum(upper + lower, 1e-30) / normal) ** 2
        steadiness = np.maximum(np.minimum(usual / np.maximum(scatter, 1e-12), 1.0), setting.least_steadiness)
    else:
        steadiness = np.full(len(counts), UNSURE_STEADINESS)
    spread = usual / steadiness
    to_mean = np.maximum(1 - spread - normal * np.sqrt(spread), 0.3) ** 3
    floor = low / to_mean
    quietest = np.maximum(counts * setting.quietest_rms**2, floor.sum() * setting.quietest_share)
    floor = np.maximum(floor, quietest).astype(np.float32)
    return floor[:, None], (counts * steadiness).astype(np.float32)[:, None]


@cache
def _deviate(quantile: float) -> float:
    """By how many standard deviations a quantile lies below the median of a normal variable."""
    return NormalDist().inv_cdf(1 - quantile)


def reference(energies: Floats, floor: Floats, setting: Sensitivity) -> Floats:
    """What the energy of each frame is compared with, from the frames before it; shapes (bands, frames)."""
    running = np.cumsum(np.sqrt(energies), axis=1, dtype=np.float64)
    running[:, TRAILING:] -= running[:, :-TRAILING].copy()
    trailing = (running.astype(np.float32) / np.float32(TRAILING)) ** 2
    going_on = np.maximum(trailing - floor, 0) * np.float32(setting.trailing_gain) + floor
    fade = np.arange(energies.shape[1], dtype=np.float32) * np.float32(-np.log(setting.fading_per_frame))
    smooth = moving_sum(energies, SHORT) * np.float32(0.5) + floor * np.float32(1e-6)
    fading = np.exp(np.maximum.accumulate(np.log(smooth) + fade, axis=1) - fade) * np.float32(setting.fading_gain)
    before = floor.copy()
    before[:, 1:] = np.maximum(np.maximum(going_on, fading)[:, :-1], floor[:, 1:])
    return before


def log_likelihood(
    energies: Floats, against: Floats, counts: NDArray[np.float64], freedom: Floats, length: int
) -> Floats:
    """Log-likelihood ratio of an onset at each frame, by band, from the `length` frames that begin with it.

    Bands with less than two coefficients in the window say nothing. The last `length - 1` frames are zero.
    """
    evidence = np.zeros_like(energies)
    heard = _heard(counts, length)
    ahead = moving_sum(energies[heard], length)[:, length - 1 :]
    valid = ahead.shape[1]
    ratio = np.maximum(ahead / (against[heard, :valid] * np.float32(length)), 1)
    evidence[heard, :valid] = (ratio - 1 - np.log(ratio)) * (freedom[heard, :valid] * np.float32(length / 2))
    return evidence


def hot_span(
    energies: Floats, floor: Floats, freedom: Floats, counts: NDArray[np.float64], threshold: float
) -> tuple[int, int] | None:
    """The stretch outside which no frame can reach the threshold: where the evidence against the floor alone does not.

    No reference lies below the floor, so what fails here would fail against the reference too. That spares most of a
    recording the reference, which takes longer than everything else.

    Parameters
    ----------
    energies : ndarray, shape (bands, frames)
    floor, freedom : ndarray, shape (bands,)
        The least and the largest of these frames.

    Returns
    -------
    tuple of int or None
        Its first frame and the one after its last; None where no frame can.
    """
    threshold *= 0.99  # the margin is for rounding
    most = short = _against_floor(energies, floor, freedom, SHORT)
    if len(short) > LONG - SHORT:
        # the evidence of a window is at most that of its parts together, since r - 1 - ln r is convex
        parts = [short[start : len(short) - LONG + SHORT + start] for start in range(0, LONG, SHORT)]
        most = np.concatenate([sum(parts[1:], parts[0]), short[len(parts[0]) :]])
    hot = np.flatnonzero(most > threshold)
    if not len(hot):
        return None
    if short.max() <= threshold:
        heard = _heard(counts, LONG)
        long = _against_floor(energies[heard], floor[heard], freedom[heard], LONG)
        if not long.max(initial=0) > threshold:
            return None
    return int(hot[0]), int(hot[-1]) + 1


def _against_floor(energies: Floats, floor: Floats, freedom: Floats, length: int) -> Floats:
    """Evidence of windows of `length` frames against the floor, all bands together."""
    ahead = moving_sum(energies, length)[:, length - 1 :]
    ratio = np.maximum(ahead * (1 / (floor[:, None] * np.float32(length))), 1)
    return np.asarray((freedom * np.float32(length / 2)) @ (ratio - 1 - np.log(ratio)))


def _heard(counts: NDArray[np.float64], length: int) -> slice:
    """Bands with at least two coefficients in the window: the highest ones."""
    return slice(0, sum(count * length >= 2 for count in counts.tolist()))


def proposals(short: Floats, long: Floats, threshold: float, *, reach: int = 3) -> list[tuple[int, bool]]:
    """Frames to look for an onset in, with True where the short window saw it, in order.

    A frame is proposed where the short window's evidence is the largest of the `reach` frames on either side, or,
    where the short window is silent nearby, the long window's.
    """
    quick = _peaks(short, threshold, reach)
    slow = _peaks(long, threshold, LONG)
    nearby = (quick >= slow[:, None] - 1) & (quick <= slow[:, None] + LONG + 1)
    alone = slow[~nearby.any(axis=1)]
    return sorted([(int(frame), True) for frame in quick] + [(int(frame), False) for frame in alone])


def _peaks(values: Floats, threshold: float, reach: int) -> NDArray[np.intp]:
    """Positions of values above the threshold that nothing within `reach` exceeds (the first of equals)."""
    hot = np.flatnonzero(values > threshold)
    if not len(hot):
        return hot
    edge = np.full(reach, -np.inf, np.float32)
    around = np.concatenate([edge, values, edge])[hot[:, None] + np.arange(2 * reach + 1)]
    return np.asarray(hot[np.argmax(around, axis=1) == reach])
