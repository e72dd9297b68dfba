"""Onsets that are not sounds: pre-echoes of lossy codecs, the first noise after digital silence, the pulses of a hum.

Positions are samples of the stretch that is passed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from popclass.detection.bands import Floats
from popclass.detection.candidates import excerpts

PRE_ECHO_S, PRE_ECHO_GAIN = 0.010, 0.1  # a tenth of the amplitude (-20 dB) just before a click is a codec's pre-echo
LONG_PRE_ECHO_S, LONG_PRE_ECHO_GAIN = 0.030, 0.03  # farther before it (-30 dB), where the codec is known to be lossy
SILENCE_S, AFTER_SILENCE_S = 0.005, 0.060  # digital silence, and how long noise that begins after it is not an event
STEP_GAIN = 10.0  # of a sound over the noise that follows it, in power
COMPARED_S, FOLLOWING_S = 0.010, 0.160  # window of a level, and stretch after an onset
SHORTEST_PERIOD_S, LONGEST_PERIOD_S = 0.005, 0.045  # of a hum: 22-200 Hz, as of mains and motors
PERIODS, ENOUGH = 8, 6  # earlier periods that are searched for the pulse of a hum, and those that must hold it
HUM_S = (PERIODS + 1) * LONGEST_PERIOD_S  # stretch before an onset that is searched
FEWEST_ONSETS = 3  # in that stretch; not every pulse need be an onset
UNEVEN = 0.12  # most by which a period differs from the one after it, as a share
SIMILAR, SAME_LEVEL = 0.8, 3.0  # least correlation of two pulses of a hum, and the largest ratio of their energies
PULSE_S, LEAD_S = 0.008, 0.001  # length of a pulse, and the part of it before its onset
HUM_RATE = 24_000  # least rate in hertz at which pulses are compared: lower ones shift a ring of 3 kHz too much
ONSET_ERROR = 12  # samples at that rate


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
    """Return True for a pulse of a hum, a buzz or a motor: most of eight periods before it hold the same pulse.

    The pops of a thrust are fewer and less even, and repeated movements are slower.

    Parameters
    ----------
    samples, at, channel, sample_rate
        As above.
    earlier : sequence of int
        Onsets before it in order, those that are not sounds included. The period is the time since one of the last
        three, or a whole fraction of it.
    """
    near = [at - onset for onset in earlier if at - onset <= HUM_S * sample_rate]
    if len(near) < FEWEST_ONSETS:
        return False
    shortest, longest = SHORTEST_PERIOD_S * sample_rate, LONGEST_PERIOD_S * sample_rate
    possible = (since / parts for since in near[-3:] for parts in range(1, PERIODS + 1))
    periods = [each for each in possible if shortest <= each <= longest and _multiples(near[-6:], each) >= 2]
    if not periods:
        return False
    step = max(sample_rate // HUM_RATE, 1)
    lead, size = (round(seconds * sample_rate / step) for seconds in (LEAD_S, PULSE_S))
    begin = max(at - round(HUM_S * sample_rate), 0)
    stretch = samples[channel, begin : at + size * step]
    signal = stretch[: len(stretch) // step * step].reshape(-1, step).sum(axis=1)
    first = (at - begin) // step - lead
    return any(_repeats(signal[: first + size], first, each / step) for each in periods)


def _multiples(intervals: Sequence[int], period: float) -> int:
    """Return how many intervals are multiples of a period."""
    return sum(abs(each / period - round(each / period)) <= UNEVEN for each in intervals)


@lru_cache
def _parabolas(size: int) -> Floats:
    """Return orthonormal columns that span the parabolas of a number of samples."""
    return np.asarray(np.linalg.qr(np.vander(np.linspace(-1, 1, size), 3))[0], np.float32)


def _repeats(signal: Floats, first: int, period: float) -> bool:
    """Return True if enough of the periods before a sample hold the pulse from there to the end of the signal.

    Pulses are compared up to a parabola: rumble under different ones would make them similar. The nearest period must
    hold the pulse, and there only an onset's error is allowed for: most other sounds are rejected there.
    """
    size, reach, missing = len(signal) - first, ONSET_ERROR, PERIODS - ENOUGH
    pulse = signal[first:] - _parabolas(size) @ (_parabolas(size).T @ signal[first:])
    own, place = float(pulse @ pulse), float(first)
    for number in range(PERIODS):
        place -= period
        low = round(place) - reach
        if low < 0:
            return False
        others = excerpts(signal[None], np.zeros(2 * reach + 1, np.intp), np.arange(low, low + 2 * reach + 1), size)
        parabolic = others @ _parabolas(size)
        energy = np.einsum("ij,ij->i", others, others) - np.einsum("ij,ij->i", parabolic, parabolic)
        match = others @ pulse / np.sqrt(np.maximum(energy, 1e-30))
        best = int(match.argmax())
        if match[best] > SIMILAR * math.sqrt(own) and own <= SAME_LEVEL * energy[best] <= SAME_LEVEL**2 * own:
            place = float(low + best)
        elif not number or (missing := missing - 1) < 0:
            return False
        reach = math.ceil(UNEVEN * period)
    return True
