"""A tendon or ligament slipping over bone: load, slip, ring.

The tissue catches, is loaded while the movement goes on (sometimes with a faint rub), then lets go: a force step with a
finite release time that rings damped modes of the body. A `Tendon` keeps its modes, so each time it slips it sounds
alike, only a little changed; the movement decides when. There is no refractory period.

No acoustics of a snapping tendon are published. The first mode and the damping come from knee clicks (Ozmen 2021), and
everything else is drawn wide enough to overlap with cavitation in spectrum and in duration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis.waves import (
    LN10,
    FloatArray,
    Regime,
    Sounding,
    add,
    band_noise,
    convolve,
    pulse,
    radiated,
    ring,
    unit,
)


@dataclass(frozen=True, slots=True)
class Tendon:
    """What makes one tendon's snap sound the way it does.

    Attributes
    ----------
    modes_hz, decays_s, gains, phases : tuple of float
        The body modes it rings.
    release_s : float
        Time the slip takes.
    click : float
        Level of the release itself beside the ring.
    rub, rub_s : float
        Level and length of the rub while it is loaded; level 0 where there is none.
    change : float
        Relative change from repeat to repeat.
    """

    modes_hz: tuple[float, ...]
    decays_s: tuple[float, ...]
    gains: tuple[float, ...]
    phases: tuple[float, ...]
    release_s: float
    click: float
    rub: float
    rub_s: float
    change: float


def draw_tendon(rng: np.random.Generator, regime: Regime, *, contact: bool) -> Tendon:
    """A tendon; in air the upper modes of the body carry the sound, at the skin the lowest."""
    first = p.SNAP_FREQUENCY.draw(rng, regime.pitch)
    count = int(p.SNAP_MODES.draw(rng)) + (0 if contact else 1)
    lightly = (1.0 - regime.duration[1], 1.0 - regime.duration[0])
    modes, decays = [first], [_decay_of(first, p.SNAP_DAMPING.draw(rng, lightly))]
    for _ in range(count - 1):
        mode = p.SNAP_UPPER.draw(rng, regime.pitch)
        modes.append(mode if not contact else math.sqrt(first * mode))
        decays.append(_decay_of(modes[-1], p.SNAP_UPPER_DAMPING.draw(rng, lightly)))
    tilt = p.SNAP_TILT.draw(rng) + (0.0 if contact else p.RADIATION.draw(rng))
    gains = [(mode / first) ** tilt * math.exp(rng.normal(0.0, 0.6)) for mode in modes]
    return Tendon(
        modes_hz=tuple(modes),
        decays_s=tuple(decays),
        gains=tuple(gains),
        phases=tuple(float(a) for a in rng.uniform(-0.5, 1.2, len(modes))),
        release_s=p.SNAP_RELEASE.draw(rng),
        click=float(np.exp(rng.uniform(-4.0, 0.0))),
        rub=p.SNAP_RUB.draw(rng) if rng.random() < 0.25 else 0.0,
        rub_s=p.SNAP_RUB_LENGTH.draw(rng),
        change=p.SNAP_LIKENESS.draw(rng),
    )


def _decay_of(frequency: float, damping: float) -> float:
    """Seconds to -20 dB of a mode with this damping ratio."""
    return LN10 / (2.0 * math.pi * frequency * damping)


def snap(rng: np.random.Generator, rate: int, tendon: Tendon) -> Sounding:
    """One slip: much like the last one of the same tendon, not the same."""

    def vary(values: tuple[float, ...], share: float) -> list[float]:
        return [value * math.exp(share * tendon.change * rng.standard_normal()) for value in values]

    modes, decays, gains = vary(tendon.modes_hz, 0.3), vary(tendon.decays_s, 1.0), vary(tendon.gains, 2.0)
    force = pulse(rate, tendon.release_s * math.exp(tendon.change * rng.standard_normal()))
    rung = unit(convolve(ring(rate, modes, decays, gains, tendon.phases), force))
    slip = unit(add(rung, unit(radiated(force)) * tendon.click))
    level = float(rng.normal(0.0, 12.0 * tendon.change))
    if tendon.rub == 0.0:
        return Sounding(slip, level_db=level)
    rub = _rub(rng, rate, tendon)
    return Sounding(np.concatenate([rub, slip]), release=len(rub), level_db=level)


def _rub(rng: np.random.Generator, rate: int, tendon: Tendon) -> FloatArray:
    length = max(8, int(tendon.rub_s * rate * math.exp(tendon.change * rng.standard_normal())))
    noise = band_noise(rng, rate, length, 60.0, 2500.0, -3.0)
    return tendon.rub * noise * np.linspace(0.0, 1.0, length) ** 1.5


def moments(rng: np.random.Generator, length_s: float) -> list[float]:
    """When a tendon slips in a stretch of movement: mostly with each movement, sometimes once or irregularly.

    Returns
    -------
    list of float
        Seconds from the start of the movement, at least one.
    """
    pattern = rng.choice(["cadence", "there and back", "irregular", "once"], p=[0.45, 0.17, 0.18, 0.2])
    if pattern == "once":
        return [0.0]
    if pattern == "irregular":
        return sorted(float(t) for t in rng.uniform(0.0, length_s, int(rng.integers(2, 7))))
    period = 1.0 / p.CADENCE.draw(rng)
    jitter = p.CADENCE_JITTER.draw(rng) * period
    beats = np.arange(0.0, length_s, period)
    times = beats + rng.normal(0.0, jitter, len(beats))
    times = times[rng.random(len(times)) > rng.choice([0.0, 0.15])]
    if pattern == "there and back":
        back = times + period * rng.uniform(0.15, 0.6) + rng.normal(0.0, 0.5 * jitter, len(times))
        times = np.concatenate([times, back])
    return sorted(float(max(t, 0.0)) for t in times) or [0.0]
