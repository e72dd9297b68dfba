"""Things struck: taps, knocks, buttons, steps, ticks, crackles, and what strikes in series.

Impacts are Hertzian force pulses exciting the modes of an object. Each kind draws a *maker* once, the object and the
hand, which then renders the sound as often as it is repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis.waves import (
    FloatArray,
    Maker,
    Regime,
    Sounding,
    add,
    band_noise,
    convolve,
    envelope,
    later,
    pulse,
    radiated,
    ring,
    unit,
)


@dataclass(frozen=True, slots=True)
class Struck:
    """An object and what strikes it.

    Attributes
    ----------
    modes_hz, decays_s, gains : tuple of float
        The modes of the object.
    contact_s : float
        Contact time of the impact.
    direct : float
        The impact pulse itself beside the ring.
    noise, noise_s : float
        Level and length of a rustle that goes with the impact.
    change : float
        Relative change from repeat to repeat.
    """

    modes_hz: tuple[float, ...]
    decays_s: tuple[float, ...]
    gains: tuple[float, ...]
    contact_s: float
    direct: float
    noise: float
    noise_s: float
    change: float

    def strike(self, rng: np.random.Generator, rate: int, brighter: float = 1.0) -> FloatArray:
        """One impact; `brighter` scales the modes (the other side of a button)."""

        def vary(values: tuple[float, ...], share: float, scale: float = 1.0) -> list[float]:
            return [scale * value * math.exp(share * self.change * rng.standard_normal()) for value in values]

        force = pulse(rate, self.contact_s * math.exp(self.change * rng.standard_normal()) / brighter)
        body = ring(rate, vary(self.modes_hz, 0.3, brighter), vary(self.decays_s, 1.0), vary(self.gains, 2.0))
        wave = add(unit(convolve(body, force)), unit(radiated(force)) * self.direct)
        if self.noise > 0.0:
            shape = envelope(rate, 0.0002, 0.0, self.noise_s)
            wave = add(wave, self.noise * shape * band_noise(rng, rate, len(shape), 500.0, 14000.0))
        return unit(wave)


def draw_struck(
    rng: np.random.Generator,
    regime: Regime,
    frequency: tuple[float, float],
    decay_s: tuple[float, float],
    contact_s: tuple[float, float],
    modes: tuple[int, int] = (2, 7),
    spread: float = 2.2,
    noise: float = 0.3,
) -> Struck:
    """An object whose lowest mode, longest ring and contact time lie in these ranges."""

    def within(limits: tuple[float, float], part: tuple[float, float]) -> float:
        u = part[0] + (part[1] - part[0]) * float(rng.random())
        return float(limits[0] * (limits[1] / limits[0]) ** u)

    first, longest, count = within(frequency, regime.pitch), within(decay_s, regime.duration), int(rng.integers(*modes))
    ratios = np.sort(np.exp(rng.uniform(0.15, spread, count)))
    return Struck(
        modes_hz=(first, *(first * float(r) for r in ratios)),
        decays_s=(longest, *(longest * float(d) for d in rng.uniform(0.25, 1.0, count) / ratios**0.3)),
        gains=(1.0, *(float(g) for g in np.exp(rng.normal(-0.3, 0.8, count)))),
        contact_s=within(contact_s, (0.0, 1.0)),
        direct=float(np.exp(rng.uniform(-4.0, 0.5))),
        noise=float(np.exp(rng.uniform(-4.0, -1.0))) if rng.random() < noise else 0.0,
        noise_s=float(np.exp(rng.uniform(-5.5, -3.0))),
        change=p.OTHER_LIKENESS.draw(rng),
    )


def repeat_level(rng: np.random.Generator, change: float) -> float:
    return float(rng.normal(0.0, 12.0 * change))


def impact(
    frequency: tuple[float, float], decay_s: tuple[float, float], contact_s: tuple[float, float], **more: float
) -> Callable[[np.random.Generator, int, Regime], Maker]:
    """A kind that is one impact each time."""

    def kind(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
        thing = draw_struck(rng, regime, frequency, decay_s, contact_s, **more)  # type: ignore[arg-type]
        return lambda rng: [Sounding(thing.strike(rng, rate), level_db=repeat_level(rng, thing.change))]

    return kind


def button(
    frequency: tuple[float, float], decay_s: tuple[float, float], contact_s: tuple[float, float]
) -> Callable[[np.random.Generator, int, Regime], Maker]:
    """A kind that clicks when pressed and again, a little brighter or duller, when released."""

    def kind(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
        thing = draw_struck(rng, regime, frequency, decay_s, contact_s)
        gap, brighter, back = (
            p.PRESS_RELEASE.draw(rng),
            float(np.exp(rng.normal(0.1, 0.25))),
            float(rng.uniform(-12, 3)),
        )
        silent_release = rng.random() < 0.2

        def press(rng: np.random.Generator) -> list[Sounding]:
            level = repeat_level(rng, thing.change)
            sounds = [Sounding(thing.strike(rng, rate), level_db=level)]
            if not silent_release:
                delay = gap * math.exp(0.15 * rng.standard_normal())
                sounds.append(Sounding(thing.strike(rng, rate, brighter), delay_s=delay, level_db=level + back))
            return sounds

        return press

    return kind


def latch(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A switch, a lock or a lighter: several parts that strike one after the other, the same way each time."""
    parts = [
        draw_struck(rng, regime, (500, 7000), (0.0008, 0.015), (0.00006, 0.0008))
        for _ in range(int(rng.integers(2, 6)))
    ]
    gaps = [0.0, *(float(np.exp(rng.uniform(*np.log((0.006, 0.12))))) for _ in parts[1:])]
    levels, change = rng.normal(0.0, 5.0, len(parts)), p.OTHER_LIKENESS.draw(rng)

    def act(rng: np.random.Generator) -> list[Sounding]:
        faster, louder = math.exp(change * rng.standard_normal()), repeat_level(rng, change)
        times = np.cumsum(gaps) * faster
        return [
            Sounding(part.strike(rng, rate), delay_s=float(time), level_db=float(level) + louder)
            for part, time, level in zip(parts, times, levels, strict=True)
        ]

    return act


def footstep(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    heel = draw_struck(rng, regime, (60, 600), (0.01, 0.08), (0.0008, 0.008), noise=0.5)
    sole_s, roll_s = float(rng.uniform(0.02, 0.15)), float(rng.uniform(0.03, 0.12))

    def step(rng: np.random.Generator) -> list[Sounding]:
        shape = envelope(rate, 0.3 * sole_s, 0.0, sole_s)
        sole = later(0.1 * shape * band_noise(rng, rate, len(shape), 150.0, 5000.0, -3.0), int(roll_s * rate))
        return [Sounding(add(heel.strike(rng, rate), sole), level_db=repeat_level(rng, heel.change))]

    return step


def finger_snap(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A friction rub, then the finger hits the palm: a sharp, loud pulse over a small air cavity."""
    hand = draw_struck(rng, regime, (900, 3500), (0.002, 0.012), (0.0001, 0.0006))
    rub_s, rub = float(rng.uniform(0.01, 0.06)), float(np.exp(rng.uniform(-5.0, -2.5)))

    def snap(rng: np.random.Generator) -> list[Sounding]:
        length = max(8, int(rub_s * rate * math.exp(hand.change * rng.standard_normal())))
        before = rub * band_noise(rng, rate, length, 800.0, 9000.0) * np.linspace(0.2, 1.0, length)
        wave = np.concatenate([before, hand.strike(rng, rate)])
        return [Sounding(wave, release=length, level_db=repeat_level(rng, hand.change))]

    return snap


def crackle(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """Fire, bubble wrap, gravel, loose contact: sharp clicks, each another object, alone or a handful."""
    several = rng.random() < 0.6
    limits = (float(rng.uniform(0.006, 0.02)), float(rng.uniform(0.04, 0.3)))

    def crackles(rng: np.random.Generator) -> list[Sounding]:
        sounds, delay = [], 0.0
        for _ in range(int(rng.integers(2, 8)) if several else 1):
            thing = draw_struck(rng, regime, (700, 8000), (0.0006, 0.008), (0.00006, 0.0006))
            sounds.append(Sounding(thing.strike(rng, rate), delay_s=delay, level_db=float(rng.normal(0.0, 5.0))))
            delay += float(np.exp(rng.uniform(*np.log(limits))))
        return sounds

    return crackles


def zip_teeth(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A zip, a ratchet or a comb: a train of like teeth, one sound to the ear."""
    tooth = draw_struck(rng, regime, (1200, 6000), (0.001, 0.006), (0.0001, 0.0005), noise=0.0)
    count, speed = int(rng.integers(8, 40)), float(rng.uniform(60, 250))

    def run(rng: np.random.Generator) -> list[Sounding]:
        wave = np.zeros(int(rate * (count / speed + 0.05)))
        for index in range(count):
            one = tooth.strike(rng, rate) * rng.uniform(0.5, 1.0)
            start = max(0, int(rate * (index + 0.15 * rng.standard_normal()) / speed)) if index else 0
            wave[start : start + len(one)] += one[: max(0, len(wave) - start)]
        return [Sounding(wave, level_db=repeat_level(rng, tooth.change))]

    return run


def crepitus(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """Grating of rough surfaces: S 20-300 ms, 30-3,000 Hz; stick-slip train about 16 Hz (Widmalm 1996, Prinz 1998)."""
    slip = draw_struck(rng, regime, (40, 900), (0.003, 0.025), (0.0004, 0.003), noise=0.5)
    count, speed = int(rng.integers(2, 6)), float(rng.uniform(11, 24))

    def grate(rng: np.random.Generator) -> list[Sounding]:
        times = np.maximum((np.arange(count) + 0.12 * rng.standard_normal(count)) / speed, 0.0)
        return [Sounding(slip.strike(rng, rate), delay_s=float(t), level_db=float(rng.normal(0.0, 2.0))) for t in times]

    return grate


def bump(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """The microphone is knocked: a slow swing of the diaphragm with a rumble and sometimes a sharp edge."""
    thing = draw_struck(rng, regime, (12, 120), (0.03, 0.25), (0.002, 0.02), modes=(1, 4), noise=0.6)
    edge = draw_struck(rng, regime, (300, 4000), (0.002, 0.02), (0.0002, 0.002))
    level = float(np.exp(rng.uniform(-3.5, 0.5)))

    def knock(rng: np.random.Generator) -> list[Sounding]:
        return [
            Sounding(
                add(thing.strike(rng, rate), level * edge.strike(rng, rate)), level_db=repeat_level(rng, thing.change)
            )
        ]

    return knock


def clock(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A tick made of two or three impacts of the escapement within some milliseconds, heard as one."""
    wheel = draw_struck(rng, regime, (900, 7000), (0.001, 0.015), (0.00006, 0.0004))
    parts = [(0.0, 1.0), *((float(rng.uniform(0.001, 0.0045)), float(rng.uniform(0.1, 0.9))) for _ in range(2))]

    def tick(rng: np.random.Generator) -> list[Sounding]:
        waves = [gain * later(wheel.strike(rng, rate), int(delay * rate)) for delay, gain in parts]
        return [Sounding(add(*waves), level_db=repeat_level(rng, wheel.change))]

    return tick
