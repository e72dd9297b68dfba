"""Impacts: taps, knocks, buttons, steps, ticks, crackles, and series of them.

An impact is a Hertzian force pulse that excites the modes of an object. Each function draws an object and a movement
once, as a `Renderer` of its sound.
"""

from __future__ import annotations

import math

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis import waves
from popclass.synthesis.waves import FloatArray, Modes, Random, Range, Regime, Renderer, SynthSound, repeated, unit

# Frequency of the lowest mode (Hz), longest decay to -20 dB (s) and contact time (s).
Ranges = tuple[Range, Range, Range]


class Impact:
    """An object and the impact that excites it.

    Parameters
    ----------
    rng : numpy.random.Generator
    rate : int
    regime : Regime
    ranges : tuple of tuple of float
        As `Ranges`.
    more : tuple of int
        Range of the number of further modes, the end excluded.
    noise : float
        Probability of a rustle.

    Attributes
    ----------
    change : float
        Relative change between repeats.
    spread_db : float
        Change of the level between repeats.
    """

    def __init__(
        self, rng: Random, rate: int, regime: Regime, ranges: Ranges, more: tuple[int, int] = (2, 7), noise: float = 0.3
    ) -> None:
        self.rng, self.rate = rng, rate
        frequency, decay_s, contact_s = ranges
        first, longest = waves.log_part(rng, frequency, regime.pitch), waves.log_part(rng, decay_s, regime.duration)
        ratios = np.sort(np.exp(rng.uniform(0.15, 2.2, int(rng.integers(*more)))))
        decays = longest * (rng.uniform(0.25, 1.0, len(ratios)) / ratios**0.3)
        gains = np.exp(rng.normal(-0.3, 0.8, len(ratios)))
        self.modes = Modes((first, *(first * ratios)), (longest, *decays), (1.0, *gains))
        self.contact_s = waves.log_part(rng, contact_s)
        self.direct = waves.exp_uniform(rng, -4.0, 0.5)
        self.noise = waves.exp_uniform(rng, -4.0, -1.0) if rng.random() < noise else 0.0
        self.noise_s = waves.exp_uniform(rng, -5.5, -3.0)
        self.change = p.OTHER_CHANGE.draw(rng)
        self.spread_db = 12.0 * self.change

    def render(self, brighter: float = 1.0) -> FloatArray:
        """Return the sound of one impact; `brighter` scales the modes (the release of a button)."""
        rng, rate = self.rng, self.rate
        force = waves.pulse(rate, self.contact_s * math.exp(self.change * rng.standard_normal()) / brighter)
        wave = waves.excite(self.modes.vary(rng, self.change, brighter).ring(rate), force, self.direct)
        if self.noise > 0.0:
            shape = waves.envelope(rate, 0.0002, 0.0, self.noise_s)
            wave = waves.add(wave, self.noise * shape * waves.band_noise(rng, rate, len(shape), 500.0, 14000.0))
        return unit(wave)


def single(ranges: Ranges, rng: Random, rate: int, regime: Regime, noise: float = 0.3) -> Renderer:
    """Return an object with one impact each time."""
    impact = Impact(rng, rate, regime, ranges, noise=noise)
    return repeated(rng, impact.spread_db, impact.render)


def button(ranges: Ranges, rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a button that clicks when pressed and again, a little brighter or duller, when released."""
    impact = Impact(rng, rate, regime, ranges)
    gap, brighter = p.PRESS_RELEASE.draw(rng), float(np.exp(rng.normal(0.1, 0.25)))
    release_db, silent_release = rng.uniform(-12, 3), rng.random() < 0.2

    def render() -> list[SynthSound]:
        level = rng.normal(0.0, impact.spread_db)
        sounds = [SynthSound(impact.render(), level_db=level)]
        if not silent_release:
            delay = gap * math.exp(0.15 * rng.standard_normal())
            sounds.append(SynthSound(impact.render(brighter), time_s=delay, level_db=level + release_db))
        return sounds

    return render


def latch(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a switch, a lock or a lighter: several parts that click in turn, the same way each time."""
    ranges = ((500, 7000), (0.0008, 0.015), (0.00006, 0.0008))
    parts = [Impact(rng, rate, regime, ranges) for _ in range(int(rng.integers(2, 6)))]
    times = np.cumsum([0.0, *(waves.log_uniform(rng, 0.006, 0.12) for _ in parts[1:])])
    levels, change = rng.normal(0.0, 5.0, len(parts)), p.OTHER_CHANGE.draw(rng)
    clicks = list(zip(parts, times.tolist(), levels.tolist(), strict=True))

    def render() -> list[SynthSound]:
        slower, louder = math.exp(change * rng.standard_normal()), rng.normal(0.0, 12.0 * change)
        return [SynthSound(part.render(), time_s=time * slower, level_db=db + louder) for part, time, db in clicks]

    return render


def footstep(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a footstep: the impact of the heel, then the noise of the sole."""
    heel = Impact(rng, rate, regime, ((60, 600), (0.01, 0.08), (0.0008, 0.008)), noise=0.5)
    sole_s, roll_s = rng.uniform(0.02, 0.15), rng.uniform(0.03, 0.12)

    def wave() -> FloatArray:
        shape = waves.envelope(rate, 0.3 * sole_s, 0.0, sole_s)
        noise = 0.1 * shape * waves.band_noise(rng, rate, len(shape), 150.0, 5000.0, -3.0)
        return waves.add(heel.render(), waves.later(noise, int(roll_s * rate)))

    return repeated(rng, heel.spread_db, wave)


def finger_snap(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a finger snap: a friction rub, then a sharp, loud pulse over a small air cavity."""
    hand = Impact(rng, rate, regime, ((900, 3500), (0.002, 0.012), (0.0001, 0.0006)))
    rub_s, rub = rng.uniform(0.01, 0.06), waves.exp_uniform(rng, -5.0, -2.5)

    def render() -> list[SynthSound]:
        length = max(8, int(rub_s * rate * math.exp(hand.change * rng.standard_normal())))
        before = rub * waves.band_noise(rng, rate, length, 800.0, 9000.0) * np.linspace(0.2, 1.0, length)
        wave = np.concatenate([before, hand.render()])
        return [SynthSound(wave, release=length, level_db=rng.normal(0.0, hand.spread_db))]

    return render


def crackle(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return fire, bubble wrap, gravel or a loose contact: sharp clicks, each of another object."""
    several = rng.random() < 0.6
    shortest_s, longest_s = rng.uniform(0.006, 0.02), rng.uniform(0.04, 0.3)

    def render() -> list[SynthSound]:
        sounds, delay = [], 0.0
        for _ in range(int(rng.integers(2, 8)) if several else 1):
            wave = Impact(rng, rate, regime, ((700, 8000), (0.0006, 0.008), (0.00006, 0.0006))).render()
            sounds.append(SynthSound(wave, time_s=delay, level_db=rng.normal(0.0, 5.0)))
            delay += waves.log_uniform(rng, shortest_s, longest_s)
        return sounds

    return render


def zip_teeth(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a zip, a ratchet or a comb: a series of similar clicks as one sound."""
    tooth = Impact(rng, rate, regime, ((1200, 6000), (0.001, 0.006), (0.0001, 0.0005)), noise=0.0)
    count, speed = int(rng.integers(8, 40)), rng.uniform(60, 250)

    def series() -> FloatArray:
        wave = np.zeros(int(rate * (count / speed + 0.05)))
        for index in range(count):
            one = tooth.render() * rng.uniform(0.5, 1.0)
            start = max(0, int(rate * (index + 0.15 * rng.standard_normal()) / speed)) if index else 0
            wave[start : start + len(one)] += one[: max(0, len(wave) - start)]
        return wave

    return repeated(rng, tooth.spread_db, series)


def crepitus(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return crepitus: S 20-300 ms, 30-3,000 Hz; stick-slip series of about 16 Hz (Widmalm 1996, Prinz 1998)."""
    slip = Impact(rng, rate, regime, ((40, 900), (0.003, 0.025), (0.0004, 0.003)), noise=0.5)
    count, speed = int(rng.integers(2, 6)), rng.uniform(11, 24)

    def render() -> list[SynthSound]:
        times = np.maximum((np.arange(count) + 0.12 * rng.standard_normal(count)) / speed, 0.0).tolist()
        return [SynthSound(slip.render(), time_s=time, level_db=rng.normal(0.0, 2.0)) for time in times]

    return render


def bump(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a knock on the microphone: a slow swing of the diaphragm with a rumble and sometimes a sharp edge."""
    swing = Impact(rng, rate, regime, ((12, 120), (0.03, 0.25), (0.002, 0.02)), more=(1, 4), noise=0.6)
    edge = Impact(rng, rate, regime, ((300, 4000), (0.002, 0.02), (0.0002, 0.002)))
    level = waves.exp_uniform(rng, -3.5, 0.5)
    return repeated(rng, swing.spread_db, lambda: waves.add(swing.render(), level * edge.render()))


def clock(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return the tick of a clock: two or three impacts of the escapement within some milliseconds, as one sound."""
    wheel = Impact(rng, rate, regime, ((900, 7000), (0.001, 0.015), (0.00006, 0.0004)))
    parts = [(0.0, 1.0), *((rng.uniform(0.001, 0.0045), rng.uniform(0.1, 0.9)) for _ in range(2))]

    def wave() -> FloatArray:
        return waves.add(*(gain * waves.later(wheel.render(), int(delay * rate)) for delay, gain in parts))

    return repeated(rng, wheel.spread_db, wave)
