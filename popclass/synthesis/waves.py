"""The few building blocks all generated sounds share: force pulses, damped modes, noise bursts.

Every class is made of the same blocks, so that none carries a mark of how it was computed. All functions return float64
arrays that begin at the instant of the sound (sample 0 is the onset) and work at any rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
LN10 = math.log(10.0)


@dataclass(frozen=True, slots=True)
class Sounding:
    """One sound of a source, before room and device.

    Attributes
    ----------
    wave : ndarray
        The sound, any scale.
    release : int
        Sample of `wave` at which the sound proper begins; what comes before (a rub) is not the event.
    delay_s : float
        After the start of the movement or gesture it belongs to.
    level_db : float
        Relative to the other sounds of the gesture.
    cavity : int or None
        Number of the joint cavity it came from.
    digital : str
        Kind of a fault that happens after the microphone, otherwise empty.
    """

    wave: FloatArray
    release: int = 0
    delay_s: float = 0.0
    level_db: float = 0.0
    cavity: int | None = None
    digital: str = ""


Maker = Callable[[np.random.Generator], list[Sounding]]
"""Renders the sound of one thing, hand or mouth, as often as it is asked to."""


@dataclass(frozen=True, slots=True)
class Regime:
    """Which part of each range a session draws its pitches and its durations from (quantiles)."""

    pitch: tuple[float, float] = (0.0, 1.0)
    duration: tuple[float, float] = (0.0, 1.0)


def pulse(rate: int, width_s: float) -> FloatArray:
    """A Hertzian contact force, `sin^1.5` over the contact time, of unit area; at least three samples long."""
    count = max(3, math.ceil(width_s * rate) + 1)
    phase = np.arange(1, count) / max(width_s * rate, 2.0)
    force = np.sin(np.pi * np.clip(phase, 0.0, 1.0)) ** 1.5
    return np.asarray(force / force.sum(), dtype=np.float64)


def radiated(force: FloatArray) -> FloatArray:
    """What a force pulse sends into the air by itself: its change, so that no lasting pressure is left."""
    return np.diff(force, prepend=0.0, append=0.0)


def ring(
    rate: int,
    frequencies: Sequence[float],
    decays: Sequence[float],
    amplitudes: Sequence[float],
    phases: Sequence[float] | None = None,
) -> FloatArray:
    """A sum of damped modes that starts at once.

    Parameters
    ----------
    frequencies, decays, amplitudes : sequence of float
        In hertz, seconds to -20 dB, any scale. Modes above 0.47 of the rate are left out, unless that leaves none.
    phases : sequence of float, optional
        In radians, 0 (a sine, from rest) by default.
    """
    limit = 0.47 * rate
    modes = [i for i, f in enumerate(frequencies) if f < limit]
    length = max(8, int(rate * 2.5 * max((decays[i] for i in modes), default=decays[0])))
    time = np.arange(length) / rate
    wave = np.zeros(length)
    for i in modes or [0]:
        angle = 0.0 if phases is None else phases[i]
        frequency = min(frequencies[i], limit)
        wave += amplitudes[i] * np.exp(-LN10 / decays[i] * time) * np.sin(2.0 * np.pi * frequency * time + angle)
    return wave


def convolve(a: FloatArray, b: FloatArray) -> FloatArray:
    """Full convolution: direct where one is short, by FFT otherwise."""
    if min(len(a), len(b)) <= 32:
        return np.convolve(a, b)
    size = len(a) + len(b) - 1
    from scipy.fft import irfft, next_fast_len, rfft

    fast = next_fast_len(size, real=True)
    return np.asarray(irfft(rfft(a, fast) * rfft(b, fast), fast)[:size])


def add(*waves: FloatArray) -> FloatArray:
    """The sum of waves of different lengths that begin together."""
    total = np.zeros(max(len(wave) for wave in waves))
    for wave in waves:
        total[: len(wave)] += wave
    return total


def later(wave: FloatArray, samples: int) -> FloatArray:
    """The wave after some samples of nothing; only ever added to another."""
    return np.concatenate([np.zeros(samples), wave])


def unit(wave: FloatArray) -> FloatArray:
    """The wave with a largest sample of 1."""
    peak = float(np.max(np.abs(wave)))
    return wave / peak if peak > 0.0 else wave


def envelope(rate: int, attack_s: float, hold_s: float, decay_s: float) -> FloatArray:
    """A rise, a plateau and an exponential fall of 40 dB."""
    rise = np.sin(0.5 * np.pi * (np.arange(max(1, int(attack_s * rate))) + 0.5) / max(1, int(attack_s * rate))) ** 2
    fall = np.exp(-2.0 * LN10 * np.arange(max(4, int(decay_s * rate))) / max(4, int(decay_s * rate)))
    return np.concatenate([rise, np.ones(int(hold_s * rate)), fall])


def band_noise(
    rng: np.random.Generator, rate: int, length: int, low: float, high: float, tilt: float = 0.0
) -> FloatArray:
    """Gaussian noise between two frequencies with soft edges, tilted by `tilt` dB per octave, rms 1."""
    from scipy.fft import irfft, next_fast_len, rfftfreq

    fast = next_fast_len(max(length, 64), real=True)
    frequency = np.maximum(rfftfreq(fast, 1.0 / rate), 1.0)
    gain = (frequency / 1000.0) ** (tilt / 6.02)
    gain = gain / np.sqrt(1.0 + (low / frequency) ** 4) / np.sqrt(1.0 + (frequency / min(high, 0.49 * rate)) ** 6)
    spectrum = gain * (rng.standard_normal(len(gain)) + 1j * rng.standard_normal(len(gain)))
    noise = irfft(spectrum, fast)[:length]
    return np.asarray(noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12))
