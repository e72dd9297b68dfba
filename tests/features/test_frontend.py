"""Front end: storage and validation."""

import json

import numpy as np
import pytest

from popclass.features import FrontEnd


@pytest.fixture(scope="module")
def frontend():
    return FrontEnd.build()


def test_json_round_trip(frontend):
    again = FrontEnd.from_json(json.loads(json.dumps(frontend.to_json())))
    assert again == frontend
    assert hash(again) == hash(frontend)
    np.testing.assert_array_equal(again.mel, frontend.mel)
    np.testing.assert_array_equal(again.dct, frontend.dct)


def test_equality(frontend):
    assert FrontEnd.build(rate=16000) != frontend
    assert frontend != "a front end"


def test_build_filterbank(frontend):
    import librosa

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
