"""Sounds of a mouth: bursts of voice and breath, coughs, plosives, clicks of tongue and lips.

These are not speech, but the parts of speech that an onset detector responds to: a source (glottal pulses or breath
noise) through a few formants under an envelope. Each function draws a mouth, as a `Renderer` of one sound.
"""

from __future__ import annotations

import math

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis import waves
from popclass.synthesis.waves import LN10, FloatArray, Modes, Random, Range, Regime, Renderer, SynthSound, unit


def _formants(rng: Random) -> list[float]:
    """Return four resonances of a vocal tract, from the open to the closed vowels."""
    return [float(rng.uniform(*limits)) for limits in ((250, 900), (800, 2400), (2100, 3200), (3200, 4500))]


def _filter(rate: int, source: FloatArray, formants: list[float], width_hz: float) -> FloatArray:
    """Return a source filtered by formants."""
    decays = [LN10 / (math.pi * width_hz * (1.0 + 0.4 * i)) for i in range(4)]
    return waves.convolve(source, Modes(formants, decays, (1.0, 0.7, 0.4, 0.25)).ring(rate))


def voiced(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a vowel-like burst: glottal pulses with a gliding pitch through formants."""
    pitch, formants = p.VOICE_PITCH.draw(rng, regime.pitch), _formants(rng)
    length, attack = float(0.03 * 12.0 ** rng.uniform(*regime.duration)), float(rng.uniform(0.002, 0.03))
    width, breath = float(rng.uniform(50, 140)), float(rng.uniform(0.0, 0.1))

    def render(rng: Random) -> list[SynthSound]:
        shape = waves.envelope(rate, attack, 0.5 * length, 0.5 * length)
        size = len(shape)
        glide = pitch * np.exp(np.linspace(rng.uniform(-0.2, 0.2), rng.uniform(-0.3, 0.1), size))
        cycles = np.floor(np.cumsum(glide) / rate)
        source = np.diff(cycles, prepend=-1.0) + breath * rng.standard_normal(size)
        wave = _filter(rate, waves.convolve(source, waves.pulse(rate, 0.0006)), formants, width)[:size] * shape
        return [SynthSound(unit(wave), level_db=float(rng.normal(0.0, 2.0)))]

    return render


def unvoiced(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a fricative-like burst: breath noise in a broad high band."""
    low = float(600.0 * 10.0 ** rng.uniform(*regime.pitch))
    length, attack = float(0.03 * 8.0 ** rng.uniform(*regime.duration)), float(rng.uniform(0.001, 0.04))

    def render(rng: Random) -> list[SynthSound]:
        shape = waves.envelope(rate, attack, 0.4 * length, 0.6 * length)
        wave = shape * waves.band_noise(rng, rate, len(shape), low, 2.5 * low)
        return [SynthSound(unit(wave), level_db=float(rng.normal(0.0, 2.0)))]

    return render


def plosive(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a released closure: a burst of a few milliseconds, then breath, then perhaps a vowel."""
    front = float(500.0 * 9.0 ** rng.uniform(*regime.pitch))
    follow = voiced(rng, rate, regime) if rng.random() < 0.6 else None
    burst_s, breath = float(rng.uniform(0.0015, 0.012)), float(rng.uniform(0.05, 0.4))
    wait = float(rng.uniform(0.005, 0.05))

    def render(rng: Random) -> list[SynthSound]:
        shape = waves.envelope(rate, 0.0003, 0.0, burst_s)
        burst = unit(shape * waves.band_noise(rng, rate, len(shape), 0.6 * front, 3.0 * front, -3.0))
        airy = waves.envelope(rate, 0.002, 0.5 * wait, wait)
        wave = waves.add(burst, breath * unit(airy * waves.band_noise(rng, rate, len(airy), front, 3.0 * front)))
        if follow is None:
            return [SynthSound(wave)]
        vowel = follow(rng)[0].wave
        return [
            SynthSound(waves.add(wave, np.concatenate([np.zeros(int(wait * rate)), rng.uniform(0.3, 2.0) * vowel])))
        ]

    return render


def cough(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a cough: one to three bursts of noise through an open tract, some with a voiced tail."""
    formants, count = _formants(rng), int(rng.integers(1, 4))
    length, attack = float(0.05 * 5.0 ** rng.uniform(*regime.duration)), float(rng.uniform(0.001, 0.008))
    gap, tail = float(rng.uniform(0.2, 0.5)), rng.random() < 0.4
    pitch = p.VOICE_PITCH.draw(rng, regime.pitch)

    def one(rng: Random) -> FloatArray:
        shape = waves.envelope(rate, attack, 0.2 * length, 0.8 * length)
        noise = waves.band_noise(rng, rate, len(shape), 200.0, 9000.0, -3.0)
        wave = unit(_filter(rate, noise, formants, 250.0)[: len(shape)] * shape) + 0.15 * noise * shape
        if tail:
            time = np.arange(len(shape)) / rate
            wave += 0.3 * shape * np.sin(2.0 * np.pi * pitch * time) * np.minimum(time / (0.5 * length), 1.0)
        return wave

    def render(rng: Random) -> list[SynthSound]:
        return [SynthSound(one(rng), delay_s=i * gap, level_db=float(rng.normal(-2.0 * i, 1.5))) for i in range(count)]

    return render


def call(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a cry, a bark or a crow: a loud harmonic voice that glides and is rough to a degree."""
    pitch = float(180.0 * 8.0 ** rng.uniform(*regime.pitch))
    length, attack = float(0.05 * 20.0 ** rng.uniform(*regime.duration)), waves.exp_uniform(rng, -6.5, -3.0)
    slope, rough, formants = float(rng.uniform(0.3, 1.6)), float(rng.uniform(0.0, 0.6)), _formants(rng)
    arch, vibrato = float(rng.normal(0.0, 0.35)), float(rng.uniform(0.0, 0.04))

    def render(rng: Random) -> list[SynthSound]:
        shape = waves.envelope(rate, attack, 0.6 * length, 0.4 * length)
        time = np.arange(len(shape)) / rate
        bend = arch * np.sin(np.pi * np.minimum(time / length, 1.0)) + vibrato * np.sin(2.0 * np.pi * 6.0 * time)
        angle = 2.0 * np.pi * np.cumsum(pitch * np.exp(bend)) / rate
        top = int(min(0.45 * rate, 9000.0) / (pitch * math.exp(abs(arch) + vibrato)))
        source = sum((np.sin(k * angle) / k**slope for k in range(1, max(2, top))), np.zeros(len(shape)))
        source = source * (1.0 + rough * waves.band_noise(rng, rate, len(shape), 20.0, 150.0))
        wave = _filter(rate, source, formants, 150.0)[: len(shape)] * shape
        return [SynthSound(unit(wave), level_db=float(rng.normal(0.0, 2.0)))]

    return render


def tongue_click(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a tongue click: a sharp pulse into one or two cavity resonances, 1-10 ms long."""
    return _mouth_pop(rng, rate, regime, (700, 4500), (0.0012, 0.012), (0.0001, 0.0008))


def lip_pop(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a lip pop: a lower resonance that rises as the mouth opens."""
    return _mouth_pop(rng, rate, regime, (250, 1800), (0.002, 0.025), (0.0002, 0.0015))


def _mouth_pop(rng: Random, rate: int, regime: Regime, frequency: Range, decay_s: Range, width_s: Range) -> Renderer:
    main, decay = waves.log_part(rng, frequency, regime.pitch), waves.log_part(rng, decay_s, regime.duration)
    width = waves.log_uniform(rng, *width_s)
    ratios, gains = np.exp(rng.uniform(0.3, 1.6, 3)), np.exp(rng.uniform(-3.0, -0.3, 3))
    rise, direct, change = float(rng.uniform(0.0, 0.6)), waves.exp_uniform(rng, -3, 0), p.OTHER_CHANGE.draw(rng)

    def render(rng: Random) -> list[SynthSound]:
        f = main * math.exp(change * rng.standard_normal())
        time = np.arange(max(16, int(2.5 * decay * rate))) / rate
        glide = time + 0.5 * rise * np.minimum(time, decay) ** 2 / decay
        tube = np.exp(-LN10 * time / decay) * np.sin(2.0 * np.pi * f * glide)
        upper = Modes((f * ratios).tolist(), [0.5 * decay] * 3, gains.tolist()).ring(rate)
        force = waves.pulse(rate, width)
        wave = waves.add(unit(waves.convolve(waves.add(tube, upper), force)), unit(waves.radiated(force)) * direct)
        return [SynthSound(unit(wave), level_db=float(rng.normal(0.0, 12.0 * change)))]

    return render
