"""Spectra: MFCC against librosa, shapes of known spectra."""

import librosa
import numpy as np
import pytest
from signals import click, noise

from popclass.features import FrontEnd
from popclass.features.definitions import COEFFICIENTS
from popclass.features.spectral import frames, less_background, mfcc, power, shape

RATE = 24000


@pytest.fixture(scope="module")
def frontend():
    return FrontEnd.build()


def signals():
    rng = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    clicks = noise(rng, 1, RATE) * 1e-3
    clicks[6000 : 6000 + 720] += click(rng, RATE) * 0.5
    return {
        "white": noise(rng, 1, RATE) * 0.1,
        "pink": noise(rng, 1, RATE, "pink") * 0.1,
        "sine": np.sin(2 * np.pi * 440 * time),
        "quiet": noise(rng, 1, RATE) * 1e-4,
        "loud": noise(rng, 1, RATE) * 30,
        "clicks": clicks,
        "sweep": np.sin(2 * np.pi * (50 * time + 5000 * time**2)),
        "zeros": np.zeros(RATE),
    }


@pytest.mark.parametrize("name", signals())
def test_mfcc_librosa(frontend, name):
    signal = signals()[name]
    expected = librosa.feature.mfcc(
        y=signal,
        sr=RATE,
        n_mfcc=COEFFICIENTS,
        n_fft=frontend.window,
        hop_length=frontend.hop,
        center=False,
        n_mels=len(frontend.mel),
        fmin=50.0,
        fmax=RATE / 2,
    )
    found = mfcc(power(frames(signal, frontend), frontend), frontend)
    np.testing.assert_allclose(found.T, expected, atol=1e-4, rtol=0)


def described(signal, frontend):
    return {
        name: values[0] for name, values in shape(power(signal[None, : frontend.window], frontend), frontend).items()
    }


@pytest.mark.parametrize("hertz", [300, 1000, 4321, 9000])
def test_shape_sine(frontend, hertz):
    values = described(np.sin(2 * np.pi * hertz * np.arange(512) / RATE), frontend)
    assert 2 ** values["dominant"] == pytest.approx(hertz, abs=RATE / 512 / 10)
    assert 2 ** values["centroid"] == pytest.approx(hertz, rel=0.03)
    assert 2 ** values["rolloff"] == pytest.approx(hertz, abs=1.5 * RATE / 512)
    assert values["prominence"] > 15


def test_shape_impulse(frontend):
    impulse = np.zeros(512)
    impulse[256] = 1
    values = described(impulse, frontend)
    assert values["flatness"] == pytest.approx(0, abs=0.01)
    assert 2 ** values["centroid"] == pytest.approx(RATE / 4, rel=0.01)
    assert 2 ** values["bandwidth"] == pytest.approx(RATE / 2 / np.sqrt(12), rel=0.02)


def test_shape_bands_sum(frontend):
    values = described(noise(np.random.default_rng(1), 1, RATE), frontend)
    assert (10 ** (values["bands"] / 10)).sum() == pytest.approx(1, abs=1e-9)


def test_less_background(frontend):
    powers = np.array([[4.0, 1.0, 1.0]])
    np.testing.assert_allclose(less_background(powers, np.array([[1.0, 1.0, 3.0]])), [[3.0, 0.01, 0.01]])
