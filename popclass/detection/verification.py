"""Verification of candidate onsets: short sounds stay, pulses of a voice and swells of noise are rejected.

The threshold of a candidate is low enough for the later pops of a thrust, which stand only a few decibels over the
reverberation of the earlier ones. In speech it is reached at every glottal pulse. Three quantities tell the two apart:

- the evidence against the mean level 13-67 ms after it: a short sound has faded by then, a voiced or noisy one has not;
- the evidence against the mean level of the 13 ms before it: glottal pulses follow each other faster;
- the periodicity of the 40 ms after it at 75-350 Hz, the range of voices.

A logistic regression weighs them. Its coefficients were learnt by `experiments/onsets.py` on generated thrusts, clicks,
speech and changing noise.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from popclass.detection.bands import Floats, frame_length
from popclass.detection.candidates import Indices, excerpts

AFTER = (10, 50)  # frames after a candidate with which it is compared: 13-67 ms
BEFORE = (-10, -1)  # frames before it: 13 to 1 ms
PITCH_HZ = (75.0, 350.0)  # of voices
VOICED_S = 0.040  # stretch searched for a period: three of the longest
SKIPPED_S = 0.001  # of the candidate itself
PITCH_STEPS = 4  # values per frame to which that stretch is averaged: 3 kHz
LEAST_BEFORE = 5.0  # evidence against the level before, without which a candidate is noise above a wrong floor
WEIGHTS = 0.58, 1.12, -5.57  # of the logarithms of the two evidences, and of the periodicity
BIAS = -2.02


def verify(
    after: Floats, before: Floats, samples: Floats, places: tuple[Indices, Indices], sample_rate: int
) -> NDArray[np.bool_]:
    """Return True for the candidates that are short sounds.

    Parameters
    ----------
    after, before : ndarray, shape (candidates,)
        Log-likelihood ratios against the level after the candidate and against that before it.
    samples : ndarray, shape (channels, n)
        Up to 41 ms after the last candidate, or less at the end of a recording.
    places : (ndarray, ndarray), shape (candidates,)
        Channel and first sample of each candidate.
    sample_rate : int
        In hertz.
    """
    score = WEIGHTS[0] * np.log1p(after) + WEIGHTS[1] * np.log1p(before) + BIAS
    # the periodicity, which takes longest, can only lower the score
    possible = np.flatnonzero((score > 0) & (before > LEAST_BEFORE))
    short = np.zeros(len(score), bool)
    if len(possible):
        channels, firsts = places
        voiced = periodicity(*stretches(samples, channels[possible], firsts[possible], sample_rate))
        short[possible] = score[possible] + WEIGHTS[2] * voiced > 0
    return short


def stretches(samples: Floats, channels: Indices, firsts: Indices, sample_rate: int) -> tuple[Floats, float]:
    """Return the 40 ms after each candidate, averaged to a low rate, and that rate in hertz; parameters as `verify`."""
    step = max(frame_length(sample_rate) // PITCH_STEPS, 1)
    rate = sample_rate / step
    size = round(VOICED_S * rate)
    firsts = firsts + round(SKIPPED_S * rate) * step
    if (missing := int(firsts.max()) + size * step - samples.shape[1]) > 0:
        samples = np.pad(samples, ((0, 0), (0, missing)))
    return excerpts(samples, channels, firsts, size * step).reshape(len(firsts), size, step).sum(axis=2) / np.float32(
        step
    ), rate


def periodicity(stretches: Floats, rate: float) -> Floats:
    """Return the largest peak of the normalized autocorrelation at the periods of voices, 0 without one.

    Examples
    --------
    >>> import numpy as np
    >>> time = np.arange(120) / 3000
    >>> periodicity(np.stack([np.sin(2 * np.pi * 200 * time), np.exp(-time / 0.002)]), 3000).round(1).tolist()
    [1.0, 0.0]
    """
    size = stretches.shape[1]
    longest = min(math.ceil(rate / PITCH_HZ[0]), size - 2)
    centered = stretches - stretches.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centered, 2 ** math.ceil(math.log2(size + longest)), axis=1)
    products = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=1)[:, : longest + 1]
    shortest = max(int(rate / PITCH_HZ[1]), 1)
    normalized = products / np.maximum(products[:, :1], 1e-30) * (size / (size - np.arange(longest + 1)))
    here, left, right = (normalized[:, shortest + step : longest + step] for step in (0, -1, 1))
    return np.asarray(np.where((here >= left) & (here >= right), here, 0).max(axis=1, initial=0), np.float32)
