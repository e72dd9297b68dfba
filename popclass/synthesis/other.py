"""Short sounds that are neither cavitation nor snapping: impacts, rubs, clicks, drips, mouth sounds, faults.

A kind draws a source once, and the renderer then renders its sound as often as it is repeated. Taps, clocks, footsteps
and buttons are similar each time, so that repetition alone proves nothing. Rummaging and crackling are dissimilar, so
that a burst of dissimilar sounds proves nothing either. Some are as sharp, bright and loud as a close cavitation.

Impacts are in `impacts`. Rubs are noise under an envelope, with or without grains. Sounds of a mouth are a source
(glottal pulses or breath noise) through a few formants under an envelope. Faults of the recorder happen after the
microphone and are marked `digital`.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from popclass.synthesis import impacts, waves
from popclass.synthesis import parameters as p
from popclass.synthesis.waves import FloatArray, Kind, Random, Range, Regime, Renderer, SynthSound, repeated, unit


def _rub(length_s: Range, low: Range, high: Range, grains: float, rng: Random, rate: int, regime: Regime) -> Renderer:
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
            wave *= (1.0 - rough) + rough * _grains(rng, rate, len(wave), rng.uniform(15, 400))
        return unit(wave)

    return repeated(rng, 12.0 * change, burst)


def _grains(rng: Random, rate: int, length: int, per_second: float) -> FloatArray:
    """Return an envelope of short grains at random moments, the first at once."""
    shape = np.zeros(length)
    count = max(1, rng.poisson(per_second * length / rate))
    decay = np.exp(-np.arange(max(4, int(0.004 * rate))) / (0.0012 * rate))
    for start in (0, *rng.integers(0, length, count)):
        part = shape[start : start + len(decay)]
        np.maximum(part, rng.uniform(0.3, 1.0) * decay[: len(part)], out=part)
    return shape


def _drip(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a drop: a tick of the impact and a bubble whose pitch rises."""
    pitch = 500.0 * 8.0 ** rng.uniform(*regime.pitch)
    decay, rise, tick = (rng.uniform(*limits) for limits in ((0.004, 0.03), (0.0, 25.0), (0.0, 1.0)))
    change, wait = p.OTHER_CHANGE.draw(rng), rng.uniform(0.0, 0.004)

    def drop() -> FloatArray:
        f = pitch * math.exp(change * rng.standard_normal())
        time = np.arange(int(2.5 * decay * rate)) / rate
        bubble = np.exp(-2.303 * time / decay) * np.sin(2.0 * np.pi * f * (time + rise * time**2))
        if tick > 0.2:
            bubble = waves.later(bubble, int(wait * rate))
        return waves.add(bubble, unit(waves.radiated(waves.pulse(rate, 0.0003))) * tick)

    return repeated(rng, 12.0 * change, drop)


def _fault(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a fault of the recorder: one wrong sample, a few, a jump, a dropout, a stuck value."""
    del rate, regime
    kind = str(rng.choice(["sample", "samples", "jump", "dropout", "stuck"], p=[0.35, 0.2, 0.15, 0.15, 0.15]))
    count = int(rng.integers(2, 12))
    filtered, edge = rng.random() < 0.5, rng.uniform(0.4, 0.95)

    def render() -> list[SynthSound]:
        sign = rng.choice([-1.0, 1.0])
        if kind in ("dropout", "stuck"):
            return [SynthSound(np.ones(int(rng.integers(24, 900))), digital=kind)]
        release, wave = 0, np.array([sign])
        if kind == "samples":
            wave = sign * rng.uniform(-1.0, 1.0, count) + np.eye(1, count)[0]
        elif kind == "jump":
            fall = waves.log_uniform(rng, 40.0, 20000.0)
            wave = sign * np.exp(-np.arange(int(5 * fall)) / fall)
        elif filtered:
            release = 24
            wave = sign * np.sinc(edge * (np.arange(-24, 25) - rng.uniform(-0.5, 0.5))) * np.hanning(49)
        return [SynthSound(wave, release=release, digital="samples")]

    return render


# Sounds of a mouth: not speech, but the parts of it that an onset detector responds to.


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


def _mouth_pop(frequency: Range, decay_s: Range, width_s: Range, rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a click of the tongue or a pop of the lips: a pulse into a resonance that rises, and three above it."""
    main, decay = waves.log_part(rng, frequency, regime.pitch), waves.log_part(rng, decay_s, regime.duration)
    width = waves.log_uniform(rng, *width_s)
    ratios, gains = np.exp(rng.uniform(0.3, 1.6, 3)), np.exp(rng.uniform(-3.0, -0.3, 3))
    rise, direct, change = rng.uniform(0.0, 0.6), waves.exp_uniform(rng, -3, 0), p.OTHER_CHANGE.draw(rng)

    def wave() -> FloatArray:
        f = main * math.exp(change * rng.standard_normal())
        time = np.arange(max(16, int(2.5 * decay * rate))) / rate
        glide = time + 0.5 * rise * np.minimum(time, decay) ** 2 / decay
        tube = np.exp(-waves.LN10 * time / decay) * np.sin(2.0 * np.pi * f * glide)
        upper = waves.Modes((f * ratios).tolist(), [0.5 * decay] * 3, gains.tolist()).ring(rate)
        return unit(waves.excite(waves.add(tube, upper), waves.pulse(rate, width), direct))

    return repeated(rng, 12.0 * change, wave)


# The names are written into labels.
KINDS: dict[str, Kind] = {
    "tap": partial(impacts.single, ((150, 3500), (0.002, 0.03), (0.0002, 0.004))),
    "pad tap": partial(impacts.single, ((60, 600), (0.004, 0.04), (0.001, 0.008))),
    "nail tap": partial(impacts.single, ((900, 7000), (0.001, 0.012), (0.00006, 0.0004))),
    "mouse click": partial(impacts.button, ((1200, 6500), (0.0008, 0.008), (0.00006, 0.0004))),
    "key": partial(impacts.button, ((500, 4500), (0.002, 0.02), (0.0001, 0.0012))),
    "pen click": partial(impacts.button, ((1500, 8000), (0.001, 0.02), (0.00006, 0.0003))),
    "switch": partial(impacts.button, ((600, 5000), (0.0008, 0.012), (0.00006, 0.0006))),
    "latch": impacts.latch,
    "finger snap": impacts.finger_snap,
    "tongue click": partial(_mouth_pop, (700, 4500), (0.0012, 0.012), (0.0001, 0.0008)),
    "lip pop": partial(_mouth_pop, (250, 1800), (0.002, 0.025), (0.0002, 0.0015)),
    "teeth": partial(impacts.single, ((1000, 6000), (0.0008, 0.006), (0.00006, 0.0006))),
    "footstep": impacts.footstep,
    "wood knock": partial(impacts.single, ((150, 1500), (0.006, 0.05), (0.0003, 0.002))),
    "table knock": partial(impacts.single, ((60, 700), (0.01, 0.08), (0.0004, 0.003))),
    "stick crack": partial(impacts.single, ((700, 6000), (0.0008, 0.008), (0.00006, 0.0005)), noise=0.6),
    "clack of things": partial(impacts.single, ((400, 6000), (0.002, 0.1), (0.0001, 0.001))),
    "cloth rub": partial(_rub, (0.03, 0.5), (80, 800), (2000, 12000), 0.6),
    "cable rub": partial(_rub, (0.02, 0.4), (30, 400), (600, 8000), 1.0),
    "puff": partial(_rub, (0.005, 0.08), (20, 150), (200, 3000), 0.0),
    "microphone bump": impacts.bump,
    "voiced": voiced,
    "unvoiced": unvoiced,
    "plosive": plosive,
    "call": call,
    "cough": cough,
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
    *("tap", "pad tap", "nail tap", "cloth rub", "cable rub", "microphone bump", "crepitus", "footstep", "fault"),
)
# Kinds that hands, feet and clocks repeat at a cadence.
CADENCE_KINDS = (
    *("tap", "pad tap", "nail tap", "footstep", "wood knock", "table knock"),
    *("clock", "key", "mouse click", "pen click", "switch", "latch", "finger snap"),
)
