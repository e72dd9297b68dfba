"""Short sounds that are neither cavitation nor snapping: things struck, rubbed, clicked and dripped, mouths, faults.

A kind draws a *maker* once, the object and the hand, and the maker then renders the sound as often as it is repeated:
taps, clocks, footsteps and buttons come alike, so that repetition alone proves nothing; rummaging and crackling come
unlike, so that a burst of unlike sounds proves nothing either. Some are as sharp, bright and loud as a close crack.

Impacts are in `struck`, sounds of mouths in `speech`; rubs are noise under an envelope, with or without grains; faults
of the recorder happen after the microphone and are marked `digital`. The table of kinds is at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from popclass.synthesis import impacts as struck
from popclass.synthesis import parameters as p
from popclass.synthesis import speech
from popclass.synthesis.impacts import repeat_level
from popclass.synthesis.waves import (
    FloatArray,
    Maker,
    Regime,
    Sounding,
    add,
    band_noise,
    envelope,
    later,
    pulse,
    radiated,
    unit,
)


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
            return [Sounding(unit(wave), level_db=repeat_level(rng, change))]

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
                add(later(bubble, int(wait * rate)) if tick > 0.2 else bubble, sharp),
                level_db=repeat_level(rng, change),
            )
        ]

    return drop


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
    "tap": struck.impact((150, 3500), (0.002, 0.03), (0.0002, 0.004)),
    "pad tap": struck.impact((60, 600), (0.004, 0.04), (0.001, 0.008)),
    "nail tap": struck.impact((900, 7000), (0.001, 0.012), (0.00006, 0.0004)),
    "mouse click": struck.button((1200, 6500), (0.0008, 0.008), (0.00006, 0.0004)),
    "key": struck.button((500, 4500), (0.002, 0.02), (0.0001, 0.0012)),
    "pen click": struck.button((1500, 8000), (0.001, 0.02), (0.00006, 0.0003)),
    "switch": struck.button((600, 5000), (0.0008, 0.012), (0.00006, 0.0006)),
    "latch": struck.latch,
    "finger snap": struck.finger_snap,
    "tongue click": speech.tongue_click,
    "lip pop": speech.lip_pop,
    "teeth": struck.impact((1000, 6000), (0.0008, 0.006), (0.00006, 0.0006)),
    "footstep": struck.footstep,
    "wood knock": struck.impact((150, 1500), (0.006, 0.05), (0.0003, 0.002)),
    "table knock": struck.impact((60, 700), (0.01, 0.08), (0.0004, 0.003)),
    "stick crack": struck.impact((700, 6000), (0.0008, 0.008), (0.00006, 0.0005), noise=0.6),
    "clack of things": struck.impact((400, 6000), (0.002, 0.1), (0.0001, 0.001)),
    "cloth rub": _rub((0.03, 0.5), (80, 800), (2000, 12000), 0.6),
    "cable rub": _rub((0.02, 0.4), (30, 400), (600, 8000), 1.0),
    "puff": _rub((0.005, 0.08), (20, 150), (200, 3000), 0.0),
    "microphone bump": struck.bump,
    "voiced": speech.voiced,
    "unvoiced": speech.unvoiced,
    "plosive": speech.plosive,
    "call": speech.call,
    "cough": speech.cough,
    "fault": _fault,
    "drip": _drip,
    "crackle": struck.crackle,
    "clock": struck.clock,
    "zip": struck.zip_teeth,
    "crepitus": struck.crepitus,
}
# How much more often than the others these are met: ASSUMPTION.
FREQUENT = {"crackle": 3.0, "latch": 3.0, "call": 2.0, "voiced": 2.0}
# At the skin much of the above is not heard; these are, by touch.
TOUCHING = ("tap", "pad tap", "nail tap", "cloth rub", "cable rub", "microphone bump", "crepitus", "footstep", "fault")
# What hands, feet and clocks strike again and again.
STRUCK = (
    *("tap", "pad tap", "nail tap", "footstep", "wood knock", "table knock"),
    *("clock", "key", "mouse click", "pen click", "switch", "latch", "finger snap"),
)
