"""Onsets that are not sounds: pre-echoes of lossy codecs, the first noise after digital silence, the pulses of a hum.

Positions are samples of the stretch that is passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations

import numpy as np

from popclass.detection.bands import Floats

PRE_ECHO_S, PRE_ECHO_GAIN = 0.010, 0.1  # a tenth of the amplitude (-20 dB) just before a click is a codec's pre-echo
LONG_PRE_ECHO_S, LONG_PRE_ECHO_GAIN = 0.030, 0.03  # farther before it (-30 dB), where the codec is known to be lossy
SILENCE_S, AFTER_SILENCE_S = 0.005, 0.060  # digital silence, and how long noise that begins after it is not an event
STEP_GAIN = 10.0  # of a sound over the noise that follows it, in power
COMPARED_S, FOLLOWING_S = 0.010, 0.160  # window of a level, and stretch after an onset
LONGEST_PERIOD_S = 0.045  # of a hum: 22 Hz; mains and motors are faster, repeated movements slower
REMEMBERED_S, MOST_PULSES = 0.250, 16  # for which, and with how many, a pulse is compared: a click masks some of them
EVEN = 0.12  # most by which the next pulse misses a multiple of the period, as a share of it
SIMILAR, SAME_LEVEL = 0.9, 2.0  # least correlation of two pulses of a hum, and the largest ratio of their energies
PULSE_S, LEAD_S, SHIFT_S = 0.008, 0.001, 0.0005  # of a pulse: length, time before its onset, and error of the onset


def is_pre_echo(samples: Floats, at: int, later: Sequence[tuple[int, int]], sample_rate: int, *, lossy: bool) -> bool:
    """Return True for what a codec spreads out before a click: far weaker, and just before it.

    Parameters
    ----------
    samples : ndarray, shape (channels, n)
    at : int
        The onset.
    later : sequence of (int, int)
        Onsets after it in order, and their channels.
    sample_rate : int
        In hertz.
    lossy : bool
        True if the codec is known to be lossy.
    """
    near = round(PRE_ECHO_S * sample_rate)
    farthest = round(LONG_PRE_ECHO_S * sample_rate) if lossy else near
    for click, channel in later:
        if click - at >= farthest:
            break
        before = samples[channel, at:click]
        after = samples[channel, click:][: round(COMPARED_S * sample_rate)]
        if np.ptp(before) < (PRE_ECHO_GAIN if click - at < near else LONG_PRE_ECHO_GAIN) * np.ptp(after):
            return True
    return False


def is_step(samples: Floats, at: int, channel: int, sample_rate: int) -> bool:
    """Return True for noise that begins after digital silence, as where a gap was filled; parameters as above."""
    before = samples[:, max(at - round(AFTER_SILENCE_S * sample_rate), 0) : at]
    if before[:, :: max(int(SILENCE_S * sample_rate), 1)].any(axis=0).all():  # every silence contains such a sample
        return False
    sounding = np.flatnonzero(before.any(axis=0))
    # its longest run: single zeros are frequent in a quiet recording
    if np.diff(sounding, prepend=-1, append=before.shape[1]).max() <= SILENCE_S * sample_rate:
        return False
    window = round(COMPARED_S * sample_rate)
    after = samples[channel, at : at + round(FOLLOWING_S * sample_rate) // window * window]
    power = after[: len(after) // window * window].reshape(-1, window).var(axis=1)
    return len(power) > 1 and bool(power[0] < STEP_GAIN * np.median(power[1:]))


def is_hum(samples: Floats, at: int, channel: int, earlier: Sequence[int], sample_rate: int) -> bool:
    """Return True for a pulse that is at least the third of its kind at equal intervals: hum, buzz, a motor, a creak.

    Parameters
    ----------
    samples, at, channel, sample_rate
        As above.
    earlier : sequence of int
        Onsets before it in order, those that are not sounds included.
    """
    near = [onset for onset in earlier[-MOST_PULSES:] if at - onset <= REMEMBERED_S * sample_rate]
    even = [
        pair
        for pair in combinations(near, 2)
        if (period := pair[1] - pair[0]) <= LONGEST_PERIOD_S * sample_rate
        and abs(at - pair[1] - max(round((at - pair[1]) / period), 1) * period) <= EVEN * period
    ]
    compared = {onset: _similar(samples[channel], at, onset, sample_rate) for onset in {*chain(*even)}}
    return any(compared[first] and compared[second] for first, second in even)


def _similar(signal: Floats, at: int, other: int, sample_rate: int) -> bool:
    """Return True for two onsets whose sounds have nearly the same waveform and level, of either polarity."""
    lead, shift, size = (round(seconds * sample_rate) for seconds in (LEAD_S, SHIFT_S, PULSE_S))
    if other - lead < shift:
        return False
    pulse = signal[at - lead : at - lead + size].astype(np.float64)  # shorter at the end of a recording
    wide = signal[other - lead - shift : other - lead + shift + len(pulse)].astype(np.float64)
    wide, pulse = wide - wide.mean(), pulse - pulse.mean()
    there = wide[shift : shift + len(pulse)]
    energies = float(pulse @ pulse), float(there @ there)
    if max(energies) > SAME_LEVEL * min(energies):
        return False
    return bool(np.abs(np.correlate(wide, pulse)).max() > SIMILAR * np.sqrt(energies[0] * energies[1]))
