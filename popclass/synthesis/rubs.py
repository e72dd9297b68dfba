"""Rubs: cloth, cables, paper, breath, and what creaks.

A rub is noise between two frequencies under an envelope, with or without grains. A creak is a stick-slip train: the
pulses of a strap or a cable, at a rate that glides, excite a few modes.
"""

from __future__ import annotations

import math

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis import waves
from popclass.synthesis.waves import FloatArray, Modes, Random, Range, Regime, Renderer, SynthSound, repeated, unit


def rub(length_s: Range, low: Range, high: Range, grains: float, rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a rub: bursts of noise between two frequencies, rough to a degree up to `grains`."""
    bottom, top = waves.log_uniform(rng, *low), waves.log_uniform(rng, *high)
    length = waves.log_part(rng, length_s, regime.duration)
    attack, tilt = waves.exp_uniform(rng, -8.0, -3.5), rng.uniform(-6, 3)
    rough, change = grains * rng.random(), p.OTHER_CHANGE.draw(rng)

    def burst() -> FloatArray:
        now = length * math.exp(2.0 * change * rng.standard_normal())
        shape = waves.envelope(rate, attack, 0.3 * now, 0.7 * now)
        wave = shape * waves.band_noise(rng, rate, len(shape), bottom, top, tilt)
        if rough > 0.0:
            wave *= (1.0 - rough) + rough * grain_envelope(rng, rate, len(wave), rng.uniform(15, 400))
        return unit(wave)

    return repeated(rng, p.OTHER_LEVEL.draw(rng), burst)


def grain_envelope(rng: Random, rate: int, length: int, per_second: float) -> FloatArray:
    """Return an envelope of short grains at random moments, the first at once."""
    shape = np.zeros(length)
    count = max(1, rng.poisson(per_second * length / rate))
    decay = np.exp(-np.arange(max(4, int(0.004 * rate))) / (0.0012 * rate))
    for start in (0, *rng.integers(0, length, count)):
        part = shape[start : start + len(decay)]
        np.maximum(part, rng.uniform(0.3, 1.0) * decay[: len(part)], out=part)
    return shape


def swell(length_s: Range, low: Range, high: Range, rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return breathing or the rumble of a muscle: noise that swells and fades, in and out in turn."""
    bottom, top = waves.log_uniform(rng, *low), waves.log_uniform(rng, *high)
    length, rise = waves.log_part(rng, length_s, regime.duration), rng.uniform(0.1, 0.6)
    pause, out_db, turn = rng.uniform(0.1, 0.6), rng.uniform(-8.0, 8.0), rng.random() < 0.5
    flutter, change = rng.uniform(0.0, 0.8), p.OTHER_CHANGE.draw(rng)

    def one(higher: float) -> FloatArray:
        now = length * math.exp(2.0 * change * rng.standard_normal())
        shape = waves.envelope(rate, rise * now, 0.2 * now, (1.0 - rise) * now)
        rough = 1.0 + flutter * waves.band_noise(rng, rate, len(shape), 2.0, 20.0)
        return shape * rough * waves.band_noise(rng, rate, len(shape), bottom * higher, top * higher, -3.0)

    def render() -> list[SynthSound]:
        sounds = [SynthSound(one(1.0))]
        if turn:
            sounds.append(SynthSound(one(0.8), time_s=length * (1.0 + pause), level_db=out_db))
        return sounds

    return render


def creak(per_second: Range, modes_hz: Range, rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a creak: stick-slip pulses at a gliding rate through a few damped modes, as one sound."""
    speed, count = waves.log_uniform(rng, *per_second), int(rng.integers(1, 5))
    hz = np.exp(rng.uniform(math.log(modes_hz[0]), math.log(modes_hz[1]), count))
    decays = [waves.log_part(rng, (0.0015, 0.03), regime.duration) for _ in hz]
    body = Modes(hz.tolist(), decays, np.exp(rng.normal(0.0, 0.7, count)).tolist())
    length, glide, jitter = (
        waves.log_uniform(rng, 0.03, 0.6),
        rng.uniform(-1.0, 1.0),
        waves.exp_uniform(rng, -4.0, -1.0),
    )
    width = waves.log_uniform(rng, 0.0001, 0.002)

    def train() -> FloatArray:
        number = max(2, int(length * speed))
        steps = np.exp(-glide * np.linspace(-0.5, 0.5, number)) * np.exp(jitter * rng.standard_normal(number)) / speed
        pulses = np.zeros(int(rate * steps.sum()) + 1)
        strength = np.sin(np.pi * (np.arange(number) + 0.5) / number) ** rng.uniform(0.0, 1.0)
        strength *= np.exp(0.4 * rng.standard_normal(number))
        np.add.at(pulses, (rate * (np.cumsum(steps) - steps[0])).astype(int), strength)
        return unit(waves.convolve(waves.convolve(pulses, body.ring(rate)), waves.pulse(rate, width)))

    return repeated(rng, p.OTHER_LEVEL.draw(rng), train)
