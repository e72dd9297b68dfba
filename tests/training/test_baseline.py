"""MFCC baseline."""

import os
import subprocess
import sys

import numpy as np

from popclass.detection import Detector
from popclass.training.baseline import RATE, SAMPLES, MfccTable, cut_clips, mfcc_statistics


def test_mfcc_statistics_equals_librosa():
    import librosa

    rng = np.random.default_rng(0)
    clips = rng.normal(0, 1, (5, SAMPLES)) * np.array([[1], [1e-5], [0.3], [1e-3], [1e-2]])  # loud beside quiet
    clips[2, 1000:] = 0
    clips = clips.astype(np.float32)
    for row, clip in zip(mfcc_statistics(clips), clips, strict=True):
        alone = librosa.feature.mfcc(y=clip, sr=RATE)
        np.testing.assert_allclose(row, np.concatenate([alone.mean(axis=1), alone.std(axis=1)]), rtol=1e-4, atol=1e-2)


def test_mfcc_table_batches():
    clips = np.random.default_rng(1).normal(size=(300, SAMPLES)).astype(np.float32)
    some = MfccTable()
    for at in range(0, 300, 7):
        some.add(clips[at : at + 7])
    np.testing.assert_allclose(some.finish(), mfcc_statistics(clips), rtol=1e-5, atol=1e-4)
    assert MfccTable().finish().shape == (0, 40)


def test_cut_clips_at_end():
    wave = np.random.default_rng(0).normal(0, 1e-3, (48_000, 1)).astype(np.float32)
    wave[45_000:45_100, 0] += 0.5
    detector = Detector(48_000, 1)
    sounds = detector.feed(wave) + detector.flush()
    clips = cut_clips(sounds)
    assert clips.shape == (len(sounds), SAMPLES)
    assert np.abs(clips[-1]).max() > 0.1
    assert not clips[-1, -500:].any()


def test_mfcc_statistics_threads():
    """A matrix product of several threads rounds in another way, and a model would have other bytes."""
    code = (
        "import hashlib, numpy as np; from popclass.training.baseline import SAMPLES, mfcc_statistics; "
        "clips = np.random.default_rng(0).normal(size=(300, SAMPLES)).astype(np.float32); "
        "print(hashlib.sha256(mfcc_statistics(clips).tobytes()).hexdigest())"
    )
    digests = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        digests.add(
            subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
        )
    assert len(digests) == 1
