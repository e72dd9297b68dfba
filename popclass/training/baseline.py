"""What people do by hand, as a baseline: the mean and spread of MFCC over a clip, and a random forest.

Most published classifiers of short sounds are some form of this. It hears the same events in the same folds as every
candidate, takes librosa's and scikit-learn's default settings, and is calibrated like the candidates, which can only
help it. It is no candidate: it never becomes a model. Clips are put on one length, so that many are described at once;
only the 80 dB below which librosa cuts are counted clip by clip, since in a stack they would be counted from its
loudest clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.detection import Sound
from popclass.detection.detector import AFTER_S, BEFORE_S

RATE = 22_050  # librosa's default, in hertz
COEFFICIENTS = 20
WIDTH = 2 * COEFFICIENTS
TREES = 100  # as a script has them that says nothing of it
TOGETHER = 256  # clips described at a time
SAMPLES = round((BEFORE_S + AFTER_S) * RATE)

Clips = NDArray[np.float32]


def clips_of(sounds: Sequence[Sound]) -> Clips:
    """The clips around sounds at librosa's rate, zero where a recording ends early.

    Parameters
    ----------
    sounds : sequence of Sound
        As the detector hands them out.

    Returns
    -------
    ndarray, shape (events, SAMPLES), float32
    """
    import soxr

    out = np.zeros((len(sounds), SAMPLES), np.float32)
    for row, sound in zip(out, sounds, strict=True):
        clip = soxr.resample(sound.clip, sound.event.sample_rate, RATE, quality="HQ")[:SAMPLES]
        row[: len(clip)] = clip
    return out


def describe(clips: Clips) -> NDArray[np.float64]:
    """Mean and standard deviation over the frames of `librosa.feature.mfcc` with its defaults.

    Parameters
    ----------
    clips : ndarray, shape (n, samples)
        As `clips_of` gives them.

    Returns
    -------
    ndarray, shape (n, 40)
        Means of the 20 coefficients, then their standard deviations.

    Examples
    --------
    >>> describe(np.zeros((2, SAMPLES), np.float32)).shape
    (2, 40)
    """
    if not len(clips):
        return np.zeros((0, WIDTH))
    from threadpoolctl import threadpool_limits

    from popclass.features.frontend import import_librosa

    librosa = import_librosa()
    tables = []
    with threadpool_limits(limits=1):  # with more threads a matrix product rounds otherwise
        for at in range(0, len(clips), TOGETHER):
            powers = librosa.feature.melspectrogram(y=clips[at : at + TOGETHER], sr=RATE)
            decibels = np.stack([librosa.power_to_db(power) for power in powers])
            frames = librosa.feature.mfcc(S=decibels, n_mfcc=COEFFICIENTS)
            tables.append(np.concatenate([frames.mean(axis=-1), frames.std(axis=-1)], axis=1))
    return np.concatenate(tables).astype(np.float64)


class Described:
    """Descriptions of clips that come a few at a time; a clip is forgotten once it is described."""

    def __init__(self) -> None:
        self._waiting: list[Clips] = []
        self._tables: list[NDArray[np.float64]] = []

    def add(self, clips: Clips) -> None:
        """Take the clips of some events; they are described as soon as there are enough of them."""
        self._waiting.append(clips)
        if sum(map(len, self._waiting)) >= TOGETHER:
            self._describe()

    def table(self) -> NDArray[np.float64]:
        """All descriptions, in the order in which the clips came, shape (n, 40)."""
        self._describe()
        return np.concatenate([np.zeros((0, WIDTH)), *self._tables])

    def _describe(self) -> None:
        if self._waiting:
            self._tables.append(describe(np.concatenate(self._waiting)))
            self._waiting = []


def train_by_hand(mfcc: NDArray[np.float64], y: NDArray[np.intp], *, seed: int = 0) -> Any:
    """A random forest as scikit-learn makes it where nothing is said.

    Parameters
    ----------
    mfcc : ndarray, shape (n, 40)
        What `describe` gives.
    y : ndarray of int, shape (n,)
    seed : int
    """
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=TREES, random_state=seed).fit(mfcc, y)
