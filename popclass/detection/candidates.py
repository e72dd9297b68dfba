"""Candidate frames for onsets, by a likelihood ratio against the noise floor, and their samples.

In every band the energy of the next frames is compared with the floor, a low quantile of the band's energy over the
last seconds, corrected to a mean, or with a fading share of earlier peaks if that is larger. The maxima are candidates;
`popclass.detection.verification` decides which of them are short sounds.

For Gaussian noise of known variance the log-likelihood ratio of a raised variance is n/2 (r - 1 - ln r), with r the
energy ratio and n the number of independent coefficients; the ratios of the bands add up. One threshold therefore fits
every background, sample rate and bandwidth.

Within a candidate the onset is the sample at which the variance changes, by the Akaike information criterion of a
two-variance model, the standard for acoustic emission and seismic onsets (Maeda 1985, Zisin 38:365-379): for every
split of a window, AIC(k) = k ln var(before) + (n - k) ln var(after); the minimum marks the onset. It finds the steepest
change: the release of a snap, not the rubbing before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from popclass.detection.bands import Doubles, Floats

Indices = NDArray[np.intp]

SHORT = 2  # frames of the short window: 2.7 ms, about a click
LONG = 8  # frames of the long window: 10.7 ms, about a ring, and the window of an event's level
FEWEST_BLOCKS = 24  # long windows needed to measure the steadiness of the background
UNKNOWN_STEADINESS = 0.5
THRESHOLD = 22.0  # log-likelihood ratio (natural) of a candidate; stationary noise reaches about 15 in a minute
FLOOR = (0, 0)  # an empty span: candidates are compared with the floor alone
FLOOR_QUANTILE = 0.3  # of the band energy, used as the floor
DEVIATE = 0.5244005127080407  # standard deviations from the median to this quantile of a normal variable
FADING_GAIN, FADING_PER_FRAME = 0.05, 0.87  # share of a recent peak's energy that masks onsets, and its decay
LEAST_STEADINESS = 0.1  # minimum share of the independent values counted in an unsteady background
QUIETEST_RMS = 1e-5  # minimum floor relative to full scale: about a third of a step of 16 bits
QUIETEST_SHARE = 0.01  # minimum floor relative to all bands: above its cut-off a codec leaves residues, not silence


class Onset(NamedTuple):
    """A located onset whose sound may be incomplete: sample position, channel from 0, evidence in nats."""

    sample: int
    channel: int
    evidence: float
    floor_power: float


def moving_sum(values: Floats, length: int) -> Floats:
    """Return the sum of each frame and the `length - 1` before it (a power of two), or as many as there are."""
    total = values.copy()
    span = 1
    while span < length:
        total[..., span:] = total[..., span:] + total[..., :-span]
        span *= 2
    return total


def background(energies: Floats, counts: Doubles) -> tuple[Floats, Floats]:
    """Estimate the mean energy of the background in each band and its degrees of freedom.

    Parameters
    ----------
    energies : ndarray, shape (..., bands, frames)
    counts : ndarray, shape (bands,)
        Independent values in a frame of white noise.

    Returns
    -------
    floor : ndarray, shape (..., bands, 1)
        A low quantile, corrected to the mean of a chi-square variable (Wilson and Hilferty's approximation).
    freedom : ndarray, shape (..., bands, 1)
        Degrees of freedom per frame by the scatter of the energy: fewer than in white noise where neighbouring values
        are correlated, as in noise without high frequencies, or where the background itself varies.
    """
    frames = energies.shape[-1]
    length = LONG if frames >= 2 * LONG else 1
    grouped = energies[..., : frames // length * length].reshape(*energies.shape[:-1], -1, length)
    blocks = np.einsum("...k->...", grouped) / np.float32(length)  # four times faster than a mean
    blocks.sort(axis=-1)
    low, high = (blocks[..., int(share * (blocks.shape[-1] - 1))] for share in (FLOOR_QUANTILE, 1 - FLOOR_QUANTILE))
    white = 2 / (9 * np.maximum(counts * length, 2.0))
    steadiness = np.full(low.shape, UNKNOWN_STEADINESS)
    if blocks.shape[-1] >= FEWEST_BLOCKS:
        # the cube root of a chi-square variable over its mean is normal with variance 2 / (9 freedom)
        lower, upper = np.cbrt(low), np.cbrt(high)
        scatter = ((upper - lower) / np.maximum(upper + lower, 1e-30) / DEVIATE) ** 2
        steadiness = np.maximum(np.minimum(white / np.maximum(scatter, 1e-12), 1.0), LEAST_STEADINESS)
    spread = white / steadiness
    to_mean = np.maximum(1 - spread - DEVIATE * np.sqrt(spread), 0.3) ** 3
    floor = low / to_mean
    quietest = np.maximum(counts * QUIETEST_RMS**2, floor.sum(axis=-1, keepdims=True) * QUIETEST_SHARE)
    floor = np.maximum(floor, quietest).astype(np.float32)
    return floor[..., None], (counts * steadiness).astype(np.float32)[..., None]


def reference(energies: Floats, floor: Floats) -> Floats:
    """Return the energy with which each frame is compared: the floor, or a fading share of earlier peaks if larger.

    Without the peaks, a sound that grows within a few milliseconds would be a candidate at its loudest frame, not at
    its onset. Both have shape (..., frames).
    """
    fade = np.arange(energies.shape[-1], dtype=np.float32) * np.float32(-np.log(FADING_PER_FRAME))
    smooth = moving_sum(energies, SHORT) * np.float32(0.5) + floor * np.float32(1e-6)
    level = np.log(smooth, out=smooth)
    level += fade
    np.maximum.accumulate(level, axis=-1, out=level)
    level -= fade
    fading = np.exp(level, out=level)
    fading *= np.float32(FADING_GAIN)
    against = floor.copy()
    np.maximum(against[..., 1:], fading[..., :-1], out=against[..., 1:])
    return against


def log_likelihood(energies: Floats, against: Floats, counts: Doubles, freedom: Floats, length: int) -> Floats:
    """Return the log-likelihood ratio of an onset at each frame from the next `length` frames, all bands together.

    The arrays have shape (bands, ..., frames). Bands with fewer than two coefficients in the window do not count, and
    the last `length - 1` frames are zero.
    """
    evidence = np.zeros(energies.shape[1:], np.float32)
    usable = slice(0, sum(count * length >= 2 for count in counts.tolist()))  # the highest bands
    ratio = moving_sum(energies[usable], length)[..., length - 1 :]
    valid = ratio.shape[-1]
    ratio /= against[usable, ..., :valid] * np.float32(length)
    np.maximum(ratio, 1, out=ratio)
    logarithm = np.log(ratio)
    ratio -= 1
    ratio -= logarithm
    ratio *= freedom[usable, ..., :valid] * np.float32(length / 2)
    evidence[..., :valid] = ratio.sum(axis=0)
    return evidence


def cumulative(energies: Floats) -> Doubles:
    """Return the sums of the energies before each frame and at the end, shape (..., frames + 1), for `contrast`."""
    sums = np.zeros((*energies.shape[:-1], energies.shape[-1] + 1))
    np.cumsum(energies, axis=-1, dtype=np.float64, out=sums[..., 1:])
    return sums


def contrast(
    sums: Doubles,
    places: tuple[Indices, Indices, Indices],
    lengths: Indices,
    spans: Sequence[tuple[int, int]],
    background: Floats,
    counts: Doubles,
) -> Floats:
    """Return the log-likelihood ratio of candidates by band against the mean energies of spans of frames near each.

    Parameters
    ----------
    sums : ndarray, shape (bands, windows, channels, frames + 1)
        Of `cumulative`.
    places : (ndarray, ndarray, ndarray), shape (candidates,)
        Window, channel and frame of each candidate.
    lengths : ndarray, shape (candidates,)
        Frames of its sound that are compared.
    spans : sequence of (int, int)
        First frame of each reference and the one after its last, relative to the candidate. Frames that do not exist
        are left out; the reference is at least the floor, and so the floor alone for `FLOOR`, which holds none.
    background : ndarray, shape (2, bands, candidates)
        Floor and degrees of freedom.
    counts : ndarray, shape (bands,)

    Returns
    -------
    ndarray, shape (spans, bands, candidates)
    """
    windows, channels, frames = places
    edges = [frames, frames + lengths, *(frames + edge for span in spans for edge in span)]
    ends = np.minimum(np.maximum(np.array(edges), 0), sums.shape[-1] - 1)
    held = sums[:, windows, channels, ends].swapaxes(0, 1)
    own, *near = (held[1::2] - held[::2]) / np.maximum(ends[1::2] - ends[::2], 1)[:, None]
    floor, freedom = background
    ratio = np.maximum(own / np.maximum(near, floor), 1)
    weight = freedom * (counts[:, None] * lengths >= 2) * (lengths / 2)
    return np.asarray((ratio - 1 - np.log(ratio)) * weight, np.float32)


def may_reach(energies: Floats, floor: Floats, freedom: Floats, threshold: float) -> NDArray[np.bool_]:
    """Return False for frames from which on no evidence can reach the threshold, by the least floor of all frames.

    This spares most of a recording anything but two passes over its energies.

    Parameters
    ----------
    energies : ndarray, shape (..., bands, frames)
    floor, freedom : ndarray, shape (..., bands)
        The least and the largest of these frames.

    Returns
    -------
    ndarray of bool, shape (..., frames - LONG + 1)
        That of a frame holds for the `LONG` frames from it on. A shorter recording has one, which is True.
    """
    if energies.shape[-1] < LONG:
        return np.ones((*energies.shape[:-2], 1), bool)
    ratio = np.add(energies[..., 1:], energies[..., :-1], order="C")  # of the short window
    ratio *= 1 / (floor[..., None] * np.float32(SHORT))
    np.maximum(ratio, 1, out=ratio)
    logarithm = np.log(ratio)
    ratio -= 1
    ratio -= logarithm
    short = ((freedom * np.float32(SHORT / 2))[..., None, :] @ ratio)[..., 0, :]
    frames = short.shape[-1] - LONG + SHORT
    # the evidence of a window is at most the sum of its parts, since r - 1 - ln r is convex
    most = sum((short[..., start : start + frames] for start in range(SHORT, LONG, SHORT)), short[..., :frames])
    return np.asarray(most > threshold * 0.98)  # the margin is for rounding


def proposals(short: Floats, long: Floats, threshold: float, *, reach: int = 3) -> tuple[Indices, Indices, Indices]:
    """Return window, frame and length of the candidates in order, the length being that of their evidence.

    A frame is a candidate if the evidence of `SHORT` frames is a maximum among `reach` frames on either side, or,
    without such a frame nearby, that of `LONG` frames. Both have shape (windows, frames).
    """
    distance = short.shape[1] + 2 * LONG  # from one window to the next, none of whose frames is nearby
    quick = _peaks(short, threshold, reach) @ (distance, 1)
    slow = _peaks(long, threshold, LONG) @ (distance, 1)
    after = np.searchsorted(quick, (slow - 1, slow + LONG + 2))
    alone = slow[after[0] == after[1]]
    places = np.concatenate([quick, alone])
    order = places.argsort()
    lengths = np.full(len(places), SHORT)
    lengths[len(quick) :] = LONG
    window, frame = np.divmod(places[order], distance)
    return window, frame, lengths[order]


def _peaks(values: Floats, threshold: float, reach: int) -> Indices:
    """Return row and column of each maximum above the threshold within `reach` columns (the first of equals)."""
    padded = np.full((len(values), values.shape[1] + 2 * reach), -np.inf, values.dtype)
    padded[:, reach:-reach] = values
    row, column = (values > threshold).nonzero()
    largest = excerpts(padded, row, column, 2 * reach + 1).argmax(axis=1) == reach
    return np.stack([row[largest], column[largest]], axis=1)


def excerpts(rows: Floats, row: Indices, first: Indices, length: int) -> Floats:
    """Return some stretches of equal length, each from a row and a column on, copied as a whole."""
    down, across = rows.strides
    shape = len(rows), rows.shape[1] - length + 1, length
    return np.asarray(as_strided(rows, shape, (down, across, across), writeable=False)[row, first])


def pick_onset(signal: Doubles, *, margin: int = 4) -> Indices:
    """Return the index of the first sample after the change of variance of each row; 0 if the variance never rises.

    Parameters
    ----------
    signal : ndarray, shape (rows, n)
        Zero-mean.
    margin : int
        Samples at each end in which no split is tried.

    Examples
    --------
    >>> import numpy as np
    >>> quiet = np.sin(np.arange(200.0)) * 0.01
    >>> quiet[120:] *= 50
    >>> pick_onset(quiet[None])
    array([120])
    """
    size = signal.shape[1]
    if size <= 2 * margin:
        return np.zeros(len(signal), np.intp)
    energy = np.cumsum(signal * signal, axis=1)
    splits = np.arange(margin, size - margin)
    total, first = energy[:, -1:], energy[:, margin - 1 : -margin - 1]
    tiny = total * 1e-9 / size + 1e-30
    before = first / splits + tiny
    after = (total - first) / (size - splits) + tiny
    rising = after > before
    criterion = splits * np.log(before) + (size - splits) * np.log(after)
    best = np.where(rising, criterion, np.inf).argmin(axis=1)
    return np.where(rising.any(axis=1), splits[best], 0)


def merge_close(onsets: list[Onset], separation: int) -> list[Onset]:
    """Return the onsets in order without those closer than `separation` samples to a stronger one."""
    merged: list[Onset] = []
    for onset in sorted(onsets, key=lambda each: each.sample):
        if not merged or onset.sample - merged[-1].sample >= separation:
            merged.append(onset)
        elif onset.evidence > merged[-1].evidence:
            merged[-1] = onset
    return merged
