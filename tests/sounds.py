"""Sounds for the tests of features: what the detector hands out, from signals or made up."""

import numpy as np

from popclass.detection import Detector, Sound
from popclass.results import Event


def detected(samples, rate=48000):
    """The sounds of a signal, shape (n,) or (n, channels)."""
    samples = np.asarray(samples, np.float32)
    samples = samples[:, None] if samples.ndim == 1 else samples
    detector = Detector(rate, samples.shape[1])
    return detector.feed(samples) + detector.flush()


def made_up(clip, onset, rate=48000, *, next_onset=None, snr_db=20.0, start=0):
    """A sound whose onset lies `onset` samples into the clip, at `start` in its recording."""
    at = start + onset
    event = Event(at, at, at + 1, rate, 1, snr_db, -20.0)
    following = None if next_onset is None else start + next_onset
    return Sound(event, np.asarray(clip, np.float32), start, following)
