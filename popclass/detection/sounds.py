"""Sounds made of onsets: clip, level, peak and end of each event."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from popclass.detection.bands import Doubles, Floats, frame_length
from popclass.detection.candidates import LONG, SHORT, Indices, Onset, excerpts, moving_sum
from popclass.results import Event

BEFORE_S, AFTER_S = 0.030, 0.160  # stretch of a clip around its onset
LEVEL_S = 0.010  # stretch after the onset over which snr_db is measured
LONGEST_S = 0.250  # maximum length of an event
FALL = 0.01  # an event ends where its energy has fallen by 20 dB


@dataclass(frozen=True, slots=True)
class Sound:
    """A detected event with the samples around it.

    Attributes
    ----------
    event : Event
        With position and level only.
    clip : ndarray, shape (n,), float32
        The event's channel from 30 ms before the onset to 160 ms after it, within the recording.
    clip_start : int
        Position of the clip's first sample in the recording.
    next_onset : int or None
        Onset of the following event, if inside the clip.
    """

    event: Event
    clip: Floats
    clip_start: int
    next_onset: int | None


def make_sounds(
    onsets: Sequence[tuple[Onset, int | None]],
    samples: Floats,
    samples_start: int,
    energies: Floats,
    energies_start: int,
    sample_rate: int,
) -> list[Sound]:
    """Return the sounds of onsets.

    Parameters
    ----------
    onsets : sequence of (Onset, int or None)
        With the sample of the onset after each, None if there is none.
    samples : ndarray, shape (channels, n)
        From 30 ms before the first onset to 250 ms after the last, or less at the ends of a recording.
    samples_start : int
        Position of the first of them in the recording.
    energies : ndarray, shape (channels, bands, frames)
        Of the same stretch.
    energies_start : int
        First of these frames in the recording.
    sample_rate : int
        In hertz.
    """
    if not onsets:
        return []
    starts, channels, _, floors = map(np.array, zip(*(onset for onset, _ in onsets), strict=True))
    snr_db = 10 * np.log10(np.maximum(_levels(samples, channels, starts - samples_start, sample_rate), 1e-20) / floors)
    ends = np.minimum(
        _ends(energies, energies_start, channels, starts, floors, sample_rate), samples_start + samples.shape[1]
    )
    before, after = round(BEFORE_S * sample_rate), round(AFTER_S * sample_rate)
    sounds = []
    for (onset, following), end, level in zip(onsets, ends.tolist(), snr_db.tolist(), strict=True):
        start = onset.sample
        end = max(end if following is None else min(end, following), start + 1)
        clip_start = max(start - before, samples_start)
        clip = samples[onset.channel, clip_start - samples_start : start + after - samples_start].copy()
        centered = np.abs(clip[start - clip_start : end - clip_start] - clip.mean())
        peak = int(centered.argmax())
        peak_dbfs = 20 * math.log10(max(float(centered[peak]), 1e-10))
        event = Event(start, start + peak, end, sample_rate, onset.channel + 1, level, peak_dbfs)
        inside = following is not None and following < clip_start + len(clip)
        sounds.append(Sound(event, clip, clip_start, following if inside else None))
    return sounds


def _levels(samples: Floats, channels: Indices, starts: Indices, sample_rate: int) -> Doubles:
    """Return the variance of the samples after each onset."""
    size = round(LEVEL_S * sample_rate)
    if int(starts.max()) + size <= samples.shape[1]:
        return np.asarray(excerpts(samples, channels, starts, size).var(axis=1, dtype=np.float64))
    places = zip(channels.tolist(), starts.tolist(), strict=True)  # at the end of a recording
    return np.array([samples[channel, start : start + size].var(dtype=np.float64) for channel, start in places])


def _ends(
    energies: Floats, energies_start: int, channels: Indices, starts: Indices, floors: Floats, sample_rate: int
) -> Indices:
    """Return the end of each event: energy down by 20 dB or in the floor, or 250 ms after the onset."""
    frame = frame_length(sample_rate)
    power = moving_sum(energies.sum(axis=1), SHORT) / np.float32(SHORT)
    ahead = np.arange(round(LONGEST_S * sample_rate) // frame)
    frames = (starts // frame - energies_start)[:, None] + ahead
    existing = power.shape[1]
    held = power[channels[:, None], np.minimum(frames, existing - 1)]
    held[frames >= existing] = -1  # the end of the recording is quiet
    loudest = held[:, :LONG].argmax(axis=1)
    quiet = np.maximum(held[np.arange(len(held)), loudest] * FALL, 2 * floors * frame)
    fallen = (held <= quiet[:, None]) & (ahead >= loudest[:, None])
    length = np.where(fallen.any(axis=1), fallen.argmax(axis=1), len(ahead))
    return np.asarray((starts // frame + np.maximum(length, 1)) * frame)
