"""Octave-band energies."""

import numpy as np
import pytest

from popclass.detection.bands import BandSplitter, coefficients, frame_length, octave_detail

RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 192000)


@pytest.mark.parametrize("rate", RATES)
def test_frame_length(rate):
    assert 0.9e-3 < frame_length(rate) / rate < 1.95e-3


@pytest.mark.parametrize("rate", RATES)
def test_split_white_noise(rate):
    frame = frame_length(rate)
    noise = np.random.default_rng(0).standard_normal(frame * 20_000).astype(np.float32)
    share = BandSplitter(frame).split(noise).mean(axis=1) / coefficients(frame)
    np.testing.assert_allclose(share, 1, atol=0.05)


def test_split_in_parts():
    samples = np.random.default_rng(1).standard_normal(64 * 300).astype(np.float32)
    whole = BandSplitter(64).split(samples)
    splitter = BandSplitter(64)
    parts = [splitter.split(samples[64 * a : 64 * b]) for a, b in ((0, 1), (1, 2), (2, 7), (7, 300))]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_split_dc_offset():
    assert BandSplitter(64).split(np.full(6400, 0.5, np.float32)).max() == 0


def test_split_click():
    samples = np.zeros(64 * 20, np.float32)
    samples[64 * 10 + 5] = 1
    energies = BandSplitter(64).split(samples)[:2]
    assert (energies[:, 10] > 0).all()
    assert np.delete(energies, 10, axis=1).max() == 0


@pytest.mark.parametrize(("hertz", "band"), [(18000, 0), (9000, 1), (4500, 2), (1100, 4), (560, 5), (280, 6), (140, 7)])
def test_split_tone(hertz, band):
    tone = np.sin(2 * np.pi * hertz / 48000 * np.arange(64 * 1000)).astype(np.float32)
    loudest = (BandSplitter(64).split(tone).mean(axis=1) / coefficients(64)[0]).argmax()
    assert abs(int(loudest) - band) <= (1 if hertz < 5000 else 0)


@pytest.mark.parametrize("octave", [1, 3, 7])
def test_octave_detail_dc(octave):
    detail = octave_detail(np.full((1, 100), 0.7, np.float32), np.array([octave]))
    assert detail.shape == (1, 100)
    np.testing.assert_allclose(detail, 0, atol=1e-9)


def test_octave_detail_step():
    step = np.zeros(200, np.float32)
    step[90:] = 1
    assert int(np.abs(octave_detail(step[None], np.array([4]))).argmax()) == 90


def test_octave_detail_rows():
    rows = np.random.default_rng(0).normal(0, 1, (3, 200)).astype(np.float32)
    octaves = np.array([1, 7, 4])
    for row, octave, detail in zip(rows, octaves, octave_detail(rows, octaves), strict=True):
        np.testing.assert_allclose(detail, octave_detail(row[None], octave[None])[0], atol=1e-9)
