"""Processing by a recorder: gain control, resampling, faults, clipping, word length, lossy coding.

Every step keeps the time axis to the sample, so that labels stay true. None depends on the classes.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from popclass.synthesis.waves import Random

Signal = NDArray[np.float32]


def automatic_gain(rng: Random, signal: Signal, rate: int) -> Signal:
    """Apply automatic gain control: down fast, up slowly, within a limited range."""
    attack, release = float(rng.uniform(0.005, 0.1)), float(rng.uniform(0.3, 3.0))
    reach, ratio = float(rng.uniform(6.0, 24.0)), float(rng.uniform(0.3, 0.9))
    return _follow(signal, rate, attack, release, lambda level: min(max(-ratio * level, -reach), reach))


def noise_gate(rng: Random, signal: Signal, rate: int) -> Signal:
    """Attenuate the signal where it is near the noise floor; open within milliseconds."""
    depth, threshold = float(rng.uniform(4.0, 18.0)), float(rng.uniform(4.0, 14.0))
    levels = _levels(signal, rate)
    floor, mean = float(np.median(levels)), float(np.mean(levels))
    opening, closing = float(rng.uniform(0.001, 0.01)), float(rng.uniform(0.05, 0.4))
    return _follow(signal, rate, closing, opening, lambda level: 0.0 if level + mean > floor + threshold else -depth)


def _levels(signal: Signal, rate: int) -> NDArray[np.float64]:
    """Return the level of each 5 ms in dB."""
    block = max(1, rate // 200)
    count = -(-len(signal) // block)
    padded = np.zeros(count * block, dtype=np.float32)
    padded[: len(signal)] = signal
    return np.asarray(10.0 * np.log10(np.mean(padded.reshape(count, block) ** 2, axis=1) + 1e-12), dtype=np.float64)


def _follow(signal: Signal, rate: int, down_s: float, up_s: float, wanted: Callable[[float], float]) -> Signal:
    """Move the gain towards the one wanted for the level of each 5 ms, with a time constant down and one up."""
    levels = _levels(signal, rate)
    mean, gains = float(np.mean(levels)), []
    gain = wanted(float(np.median(levels)) - mean)
    down, up = 1.0 - np.exp(-0.005 / down_s), 1.0 - np.exp(-0.005 / up_s)
    for level in levels.tolist():
        gains.append(gain)
        target = wanted(level - mean)
        gain += (target - gain) * (down if target < gain else up)
    block = max(1, rate // 200)
    curve = np.interp(np.arange(len(signal)), np.arange(len(gains)) * block, gains)
    return (signal * 10.0 ** (curve / 20.0)).astype(np.float32)


def resample(signal: Signal, rate: int, new_rate: int) -> Signal:
    """Return the signal at another rate, without delay."""
    if rate == new_rate:
        return signal
    import soxr

    return np.asarray(soxr.resample(signal, rate, new_rate, quality="HQ"), dtype=np.float32)


def fault(signal: Signal, at: int, kind: str, wave: NDArray[np.float64]) -> int:
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
    noise = rng.standard_normal(len(signal), dtype=np.float32)
    return quantize(signal + noise * np.float32(0.7 / 2 ** (bits - 1)), bits)


def quantize(signal: Signal, bits: int) -> Signal:
    """Clip at full scale and round to a word length."""
    steps = np.float32(2 ** (bits - 1))
    return np.clip(np.round(signal * steps), -steps, steps - 1).astype(np.float32) / steps


def code(signal: Signal, rate: int, codec: str, quality: float) -> Signal:
    """Return the signal encoded and decoded by a lossy codec, at the same length; `quality` is 0-1."""
    if codec == "none":
        return signal
    coded = _aac(signal, rate, quality) if codec == "aac" else _by_soundfile(signal, rate, codec, quality)
    out = np.zeros(len(signal), dtype=np.float32)
    out[: min(len(out), len(coded))] = coded[: len(out)]
    return out


def _by_soundfile(signal: Signal, rate: int, codec: str, quality: float) -> Signal:
    import soundfile as sf

    form, subtype = ("MP3", "MPEG_LAYER_III") if codec == "mp3" else ("OGG", "OPUS")
    memory = io.BytesIO()
    with sf.SoundFile(memory, "w", rate, 1, subtype, format=form, compression_level=min(0.95, 1.0 - quality)) as stream:
        stream.write(signal)
    memory.seek(0)
    return np.asarray(sf.read(memory, dtype="float32")[0])


def _aac(signal: Signal, rate: int, quality: float) -> Signal:
    import av

    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=rate, options={"aac_coder": "fast"}, layout="mono")
        stream.bit_rate = int(min(6 * rate, 40_000 + quality * 120_000))
        for start in range(0, len(signal), 1024):
            block = np.ascontiguousarray(signal[None, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    memory.seek(0)
    with av.open(memory, "r") as coded:
        return np.concatenate([frame.to_ndarray()[0] for frame in coded.decode(audio=0)]).astype(np.float32)
