"""Building blocks of all generated sounds: force pulses, damped modes, noise bursts.

Every class is made of the same blocks, so that none can be recognised by how it was computed. All functions return
float64 arrays that begin at the onset of the sound, and work at any rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

FloatArray = NDArray[np.float64]
Signal = NDArray[np.float32]
Random = np.random.Generator
Range = tuple[float, float]
LN10 = math.log(10.0)


@dataclass(frozen=True, slots=True)
class SynthSound:
    """One sound of a source, before room and device.

    Attributes
    ----------
    wave : ndarray
        The sound, any scale.
    release : int
        Sample of `wave` at which the event begins; the samples before it (a rub) are not part of the event.
    time_s : float
        After the start of the movement or gesture it belongs to; in a plan, of the recording.
    level_db : float
        Relative to the other sounds of the gesture; in a plan, over the noise floor.
    cavity : int or None
        Number of the joint cavity it came from.
    digital : str
        Kind of a fault that happens after the microphone, otherwise empty.
    side : int
        -1 nearer to the left of two sensors, 1 to the right, 0 as near to both.
    label, kind, place : str
        Class, kind of source, and place in the acoustics; known in a plan.
    """

    wave: FloatArray
    release: int = 0
    time_s: float = 0.0
    level_db: float = 0.0
    cavity: int | None = None
    digital: str = ""
    side: int = 0
    label: str = ""
    kind: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Regime:
    """Part of each range (two quantiles) from which a session draws its pitches and its durations."""

    pitch: Range = (0.0, 1.0)
    duration: Range = (0.0, 1.0)


# Renders the sound of one source, a little different each time it is called.
Renderer = Callable[[], list[SynthSound]]
# Draws a source of one kind, given the sample rate and the regime of the session.
Kind = Callable[[Random, int, Regime], Renderer]


@dataclass(frozen=True, slots=True)
class Modes:
    """Damped modes of a body.

    Attributes
    ----------
    hz, decays_s, gains : sequence of float
        Frequencies, times to -20 dB, and amplitudes on any scale.
    phases : sequence of float
        In radians; empty where all are 0 (a sine from rest).
    """

    hz: Sequence[float]
    decays_s: Sequence[float]
    gains: Sequence[float]
    phases: Sequence[float] = ()

    def vary(self, rng: Random, change: float, pitch: float = 1.0) -> Modes:
        """Return the modes with relative random changes of about `change`, their frequencies scaled by `pitch`."""

        def varied(values: Sequence[float], share: float, scale: float = 1.0) -> list[float]:
            return [scale * value * math.exp(share * change * rng.standard_normal()) for value in values]

        return Modes(varied(self.hz, 0.3, pitch), varied(self.decays_s, 1.0), varied(self.gains, 2.0), self.phases)

    def ring(self, rate: int) -> FloatArray:
        """Return the sum of the modes, which starts at once.

        Modes above 0.47 of the rate are omitted, unless that leaves none.
        """
        limit, phases = 0.47 * rate, self.phases or [0.0] * len(self.hz)
        modes = list(zip(self.hz, self.decays_s, self.gains, phases, strict=True))
        audible = [mode for mode in modes if mode[0] < limit] or [(limit, *modes[0][1:])]
        time = np.arange(max(8, int(rate * 2.5 * max(decay for _, decay, _, _ in audible)))) / rate
        wave = np.zeros(len(time))
        for frequency, decay, gain, phase in audible:
            wave += gain * np.exp(-LN10 / decay * time) * np.sin(2.0 * np.pi * frequency * time + phase)
        return wave


def exp_uniform(rng: Random, low: float, high: float) -> float:
    """Return a draw that is uniform in the natural logarithm between two logarithms."""
    return float(np.exp(rng.uniform(low, high)))


def log_uniform(rng: Random, low: float, high: float) -> float:
    """Return a draw that is uniform in the logarithm between two values."""
    return exp_uniform(rng, *np.log((low, high)))


def log_part(rng: Random, limits: Range, part: Range = (0.0, 1.0)) -> float:
    """Return a draw that is uniform in the logarithm from the part of a range between two quantiles."""
    return float(limits[0] * (limits[1] / limits[0]) ** rng.uniform(*part))


def choose(rng: Random, shares: Mapping[Any, float]) -> Any:
    """Return a key of `shares`, drawn with a probability proportional to its value."""
    weights = np.array(list(shares.values()))
    return list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def pulse(rate: int, width_s: float) -> FloatArray:
    """Return a Hertzian contact force, `sin^1.5` over the contact time, of unit area; at least three samples long."""
    count = max(3, math.ceil(width_s * rate) + 1)
    phase = np.arange(1, count) / max(width_s * rate, 2.0)
    force = np.sin(np.pi * np.clip(phase, 0.0, 1.0)) ** 1.5
    return np.asarray(force / force.sum(), dtype=np.float64)


def excite(body: FloatArray, force: FloatArray, direct: float) -> FloatArray:
    """Return the sound of a body that a force pulse excites, and of the pulse itself at the level `direct`."""
    return add(unit(convolve(body, force)), unit(radiated(force)) * direct)


def radiated(force: FloatArray) -> FloatArray:
    """Return the sound that a force pulse radiates by itself: its change, so that no lasting pressure is left."""
    return np.diff(force, prepend=0.0, append=0.0)


def convolve(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the full convolution: direct where one is short, by FFT otherwise."""
    if min(len(a), len(b)) <= 32:
        return np.convolve(a, b)
    size = len(a) + len(b) - 1
    fast = next_fast_len(size, real=True)
    return np.asarray(irfft(rfft(a, fast) * rfft(b, fast), fast)[:size])


def add(*waves: FloatArray) -> FloatArray:
    """Return the sum of waves of different lengths that begin together."""
    total = np.zeros(max(len(wave) for wave in waves))
    for wave in waves:
        total[: len(wave)] += wave
    return total


def later(wave: FloatArray, samples: int) -> FloatArray:
    """Return the wave delayed by some samples."""
    return np.concatenate([np.zeros(samples), wave])


def unit(wave: FloatArray) -> FloatArray:
    """Return the wave scaled to a largest sample of 1."""
    peak = float(np.max(np.abs(wave)))
    return wave / peak if peak > 0.0 else wave


def repeated(rng: Random, spread_db: float, wave: Callable[[], FloatArray]) -> Renderer:
    """Return a renderer of a single wave at a level that varies between repeats."""
    return lambda: [SynthSound(wave(), level_db=rng.normal(0.0, spread_db))]


def envelope(rate: int, attack_s: float, hold_s: float, decay_s: float) -> FloatArray:
    """Return a rise, a plateau and an exponential fall of 40 dB."""
    attack, decay = max(1, int(attack_s * rate)), max(4, int(decay_s * rate))
    rise = np.sin(0.5 * np.pi * (np.arange(attack) + 0.5) / attack) ** 2
    fall = np.exp(-2.0 * LN10 * np.arange(decay) / decay)
    return np.concatenate([rise, np.ones(int(hold_s * rate)), fall])


def band_noise(rng: Random, rate: int, length: int, low: float, high: float, tilt: float = 0.0) -> FloatArray:
    """Return Gaussian noise of rms 1 between two frequencies, with soft edges, tilted by `tilt` dB per octave."""
    fast = next_fast_len(max(length, 64), real=True)
    frequency = np.maximum(rfftfreq(fast, 1.0 / rate), 1.0)
    gain = (frequency / 1000.0) ** (tilt / 6.02)
    gain = gain / np.sqrt(1.0 + (low / frequency) ** 4) / np.sqrt(1.0 + (frequency / min(high, 0.49 * rate)) ** 6)
    spectrum = gain * (rng.standard_normal(len(gain)) + 1j * rng.standard_normal(len(gain)))
    noise = irfft(spectrum, fast)[:length]
    return np.asarray(noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12))
