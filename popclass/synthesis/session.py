"""Labelled sessions: one subject, site and sensor, several recordings over an hour, in memory.

What happens in a session (`plan`) is drawn apart from where and how it is recorded (`settings`), so that neither tells
of the other. Here the sounds of a plan come through room and device onto a recording. A label row starts where the
sound arrives at the microphone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from popclass.synthesis import parameters as p
from popclass.synthesis import processing
from popclass.synthesis.acoustics import World, build_world
from popclass.synthesis.background import Background, noise_floor_dbfs
from popclass.synthesis.plan import Planned, draw_body, draw_duration, draw_programme, draw_starts, plan_recording
from popclass.synthesis.settings import Settings
from popclass.synthesis.waves import FloatArray

Signal = NDArray[np.float32]

MERGE_S = 0.005
LEVEL_WINDOW_S = 0.010


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
    programme = draw_programme(rng)
    subject = f"s{int(rng.integers(2**32)):08x}"
    body = draw_body(rng, settings)
    world = build_world(rng, settings)
    background = Background(rng, settings, world)
    starts = draw_starts(rng)
    day = datetime(2024, 1, 1, 8, tzinfo=UTC) + timedelta(
        seconds=int(rng.integers(2 * 365)) * 86400 + int(rng.integers(43200))
    )
    plans = []
    for start in starts:
        duration = draw_duration(rng)
        plans.append((start, duration, plan_recording(rng, settings, programme, body, start, duration)))
    gain = _gain(rng, settings, [sound.snr_db for _, _, plan in plans for sound in plan])
    recorder = _Recorder(settings, world, background, gain, float(rng.uniform(0.3, 1.0)))
    recordings = []
    for start, duration, plan in plans:
        samples, labels = recorder.record(rng, duration, plan)
        at = (day + timedelta(seconds=start)).replace(microsecond=0)
        recordings.append(GeneratedRecording(samples, settings.sample_rate, at, labels))
    return Session(settings, subject, tuple(recordings))


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
        self, rng: np.random.Generator, duration: float, plan: list[Planned]
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
        signal = processing.resample(signal, rate, settings.sample_rate)
        signal += np.float32(self.background.offset)  # not before: the edges of a raised signal ring in the resampler
        labels += [self._break(signal, sound) for sound in plan if sound.sound.digital]
        signal = processing.convert(rng, signal, settings.bits)
        if settings.codec != "none":
            signal = processing.code(signal, settings.sample_rate, settings.codec, self.quality)
            signal = processing.quantise(signal, settings.bits)
        return signal, merge(labels)

    def _mix(self, signal: Signal, planned: Planned) -> Label:
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

    def _break(self, signal: Signal, planned: Planned) -> Label:
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
