"""MFCC baseline: mean and standard deviation of MFCC over a clip, and a random forest.

Most published classifiers of short sounds are some form of this. It gets the events and folds of the candidates, the
default settings of librosa and scikit-learn, and the calibration of the candidates, which can only help it. It is never
chosen as a model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from popclass.detection import Sound
from popclass.detection.detector import AFTER_S, BEFORE_S

RATE = 22_050  # librosa's default, in hertz
COEFFICIENTS = 20
WIDTH = 2 * COEFFICIENTS
TREES = 100  # scikit-learn's default
BATCH = 256  # clips per call of librosa
SAMPLES = round((BEFORE_S + AFTER_S) * RATE)

Clips = NDArray[np.float32]
Floats = NDArray[np.float64]


def cut_clips(sounds: Sequence[Sound]) -> Clips:
    """Return the clips around sounds at librosa's rate, shape (events, SAMPLES), zero after the end of a recording."""
    import soxr

    out = np.zeros((len(sounds), SAMPLES), np.float32)
    for row, sound in zip(out, sounds, strict=True):
        clip = soxr.resample(sound.clip, sound.event.sample_rate, RATE, quality="HQ")[:SAMPLES]
        row[: len(clip)] = clip
    return out


def mfcc_statistics(clips: Clips) -> Floats:
    """Return mean and standard deviation over the frames of `librosa.feature.mfcc` with its defaults.

    Parameters
    ----------
    clips : ndarray, shape (n, samples)
        Result of `cut_clips`.

    Returns
    -------
    ndarray, shape (n, 40)
        Means of the 20 coefficients, then their standard deviations.

    Examples
    --------
    >>> mfcc_statistics(np.zeros((2, SAMPLES), np.float32)).shape
    (2, 40)
    """
    from threadpoolctl import threadpool_limits

    from popclass.features.frontend import import_librosa

    tables = [np.zeros((0, WIDTH))]
    with threadpool_limits(limits=1):  # a matrix product rounds otherwise with more threads
        for at in range(0, len(clips), BATCH):
            librosa = import_librosa()
            powers = librosa.feature.melspectrogram(y=clips[at : at + BATCH], sr=RATE)
            # clip by clip: librosa cuts at 80 dB below the maximum of all that it gets
            decibels = np.stack([librosa.power_to_db(power) for power in powers])
            frames = librosa.feature.mfcc(S=decibels, n_mfcc=COEFFICIENTS)
            tables.append(np.concatenate([frames.mean(axis=-1), frames.std(axis=-1)], axis=1))
    return np.concatenate(tables).astype(np.float64)


class MfccTable:
    """MFCC statistics of clips that are added a few at a time; their samples are dropped batch by batch."""

    def __init__(self) -> None:
        self._pending: list[Clips] = []
        self._tables: list[Floats] = [np.zeros((0, WIDTH))]

    def add(self, clips: Clips) -> None:
        """Add the clips of some events."""
        self._pending.append(clips)
        if sum(map(len, self._pending)) >= BATCH:
            self._compute()

    def finish(self) -> Floats:
        """Return the statistics of all clips in the order of `add`, shape (n, 40)."""
        self._compute()
        return np.concatenate(self._tables)

    def _compute(self) -> None:
        if self._pending:
            self._tables.append(mfcc_statistics(np.concatenate(self._pending)))
            self._pending = []


def predict_mfcc_forest(mfcc: Floats, y: NDArray[np.intp], new: Floats, *, seed: int = 0) -> Floats:
    """Return the probabilities of new events by a random forest with scikit-learn's defaults.

    Parameters
    ----------
    mfcc, new : ndarray, shape (n, 40) and (m, 40)
        Results of `mfcc_statistics`.
    y : ndarray of int, shape (n,)
    seed : int
    """
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(n_estimators=TREES, random_state=seed).fit(mfcc, y)
    return np.asarray(forest.predict_proba(new))
