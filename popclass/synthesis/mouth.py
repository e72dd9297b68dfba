"""Sounds of mouths and voices: clicks of the tongue, pops and smacks of the lips, chewing, and the parts of speech.

Voices are a source (glottal pulses or breath noise) through a few formants under an envelope. Clicks and pops are
pulses into the resonances of a mouth. Eating is a series of bites, each with many small clicks, dissimilar each time.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from popclass.synthesis import impacts, rubs, waves
from popclass.synthesis import parameters as p
from popclass.synthesis.waves import FloatArray, Random, Range, Regime, Renderer, SynthSound, repeated, unit

WET: impacts.Ranges = ((400, 7000), (0.0008, 0.012), (0.0001, 0.0012))  # clicks of lips: ASSUMPTION


def _formants(rng: Random) -> list[float]:
    """Return four resonances of a vocal tract, from the open to the closed vowels."""
    return [rng.uniform(*limits) for limits in ((250, 900), (800, 2400), (2100, 3200), (3200, 4500))]


def _filter(rate: int, source: FloatArray, formants: list[float], width_hz: float) -> FloatArray:
    """Return a source filtered by formants, at its length."""
    decays = [waves.LN10 / (math.pi * width_hz * (1.0 + 0.4 * i)) for i in range(4)]
    return waves.convolve(source, waves.Modes(formants, decays, (1.0, 0.7, 0.4, 0.25)).ring(rate))[: len(source)]


def voiced(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a vowel-like burst: glottal pulses with a gliding pitch through formants."""
    pitch, formants = p.VOICE_PITCH.draw(rng, regime.pitch), _formants(rng)
    length, attack = 0.03 * 12.0 ** rng.uniform(*regime.duration), rng.uniform(0.002, 0.03)
    width, breath = rng.uniform(50, 140), rng.uniform(0.0, 0.1)

    def wave() -> FloatArray:
        shape = waves.envelope(rate, attack, 0.5 * length, 0.5 * length)
        glide = pitch * np.exp(np.linspace(rng.uniform(-0.2, 0.2), rng.uniform(-0.3, 0.1), len(shape)))
        cycles = np.floor(np.cumsum(glide) / rate)
        source = np.diff(cycles, prepend=-1.0) + breath * rng.standard_normal(len(shape))
        voice = _filter(rate, waves.convolve(source, waves.pulse(rate, 0.0006)), formants, width)
        return unit(voice[: len(shape)] * shape)

    return repeated(rng, 2.0, wave)


def unvoiced(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a fricative-like burst: breath noise in a broad high band."""
    low = 600.0 * 10.0 ** rng.uniform(*regime.pitch)
    length, attack = 0.03 * 8.0 ** rng.uniform(*regime.duration), rng.uniform(0.001, 0.04)

    def wave() -> FloatArray:
        shape = waves.envelope(rate, attack, 0.4 * length, 0.6 * length)
        return unit(shape * waves.band_noise(rng, rate, len(shape), low, 2.5 * low))

    return repeated(rng, 2.0, wave)


def plosive(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a released closure: a burst of a few milliseconds, then breath, then perhaps a vowel."""
    front = 500.0 * 9.0 ** rng.uniform(*regime.pitch)
    follow = voiced(rng, rate, regime) if rng.random() < 0.6 else None
    burst_s, breath, wait = rng.uniform(0.0015, 0.012), rng.uniform(0.05, 0.4), rng.uniform(0.005, 0.05)

    def render() -> list[SynthSound]:
        shape = waves.envelope(rate, 0.0003, 0.0, burst_s)
        burst = unit(shape * waves.band_noise(rng, rate, len(shape), 0.6 * front, 3.0 * front, -3.0))
        airy = waves.envelope(rate, 0.002, 0.5 * wait, wait)
        wave = waves.add(burst, breath * unit(airy * waves.band_noise(rng, rate, len(airy), front, 3.0 * front)))
        if follow is not None:
            vowel = follow()[0].wave
            wave = waves.add(wave, waves.later(rng.uniform(0.3, 2.0) * vowel, int(wait * rate)))
        return [SynthSound(wave)]

    return render


def cough(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a cough: one to three bursts of noise through an open tract, some with a voiced tail."""
    formants, count = _formants(rng), int(rng.integers(1, 4))
    length, attack = 0.05 * 5.0 ** rng.uniform(*regime.duration), rng.uniform(0.001, 0.008)
    gap, tail = rng.uniform(0.2, 0.5), rng.random() < 0.4
    pitch = p.VOICE_PITCH.draw(rng, regime.pitch)

    def one() -> FloatArray:
        shape = waves.envelope(rate, attack, 0.2 * length, 0.8 * length)
        noise = waves.band_noise(rng, rate, len(shape), 200.0, 9000.0, -3.0)
        wave = unit(_filter(rate, noise, formants, 250.0) * shape) + 0.15 * noise * shape
        if tail:
            time = np.arange(len(shape)) / rate
            wave += 0.3 * shape * np.sin(2.0 * np.pi * pitch * time) * np.minimum(time / (0.5 * length), 1.0)
        return wave

    return lambda: [SynthSound(one(), time_s=i * gap, level_db=rng.normal(-2.0 * i, 1.5)) for i in range(count)]


def call(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a cry, a bark or a crow: a loud harmonic voice that glides and is rough to a degree."""
    pitch = 180.0 * 8.0 ** rng.uniform(*regime.pitch)
    length, attack = 0.05 * 20.0 ** rng.uniform(*regime.duration), waves.exp_uniform(rng, -6.5, -3.0)
    slope, rough, formants = rng.uniform(0.3, 1.6), rng.uniform(0.0, 0.6), _formants(rng)
    arch, vibrato = rng.normal(0.0, 0.35), rng.uniform(0.0, 0.04)

    def wave() -> FloatArray:
        shape = waves.envelope(rate, attack, 0.6 * length, 0.4 * length)
        time = np.arange(len(shape)) / rate
        bend = arch * np.sin(np.pi * np.minimum(time / length, 1.0)) + vibrato * np.sin(2.0 * np.pi * 6.0 * time)
        angle = 2.0 * np.pi * np.cumsum(pitch * np.exp(bend)) / rate
        top = int(min(0.45 * rate, 9000.0) / (pitch * math.exp(abs(arch) + vibrato)))
        source = sum((np.sin(k * angle) / k**slope for k in range(1, max(2, top))), np.zeros(len(shape)))
        source = source * (1.0 + rough * waves.band_noise(rng, rate, len(shape), 20.0, 150.0))
        return unit(_filter(rate, source, formants, 150.0) * shape)

    return repeated(rng, 2.0, wave)


def click(frequency: Range, decay_s: Range, width_s: Range, rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a click of the tongue or a pop of the lips: a pulse into a resonance that rises, and three above it.

    In half of the sources another pulse, of lips or tongue that part in two steps, comes before or after it.
    """
    main, decay = waves.log_part(rng, frequency, regime.pitch), waves.log_part(rng, decay_s, regime.duration)
    width = waves.log_uniform(rng, *width_s)
    ratios, gains = np.exp(rng.uniform(0.3, 1.6, 3)), np.exp(rng.uniform(-3.0, -0.3, 3))
    rise, direct, change = rng.uniform(0.0, 0.6), waves.exp_uniform(rng, -3, 0), p.OTHER_CHANGE.draw(rng)
    breath, breath_s = waves.exp_uniform(rng, -5.0, -1.0), waves.log_uniform(rng, 0.004, 0.05)
    twice, step_s, first_db = rng.random() < 0.5, p.MOUTH_STEP.draw(rng), rng.uniform(-18.0, 8.0)
    spread_db = p.OTHER_LEVEL.draw(rng)

    def wave(higher: float = 1.0) -> FloatArray:
        f = main * higher * math.exp(change * rng.standard_normal())
        time = np.arange(max(16, int(2.5 * decay * rate))) / rate
        glide = time + 0.5 * rise * np.minimum(time, decay) ** 2 / decay
        tube = np.exp(-waves.LN10 * time / decay) * np.sin(2.0 * np.pi * f * glide)
        upper = waves.Modes((f * ratios).tolist(), [0.5 * decay] * 3, gains.tolist()).ring(rate)
        shape = waves.envelope(rate, 0.0005, 0.0, breath_s)
        airy = breath * shape * waves.band_noise(rng, rate, len(shape), 0.5 * f, 6.0 * f)
        return unit(waves.add(waves.excite(waves.add(tube, upper), waves.pulse(rate, width), direct), airy))

    def render() -> list[SynthSound]:
        level = rng.normal(0.0, spread_db)
        if not twice:
            return [SynthSound(wave(), level_db=level)]
        later = step_s * math.exp(0.2 * rng.standard_normal())
        first = SynthSound(wave(math.exp(0.4 * rng.standard_normal())), level_db=level + first_db)
        return [first, SynthSound(wave(), time_s=later, level_db=level)]

    return render


def smack(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a smack of the lips or a kiss: a breath sucked in, then wet clicks, dissimilar each time."""
    wet = impacts.clatter(WET, 5, (0.005, 0.015), (0.02, 0.08), rng, rate, regime)
    suck = rubs.rub((0.02, 0.2), (300, 1500), (2500, 9000), 0.8, rng, rate, regime)
    share_db, lead = rng.uniform(-24.0, -4.0), rng.uniform(0.3, 1.2)

    def render() -> list[SynthSound]:
        breath = suck()[0]
        later = lead * len(breath.wave) / rate
        return [replace(breath, level_db=share_db), *(replace(x, time_s=x.time_s + later) for x in wet())]

    return render


def chewing(clicks: Range, ranges: impacts.Ranges, rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a person who eats for some seconds: each bite is a squish with clicks in it.

    Parameters
    ----------
    clicks : tuple of float
        Clicks of one bite: few of soft food, many of crunchy food.
    ranges : tuple of tuple of float
        Of the clicks, as `popclass.synthesis.impacts.Ranges`.
    rng : numpy.random.Generator
    rate : int
    regime : Regime
    """
    squish = rubs.rub((0.05, 0.4), (60, 400), (600, 6000), 1.0, rng, rate, regime)
    bites, period = int(rng.integers(3, 16)), 1.0 / p.CHEWING.draw(rng)
    mean, length, squish_db = rng.uniform(*clicks), rng.uniform(0.06, 0.35), rng.uniform(-25.0, 0.0)
    spread_db, softer_db = rng.uniform(2.0, 9.0), rng.uniform(0.0, 1.0)

    def render() -> list[SynthSound]:
        sounds = []
        for number in range(bites):
            begin, level = number * period * math.exp(0.1 * rng.standard_normal()), -softer_db * number
            sounds.append(replace(squish()[0], time_s=begin, level_db=level + squish_db))
            for delay in rng.uniform(0.0, length, rng.poisson(mean)).tolist():
                wave = impacts.Impact(rng, rate, regime, ranges).render()
                sounds.append(SynthSound(wave, time_s=begin + delay, level_db=level + rng.normal(0.0, spread_db)))
        return sounds

    return render


def swallow(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a swallow: one to three dull clicks of the throat over a short rush."""
    throat = impacts.Impact(rng, rate, regime, ((80, 1800), (0.003, 0.03), (0.0006, 0.005)), noise=0.6)
    rush = rubs.rub((0.05, 0.4), (60, 300), (500, 3000), 0.6, rng, rate, regime)
    rush_db, count = rng.uniform(-20.0, 0.0), int(rng.integers(1, 4))

    def render() -> list[SynthSound]:
        times = np.cumsum([0.0, *(waves.log_uniform(rng, 0.03, 0.3) for _ in range(count - 1))]).tolist()
        clicks = [SynthSound(throat.render(spot=0.5), time_s=time, level_db=rng.normal(0.0, 3.0)) for time in times]
        return [*clicks, replace(rush()[0], time_s=0.01, level_db=rush_db)]

    return render
