"""Short sounds that are neither cavitation nor snapping: impacts, rubs, clicks, drips, mouth sounds, faults.

A kind draws a source once, and the renderer then renders its sound as often as it is repeated. Taps, clocks, footsteps
and buttons are similar each time, so that repetition alone proves nothing. Rummaging and crackling are dissimilar, so
that a burst of dissimilar sounds proves nothing either. Some are as sharp, bright and loud as a close cavitation.

Impacts are in `impacts`, sounds of mouths in `speech`. Rubs are noise under an envelope, with or without grains. Faults
of the recorder happen after the microphone and are marked `digital`.
"""

from __future__ import annotations

import math

import numpy as np

from popclass.synthesis import impacts, speech, waves
from popclass.synthesis import parameters as p
from popclass.synthesis.impacts import repeat_level
from popclass.synthesis.waves import FloatArray, Kind, Random, Range, Regime, Renderer, SynthSound, log_uniform, unit


def _rub_kind(length_s: Range, low: Range, high: Range, grains: float) -> Kind:
    """Return a kind of noise bursts that are rough to a degree."""

    def kind(rng: Random, rate: int, regime: Regime) -> Renderer:
        bottom, top = log_uniform(rng, *low), log_uniform(rng, *high)
        length = waves.log_part(rng, length_s, regime.duration)
        attack, tilt = waves.exp_uniform(rng, -8.0, -3.5), float(rng.uniform(-6, 3))
        rough, change = grains * rng.random(), p.OTHER_CHANGE.draw(rng)

        def render(rng: Random) -> list[SynthSound]:
            now = length * math.exp(2.0 * change * rng.standard_normal())
            shape = waves.envelope(rate, attack, 0.3 * now, 0.7 * now)
            wave = shape * waves.band_noise(rng, rate, len(shape), bottom, top, tilt)
            if rough > 0.0:
                wave *= (1.0 - rough) + rough * _grains(rng, rate, len(wave), float(rng.uniform(15, 400)))
            return [SynthSound(unit(wave), level_db=repeat_level(rng, change))]

        return render

    return kind


def _grains(rng: Random, rate: int, length: int, per_second: float) -> FloatArray:
    """Return an envelope of short grains at random moments, the first at once."""
    shape = np.zeros(length)
    count = max(1, rng.poisson(per_second * length / rate))
    decay = np.exp(-np.arange(max(4, int(0.004 * rate))) / (0.0012 * rate))
    for start in (0, *rng.integers(0, length, count)):
        stop = min(length, start + len(decay))
        shape[start:stop] = np.maximum(shape[start:stop], rng.uniform(0.3, 1.0) * decay[: stop - start])
    return shape


def _drip(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a drop: a tick of the impact and a bubble whose pitch rises."""
    pitch = float(500.0 * 8.0 ** rng.uniform(*regime.pitch))
    decay, rise, tick = (float(rng.uniform(*limits)) for limits in ((0.004, 0.03), (0.0, 25.0), (0.0, 1.0)))
    change, wait = p.OTHER_CHANGE.draw(rng), float(rng.uniform(0.0, 0.004))

    def render(rng: Random) -> list[SynthSound]:
        f = pitch * math.exp(change * rng.standard_normal())
        time = np.arange(int(2.5 * decay * rate)) / rate
        bubble = np.exp(-2.303 * time / decay) * np.sin(2.0 * np.pi * f * (time + rise * time**2))
        if tick > 0.2:
            bubble = waves.later(bubble, int(wait * rate))
        wave = waves.add(bubble, unit(waves.radiated(waves.pulse(rate, 0.0003))) * tick)
        return [SynthSound(wave, level_db=repeat_level(rng, change))]

    return render


def _fault(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a fault of the recorder: one wrong sample, a few, a jump, a dropout, a stuck value."""
    del rate, regime
    kind = str(rng.choice(["sample", "samples", "jump", "dropout", "stuck"], p=[0.35, 0.2, 0.15, 0.15, 0.15]))
    count = int(rng.integers(2, 12))
    filtered, edge = rng.random() < 0.5, float(rng.uniform(0.4, 0.95))

    def render(rng: Random) -> list[SynthSound]:
        sign = float(rng.choice([-1.0, 1.0]))
        if kind in ("dropout", "stuck"):
            return [SynthSound(np.ones(int(rng.integers(24, 900))), digital=kind)]
        release = 0
        if kind == "samples":
            wave = sign * rng.uniform(-1.0, 1.0, count) + np.eye(1, count)[0]
        elif kind == "jump":
            fall = log_uniform(rng, 40.0, 20000.0)
            wave = sign * np.exp(-np.arange(int(5 * fall)) / fall)
        elif filtered:
            wave = sign * np.sinc(edge * (np.arange(-24, 25) - rng.uniform(-0.5, 0.5))) * np.hanning(49)
            release = 24
        else:
            wave = np.array([sign])
        return [SynthSound(wave, release=release, digital="samples")]

    return render


# The names are written into labels.
KINDS: dict[str, Kind] = {
    "tap": impacts.impact_kind((150, 3500), (0.002, 0.03), (0.0002, 0.004)),
    "pad tap": impacts.impact_kind((60, 600), (0.004, 0.04), (0.001, 0.008)),
    "nail tap": impacts.impact_kind((900, 7000), (0.001, 0.012), (0.00006, 0.0004)),
    "mouse click": impacts.button_kind((1200, 6500), (0.0008, 0.008), (0.00006, 0.0004)),
    "key": impacts.button_kind((500, 4500), (0.002, 0.02), (0.0001, 0.0012)),
    "pen click": impacts.button_kind((1500, 8000), (0.001, 0.02), (0.00006, 0.0003)),
    "switch": impacts.button_kind((600, 5000), (0.0008, 0.012), (0.00006, 0.0006)),
    "latch": impacts.latch,
    "finger snap": impacts.finger_snap,
    "tongue click": speech.tongue_click,
    "lip pop": speech.lip_pop,
    "teeth": impacts.impact_kind((1000, 6000), (0.0008, 0.006), (0.00006, 0.0006)),
    "footstep": impacts.footstep,
    "wood knock": impacts.impact_kind((150, 1500), (0.006, 0.05), (0.0003, 0.002)),
    "table knock": impacts.impact_kind((60, 700), (0.01, 0.08), (0.0004, 0.003)),
    "stick crack": impacts.impact_kind((700, 6000), (0.0008, 0.008), (0.00006, 0.0005), noise=0.6),
    "clack of things": impacts.impact_kind((400, 6000), (0.002, 0.1), (0.0001, 0.001)),
    "cloth rub": _rub_kind((0.03, 0.5), (80, 800), (2000, 12000), 0.6),
    "cable rub": _rub_kind((0.02, 0.4), (30, 400), (600, 8000), 1.0),
    "puff": _rub_kind((0.005, 0.08), (20, 150), (200, 3000), 0.0),
    "microphone bump": impacts.bump,
    "voiced": speech.voiced,
    "unvoiced": speech.unvoiced,
    "plosive": speech.plosive,
    "call": speech.call,
    "cough": speech.cough,
    "fault": _fault,
    "drip": _drip,
    "crackle": impacts.crackle,
    "clock": impacts.clock,
    "zip": impacts.zip_teeth,
    "crepitus": impacts.crepitus,
}
# Relative frequency, 1 for all others: ASSUMPTION.
FREQUENT = {"crackle": 3.0, "latch": 3.0, "call": 2.0, "voiced": 2.0}
# Kinds that a sensor at the skin, or the recorder itself, picks up by touch.
CONTACT_KINDS = (
    "tap",
    "pad tap",
    "nail tap",
    "cloth rub",
    "cable rub",
    "microphone bump",
    "crepitus",
    "footstep",
    "fault",
)
# Kinds that hands, feet and clocks repeat at a cadence.
CADENCE_KINDS = (
    *("tap", "pad tap", "nail tap", "footstep", "wood knock", "table knock"),
    *("clock", "key", "mouse click", "pen click", "switch", "latch", "finger snap"),
)
