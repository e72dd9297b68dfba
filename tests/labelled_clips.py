"""Synthetic clips of three classes."""

import numpy as np

RATE = 16_000


def noise(seconds, seed):
    return np.random.default_rng(seed).normal(0, 1e-3, round(seconds * RATE))


def ring(hertz, decay_s, level=0.5):
    t = np.arange(round(0.06 * RATE)) / RATE
    return level * np.exp(-t / decay_s) * np.sin(2 * np.pi * hertz * t)


def put(wave, at_s, sound):
    start = round(at_s * RATE)
    wave[start : start + len(sound)] += sound
    return wave


def clip(kind, seed):
    """A clip with one sound of a kind, and a quieter one before it."""
    rng = np.random.default_rng(seed)
    hertz, decay = {"cavitation": (2000, 0.001), "snapping": (400, 0.012), "other": (3500, 0.006)}[kind]
    wave = put(noise(0.8, seed), 0.2, ring(900, 0.004, 0.05))
    return put(wave, 0.5, ring(hertz * rng.uniform(0.8, 1.2), decay * rng.uniform(0.8, 1.2)))
