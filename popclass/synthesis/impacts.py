"""Impacts: taps, knocks, buttons, steps, ticks, crackles, and series of them.

An impact is a Hertzian force pulse that excites the modes of an object. Each function draws an object and a movement
once, as a `Renderer` of its sound. An object that bounces, or a knuckle that hits a table twice, strikes again at
shrinking gaps. Another spot excites the same modes at other levels, so that rebounds are similar or dissimilar.
"""

from __future__ import annotations

import math
from dataclasses import replace

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
        Range of the number of further modes, the end excluded; mostly few.
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
        self,
        rng: Random,
        rate: int,
        regime: Regime,
        ranges: Ranges,
        more: tuple[int, int] = (2, 18),
        noise: float = 0.3,
    ) -> None:
        self.rng, self.rate = rng, rate
        frequency, decay_s, contact_s = ranges
        first, longest = waves.log_part(rng, frequency, regime.pitch), waves.log_part(rng, decay_s, regime.duration)
        ratios = np.sort(np.exp(rng.uniform(0.15, 2.2, int(waves.log_uniform(rng, *more)))))
        decays = longest * (rng.uniform(0.25, 1.0, len(ratios)) / ratios**0.3)
        gains = np.exp(rng.normal(-0.3, 0.8, len(ratios))) * ratios ** p.BRIGHTNESS.draw(rng)
        self.modes = Modes((first, *(first * ratios)), (longest, *decays), (1.0, *gains))
        self.contact_s = waves.log_part(rng, contact_s)
        self.direct = waves.exp_uniform(rng, -4.0, 0.5)
        self.noise = waves.exp_uniform(rng, -4.0, 0.3) if rng.random() < noise else 0.0
        self.noise_s = waves.exp_uniform(rng, -5.5, -3.0)
        self.change, self.spread_db = p.OTHER_CHANGE.draw(rng), p.OTHER_LEVEL.draw(rng)

    def render(self, brighter: float = 1.0, harder: float = 1.0, spot: float = 0.0) -> FloatArray:
        """Return the sound of one impact.

        Parameters
        ----------
        brighter : float
            Factor of the frequencies of the modes (the release of a button).
        harder : float
            Factor by which the contact is shorter.
        spot : float
            Change of the levels of the modes by another spot, natural logarithm.
        """
        rng, rate = self.rng, self.rate
        force = waves.pulse(rate, self.contact_s * math.exp(self.change * rng.standard_normal()) / (brighter * harder))
        modes = self.modes.vary(rng, self.change, brighter)
        gains = np.array(modes.gains) * np.exp(spot * rng.standard_normal(len(modes.gains)))
        wave = waves.excite(replace(modes, gains=gains.tolist()).ring(rate), force, self.direct)
        if self.noise > 0.0:
            shape = waves.envelope(rate, 0.0002, 0.0, self.noise_s)
            wave = waves.add(wave, self.noise * shape * waves.band_noise(rng, rate, len(shape), 500.0, 18000.0))
        return unit(wave)


def single(
    ranges: Ranges, rng: Random, rate: int, regime: Regime, noise: float = 0.3, bounce: float = 0.15
) -> Renderer:
    """Return an object with one impact each time; with a probability of `bounce` it strikes again."""
    impact = Impact(rng, rate, regime, ranges, noise=noise)
    if rng.random() < bounce:
        return rebounding(rng, impact)
    return repeated(rng, impact.spread_db, impact.render)


def rebounding(rng: Random, impact: Impact, most: int = 5) -> Renderer:
    """Return an object that strikes again after each impact: up to `most` rebounds at shrinking gaps."""
    first_s, restitution = p.REBOUND_GAP.draw(rng), p.RESTITUTION.draw(rng)
    count, jitter, spot = min(int(rng.geometric(0.5)), most), waves.exp_uniform(rng, -4.0, -1.0), rng.uniform(0.0, 1.2)
    spread_db = rng.uniform(1.0, 6.0)

    def render() -> list[SynthSound]:
        level = rng.normal(0.0, impact.spread_db)
        sounds, delay, gap = [SynthSound(impact.render(), level_db=level)], 0.0, first_s
        for number in range(1, count + 1):
            delay += gap * math.exp(jitter * rng.standard_normal())
            gap *= restitution
            lower = 20.0 * number * math.log10(restitution) + rng.normal(0.0, spread_db)
            wave = impact.render(harder=restitution ** (0.2 * number), spot=spot)  # Hertz: contact ~ speed^-0.2
            sounds.append(SynthSound(wave, time_s=delay, level_db=level + lower))
            if gap < p.REBOUND_GAP.low:
                break
        return sounds

    return render


def drop(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a thing that is dropped: it bounces several times, and sometimes rolls."""
    thing = Impact(rng, rate, regime, ((200, 8000), (0.001, 0.15), (0.00006, 0.001)))
    fall = rebounding(rng, thing, most=int(rng.integers(2, 12)))
    rolls, length, turns = rng.random() < 0.5, waves.log_uniform(rng, 0.1, 1.2), rng.uniform(4.0, 40.0)
    level = rng.uniform(-30.0, -8.0)

    def render() -> list[SynthSound]:
        sounds = fall()
        if rolls:
            shape = waves.envelope(rate, 0.1 * length, 0.3 * length, 0.7 * length)
            turning = 1.0 + 0.8 * np.sin(2.0 * np.pi * turns * np.arange(len(shape)) / rate)
            rough = 0.01 * waves.band_noise(rng, rate, len(shape), 50.0, 6000.0, -3.0) * shape * turning
            wave = waves.convolve(rough, thing.render())[: len(shape)]
            sounds.append(SynthSound(wave, time_s=sounds[-1].time_s + 0.01, level_db=sounds[0].level_db + level))
        return sounds

    return render


def clap(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a clap: the air between two hands, a burst of noise around one or two dull resonances."""
    hands = Impact(rng, rate, regime, ((250, 3000), (0.0015, 0.02), (0.0002, 0.002)), more=(1, 4), noise=1.0)
    low, share = waves.log_part(rng, (200, 2500), regime.pitch), waves.exp_uniform(rng, -2.0, 1.5)
    top, length = low * waves.log_uniform(rng, 3.0, 12.0), waves.log_uniform(rng, 0.002, 0.03)

    def wave() -> FloatArray:
        shape = waves.envelope(rate, waves.log_uniform(rng, 0.0002, 0.0015), 0.0, length)
        return waves.add(hands.render(), share * unit(shape * waves.band_noise(rng, rate, len(shape), low, top)))

    return repeated(rng, hands.spread_db, wave)


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
    ranges = ((500, 9000), (0.0008, 0.015), (0.00004, 0.0008))
    parts = [Impact(rng, rate, regime, ranges) for _ in range(int(rng.integers(2, 6)))]
    times = np.cumsum([0.0, *(waves.log_uniform(rng, 0.006, 0.12) for _ in parts[1:])])
    levels, change = rng.normal(0.0, 5.0, len(parts)), p.OTHER_CHANGE.draw(rng)
    clicks = list(zip(parts, times.tolist(), levels.tolist(), strict=True))

    def render() -> list[SynthSound]:
        slower, louder = math.exp(change * rng.standard_normal()), rng.normal(0.0, 12.0 * change)
        return [SynthSound(part.render(), time_s=time * slower, level_db=db + louder) for part, time, db in clicks]

    return render


def footstep(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a footstep: the impact of the heel, soft or hard, the noise of the sole, and often the toe."""
    heel = Impact(rng, rate, regime, ((50, 3500), (0.002, 0.07), (0.0001, 0.008)), noise=0.6)
    sole_s, roll_s = rng.uniform(0.01, 0.15), rng.uniform(0.02, 0.12)
    sole, low, top = (
        waves.exp_uniform(rng, -4.0, -0.3),
        waves.log_uniform(rng, 80, 1500),
        waves.log_uniform(rng, 2500, 14000),
    )
    toe_s, toe_db, has_toe = p.TOE_AFTER_HEEL.draw(rng), rng.uniform(-15.0, 2.0), rng.random() < 0.5

    def render() -> list[SynthSound]:
        shape = waves.envelope(rate, 0.3 * sole_s, 0.0, sole_s)
        noise = sole * shape * waves.band_noise(rng, rate, len(shape), low, top, -3.0)
        level = rng.normal(0.0, heel.spread_db)
        sounds = [SynthSound(waves.add(heel.render(), waves.later(noise, int(roll_s * rate))), level_db=level)]
        if has_toe:
            later = toe_s * math.exp(0.1 * rng.standard_normal())
            sounds.append(SynthSound(heel.render(1.2, spot=0.8), time_s=later, level_db=level + toe_db))
        return sounds

    return render


def finger_snap(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a finger snap: a friction rub, then a sharp, loud pulse over a small air cavity."""
    hand = Impact(rng, rate, regime, ((700, 4500), (0.0015, 0.015), (0.0001, 0.0006)))
    rub_s, rub = rng.uniform(0.01, 0.06), waves.exp_uniform(rng, -5.0, -2.5)

    def render() -> list[SynthSound]:
        length = max(8, int(rub_s * rate * math.exp(hand.change * rng.standard_normal())))
        before = rub * waves.band_noise(rng, rate, length, 800.0, 9000.0) * np.linspace(0.2, 1.0, length)
        wave = np.concatenate([before, hand.render()])
        return [SynthSound(wave, release=length, level_db=rng.normal(0.0, hand.spread_db))]

    return render


def clatter(
    ranges: Ranges, most: int, shortest_s: Range, longest_s: Range, rng: Random, rate: int, regime: Regime
) -> Renderer:
    """Return fire, paper, keys or things that are handled: up to `most` impacts, each of another object."""
    several = rng.random() < 0.7
    gaps, spread_db = (rng.uniform(*shortest_s), rng.uniform(*longest_s)), rng.uniform(2.0, 8.0)

    def render() -> list[SynthSound]:
        sounds, delay = [], 0.0
        for _ in range(int(rng.integers(2, most + 1)) if several else 1):
            wave = Impact(rng, rate, regime, ranges).render()
            sounds.append(SynthSound(wave, time_s=delay, level_db=rng.normal(0.0, spread_db)))
            delay += waves.log_uniform(rng, *gaps)
        return sounds

    return render


def lighter(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a lighter or a match: the rub of wheel or head, the flame's puff, sometimes a lid."""
    lid = Impact(rng, rate, regime, ((1500, 9000), (0.002, 0.08), (0.00006, 0.0004)))
    low, rub_s, flame_s = waves.log_uniform(rng, 800, 4000), rng.uniform(0.004, 0.08), rng.uniform(0.02, 0.2)
    flame_db, lid_db, has_lid = rng.uniform(-20, -3), rng.uniform(-6, 8), rng.random() < 0.5

    def burst(length: float, bottom: float, top: float) -> FloatArray:
        shape = waves.envelope(rate, 0.1 * length, 0.3 * length, 0.6 * length)
        return shape * waves.band_noise(rng, rate, len(shape), bottom, top)

    def render() -> list[SynthSound]:
        rub = waves.add(burst(rub_s, low, 14000.0), 2.0 * lid.render())
        sounds = [SynthSound(rub), SynthSound(burst(flame_s, 60.0, 2500.0), time_s=rub_s, level_db=flame_db)]
        if has_lid:
            sounds.append(SynthSound(lid.render(), time_s=rub_s + rng.uniform(0.1, 0.8), level_db=lid_db))
        return sounds

    return render


def zip_teeth(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a zip, a ratchet or a comb: a series of similar clicks as one sound, at a speed that changes."""
    tooth = Impact(rng, rate, regime, ((1000, 8000), (0.0008, 0.008), (0.00008, 0.0005)), noise=0.0)
    count, speed, faster = int(rng.integers(5, 40)), waves.log_uniform(rng, 25, 300), rng.uniform(-0.6, 0.6)

    def series() -> FloatArray:
        steps = np.exp(-faster * np.linspace(-1.0, 1.0, count)) * np.exp(0.15 * rng.standard_normal(count)) / speed
        wave = np.zeros(int(rate * (steps.sum() + 0.05)))
        for start in (rate * (np.cumsum(steps) - steps[0])).astype(int).tolist():
            one = tooth.render() * rng.uniform(0.5, 1.0)
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
    wheel.change = p.OTHER_CHANGE.draw(rng, (0.0, 0.6))  # a machine's
    parts = [(0.0, 1.0), *((rng.uniform(0.001, 0.0045), rng.uniform(0.1, 0.9)) for _ in range(2))]

    def wave() -> FloatArray:
        return waves.add(*(gain * waves.later(wheel.render(), int(delay * rate)) for delay, gain in parts))

    return repeated(rng, wheel.spread_db, wave)
