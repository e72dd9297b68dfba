"""Plans: the sounds of a session before they are recorded.

A recording holds gestures, each a thrust with its pops, a movement with its snaps, or another sound. The latter occurs
once, at a cadence, at random, in a quick burst, or as a swarm that continues like a fire, rain or typing. Cavities last
as long as the session: one that has cavitated is silent for its refractory period, some pops excepted. A plan does
not depend on how it will be recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from popclass.schema import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import joints, other
from popclass.synthesis import parameters as p
from popclass.synthesis.settings import LEVELS, Settings
from popclass.synthesis.waves import Random, Renderer, SynthSound, choose, log_uniform
from popclass.timing.sites import SITES

APART_S = 0.03
SHORT_S = 6.0  # below it a recording is a clip with one gesture, cut close

# Classes of a session and their shares: ASSUMPTION. Most short sounds come from other sources than joints.
PROGRAMS: dict[tuple[str, ...], float] = {
    (OTHER,): 0.3,
    (SNAPPING,): 0.06,
    (CAVITATION,): 0.13,
    (SNAPPING, OTHER): 0.11,
    (CAVITATION, OTHER): 0.18,
    (CAVITATION, SNAPPING): 0.08,
    (CAVITATION, SNAPPING, OTHER): 0.14,
}
AT_THE_RECORDER = 0.3  # of touches and bumps: on the recorder itself: ASSUMPTION
SWARMS = 0.5  # of crackles, drops and the like: part of a fire, rain or applause, loud and faint: ASSUMPTION
RUMMAGING = 0.5  # of quick bursts: dissimilar sounds, like the pops of a thrust: ASSUMPTION
ONE_FAMILY = 0.6  # of such bursts: sounds of one family, as of a mouth: ASSUMPTION
STEADY_SHARE = 0.6  # of sounds at a cadence: replaced by those of hands, feet and clocks: ASSUMPTION
PATTERNS = {"once": 0.17, "cadence": 0.36, "random": 0.18, "quick": 0.13, "swarm": 0.16}  # ASSUMPTION


def draw_starts(rng: Random) -> list[float]:
    """Return when the recordings start, in whole seconds within an hour, at least a minute apart."""
    count = int(rng.integers(3, 9))
    return [float(round(t + 60.0 * i)) for i, t in enumerate(np.sort(rng.uniform(0.0, 3600.0 - 60.0 * count, count)))]


class Planner:
    """Planner of the recordings of one session; its cavities, tendons and other sources last for the session.

    Parameters
    ----------
    rng : numpy.random.Generator
    settings : Settings
    program : tuple of str
        Classes of the session.
    """

    def __init__(self, rng: Random, settings: Settings, program: tuple[str, ...]) -> None:
        self.rng, self.settings, self.program = rng, settings, program
        self.rate, self.regime, self.contact = settings.work_rate, settings.regime, settings.contact
        cavities = range(SITES[settings.site].cavities)
        self.cavities = [joints.Cavity(rng, self.rate, self.regime, i, contact=self.contact) for i in cavities]
        self.free_at_s = [0.0 if rng.random() < 0.85 else rng.uniform(0.0, 1500.0) for _ in cavities]
        self.no_refractory = p.SECOND_CAVITATION.draw(rng)
        tendons = range(int(rng.integers(1, 4)))
        self.tendons = [joints.draw_tendon(rng, self.rate, self.regime, contact=self.contact) for _ in tendons]
        self.sources = [self._draw_source() for _ in range(int(rng.integers(1, 5)))]

    def plan(self, start_s: float, duration_s: float) -> list[SynthSound]:
        """Return the sounds of one recording in order, those of different gestures at least `APART_S` apart.

        Parameters
        ----------
        start_s : float
            Start of the recording in the session.
        duration_s : float
        """
        rng, clip = self.rng, duration_s < SHORT_S
        count = 1 if clip else int(rng.choice(6, p=[0.12, 0.22, 0.24, 0.2, 0.13, 0.09]))
        first, last = (0.02, duration_s - 0.05) if clip else (0.05, duration_s - 0.3)
        kept: list[SynthSound] = []
        for _ in range(count):
            times = [sound.time_s for sound in kept]
            begin = rng.uniform(first, 0.5 * duration_s) if clip else rng.uniform(0.3, duration_s - 1.0)
            for sound in self._gesture(start_s, begin, duration_s - begin):
                if first < sound.time_s < last and all(abs(sound.time_s - time) > APART_S for time in times):
                    kept.append(sound)
        return sorted(kept, key=lambda sound: sound.time_s)

    def _gesture(self, start: float, begin: float, left_s: float) -> list[SynthSound]:
        """Return one thrust, movement or other gesture, at one level."""
        rng, place = self.rng, "joint"
        label = self.program[int(rng.integers(len(self.program)))]
        low, high = LEVELS[self.settings.level]
        base = rng.uniform(p.SNR.at(low), p.SNR.at(high))
        if label == CAVITATION:
            sounds = self._thrusts(start + begin, left_s)
        elif label == SNAPPING:
            sounds = self._movement(left_s)
        else:
            sounds, side = self._other(left_s), int(rng.integers(-1, 2))
            sounds = [replace(sound, side=side) for sound in sounds]
            place = str(rng.choice(["joint", "object", "elsewhere"], p=[0.6, 0.28, 0.12]))
            if all(sound.kind in other.CONTACT_KINDS for sound in sounds) and rng.random() < AT_THE_RECORDER:
                place = "recorder"
        sounds = _moved(sounds, begin, base)
        levels = np.clip([sound.level_db for sound in sounds], p.SNR.low, p.SNR.high).tolist()
        pairs = zip(sounds, levels, strict=True)
        return [replace(sound, level_db=level, label=label, place=place) for sound, level in pairs]

    def _thrusts(self, now: float, left_s: float) -> list[SynthSound]:
        """Return a thrust with its series of pops, or several thrusts in turn, from the cavities that are free."""
        rng, sounds, delay = self.rng, [], 0.0
        spine = self.settings.site in ("neck", "thoracic", "lumbar", "si")
        for _ in range(int(rng.choice([1, 2, 3, 5], p=[0.7, 0.14, 0.1, 0.06]))):
            region = joints.region(rng, self.settings.site)
            cavities = self._cavitate(now + delay, joints.pops_in_thrust(rng, region))
            pops = joints.series(rng, cavities, spine=spine and rng.random() < 0.8)
            sides = joints.sides(rng, region, len(pops))
            pops = [replace(pop, kind="pop", side=side) for pop, side in zip(pops, sides, strict=True)]
            sounds += _moved(pops, delay)
            delay += rng.uniform(0.4, 3.0)
            if delay > left_s:
                break
        return sounds

    def _cavitate(self, now: float, wanted: int) -> list[joints.Cavity]:
        """Return the cavities that cavitate in one thrust, and start their refractory periods."""
        rng = self.rng
        order = [self.cavities[i] for i in rng.permutation(len(self.cavities))]
        chosen = [cavity for cavity in order if self.free_at_s[cavity.number] <= now][:wanted]
        for cavity in chosen:
            period = p.REFRACTORY.draw(rng)
            self.free_at_s[cavity.number] = now if rng.random() < self.no_refractory else now + period
        return chosen

    def _movement(self, left_s: float) -> list[SynthSound]:
        """Return the snaps of a tendon, or of two in turn, during a movement."""
        rng = self.rng
        length = min(left_s, log_uniform(rng, 2.0, 20.0))
        count = 1 if rng.random() < 0.85 else 2
        tendons = [self.tendons[int(rng.integers(len(self.tendons)))] for _ in range(count)]
        times, side = joints.snap_times(rng, length), int(rng.choice([-1, 1]))
        sounds = [sound for i, time in enumerate(times) for sound in _moved(tendons[i % count](), time)]
        return [replace(sound, kind="snap", side=side) for sound in sounds]

    def _draw_source(self, family: str = "") -> tuple[str, Renderer]:
        """Return the kind and the renderer of another source, of one family if that has kinds for the sensor."""
        kinds: Iterable[str] = other.CONTACT_KINDS if self.contact and self.rng.random() < 0.6 else other.KINDS
        kinds = [kind for kind in kinds if self.contact or kind not in other.SKIN_KINDS]
        kinds = [kind for kind in kinds if other.FAMILIES[kind] == family] or kinds
        kind = choose(self.rng, {kind: other.FREQUENT.get(kind, 1.0) for kind in kinds})
        return kind, self._source_of(kind)

    def _source_of(self, kind: str) -> Renderer:
        render = other.KINDS[kind](self.rng, self.rate, self.regime)
        return lambda: [replace(sound, kind=kind) for sound in render()]

    def _other(self, left_s: float) -> list[SynthSound]:
        """Return the sounds of another gesture."""
        rng = self.rng
        kind, render = self.sources[int(rng.integers(len(self.sources)))] if rng.random() < 0.7 else self._draw_source()
        pattern = choose(rng, PATTERNS)
        if kind in other.ONGOING_KINDS:
            return render()
        if kind in other.SWARM_KINDS and rng.random() < SWARMS:
            pattern = "swarm"
        length = min(left_s, log_uniform(rng, 2.0, 20.0))
        if pattern == "swarm":
            return self._swarm(kind, left_s)
        times = self._times(pattern, length)
        if pattern == "cadence" and kind not in other.CADENCE_KINDS and rng.random() < STEADY_SHARE:
            kinds = [each for each in other.CADENCE_KINDS if not self.contact or each in other.CONTACT_KINDS]
            render = self._source_of(kinds[int(rng.integers(len(kinds)))])
        if pattern == "quick" and rng.random() < RUMMAGING:
            return self._rummage(times, other.FAMILIES[kind] if rng.random() < ONE_FAMILY else "")
        return [sound for time in times for sound in _moved(render(), time)]

    def _times(self, pattern: str, length: float) -> list[float]:
        """Return when a source sounds; a cadence is that of movements or the faster one of clocks and hands."""
        rng = self.rng
        if pattern == "once":
            return [0.0]
        if pattern == "random":
            return sorted(rng.uniform(0.0, length, int(rng.integers(2, 7))).tolist())
        if pattern == "quick":
            gap = log_uniform(rng, 0.008, 0.3)
            return [max(gap * (i + 0.2 * rng.standard_normal()), 0.0) for i in range(int(rng.integers(2, 8)))]
        period = 1.0 / p.CADENCE.draw(rng) if rng.random() < 0.6 else rng.uniform(0.12, 1.0)
        jitter = p.CADENCE_JITTER.draw(rng) * period
        beats = np.arange(0.0, length, period)
        return sorted(np.maximum(beats + rng.normal(0.0, jitter, len(beats)), 0.0).tolist())

    def _rummage(self, times: list[float], family: str) -> list[SynthSound]:
        """Return the sounds of handling things, or of a mouth: each of the burst comes from another source."""
        renderers = [self._draw_source(family)[1] for _ in times]
        pairs = zip(renderers, times, strict=True)
        return [x for render, time in pairs for x in _moved(render()[:1], time, self.rng.normal(0.0, 4.0))]

    def _swarm(self, kind: str, left_s: float) -> list[SynthSound]:
        """Return a fire, rain, typing or rummaging: several sources of a kind, at random times and levels, for long."""
        rng = self.rng
        renderers = [self._source_of(kind) for _ in range(int(rng.integers(2, 9)))]
        length = min(left_s, log_uniform(rng, 3.0, 40.0))
        number = min(int(rng.poisson(length * log_uniform(rng, 0.7, 9.0))), 120)
        spread = rng.uniform(2.0, 13.0)
        sounds = []
        for time in np.sort(rng.uniform(0.0, length, number)).tolist():
            louder = rng.normal(0.0, spread)
            sounds += _moved(renderers[int(rng.integers(len(renderers)))](), time, louder)
        return sounds


def _moved(sounds: list[SynthSound], seconds: float, louder_db: float = 0.0) -> list[SynthSound]:
    return [replace(x, time_s=x.time_s + seconds, level_db=x.level_db + louder_db) for x in sounds]
