"""popclass.features.transient: courses in time that are known beforehand."""

import numpy as np
import pytest

from popclass.features.transient import course, envelope, falls, less_rumble

RATE = 24000
SIZE = 3600


def described(signal):
    energy = envelope(signal[None], RATE)
    values = course(signal[None], energy, np.zeros((1, 1)), RATE)
    return {name: value[0] for name, value in values.items()}


def ring(fall_ms, hertz=2000):
    """A damped sine whose energy falls by 20 dB in `fall_ms`."""
    time = np.arange(SIZE) / RATE
    return np.sin(2 * np.pi * hertz * time) * 10 ** (-time * 1000 / fall_ms)


@pytest.mark.parametrize("fall_ms", [3, 8, 20, 50])
def test_the_time_to_minus_20_db_is_that_of_the_ring(fall_ms):
    values = described(ring(fall_ms))
    assert 2 ** values["fall_20"] == pytest.approx(fall_ms, abs=0.7)
    assert 2 ** values["fall_10"] == pytest.approx(fall_ms / 2, abs=0.7)


def test_a_slow_attack_rises_slowly():
    sharp, slow = ring(5), ring(5) * np.minimum(np.arange(SIZE) / (0.004 * RATE), 1)
    assert described(slow)["rise"] > described(sharp)["rise"] + 1


@pytest.mark.parametrize("number", [1, 2, 4])
def test_peaks_are_counted_with_their_distance(number):
    signal = np.zeros(SIZE)
    signal[0 : number * 144 : 144] = 1  # 6 ms apart
    values = described(signal)
    assert 2 ** values["peaks"] == pytest.approx(number)
    if number > 1:
        assert 2 ** values["peak_spacing"] == pytest.approx(6, abs=0.4)


def test_the_second_peak_is_measured_against_the_first():
    signal = np.zeros(SIZE)
    signal[[0, 144]] = 1, 0.5
    assert described(signal)["second_peak"] == pytest.approx(-6.02, abs=0.01)


def test_crest_of_a_click_and_of_a_steady_sine():
    click = np.zeros(SIZE)
    click[0] = 1
    assert described(click)["crest"] == pytest.approx(10 * np.log10(480), abs=0.01)
    assert described(np.sin(2 * np.pi * 1000 * np.arange(SIZE) / RATE))["crest"] == pytest.approx(3.01, abs=0.05)


@pytest.mark.parametrize("hertz", [400, 1500, 6000])
def test_crossings_follow_the_frequency(hertz):
    assert 2 ** described(ring(50, hertz))["crossings"] == pytest.approx(hertz, abs=100)  # a crossing in 5 ms


def test_late_energy_is_energy_after_20_ms():
    signal = np.zeros(SIZE)
    signal[0], signal[round(0.05 * RATE)] = 1, 0.1
    assert described(signal)["late"] == pytest.approx(-20, abs=0.01)


def test_only_the_range_that_rings_is_long():
    lead = 576
    signal = np.zeros((1, lead + SIZE))
    signal[0, lead:] = ring(60, 1500) + ring(2, 6000)
    values = {name: 2 ** value[0] for name, value in falls(signal, lead, RATE).items()}
    assert values["fall_mid"] > 4 * values["fall_high"]


def test_a_steady_background_does_not_count_as_sound():
    rng = np.random.default_rng(0)
    signal = ring(5) + rng.normal(0, 0.01, SIZE)
    energy = envelope(signal[None], RATE)
    alone = described(ring(5))
    heard = course(signal[None], energy, np.full((1, 1), 1e-4), RATE)
    assert heard["duration"][0] == pytest.approx(alone["duration"], abs=0.3)


def test_rumble_is_taken_off_and_a_click_is_not():
    time = np.arange(SIZE) / RATE
    rumble = 0.5 + np.sin(2 * np.pi * 5 * time)
    click = np.zeros(SIZE)
    click[1800] = 1
    left = less_rumble((rumble + click)[None], RATE)[0]
    assert left[1800] == pytest.approx(1, abs=0.03)
    assert np.abs(np.delete(left, 1800)[200:-200]).max() < 0.03
