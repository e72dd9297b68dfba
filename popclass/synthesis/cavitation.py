"""Cavitation: the pressure step of tribonucleation, a confined oscillation, and an emission at inception.

The cavity is a thin disc of radius R0 in a gap of height h filled with synovial fluid. In the confined fluid it
oscillates with `w0^2 = 2 k p0 / (rho R0^2 ln(L/R0))` and decays with `6 mu / (rho h^2)`. The frequency and the decay at
the skin are drawn from the published figures; radius, viscosity and width from the ranges of the estimate. The pressure
p0 and the gap height h follow from the two relations, so that sound and cavity always fit.

At the skin (contact) that oscillation dominates. It radiates badly into air. There the sound is the emission at
inception, a pulse of a fraction of a millisecond that excites the flesh and small bones for a millisecond or two. Each
pop of a series comes from another cavity, so it is dissimilar from the one before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis import waves
from popclass.synthesis.waves import LN10, FloatArray, Modes, Random, Regime, SynthSound, unit

POLYTROPIC = 1.2
DENSITY = 1010.0

# Pops in one thrust, by number from 1: S mean 3.57 (C1-2), 1-5 and most often 2 (C3-4), mean 5.27 of 2-9 (L5-S1).
POPS_PER_THRUST = {
    "upper cervical": (0.09, 0.18, 0.25, 0.23, 0.14, 0.08, 0.03),
    "neck": (0.25, 0.35, 0.2, 0.12, 0.08),
    "spine": (0.0, 0.07, 0.12, 0.18, 0.2, 0.18, 0.12, 0.08, 0.05),
    "limb": (0.5, 0.22, 0.14, 0.08, 0.04, 0.02),
}
MAX_PEAKS = 3  # of one pop: ASSUMPTION


@dataclass(frozen=True, slots=True)
class Cavity:
    """One joint cavity with the parameters of its sound.

    Attributes
    ----------
    number : int
        Counts the cavities of a site from 0.
    frequency_hz, duration_s : float
        Of the confined oscillation; the duration is the time to -20 dB.
    radius_m, width_m, viscosity, pressure_pa, gap_m : float
        R0, L, mu, p0 and h of the confined-disc relations.
    modes : Modes
        Excited by the emission.
    """

    number: int
    frequency_hz: float
    duration_s: float
    radius_m: float
    width_m: float
    viscosity: float
    pressure_pa: float
    gap_m: float
    modes: Modes


def draw_cavity(rng: Random, number: int, regime: Regime) -> Cavity:
    """Return a cavity whose frequency and decay lie within the published figures."""
    frequency = p.CAVITY_FREQUENCY.draw(rng, regime.pitch)
    duration = p.POP_DURATION.draw(rng, regime.duration)
    duration = min(max(duration, p.POP_CYCLES.low / frequency), p.POP_CYCLES.high / frequency)
    radius, width, viscosity = p.CAVITY_RADIUS.draw(rng), p.GAP_LENGTH.draw(rng), p.SYNOVIAL_VISCOSITY.draw(rng)
    decay = LN10 / duration
    pressure = (2.0 * math.pi * frequency) ** 2 * DENSITY * radius**2 * math.log(width / radius) / (2.0 * POLYTROPIC)
    gap = math.sqrt(6.0 * viscosity / (DENSITY * decay))
    modes = _emission_modes(rng, regime)
    return Cavity(number, frequency, duration, radius, width, viscosity, pressure, gap, modes)


def _emission_modes(rng: Random, regime: Regime) -> Modes:
    count = int(p.CRACK_MODES.draw(rng))
    main = p.CRACK_FREQUENCY.draw(rng, regime.pitch)
    longest = p.CRACK_DECAY.draw(rng, regime.duration)
    frequencies = [main, *(main * np.exp(rng.uniform(-0.9, 1.4, count)))]
    decays = [longest, *(longest * rng.uniform(0.3, 1.0, count))]
    gains = [1.0, *np.exp(rng.uniform(-2.0, 0.0, count))]
    return Modes(frequencies, decays, gains, rng.uniform(0.0, 2.0 * np.pi, count + 1).tolist())


def pop(rng: Random, rate: int, cavity: Cavity, *, contact: bool) -> FloatArray:
    """Return the sound of one cavitation, sometimes with a second peak and rarely with a third.

    Parameters
    ----------
    rng : numpy.random.Generator
    rate : int
        In hertz.
    cavity : Cavity
    contact : bool
        At the skin over the joint; otherwise in air.
    """
    wave = _peak(rng, rate, cavity, contact=contact)
    share = p.SECOND_PEAK_SHARE.draw(rng)
    for _ in range(MAX_PEAKS - 1):
        if rng.random() >= share:
            break
        delay = max(1, round(p.SECOND_PEAK_DELAY.draw(rng) * rate))
        collapse = _peak(rng, rate, cavity, contact=contact)
        wave = waves.add(wave, waves.later(collapse * p.SECOND_PEAK_LEVEL.draw(rng) * rng.choice([-1.0, 1.0]), delay))
    return wave


def _peak(rng: Random, rate: int, cavity: Cavity, *, contact: bool) -> FloatArray:
    breathing, emission = unit(_oscillation(rng, rate, cavity)), unit(_emission(rng, rate, cavity))
    sign = float(rng.choice([-1.0, 1.0]))
    if contact:
        return sign * waves.add(breathing, emission * p.EMISSION_CONTACT.draw(rng))
    return sign * waves.add(emission, breathing * p.EMISSION_AIR.draw(rng))


def _oscillation(rng: Random, rate: int, cavity: Cavity) -> FloatArray:
    """Return the confined disc after a pressure step of finite rise; its frequency changes as the cavity grows."""
    length = max(16, int(2.5 * cavity.duration_s * rate))
    time = np.arange(length) / rate
    glide = p.CAVITY_GROWTH.draw(rng) ** np.minimum(time / cavity.duration_s, 1.5)
    angle = 2.0 * np.pi * cavity.frequency_hz * np.cumsum(glide) / rate
    free = np.exp(-LN10 / cavity.duration_s * time) * np.sin(angle + rng.uniform(-0.4, 0.5))
    return waves.convolve(free, waves.pulse(rate, p.PRESSURE_ONSET.draw(rng)))


def _emission(rng: Random, rate: int, cavity: Cavity) -> FloatArray:
    """Return a sharp pulse and the modes of the joint's surroundings that it excites."""
    sharp = waves.pulse(rate, p.CRACK_WIDTH.draw(rng))
    rung = waves.convolve(cavity.modes.ring(rate), sharp)
    return waves.add(unit(rung), unit(waves.radiated(sharp)) * p.CRACK_PULSE_SHARE.draw(rng))


def series(rng: Random, rate: int, cavities: list[Cavity], *, contact: bool, spine: bool) -> list[SynthSound]:
    """Return the pops of one thrust.

    Parameters
    ----------
    rng : numpy.random.Generator
    rate : int
        In hertz.
    cavities : list of Cavity
        The ones that cavitate, in order.
    contact : bool
        At the skin over the joint; otherwise in air.
    spine : bool
        Gaps as measured in the spine; otherwise as between the clicks of fingers and wrists.
    """
    sounds, delay = [], 0.0
    gap = p.GAP_SPINE if spine else p.GAP_AIR
    for cavity in cavities:
        wave = pop(rng, rate, cavity, contact=contact)
        sounds.append(SynthSound(wave, delay_s=delay, level_db=float(rng.normal(0.0, 4.0)), cavity=cavity.number))
        delay += gap.draw(rng)
    return sounds


def pops_in_thrust(rng: Random, site: str) -> int:
    """Return how many pops a thrust at a site has where enough cavities are free."""
    if site == "neck":
        kind = "upper cervical" if rng.random() < 0.4 else "neck"
    else:
        kind = "spine" if site in ("thoracic", "lumbar") else "limb"
    shares = POPS_PER_THRUST[kind]
    return 1 + int(rng.choice(len(shares), p=np.array(shares) / sum(shares)))
