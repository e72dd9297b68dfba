"""Plans: the sounds of a session before they are recorded.

A recording holds gestures, each a thrust with its pops, a movement with its snaps, or another sound. The latter occurs
once, at a cadence, at random, in a quick burst, or as a swarm that continues like a fire, rain or typing. Cavities last
as long as the session: one that has cavitated is silent for its refractory period, a few percent excepted. A plan does
not depend on how it will be recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from popclass.results import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import cavitation, other, snapping
from popclass.synthesis import parameters as p
from popclass.synthesis.settings import Settings, level_range
from popclass.synthesis.waves import Random, Renderer, SynthSound, choose, log_uniform
from popclass.timing.sites import SITES

APART_S = 0.03
HOUR_S = 3600.0
DURATIONS_S = ((0.6, 4.0), (10.0, 18.0), (10.0, 40.0))
DURATION_SHARES = (0.15, 0.42, 0.43)
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
CRACKLE_SWARMS = 0.5  # of crackles: part of a fire, a bag or gravel that continues, loud and faint: ASSUMPTION
RUMMAGING = 0.5  # of quick bursts: dissimilar sounds, like the pops of a thrust: ASSUMPTION
STEADY_SHARE = 0.6  # of sounds at a cadence: replaced by those of hands, feet and clocks: ASSUMPTION
PATTERNS = {"once": 0.17, "cadence": 0.36, "random": 0.18, "quick": 0.13, "swarm": 0.16}  # ASSUMPTION


@dataclass(frozen=True, slots=True)
class PlannedSound:
    """A sound with its time in a recording, its place and its level over the noise floor."""

    time_s: float
    sound: SynthSound
    label: str
    kind: str
    place: str
    snr_db: float


def draw_program(rng: Random) -> tuple[str, ...]:
    """Return the classes of a session."""
    return tuple(choose(rng, PROGRAMS))


def draw_starts(rng: Random) -> list[float]:
    """Return when the recordings start, in whole seconds within an hour, at least a minute apart."""
    count = int(rng.integers(3, 9))
    free = HOUR_S - 60.0 * count
    return [float(round(t + 60.0 * i)) for i, t in enumerate(np.sort(rng.uniform(0.0, free, count)))]


def draw_duration(rng: Random) -> float:
    """Return the seconds of a recording: mostly a long one, sometimes a clip cut around one gesture: ASSUMPTION."""
    low, high = DURATIONS_S[int(rng.choice(len(DURATIONS_S), p=DURATION_SHARES))]
    return float(rng.uniform(low, high))


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
        self.rate, self.contact = settings.work_rate, settings.contact
        count = SITES[settings.site].cavities
        self.cavities = [cavitation.draw_cavity(rng, number, settings.regime) for number in range(count)]
        self.free_at_s = [0.0 if rng.random() < 0.85 else float(rng.uniform(0.0, 1500.0)) for _ in range(count)]
        self.no_refractory = p.SECOND_CAVITATION.draw(rng)
        tendons = range(int(rng.integers(1, 4)))
        self.tendons = [snapping.draw_tendon(rng, settings.regime, contact=self.contact) for _ in tendons]
        self.sources = [self._draw_source() for _ in range(int(rng.integers(1, 5)))]

    def plan(self, start_s: float, duration_s: float) -> list[PlannedSound]:
        """Return the sounds of one recording in order, those of different kinds at least `APART_S` apart.

        Parameters
        ----------
        start_s : float
            Start of the recording in the session.
        duration_s : float
        """
        rng, clip = self.rng, duration_s < SHORT_S
        count = 1 if clip else int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.12, 0.22, 0.24, 0.2, 0.13, 0.09]))
        first, last = (0.02, duration_s - 0.05) if clip else (0.05, duration_s - 0.3)
        kept: list[PlannedSound] = []
        for _ in range(count):
            begin = float(rng.uniform(first, 0.5 * duration_s) if clip else rng.uniform(0.3, duration_s - 1.0))
            for sound in self._gesture(start_s, begin, duration_s - begin):
                others = (each for each in kept if each.kind != sound.kind)
                apart = all(abs(sound.time_s - each.time_s) > APART_S for each in others)
                if first < sound.time_s < last and apart:
                    kept.append(sound)
        return sorted(kept, key=lambda sound: sound.time_s)

    def _gesture(self, start: float, begin: float, left_s: float) -> list[PlannedSound]:
        """Return one thrust, movement or other gesture, at one level."""
        label = self.program[int(self.rng.integers(len(self.program)))]
        base = float(self.rng.uniform(*level_range(self.settings)))
        place = "joint"
        if label == CAVITATION:
            kind, sounds = "pop", self._thrusts(start + begin, left_s)
        elif label == SNAPPING:
            kind, sounds = "snap", self._movement(left_s)
        else:
            kind, sounds = self._other(left_s)
            place = str(self.rng.choice(["joint", "object", "elsewhere"], p=[0.6, 0.28, 0.12]))
            if kind in other.CONTACT_KINDS and self.rng.random() < AT_THE_RECORDER:
                place = "recorder"
        levels = [float(np.clip(base + each.level_db, p.SNR.low, p.SNR.high)) for each in sounds]
        return [
            PlannedSound(begin + each.delay_s, each, label, kind, place, level)
            for each, level in zip(sounds, levels, strict=True)
        ]

    def _thrusts(self, now: float, left_s: float) -> list[SynthSound]:
        """Return a thrust with its series of pops, or several thrusts in turn, from the cavities that are free."""
        rng, sounds, delay = self.rng, [], 0.0
        spine = self.settings.site in ("neck", "thoracic", "lumbar", "si")
        for _ in range(int(rng.choice([1, 2, 3, 5], p=[0.7, 0.14, 0.1, 0.06]))):
            cavities = self._cavitate(now + delay)
            spine_gaps = spine and rng.random() < 0.8
            series = cavitation.series(rng, self.rate, cavities, contact=self.contact, spine=spine_gaps)
            sounds += [_moved(sound, delay) for sound in series]
            delay += float(rng.uniform(0.4, 3.0))
            if delay > left_s:
                break
        return sounds

    def _cavitate(self, now: float) -> list[cavitation.Cavity]:
        """Return the cavities that cavitate in one thrust, and start their refractory periods."""
        wanted = cavitation.pops_in_thrust(self.rng, self.settings.site)
        order = self.rng.permutation(len(self.cavities))
        chosen = [int(i) for i in order if self.free_at_s[i] <= now][:wanted]
        for i in chosen:
            period = p.REFRACTORY.draw(self.rng)
            self.free_at_s[i] = now if self.rng.random() < self.no_refractory else now + period
        return [self.cavities[i] for i in chosen]

    def _movement(self, left_s: float) -> list[SynthSound]:
        """Return the snaps of a tendon, or of two in turn, during a movement."""
        rng = self.rng
        length = min(left_s, log_uniform(rng, 2.0, 20.0))
        count = 1 if rng.random() < 0.85 else 2
        tendons = [self.tendons[int(rng.integers(len(self.tendons)))] for _ in range(count)]
        times = snapping.snap_times(rng, length)
        sounds = [snapping.snap(rng, self.rate, tendons[i % count]) for i in range(len(times))]
        return [_moved(sound, time) for sound, time in zip(sounds, times, strict=True)]

    def _draw_source(self) -> tuple[str, Renderer]:
        """Return the kind and the renderer of another source."""
        touches = self.contact and self.rng.random() < 0.6
        kinds = other.CONTACT_KINDS if touches else other.KINDS
        kind = choose(self.rng, {kind: other.FREQUENT.get(kind, 1.0) for kind in kinds})
        return kind, self._source_of(kind)

    def _source_of(self, kind: str) -> Renderer:
        return other.KINDS[kind](self.rng, self.rate, self.settings.regime)

    def _other(self, left_s: float) -> tuple[str, list[SynthSound]]:
        """Return the kind and the sounds of another gesture."""
        rng = self.rng
        recurring = rng.random() < 0.7
        kind, render = self.sources[int(rng.integers(len(self.sources)))] if recurring else self._draw_source()
        pattern = choose(rng, PATTERNS)
        if kind == "crackle" and rng.random() < CRACKLE_SWARMS:
            pattern = "swarm"
        length = min(left_s, log_uniform(rng, 2.0, 20.0))
        if pattern == "swarm":
            return kind, self._swarm(kind, left_s)
        times = [0.0]
        if pattern == "cadence":
            times = self._cadence(length)
            if kind not in other.CADENCE_KINDS and rng.random() < STEADY_SHARE:
                kinds = [each for each in other.CADENCE_KINDS if not self.contact or each in other.CONTACT_KINDS]
                kind = kinds[int(rng.integers(len(kinds)))]
                render = self._source_of(kind)
        elif pattern == "random":
            times = sorted(rng.uniform(0.0, length, int(rng.integers(2, 7))).tolist())
        elif pattern == "quick":
            gap = log_uniform(rng, 0.008, 0.3)
            times = [gap * (i + 0.2 * float(rng.standard_normal())) for i in range(int(rng.integers(2, 8)))]
            if rng.random() < RUMMAGING:
                return "rummage", self._rummage(times)
        return kind, [_moved(sound, max(time, 0.0)) for time in times for sound in render(rng)]

    def _rummage(self, times: list[float]) -> list[SynthSound]:
        """Return the sounds of handling things: each of the burst comes from another source."""
        renderers = [self._draw_source()[1] for _ in times]
        return [
            _moved(sound, max(time, 0.0), float(self.rng.normal(0.0, 4.0)))
            for render, time in zip(renderers, times, strict=True)
            for sound in render(self.rng)[:1]
        ]

    def _swarm(self, kind: str, left_s: float) -> list[SynthSound]:
        """Return a fire, rain, typing or rummaging: several sources of a kind, at random times and levels, for long."""
        rng = self.rng
        renderers = [self._source_of(kind) for _ in range(int(rng.integers(2, 9)))]
        length = min(left_s, log_uniform(rng, 3.0, 40.0))
        number = min(int(rng.poisson(length * log_uniform(rng, 0.7, 9.0))), 120)
        spread = float(rng.uniform(2.0, 13.0))
        sounds = []
        for time in np.sort(rng.uniform(0.0, length, number)).tolist():
            louder = float(rng.normal(0.0, spread))
            sounds += [_moved(sound, time, louder) for sound in renderers[int(rng.integers(len(renderers)))](rng)]
        return sounds

    def _cadence(self, length: float) -> list[float]:
        """Return times at the cadence of movements or, less often, the faster one of clocks and hands."""
        rng = self.rng
        period = 1.0 / p.CADENCE.draw(rng) if rng.random() < 0.6 else float(rng.uniform(0.12, 1.0))
        jitter = p.CADENCE_JITTER.draw(rng) * period
        beats = np.arange(0.0, length, period)
        return sorted(float(max(t, 0.0)) for t in beats + rng.normal(0.0, jitter, len(beats)))


def _moved(sound: SynthSound, seconds: float, louder_db: float = 0.0) -> SynthSound:
    return replace(sound, delay_s=sound.delay_s + seconds, level_db=sound.level_db + louder_db)
