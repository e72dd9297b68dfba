"""Acoustics of a session: the path from a source to the microphone, the same for all classes, and the background.

Every source of a session is at one of four places (joint, object, elsewhere, recorder), and each place has one impulse
response. It is the room's image sources (pyroomacoustics), the tissue's low-pass or the recorder's own housing,
convolved with the device's response. All device and tissue filters are minimum-phase and the direct path is at sample
0, so that a sound arrives at the time of its label.

The background is coloured noise, hum, a fan, traffic or distant voices. It is continuous and has no labels.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.fft import irfft, rfft

from popclass.synthesis import mouth
from popclass.synthesis import parameters as p
from popclass.synthesis.settings import Settings
from popclass.synthesis.waves import FloatArray, Random, Regime, Signal, convolve, log_uniform

FILTER_SIZE = 8192
FILTER_TAPS = 3072

# Distance from the source to an airborne microphone in metres, by kind of sensor: ASSUMPTION.
DISTANCES = {"airborne close": (0.01, 0.12), "airborne near": (0.15, 1.0), "airborne far": (0.8, 4.0)}
# Part of the range of cutoffs of the tissue, by place: ASSUMPTION.
TISSUE_PARTS = {"joint": (0.0, 0.8), "object": (0.2, 1.0), "elsewhere": (0.0, 1.0)}
# Lowest and highest cutoff in hertz and order of a device's high-pass: ASSUMPTION.
HIGH_PASSES = {"webcam": (10, 80, 1), "laptop": (60, 180, 2), "wearable": (15, 100, 1), "narrow": (150, 320, 2)}
# Largest and smallest edge of a room in metres, order of its image sources: ASSUMPTION.
SIZES = {"small": (1.8, 3.5, 9), "medium": (3.0, 7.0, 8), "large": (6.0, 18.0, 6)}
# Slope in decibels per octave, by kind; 0 to -6 for all others: ASSUMPTION.
SLOPES = {"white": (-1, 3), "pink": (-4.5, -1.5), "brown": (-9, -4.5), "webcam": (-9, -5), "traffic": (-7, -4)}
WALLS = ("east", "west", "north", "south", "ceiling", "floor")
FLUTTER = 0.4  # of rooms: two walls that face each other are bare: ASSUMPTION
_BLOCK = 1 << 15


def draw_acoustics(rng: Random, settings: Settings) -> dict[str, FloatArray]:
    """Return the impulse responses of one session at its `work_rate`.

    Returns
    -------
    dict of str to ndarray
        From each place to the recorded signal; under `device` that of the device alone, for the background.
    """
    f = np.maximum(np.fft.rfftfreq(FILTER_SIZE, 1.0 / settings.work_rate), 1.0)
    device = minimum_phase(_device_gain(rng, settings.device, f))
    if settings.contact:
        paths = {place: minimum_phase(_tissue_gain(rng, place, settings.sensor, f)) for place in TISSUE_PARTS}
    else:
        paths = _room_responses(rng, settings)
    # The recorder's own housing, for touches of the recorder itself.
    housing = _ripple(rng, f, 6.0, 8) * _butterworth(f / p.HOUSING_CUTOFF.draw(rng), 1)
    paths["recorder"] = minimum_phase(housing * _butterworth(rng.uniform(10, 200) / f, 1))
    return {place: _trim(convolve(path, device)) for place, path in paths.items()} | {"device": _trim(device)}


def minimum_phase(gain: FloatArray) -> FloatArray:
    """Return the minimum-phase filter with this gain on the rfft grid of `FILTER_SIZE`."""
    logarithm = np.log(np.maximum(gain, 1e-5 * gain.max()))
    cepstrum = np.fft.irfft(logarithm, FILTER_SIZE)
    cepstrum[1 : FILTER_SIZE // 2] *= 2.0
    cepstrum[FILTER_SIZE // 2 + 1 :] = 0.0
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), FILTER_SIZE)[:FILTER_TAPS]
    response[-512:] *= np.cos(np.linspace(0.0, 0.5 * np.pi, 512)) ** 2
    return response


def _butterworth(ratio: FloatArray, order: int) -> FloatArray:
    """Return the gain of a low-pass at the frequencies over its cutoff, or of a high-pass at the cutoff over them."""
    return 1.0 / np.sqrt(1.0 + ratio ** (2 * order))


def _ripple(rng: Random, f: FloatArray, depth_db: float, bumps: int) -> FloatArray:
    """Return a smooth random gain: bumps and dips over the logarithm of the frequency."""
    octaves, total = np.log2(f), np.zeros(len(f))
    for _ in range(bumps):
        center, width = rng.uniform(math.log2(40.0), math.log2(18000.0)), rng.uniform(0.15, 1.5)
        total += depth_db * rng.standard_normal() * np.exp(-0.5 * ((octaves - center) / width) ** 2)
    return np.asarray(10.0 ** (total / 20.0))


def _device_gain(rng: Random, device: str, f: FloatArray) -> FloatArray:
    if device == "flat":
        return _ripple(rng, f, 1.0, 4) * _butterworth(rng.uniform(5, 30) / f, 1)
    top = p.LOW_PASS.draw(rng, (0.4, 1.0))
    if device == "phone":
        bottom, order = p.HIGH_PASS.draw(rng), int(rng.integers(1, 4))
    else:
        low, high, order = HIGH_PASSES[device]
        bottom = rng.uniform(low, high)
    if device == "wearable":
        top = p.LOW_PASS.draw(rng, (0.0, 0.7))
    elif device == "narrow":
        top = rng.uniform(3300, 7000)
    gain = _ripple(rng, f, 3.5, 7) * _butterworth(bottom / f, order)
    return gain * _butterworth(f / top, int(rng.integers(2, 9)))


def _tissue_gain(rng: Random, place: str, sensor: str, f: FloatArray) -> FloatArray:
    """Return the gain of tissue and coupling: dull from afar, brighter for contact with the sensor and by air."""
    cutoff = p.TISSUE_CUTOFF.draw(rng, TISSUE_PARTS[place])
    gain = _butterworth(f / cutoff, int(rng.integers(1, 3))) * _ripple(rng, f, 2.5, 5)
    if sensor == "contact air-coupled":
        gain = gain * _butterworth(rng.uniform(20, 60) / f, 1) + 10.0 ** (rng.uniform(-45, -15) / 20.0)
    return gain


def _room_responses(rng: Random, settings: Settings) -> dict[str, FloatArray]:
    """Return image-source responses from three places; the direct path of each is at sample 0 with gain 1."""
    ranges = {"joint": DISTANCES[settings.sensor], "object": (0.02, 1.5), "elsewhere": (0.4, 4.0)}
    distances = {place: log_uniform(rng, *limits) for place, limits in ranges.items()}
    if settings.room == "open":
        return {place: _reflection(rng, settings.work_rate, distance) for place, distance in distances.items()}
    return _shoebox(rng, settings, distances)


def _reflection(rng: Random, rate: int, distance: float) -> FloatArray:
    """Return the response of one surface, near or far, or the flutter echo between two."""
    detour, count = p.SLAP_DETOUR.draw(rng), int(rng.choice([1, 2, 4]))
    response = np.zeros(2 + int(count * detour / 343.0 * rate))
    response[0], reflected = 1.0, rng.uniform(0.1, 0.9)
    for number in range(1, count + 1):
        response[1 + int(number * detour / 343.0 * rate)] += reflected**number * distance / (distance + number * detour)
    return response


def _shoebox(rng: Random, settings: Settings, distances: dict[str, float]) -> dict[str, FloatArray]:
    import pyroomacoustics as pra

    small, large, order = SIZES[settings.room]
    edges = np.array([*rng.uniform(small, large, 2), rng.uniform(2.3, 2.9 if settings.room == "small" else 4.0)])
    microphone = edges * rng.uniform(0.3, 0.7, 3)
    absorption = dict.fromkeys(WALLS, p.ABSORPTION.draw(rng))
    if rng.random() < FLUTTER:
        first = 2 * int(rng.integers(3))
        absorption |= dict.fromkeys(WALLS[first : first + 2], p.BARE_WALL.draw(rng))
    walls = {name: pra.Material(share) for name, share in absorption.items()}
    room = pra.ShoeBox(edges, fs=settings.work_rate, materials=walls, max_order=order)
    room.add_microphone(microphone)
    for distance in distances.values():
        direction = rng.standard_normal(3)
        place = microphone + distance * direction / np.linalg.norm(direction)
        room.add_source(np.clip(place, 0.05, edges - 0.05))
    # One thread and no high-pass: sums in one order, and silence before the direct sound.
    before = {name: pra.constants.get(name) for name in ("num_threads", "rir_hpf_enable")}
    try:
        pra.constants.set("num_threads", 1)
        pra.constants.set("rir_hpf_enable", False)
        room.compute_rir()
    finally:
        for name, value in before.items():
            pra.constants.set(name, value)
    responses = {}
    for name, rir in zip(distances, room.rir[0], strict=True):
        response = np.asarray(rir, dtype=np.float64)
        start = int(np.argmax(np.abs(response) > 0.5 * np.abs(response).max()))
        responses[name] = _trim(response[max(0, start - 2) :])
    return responses


def _trim(response: FloatArray) -> FloatArray:
    """Return a response without the tail 55 dB below its energy, with a peak of 1."""
    remaining = np.cumsum(response[::-1] ** 2)[::-1]
    keep = int(np.argmax(remaining < remaining[0] * 10.0**-5.5)) or len(response)
    kept = response[: max(keep, 8)]
    return np.asarray(kept / np.abs(kept).max())


class Background:
    """Background of one session.

    Parameters
    ----------
    rng : numpy.random.Generator
    settings : Settings
    device : ndarray
        Impulse response of the device, which filters the background as it does the events.
    """

    def __init__(self, rng: Random, settings: Settings, device: FloatArray) -> None:
        self.rng, self.rate, kind = rng, settings.work_rate, settings.background
        f = np.maximum(np.fft.rfftfreq(FILTER_SIZE, 1.0 / self.rate), 10.0)
        gain = (f / 1000.0) ** (rng.uniform(*SLOPES.get(kind, (-6.0, 0.0))) / 6.02)
        if kind == "fan":
            gain *= 1.0 + rng.uniform(1.0, 8.0) * np.exp(-0.5 * (np.log2(f / rng.uniform(60, 600)) / 0.4) ** 2)
        hiss = 10.0 ** (rng.uniform(-40.0, -12.0) / 20.0)
        colored = gain * np.abs(np.fft.rfft(device, FILTER_SIZE))
        self.filter = minimum_phase(colored / np.sqrt(np.mean(colored**2)) + hiss).astype(np.float32)
        self.tones = _draw_tones(rng, kind)
        self.sway = rng.uniform(0.0, 0.5) if kind in ("traffic", "fan", "webcam") else 0.0
        voices = ([(mouth.voiced, 1)] * 3 + [(mouth.unvoiced, 0.3)]) * 3 if kind == "babble" else []
        sounds = ((draw(rng, self.rate, Regime())()[0].wave, level) for draw, level in voices)
        self.syllables = [(wave * level).astype(np.float32) for wave, level in sounds]
        self.voice_gain = rng.uniform(0.3, 1.6)
        self.offset = float(rng.choice([0.0, rng.uniform(-1.0, 1.0) * 10.0 ** rng.uniform(-3.0, -0.4)], p=[0.7, 0.3]))

    def render(self, length: int) -> Signal:
        """Return `length` samples of background with an rms of 1 and a mean of 0."""
        rng, noise = self.rng, self._colored_noise(length)
        noise /= np.float32(max(float(np.sqrt(np.mean(noise**2))), 1e-12))
        if self.sway > 0.0:
            knots = np.exp(self.sway * rng.standard_normal(2 + length // (2 * self.rate)))
            slow = np.interp(np.arange(length) / (2.0 * self.rate), np.arange(len(knots)), knots)
            noise *= slow.astype(np.float32)
        for frequency, amplitude in self.tones:
            _add_tone(noise, 2.0 * np.pi * frequency / self.rate, amplitude, rng.uniform(0.0, 2.0 * np.pi))
        if self.syllables:
            self._add_voices(noise)
        noise -= noise.mean()
        noise /= np.float32(np.sqrt(np.mean(noise**2)))
        return noise

    def _add_voices(self, noise: Signal) -> None:
        """Add several voices at once: syllables from a small pool at random moments."""
        rng, talk = self.rng, np.zeros(len(noise), dtype=np.float32)
        for start in rng.integers(0, len(noise), int(rng.uniform(6.0, 16.0) * len(noise) / self.rate)):
            syllable = self.syllables[int(rng.integers(len(self.syllables)))]
            part = talk[start : start + len(syllable)]
            part += np.float32(rng.uniform(0.2, 1.0)) * syllable[: len(part)]
        level = float(np.sqrt(np.mean(talk**2)))
        if level > 0.0:
            noise += talk * np.float32(self.voice_gain / level)

    def _colored_noise(self, length: int) -> Signal:
        """Return filtered white noise, by overlapping blocks in single precision."""
        overlap = len(self.filter) - 1
        step = _BLOCK - overlap
        starts = range(0, length, step)
        white = self.rng.standard_normal(len(starts) * step + overlap, dtype=np.float32)
        transfer = rfft(self.filter, _BLOCK)
        blocks = [irfft(rfft(white[i : i + _BLOCK]) * transfer, _BLOCK)[overlap:] for i in starts]
        return np.concatenate(blocks)[:length]


def _draw_tones(rng: Random, kind: str) -> list[tuple[float, float]]:
    """Return frequencies and amplitudes: the mains and its harmonics, or the blades of a fan."""
    if kind not in ("hum", "fan") and rng.random() > 0.15:
        return []
    base = float(rng.choice([50.0, 60.0])) if kind != "fan" else rng.uniform(25.0, 240.0)
    level = 10.0 ** (rng.uniform(-20.0, 8.0 if kind == "hum" else -4.0) / 20.0)
    harmonics = range(1, 1 + int(rng.integers(1, 9)))
    return [(base * i, level * rng.uniform(0.1, 1.0) / i**0.7) for i in harmonics]


def _add_tone(signal: Signal, step: float, amplitude: float, phase: float) -> None:
    """Add a sine, block by block: a product of two phasors costs less than a sine a sample."""
    inner = np.exp(1j * step * np.arange(_BLOCK)).astype(np.complex64)
    for start in range(0, len(signal), _BLOCK):
        block = signal[start : start + _BLOCK]
        block += (inner[: len(block)] * np.complex64(amplitude * np.exp(1j * (phase + step * start)))).imag
