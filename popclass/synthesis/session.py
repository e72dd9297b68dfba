"""Labelled sessions: one subject, site and sensor, several recordings over an hour, in memory.

What is done in a session (`PROGRAMMES`) is drawn apart from where and how it is recorded (`settings`), so that neither
tells of the other. In every recording gestures follow each other: a thrust with its pops, a movement with its snaps, or
something else once, repeatedly or in a burst. Cavities live as long as the session: one that has cavitated stays silent
for its refractory period, a few percent excepted. A label row starts where the sound arrives at the microphone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from popclass.results import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import cavitation, other, processing, snapping
from popclass.synthesis import parameters as p
from popclass.synthesis.background import Background, noise_floor_dbfs
from popclass.synthesis.settings import Settings, level_range
from popclass.synthesis.waves import FloatArray, Sounding
from popclass.synthesis.world import World, build_world
from popclass.timing.sites import SITES

Signal = NDArray[np.float32]

MERGE_S = 0.005
APART_S = 0.03
HOUR_S = 3600.0
LEVEL_WINDOW_S = 0.010

# Which classes a session holds and how often: ASSUMPTION.
PROGRAMMES: dict[tuple[str, ...], float] = {
    (OTHER,): 0.14,
    (SNAPPING,): 0.07,
    (CAVITATION,): 0.16,
    (SNAPPING, OTHER): 0.13,
    (CAVITATION, OTHER): 0.22,
    (CAVITATION, SNAPPING): 0.12,
    (CAVITATION, SNAPPING, OTHER): 0.16,
}


@dataclass(frozen=True, slots=True)
class Label:
    """One event of a recording.

    Attributes
    ----------
    start_s, end_s : float
        Arrival of the sound and where it has fallen by 20 dB.
    label : str
        `cavitation`, `snapping` or `other`.
    kind : str
        What made it.
    snr_db : float
        Level of its first 10 ms over the floor, as drawn, before gain control and clipping.
    cavity : int or None
        Which joint cavity.
    """

    start_s: float
    end_s: float
    label: str
    kind: str
    snr_db: float
    cavity: int | None = None


@dataclass(frozen=True, slots=True)
class GeneratedRecording:
    """One recording: float32 samples (n,) in -1 to 1, already rounded to the session's word length."""

    samples: Signal
    sample_rate: int
    recorded_at: datetime
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """All recordings of one subject at one site with one sensor."""

    settings: Settings
    subject: str
    recordings: tuple[GeneratedRecording, ...]

    @property
    def site(self) -> str:
        """Name of the site."""
        return self.settings.site

    @property
    def sensor(self) -> str:
        """Kind of sensor."""
        return self.settings.sensor


@dataclass(frozen=True, slots=True)
class _Planned:
    """A sound with its place on the time axis of one recording."""

    time_s: float
    sound: Sounding
    label: str
    kind: str
    place: str
    snr_db: float


@dataclass(slots=True)
class _Body:
    """What lasts through a session: the cavities and when each is free again, tendons and things at hand."""

    cavities: list[cavitation.Cavity]
    free_at: list[float]
    again: float
    tendons: list[snapping.Tendon]
    things: list[tuple[str, other.Maker]]


def generate_session(rng: np.random.Generator, settings: Settings) -> Session:
    """Generate one session; the same generator state and settings give the same samples and labels.

    Parameters
    ----------
    rng : numpy.random.Generator
        Its only source of chance.
    settings : Settings
        From `draw_settings`, or made by hand.

    Examples
    --------
    >>> import numpy as np
    >>> from popclass.synthesis import draw_settings, generate_session
    >>> rng = np.random.default_rng(1)
    >>> session = generate_session(rng, draw_settings(rng))
    >>> session.recordings[0].samples.dtype
    dtype('float32')
    """
    programme = list(PROGRAMMES)[int(rng.choice(len(PROGRAMMES), p=list(PROGRAMMES.values())))]
    subject = f"s{int(rng.integers(2**32)):08x}"
    body = _draw_body(rng, settings)
    world = build_world(rng, settings)
    background = Background(rng, settings, world)
    starts = _starts(rng)
    day = datetime(2024, 1, 1, 8, tzinfo=UTC) + timedelta(
        seconds=int(rng.integers(2 * 365)) * 86400 + int(rng.integers(43200))
    )
    plans = []
    for start in starts:
        duration = float(rng.uniform(10.0, 40.0) if rng.random() < 0.5 else rng.uniform(10.0, 18.0))
        plans.append((start, duration, _plan(rng, settings, programme, body, start, duration)))
    gain = _gain(rng, settings, [sound.snr_db for _, _, plan in plans for sound in plan])
    recorder = _Recorder(settings, world, background, gain, float(rng.uniform(0.3, 1.0)))
    recordings = []
    for start, duration, plan in plans:
        samples, labels = recorder.record(rng, duration, plan)
        at = (day + timedelta(seconds=start)).replace(microsecond=0)
        recordings.append(GeneratedRecording(samples, settings.sample_rate, at, labels))
    return Session(settings, subject, tuple(recordings))


# --- what happens -----------------------------------------------------------------------------------------------------


def _starts(rng: np.random.Generator) -> list[float]:
    """When the recordings start, in whole seconds within an hour, a minute apart at least."""
    count = int(rng.integers(3, 9))
    free = HOUR_S - 60.0 * count
    return [float(round(t + 60.0 * i)) for i, t in enumerate(np.sort(rng.uniform(0.0, free, count)))]


def _draw_body(rng: np.random.Generator, settings: Settings) -> _Body:
    count = SITES[settings.site].cavities
    regime = settings.regime
    return _Body(
        cavities=[cavitation.draw_cavity(rng, number, regime) for number in range(count)],
        free_at=[0.0 if rng.random() < 0.85 else float(rng.uniform(0.0, 1500.0)) for _ in range(count)],
        again=p.SECOND_CAVITATION.draw(rng),
        tendons=[snapping.draw_tendon(rng, regime, contact=settings.contact) for _ in range(int(rng.integers(1, 4)))],
        things=[_draw_thing(rng, settings) for _ in range(int(rng.integers(2, 6)))],
    )


def _draw_thing(rng: np.random.Generator, settings: Settings) -> tuple[str, other.Maker]:
    kinds = list(other.KINDS)
    if settings.contact and rng.random() < 0.6:
        kinds = list(other.TOUCHING)
    kind = kinds[int(rng.integers(len(kinds)))]
    return kind, other.KINDS[kind](rng, settings.work_rate, settings.regime)


def _plan(
    rng: np.random.Generator,
    settings: Settings,
    programme: tuple[str, ...],
    body: _Body,
    start: float,
    duration: float,
) -> list[_Planned]:
    """All sounds of one recording in order, none within `APART_S` of one of another gesture."""
    count = int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.12, 0.22, 0.24, 0.2, 0.13, 0.09]))
    kept: list[_Planned] = []
    for _ in range(count):
        begin = float(rng.uniform(0.3, duration - 1.0))
        for sound in _gesture(rng, settings, programme, body, start, begin, duration):
            within = 0.05 < sound.time_s < duration - 0.3
            if within and all(
                abs(sound.time_s - earlier.time_s) > APART_S for earlier in kept if earlier.kind != sound.kind
            ):
                kept.append(sound)
    return sorted(kept, key=lambda sound: sound.time_s)


def _gesture(
    rng: np.random.Generator,
    settings: Settings,
    programme: tuple[str, ...],
    body: _Body,
    start: float,
    begin: float,
    duration: float,
) -> list[_Planned]:
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
        place = str(rng.choice(["joint", "object", "elsewhere"], p=[0.4, 0.4, 0.2]))
    return [
        _Planned(begin + s.delay_s, s, label, kind, place, float(np.clip(base + s.level_db, lowest, highest)))
        for s in sounds
    ]


def _thrusts(rng: np.random.Generator, settings: Settings, body: _Body, now: float, left_s: float) -> list[Sounding]:
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


def _free_cavities(rng: np.random.Generator, settings: Settings, body: _Body, now: float) -> list[cavitation.Cavity]:
    """The cavities one thrust makes pop, marked as used for their refractory period."""
    wanted = cavitation.pops_in_thrust(rng, settings.site)
    order = rng.permutation(len(body.cavities))
    chosen = [int(i) for i in order if body.free_at[i] <= now][:wanted]
    for i in chosen:
        period = p.REFRACTORY.draw(rng)
        body.free_at[i] = now if rng.random() < body.again else now + period
    return [body.cavities[i] for i in chosen]


def _movement(rng: np.random.Generator, settings: Settings, body: _Body, left_s: float) -> list[Sounding]:
    """Snaps of a tendon (or of two in turn) as the movement goes on."""
    length = min(left_s, float(np.exp(rng.uniform(np.log(2.0), np.log(20.0)))))
    tendons = [body.tendons[int(rng.integers(len(body.tendons)))] for _ in range(1 if rng.random() < 0.85 else 2)]
    times = snapping.moments(rng, length)
    sounds = [snapping.snap(rng, settings.work_rate, tendons[i % len(tendons)]) for i in range(len(times))]
    return [_moved(sound, time) for sound, time in zip(sounds, times, strict=True)]


def _something(rng: np.random.Generator, settings: Settings, body: _Body, left_s: float) -> tuple[str, list[Sounding]]:
    """Another sound: of a thing at hand, once, at a cadence, at random, or as a burst of quick repeats."""
    if rng.random() < 0.7:
        kind, maker = body.things[int(rng.integers(len(body.things)))]
    else:
        kind, maker = _draw_thing(rng, settings)
    pattern = str(rng.choice(["once", "cadence", "random", "quick"], p=[0.35, 0.3, 0.2, 0.15]))
    length = min(left_s, float(np.exp(rng.uniform(np.log(2.0), np.log(20.0)))))
    if pattern == "once":
        times = [0.0]
    elif pattern == "cadence":
        times = _at_cadence(rng, length)
    elif pattern == "random":
        times = sorted(float(t) for t in rng.uniform(0.0, length, int(rng.integers(2, 7))))
    else:
        gap = float(np.exp(rng.uniform(np.log(0.02), np.log(0.3))))
        times = [gap * (i + 0.2 * float(rng.standard_normal())) for i in range(int(rng.integers(2, 8)))]
    return kind, [_moved(sound, max(time, 0.0)) for time in times for sound in maker(rng)]


def _at_cadence(rng: np.random.Generator, length: float) -> list[float]:
    """The cadence of movements and, as often, the steadier and faster one of clocks and hands."""
    period = 1.0 / p.CADENCE.draw(rng) if rng.random() < 0.6 else float(rng.uniform(0.12, 1.0))
    jitter = p.CADENCE_JITTER.draw(rng) * period
    beats = np.arange(0.0, length, period)
    return sorted(float(max(t, 0.0)) for t in beats + rng.normal(0.0, jitter, len(beats)))


def _moved(sound: Sounding, seconds: float) -> Sounding:
    return Sounding(sound.wave, sound.release, sound.delay_s + seconds, sound.level_db, sound.cavity, sound.digital)


# --- how it is recorded -----------------------------------------------------------------------------------------------


def _gain(rng: np.random.Generator, settings: Settings, levels: list[float]) -> float:
    """From the scale of the background (rms 1) to full scale: the loudest sound at a level drawn for the session."""
    loudest = max(levels, default=p.SNR.at(0.5)) + 16.0
    wanted = p.PEAK_LEVEL.draw(rng)
    if settings.processing == "clipping":
        wanted = float(rng.uniform(0.0, 14.0))
    floor = max(wanted - loudest, noise_floor_dbfs(settings.bits, settings.codec))
    return float(10.0 ** (min(floor, -18.0) / 20.0))


@dataclass(frozen=True, slots=True)
class _Recorder:
    settings: Settings
    world: World
    background: Background
    gain: float
    quality: float

    def record(
        self, rng: np.random.Generator, duration: float, plan: list[_Planned]
    ) -> tuple[Signal, tuple[Label, ...]]:
        settings, rate = self.settings, self.settings.work_rate
        signal = self.background.render(rng, int(duration * rate))
        signal *= np.float32(10.0 ** (rng.normal(0.0, 1.5) / 20.0))
        labels = [self._mix(signal, sound) for sound in plan if not sound.sound.digital]
        signal *= np.float32(self.gain)
        if settings.processing == "automatic gain":
            signal = processing.automatic_gain(rng, signal, rate)
        elif settings.processing == "noise gate":
            signal = processing.noise_gate(rng, signal, rate)
        signal += np.float32(self.background.offset)
        signal = processing.resample(signal, rate, settings.sample_rate)
        labels += [self._break(signal, sound) for sound in plan if sound.sound.digital]
        signal = processing.convert(rng, signal, settings.bits)
        if settings.codec != "none":
            signal = processing.code(signal, settings.sample_rate, settings.codec, self.quality)
            signal = processing.quantise(signal, settings.bits)
        return signal, merge(labels)

    def _mix(self, signal: Signal, planned: _Planned) -> Label:
        """Add one sound at its level and say where it arrived."""
        rate, sound = self.settings.work_rate, planned.sound
        wave = self.world.hear(sound.wave, planned.place)
        start, end = extent(wave, sound.release, rate)
        wave = wave * (10.0 ** (planned.snr_db / 20.0) / max(loudness(wave[start:], rate), 1e-12))
        onset = int(planned.time_s * rate)
        place = onset - start
        first, last = max(0, place), min(len(signal), place + len(wave))
        signal[first:last] += wave[first - place : last - place].astype(np.float32)
        stop = min(len(signal), onset + end - start)
        return Label(onset / rate, stop / rate, planned.label, planned.kind, planned.snr_db, sound.cavity)

    def _break(self, signal: Signal, planned: _Planned) -> Label:
        """A fault of the recorder, on the finished signal."""
        rate = self.settings.sample_rate
        at = int(planned.time_s * rate)
        energy = 10.0 ** (planned.snr_db / 10.0) * LEVEL_WINDOW_S * rate
        wave = planned.sound.wave * self.gain * math.sqrt(energy / float(np.sum(planned.sound.wave**2)))
        stop = processing.fault(signal, at - planned.sound.release, planned.sound.digital, wave)
        return Label(at / rate, stop / rate, planned.label, planned.kind, planned.snr_db)


def loudness(wave: FloatArray, rate: int) -> float:
    """Rms of the first 10 ms, but not less than 12 dB under the loudest 10 ms, for sounds that swell."""
    size = max(1, int(LEVEL_WINDOW_S * rate))
    count = -(-len(wave) // size)
    power = np.zeros(count * size)
    power[: len(wave)] = wave**2
    windows = power.reshape(count, size).mean(axis=1)
    return math.sqrt(max(float(windows[0]), float(windows.max()) / 16.0))


def extent(wave: FloatArray, release: int, rate: int) -> tuple[int, int]:
    """Where a clean sound sets in after its release, and where it has fallen by 20 dB for good.

    It sets in where it first reaches a tenth of the largest sample of the 20 ms after the release; the beginning of a
    sound that swells more slowly is a matter of definition, and this is it.
    """
    size = np.abs(wave[release:])
    near = float(size[: max(1, int(0.020 * rate))].max())
    start = int(np.argmax(size >= 0.1 * near)) if near > 0.0 else 0
    above = np.flatnonzero(size >= 0.1 * float(size.max()))
    end = int(above[-1]) + 1 if len(above) else len(size)
    return release + start, release + max(end, start + int(0.001 * rate))


def merge(labels: list[Label]) -> tuple[Label, ...]:
    """In order, sounds that set in within 5 ms of each other as one, and none reaching into the next."""
    merged: list[Label] = []
    for label in sorted(labels, key=lambda label: label.start_s):
        if merged and label.start_s - merged[-1].start_s < MERGE_S:
            last = merged.pop()
            louder = label if label.snr_db > last.snr_db else last
            label = Label(
                last.start_s, max(last.end_s, label.end_s), louder.label, louder.kind, louder.snr_db, louder.cavity
            )
        merged.append(label)
    ends = [following.start_s for following in merged[1:]] + [math.inf]
    return tuple(
        Label(x.start_s, min(x.end_s, end), x.label, x.kind, x.snr_db, x.cavity)
        for x, end in zip(merged, ends[: len(merged)], strict=True)
    )
