"""Onsets that are not sounds: pre-echoes of lossy codecs, and the first noise after digital silence.

Positions are samples of the stretch that is passed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from popclass.detection.bands import Floats

PRE_ECHO_S, PRE_ECHO_GAIN = 0.010, 0.1  # a tenth of the amplitude (-20 dB) just before a click is a codec's pre-echo
LONG_PRE_ECHO_S, LONG_PRE_ECHO_GAIN = 0.030, 0.03  # farther before it (-30 dB), where the codec is known to be lossy
SILENCE_S, AFTER_SILENCE_S = 0.005, 0.060  # digital silence, and how long noise that begins after it is not an event
STEP_GAIN = 10.0  # of a sound over the noise that follows it, in power
COMPARED_S, FOLLOWING_S = 0.010, 0.160  # window of a level, and stretch after an onset


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
