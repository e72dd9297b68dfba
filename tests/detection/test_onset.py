"""Onset picking by change of variance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.detection.onset import octave_detail, pick_onset


@settings(derandomize=True)  # by chance the first loud samples can be small ones, whatever the picker
@given(at=st.integers(40, 360), seed=st.integers(0, 1000), gain=st.floats(8, 1000))
def test_pick_onset_first_loud_sample(at, seed, gain):
    signal = np.random.default_rng(seed).standard_normal(400)
    signal[at:] *= gain
    assert abs(pick_onset(signal) - at) <= 3


def test_pick_onset_release():
    signal = np.random.default_rng(0).standard_normal(600) * 0.01
    signal[200:] *= 4
    signal[400:] *= 60
    assert abs(pick_onset(signal) - 400) <= 2


def test_pick_onset_decay():
    assert pick_onset(np.exp(-np.arange(300) / 20)) == 0


@pytest.mark.parametrize("size", [0, 1, 8])
def test_pick_onset_short(size):
    assert pick_onset(np.ones(size)) == 0


@pytest.mark.parametrize("octave", [1, 3, 7])
def test_octave_detail_dc(octave):
    detail = octave_detail(np.full(100, 0.7, np.float32), octave)
    assert detail.shape == (100,)
    np.testing.assert_allclose(detail, 0, atol=1e-9)


def test_octave_detail_step():
    step = np.zeros(200, np.float32)
    step[90:] = 1
    assert int(np.abs(octave_detail(step, 4)).argmax()) == 90
