"""Time course of short sounds: rise, decay, ringing and repetition.

The envelope is the energy in blocks of a third of a millisecond. The background before the onset is subtracted, and
only blocks above four times its level count. Times are logarithms, since they span three decades.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from popclass.features.definitions import STAGE_NAMES, STAGES_MS, START_BANDS, START_NAMES, THIRDS
from popclass.features.frontend import Array
from popclass.features.spectral import band_shares, decibels, octaves, weighted

BLOCKS_PER_S = 3000
RUMBLE_S = 0.012  # length of the moving mean that is subtracted: below about 60 Hz
ATTACK_S = 0.020
PEAKS_S = 0.030
START_S = 0.004
APART = 4  # blocks: peaks closer than 1.3 ms count as one
QUIET = 24  # blocks: a sound has decayed if it stays low for 8 ms
AUDIBLE = 4.0  # times the background's energy
SHORT_FRAME = 64  # samples of the frames for the decay of frequency ranges: 2.7 ms


def _blocks(seconds: float) -> int:
    return round(seconds * BLOCKS_PER_S)


def less_rumble(signal: Array, rate: int) -> Array:
    """Return the signal less its moving mean, shape unchanged."""
    half = round(RUMBLE_S * rate / 2)
    first, last = signal[:, :1], signal[:, -1:]
    sums = np.cumsum(np.concatenate([np.repeat(first, half + 1, 1), signal, np.repeat(last, half, 1)], axis=1), axis=1)
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
    energy = envelope(signal, rate)
    net = _net(energy, background)
    attack = _blocks(ATTACK_S)
    rows = np.arange(len(energy))
    peak = np.argmax(net[:, :attack], axis=1)
    largest = net[rows, peak] + 1e-30
    total = net.sum(axis=1) + 1e-30
    running = np.cumsum(net, axis=1)
    early = (running >= 0.05 * total[:, None]).argmax(axis=1)
    final = (running >= 0.95 * total[:, None]).argmax(axis=1)
    late = running[:, _blocks(0.08)] - running[:, attack - 1]
    return {
        "rise": _rise(signal[:, : round(ATTACK_S * rate)], rate),
        "fall_10": octaves(_fallen(net, peak, 0.1 * largest) * ms),
        "fall_20": octaves(_fallen(net, peak, 0.01 * largest) * ms),
        "duration": octaves((final - early + 1) * ms),
        "time_centroid": octaves(weighted(net, np.arange(net.shape[1]) + 0.5) / total * ms),
        "crest": _crest(signal[:, : round(ATTACK_S * rate)]),
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
    spectrum = np.fft.rfft(framed * np.hanning(SHORT_FRAME), axis=2)
    powers = spectrum.real**2 + spectrum.imag**2
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
    total = powers.sum(axis=1)
    shares = band_shares(powers, total[:, None], hertz, START_BANDS)
    return {**dict(zip(START_NAMES, shares.T, strict=True)), "start_centroid": octaves(weighted(powers, hertz) / total)}


def _rise(attack: Array, rate: int) -> Array:
    """Return the time from a tenth of the peak's energy to the peak, in the waveform itself."""
    energy = attack**2
    peak = np.argmax(energy, axis=1)
    largest = energy[np.arange(len(energy)), peak]
    first = np.argmax(energy >= 0.1 * largest[:, None], axis=1)
    return octaves((peak - first + 1) * 1000 / rate)


def _crest(attack: Array) -> Array:
    rms = np.sqrt(np.mean(attack**2, axis=1)) + 1e-30
    return 2 * decibels(np.abs(attack).max(axis=1) / rms)


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
    edge = np.zeros((len(net), APART))
    padded = np.concatenate([edge, net, edge], axis=1)
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
