"""Short sounds that are neither cavitation nor snapping: things struck, rubbed, clicked and dripped, mouths, faults.

A kind draws a *maker* once, the object and the hand, and the maker then renders the sound as often as it is repeated:
taps, clocks, footsteps and buttons come alike, so that repetition alone proves nothing; rummaging and crackling come
unlike, so that a burst of unlike sounds proves nothing either. Some are as sharp, bright and loud as a close crack.

Impacts are Hertzian force pulses exciting the modes of an object; rubs are noise under an envelope, with or without
grains; mouth sounds come from `speech`; faults of the recorder happen after the microphone and are marked `digital`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis import speech
from popclass.synthesis.waves import (
    FloatArray,
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

Maker = Callable[[np.random.Generator], list[Sounding]]


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


def _struck(
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


def _level(rng: np.random.Generator, change: float) -> float:
    return float(rng.normal(0.0, 12.0 * change))


def _impact(
    frequency: tuple[float, float], decay_s: tuple[float, float], contact_s: tuple[float, float], **more: float
) -> Callable[[np.random.Generator, int, Regime], Maker]:
    """A kind that is one impact each time."""

    def kind(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
        thing = _struck(rng, regime, frequency, decay_s, contact_s, **more)  # type: ignore[arg-type]
        return lambda rng: [Sounding(thing.strike(rng, rate), level_db=_level(rng, thing.change))]

    return kind


def _button(
    frequency: tuple[float, float], decay_s: tuple[float, float], contact_s: tuple[float, float]
) -> Callable[[np.random.Generator, int, Regime], Maker]:
    """A kind that clicks when pressed and again, a little brighter or duller, when released."""

    def kind(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
        thing = _struck(rng, regime, frequency, decay_s, contact_s)
        gap, brighter, back = (
            p.PRESS_RELEASE.draw(rng),
            float(np.exp(rng.normal(0.1, 0.25))),
            float(rng.uniform(-12, 3)),
        )
        silent_release = rng.random() < 0.2

        def press(rng: np.random.Generator) -> list[Sounding]:
            level = _level(rng, thing.change)
            sounds = [Sounding(thing.strike(rng, rate), level_db=level)]
            if not silent_release:
                delay = gap * math.exp(0.15 * rng.standard_normal())
                sounds.append(Sounding(thing.strike(rng, rate, brighter), delay_s=delay, level_db=level + back))
            return sounds

        return press

    return kind


def _footstep(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    heel = _struck(rng, regime, (60, 600), (0.01, 0.08), (0.0008, 0.008), noise=0.5)
    sole_s, roll_s = float(rng.uniform(0.02, 0.15)), float(rng.uniform(0.03, 0.12))

    def step(rng: np.random.Generator) -> list[Sounding]:
        shape = envelope(rate, 0.3 * sole_s, 0.0, sole_s)
        sole = later(0.1 * shape * band_noise(rng, rate, len(shape), 150.0, 5000.0, -3.0), int(roll_s * rate))
        return [Sounding(add(heel.strike(rng, rate), sole), level_db=_level(rng, heel.change))]

    return step


def _finger_snap(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A friction rub, then the finger hits the palm: a sharp, loud pulse over a small air cavity."""
    hand = _struck(rng, regime, (900, 3500), (0.002, 0.012), (0.0001, 0.0006))
    rub_s, rub = float(rng.uniform(0.01, 0.06)), float(np.exp(rng.uniform(-5.0, -2.5)))

    def snap(rng: np.random.Generator) -> list[Sounding]:
        length = max(8, int(rub_s * rate * math.exp(hand.change * rng.standard_normal())))
        before = rub * band_noise(rng, rate, length, 800.0, 9000.0) * np.linspace(0.2, 1.0, length)
        wave = np.concatenate([before, hand.strike(rng, rate)])
        return [Sounding(wave, release=length, level_db=_level(rng, hand.change))]

    return snap


def _rub(
    length_s: tuple[float, float], low: tuple[float, float], high: tuple[float, float], grains: float
) -> Callable[[np.random.Generator, int, Regime], Maker]:
    """A burst of noise, rough to a degree."""

    def kind(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
        bottom, top = float(np.exp(rng.uniform(*np.log(low)))), float(np.exp(rng.uniform(*np.log(high))))
        part = regime.duration
        length = float(length_s[0] * (length_s[1] / length_s[0]) ** rng.uniform(*part))
        attack, tilt, rough = float(np.exp(rng.uniform(-8.0, -3.5))), float(rng.uniform(-6, 3)), grains * rng.random()
        change = p.OTHER_LIKENESS.draw(rng)

        def burst(rng: np.random.Generator) -> list[Sounding]:
            now = length * math.exp(2.0 * change * rng.standard_normal())
            shape = envelope(rate, attack, 0.3 * now, 0.7 * now)
            wave = shape * band_noise(rng, rate, len(shape), bottom, top, tilt)
            if rough > 0.0:
                wave *= (1.0 - rough) + rough * _grains(rng, rate, len(wave), float(rng.uniform(15, 400)))
            return [Sounding(unit(wave), level_db=_level(rng, change))]

        return burst

    return kind


def _grains(rng: np.random.Generator, rate: int, length: int, per_second: float) -> FloatArray:
    """An envelope of short grains at random moments, the first at once."""
    shape = np.zeros(length)
    count = max(1, rng.poisson(per_second * length / rate))
    decay = np.exp(-np.arange(max(4, int(0.004 * rate))) / (0.0012 * rate))
    for start in (0, *rng.integers(0, length, count)):
        stop = min(length, start + len(decay))
        shape[start:stop] = np.maximum(shape[start:stop], rng.uniform(0.3, 1.0) * decay[: stop - start])
    return shape


def _crackle(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """Fire, bubble wrap, gravel, loose contact: sharp clicks, each another object, alone or a handful."""
    several = rng.random() < 0.6
    limits = (float(rng.uniform(0.006, 0.02)), float(rng.uniform(0.04, 0.3)))

    def crackles(rng: np.random.Generator) -> list[Sounding]:
        sounds, delay = [], 0.0
        for _ in range(int(rng.integers(2, 8)) if several else 1):
            thing = _struck(rng, regime, (700, 8000), (0.0006, 0.008), (0.00006, 0.0006))
            sounds.append(Sounding(thing.strike(rng, rate), delay_s=delay, level_db=float(rng.normal(0.0, 5.0))))
            delay += float(np.exp(rng.uniform(*np.log(limits))))
        return sounds

    return crackles


def _zip(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A zip, a ratchet or a comb: a train of like teeth, one sound to the ear."""
    tooth = _struck(rng, regime, (1200, 6000), (0.001, 0.006), (0.0001, 0.0005), noise=0.0)
    count, speed = int(rng.integers(8, 40)), float(rng.uniform(60, 250))

    def run(rng: np.random.Generator) -> list[Sounding]:
        wave = np.zeros(int(rate * (count / speed + 0.05)))
        for index in range(count):
            one = tooth.strike(rng, rate) * rng.uniform(0.5, 1.0)
            start = max(0, int(rate * (index + 0.15 * rng.standard_normal()) / speed)) if index else 0
            wave[start : start + len(one)] += one[: max(0, len(wave) - start)]
        return [Sounding(wave, level_db=_level(rng, tooth.change))]

    return run


def _crepitus(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """Grating of rough surfaces: S 20-300 ms, 30-3,000 Hz; stick-slip train about 16 Hz (Widmalm 1996, Prinz 1998)."""
    slip = _struck(rng, regime, (40, 900), (0.003, 0.025), (0.0004, 0.003), noise=0.5)
    count, speed = int(rng.integers(2, 6)), float(rng.uniform(11, 24))

    def grate(rng: np.random.Generator) -> list[Sounding]:
        times = np.maximum((np.arange(count) + 0.12 * rng.standard_normal(count)) / speed, 0.0)
        return [Sounding(slip.strike(rng, rate), delay_s=float(t), level_db=float(rng.normal(0.0, 2.0))) for t in times]

    return grate


def _drip(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A drop: a tick of the impact and a bubble whose pitch rises."""
    pitch = float(500.0 * 8.0 ** rng.uniform(*regime.pitch))
    decay, rise, tick = float(rng.uniform(0.004, 0.03)), float(rng.uniform(0.0, 25.0)), float(rng.uniform(0.0, 1.0))
    change, wait = p.OTHER_LIKENESS.draw(rng), float(rng.uniform(0.0, 0.004))

    def drop(rng: np.random.Generator) -> list[Sounding]:
        f = pitch * math.exp(change * rng.standard_normal())
        time = np.arange(int(2.5 * decay * rate)) / rate
        bubble = np.exp(-2.303 * time / decay) * np.sin(2.0 * np.pi * f * (time + rise * time**2))
        sharp = unit(radiated(pulse(rate, 0.0003))) * tick
        return [
            Sounding(
                add(later(bubble, int(wait * rate)) if tick > 0.2 else bubble, sharp), level_db=_level(rng, change)
            )
        ]

    return drop


def _bump(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """The microphone is knocked: a slow swing of the diaphragm with a rumble and sometimes a sharp edge."""
    thing = _struck(rng, regime, (12, 120), (0.03, 0.25), (0.002, 0.02), modes=(1, 4), noise=0.6)
    edge = _struck(rng, regime, (300, 4000), (0.002, 0.02), (0.0002, 0.002))
    level = float(np.exp(rng.uniform(-3.5, 0.5)))

    def bump(rng: np.random.Generator) -> list[Sounding]:
        return [
            Sounding(add(thing.strike(rng, rate), level * edge.strike(rng, rate)), level_db=_level(rng, thing.change))
        ]

    return bump


def _clock(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A tick made of two or three impacts of the escapement within some milliseconds, heard as one."""
    wheel = _struck(rng, regime, (900, 7000), (0.001, 0.015), (0.00006, 0.0004))
    parts = [(0.0, 1.0), *((float(rng.uniform(0.001, 0.0045)), float(rng.uniform(0.1, 0.9))) for _ in range(2))]

    def tick(rng: np.random.Generator) -> list[Sounding]:
        waves = [gain * later(wheel.strike(rng, rate), int(delay * rate)) for delay, gain in parts]
        return [Sounding(add(*waves), level_db=_level(rng, wheel.change))]

    return tick


def _fault(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A fault of the recorder: one wrong sample, a few, a jump, a dropout, a stuck value."""
    del rate, regime
    kind = str(rng.choice(["sample", "samples", "jump", "dropout", "stuck"], p=[0.35, 0.2, 0.15, 0.15, 0.15]))
    count = int(rng.integers(2, 12))
    filtered, edge = rng.random() < 0.5, float(rng.uniform(0.4, 0.95))

    def fault(rng: np.random.Generator) -> list[Sounding]:
        sign = float(rng.choice([-1.0, 1.0]))
        if kind == "samples":
            return [Sounding(sign * rng.uniform(-1.0, 1.0, count) + np.eye(1, count)[0], digital="samples")]
        if kind in ("dropout", "stuck"):
            return [Sounding(np.ones(int(rng.integers(24, 900))), digital=kind)]
        if kind == "jump":
            fall = float(np.exp(rng.uniform(np.log(40.0), np.log(20000.0))))
            return [Sounding(sign * np.exp(-np.arange(int(5 * fall)) / fall), digital="samples")]
        if filtered:
            time = np.arange(-24, 25) - rng.uniform(-0.5, 0.5)
            return [Sounding(sign * np.sinc(edge * time) * np.hanning(49), release=24, digital="samples")]
        return [Sounding(np.array([sign]), digital="samples")]

    return fault


# Kinds of sound, how often they are drawn, and how they may come: alike at a cadence, once, or in an unlike burst.
KINDS: dict[str, Callable[[np.random.Generator, int, Regime], Maker]] = {
    "tap": _impact((150, 3500), (0.002, 0.03), (0.0002, 0.004)),
    "pad tap": _impact((60, 600), (0.004, 0.04), (0.001, 0.008)),
    "nail tap": _impact((900, 7000), (0.001, 0.012), (0.00006, 0.0004)),
    "mouse click": _button((1200, 6500), (0.0008, 0.008), (0.00006, 0.0004)),
    "key": _button((500, 4500), (0.002, 0.02), (0.0001, 0.0012)),
    "pen click": _button((1500, 8000), (0.001, 0.02), (0.00006, 0.0003)),
    "switch": _button((600, 5000), (0.0008, 0.012), (0.00006, 0.0006)),
    "finger snap": _finger_snap,
    "tongue click": speech.tongue_click,
    "lip pop": speech.lip_pop,
    "teeth": _impact((1000, 6000), (0.0008, 0.006), (0.00006, 0.0006)),
    "footstep": _footstep,
    "wood knock": _impact((150, 1500), (0.006, 0.05), (0.0003, 0.002)),
    "table knock": _impact((60, 700), (0.01, 0.08), (0.0004, 0.003)),
    "stick crack": _impact((700, 6000), (0.0008, 0.008), (0.00006, 0.0005), noise=0.6),
    "clack of things": _impact((400, 6000), (0.002, 0.1), (0.0001, 0.001)),
    "cloth rub": _rub((0.03, 0.5), (80, 800), (2000, 12000), 0.6),
    "cable rub": _rub((0.02, 0.4), (30, 400), (600, 8000), 1.0),
    "puff": _rub((0.005, 0.08), (20, 150), (200, 3000), 0.0),
    "microphone bump": _bump,
    "voiced": speech.voiced,
    "unvoiced": speech.unvoiced,
    "plosive": speech.plosive,
    "cough": speech.cough,
    "fault": _fault,
    "drip": _drip,
    "crackle": _crackle,
    "clock": _clock,
    "zip": _zip,
    "crepitus": _crepitus,
}
# At the skin much of the above is not heard; these are, by touch.
TOUCHING = ("tap", "pad tap", "nail tap", "cloth rub", "cable rub", "microphone bump", "crepitus", "footstep", "fault")
# What hands, feet and clocks strike again and again.
STRUCK = (
    *("tap", "pad tap", "nail tap", "footstep", "wood knock", "table knock"),
    *("clock", "key", "mouse click", "pen click", "switch", "finger snap"),
)
