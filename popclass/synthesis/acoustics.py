"""The way from a source to the microphone: room or tissue, then the device. One world for all classes.

Every source of a session sounds from one of a few places (`PLACES`); a place has one impulse response, the room's image
sources (pyroomacoustics), the tissue's low-pass or the recorder's own housing, together with the device's response.
All device and tissue filters are minimum-phase and the direct path is put at sample 0, so that a sound arrives when its
label says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from popclass.synthesis import parameters as p
from popclass.synthesis.settings import Settings
from popclass.synthesis.waves import FloatArray, convolve

PLACES = ("joint", "object", "elsewhere", "recorder")
FILTER_SIZE = 8192
FILTER_TAPS = 3072

# Distance from the source to an airborne microphone in metres, by kind of sensor: ASSUMPTION.
DISTANCES = {"airborne close": (0.01, 0.12), "airborne near": (0.15, 1.0), "airborne far": (0.8, 4.0)}
# Largest and smallest edge of a room in metres, order of its image sources: ASSUMPTION.
SIZES = {"small": (1.8, 3.5, 9), "medium": (3.0, 7.0, 8), "large": (6.0, 18.0, 6)}


@dataclass(frozen=True, slots=True)
class World:
    """Impulse responses of a session, at its `work_rate`.

    Attributes
    ----------
    responses : dict of str to ndarray
        From each place to the recorded signal.
    device : ndarray
        The device alone, for what is all around.
    """

    responses: dict[str, FloatArray]
    device: FloatArray

    def hear(self, wave: FloatArray, place: str) -> FloatArray:
        """The wave as the device records it from a place."""
        return convolve(wave, self.responses[place])


def build_world(rng: np.random.Generator, settings: Settings) -> World:
    """The impulse responses of one session."""
    rate = settings.work_rate
    device = minimum_phase(_device_gain(rng, settings.device, _grid(rate)))
    if settings.contact:
        paths = {place: minimum_phase(_tissue_gain(rng, place, settings.sensor, _grid(rate))) for place in PLACES[:3]}
    else:
        paths = _room_responses(rng, settings)
    paths["recorder"] = minimum_phase(_housing_gain(rng, _grid(rate)))
    return World({place: _trim(convolve(path, device)) for place, path in paths.items()}, _trim(device))


def _grid(rate: int) -> FloatArray:
    return np.asarray(np.maximum(np.fft.rfftfreq(FILTER_SIZE, 1.0 / rate), 1.0))


def minimum_phase(gain: FloatArray) -> FloatArray:
    """A causal filter with this gain on the rfft grid of `FILTER_SIZE` and its energy as early as can be."""
    logarithm = np.log(np.maximum(gain, 1e-5 * gain.max()))
    cepstrum = np.fft.irfft(logarithm, FILTER_SIZE)
    cepstrum[1 : FILTER_SIZE // 2] *= 2.0
    cepstrum[FILTER_SIZE // 2 + 1 :] = 0.0
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), FILTER_SIZE)[:FILTER_TAPS]
    response[-512:] *= np.cos(np.linspace(0.0, 0.5 * np.pi, 512)) ** 2
    return response


def high_pass(f: FloatArray, cutoff: float, order: int) -> FloatArray:
    """Butterworth gain."""
    return 1.0 / np.sqrt(1.0 + (cutoff / f) ** (2 * order))


def low_pass(f: FloatArray, cutoff: float, order: int) -> FloatArray:
    """Butterworth gain."""
    return 1.0 / np.sqrt(1.0 + (f / cutoff) ** (2 * order))


def _wavy(rng: np.random.Generator, f: FloatArray, depth_db: float, bumps: int) -> FloatArray:
    """A smooth random gain: bumps and dips over the logarithm of the frequency."""
    octaves, total = np.log2(f), np.zeros(len(f))
    for _ in range(bumps):
        centre, width = rng.uniform(math.log2(40.0), math.log2(18000.0)), rng.uniform(0.15, 1.5)
        total += depth_db * rng.standard_normal() * np.exp(-0.5 * ((octaves - centre) / width) ** 2)
    return np.asarray(10.0 ** (total / 20.0))


def _device_gain(rng: np.random.Generator, device: str, f: FloatArray) -> FloatArray:
    if device == "flat":
        return _wavy(rng, f, 1.0, 4) * high_pass(f, rng.uniform(5, 30), 1)
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
    return _wavy(rng, f, 3.5, 7) * gain * low_pass(f, top, int(rng.integers(2, 9)))


def _tissue_gain(rng: np.random.Generator, place: str, sensor: str, f: FloatArray) -> FloatArray:
    """Flesh and the sensor's coupling: dull from afar, brighter for what touches the sensor or comes by air."""
    part = {"joint": (0.0, 0.8), "object": (0.2, 1.0), "elsewhere": (0.0, 1.0)}[place]
    gain = low_pass(f, p.TISSUE_CUTOFF.draw(rng, part), int(rng.integers(1, 3))) * _wavy(rng, f, 2.5, 5)
    if sensor == "contact air-coupled":
        gain = gain * high_pass(f, rng.uniform(20, 60), 1) + 10.0 ** (rng.uniform(-45, -15) / 20.0)
    return np.asarray(gain)


def _housing_gain(rng: np.random.Generator, f: FloatArray) -> FloatArray:
    """Through the recorder's own housing, without any room: what touches it, a hand on a phone."""
    resonant = _wavy(rng, f, 6.0, 8)
    return resonant * low_pass(f, p.HOUSING_CUTOFF.draw(rng), 1) * high_pass(f, rng.uniform(10, 200), 1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """pyroomacoustics with one thread and no high-pass: sums in one order, and nothing before the direct sound."""
    from pyroomacoustics import constants

    before = {name: constants.get(name) for name in ("num_threads", "rir_hpf_enable")}
    constants.set("num_threads", 1)
    constants.set("rir_hpf_enable", False)
    try:
        yield
    finally:
        for name, value in before.items():
            constants.set(name, value)


def _room_responses(rng: np.random.Generator, settings: Settings) -> dict[str, FloatArray]:
    """Image-source responses from three places; the direct path of each at sample 0 with gain 1."""
    distances = {
        "joint": float(np.exp(rng.uniform(*np.log(DISTANCES[settings.sensor])))),
        "object": float(np.exp(rng.uniform(*np.log((0.02, 1.5))))),
        "elsewhere": float(np.exp(rng.uniform(*np.log((0.4, 4.0))))),
    }
    if settings.room == "open":
        return {place: _reflection(rng, settings.work_rate, distance) for place, distance in distances.items()}
    return _shoebox(rng, settings, distances)


def _reflection(rng: np.random.Generator, rate: int, distance: float) -> FloatArray:
    """Nothing but one surface near by."""
    detour = float(rng.uniform(0.05, 2.0))
    response = np.zeros(2 + int(detour / 343.0 * rate))
    response[0] = 1.0
    response[-1] += rng.uniform(0.1, 0.8) * distance / (distance + detour)
    return response


def _shoebox(rng: np.random.Generator, settings: Settings, distances: dict[str, float]) -> dict[str, FloatArray]:
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
    """Without the tail 55 dB under the energy, and with a peak of 1."""
    left = np.cumsum(response[::-1] ** 2)[::-1]
    keep = int(np.argmax(left < left[0] * 10.0**-5.5)) or len(response)
    kept = response[: max(keep, 8)]
    return np.asarray(kept / np.abs(kept).max())
