"""Reproducible speech for benchmarks, synthesized by espeak-ng (package `espeakng-loader`).

Without that package, bursts of voice and breath from popclass's generator are used.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterator

import numpy as np

TEXTS = (
    "Put the kettle on, please; I will be back at ten past three, or perhaps a quarter past.",
    "Take a deep breath, bend your knee slowly, and tell me when it clicks.",
    "The quick brown fox jumps over the lazy dog, but the dog keeps dozing by the gate.",
    "Does it hurt? No, it just cracks, and then for a while it does not crack again.",
    "Peter picked a pocket full of pebbles and tipped them, one by one, into the pond.",
    "Turn your head to the left, hold it there, and now back to the middle.",
    "Eighty four trucks took eleven days to carry the concrete up to the top of the pass.",
    "That is what the old doctor told us: keep moving, keep talking, and don't count the pops.",
)
VOICES = ("en+m3", "en+f2", "en+m7", "en+f4")


def speech(seconds: float, rate: int) -> tuple[np.ndarray, str]:
    """Return speech of unit rms over faint room noise, and the name of the synthesizer."""
    from soxr import resample

    made, own_rate, name = _spoken(seconds) if importlib.util.find_spec("espeakng_loader") else _babble(seconds)
    samples = resample(made, own_rate, rate)[: round(seconds * rate)]
    samples = samples / samples.std()
    return samples + np.random.default_rng(0).normal(0, 0.003, len(samples)), name


def _spoken(seconds: float) -> tuple[np.ndarray, int, str]:
    """Synthesize sentences by four voices in turn."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    retrieve = 1  # AUDIO_OUTPUT_RETRIEVAL, from espeak's speak_lib.h: samples go to the callback only
    rate = int(library.espeak_Initialize(retrieve, 0, espeakng_loader.get_data_path().encode(), 0))
    if hasattr(library, "espeak_ng_SetRandSeed"):  # of breath; otherwise it depends on the time
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    pieces: list[np.ndarray] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def take(wave, count, events):  # type: ignore[no-untyped-def]
        if wave and count:
            pieces.append(np.ctypeslib.as_array(wave, (count,)).astype(np.float64))
        return 0

    library.espeak_SetSynthCallback(take)
    for number, text in enumerate(_endless()):
        if sum(map(len, pieces)) >= seconds * rate:
            break
        library.espeak_SetVoiceByName(VOICES[number % len(VOICES)].encode())
        encoded = text.encode()
        library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, 1, None, None)
        library.espeak_Synchronize()
    return np.concatenate(pieces), rate, "espeak-ng"


def _endless() -> Iterator[str]:
    while True:
        yield from TEXTS


def _babble(seconds: float) -> tuple[np.ndarray, int, str]:
    """Generate bursts of voice, breath and closures, four a second."""
    from popclass.synthesis import other
    from popclass.synthesis.waves import Regime

    rate = 24_000
    rng = np.random.default_rng(0)
    samples = np.zeros(round(seconds * rate) + 2 * rate)
    for at in np.arange(0, seconds, 0.25):
        make = (other.voiced, other.voiced, other.unvoiced, other.plosive)[rng.integers(4)]
        wave = make(rng, rate, Regime())()[0].wave
        start = round(at * rate)
        samples[start : start + len(wave)] += wave[: len(samples) - start]
    return samples, rate, "popclass.synthesis"
