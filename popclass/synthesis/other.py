"""Short sounds that are neither cavitation nor snapping: the kinds, their families, and the sounds of devices.

A kind draws a source once, and the renderer then renders its sound as often as it is repeated. Taps, clocks, footsteps
and buttons are similar each time, so that repetition alone proves nothing. Rummaging, eating and crackling are
dissimilar, so that a burst of dissimilar sounds proves nothing either. Some are as sharp, bright and loud as a close
cavitation.

Impacts are in `impacts`, rubs and creaks in `rubs`, sounds of a mouth in `mouth`, sounds of the body at the skin in
`body`. Faults of the recorder happen after the microphone and are marked `digital`.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from popclass.synthesis import body, impacts, mouth, rubs, waves
from popclass.synthesis import parameters as p
from popclass.synthesis.waves import FloatArray, Kind, Random, Regime, Renderer, SynthSound, repeated, unit


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

    return repeated(rng, p.OTHER_LEVEL.draw(rng), drop)


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


def _beep(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return a beep of one or two notes with a sharp or soft attack, from a sine to a square wave."""
    pitch = 250.0 * 24.0 ** rng.uniform(*regime.pitch)
    attack, hold = waves.exp_uniform(rng, -9.0, -4.0), 0.002 * 100.0 ** rng.uniform(*regime.duration)
    decay, square = waves.log_uniform(rng, 0.001, 0.25), rng.uniform(0.0, 1.0) ** 2
    second, wait = float(np.exp(rng.uniform(-0.7, 0.7))), rng.uniform(0.04, 0.2)
    two, spread_db = rng.random() < 0.35, 0.3 * p.OTHER_LEVEL.draw(rng)

    def note(hz: float) -> FloatArray:
        shape = waves.envelope(rate, attack, hold, decay)
        angle = 2.0 * np.pi * hz * np.arange(len(shape)) / rate
        harmonics = [k for k in (1, 3, 5, 7) if k * hz < 0.45 * rate]
        return unit(shape * sum((square ** (k // 2) / k * np.sin(k * angle) for k in harmonics), np.zeros(len(shape))))

    def render() -> list[SynthSound]:
        sounds = [SynthSound(note(pitch), level_db=rng.normal(0.0, spread_db))]
        return [*sounds, SynthSound(note(pitch * second), time_s=wait)] if two else sounds

    return render


def _interface_click(rng: Random, rate: int, regime: Regime) -> Renderer:
    """Return the click of a user interface: a tone that falls or rises within milliseconds, a thump, noise."""
    pitch = 250.0 * 50.0 ** rng.uniform(*regime.pitch)
    decay, glide = 0.0006 * 40.0 ** rng.uniform(*regime.duration), rng.uniform(-2.0, 1.0)
    hiss, thump = waves.exp_uniform(rng, -4.0, 1.5), waves.exp_uniform(rng, -5.0, 0.0)
    low, thump_hz, attack = waves.log_uniform(rng, 500, 9000), rng.uniform(50, 250), waves.exp_uniform(rng, -10, -6.5)
    again, wait, again_db = rng.random() < 0.4, waves.log_uniform(rng, 0.006, 0.15), rng.uniform(-15.0, 3.0)
    change, spread_db = p.OTHER_CHANGE.draw(rng), 0.3 * p.OTHER_LEVEL.draw(rng)

    def wave(higher: float) -> FloatArray:
        shape = waves.envelope(rate, attack, 0.0, 2.0 * decay)
        time = np.arange(len(shape)) / rate
        angle = 2.0 * np.pi * pitch * higher * np.cumsum(np.exp(glide * np.minimum(time / decay, 1.5))) / rate
        noise = waves.band_noise(rng, rate, len(shape), low, 4.0 * low)
        deep = waves.Modes([thump_hz], [3.0 * decay], [thump]).ring(rate)
        return unit(waves.add(shape * (np.sin(angle) + hiss * noise), deep))

    def render() -> list[SynthSound]:
        sounds = [SynthSound(wave(math.exp(change * rng.standard_normal())), level_db=rng.normal(0.0, spread_db))]
        return [*sounds, SynthSound(wave(1.3), time_s=wait, level_db=again_db)] if again else sounds

    return render


# Probability that a thing which is struck strikes again: ASSUMPTION.
HAND, LOOSE = 0.15, 0.45
_hand, _loose = partial(impacts.single, bounce=HAND), partial(impacts.single, bounce=LOOSE)

# Kinds by family; the names are written into labels. Frequency of the lowest mode (Hz), longest decay to -20 dB (s) and
# contact time (s) of what is struck: ASSUMPTION.
_BY_FAMILY: dict[str, dict[str, Kind]] = {
    "struck": {
        "tap": partial(_hand, ((150, 3500), (0.002, 0.03), (0.0002, 0.004))),
        "pad tap": partial(_hand, ((60, 600), (0.004, 0.04), (0.001, 0.008))),
        "nail tap": partial(_hand, ((900, 7000), (0.001, 0.012), (0.00006, 0.0004))),
        "wood knock": partial(_hand, ((150, 1500), (0.006, 0.05), (0.0003, 0.002))),
        "table knock": partial(_hand, ((60, 700), (0.01, 0.08), (0.0004, 0.003))),
        "stone knock": partial(_hand, ((400, 8000), (0.0008, 0.015), (0.00008, 0.001)), noise=0.5),
        "ceramic": partial(_loose, ((600, 6000), (0.015, 0.4), (0.00006, 0.0008))),
        "dead ceramic": partial(_loose, ((800, 7000), (0.0015, 0.02), (0.00008, 0.0008)), noise=0.5),
        "glass": partial(_loose, ((1200, 9000), (0.02, 0.35), (0.00006, 0.0005))),
        "metal": partial(_loose, ((250, 5000), (0.01, 0.35), (0.00008, 0.001))),
        "cutlery": partial(_loose, ((1500, 10000), (0.005, 0.3), (0.00006, 0.0003))),
        "keys": partial(
            impacts.clatter, ((2500, 14000), (0.002, 0.1), (0.00006, 0.0002)), 14, (0.005, 0.01), (0.03, 0.15)
        ),
        "stick crack": partial(_hand, ((700, 6000), (0.0008, 0.008), (0.00006, 0.0005)), noise=0.6),
        "clack of things": partial(_loose, ((400, 6000), (0.002, 0.1), (0.0001, 0.001))),
        "drop": impacts.drop,
        "handling": partial(
            impacts.clatter, ((150, 9000), (0.0008, 0.06), (0.00005, 0.002)), 9, (0.006, 0.02), (0.05, 0.4)
        ),
        "footstep": impacts.footstep,
        "finger snap": impacts.finger_snap,
        "clap": impacts.clap,
        "drip": _drip,
        "crackle": partial(
            impacts.clatter, ((700, 8000), (0.0006, 0.008), (0.00006, 0.0006)), 7, (0.006, 0.02), (0.04, 0.3)
        ),
        "clock": impacts.clock,
        "pen click": partial(impacts.button, ((1200, 11000), (0.0006, 0.015), (0.00003, 0.0003))),
        "latch": impacts.latch,
        "lighter": impacts.lighter,
    },
    "rubbed": {
        "cloth rub": partial(rubs.rub, (0.03, 0.5), (80, 800), (2000, 12000), 0.6),
        "cable rub": partial(rubs.rub, (0.02, 0.4), (30, 400), (600, 8000), 1.0),
        "puff": partial(rubs.rub, (0.005, 0.08), (20, 150), (200, 3000), 0.0),
        "paper": partial(
            impacts.clatter, ((400, 9000), (0.0004, 0.006), (0.00006, 0.0008)), 16, (0.004, 0.01), (0.02, 0.12)
        ),
        "spatter": partial(rubs.rub, (0.001, 0.04), (200, 4000), (2500, 18000), 0.5),
        "tear": partial(rubs.rub, (0.02, 0.6), (300, 2500), (4000, 15000), 1.0),
        "scrape": partial(rubs.creak, (150, 1500), (800, 9000)),
        "strap creak": partial(rubs.creak, (12, 400), (100, 2500)),
        "cable creak": partial(rubs.creak, (5, 120), (60, 5000)),
        "zip": impacts.zip_teeth,
        "microphone bump": impacts.bump,
    },
    "electronic": {
        "mouse click": partial(impacts.button, ((1000, 9000), (0.0006, 0.01), (0.00004, 0.0005))),
        "key": partial(impacts.button, ((400, 4500), (0.002, 0.02), (0.0001, 0.0012))),
        "switch": partial(impacts.button, ((400, 9000), (0.0008, 0.02), (0.00004, 0.0006))),
        "interface click": _interface_click,
        "beep": _beep,
        "fault": _fault,
    },
    "mouth": {
        "tongue click": partial(mouth.click, (800, 9000), (0.0008, 0.012), (0.00004, 0.0006)),
        "lip pop": partial(mouth.click, (110, 2500), (0.002, 0.035), (0.0001, 0.002)),
        "teeth": partial(_hand, ((900, 7000), (0.0008, 0.008), (0.00006, 0.0008))),
        "lip smack": mouth.smack,
        "soft chewing": partial(mouth.chewing, (0.3, 5.0), ((200, 9000), (0.0008, 0.02), (0.00006, 0.002))),
        "crunchy chewing": partial(mouth.chewing, (3.0, 20.0), ((300, 8000), (0.0006, 0.01), (0.00006, 0.0008))),
        "swallow": mouth.swallow,
    },
    "voiced": {
        "voiced": mouth.voiced,
        "unvoiced": mouth.unvoiced,
        "plosive": mouth.plosive,
        "call": mouth.call,
        "cough": mouth.cough,
    },
    "body": {
        "crepitus": impacts.crepitus,
        "heart": body.heart,
        "breathing": partial(rubs.swell, (0.15, 1.5), (40, 500), (500, 6000)),
        "muscle": partial(rubs.swell, (0.05, 1.0), (5, 15), (25, 120)),
    },
}
KINDS: dict[str, Kind] = {kind: draw for kinds in _BY_FAMILY.values() for kind, draw in kinds.items()}
# Family of each kind, for studies that leave some out.
FAMILIES: dict[str, str] = {kind: family for family, kinds in _BY_FAMILY.items() for kind in kinds}
# Relative frequency, 1 for all others: ASSUMPTION.
FREQUENT = {
    **{"crackle": 3.0, "latch": 3.0, "call": 3.0, "voiced": 3.0, "cough": 2.0, "interface click": 2.0, "ceramic": 2.0},
    **{"tongue click": 2.0, "lip pop": 2.0, "lip smack": 2.0, "clap": 2.0, "handling": 2.0, "footstep": 2.0},
}
# Kinds that a sensor at the skin, or the recorder itself, picks up by touch.
CONTACT_KINDS = (
    *("tap", "pad tap", "nail tap", "cloth rub", "cable rub", "microphone bump", "crepitus", "footstep", "fault"),
    *("strap creak", "cable creak", "heart", "breathing", "muscle", "swallow", "teeth"),
)
# Kinds that only a sensor at the skin picks up.
SKIN_KINDS = ("heart", "muscle")
# Kinds of which many sources often sound at once: a fire, rain, applause.
SWARM_KINDS = ("crackle", "spatter", "clap", "keys", "paper")
# Kinds that last by themselves: the heart beats, a person eats.
ONGOING_KINDS = ("heart", "soft chewing", "crunchy chewing")
# Kinds that hands, feet, mouths and clocks repeat at a cadence.
CADENCE_KINDS = (
    *("tap", "pad tap", "nail tap", "footstep", "wood knock", "table knock", "stone knock", "ceramic", "metal"),
    *("clock", "key", "mouse click", "pen click", "switch", "latch", "finger snap", "clap", "tongue click", "lip pop"),
    *("interface click", "beep", "strap creak"),
)
