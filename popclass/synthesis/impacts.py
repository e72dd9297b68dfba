"""Impacts: taps, knocks, buttons, steps, ticks, crackles, and series of them.

An impact is a Hertzian force pulse that excites the modes of an object. Each function draws an object and a movement
once, as a `Renderer` of its sound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis import waves
from popclass.synthesis.waves import FloatArray, Kind, Modes, Random, Range, Regime, Renderer, SynthSound, unit


@dataclass(frozen=True, slots=True)
class Impact:
    """An object and the impact that excites it.

    Attributes
    ----------
    modes : Modes
        Of the object.
    contact_s : float
        Contact time of the impact.
    direct : float
        Level of the impact pulse itself relative to the modes.
    noise, noise_s : float
        Level and length of a rustle with the impact; level 0 where there is none.
    change : float
        Relative change between repeats.
    """

    modes: Modes
    contact_s: float
    direct: float
    noise: float
    noise_s: float
    change: float

    def render(self, rng: Random, rate: int, brighter: float = 1.0) -> FloatArray:
        """Return the sound of one impact; `brighter` scales the modes (the release of a button)."""
        force = waves.pulse(rate, self.contact_s * math.exp(self.change * rng.standard_normal()) / brighter)
        body = self.modes.vary(rng, self.change, brighter).ring(rate)
        wave = waves.add(unit(waves.convolve(body, force)), unit(waves.radiated(force)) * self.direct)
        if self.noise > 0.0:
            shape = waves.envelope(rate, 0.0002, 0.0, self.noise_s)
            wave = waves.add(wave, self.noise * shape * waves.band_noise(rng, rate, len(shape), 500.0, 14000.0))
        return unit(wave)


def draw_impact(
    rng: Random,
    regime: Regime,
    frequency: Range,
    decay_s: Range,
    contact_s: Range,
    *,
    modes: tuple[int, int] = (2, 7),
    noise: float = 0.3,
) -> Impact:
    """Return an impact.

    Parameters
    ----------
    rng : numpy.random.Generator
    regime : Regime
    frequency, decay_s, contact_s : tuple of float
        Ranges of the lowest mode, the longest decay and the contact time.
    modes : tuple of int
        Range of the number of further modes, the end excluded.
    noise : float
        Probability of a rustle.
    """
    first, longest = waves.log_part(rng, frequency, regime.pitch), waves.log_part(rng, decay_s, regime.duration)
    count = int(rng.integers(*modes))
    ratios = np.sort(np.exp(rng.uniform(0.15, 2.2, count)))
    decays = longest * (rng.uniform(0.25, 1.0, count) / ratios**0.3)
    return Impact(
        modes=Modes((first, *(first * ratios)), (longest, *decays), (1.0, *np.exp(rng.normal(-0.3, 0.8, count)))),
        contact_s=waves.log_part(rng, contact_s),
        direct=waves.exp_uniform(rng, -4.0, 0.5),
        noise=waves.exp_uniform(rng, -4.0, -1.0) if rng.random() < noise else 0.0,
        noise_s=waves.exp_uniform(rng, -5.5, -3.0),
        change=p.OTHER_CHANGE.draw(rng),
    )


def repeat_level(rng: Random, change: float) -> float:
    """Return the level in dB of one repeat of a sound with this relative change."""
    return float(rng.normal(0.0, 12.0 * change))


def repeated(change: float, wave: Callable[[Random], FloatArray]) -> Renderer:
    """Return a renderer of a single wave at a level that varies between repeats."""
    return lambda rng: [SynthSound(wave(rng), level_db=repeat_level(rng, change))]


def impact_kind(frequency: Range, decay_s: Range, contact_s: Range, *, noise: float = 0.3) -> Kind:
    """Return a kind with one impact each time; parameters as `draw_impact`."""

    def kind(rng: Random, rate: int, regime: Regime) -> Renderer:
        impact = draw_impact(rng, regime, frequency, decay_s, contact_s, noise=noise)
        return repeated(impact.change, lambda rng: impact.render(rng, rate))

    return kind


def button_kind(frequency: Range, decay_s: Range, contact_s: Range) -> Kind:
    """Return a kind that clicks when pressed and again, a little brighter or duller, when released."""

    def kind(rng: Random, rate: int, regime: Regime) -> Renderer:
        impact = draw_impact(rng, regime, frequency, decay_s, contact_s)
        gap, brighter = p.PRESS_RELEASE.draw(rng), float(np.exp(rng.normal(0.1, 0.25)))
        release_db, silent_release = float(rng.uniform(-12, 3)), rng.random() < 0.2

        def render(rng: Random) -> list[SynthSound]:
            level = repeat_level(rng, impact.change)
            sounds = [SynthSound(impact.render(rng, rate), level_db=level)]
            if not silent_release:
                delay = gap * math.exp(0.15 * rng.standard_normal())
                wave = impact.render(rng, rate, brighter)
                sounds.append(SynthSound(wave, delay_s=delay, level_db=level + release_db))
            return sounds

        return render

    return kind


def latch(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a switch, a lock or a lighter: several parts that click in turn, the same way each time."""
    count = int(rng.integers(2, 6))
    parts = [draw_impact(rng, regime, (500, 7000), (0.0008, 0.015), (0.00006, 0.0008)) for _ in range(count)]
    gaps = [0.0, *(waves.log_uniform(rng, 0.006, 0.12) for _ in parts[1:])]
    levels, change = rng.normal(0.0, 5.0, len(parts)), p.OTHER_CHANGE.draw(rng)

    def render(rng: Random) -> list[SynthSound]:
        faster, louder = math.exp(change * rng.standard_normal()), repeat_level(rng, change)
        times = np.cumsum(gaps) * faster
        return [
            SynthSound(part.render(rng, rate), delay_s=float(time), level_db=float(level) + louder)
            for part, time, level in zip(parts, times, levels, strict=True)
        ]

    return render


def footstep(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a footstep: the impact of the heel, then the noise of the sole."""
    heel = draw_impact(rng, regime, (60, 600), (0.01, 0.08), (0.0008, 0.008), noise=0.5)
    sole_s, roll_s = float(rng.uniform(0.02, 0.15)), float(rng.uniform(0.03, 0.12))

    def wave(rng: Random) -> FloatArray:
        shape = waves.envelope(rate, 0.3 * sole_s, 0.0, sole_s)
        noise = 0.1 * shape * waves.band_noise(rng, rate, len(shape), 150.0, 5000.0, -3.0)
        return waves.add(heel.render(rng, rate), waves.later(noise, int(roll_s * rate)))

    return repeated(heel.change, wave)


def finger_snap(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a finger snap: a friction rub, then a sharp, loud pulse over a small air cavity."""
    hand = draw_impact(rng, regime, (900, 3500), (0.002, 0.012), (0.0001, 0.0006))
    rub_s, rub = float(rng.uniform(0.01, 0.06)), waves.exp_uniform(rng, -5.0, -2.5)

    def render(rng: Random) -> list[SynthSound]:
        length = max(8, int(rub_s * rate * math.exp(hand.change * rng.standard_normal())))
        before = rub * waves.band_noise(rng, rate, length, 800.0, 9000.0) * np.linspace(0.2, 1.0, length)
        wave = np.concatenate([before, hand.render(rng, rate)])
        return [SynthSound(wave, release=length, level_db=repeat_level(rng, hand.change))]

    return render


def crackle(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return fire, bubble wrap, gravel or a loose contact: sharp clicks, each of another object."""
    several = rng.random() < 0.6
    limits = (float(rng.uniform(0.006, 0.02)), float(rng.uniform(0.04, 0.3)))

    def render(rng: Random) -> list[SynthSound]:
        sounds, delay = [], 0.0
        for _ in range(int(rng.integers(2, 8)) if several else 1):
            impact = draw_impact(rng, regime, (700, 8000), (0.0006, 0.008), (0.00006, 0.0006))
            wave = impact.render(rng, rate)
            sounds.append(SynthSound(wave, delay_s=delay, level_db=float(rng.normal(0.0, 5.0))))
            delay += waves.log_uniform(rng, *limits)
        return sounds

    return render


def zip_teeth(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a zip, a ratchet or a comb: a series of similar clicks as one sound."""
    tooth = draw_impact(rng, regime, (1200, 6000), (0.001, 0.006), (0.0001, 0.0005), noise=0.0)
    count, speed = int(rng.integers(8, 40)), float(rng.uniform(60, 250))

    def render(rng: Random) -> list[SynthSound]:
        wave = np.zeros(int(rate * (count / speed + 0.05)))
        for index in range(count):
            one = tooth.render(rng, rate) * rng.uniform(0.5, 1.0)
            start = max(0, int(rate * (index + 0.15 * rng.standard_normal()) / speed)) if index else 0
            wave[start : start + len(one)] += one[: max(0, len(wave) - start)]
        return [SynthSound(wave, level_db=repeat_level(rng, tooth.change))]

    return render


def crepitus(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return crepitus: S 20-300 ms, 30-3,000 Hz; stick-slip series of about 16 Hz (Widmalm 1996, Prinz 1998)."""
    slip = draw_impact(rng, regime, (40, 900), (0.003, 0.025), (0.0004, 0.003), noise=0.5)
    count, speed = int(rng.integers(2, 6)), float(rng.uniform(11, 24))

    def render(rng: Random) -> list[SynthSound]:
        times = np.maximum((np.arange(count) + 0.12 * rng.standard_normal(count)) / speed, 0.0)
        return [
            SynthSound(slip.render(rng, rate), delay_s=time, level_db=float(rng.normal(0.0, 2.0)))
            for time in times.tolist()
        ]

    return render


def bump(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a knock on the microphone: a slow swing of the diaphragm with a rumble and sometimes a sharp edge."""
    swing = draw_impact(rng, regime, (12, 120), (0.03, 0.25), (0.002, 0.02), modes=(1, 4), noise=0.6)
    edge = draw_impact(rng, regime, (300, 4000), (0.002, 0.02), (0.0002, 0.002))
    level = waves.exp_uniform(rng, -3.5, 0.5)

    return repeated(swing.change, lambda rng: waves.add(swing.render(rng, rate), level * edge.render(rng, rate)))


def clock(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return the tick of a clock: two or three impacts of the escapement within some milliseconds, as one sound."""
    wheel = draw_impact(rng, regime, (900, 7000), (0.001, 0.015), (0.00006, 0.0004))
    parts = [(0.0, 1.0), *((float(rng.uniform(0.001, 0.0045)), float(rng.uniform(0.1, 0.9))) for _ in range(2))]

    def wave(rng: Random) -> FloatArray:
        return waves.add(*(gain * waves.later(wheel.render(rng, rate), int(delay * rate)) for delay, gain in parts))

    return repeated(wheel.change, wave)
