"""Sounds of cavitation and snapping."""

from __future__ import annotations

import numpy as np
import pytest
from synth_measures import RATES, WHOLE, fall_s, similarity, spectrum

from popclass.synthesis import joints
from popclass.synthesis import parameters as p


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("contact", [True, False])
def test_joint_sounds_at_every_rate(rate: int, contact: bool) -> None:
    rng = np.random.default_rng([2, rate])
    for number in range(20):
        pop = joints.Cavity(rng, rate, WHOLE, number, contact=contact).pop()
        slip = joints.draw_tendon(rng, rate, WHOLE, contact=contact)()[0].wave
        for wave in (pop, slip):
            assert np.all(np.isfinite(wave))
            assert np.max(np.abs(wave)) > 0.0


def test_similarity_of_snaps_and_pops() -> None:
    rng, rate = np.random.default_rng(4), 48000
    same, different = [], []
    for contact in (True, False):
        for _ in range(25):
            snap = joints.draw_tendon(rng, rate, WHOLE, contact=contact)
            first, second = (*snap(), *snap())
            same.append(similarity(first.wave[first.release :], second.wave[second.release :]))
            cavities = [joints.Cavity(rng, rate, WHOLE, number, contact=contact) for number in range(2)]
            a, b = joints.series(rng, cavities, spine=True)
            different.append(similarity(a.wave, b.wave))
    assert np.median(same) > 0.95
    assert np.median(different) < 0.75


def test_pop_contact_published_figures() -> None:
    """S Reggars 1996: 86-1,830 Hz, median 215 (D to 260); S Dunning 2013: 5.66 ms."""
    rng, rate = np.random.default_rng(6), 48000
    peaks, falls = [], []
    for number in range(300):
        wave = joints.Cavity(rng, rate, WHOLE, number, contact=True).pop()
        frequency, power = spectrum(wave, rate)
        peaks.append(frequency[power.argmax()])
        falls.append(fall_s(wave, rate))
    assert 190 < np.median(peaks) < 280
    assert np.mean((np.array(peaks) > 60) & (np.array(peaks) < 1900)) > 0.93
    assert 0.004 < np.median(falls) < 0.0075


def test_pop_airborne_published_figures() -> None:
    """R rows: falls 20 dB in 1-5 ms, centroid 2-6 kHz, peak frequency 0.9-6 kHz; drawn wider than that."""
    rng, rate = np.random.default_rng(7), 48000
    centroids, peaks, falls = [], [], []
    for number in range(300):
        wave = joints.Cavity(rng, rate, WHOLE, number, contact=False).pop()
        frequency, power = spectrum(wave, rate)
        centroids.append(float(np.sum(frequency * power) / np.sum(power)))
        peaks.append(float(frequency[power.argmax()]))
        falls.append(fall_s(wave, rate))
    assert 2500 < np.median(centroids) < 4500
    assert np.percentile(centroids, 90) > 6000
    assert np.mean((np.array(peaks) > 900) & (np.array(peaks) < 6000)) > 0.6
    assert 0.001 < np.median(falls) < 0.003


def test_pops_in_thrust_and_gaps() -> None:
    """S L5-S1: mean 5.27 of 2-9; D gaps 33-36 ms; R clicks of a series 6-67 ms apart."""
    rng = np.random.default_rng(10)
    lumbar = [joints.pops_in_thrust(rng, "lumbar") for _ in range(2000)]
    neck = [joints.pops_in_thrust(rng, "neck") for _ in range(2000)]
    assert np.mean(lumbar) == pytest.approx(5.27, abs=0.3)
    assert (min(lumbar), max(lumbar)) == (2, 9)
    assert np.bincount(neck)[1:] / 2000 == pytest.approx(np.array([9, 22, 10, 7, 2]) / 50, abs=0.04)  # Reggars 1996
    assert np.mean([p.GAP_SPINE.draw(rng) for _ in range(2000)]) == pytest.approx(0.0345, abs=0.003)
    air = np.array([p.GAP_AIR.draw(rng) for _ in range(2000)])
    assert np.mean(air < 0.067) > 0.8


def test_snap_contact_published_figures() -> None:
    """S Ozmen 2021: first mode 115 +- 44 Hz; D rings 5-44 ms to -20 dB, about 144 ms in the injured. Drawn wider."""
    rng, rate = np.random.default_rng(9), 48000
    first = [p.SNAP_FREQUENCY.draw(rng) for _ in range(300)]
    assert 95 < np.median(first) < 160
    sounds = [joints.draw_tendon(rng, rate, WHOLE, contact=True)()[0] for _ in range(300)]
    falls = np.array([fall_s(sound.wave[sound.release :], rate) for sound in sounds])
    assert 0.013 < np.median(falls) < 0.032
    assert np.percentile(falls, 8) < 0.012
    assert 0.03 < np.mean(falls > 0.06) < 0.3


def test_sides_of_a_thrust() -> None:
    """S C1-2: both sides in 34 of 37 thrusts; C3-4: the same in 47 of 50; T1-2: one side in 53 of 58."""
    rng = np.random.default_rng(12)
    one = {
        region: np.mean([len(set(joints.sides(rng, region, 4))) == 1 for _ in range(1000)])
        for region in joints.ONE_SIDED
    }
    assert one["upper cervical"] < 0.3
    assert one["neck"] == pytest.approx(47 / 50, abs=0.04)
    assert one["thoracic"] == pytest.approx(53 / 58, abs=0.04)
    assert {side for _ in range(50) for side in joints.sides(rng, "hand", 3)} == {-1, 1}
