"""What happens in a session: gestures one after the other, each a thrust, a movement or something else.

A thrust has its pops, a movement its snaps, and what else sounds does so once, at a cadence, at random, in a quick
burst, or as a swarm that goes on like a fire, rain or typing. Cavities live as long as the session: one that has
cavitated stays silent for its refractory period, a few percent excepted. Nothing here knows how it will be recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from popclass.results import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import cavitation, other, snapping
from popclass.synthesis import parameters as p
from popclass.synthesis.settings import Settings, level_range
from popclass.synthesis.waves import Maker, Sounding
from popclass.timing.sites import SITES

APART_S = 0.03
HOUR_S = 3600.0
DURATIONS_S = ((0.6, 4.0), (10.0, 18.0), (10.0, 40.0))
DURATION_SHARES = (0.15, 0.42, 0.43)
SHORT_S = 6.0  # below it a recording is a clip with one gesture, cut close

# Which classes a session holds and how often: ASSUMPTION. Most short sounds are nobody's joint.
PROGRAMMES: dict[tuple[str, ...], float] = {
    (OTHER,): 0.3,
    (SNAPPING,): 0.06,
    (CAVITATION,): 0.13,
    (SNAPPING, OTHER): 0.11,
    (CAVITATION, OTHER): 0.18,
    (CAVITATION, SNAPPING): 0.08,
    (CAVITATION, SNAPPING, OTHER): 0.14,
}
AT_THE_RECORDER = 0.3  # of touches and bumps: on the recorder itself: ASSUMPTION
CRACKLES_ON = 0.5  # of crackles: part of a fire, a bag or gravel that goes on, loud and faint: ASSUMPTION
RUMMAGING = 0.5  # of quick bursts: of unlike things, as unlike as the pops of a thrust: ASSUMPTION
STEADY_SHARE = 0.6  # of what comes at a cadence: struck things, as hands, feet and clocks strike them: ASSUMPTION
PATTERNS = {"once": 0.17, "cadence": 0.36, "random": 0.18, "quick": 0.13, "swarm": 0.16}  # ASSUMPTION


@dataclass(frozen=True, slots=True)
class Planned:
    """A sound with its place on the time axis of one recording."""

    time_s: float
    sound: Sounding
    label: str
    kind: str
    place: str
    snr_db: float


@dataclass(slots=True)
class Body:
    """What lasts through a session: the cavities and when each is free again, tendons and things at hand."""

    cavities: list[cavitation.Cavity]
    free_at: list[float]
    again: float
    tendons: list[snapping.Tendon]
    things: list[tuple[str, Maker]]


def draw_programme(rng: np.random.Generator) -> tuple[str, ...]:
    """The classes that a session holds."""
    return list(PROGRAMMES)[int(rng.choice(len(PROGRAMMES), p=list(PROGRAMMES.values())))]


def draw_starts(rng: np.random.Generator) -> list[float]:
    """When the recordings start, in whole seconds within an hour, a minute apart at least."""
    count = int(rng.integers(3, 9))
    free = HOUR_S - 60.0 * count
    return [float(round(t + 60.0 * i)) for i, t in enumerate(np.sort(rng.uniform(0.0, free, count)))]


def draw_duration(rng: np.random.Generator) -> float:
    """Seconds of a recording: mostly a stretch of movement, sometimes a clip cut around one gesture: ASSUMPTION."""
    low, high = DURATIONS_S[int(rng.choice(len(DURATIONS_S), p=DURATION_SHARES))]
    return float(rng.uniform(low, high))


def draw_body(rng: np.random.Generator, settings: Settings) -> Body:
    count = SITES[settings.site].cavities
    regime = settings.regime
    return Body(
        cavities=[cavitation.draw_cavity(rng, number, regime) for number in range(count)],
        free_at=[0.0 if rng.random() < 0.85 else float(rng.uniform(0.0, 1500.0)) for _ in range(count)],
        again=p.SECOND_CAVITATION.draw(rng),
        tendons=[snapping.draw_tendon(rng, regime, contact=settings.contact) for _ in range(int(rng.integers(1, 4)))],
        things=[_draw_thing(rng, settings) for _ in range(int(rng.integers(1, 5)))],
    )


def _draw_thing(rng: np.random.Generator, settings: Settings) -> tuple[str, Maker]:
    kinds = list(other.KINDS)
    if settings.contact and rng.random() < 0.6:
        kinds = list(other.TOUCHING)
    weights = np.array([other.FREQUENT.get(kind, 1.0) for kind in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
    return kind, other.KINDS[kind](rng, settings.work_rate, settings.regime)


def plan_recording(
    rng: np.random.Generator,
    settings: Settings,
    programme: tuple[str, ...],
    body: Body,
    start: float,
    duration: float,
) -> list[Planned]:
    """All sounds of one recording in order, none within `APART_S` of one of another gesture."""
    clip = duration < SHORT_S
    count = 1 if clip else int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.12, 0.22, 0.24, 0.2, 0.13, 0.09]))
    first, last = (0.02, duration - 0.05) if clip else (0.05, duration - 0.3)
    kept: list[Planned] = []
    for _ in range(count):
        begin = float(rng.uniform(first, 0.5 * duration) if clip else rng.uniform(0.3, duration - 1.0))
        for sound in _gesture(rng, settings, programme, body, start, begin, duration):
            within = first < sound.time_s < last
            if within and all(
                abs(sound.time_s - earlier.time_s) > APART_S for earlier in kept if earlier.kind != sound.kind
            ):
                kept.append(sound)
    return sorted(kept, key=lambda sound: sound.time_s)


def _gesture(
    rng: np.random.Generator,
    settings: Settings,
    programme: tuple[str, ...],
    body: Body,
    start: float,
    begin: float,
    duration: float,
) -> list[Planned]:
    """One thrust, movement or something else, at one level."""
    label = programme[int(rng.integers(len(programme)))]
    base = float(rng.uniform(*level_range(settings)))
    lowest, highest = p.SNR.low, p.SNR.high
    place = "joint"
    if label == CAVITATION:
        kind, sounds = "pop", _thrusts(rng, settings, body, start + begin, duration - begin)
    elif label == SNAPPING:
        kind, sounds = "snap", _movement(rng, settings, body, duration - begin)
    else:
        kind, sounds = _something(rng, settings, body, duration - begin)
        place = str(rng.choice(["joint", "object", "elsewhere"], p=[0.6, 0.28, 0.12]))
        if kind in other.TOUCHING and rng.random() < AT_THE_RECORDER:
            place = "recorder"
    return [
        Planned(begin + s.delay_s, s, label, kind, place, float(np.clip(base + s.level_db, lowest, highest)))
        for s in sounds
    ]


def _thrusts(rng: np.random.Generator, settings: Settings, body: Body, now: float, left_s: float) -> list[Sounding]:
    """A thrust with its series of pops, or several pulled one after the other, out of the cavities that are free."""
    spine = settings.site in ("neck", "thoracic", "lumbar", "si")
    sounds: list[Sounding] = []
    delay, pulls = 0.0, int(rng.choice([1, 2, 3, 5], p=[0.7, 0.14, 0.1, 0.06]))
    for _ in range(pulls):
        chosen = _free_cavities(rng, settings, body, now + delay)
        series = cavitation.series(
            rng, settings.work_rate, chosen, contact=settings.contact, spine=spine and rng.random() < 0.8
        )
        sounds += [_moved(sound, delay) for sound in series]
        delay += float(rng.uniform(0.4, 3.0))
        if delay > left_s:
            break
    return sounds


def _free_cavities(rng: np.random.Generator, settings: Settings, body: Body, now: float) -> list[cavitation.Cavity]:
    """The cavities one thrust makes pop, marked as used for their refractory period."""
    wanted = cavitation.pops_in_thrust(rng, settings.site)
    order = rng.permutation(len(body.cavities))
    chosen = [int(i) for i in order if body.free_at[i] <= now][:wanted]
    for i in chosen:
        period = p.REFRACTORY.draw(rng)
        body.free_at[i] = now if rng.random() < body.again else now + period
    return [body.cavities[i] for i in chosen]


def _movement(rng: np.random.Generator, settings: Settings, body: Body, left_s: float) -> list[Sounding]:
    """Snaps of a tendon (or of two in turn) as the movement goes on."""
    length = min(left_s, float(np.exp(rng.uniform(np.log(2.0), np.log(20.0)))))
    tendons = [body.tendons[int(rng.integers(len(body.tendons)))] for _ in range(1 if rng.random() < 0.85 else 2)]
    times = snapping.moments(rng, length)
    sounds = [snapping.snap(rng, settings.work_rate, tendons[i % len(tendons)]) for i in range(len(times))]
    return [_moved(sound, time) for sound, time in zip(sounds, times, strict=True)]


def _something(rng: np.random.Generator, settings: Settings, body: Body, left_s: float) -> tuple[str, list[Sounding]]:
    """Another sound: of a thing at hand, once, at a cadence, at random, or as a burst of quick repeats."""
    if rng.random() < 0.7:
        kind, maker = body.things[int(rng.integers(len(body.things)))]
    else:
        kind, maker = _draw_thing(rng, settings)
    pattern = str(rng.choice(list(PATTERNS), p=list(PATTERNS.values())))
    if kind == "crackle" and rng.random() < CRACKLES_ON:
        pattern = "swarm"
    length = min(left_s, float(np.exp(rng.uniform(np.log(2.0), np.log(20.0)))))
    if pattern == "swarm":
        return kind, _swarm(rng, settings, kind, left_s)
    if pattern == "once":
        times = [0.0]
    elif pattern == "cadence":
        times = _at_cadence(rng, length)
        if kind not in other.STRUCK and rng.random() < STEADY_SHARE:
            struck = [each for each in other.STRUCK if not settings.contact or each in other.TOUCHING]
            kind = struck[int(rng.integers(len(struck)))]
            maker = other.KINDS[kind](rng, settings.work_rate, settings.regime)
    elif pattern == "random":
        times = sorted(float(t) for t in rng.uniform(0.0, length, int(rng.integers(2, 7))))
    else:
        gap = float(np.exp(rng.uniform(np.log(0.008), np.log(0.3))))
        times = [gap * (i + 0.2 * float(rng.standard_normal())) for i in range(int(rng.integers(2, 8)))]
        if rng.random() < RUMMAGING:
            return "rummage", _rummage(rng, settings, times)
    return kind, [_moved(sound, max(time, 0.0)) for time in times for sound in maker(rng)]


def _rummage(rng: np.random.Generator, settings: Settings, times: list[float]) -> list[Sounding]:
    """Things handled: each sound of the burst comes from another one."""
    makers = [_draw_thing(rng, settings)[1] for _ in times]
    return [
        _moved(sound, max(time, 0.0), float(rng.normal(0.0, 4.0)))
        for maker, time in zip(makers, times, strict=True)
        for sound in maker(rng)[:1]
    ]


def _swarm(rng: np.random.Generator, settings: Settings, kind: str, left_s: float) -> list[Sounding]:
    """A fire, rain, typing or rummaging: several things of a kind, at random moments and levels, for long."""
    makers = [other.KINDS[kind](rng, settings.work_rate, settings.regime) for _ in range(int(rng.integers(2, 9)))]
    length = min(left_s, float(np.exp(rng.uniform(np.log(3.0), np.log(40.0)))))
    number = min(int(rng.poisson(length * np.exp(rng.uniform(np.log(0.7), np.log(9.0))))), 120)
    spread = float(rng.uniform(2.0, 13.0))
    sounds = []
    for time in np.sort(rng.uniform(0.0, length, number)):
        louder = float(rng.normal(0.0, spread))
        for sound in makers[int(rng.integers(len(makers)))](rng):
            sounds.append(_moved(sound, float(time), louder))
    return sounds


def _at_cadence(rng: np.random.Generator, length: float) -> list[float]:
    """The cadence of movements and, as often, the steadier and faster one of clocks and hands."""
    period = 1.0 / p.CADENCE.draw(rng) if rng.random() < 0.6 else float(rng.uniform(0.12, 1.0))
    jitter = p.CADENCE_JITTER.draw(rng) * period
    beats = np.arange(0.0, length, period)
    return sorted(float(max(t, 0.0)) for t in beats + rng.normal(0.0, jitter, len(beats)))


def _moved(sound: Sounding, seconds: float, louder_db: float = 0.0) -> Sounding:
    return replace(sound, delay_s=sound.delay_s + seconds, level_db=sound.level_db + louder_db)
