"""Background: coloured noise, hum, a fan, traffic, distant voices. It is continuous and has no labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from popclass.synthesis import speech
from popclass.synthesis.acoustics import FILTER_SIZE, Acoustics, minimum_phase
from popclass.synthesis.settings import Settings
from popclass.synthesis.waves import Random, Regime

Signal = NDArray[np.float32]
SLOPES = {
    "white": (-1.0, 3.0),
    "pink": (-4.5, -1.5),
    "brown": (-9.0, -4.5),
    "webcam": (-9.0, -5.0),
    "traffic": (-7.0, -4.0),
}
_BLOCK = 1 << 15


class Background:
    """Background of one session.

    Parameters
    ----------
    rng : numpy.random.Generator
    settings : Settings
    acoustics : Acoustics
        Its device filters the background as it does the events.
    """

    def __init__(self, rng: Random, settings: Settings, acoustics: Acoustics) -> None:
        self.rate = settings.work_rate
        self.kind = settings.background
        f = np.maximum(np.fft.rfftfreq(FILTER_SIZE, 1.0 / self.rate), 10.0)
        low, high = SLOPES.get(self.kind, (-6.0, 0.0))
        gain = (f / 1000.0) ** (rng.uniform(low, high) / 6.02)
        if self.kind == "fan":
            gain *= 1.0 + rng.uniform(1.0, 8.0) * np.exp(-0.5 * (np.log2(f / rng.uniform(60, 600)) / 0.4) ** 2)
        device = np.abs(np.fft.rfft(acoustics.device, FILTER_SIZE))
        hiss = 10.0 ** (rng.uniform(-40.0, -12.0) / 20.0)
        colored = gain * device
        self.filter = minimum_phase(colored / np.sqrt(np.mean(colored**2)) + hiss).astype(np.float32)
        self.tones = self._draw_tones(rng)
        self.sway = float(rng.uniform(0.0, 0.5)) if self.kind in ("traffic", "fan", "webcam") else 0.0
        self.voices = _draw_syllables(rng, self.rate) if self.kind == "babble" else []
        self.voice_gain = float(rng.uniform(0.3, 1.6))
        self.offset = float(rng.choice([0.0, rng.uniform(-1.0, 1.0) * 10.0 ** rng.uniform(-3.0, -0.4)], p=[0.7, 0.3]))

    def _draw_tones(self, rng: Random) -> list[tuple[float, float]]:
        """Return frequencies and amplitudes: the mains and its harmonics, or the blades of a fan."""
        if self.kind not in ("hum", "fan") and rng.random() > 0.15:
            return []
        base = float(rng.choice([50.0, 60.0])) if self.kind != "fan" else float(rng.uniform(25.0, 240.0))
        level = 10.0 ** (rng.uniform(-20.0, 8.0 if self.kind == "hum" else -4.0) / 20.0)
        count = int(rng.integers(1, 9))
        return [(base * (i + 1), level * float(rng.uniform(0.1, 1.0)) / (i + 1) ** 0.7) for i in range(count)]

    def render(self, rng: Random, length: int) -> Signal:
        """Return `length` samples of background with an rms of 1 and a mean of 0."""
        noise = _filtered(rng, self.filter, length)
        noise /= np.float32(max(float(np.sqrt(np.mean(noise**2))), 1e-12))
        if self.sway > 0.0:
            noise *= _slow_gain(rng, self.rate, length, self.sway)
        for frequency, amplitude in self.tones:
            _add_tone(noise, 2.0 * np.pi * frequency / self.rate, amplitude, float(rng.uniform(0.0, 2.0 * np.pi)))
        if self.voices:
            self._add_voices(rng, noise)
        noise -= noise.mean()
        noise /= np.float32(np.sqrt(np.mean(noise**2)))
        return noise

    def _add_voices(self, rng: Random, noise: Signal) -> None:
        """Add several voices at once: syllables from a small pool at random moments."""
        talk = np.zeros(len(noise), dtype=np.float32)
        for start in rng.integers(0, len(noise), int(rng.uniform(6.0, 16.0) * len(noise) / self.rate)):
            voice = self.voices[int(rng.integers(len(self.voices)))]
            stop = min(len(noise), int(start) + len(voice))
            talk[start:stop] += np.float32(rng.uniform(0.2, 1.0)) * voice[: stop - int(start)]
        level = float(np.sqrt(np.mean(talk**2)))
        if level > 0.0:
            noise += talk * np.float32(self.voice_gain / level)


def _filtered(rng: Random, response: Signal, length: int) -> Signal:
    """Return filtered white noise, by overlapping blocks in single precision."""
    from scipy.fft import irfft, rfft

    overlap = len(response) - 1
    step = _BLOCK - overlap
    blocks = -(-length // step)
    white = rng.standard_normal(blocks * step + overlap, dtype=np.float32)
    transfer = rfft(response, _BLOCK)
    out = np.empty(blocks * step, dtype=np.float32)
    for i in range(blocks):
        piece = irfft(rfft(white[i * step : i * step + _BLOCK]) * transfer, _BLOCK)
        out[i * step : (i + 1) * step] = piece[overlap:]
    return out[:length]


def _slow_gain(rng: Random, rate: int, length: int, depth: float) -> Signal:
    """Return a gain that changes slowly at random."""
    knots = np.exp(depth * rng.standard_normal(2 + length // (2 * rate)))
    return np.interp(np.arange(length) / (2.0 * rate), np.arange(len(knots)), knots).astype(np.float32)


def _add_tone(signal: Signal, step: float, amplitude: float, phase: float) -> None:
    """Add a sine, block by block: a product of two phasors costs less than a sine a sample."""
    inner = np.exp(1j * step * np.arange(_BLOCK)).astype(np.complex64)
    for start in range(0, len(signal), _BLOCK):
        block = signal[start : start + _BLOCK]
        block += (inner[: len(block)] * np.complex64(amplitude * np.exp(1j * (phase + step * start)))).imag


def _draw_syllables(rng: Random, rate: int) -> list[Signal]:
    """Return a dozen syllables of distant voices."""
    kinds = [speech.voiced, speech.voiced, speech.voiced, speech.unvoiced] * 3
    levels = [1.0, 1.0, 1.0, 0.3] * 3
    return [
        (kind(rng, rate, Regime())(rng)[0].wave * level).astype(np.float32)
        for kind, level in zip(kinds, levels, strict=True)
    ]


def noise_floor_dbfs(bits: int, codec: str) -> float:
    """Return the lowest noise floor of a recording: two steps rms; -66 dBFS where a codec would mute less."""
    lowest = float(20.0 * np.log10(2.0 / 2 ** (bits - 1)))
    return lowest if codec == "none" else max(lowest, -66.0)
