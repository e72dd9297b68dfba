"""Sounds of the body that a sensor at the skin picks up when no joint moves: the beating heart."""

from __future__ import annotations

import math

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis import waves
from popclass.synthesis.impacts import Impact
from popclass.synthesis.waves import Random, Regime, Renderer, SynthSound


def heart(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a heart that beats for some seconds: two dull sounds a beat, sometimes one, a split one, or a murmur."""
    ranges = ((20, 160), (0.012, 0.09), (0.003, 0.03))
    first, second = (Impact(rng, rate, regime, ranges, more=(1, 5), noise=0.2) for _ in range(2))
    period, count = 60.0 / p.HEART_RATE.draw(rng), int(rng.integers(4, 40))
    systole = period * rng.uniform(0.28, 0.48)
    second_db, one, split_s = rng.uniform(-14.0, 8.0), rng.random() < 0.2, rng.uniform(0.015, 0.06)
    split, murmur, murmur_db = rng.random() < 0.25, rng.random() < 0.3, rng.uniform(-22.0, -4.0)
    low, uneven = waves.log_uniform(rng, 50, 300), waves.exp_uniform(rng, -5.0, -2.3)

    def render() -> list[SynthSound]:
        sounds, now = [], 0.0
        for _ in range(count):
            level = rng.normal(0.0, first.spread_db)
            sounds.append(SynthSound(first.render(), time_s=now, level_db=level))
            if not one:
                delays = (0.0, split_s) if split else (0.0,)
                closing = [(now + systole + delay, level + second_db - 100.0 * delay) for delay in delays]
                sounds += [SynthSound(second.render(), time_s=time, level_db=db) for time, db in closing]
            if murmur:
                shape = waves.envelope(rate, 0.4 * systole, 0.1 * systole, 0.4 * systole)
                noise = shape * waves.band_noise(rng, rate, len(shape), low, 3.0 * low)
                sounds.append(SynthSound(noise, time_s=now + 0.05 * period, level_db=level + murmur_db))
            now += period * math.exp(uneven * float(np.clip(rng.standard_normal(), -2.0, 2.0)))
        return sounds

    return render
