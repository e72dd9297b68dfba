"""Definitions of the features: name, unit, range and meaning.

`docs/features.md` is printed from this list. Values are clipped to their range, so every feature is finite for every
input.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

COEFFICIENTS = 6  # MFCC, including the zeroth: more describe the room and generalize worse to other settings
TAIL_COEFFICIENTS = 3
OCTAVES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)  # upper edges in hertz of all bands but the last
STAGES_MS = (0, 2, 5, 10, 20, 40, 80)  # edges of the stretches over which the energy is followed
START_BANDS = (500.0, 1500.0, 3000.0, 6000.0)  # the same in the first 4 ms, before the first reflections
THIRDS = (("low", 0.0, 800.0), ("mid", 800.0, 3000.0), ("high", 3000.0, 12000.0))


def _band_names(prefix: str, edges: tuple[float, ...]) -> tuple[str, ...]:
    inner = [f"{edge:.0f}" for edge in edges]
    return tuple(f"{prefix}_{low}_{high}" for low, high in pairwise(["0", *inner, "up"]))


BAND_NAMES = _band_names("band", OCTAVES)
START_NAMES = _band_names("start", START_BANDS)
STAGE_NAMES = tuple(f"stage_{start}_{end}" for start, end in pairwise(STAGES_MS[1:]))


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the feature table."""

    name: str
    unit: str
    low: float
    high: float
    meaning: str


def _group(names: tuple[str, ...], unit: str, low: float, high: float, meaning: str) -> list[Feature]:
    return [Feature(name, unit, low, high, meaning) for name in names]


_MFCC_ATTACK = "MFCC {} of the frame that begins 2 ms before the onset (21 ms)"
_MFCC_TAIL = "mean MFCC {} 11-48 ms after the onset, less the attack's"
_FALL = "effective duration of the energy between {:.0f} and {:.0f} Hz"
FEATURES: tuple[Feature, ...] = (
    *(Feature(f"mfcc_attack_{k}", "1", -200, 200, _MFCC_ATTACK.format(k)) for k in range(1, COEFFICIENTS)),
    *(Feature(f"mfcc_tail_{k}", "1", -500, 500, _MFCC_TAIL.format(k)) for k in range(TAIL_COEFFICIENTS)),
    *_group(BAND_NAMES, "dB", -60, 0, "share of the attack's energy in this band of frequencies (hertz in the name)"),
    Feature("centroid", "log2 Hz", 5, 13.6, "energy-weighted mean frequency of the attack"),
    Feature("bandwidth", "log2 Hz", 3, 13.6, "energy-weighted standard deviation of frequency in the attack"),
    Feature("rolloff", "log2 Hz", 5, 13.6, "frequency below which 85 % of the attack's energy lies"),
    Feature("flatness", "dB", -60, 0, "geometric over arithmetic mean of the attack's power spectrum: 0 is white"),
    Feature("dominant", "log2 Hz", 5, 13.6, "frequency of the largest peak in the attack's spectrum"),
    Feature("prominence", "dB", 0, 60, "the dominant peak over the mean of the attack's power spectrum"),
    Feature("cycles", "log2", -3, 10, "periods of the dominant frequency within the time to -20 dB: its damping"),
    Feature("rise", "log2 ms", -5, 5, "time the envelope takes from a tenth of its peak energy to the peak"),
    Feature("fall_10", "log2 ms", -5, 7.5, "time from the peak until the envelope stays 10 dB below it"),
    Feature("fall_20", "log2 ms", -5, 7.5, "time from the peak until the envelope stays 20 dB below it"),
    Feature("duration", "log2 ms", -5, 7.5, "time that holds the middle 90 % of the energy"),
    Feature("time_centroid", "log2 ms", -5, 7.5, "energy-weighted mean time after the onset"),
    *(Feature(f"fall_{name}", "log2 ms", -5, 7.5, _FALL.format(low, high)) for name, low, high in THIRDS),
    *_group(STAGE_NAMES, "dB", -60, 20, "power in this stretch (ms after the onset) over that of the first 2 ms"),
    *_group(START_NAMES, "dB", -60, 0, "share of the energy of the first 4 ms in this band (hertz in the name)"),
    Feature("start_centroid", "log2 Hz", 5, 13.6, "energy-weighted mean frequency of the first 4 ms"),
    Feature("crest", "dB", 0, 40, "peak over rms of the 20 ms after the onset"),
    Feature("peaks", "log2", 0, 6, "number of separate envelope peaks within 10 dB of the largest in 30 ms"),
    Feature("peak_spacing", "log2 ms", -2, 5, "mean distance of these peaks; the lower bound where there is only one"),
    Feature("second_peak", "dB", -40, 0, "largest envelope peak from 1.5 ms after the first, relative to it"),
    Feature("late", "dB", -60, 20, "energy 20-80 ms after the onset over that of the first 20 ms"),
    Feature("before", "dB", -60, 20, "energy of the 8 ms before the onset over that of the 8 ms after it"),
    Feature("fill_before", "dB", -60, 20, "median level of the 20 ms before the onset over the sound's peak level"),
    Feature("fill_after", "dB", -60, 20, "median level 10-100 ms after the onset over the sound's peak level"),
    Feature("crossings", "log2 Hz", 5, 13.6, "half the rate of zero crossings in the first 5 ms"),
    Feature("snr", "dB", -10, 60, "level over the local noise floor, as `snr_db` of the event"),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
