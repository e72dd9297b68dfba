"""Feature table of sounds: one row per event, one column per feature.

Each clip is resampled to the front end's rate, aligned on its onset and silenced from the next onset on, so that a pop
6 ms before another has features of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from popclass.detection import Sound
from popclass.features.definitions import COEFFICIENTS, FEATURES, NAMES, TAIL_COEFFICIENTS
from popclass.features.frontend import Array, FrontEnd, frames, mfcc, power
from popclass.features.measures import course, decibels, envelope, falls, fills, less_background, less_rumble, shape

BEFORE_S, AFTER_S = 0.024, 0.150
ATTACK_LEAD_S = 0.002  # the attack's frame begins this long before the onset
FADE_S = 0.0005
TAIL_FRAMES = slice(2, 6)
LOWEST, HIGHEST = np.array([(feature.low, feature.high) for feature in FEATURES]).T


def extract(sounds: Sequence[Sound], frontend: FrontEnd) -> Array:
    """Return the features of sounds.

    The row of a sound does not depend, to the last bit, on the other sounds.

    Parameters
    ----------
    sounds : sequence of Sound
        From the detector, of one or several recordings; each takes about 0.3 MB of memory.
    frontend : FrontEnd
        Usually a model's.

    Returns
    -------
    ndarray, shape (events, features), float64
        Columns in the order of `frontend.names`; finite for every input.
    """
    rate = frontend.rate
    onset = round(BEFORE_S * rate)
    attack = onset - round(ATTACK_LEAD_S * rate)
    clips, until_next = _align(sounds, rate)
    signal = less_rumble(clips, rate)
    alone = signal * until_next
    powers = power(frames(alone[:, attack:], frontend)[:, : TAIL_FRAMES.stop + 1], frontend)
    background = power(alone[:, None, onset - frontend.window - 1 : onset - 1], frontend)
    values = {
        **_spectral(less_background(powers, background), frontend),
        **_temporal(signal, alone, onset, rate),
        "snr": np.array([sound.event.snr_db for sound in sounds]),
    }
    values["cycles"] = values["dominant"] + values["fall_20"] - np.log2(1000)
    table = np.stack([values[name] for name in NAMES], axis=1)
    table = np.clip(np.nan_to_num(table, posinf=1e9, neginf=-1e9), LOWEST, HIGHEST)
    return np.ascontiguousarray(table[:, [NAMES.index(name) for name in frontend.names]])


def _align(sounds: Sequence[Sound], rate: int) -> tuple[Array, Array]:
    """Return the clips with the onset at `BEFORE_S`, and weights: 1 up to shortly before the next onset, then 0.

    Clips have the analysis rate, no mean, zeros outside the recording, and about 1 as the largest sample of the attack.
    """
    onset, size = round(BEFORE_S * rate), round((BEFORE_S + AFTER_S) * rate)
    aligned = np.zeros((len(sounds), size))
    ends = np.full((len(sounds), 1), size)
    alike = defaultdict[tuple[int, int], list[int]](list)  # sounds that can be resampled together
    for row, sound in enumerate(sounds):
        alike[sound.event.sample_rate, len(sound.clip)].append(row)
    for (own_rate, _), rows in alike.items():
        clips = np.stack([sounds[row].clip for row in rows])
        clips -= clips.mean(axis=1, keepdims=True)
        if own_rate != rate:
            import soxr

            clips = soxr.resample(clips.T, own_rate, rate, quality="HQ").T
        for row, clip in zip(rows, clips, strict=True):
            event = sounds[row].event
            begin = round((event.onset - sounds[row].clip_start) * rate / own_rate) - onset
            lead = max(-begin, 0)
            part = clip[max(begin, 0) : begin + size][: size - lead]
            aligned[row, lead : lead + len(part)] = part
            if (following := sounds[row].next_onset) is not None:
                ends[row] = min(round(BEFORE_S * rate + (following - event.onset) * rate / own_rate), size)
    aligned /= np.abs(aligned[:, onset : onset + round(0.02 * rate)]).max(axis=1, keepdims=True) + 1e-12
    return aligned, np.clip((ends - np.arange(size)) / (FADE_S * rate), 0.0, 1.0)


def _spectral(powers: Array, frontend: FrontEnd) -> dict[str, Array]:
    cepstrum = mfcc(powers, frontend)
    attack = cepstrum[:, 0]
    tail = cepstrum[:, TAIL_FRAMES].mean(axis=1) - attack
    return {
        **{f"mfcc_attack_{k}": attack[:, k] for k in range(1, COEFFICIENTS)},
        **{f"mfcc_tail_{k}": tail[:, k] for k in range(TAIL_COEFFICIENTS)},
        **shape(powers[:, 0], frontend),
    }


def _temporal(signal: Array, alone: Array, onset: int, rate: int) -> dict[str, Array]:
    """Return the features in time; `alone` is the signal without the next onset."""
    margin, near = round(0.002 * rate), round(0.008 * rate)
    background = envelope(signal[:, margin : onset - margin], rate).mean(axis=1, keepdims=True)
    before = (signal[:, onset - near : onset - 12] ** 2).sum(axis=1)
    after = (alone[:, onset : onset + near] ** 2).sum(axis=1)
    return {
        **course(alone[:, onset:], background, rate),
        **fills(signal, onset, rate),
        **falls(alone, onset, rate),
        "before": decibels(before / (after + 1e-30)),
    }
