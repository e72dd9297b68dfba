"""Signals for tests: noise of a colour, clicks with a known onset and level."""

import numpy as np


def noise(rng, seconds, rate=48000, colour="white"):
    """Stationary noise of unit rms."""
    size = round(seconds * rate)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    slope = {"white": 0.0, "pink": 0.5, "brown": 1.0}[colour]
    spectrum /= np.maximum(np.fft.rfftfreq(size, 1 / rate), 20.0) ** slope
    signal = np.fft.irfft(spectrum, size)
    return signal / signal.std()


def click(rng, rate=48000, *, hertz=(900, 6000), fall_ms=(1, 5)):
    """A damped sine that falls by 20 dB in `fall_ms`; unit rms over its first 10 ms."""
    time = np.arange(round(0.03 * rate)) / rate
    tau = rng.uniform(*fall_ms) / 1000 / np.log(10)
    wave = np.sin(2 * np.pi * rng.uniform(*hertz) * time + rng.uniform(0, 2 * np.pi)) * np.exp(-time / tau)
    return wave / np.sqrt(np.mean(wave[: rate // 100] ** 2))


def with_clicks(background, rng, snr_db, rate=48000, every_s=0.5, **kind):
    """The background with a click about every half second, and the onsets in samples."""
    signal = background.copy()
    onsets = np.arange(every_s, len(signal) / rate - every_s, every_s) + rng.uniform(-0.1, 0.1)
    onsets = np.round(onsets * rate).astype(int)
    for onset in onsets:
        wave = click(rng, rate, **kind)
        signal[onset : onset + len(wave)] += wave * 10 ** (snr_db / 20)
    return signal, onsets


def matched(found, true, tolerance):
    """How many true onsets have a found one near, how many found ones are near a true one, and the errors."""
    found, true = np.asarray(found), np.asarray(true)
    if not len(found):
        return 0, 0, np.zeros(0)
    error = found[np.abs(found[None] - true[:, None]).argmin(axis=1)] - true
    near = np.abs(found[:, None] - true[None]).min(axis=1) <= tolerance
    return int((np.abs(error) <= tolerance).sum()), int(near.sum()), error[np.abs(error) <= tolerance]
