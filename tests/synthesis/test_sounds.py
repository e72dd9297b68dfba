"""Sounds of each class against published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.synthesis import cavitation, other, snapping
from popclass.synthesis import parameters as p
from popclass.synthesis.acoustics import draw_acoustics
from popclass.synthesis.settings import draw_settings
from popclass.synthesis.waves import Regime

RATES = (44100, 48000, 88200, 96000)
WHOLE = Regime()


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest normalized cross-correlation."""
    size = 2 * max(len(a), len(b))
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return float(np.max(np.abs(cross)) / (np.linalg.norm(a) * np.linalg.norm(b)))


def fall_s(wave: np.ndarray, rate: int) -> float:
    """Return the seconds from the strongest half millisecond to the last one above -20 dB."""
    width = max(1, int(0.0005 * rate))
    power = np.convolve(wave**2, np.ones(width) / width, "same")
    above = np.flatnonzero(power > 0.01 * power.max())
    return float(above[-1] - int(power.argmax())) / rate


def spectrum(wave: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    power = np.abs(np.fft.rfft(wave, 1 << 15)) ** 2
    return np.fft.rfftfreq(1 << 15, 1.0 / rate), power


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", list(other.KINDS))
def test_other_kinds_at_every_rate(kind: str, rate: int) -> None:
    rng = np.random.default_rng([1, rate])
    maker = other.KINDS[kind](rng, rate, WHOLE)
    for sound in (*maker(rng), *maker(rng)):
        assert np.all(np.isfinite(sound.wave))
        assert np.max(np.abs(sound.wave)) > 0.0
        assert 0 <= sound.release < len(sound.wave)
        assert sound.delay_s >= 0.0
        assert math.isfinite(sound.level_db)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("contact", [True, False])
def test_joint_sounds_at_every_rate(rate: int, contact: bool) -> None:
    rng = np.random.default_rng([2, rate])
    for number in range(20):
        pop = cavitation.pop(rng, rate, cavitation.draw_cavity(rng, number, WHOLE), contact=contact)
        slip = snapping.snap(rng, rate, snapping.draw_tendon(rng, WHOLE, contact=contact)).wave
        for wave in (pop, slip):
            assert np.all(np.isfinite(wave))
            assert np.max(np.abs(wave)) > 0.0


def test_draw_cavity_confined_disc() -> None:
    rng = np.random.default_rng(3)
    for number in range(50):
        c = cavitation.draw_cavity(rng, number, WHOLE)
        omega2 = (
            2
            * cavitation.POLYTROPIC
            * c.pressure_pa
            / (cavitation.DENSITY * c.radius_m**2 * math.log(c.width_m / c.radius_m))
        )
        assert math.sqrt(omega2) / (2 * math.pi) == pytest.approx(c.frequency_hz)
        decay = 6 * c.viscosity / (cavitation.DENSITY * c.gap_m**2)
        assert math.log(10) / decay == pytest.approx(c.duration_s)


def test_similarity_of_snaps_and_pops() -> None:
    rng, rate = np.random.default_rng(4), 48000
    same, different = [], []
    for contact in (True, False):
        for _ in range(25):
            tendon = snapping.draw_tendon(rng, WHOLE, contact=contact)
            first, second = (snapping.snap(rng, rate, tendon) for _ in range(2))
            same.append(similarity(first.wave[first.release :], second.wave[second.release :]))
            cavities = [cavitation.draw_cavity(rng, number, WHOLE) for number in range(2)]
            a, b = cavitation.series(rng, rate, cavities, contact=contact, spine=True)
            different.append(similarity(a.wave, b.wave))
    assert np.median(same) > 0.95
    assert np.median(different) < 0.75


def test_similarity_of_taps_and_crackles() -> None:
    """Repetition and similarity alone prove nothing, and neither does a burst of unlike sounds."""
    rng, rate = np.random.default_rng(5), 48000
    for kind in ("tap", "mouse click", "clock", "nail tap"):
        scores = []
        for _ in range(25):
            maker = other.KINDS[kind](rng, rate, WHOLE)
            scores.append(similarity(maker(rng)[0].wave, maker(rng)[0].wave))
        assert np.median(scores) > 0.88, kind
    bursts = [b for _ in range(30) if len(b := other.KINDS["crackle"](rng, rate, WHOLE)(rng)) > 1]
    assert np.median([similarity(burst[0].wave, burst[1].wave) for burst in bursts]) < 0.75


def test_pop_contact_published_figures() -> None:
    """S Reggars 1996: 86-1,830 Hz, median 215 (D to 260); S Dunning 2013: 5.66 ms."""
    rng, rate = np.random.default_rng(6), 48000
    peaks, falls = [], []
    for number in range(300):
        wave = cavitation.pop(rng, rate, cavitation.draw_cavity(rng, number, WHOLE), contact=True)
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
        wave = cavitation.pop(rng, rate, cavitation.draw_cavity(rng, number, WHOLE), contact=False)
        frequency, power = spectrum(wave, rate)
        centroids.append(float(np.sum(frequency * power) / np.sum(power)))
        peaks.append(float(frequency[power.argmax()]))
        falls.append(fall_s(wave, rate))
    assert 2500 < np.median(centroids) < 4500
    assert np.percentile(centroids, 90) > 6000
    assert np.mean((np.array(peaks) > 900) & (np.array(peaks) < 6000)) > 0.6
    assert 0.001 < np.median(falls) < 0.003


def test_other_as_bright_as_pops() -> None:
    """Other clicks reach as bright and as short as the pops; a bright short click alone proves nothing."""
    rng, rate = np.random.default_rng(8), 48000
    for kind in ("mouse click", "stick crack", "teeth", "nail tap"):
        centroids, falls = [], []
        for _ in range(60):
            wave = other.KINDS[kind](rng, rate, WHOLE)(rng)[0].wave
            frequency, power = spectrum(wave, rate)
            centroids.append(float(np.sum(frequency * power) / np.sum(power)))
            falls.append(fall_s(wave, rate))
        assert 1500 < np.median(centroids) < 6000, kind
        assert np.median(falls) < 0.006, kind


def test_snap_contact_published_figures() -> None:
    """S Ozmen 2021: first mode 115 +- 44 Hz; D rings 13-32 ms to -20 dB. Drawn wider."""
    rng, rate = np.random.default_rng(9), 48000
    tendons = [snapping.draw_tendon(rng, WHOLE, contact=True) for _ in range(300)]
    first = np.array([tendon.modes.hz[0] for tendon in tendons])
    assert 95 < np.median(first) < 160
    sounds = [snapping.snap(rng, rate, tendon) for tendon in tendons]
    falls = np.array([fall_s(sound.wave[sound.release :], rate) for sound in sounds])
    assert 0.013 < np.median(falls) < 0.032
    assert np.percentile(falls, 8) < 0.012


def test_pops_in_thrust_and_gaps() -> None:
    """S L5-S1: mean 5.27 of 2-9; D gaps 33-36 ms; R clicks of a series 6-67 ms apart."""
    rng = np.random.default_rng(10)
    lumbar = [cavitation.pops_in_thrust(rng, "lumbar") for _ in range(2000)]
    neck = [cavitation.pops_in_thrust(rng, "neck") for _ in range(2000)]
    assert np.mean(lumbar) == pytest.approx(5.27, abs=0.3)
    assert (min(lumbar), max(lumbar)) == (2, 9)
    assert max(neck) <= 7
    assert np.mean([p.GAP_SPINE.draw(rng) for _ in range(2000)]) == pytest.approx(0.0345, abs=0.003)
    air = np.array([p.GAP_AIR.draw(rng) for _ in range(2000)])
    assert np.mean(air < 0.067) > 0.8


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_parameters_within_range(seed: int, a: float, b: float) -> None:
    rng = np.random.default_rng(seed)
    for parameter in p.TABLE:
        assert parameter.low <= parameter.draw(rng, (min(a, b), max(a, b))) <= parameter.high


def test_parameters_have_sources() -> None:
    for parameter in p.TABLE:
        assert parameter.source == p.ASSUMPTION or parameter.source[:2] in ("S ", "2 ", "D ", "R "), parameter.name
        assert parameter.law in ("uniform", "log", "normal", "lognormal")
    assert len({parameter.name for parameter in p.TABLE}) == len(p.TABLE)


def test_acoustics_direct_sound_first() -> None:
    """A click leaves every place within a millisecond of when it entered, room or tissue, whatever the device."""
    for index in range(25):
        rng = np.random.default_rng([12, index])
        drawn = draw_settings(rng)
        acoustics = draw_acoustics(rng, drawn)
        for response in acoustics.responses.values():
            size = np.abs(response)
            assert np.argmax(size > 0.1 * size[: int(0.02 * drawn.work_rate)].max()) <= 0.001 * drawn.work_rate
            assert np.all(np.isfinite(response))


def test_acoustics_any_number_of_threads() -> None:
    from pyroomacoustics import constants

    before = constants.get("num_threads")
    found = []
    for threads in (1, 3):
        constants.set("num_threads", threads)
        rng = np.random.default_rng(2)
        drawn = next(s for s in (draw_settings(rng) for _ in range(99)) if s.room == "medium" and not s.contact)
        found.append(draw_acoustics(rng, drawn).responses["joint"].tobytes())
        assert constants.get("num_threads") == threads
    constants.set("num_threads", before)
    assert found[0] == found[1]
