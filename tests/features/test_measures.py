"""Shapes of known spectra and time courses of known signals."""

import numpy as np
import pytest
from signals import noise

from popclass.features import FrontEnd
from popclass.features.definitions import BAND_NAMES
from popclass.features.frontend import power
from popclass.features.measures import course, falls, fills, less_background, less_rumble, shape

RATE = 24000
SIZE = 3600


@pytest.fixture(scope="module")
def frontend():
    return FrontEnd.build()


# Spectra


def spectrum(signal, frontend):
    return {
        name: values[0] for name, values in shape(power(signal[None, : frontend.window], frontend), frontend).items()
    }


@pytest.mark.parametrize("hertz", [300, 1000, 4321, 9000])
def test_shape_sine(frontend, hertz):
    values = spectrum(np.sin(2 * np.pi * hertz * np.arange(512) / RATE), frontend)
    assert 2 ** values["dominant"] == pytest.approx(hertz, abs=RATE / 512 / 10)
    assert 2 ** values["centroid"] == pytest.approx(hertz, rel=0.03)
    assert 2 ** values["rolloff"] == pytest.approx(hertz, abs=1.5 * RATE / 512)
    assert values["prominence"] > 15


def test_shape_impulse(frontend):
    impulse = np.zeros(512)
    impulse[256] = 1
    values = spectrum(impulse, frontend)
    assert values["flatness"] == pytest.approx(0, abs=0.01)
    assert 2 ** values["centroid"] == pytest.approx(RATE / 4, rel=0.01)
    assert 2 ** values["bandwidth"] == pytest.approx(RATE / 2 / np.sqrt(12), rel=0.02)


def test_shape_bands_sum(frontend):
    values = spectrum(noise(np.random.default_rng(1), 1, RATE), frontend)
    assert sum(10 ** (values[name] / 10) for name in BAND_NAMES) == pytest.approx(1, abs=1e-9)


def test_less_background(frontend):
    powers = np.array([[4.0, 1.0, 1.0]])
    np.testing.assert_allclose(less_background(powers, np.array([[1.0, 1.0, 3.0]])), [[3.0, 0.01, 0.01]])


# Time courses


def described(signal):
    values = course(signal[None], np.zeros((1, 1)), RATE)
    return {name: value[0] for name, value in values.items()}


def ring(fall_ms, hertz=2000):
    """A damped sine whose energy falls by 20 dB in `fall_ms`."""
    time = np.arange(SIZE) / RATE
    return np.sin(2 * np.pi * hertz * time) * 10 ** (-time * 1000 / fall_ms)


@pytest.mark.parametrize("fall_ms", [3, 8, 20, 50])
def test_fall_times(fall_ms):
    values = described(ring(fall_ms))
    assert 2 ** values["fall_20"] == pytest.approx(fall_ms, abs=0.7)
    assert 2 ** values["fall_10"] == pytest.approx(fall_ms / 2, abs=0.7)


def test_rise():
    sharp, slow = ring(5), ring(5) * np.minimum(np.arange(SIZE) / (0.004 * RATE), 1)
    assert described(slow)["rise"] > described(sharp)["rise"] + 1


@pytest.mark.parametrize("number", [1, 2, 4])
def test_peaks(number):
    signal = np.zeros(SIZE)
    signal[0 : number * 144 : 144] = 1  # 6 ms apart
    values = described(signal)
    assert 2 ** values["peaks"] == pytest.approx(number)
    if number > 1:
        assert 2 ** values["peak_spacing"] == pytest.approx(6, abs=0.4)


def test_second_peak():
    signal = np.zeros(SIZE)
    signal[[0, 144]] = 1, 0.5
    assert described(signal)["second_peak"] == pytest.approx(-6.02, abs=0.01)


def test_crest():
    click = np.zeros(SIZE)
    click[0] = 1
    assert described(click)["crest"] == pytest.approx(10 * np.log10(480), abs=0.01)
    assert described(np.sin(2 * np.pi * 1000 * np.arange(SIZE) / RATE))["crest"] == pytest.approx(3.01, abs=0.05)


@pytest.mark.parametrize("hertz", [400, 1500, 6000])
def test_crossings(hertz):
    assert 2 ** described(ring(50, hertz))["crossings"] == pytest.approx(hertz, abs=100)  # a crossing in 5 ms


def test_late():
    signal = np.zeros(SIZE)
    signal[0], signal[round(0.05 * RATE)] = 1, 0.1
    assert described(signal)["late"] == pytest.approx(-20, abs=0.01)


def test_falls_by_range():
    lead = 576
    signal = np.zeros((1, lead + SIZE))
    signal[0, lead:] = ring(60, 1500) + ring(2, 6000)
    values = {name: 2 ** value[0] for name, value in falls(signal, lead, RATE).items()}
    assert values["fall_mid"] > 4 * values["fall_high"]


def test_course_background():
    rng = np.random.default_rng(0)
    signal = ring(5) + rng.normal(0, 0.01, SIZE)
    alone = described(ring(5))
    found = course(signal[None], np.full((1, 1), 1e-4), RATE)
    assert found["duration"][0] == pytest.approx(alone["duration"], abs=0.3)


def test_less_rumble():
    time = np.arange(SIZE) / RATE
    rumble = 0.5 + np.sin(2 * np.pi * 5 * time)
    click = np.zeros(SIZE)
    click[1800] = 1
    left = less_rumble((rumble + click)[None], RATE)[0]
    assert left[1800] == pytest.approx(1, abs=0.03)
    assert np.abs(np.delete(left, 1800)[200:-200]).max() < 0.03


def test_stages():
    values = described(ring(10))
    # 20 dB in 10 ms are 2 dB a millisecond; the stretches 0-2, 2-5 and 5-10 ms of an exponential, by integration
    power = lambda start, end: (10 ** (-0.2 * start) - 10 ** (-0.2 * end)) / (end - start)  # noqa: E731
    for start, end in ((2, 5), (5, 10), (10, 20)):
        expected = 10 * np.log10(power(start, end) / power(0, 2))
        assert values[f"stage_{start}_{end}"] == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize(
    ("hertz", "band"), [(200, "0_500"), (900, "500_1500"), (2200, "1500_3000"), (4500, "3000_6000"), (9000, "6000_up")]
)
def test_start_bands(hertz, band):
    signal = ring(10, hertz)
    signal[round(0.005 * RATE) :] += np.random.default_rng(0).normal(size=SIZE - round(0.005 * RATE))  # later, anything
    values = described(signal)
    shares = {name: value for name, value in values.items() if name.startswith("start_") and name != "start_centroid"}
    assert max(shares, key=shares.get) == f"start_{band}"
    assert 2 ** values["start_centroid"] == pytest.approx(hertz, rel=0.35)


def test_fills():
    lead = round(0.024 * RATE)
    pops, voice = np.zeros((2, lead + SIZE))
    for at in range(6):
        begin = lead + round(0.020 * RATE) * at
        pops[begin : begin + 240] += ring(3)[:240]
        voice[begin : begin + 480] += ring(40, 300)[:480]
    found = fills(np.stack([pops, voice]), lead, RATE)
    assert found["fill_after"][0] < -40
    assert found["fill_after"][1] > -15
    assert (found["fill_before"] < -60).all()
