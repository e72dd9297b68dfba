"""From sounds to a table of numbers: one row an event, one column a feature.

Each clip is resampled to the front end's rate, aligned on its onset and silenced from the next onset on, so that a pop
6 ms before another is described by itself. All events of a call are computed together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from popclass.detection import Sound
from popclass.features.definitions import COEFFICIENTS, FEATURES, NAMES, TAIL_COEFFICIENTS
from popclass.features.frontend import Array, FrontEnd
from popclass.features.spectral import decibels, frames, less_background, mfcc, power, shape
from popclass.features.transient import course, envelope, falls, fills, less_rumble

BEFORE_S, AFTER_S = 0.024, 0.150
ATTACK_LEAD_S = 0.002  # the attack's frame begins this long before the onset
FADE_S = 0.0005
TAIL_FRAMES = slice(2, 6)
TOGETHER = 256  # events computed at a time
LOWEST = np.array([feature.low for feature in FEATURES])
HIGHEST = np.array([feature.high for feature in FEATURES])


def extract(sounds: Sequence[Sound], frontend: FrontEnd) -> Array:
    """Features of sounds.

    Parameters
    ----------
    sounds : sequence of Sound
        As the detector hands them out, of one or several recordings.
    frontend : FrontEnd
        Usually a model's.

    Returns
    -------
    ndarray, shape (events, features), float64
        Columns in the order of `frontend.names`; finite for every input.
    """
    columns = [NAMES.index(name) for name in frontend.names]
    if not sounds:
        return np.zeros((0, len(columns)))
    parts = [_extract(sounds[at : at + TOGETHER], frontend) for at in range(0, len(sounds), TOGETHER)]
    return np.ascontiguousarray(np.concatenate(parts)[:, columns])


def _extract(sounds: Sequence[Sound], frontend: FrontEnd) -> Array:
    rate = frontend.rate
    aligned = np.stack([_align(sound, rate) for sound in sounds])
    at = round(BEFORE_S * rate)
    aligned /= np.abs(aligned[:, at : at + round(0.02 * rate)]).max(axis=1, keepdims=True) + 1e-12
    ends = np.array([_window_end(sound, rate) for sound in sounds])
    signal = less_rumble(aligned, rate)
    inside = _fade(ends, aligned.shape[1], rate)
    values = {
        **_spectral(aligned, signal * inside, at, frontend),
        **_temporal(signal, inside, at, rate),
        "snr": np.array([sound.event.snr_db for sound in sounds]),
    }
    values["cycles"] = values["dominant"] + values["fall_20"] - np.log2(1000)
    table = np.stack([values[name] for name in NAMES], axis=1)
    return np.asarray(np.clip(np.nan_to_num(table, posinf=1e9, neginf=-1e9), LOWEST, HIGHEST))


def _align(sound: Sound, rate: int) -> Array:
    """The clip at the analysis rate with the onset at `BEFORE_S`, less its mean, zero where nothing was recorded."""
    event = sound.event
    clip = sound.clip - sound.clip.mean()
    if event.sample_rate != rate:
        import soxr

        clip = soxr.resample(clip, event.sample_rate, rate, quality="HQ")
    onset = round((event.onset - sound.clip_start) * rate / event.sample_rate)
    begin, size = onset - round(BEFORE_S * rate), round((BEFORE_S + AFTER_S) * rate)
    out = np.zeros(size)
    part = clip[max(begin, 0) : begin + size]
    out[max(-begin, 0) :][: len(part)] = part[: size - max(-begin, 0)]
    return out


def _window_end(sound: Sound, rate: int) -> int:
    """Where in the aligned clip the next onset lies, or its end."""
    whole = round((BEFORE_S + AFTER_S) * rate)
    if sound.next_onset is None:
        return whole
    ahead = (sound.next_onset - sound.event.onset) * rate / sound.event.sample_rate
    return min(round(BEFORE_S * rate + ahead), whole)


def _fade(ends: Array, size: int, rate: int) -> Array:
    """One up to shortly before each end, zero from it on."""
    return np.clip((ends[:, None] - np.arange(size)) / (FADE_S * rate), 0.0, 1.0)


def _spectral(aligned: Array, inside: Array, at: int, frontend: FrontEnd) -> dict[str, Array]:
    lead = at - round(ATTACK_LEAD_S * frontend.rate)
    powers = power(frames(inside[:, lead:], frontend)[:, : TAIL_FRAMES.stop + 1], frontend)
    before = power(inside[:, None, at - frontend.window - 1 : at - 1], frontend)
    clean = less_background(powers, before)
    cepstrum = mfcc(clean, frontend)
    attack = cepstrum[:, 0]
    tail = cepstrum[:, TAIL_FRAMES].mean(axis=1) - attack
    described = shape(clean[:, 0], frontend)
    bands = described.pop("bands")
    return {
        **{f"mfcc_attack_{k}": attack[:, k] for k in range(1, COEFFICIENTS)},
        **{f"mfcc_tail_{k}": tail[:, k] for k in range(TAIL_COEFFICIENTS)},
        **{name: bands[:, k] for k, name in enumerate(n for n in NAMES if n.startswith("band_"))},
        **described,
    }


def _temporal(signal: Array, inside: Array, at: int, rate: int) -> dict[str, Array]:
    background = envelope(signal[:, round(0.002 * rate) : at - round(0.002 * rate)], rate).mean(axis=1, keepdims=True)
    sound = signal * inside
    near = round(0.008 * rate)
    before = (signal[:, at - near : at - 12] ** 2).sum(axis=1)
    after = (sound[:, at : at + near] ** 2).sum(axis=1)
    return {
        **course(sound[:, at:], envelope(sound[:, at:], rate), background, rate),
        **fills(signal, at, rate),
        **falls(sound, at, rate),
        "before": decibels(before / (after + 1e-30)),
    }
