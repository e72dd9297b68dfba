"""Measures of short sounds: spectral shape, and the course in time: rise, decay, ringing and repetition.

The frame before the onset is taken for the background and subtracted from the spectrum (never below a hundredth of the
power), so that hum or rumble under a click does not move it.

The envelope is the energy in blocks of a third of a millisecond. The background before the onset is subtracted, and
only blocks above four times its level count. Times are logarithms, since they span three decades.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.features.definitions import BAND_NAMES, OCTAVES, STAGE_NAMES, STAGES_MS, START_BANDS, START_NAMES, THIRDS
from popclass.features.frontend import Array, FrontEnd

Floats = NDArray[np.floating[Any]]

SUBTRACTION_LIMIT = 0.01
ROLLOFF = 0.85
BLOCKS_PER_S = 3000
RUMBLE_S = 0.012  # length of the moving mean that is subtracted: below about 60 Hz
ATTACK_S = 0.020
PEAKS_S = 0.030
START_S = 0.004
APART = 4  # blocks: peaks closer than 1.3 ms count as one
QUIET = 24  # blocks: a sound has decayed if it stays low for 8 ms
AUDIBLE = 4.0  # times the background's energy
SHORT_FRAME = 64  # samples of the frames for the decay of frequency ranges: 2.7 ms


def less_background(powers: Array, background: Array) -> Array:
    """Return powers less those of the background, but at least a hundredth of them."""
    return np.maximum(powers - background, SUBTRACTION_LIMIT * powers)


def shape(powers: Array, frontend: FrontEnd) -> dict[str, Array]:
    """Return the spectral shape: centroid, bandwidth, rolloff, flatness, dominant, prominence, shares of the bands.

    Parameters
    ----------
    powers : ndarray, shape (events, window // 2 + 1)
    frontend : FrontEnd
    """
    hertz = np.arange(powers.shape[1]) * (frontend.rate / frontend.window)
    powers = powers + 1e-30
    total = powers.sum(axis=1)
    centroid = weighted(powers, hertz) / total
    variance = np.maximum(weighted(powers, hertz**2) / total - centroid**2, 0)
    running = np.cumsum(powers, axis=1)
    rolloff = hertz[(running < ROLLOFF * total[:, None]).sum(axis=1).clip(max=powers.shape[1] - 1)]
    dominant, largest = _dominant(powers, hertz[1])
    mean = powers.mean(axis=1)
    return {
        "centroid": octaves(centroid),
        "bandwidth": octaves(np.sqrt(variance)),
        "rolloff": octaves(rolloff),
        "flatness": decibels(np.exp(np.log(powers).mean(axis=1)) / mean),
        "dominant": octaves(dominant),
        "prominence": decibels(largest / mean),
        **_band_shares(BAND_NAMES, powers, hertz, OCTAVES),
    }


def _band_shares(names: tuple[str, ...], powers: Array, hertz: Floats, edges: tuple[float, ...]) -> dict[str, Array]:
    """Return the share of each frequency band in the total, in dB; the last band has no upper edge."""
    bands = np.add.reduceat(powers, np.searchsorted(hertz, (0.0, *edges)), axis=1)
    return dict(zip(names, decibels(bands / powers.sum(axis=1)[:, None]).T, strict=True))


def _dominant(powers: Array, spacing: float) -> tuple[Array, Array]:
    """Return frequency and power of the largest peak; a parabola through the logarithms refines the frequency."""
    rows = np.arange(len(powers))
    best = np.argmax(powers[:, 1:-1], axis=1) + 1
    below, at, above = (np.log(powers[rows, best + shift]) for shift in (-1, 0, 1))
    curve = below - 2 * at + above
    offset = np.where(curve < -1e-9, 0.5 * (below - above) / np.where(curve < -1e-9, curve, -1.0), 0.0)
    return (best + offset.clip(-0.5, 0.5)) * spacing, powers[rows, best]


def weighted(rows: Array, weights: Floats) -> Array:
    """Return the weighted sum of each row.

    Not a matrix product: the result of a row must not depend, to the last bit, on the number of rows.
    """
    return np.asarray(np.einsum("nk,k->n", rows, weights))


def decibels(ratio: Array) -> NDArray[np.float64]:
    """Return ten times the decimal logarithm of an energy ratio; zero becomes -300."""
    return np.asarray(10 * np.log10(np.maximum(ratio, 1e-30)))


def octaves(values: Floats) -> Array:
    """Return the binary logarithm of hertz or milliseconds, limited at 0.001."""
    return np.asarray(np.log2(np.maximum(values, 1e-3)))


def _blocks(seconds: float) -> int:
    return round(seconds * BLOCKS_PER_S)


def less_rumble(signal: Array, rate: int) -> Array:
    """Return the signal less its moving mean, shape unchanged."""
    half = round(RUMBLE_S * rate / 2)
    sums = np.cumsum(np.pad(signal, ((0, 0), (half + 1, half)), mode="edge"), axis=1)
    return np.asarray(signal - (sums[:, 2 * half + 1 :] - sums[:, : -2 * half - 1]) / (2 * half + 1))


def envelope(signal: Array, rate: int) -> Array:
    """Return the mean energy of blocks of a third of a millisecond; shape (events, blocks)."""
    size = rate // BLOCKS_PER_S
    whole = signal.shape[1] // size
    blocks = signal[:, : whole * size].reshape(len(signal), whole, size)
    return np.asarray(np.einsum("ijk,ijk->ij", blocks, blocks) / size)


def _net(energy: Array, background: Array) -> Array:
    """Return the energy less that of the background, zero where hardly above it."""
    return np.where(energy > AUDIBLE * background, energy - background, 0)


def course(signal: Array, background: Array, rate: int) -> dict[str, Array]:
    """Return the features of the envelope and waveform of sounds that begin at the first sample.

    Parameters
    ----------
    signal : ndarray, shape (events, samples)
        Zero from the next onset on.
    background : ndarray, shape (events, 1)
        Mean envelope before the onset.
    rate : int
        In hertz.
    """
    ms = 1000 / BLOCKS_PER_S
    net = _net(envelope(signal, rate), background)
    start = signal[:, : round(ATTACK_S * rate)]
    attack = _blocks(ATTACK_S)
    peak = np.argmax(net[:, :attack], axis=1)
    largest = net[np.arange(len(net)), peak] + 1e-30
    total = net.sum(axis=1) + 1e-30
    running = np.cumsum(net, axis=1)
    early = (running >= 0.05 * total[:, None]).argmax(axis=1)
    final = (running >= 0.95 * total[:, None]).argmax(axis=1)
    late = running[:, _blocks(0.08)] - running[:, attack - 1]
    return {
        "rise": _rise(start, rate),
        "fall_10": octaves(_fallen(net, peak, 0.1 * largest) * ms),
        "fall_20": octaves(_fallen(net, peak, 0.01 * largest) * ms),
        "duration": octaves((final - early + 1) * ms),
        "time_centroid": octaves(weighted(net, np.arange(net.shape[1]) + 0.5) / total * ms),
        "crest": 2 * decibels(np.abs(start).max(axis=1) / (np.sqrt(np.mean(start**2, axis=1)) + 1e-30)),
        "late": decibels(late / (running[:, attack - 1] + 1e-30)),
        "crossings": _crossings(signal[:, : round(0.005 * rate)]),
        **_stages(running),
        **_start(signal[:, : round(START_S * rate)], rate),
        **_pulses(net[:, : _blocks(PEAKS_S)], peak, largest),
    }


def fills(signal: Array, lead: int, rate: int) -> dict[str, Array]:
    """Return the median envelope before and after sounds, later onsets included, relative to their peak.

    It is low between the pops of a thrust and high between the pulses of a voice.
    """
    energy = envelope(signal, rate)
    onset = round(lead * BLOCKS_PER_S / rate)
    peak = energy[:, onset : onset + _blocks(ATTACK_S)].max(axis=1) + 1e-30
    after = energy[:, onset + _blocks(0.010) : onset + _blocks(0.100)]
    before = energy[:, onset - _blocks(0.020) : onset - 2]
    return {
        "fill_before": decibels(np.median(before, axis=1) / peak),
        "fill_after": decibels(np.median(after, axis=1) / peak),
    }


def falls(signal: Array, lead: int, rate: int) -> dict[str, Array]:
    """Return the effective duration (sum e)^2 / sum e^2 of the energy in three frequency ranges, as log2 ms.

    Parameters
    ----------
    signal : ndarray, shape (events, samples)
        With background before the onset.
    lead : int
        Sample of the onset.
    rate : int
        In hertz.
    """
    hop = SHORT_FRAME // 2
    framed = np.lib.stride_tricks.sliding_window_view(signal, SHORT_FRAME, axis=1)[:, lead % hop :: hop]
    # a few at a time: spectra of all would not fit into the cache
    powers = np.concatenate([_short_powers(each) for each in np.array_split(framed, len(framed) // 4 + 1)])
    hertz = np.arange(powers.shape[2]) * rate / SHORT_FRAME
    onset = lead // hop - 1
    values = {}
    for name, low, high in THIRDS:
        first, last = np.searchsorted(hertz, (low, high))
        energy = powers[:, :, first:last].sum(axis=2)
        before = energy[:, : onset - 1].mean(axis=1, keepdims=True)
        net = _net(energy, before)[:, onset:]
        spread = net.sum(axis=1) ** 2 / ((net**2).sum(axis=1) + 1e-30)
        values[f"fall_{name}"] = octaves(spread * hop * 1000 / rate)
    return values


def _short_powers(framed: Array) -> Array:
    spectrum = np.fft.rfft(framed * np.hanning(SHORT_FRAME), axis=2)
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


def _stages(running: Array) -> dict[str, Array]:
    """Return the mean power of stretches after the onset over that of the first."""
    edges = [round(ms / 1000 * BLOCKS_PER_S) for ms in STAGES_MS]
    total = np.concatenate([np.zeros((len(running), 1)), running], axis=1)[:, edges]
    power = np.diff(total, axis=1) / np.diff(edges)
    return {name: decibels(power[:, i] / (power[:, 0] + 1e-30)) for i, name in enumerate(STAGE_NAMES, start=1)}


def _start(first: Array, rate: int) -> dict[str, Array]:
    """Return the spectrum of the first milliseconds, before the first reflections."""
    size = first.shape[1]
    fade = np.cos(np.linspace(0.0, np.pi / 2, size)) ** 2
    spectrum = np.fft.rfft(first * fade, 2 * size, axis=1)
    powers = spectrum.real**2 + spectrum.imag**2 + 1e-30
    hertz = np.arange(powers.shape[1]) * rate / (2 * size)
    centroid = weighted(powers, hertz) / powers.sum(axis=1)
    return {**_band_shares(START_NAMES, powers, hertz, START_BANDS), "start_centroid": octaves(centroid)}


def _rise(attack: Array, rate: int) -> Array:
    """Return the time from a tenth of the peak's energy to the peak, in the waveform itself."""
    energy = attack**2
    peak = np.argmax(energy, axis=1)
    largest = energy[np.arange(len(energy)), peak]
    first = np.argmax(energy >= 0.1 * largest[:, None], axis=1)
    return octaves((peak - first + 1) * 1000 / rate)


def _crossings(start: Array) -> Array:
    """Return log2 of half the rate of zero crossings, of which at least one is counted."""
    number = np.count_nonzero(np.diff(np.signbit(start), axis=1), axis=1)
    return np.asarray(np.log2(np.maximum(number, 1) / 0.005 / 2))


def _fallen(net: Array, peak: NDArray[np.intp], level: Array) -> NDArray[np.intp]:
    """Return the blocks from the peak until the envelope stays below the level for `QUIET` blocks."""
    position = np.arange(net.shape[1])
    loud = (net >= level[:, None]) & (position >= peak[:, None])
    last = np.maximum.accumulate(np.where(loud, position, -1), axis=1)
    quiet = (position - last >= QUIET) & (position > peak[:, None])
    until = np.where(quiet.any(axis=1), quiet.argmax(axis=1), net.shape[1] - 1)
    return np.asarray(np.maximum(last[np.arange(len(net)), until] - peak + 1, 1))


def _pulses(net: Array, peak: NDArray[np.intp], largest: Array) -> dict[str, Array]:
    """Return number and spacing of separate envelope peaks, and the largest later one."""
    padded = np.pad(net, ((0, 0), (APART, APART)))
    largest_near = np.lib.stride_tricks.sliding_window_view(padded, 2 * APART + 1, axis=1).max(axis=2)
    top = (net == largest_near) & (net > 0)
    summit = top & (net >= 0.1 * largest[:, None])
    number = np.maximum(summit.sum(axis=1), 1)
    first = np.argmax(summit, axis=1)
    last = summit.shape[1] - 1 - np.argmax(summit[:, ::-1], axis=1)
    spacing = np.where(number > 1, (last - first) / np.maximum(number - 1, 1), 0) * 1000 / BLOCKS_PER_S
    later = np.arange(net.shape[1]) > (peak + APART)[:, None]
    return {
        "peaks": np.log2(number),
        "peak_spacing": octaves(spacing),
        "second_peak": decibels(np.where(top & later, net, 0).max(axis=1) / largest),
    }
