"""popclass.features.frontend: the frozen numbers survive a model file, and others than these are refused."""

import json

import numpy as np
import pytest

from popclass.features import FrontEnd


@pytest.fixture(scope="module")
def frontend():
    return FrontEnd.build()


def test_json_gives_the_same_front_end_to_the_last_bit(frontend):
    again = FrontEnd.from_json(json.loads(json.dumps(frontend.to_json())))
    assert again == frontend
    assert hash(again) == hash(frontend)
    np.testing.assert_array_equal(again.mel, frontend.mel)
    np.testing.assert_array_equal(again.dct, frontend.dct)


def test_another_front_end_is_not_equal(frontend):
    assert FrontEnd.build(rate=16000) != frontend
    assert frontend != "a front end"


def test_the_filterbank_is_librosas_within_float32(frontend):
    import librosa

    mel = librosa.filters.mel(sr=24000, n_fft=512, n_mels=32, fmin=50.0, fmax=12000)
    np.testing.assert_allclose(frontend.mel, mel, rtol=1e-6)


def test_features_this_version_does_not_know_are_refused(frontend):
    stored = frontend.to_json()
    with pytest.raises(ValueError, match="unknown to this version: colour, smell"):
        FrontEnd.from_json({**stored, "names": [*stored["names"], "smell", "colour"]})


@pytest.mark.parametrize("key", ["rate", "window", "hop", "mel", "dct", "names"])
def test_a_missing_part_is_named(frontend, key):
    stored = frontend.to_json()
    del stored[key]
    with pytest.raises(ValueError, match=f"incomplete.*{key}"):
        FrontEnd.from_json(stored)


def test_a_filterbank_that_does_not_fit_the_window_is_refused(frontend):
    with pytest.raises(ValueError, match="do not fit"):
        FrontEnd.from_json({**frontend.to_json(), "window": 256})


def test_fewer_features_can_be_asked_for(frontend):
    chosen = ["snr", "rise"]
    assert FrontEnd.from_json({**frontend.to_json(), "names": chosen}).names == ("snr", "rise")
