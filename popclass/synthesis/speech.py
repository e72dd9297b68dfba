"""Sounds of a mouth: bursts of voice and breath, coughs, plosives, clicks of tongue and lips.

Not speech, but what makes an onset detector answer to speech: a source (glottal pulses or breath noise) through a few
formants under an envelope. Each function draws a maker, a mouth that says its sound again with little change.
"""

from __future__ import annotations

import math

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis.waves import (
    LN10,
    FloatArray,
    Maker,
    Regime,
    Sounding,
    add,
    band_noise,
    convolve,
    envelope,
    pulse,
    radiated,
    ring,
    unit,
)


def _formants(rng: np.random.Generator) -> list[float]:
    """Four resonances of a vocal tract, from the open to the closed vowels."""
    return [float(rng.uniform(*limits)) for limits in ((250, 900), (800, 2400), (2100, 3200), (3200, 4500))]


def _through(rate: int, source: FloatArray, formants: list[float], width_hz: float) -> FloatArray:
    gains = [1.0, 0.7, 0.4, 0.25]
    decay = [LN10 / (math.pi * width_hz * (1.0 + 0.4 * i)) for i in range(len(formants))]
    return convolve(source, ring(rate, formants, decay, gains[: len(formants)]))


def voiced(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A vowel-like burst: glottal pulses with a gliding pitch through formants."""
    pitch, formants = p.VOICE_PITCH.draw(rng, regime.pitch), _formants(rng)
    length, attack = float(0.03 * 12.0 ** rng.uniform(*regime.duration)), float(rng.uniform(0.002, 0.03))
    width, breath = float(rng.uniform(50, 140)), float(rng.uniform(0.0, 0.1))

    def say(rng: np.random.Generator) -> list[Sounding]:
        shape = envelope(rate, attack, 0.5 * length, 0.5 * length)
        size = len(shape)
        glide = pitch * np.exp(np.linspace(rng.uniform(-0.2, 0.2), rng.uniform(-0.3, 0.1), size))
        cycles = np.floor(np.cumsum(glide) / rate)
        source = np.diff(cycles, prepend=-1.0) + breath * rng.standard_normal(size)
        wave = _through(rate, convolve(source, pulse(rate, 0.0006)), formants, width)[:size] * shape
        return [Sounding(unit(wave), level_db=float(rng.normal(0.0, 2.0)))]

    return say


def unvoiced(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A fricative-like burst: breath noise in a broad high band."""
    low = float(600.0 * 10.0 ** rng.uniform(*regime.pitch))
    length, attack = float(0.03 * 8.0 ** rng.uniform(*regime.duration)), float(rng.uniform(0.001, 0.04))

    def hiss(rng: np.random.Generator) -> list[Sounding]:
        shape = envelope(rate, attack, 0.4 * length, 0.6 * length)
        wave = shape * band_noise(rng, rate, len(shape), low, 2.5 * low)
        return [Sounding(unit(wave), level_db=float(rng.normal(0.0, 2.0)))]

    return hiss


def plosive(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A closure released: a burst of a few milliseconds, then breath, then perhaps a vowel."""
    front = float(500.0 * 9.0 ** rng.uniform(*regime.pitch))
    follow = voiced(rng, rate, regime) if rng.random() < 0.6 else None
    burst_s, breath = float(rng.uniform(0.0015, 0.012)), float(rng.uniform(0.05, 0.4))
    wait = float(rng.uniform(0.005, 0.05))

    def say(rng: np.random.Generator) -> list[Sounding]:
        shape = envelope(rate, 0.0003, 0.0, burst_s)
        burst = unit(shape * band_noise(rng, rate, len(shape), 0.6 * front, 3.0 * front, -3.0))
        airy = envelope(rate, 0.002, 0.5 * wait, wait)
        wave = add(burst, breath * unit(airy * band_noise(rng, rate, len(airy), front, 3.0 * front)))
        if follow is None:
            return [Sounding(wave)]
        vowel = follow(rng)[0].wave
        return [Sounding(add(wave, np.concatenate([np.zeros(int(wait * rate)), rng.uniform(0.3, 2.0) * vowel])))]

    return say


def cough(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """An explosive burst of noise through an open tract, one to three in a row, some with a voiced tail."""
    formants, count = _formants(rng), int(rng.integers(1, 4))
    length, attack = float(0.05 * 5.0 ** rng.uniform(*regime.duration)), float(rng.uniform(0.001, 0.008))
    gap, tail = float(rng.uniform(0.2, 0.5)), rng.random() < 0.4
    pitch = p.VOICE_PITCH.draw(rng, regime.pitch)

    def one(rng: np.random.Generator) -> FloatArray:
        shape = envelope(rate, attack, 0.2 * length, 0.8 * length)
        noise = band_noise(rng, rate, len(shape), 200.0, 9000.0, -3.0)
        wave = unit(_through(rate, noise, formants, 250.0)[: len(shape)] * shape) + 0.15 * noise * shape
        if tail:
            time = np.arange(len(shape)) / rate
            wave += 0.3 * shape * np.sin(2.0 * np.pi * pitch * time) * np.minimum(time / (0.5 * length), 1.0)
        return wave

    def say(rng: np.random.Generator) -> list[Sounding]:
        return [Sounding(one(rng), delay_s=i * gap, level_db=float(rng.normal(-2.0 * i, 1.5))) for i in range(count)]

    return say


def call(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """A cry, a bark or a crow: a loud harmonic voice that sets in at once or swells, glides and turns rough."""
    pitch = float(180.0 * 8.0 ** rng.uniform(*regime.pitch))
    length, attack = float(0.05 * 20.0 ** rng.uniform(*regime.duration)), float(np.exp(rng.uniform(-6.5, -3.0)))
    slope, rough, formants = float(rng.uniform(0.3, 1.6)), float(rng.uniform(0.0, 0.6)), _formants(rng)
    arch, vibrato = float(rng.normal(0.0, 0.35)), float(rng.uniform(0.0, 0.04))

    def cry(rng: np.random.Generator) -> list[Sounding]:
        shape = envelope(rate, attack, 0.6 * length, 0.4 * length)
        time = np.arange(len(shape)) / rate
        bend = arch * np.sin(np.pi * np.minimum(time / length, 1.0)) + vibrato * np.sin(2.0 * np.pi * 6.0 * time)
        angle = 2.0 * np.pi * np.cumsum(pitch * np.exp(bend)) / rate
        top = int(min(0.45 * rate, 9000.0) / (pitch * math.exp(abs(arch) + vibrato)))
        source = sum((np.sin(k * angle) / k**slope for k in range(1, max(2, top))), np.zeros(len(shape)))
        source = source * (1.0 + rough * band_noise(rng, rate, len(shape), 20.0, 150.0))
        wave = _through(rate, source, formants, 150.0)[: len(shape)] * shape
        return [Sounding(unit(wave), level_db=float(rng.normal(0.0, 2.0)))]

    return cry


def tongue_click(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """Suction released in the mouth: a sharp pulse into one or two cavity resonances, 1-10 ms long."""
    return _mouth_pop(rng, rate, regime, (700, 4500), (0.0012, 0.012), (0.0001, 0.0008))


def lip_pop(rng: np.random.Generator, rate: int, regime: Regime) -> Maker:
    """Lips opened with a pop: a lower resonance that rises as the mouth opens."""
    return _mouth_pop(rng, rate, regime, (250, 1800), (0.002, 0.025), (0.0002, 0.0015))


def _mouth_pop(
    rng: np.random.Generator,
    rate: int,
    regime: Regime,
    frequency: tuple[float, float],
    decay_s: tuple[float, float],
    width_s: tuple[float, float],
) -> Maker:
    main = frequency[0] * (frequency[1] / frequency[0]) ** float(rng.uniform(*regime.pitch))
    decay = decay_s[0] * (decay_s[1] / decay_s[0]) ** float(rng.uniform(*regime.duration))
    width = float(np.exp(rng.uniform(*np.log(width_s))))
    ratios, gains = np.exp(rng.uniform(0.3, 1.6, 3)), np.exp(rng.uniform(-3.0, -0.3, 3))
    rise, direct, change = float(rng.uniform(0.0, 0.6)), float(np.exp(rng.uniform(-3, 0))), p.OTHER_LIKENESS.draw(rng)

    def say(rng: np.random.Generator) -> list[Sounding]:
        f = main * math.exp(change * rng.standard_normal())
        time = np.arange(max(16, int(2.5 * decay * rate))) / rate
        glide = time + 0.5 * rise * np.minimum(time, decay) ** 2 / decay
        tube = np.exp(-LN10 * time / decay) * np.sin(2.0 * np.pi * f * glide)
        upper = ring(rate, [f * float(r) for r in ratios], [0.5 * decay] * 3, [float(g) for g in gains])
        force = pulse(rate, width)
        wave = add(unit(convolve(add(tube, upper), force)), unit(radiated(force)) * direct)
        return [Sounding(unit(wave), level_db=float(rng.normal(0.0, 12.0 * change)))]

    return say
