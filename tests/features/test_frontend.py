"""Front end: storage, validation, and MFCC against librosa."""

import json

import librosa
import numpy as np
import pytest
from signals import click, noise

from popclass.features import FrontEnd
from popclass.features.definitions import COEFFICIENTS
from popclass.features.frontend import frames, mfcc, power

RATE = 24000


@pytest.fixture(scope="module")
def frontend():
    return FrontEnd.build()


def test_json_round_trip(frontend):
    again = FrontEnd.from_json(json.loads(json.dumps(frontend.to_json())))
    assert again.to_json() == frontend.to_json()
    np.testing.assert_array_equal(again.mel, frontend.mel)
    np.testing.assert_array_equal(again.dct, frontend.dct)


def test_build_filterbank(frontend):
    mel = librosa.filters.mel(sr=24000, n_fft=512, n_mels=32, fmin=50.0, fmax=12000)
    np.testing.assert_allclose(frontend.mel, mel, rtol=1e-6)


def test_from_json_unknown_features(frontend):
    stored = frontend.to_json()
    with pytest.raises(ValueError, match="unknown to this version: colour, smell"):
        FrontEnd.from_json({**stored, "names": [*stored["names"], "smell", "colour"]})


@pytest.mark.parametrize("key", ["rate", "window", "hop", "mel", "dct", "names"])
def test_from_json_missing_part(frontend, key):
    stored = frontend.to_json()
    del stored[key]
    with pytest.raises(ValueError, match=f"incomplete.*{key}"):
        FrontEnd.from_json(stored)


def test_from_json_filterbank_shape(frontend):
    with pytest.raises(ValueError, match="do not fit"):
        FrontEnd.from_json({**frontend.to_json(), "window": 256})


def test_from_json_fewer_features(frontend):
    chosen = ["snr", "rise"]
    assert FrontEnd.from_json({**frontend.to_json(), "names": chosen}).names == ("snr", "rise")


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
