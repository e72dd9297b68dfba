"""Processing of phones and video calls: gain control, noise suppression, conversion to another rate.

No step moves the time axis. All take signals of shape (n,) or (n, channels); the channels of one recording share the
gain control and the parameters.
"""

from __future__ import annotations

import numpy as np
import soxr
from scipy.fft import irfft, rfft
from scipy.signal import lfilter

from popclass.synthesis.waves import FloatArray, Random, Signal

NOISE_QUANTILE = 0.4  # of the power of each frequency over time: sounds that are rare do not raise it


def automatic_gain(rng: Random, signal: Signal, rate: int) -> Signal:
    """Apply automatic gain control: down fast, up slowly, within a limited range."""
    attack, release = rng.uniform(0.005, 0.1), rng.uniform(0.3, 3.0)
    reach, ratio = rng.uniform(6.0, 24.0), rng.uniform(0.3, 0.9)
    levels = _levels(signal, rate)
    wanted = np.clip(-ratio * (levels - np.mean(levels[1:])), -reach, reach)
    return _follow(signal, rate, wanted, attack, release)


def noise_gate(rng: Random, signal: Signal, rate: int) -> Signal:
    """Attenuate the signal where it is near the noise floor; open within milliseconds."""
    depth, threshold = rng.uniform(4.0, 18.0), rng.uniform(4.0, 14.0)
    opening, closing = rng.uniform(0.001, 0.01), rng.uniform(0.05, 0.4)
    levels = _levels(signal, rate)
    return _follow(signal, rate, np.where(levels > levels[0] + threshold, 0.0, -depth), closing, opening)


def noise_suppression(rng: Random, signal: Signal, rate: int) -> Signal:
    """Attenuate each frequency while it is near its noise floor, as phones and video calls do.

    A Wiener filter on overlapping frames (Boll 1979; Scalart & Filho 1996). With little smoothing over time it leaves
    musical noise. In some sessions automatic gain control follows, as in a call.
    """
    size = 2 * int(rate * rng.uniform(0.004, 0.016))
    excess, smoothing = rng.uniform(1.0, 4.0), rng.uniform(0.0, 0.8)
    lowest = 10.0 ** (-rng.uniform(6.0, 30.0) / 20.0)
    call = rng.random() < 0.4
    channels = [_suppress(x, size, excess, smoothing, lowest) for x in np.atleast_2d(signal.T)]
    suppressed = np.stack(channels, axis=-1).reshape(signal.shape)
    return automatic_gain(rng, suppressed, rate) if call else suppressed


PROCESSING = {"automatic gain": automatic_gain, "noise gate": noise_gate, "noise suppression": noise_suppression}


def _suppress(signal: Signal, size: int, excess: float, smoothing: float, lowest: float) -> Signal:
    """Filter one channel in frames of `size` samples at half overlap; `excess` is the noise power to subtract."""
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
    hop = size // 2
    padded = np.pad(signal, (hop, hop + -len(signal) % hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    spectra = rfft(frames * window)
    power = spectra.real**2 + spectra.imag**2
    # The mean of an exponential distribution from its quantile.
    noise = np.quantile(power, NOISE_QUANTILE, axis=0) / -np.log1p(-NOISE_QUANTILE) + 1e-12
    ratio = np.maximum(power / (excess * noise).astype(np.float32) - 1.0, 0.0)
    if smoothing:
        ratio = np.maximum(ratio, lfilter([1.0 - smoothing], [1.0, -smoothing], ratio, axis=0))
    filtered = irfft(spectra * np.maximum(ratio / (1.0 + ratio), lowest), size)[:, :size] * window
    out = np.zeros(len(padded), dtype=np.float32)
    out[: len(filtered) * hop] += filtered[:, :hop].reshape(-1)
    out[hop : hop + len(filtered) * hop] += filtered[:, hop:].reshape(-1)
    return out[hop : hop + len(signal)]


def resample(signal: Signal, rate: int, new_rate: int, quality: str = "HQ") -> Signal:
    """Return the signal at another rate, without delay."""
    return signal if rate == new_rate else np.asarray(soxr.resample(signal, rate, new_rate, quality=quality))


def by_way_of(signal: Signal, rate: int, other: int, quality: str) -> Signal:
    """Return the signal resampled to another rate and back, of the same length."""
    back = resample(resample(signal, rate, other, quality), other, rate, quality)[: len(signal)]
    return np.pad(back, [(0, len(signal) - len(back)), *[(0, 0)] * (signal.ndim - 1)])


def _levels(signal: Signal, rate: int) -> FloatArray:
    """Return the median level in dB, at which a gain control starts, and the level of each 5 ms."""
    block = max(1, rate // 200)
    squares = signal**2 if signal.ndim == 1 else np.mean(signal**2, axis=1)
    power = np.mean(np.pad(squares, (0, -len(squares) % block)).reshape(-1, block), axis=1)
    levels = np.asarray(10.0 * np.log10(power + 1e-12), dtype=np.float64)
    return np.concatenate([[np.median(levels)], levels])


def _follow(signal: Signal, rate: int, wanted: FloatArray, down_s: float, up_s: float) -> Signal:
    """Move the gain towards the one wanted for each level, with a time constant down and one up."""
    gains, gain = [], float(wanted[0])
    down, up = 1.0 - np.exp(-0.005 / down_s), 1.0 - np.exp(-0.005 / up_s)
    for target in wanted[1:].tolist():
        gains.append(gain)
        gain += (target - gain) * (down if target < gain else up)
    curve = np.interp(np.arange(len(signal)), np.arange(len(gains)) * max(1, rate // 200), gains)
    return (signal.T * 10.0 ** (curve / 20.0)).T.astype(np.float32)
