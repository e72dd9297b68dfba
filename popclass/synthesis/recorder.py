"""Recorder of a session: sounds and background at its levels, then processing, resampling, faults, clipping, coding.

Every step keeps the time axis to the sample, so that labels stay true: a label starts where the sound arrives at the
microphone. No step depends on the classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis.acoustics import Background, draw_acoustics
from popclass.synthesis.codecs import Encoding, code, draw_encoding
from popclass.synthesis.processing import PROCESSING, by_way_of, resample
from popclass.synthesis.settings import Settings
from popclass.synthesis.waves import FloatArray, Random, Signal, SynthSound, choose, convolve

MERGE_S = 0.005
SIDES = {1: (0,), 2: (-1, 1)}  # of the sensors, by their number
LEVEL_WINDOW_S = 0.010
# Sessions that pass another rate before the file, that rate, and the quality of the resampler (soxr): ASSUMPTION.
RESAMPLED = 0.15
RATES_ON_THE_WAY = (16000, 22050, 24000, 32000, 44100, 48000)
RESAMPLERS = {"QQ": 0.3, "LQ": 0.3, "HQ": 0.4}


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
    """One recording: float32 samples (n,), or (n, 2) of two sensors, in -1 to 1, rounded to the word length."""

    samples: Signal
    sample_rate: int
    recorded_at: datetime
    labels: tuple[Label, ...]


class Recorder:
    """Acoustics, background and processing of one session.

    Parameters
    ----------
    rng : numpy.random.Generator
    settings : Settings
    """

    def __init__(self, rng: Random, settings: Settings) -> None:
        self.rng, self.settings, self.rate = rng, settings, settings.work_rate
        self.responses = draw_acoustics(rng, settings)
        self.background = Background(rng, settings, self.responses["device"])
        self.lag_s, self.loss_db = p.SENSOR_LAG.draw(rng), p.SENSOR_LOSS.draw(rng)
        self.encoding: Encoding | None = None
        self.way: tuple[int, str] | None = None

    def set_level(self, levels: list[float]) -> None:
        """Draw the gain from the background (rms 1) to full scale, the encoding, and a rate on the way to the file.

        Parameters
        ----------
        levels : list of float
            Levels of all sounds of the session over the floor; the loudest gets a level drawn at random.
        """
        wanted = p.PEAK_LEVEL.draw(self.rng)
        if self.settings.processing == "clipping":
            wanted = self.rng.uniform(0.0, 14.0)
        loudest = max(levels, default=p.SNR.at(0.5)) + 16.0
        lowest = float(20.0 * np.log10(2.0 / 2 ** (self.settings.bits - 1)))  # two steps rms
        if self.settings.codec != "none":
            lowest = max(lowest, -66.0)  # a codec would mute less
        self.gain = 10.0 ** (min(max(wanted - loudest, lowest), -18.0) / 20.0)
        if self.settings.codec != "none":
            self.encoding = draw_encoding(self.rng, self.settings.codec, self.settings.sample_rate)
        if self.rng.random() < RESAMPLED:
            self.way = RATES_ON_THE_WAY[int(self.rng.integers(len(RATES_ON_THE_WAY)))], choose(self.rng, RESAMPLERS)

    def record(self, at: datetime, duration: float, plan: list[SynthSound]) -> GeneratedRecording:
        """Return one recording of a plan; `set_level` has been called."""
        channels, labels = zip(
            *(self._channel(duration, plan, side) for side in SIDES[self.settings.channels]), strict=True
        )
        samples = channels[0] if len(channels) == 1 else np.column_stack(channels)
        return GeneratedRecording(samples, self.settings.sample_rate, at, merge(labels[0]))

    def _channel(self, duration: float, plan: list[SynthSound], side: int) -> tuple[Signal, list[Label]]:
        """Return the samples of the sensor on one side, and the labels, which are the same for both."""
        rng, settings, rate = self.rng, self.settings, self.rate
        signal = self.background.render(int(duration * rate))
        signal *= np.float32(10.0 ** (rng.normal(0.0, 1.5) / 20.0))
        labels = [self._add_sound(signal, sound, side) for sound in plan if not sound.digital]
        signal *= np.float32(self.gain)
        if settings.processing in PROCESSING:
            signal = PROCESSING[settings.processing](rng, signal, rate)
        if self.way is not None:
            signal = by_way_of(signal, rate, *self.way)
        signal = resample(signal, rate, settings.sample_rate)
        signal += np.float32(self.background.offset)  # not before: the edges of a raised signal ring in the resampler
        labels += [self._add_fault(signal, sound) for sound in plan if sound.digital]
        signal = convert(rng, signal, settings.bits)
        if self.encoding is not None:
            signal = quantize(code(signal, settings.sample_rate, self.encoding), settings.bits)
        return signal, labels

    def _add_sound(self, signal: Signal, sound: SynthSound, side: int) -> Label:
        """Add one sound at its level and return its label; it is later and weaker at the farther of two sensors."""
        rate, far = self.rate, side * sound.side < 0
        wave = convolve(sound.wave, self.responses[sound.place])
        start, end = extent(wave, sound.release, rate)
        level_db = sound.level_db - (self.loss_db if far else 0.0)
        wave = wave * (10.0 ** (level_db / 20.0) / max(loudness(wave[start:], rate), 1e-12))
        onset = int(sound.time_s * rate)
        at = onset - start + (int(self.lag_s * rate) if far else 0)
        first, last = max(0, at), min(len(signal), at + len(wave))
        signal[first:last] += wave[first - at : last - at].astype(np.float32)
        stop = min(len(signal), onset + end - start)
        return Label(onset / rate, stop / rate, sound.label, sound.kind, sound.level_db, sound.cavity)

    def _add_fault(self, signal: Signal, sound: SynthSound) -> Label:
        """Add a fault of the recorder to the finished signal and return its label."""
        rate = self.settings.sample_rate
        at = int(sound.time_s * rate)
        energy = 10.0 ** (sound.level_db / 10.0) * LEVEL_WINDOW_S * rate
        wave = sound.wave * self.gain * math.sqrt(energy / float(np.sum(sound.wave**2)))
        stop = fault(signal, at - sound.release, sound.digital, wave)
        return Label(at / rate, stop / rate, sound.label, sound.kind, sound.level_db)


def loudness(wave: FloatArray, rate: int) -> float:
    """Return the rms of the first 10 ms, at least 12 dB below the loudest 10 ms, for sounds that swell."""
    size = max(1, int(LEVEL_WINDOW_S * rate))
    power = np.pad(wave**2, (0, -len(wave) % size)).reshape(-1, size).mean(axis=1)
    return math.sqrt(max(float(power[0]), float(power.max()) / 16.0))


def extent(wave: FloatArray, release: int, rate: int) -> tuple[int, int]:
    """Return the onset of a clean sound after its release, and the sample from which it stays 20 dB down.

    The onset is where it first reaches a tenth of the largest sample of the 20 ms after the release. For a sound that
    swells more slowly this is a matter of definition.
    """
    size = np.abs(wave[release:])
    start = int(np.argmax(size >= 0.1 * float(size[: max(1, int(0.020 * rate))].max())))
    end = int(np.flatnonzero(size >= 0.1 * float(size.max()))[-1]) + 1
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


def fault(signal: Signal, at: int, kind: str, wave: FloatArray) -> int:
    """Add a fault of the recorder to the signal, in place; return the sample after its end."""
    stop = min(len(signal), at + len(wave))
    if kind == "dropout":
        signal[at:stop] = 0.0
    elif kind == "stuck":
        signal[at:stop] = signal[at]
    else:
        signal[at:stop] += wave[: stop - at].astype(np.float32)
    return stop


def convert(rng: Random, signal: Signal, bits: int) -> Signal:
    """Return the signal after a converter of this many bits: its own noise, clipping and rounding."""
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    return quantize(signal + noise * np.float32(0.7 / 2 ** (bits - 1)), bits)


def quantize(signal: Signal, bits: int) -> Signal:
    """Clip at full scale and round to a word length."""
    steps = np.float32(2 ** (bits - 1))
    return np.clip(np.round(signal * steps), -steps, steps - 1).astype(np.float32) / steps
