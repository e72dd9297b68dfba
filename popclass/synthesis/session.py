"""Labelled sessions: one subject, site and sensor, several recordings within an hour, in memory.

The sounds of a session (`plan`) are drawn apart from its acoustics and processing (`settings`), so that neither depends
on the other. A label starts where the sound arrives at the microphone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from popclass.synthesis import parameters as p
from popclass.synthesis import processing
from popclass.synthesis.acoustics import Acoustics, draw_acoustics
from popclass.synthesis.background import Background, noise_floor_dbfs
from popclass.synthesis.plan import PlannedSound, Planner, draw_duration, draw_program, draw_starts
from popclass.synthesis.settings import Settings
from popclass.synthesis.waves import FloatArray, Random

Signal = NDArray[np.float32]

MERGE_S = 0.005
LEVEL_WINDOW_S = 0.010


@dataclass(frozen=True, slots=True)
class Label:
    """One event of a recording.

    Attributes
    ----------
    start_s, end_s : float
        Arrival of the sound, and where it has fallen by 20 dB.
    label : str
        `cavitation`, `snapping` or `other`.
    kind : str
        Kind of source.
    snr_db : float
        Level of its first 10 ms over the floor, as drawn, before gain control and clipping.
    cavity : int or None
        Number of the joint cavity.
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


def generate_session(rng: Random, settings: Settings) -> Session:
    """Generate one session; the same generator state and settings give the same samples and labels.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all random numbers.
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
    # The order of the draws is part of the generator: another order gives other sessions.
    program = draw_program(rng)
    subject = f"s{int(rng.integers(2**32)):08x}"
    planner = Planner(rng, settings, program)
    acoustics = draw_acoustics(rng, settings)
    background = Background(rng, settings, acoustics)
    starts = draw_starts(rng)
    seconds = int(rng.integers(2 * 365)) * 86400 + int(rng.integers(43200))
    day = datetime(2024, 1, 1, 8, tzinfo=UTC) + timedelta(seconds=seconds)
    plans = []
    for start in starts:
        duration = draw_duration(rng)
        plans.append((start, duration, planner.plan(start, duration)))
    gain = _draw_gain(rng, settings, [sound.snr_db for _, _, plan in plans for sound in plan])
    recorder = _Recorder(settings, acoustics, background, gain, float(rng.uniform(0.3, 1.0)))
    recordings = []
    for start, duration, plan in plans:
        samples, labels = recorder.record(rng, duration, plan)
        at = (day + timedelta(seconds=start)).replace(microsecond=0)
        recordings.append(GeneratedRecording(samples, settings.sample_rate, at, labels))
    return Session(settings, subject, tuple(recordings))


def _draw_gain(rng: Random, settings: Settings, levels: list[float]) -> float:
    """Return the gain from the background (rms 1) to full scale; the loudest sound gets a level drawn at random."""
    loudest = max(levels, default=p.SNR.at(0.5)) + 16.0
    wanted = p.PEAK_LEVEL.draw(rng)
    if settings.processing == "clipping":
        wanted = float(rng.uniform(0.0, 14.0))
    floor = max(wanted - loudest, noise_floor_dbfs(settings.bits, settings.codec))
    return float(10.0 ** (min(floor, -18.0) / 20.0))


@dataclass(frozen=True, slots=True)
class _Recorder:
    settings: Settings
    acoustics: Acoustics
    background: Background
    gain: float
    quality: float

    def record(self, rng: Random, duration: float, plan: list[PlannedSound]) -> tuple[Signal, tuple[Label, ...]]:
        """Return the samples and labels of one recording."""
        settings, rate = self.settings, self.settings.work_rate
        signal = self.background.render(rng, int(duration * rate))
        signal *= np.float32(10.0 ** (rng.normal(0.0, 1.5) / 20.0))
        labels = [self._add_sound(signal, sound) for sound in plan if not sound.sound.digital]
        signal *= np.float32(self.gain)
        if settings.processing == "automatic gain":
            signal = processing.automatic_gain(rng, signal, rate)
        elif settings.processing == "noise gate":
            signal = processing.noise_gate(rng, signal, rate)
        signal = processing.resample(signal, rate, settings.sample_rate)
        signal += np.float32(self.background.offset)  # not before: the edges of a raised signal ring in the resampler
        labels += [self._add_fault(signal, sound) for sound in plan if sound.sound.digital]
        signal = processing.convert(rng, signal, settings.bits)
        if settings.codec != "none":
            signal = processing.code(signal, settings.sample_rate, settings.codec, self.quality)
            signal = processing.quantize(signal, settings.bits)
        return signal, merge(labels)

    def _add_sound(self, signal: Signal, planned: PlannedSound) -> Label:
        """Add one sound at its level and return its label."""
        rate, sound = self.settings.work_rate, planned.sound
        wave = self.acoustics.record(sound.wave, planned.place)
        start, end = extent(wave, sound.release, rate)
        wave = wave * (10.0 ** (planned.snr_db / 20.0) / max(loudness(wave[start:], rate), 1e-12))
        onset = int(planned.time_s * rate)
        at = onset - start
        first, last = max(0, at), min(len(signal), at + len(wave))
        signal[first:last] += wave[first - at : last - at].astype(np.float32)
        stop = min(len(signal), onset + end - start)
        return Label(onset / rate, stop / rate, planned.label, planned.kind, planned.snr_db, sound.cavity)

    def _add_fault(self, signal: Signal, planned: PlannedSound) -> Label:
        """Add a fault of the recorder to the finished signal and return its label."""
        rate = self.settings.sample_rate
        at = int(planned.time_s * rate)
        energy = 10.0 ** (planned.snr_db / 10.0) * LEVEL_WINDOW_S * rate
        wave = planned.sound.wave * self.gain * math.sqrt(energy / float(np.sum(planned.sound.wave**2)))
        stop = processing.fault(signal, at - planned.sound.release, planned.sound.digital, wave)
        return Label(at / rate, stop / rate, planned.label, planned.kind, planned.snr_db)


def loudness(wave: FloatArray, rate: int) -> float:
    """Return the rms of the first 10 ms, at least 12 dB below the loudest 10 ms, for sounds that swell."""
    size = max(1, int(LEVEL_WINDOW_S * rate))
    count = -(-len(wave) // size)
    power = np.zeros(count * size)
    power[: len(wave)] = wave**2
    windows = power.reshape(count, size).mean(axis=1)
    return math.sqrt(max(float(windows[0]), float(windows.max()) / 16.0))


def extent(wave: FloatArray, release: int, rate: int) -> tuple[int, int]:
    """Return the onset of a clean sound after its release, and the sample from which it stays 20 dB down.

    The onset is where it first reaches a tenth of the largest sample of the 20 ms after the release. For a sound that
    swells more slowly this is a matter of definition.
    """
    size = np.abs(wave[release:])
    near = float(size[: max(1, int(0.020 * rate))].max())
    start = int(np.argmax(size >= 0.1 * near)) if near > 0.0 else 0
    above = np.flatnonzero(size >= 0.1 * float(size.max()))
    end = int(above[-1]) + 1 if len(above) else len(size)
    return release + start, release + max(end, start + int(0.001 * rate))


def merge(labels: list[Label]) -> tuple[Label, ...]:
    """Return the labels in order: onsets within 5 ms are one label, and none overlaps the next."""
    merged: list[Label] = []
    for label in sorted(labels, key=lambda label: label.start_s):
        if merged and label.start_s - merged[-1].start_s < MERGE_S:
            last = merged.pop()
            louder = label if label.snr_db > last.snr_db else last
            label = replace(louder, start_s=last.start_s, end_s=max(last.end_s, label.end_s))
        merged.append(label)
    limits = [*(following.start_s for following in merged[1:]), math.inf]
    return tuple(replace(x, end_s=min(x.end_s, limit)) for x, limit in zip(merged, limits, strict=False))
