"""Sounds of joints: cavitation, and the snapping of a tendon or ligament that slips over bone.

**Cavitation.** A cavity is a thin disc of gas in the fluid of the joint gap. A pressure step (tribonucleation) makes it
oscillate; frequency and decay at the skin are drawn from the published figures (by estimate, a disc confined in the gap
falls by 20 dB in 1.8-16 ms). At the skin (contact) that oscillation dominates. It radiates badly into air. There the
sound is the emission at inception, a pulse of a fraction of a millisecond that excites the flesh and small bones for a
millisecond or two. Each pop of a series comes from another cavity, so it is dissimilar from the one before it.

**Snapping.** The tissue catches and is loaded while the movement continues, sometimes with a faint rub. Then it lets
go: a force step with a finite release time excites damped modes of the body. A tendon keeps its modes, so its snaps are
similar, with small changes; the movement decides when they occur. There is no refractory period. No acoustics of a
snapping tendon are published. The first mode and its decay come from the knees of healthy and injured legs (Ozmen
2021), the change between repeats from knees within one session (Kalo 2020). Everything else is drawn wide enough to
overlap with cavitation in spectrum and in duration.
"""

from __future__ import annotations

import math

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis import waves
from popclass.synthesis.waves import LN10, FloatArray, Modes, Random, Regime, Renderer, SynthSound, unit

# Pops in one thrust, by number from 1: S mean 3.57 (C1-2), counts of Reggars 1996 (neck), mean 5.27 of 2-9 (L5-S1).
POPS_PER_THRUST = {
    "upper cervical": (0.09, 0.18, 0.25, 0.23, 0.14, 0.08, 0.03),
    "neck": (9, 22, 10, 7, 2),
    "spine": (0.0, 0.07, 0.12, 0.18, 0.2, 0.18, 0.12, 0.08, 0.05),
    "limb": (0.5, 0.22, 0.14, 0.08, 0.04, 0.02),
}
# Thrusts whose pops are all on one side; 1 elsewhere. S C1-2: both sides in 34 of 37 (Dunning 2013), C3-4: the same in
# 47 of 50 (Reggars & Pollard 1995), T1-2: one in 53 of 58 (Dunning 2017), L5-S1: both in 2 % (Mourad 2019).
ONE_SIDED = {"upper cervical": 3 / 37, "neck": 47 / 50, "thoracic": 53 / 58, "lumbar": 0.98}
NEARER_SIDE = 72 / 132  # S pops on the side of the thrust where both sides pop (Dunning 2013)
MAX_PEAKS = 3  # of one pop: ASSUMPTION


class Cavity:
    """One joint cavity, whose frequency and decay lie within the published figures.

    Parameters
    ----------
    rng : numpy.random.Generator
    rate : int
        In hertz.
    regime : Regime
    number : int
        Counts the cavities of a site from 0.
    contact : bool
        At the skin over the joint; otherwise in air.
    """

    def __init__(self, rng: Random, rate: int, regime: Regime, number: int, *, contact: bool) -> None:
        self.rng, self.rate, self.number, self.contact = rng, rate, number, contact
        self.frequency_hz = p.CAVITY_FREQUENCY.draw(rng, regime.pitch)
        shortest, longest = p.POP_CYCLES.low / self.frequency_hz, p.POP_CYCLES.high / self.frequency_hz
        self.duration_s = min(max(p.POP_DURATION.draw(rng, regime.duration), shortest), longest)  # to -20 dB
        rng.random(3)  # not used; without these draws the sessions of a seed would change
        count = int(p.CRACK_MODES.draw(rng))
        main, decay = p.CRACK_FREQUENCY.draw(rng, regime.pitch), p.CRACK_DECAY.draw(rng, regime.duration)
        hz = [main, *(main * np.exp(rng.uniform(-0.9, 1.4, count)))]
        decays = [decay, *(decay * rng.uniform(0.3, 1.0, count))]
        gains = [1.0, *np.exp(rng.uniform(-2.0, 0.0, count))]
        self.modes = Modes(hz, decays, gains, rng.uniform(0.0, 2.0 * np.pi, count + 1).tolist())

    def pop(self) -> FloatArray:
        """Return the sound of one cavitation, sometimes with a second peak and rarely with a third."""
        rng, wave = self.rng, self._peak()
        share = p.SECOND_PEAK_SHARE.draw(rng)
        for _ in range(MAX_PEAKS - 1):
            if rng.random() >= share:
                break
            delay = max(1, round(p.SECOND_PEAK_DELAY.draw(rng) * self.rate))
            collapse = self._peak() * p.SECOND_PEAK_LEVEL.draw(rng) * rng.choice([-1.0, 1.0])
            wave = waves.add(wave, waves.later(collapse, delay))
        return wave

    def _peak(self) -> FloatArray:
        rng, rate = self.rng, self.rate
        # The oscillation after a pressure step of finite rise; its frequency changes as the cavity grows.
        time = np.arange(max(16, int(2.5 * self.duration_s * rate))) / rate
        glide = p.CAVITY_GROWTH.draw(rng) ** np.minimum(time / self.duration_s, 1.5)
        angle = 2.0 * np.pi * self.frequency_hz * np.cumsum(glide) / rate
        free = np.exp(-LN10 / self.duration_s * time) * np.sin(angle + rng.uniform(-0.4, 0.5))
        oscillation = unit(waves.convolve(free, waves.pulse(rate, p.PRESSURE_ONSET.draw(rng))))
        # The emission: a sharp pulse and the modes of the joint's surroundings.
        sharp = waves.pulse(rate, p.CRACK_WIDTH.draw(rng))
        emission = unit(waves.excite(self.modes.ring(rate), sharp, p.CRACK_PULSE_SHARE.draw(rng)))
        sign = float(rng.choice([-1.0, 1.0]))
        if self.contact:
            return sign * waves.add(oscillation, emission * p.EMISSION_CONTACT.draw(rng))
        return sign * waves.add(emission, oscillation * p.EMISSION_AIR.draw(rng))


def series(rng: Random, cavities: list[Cavity], *, spine: bool) -> list[SynthSound]:
    """Return the pops of one thrust.

    Parameters
    ----------
    rng : numpy.random.Generator
    cavities : list of Cavity
        The ones that cavitate, in order.
    spine : bool
        Gaps as measured in the spine; otherwise as between the clicks of fingers and wrists.
    """
    sounds, delay = [], 0.0
    for cavity in cavities:
        sounds.append(SynthSound(cavity.pop(), time_s=delay, level_db=rng.normal(0.0, 4.0), cavity=cavity.number))
        delay += (p.GAP_SPINE if spine else p.GAP_AIR).draw(rng)
    return sounds


def region(rng: Random, site: str) -> str:
    """Return the region of a thrust at a site: the site, or for a part of the neck its upper end."""
    return "upper cervical" if site == "neck" and rng.random() < 0.4 else site


def pops_in_thrust(rng: Random, region: str) -> int:
    """Return how many pops a thrust in a region has where enough cavities are free."""
    kind = "spine" if region in ("thoracic", "lumbar") else "limb"
    shares = POPS_PER_THRUST.get(region, POPS_PER_THRUST[kind])
    return 1 + int(rng.choice(len(shares), p=np.array(shares) / sum(shares)))


def sides(rng: Random, region: str, pops: int) -> list[int]:
    """Return the side of each pop of a thrust, -1 or 1."""
    near = int(rng.choice([-1, 1]))
    if rng.random() < ONE_SIDED.get(region, 1.0):
        return [near] * pops
    return [near if rng.random() < NEARER_SIDE else -near for _ in range(pops)]


def draw_tendon(rng: Random, rate: int, regime: Regime, *, contact: bool) -> Renderer:
    """Return a tendon with one snap each time; in air the upper modes of the body dominate, at the skin the lowest."""
    first = p.SNAP_FREQUENCY.draw(rng, regime.pitch)
    count = int(p.SNAP_MODES.draw(rng)) + (0 if contact else 1)
    part = (1.0 - regime.duration[1], 1.0 - regime.duration[0])
    ring = p.INJURED_RING if rng.random() < p.INJURED_SHARE.draw(rng) else p.SNAP_RING
    hz, decays = [first], [ring.draw(rng, regime.duration)]
    for _ in range(count - 1):
        upper = p.SNAP_UPPER.draw(rng, regime.pitch)
        hz.append(math.sqrt(first * upper) if contact else upper)
        decays.append(LN10 / (2.0 * math.pi * hz[-1] * p.SNAP_UPPER_DAMPING.draw(rng, part)))
    tilt = p.SNAP_TILT.draw(rng) + (0.0 if contact else p.RADIATION.draw(rng))
    gains = [(f / first) ** tilt * math.exp(rng.normal(0.0, 0.6)) for f in hz]
    modes = Modes(hz, decays, gains, rng.uniform(-0.5, 1.2, len(hz)).tolist())
    release_s, click = p.SNAP_RELEASE.draw(rng), waves.exp_uniform(rng, -4.0, 0.0)
    rub = p.SNAP_RUB.draw(rng) if rng.random() < 0.25 else 0.0
    rub_s, change, spread_db = p.SNAP_RUB_LENGTH.draw(rng), p.SNAP_CHANGE.draw(rng), p.SNAP_LEVEL.draw(rng)

    def snap() -> list[SynthSound]:
        body = modes.vary(rng, change).ring(rate)
        force = waves.pulse(rate, release_s * math.exp(change * rng.standard_normal()))
        slip, level = unit(waves.excite(body, force, click)), rng.normal(0.0, spread_db)
        if rub == 0.0:
            return [SynthSound(slip, level_db=level)]
        length = max(8, int(rub_s * rate * math.exp(change * rng.standard_normal())))
        loading = rub * waves.band_noise(rng, rate, length, 60.0, 2500.0, -3.0) * np.linspace(0.0, 1.0, length) ** 1.5
        return [SynthSound(np.concatenate([loading, slip]), release=length, level_db=level)]

    return snap


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
    return sorted(np.maximum(times, 0.0).tolist()) or [0.0]
