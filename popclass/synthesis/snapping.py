"""Snapping: a tendon or ligament that slips over bone.

The tissue catches and is loaded while the movement continues, sometimes with a faint rub. Then it lets go: a force step
with a finite release time excites damped modes of the body. A `Tendon` keeps its modes, so its snaps are similar, with
small changes; the movement decides when they occur. There is no refractory period.

No acoustics of a snapping tendon are published. The first mode and the damping come from knee clicks (Ozmen 2021).
Everything else is drawn wide enough to overlap with cavitation in spectrum and in duration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis import waves
from popclass.synthesis.waves import LN10, FloatArray, Modes, Random, Regime, SynthSound, unit


@dataclass(frozen=True, slots=True)
class Tendon:
    """Sound of the snaps of one tendon.

    Attributes
    ----------
    modes : Modes
        Of the body.
    release_s : float
        Time the slip takes.
    click : float
        Level of the release itself relative to the modes.
    rub, rub_s : float
        Level and length of the rub while it is loaded; level 0 where there is none.
    change : float
        Relative change between repeats.
    """

    modes: Modes
    release_s: float
    click: float
    rub: float
    rub_s: float
    change: float


def draw_tendon(rng: Random, regime: Regime, *, contact: bool) -> Tendon:
    """Return a tendon; in air the upper modes of the body dominate, at the skin the lowest."""
    first = p.SNAP_FREQUENCY.draw(rng, regime.pitch)
    count = int(p.SNAP_MODES.draw(rng)) + (0 if contact else 1)
    damping = (1.0 - regime.duration[1], 1.0 - regime.duration[0])
    modes, decays = [first], [_decay_s(first, p.SNAP_DAMPING.draw(rng, damping))]
    for _ in range(count - 1):
        mode = p.SNAP_UPPER.draw(rng, regime.pitch)
        modes.append(mode if not contact else math.sqrt(first * mode))
        decays.append(_decay_s(modes[-1], p.SNAP_UPPER_DAMPING.draw(rng, damping)))
    tilt = p.SNAP_TILT.draw(rng) + (0.0 if contact else p.RADIATION.draw(rng))
    gains = [(mode / first) ** tilt * math.exp(rng.normal(0.0, 0.6)) for mode in modes]
    return Tendon(
        modes=Modes(modes, decays, gains, rng.uniform(-0.5, 1.2, len(modes)).tolist()),
        release_s=p.SNAP_RELEASE.draw(rng),
        click=waves.exp_uniform(rng, -4.0, 0.0),
        rub=p.SNAP_RUB.draw(rng) if rng.random() < 0.25 else 0.0,
        rub_s=p.SNAP_RUB_LENGTH.draw(rng),
        change=p.SNAP_CHANGE.draw(rng),
    )


def _decay_s(frequency: float, damping: float) -> float:
    """Return the seconds to -20 dB of a mode with this damping ratio."""
    return LN10 / (2.0 * math.pi * frequency * damping)


def snap(rng: Random, rate: int, tendon: Tendon) -> SynthSound:
    """Return one snap of a tendon."""
    modes = tendon.modes.vary(rng, tendon.change)
    force = waves.pulse(rate, tendon.release_s * math.exp(tendon.change * rng.standard_normal()))
    rung = unit(waves.convolve(modes.ring(rate), force))
    slip = unit(waves.add(rung, unit(waves.radiated(force)) * tendon.click))
    level = float(rng.normal(0.0, 12.0 * tendon.change))
    if tendon.rub == 0.0:
        return SynthSound(slip, level_db=level)
    rub = _rub(rng, rate, tendon)
    return SynthSound(np.concatenate([rub, slip]), release=len(rub), level_db=level)


def _rub(rng: Random, rate: int, tendon: Tendon) -> FloatArray:
    length = max(8, int(tendon.rub_s * rate * math.exp(tendon.change * rng.standard_normal())))
    noise = waves.band_noise(rng, rate, length, 60.0, 2500.0, -3.0)
    return tendon.rub * noise * np.linspace(0.0, 1.0, length) ** 1.5


def snap_times(rng: Random, length_s: float) -> list[float]:
    """Return when a tendon snaps: mostly with each movement, sometimes once or irregularly.

    Returns
    -------
    list of float
        Seconds from the start of the movement, at least one.
    """
    pattern = rng.choice(["cadence", "there and back", "irregular", "once"], p=[0.45, 0.17, 0.18, 0.2])
    if pattern == "once":
        return [0.0]
    if pattern == "irregular":
        return sorted(rng.uniform(0.0, length_s, int(rng.integers(2, 7))).tolist())
    period = 1.0 / p.CADENCE.draw(rng)
    jitter = p.CADENCE_JITTER.draw(rng) * period
    beats = np.arange(0.0, length_s, period)
    times = beats + rng.normal(0.0, jitter, len(beats))
    times = times[rng.random(len(times)) > rng.choice([0.0, 0.15])]
    if pattern == "there and back":
        back = times + period * rng.uniform(0.15, 0.6) + rng.normal(0.0, 0.5 * jitter, len(times))
        times = np.concatenate([times, back])
    return sorted(float(max(t, 0.0)) for t in times) or [0.0]
