"""Acoustics of a session: the path from a source to the microphone, the same for all classes.

Every source of a session is at one of a few places (`PLACES`), and each place has one impulse response. It is the
room's image sources (pyroomacoustics), the tissue's low-pass or the recorder's own housing, convolved with the device's
response. All device and tissue filters are minimum-phase and the direct path is at sample 0, so that a sound arrives at
the time of its label.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis.settings import Settings
from popclass.synthesis.waves import FloatArray, Random, convolve, log_uniform

PLACES = ("joint", "object", "elsewhere", "recorder")
FILTER_SIZE = 8192
FILTER_TAPS = 3072

# Distance from the source to an airborne microphone in metres, by kind of sensor: ASSUMPTION.
DISTANCES = {"airborne close": (0.01, 0.12), "airborne near": (0.15, 1.0), "airborne far": (0.8, 4.0)}
# Largest and smallest edge of a room in metres, order of its image sources: ASSUMPTION.
SIZES = {"small": (1.8, 3.5, 9), "medium": (3.0, 7.0, 8), "large": (6.0, 18.0, 6)}


@dataclass(frozen=True, slots=True)
class Acoustics:
    """Impulse responses of a session, at its `work_rate`.

    Attributes
    ----------
    responses : dict of str to ndarray
        From each place to the recorded signal.
    device : ndarray
        The device alone, for the background.
    """

    responses: dict[str, FloatArray]
    device: FloatArray

    def record(self, wave: FloatArray, place: str) -> FloatArray:
        """Return a wave from a place as the device records it."""
        return convolve(wave, self.responses[place])


def draw_acoustics(rng: Random, settings: Settings) -> Acoustics:
    """Return the impulse responses of one session."""
    rate = settings.work_rate
    device = minimum_phase(_device_gain(rng, settings.device, _grid(rate)))
    if settings.contact:
        paths = {place: minimum_phase(_tissue_gain(rng, place, settings.sensor, _grid(rate))) for place in PLACES[:3]}
    else:
        paths = _room_responses(rng, settings)
    paths["recorder"] = minimum_phase(_housing_gain(rng, _grid(rate)))
    return Acoustics({place: _trim(convolve(path, device)) for place, path in paths.items()}, _trim(device))


def _grid(rate: int) -> FloatArray:
    return np.asarray(np.maximum(np.fft.rfftfreq(FILTER_SIZE, 1.0 / rate), 1.0))


def minimum_phase(gain: FloatArray) -> FloatArray:
    """Return the minimum-phase filter with this gain on the rfft grid of `FILTER_SIZE`."""
    logarithm = np.log(np.maximum(gain, 1e-5 * gain.max()))
    cepstrum = np.fft.irfft(logarithm, FILTER_SIZE)
    cepstrum[1 : FILTER_SIZE // 2] *= 2.0
    cepstrum[FILTER_SIZE // 2 + 1 :] = 0.0
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), FILTER_SIZE)[:FILTER_TAPS]
    response[-512:] *= np.cos(np.linspace(0.0, 0.5 * np.pi, 512)) ** 2
    return response


def high_pass(f: FloatArray, cutoff: float, order: int) -> FloatArray:
    """Return the gain of a Butterworth high-pass."""
    return 1.0 / np.sqrt(1.0 + (cutoff / f) ** (2 * order))


def low_pass(f: FloatArray, cutoff: float, order: int) -> FloatArray:
    """Return the gain of a Butterworth low-pass."""
    return 1.0 / np.sqrt(1.0 + (f / cutoff) ** (2 * order))


def _ripple(rng: Random, f: FloatArray, depth_db: float, bumps: int) -> FloatArray:
    """Return a smooth random gain: bumps and dips over the logarithm of the frequency."""
    octaves, total = np.log2(f), np.zeros(len(f))
    for _ in range(bumps):
        center, width = rng.uniform(math.log2(40.0), math.log2(18000.0)), rng.uniform(0.15, 1.5)
        total += depth_db * rng.standard_normal() * np.exp(-0.5 * ((octaves - center) / width) ** 2)
    return np.asarray(10.0 ** (total / 20.0))


def _device_gain(rng: Random, device: str, f: FloatArray) -> FloatArray:
    if device == "flat":
        return _ripple(rng, f, 1.0, 4) * high_pass(f, rng.uniform(5, 30), 1)
    top = p.LOW_PASS.draw(rng, (0.4, 1.0))
    if device == "phone":
        gain = high_pass(f, p.HIGH_PASS.draw(rng), int(rng.integers(1, 4)))
    elif device == "webcam":
        gain = high_pass(f, rng.uniform(10, 80), 1)
    elif device == "laptop":
        gain = high_pass(f, rng.uniform(60, 180), 2)
    elif device == "wearable":
        gain, top = high_pass(f, rng.uniform(15, 100), 1), p.LOW_PASS.draw(rng, (0.0, 0.7))
    else:
        gain, top = high_pass(f, rng.uniform(150, 320), 2), float(rng.uniform(3300, 7000))
    return _ripple(rng, f, 3.5, 7) * gain * low_pass(f, top, int(rng.integers(2, 9)))


def _tissue_gain(rng: Random, place: str, sensor: str, f: FloatArray) -> FloatArray:
    """Return the gain of tissue and coupling: dull from afar, brighter for contact with the sensor and by air."""
    part = {"joint": (0.0, 0.8), "object": (0.2, 1.0), "elsewhere": (0.0, 1.0)}[place]
    gain = low_pass(f, p.TISSUE_CUTOFF.draw(rng, part), int(rng.integers(1, 3))) * _ripple(rng, f, 2.5, 5)
    if sensor == "contact air-coupled":
        gain = gain * high_pass(f, rng.uniform(20, 60), 1) + 10.0 ** (rng.uniform(-45, -15) / 20.0)
    return np.asarray(gain)


def _housing_gain(rng: Random, f: FloatArray) -> FloatArray:
    """Return the gain of the recorder's housing, for touches of the recorder itself."""
    resonant = _ripple(rng, f, 6.0, 8)
    return resonant * low_pass(f, p.HOUSING_CUTOFF.draw(rng), 1) * high_pass(f, rng.uniform(10, 200), 1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run pyroomacoustics with one thread and no high-pass: sums in one order, and silence before the direct sound."""
    from pyroomacoustics import constants

    before = {name: constants.get(name) for name in ("num_threads", "rir_hpf_enable")}
    constants.set("num_threads", 1)
    constants.set("rir_hpf_enable", False)
    try:
        yield
    finally:
        for name, value in before.items():
            constants.set(name, value)


def _room_responses(rng: Random, settings: Settings) -> dict[str, FloatArray]:
    """Return image-source responses from three places; the direct path of each is at sample 0 with gain 1."""
    ranges = (DISTANCES[settings.sensor], (0.02, 1.5), (0.4, 4.0))
    distances = {place: log_uniform(rng, *limits) for place, limits in zip(PLACES, ranges, strict=False)}
    if settings.room == "open":
        return {place: _reflection(rng, settings.work_rate, distance) for place, distance in distances.items()}
    return _shoebox(rng, settings, distances)


def _reflection(rng: Random, rate: int, distance: float) -> FloatArray:
    """Return the response of one surface near by."""
    detour = float(rng.uniform(0.05, 2.0))
    response = np.zeros(2 + int(detour / 343.0 * rate))
    response[0] = 1.0
    response[-1] += rng.uniform(0.1, 0.8) * distance / (distance + detour)
    return response


def _shoebox(rng: Random, settings: Settings, distances: dict[str, float]) -> dict[str, FloatArray]:
    import pyroomacoustics as pra

    rate = settings.work_rate
    small, large, order = SIZES[settings.room]
    edges = np.array([*rng.uniform(small, large, 2), rng.uniform(2.3, 2.9 if settings.room == "small" else 4.0)])
    microphone = edges * rng.uniform(0.3, 0.7, 3)
    room = pra.ShoeBox(edges, fs=rate, materials=pra.Material(p.ABSORPTION.draw(rng)), max_order=order)
    room.add_microphone(microphone)
    for distance in distances.values():
        direction = rng.standard_normal(3)
        place = microphone + distance * direction / np.linalg.norm(direction)
        room.add_source(np.clip(place, 0.05, edges - 0.05))
    with _one_thread():
        room.compute_rir()
    responses = {}
    for index, name in enumerate(distances):
        response = np.asarray(room.rir[0][index], dtype=np.float64)
        start = int(np.argmax(np.abs(response) > 0.5 * np.abs(response).max()))
        responses[name] = _trim(response[max(0, start - 2) :])
    return responses


def _trim(response: FloatArray) -> FloatArray:
    """Return a response without the tail 55 dB below its energy, with a peak of 1."""
    remaining = np.cumsum(response[::-1] ** 2)[::-1]
    keep = int(np.argmax(remaining < remaining[0] * 10.0**-5.5)) or len(response)
    kept = response[: max(keep, 8)]
    return np.asarray(kept / np.abs(kept).max())
