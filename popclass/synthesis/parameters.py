"""Ranges from which the generator draws, with their sources.

A source that begins with a flag (`S`, `2`, `D`, `R`) is a published, derived or measured figure. `ASSUMPTION` marks a
range without a published figure, drawn wide on purpose. The documentation prints this table.

Draws use the quantile function, so they can be limited to a part of a range: the `pitch` and `duration` regimes of a
session use the lower, middle or upper part, the same for every class, and folds can leave a part out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

ASSUMPTION = "ASSUMPTION"
WHOLE = (0.0, 1.0)
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Parameter:
    """Distribution of one quantity.

    Attributes
    ----------
    name, unit, source : str
    low, high : float
        No draw lies outside.
    law : str
        `uniform`, `log` (uniform in the logarithm), `normal` or `lognormal` (both clipped to the range).
    center, spread : float
        Mean and standard deviation of `normal`; median and sigma of the natural logarithm of `lognormal`.
    """

    name: str
    unit: str
    low: float
    high: float
    law: str
    source: str
    center: float = math.nan
    spread: float = math.nan

    def at(self, quantile: float) -> float:
        """Return the value at a quantile in 0-1."""
        return min(max(self._unbounded(quantile), self.low), self.high)

    def _unbounded(self, quantile: float) -> float:
        if self.law == "uniform":
            return self.low + quantile * (self.high - self.low)
        if self.law == "log":
            return float(self.low * (self.high / self.low) ** quantile)
        z = _NORMAL.inv_cdf(min(max(quantile, 1e-6), 1.0 - 1e-6))
        return self.center + self.spread * z if self.law == "normal" else self.center * math.exp(self.spread * z)

    def draw(self, rng: np.random.Generator, part: tuple[float, float] = WHOLE) -> float:
        """Return a draw from the part of the distribution between two quantiles."""
        return self.at(part[0] + (part[1] - part[0]) * float(rng.random()))


# --- cavitation -------------------------------------------------------------------------------------------------------
CAVITY_FREQUENCY = Parameter(
    "cavity frequency at the skin", "Hz", 86, 1830, "lognormal",
    "S Reggars 1996: 86-1,830; D log-normal, median 215-260, sigma 0.7", 280, 0.66,
)  # fmt: skip
POP_DURATION = Parameter(
    "cavity sound, time to -20 dB, contact", "s", 0.0018, 0.016, "lognormal",
    "S Dunning 2013: 5.66 ms; D confined-disc estimate 1.8-16 ms, median 5.65", 0.0045, 0.38,
)  # fmt: skip
POP_CYCLES = Parameter(
    "cycles in one pop to -20 dB, contact", "1", 0.9, 4.0, "uniform", "D 1.2-1.9, here bounds of a wider draw"
)  # fmt: skip
CAVITY_RADIUS = Parameter("cavity radius R0", "m", 0.0015, 0.005, "log", "D confined-disc estimate")
SYNOVIAL_VISCOSITY = Parameter("synovial fluid viscosity", "Pa s", 0.02, 0.1, "log", "D confined-disc estimate")
GAP_LENGTH = Parameter("half width of the joint gap L", "m", 0.007, 0.010, "uniform", "D confined-disc estimate")
PRESSURE_ONSET = Parameter("tribonucleation pressure step, rise", "s", 0.00003, 0.0008, "log", ASSUMPTION)
CAVITY_GROWTH = Parameter("frequency at the end over that at the start", "1", 0.6, 1.15, "uniform", ASSUMPTION)
EMISSION_CONTACT = Parameter("emission at inception over the cavity sound, contact", "1", 0.02, 1.0, "log", ASSUMPTION)
EMISSION_AIR = Parameter("cavity sound over the emission at inception, airborne", "1", 0.001, 0.3, "log", ASSUMPTION)
CRACK_WIDTH = Parameter("emission pulse width", "s", 0.00003, 0.0004, "log", ASSUMPTION)
CRACK_FREQUENCY = Parameter(
    "strongest airborne mode", "Hz", 500, 8000, "lognormal", "R peak frequency 0.9-6 kHz, widened", 2600, 0.65
)  # fmt: skip
CRACK_DECAY = Parameter(
    "airborne click, time to -20 dB", "s", 0.0006, 0.02, "lognormal", "R 1-5 ms, typically 1-2, widened", 0.002, 0.8
)  # fmt: skip
CRACK_MODES = Parameter("airborne modes of one crack", "1", 2, 7, "uniform", ASSUMPTION)
CRACK_PULSE_SHARE = Parameter("direct pulse over the modes", "1", 0.1, 4.0, "log", ASSUMPTION)
SECOND_PEAK_SHARE = Parameter(
    "pops with a second peak", "1", 0.15, 0.6, "uniform", "2 Meal & Scott 1986 (share ASSUMPTION)"
)
SECOND_PEAK_DELAY = Parameter("second peak after the first", "s", 0.0004, 0.0045, "log", ASSUMPTION)
SECOND_PEAK_LEVEL = Parameter("second peak over the first", "1", 0.15, 1.2, "log", ASSUMPTION)
GAP_SPINE = Parameter("gap between pops of a thrust", "s", 0.006, 0.12, "lognormal", "D mean 33-36 ms", 0.030, 0.55)
GAP_AIR = Parameter("gap between clicks of a series, finger and wrist", "s", 0.006, 0.095, "log", "R 6-67 ms")
SECOND_CAVITATION = Parameter(
    "pops that leave the cavity free at once", "1", 0.0, 0.06, "uniform", "S Cramer 2011: 8 of 46 (two thrusts)"
)  # fmt: skip
REFRACTORY = Parameter("refractory period of one cavity", "s", 900, 1800, "uniform", "S about 20 min; 2 15-30 min")

# --- snapping ---------------------------------------------------------------------------------------------------------
SNAP_FREQUENCY = Parameter(
    "first body mode, contact", "Hz", 45, 420, "lognormal", "S Ozmen 2021: 115 +- 44 Hz, widened", 125, 0.5
)
SNAP_DAMPING = Parameter(
    "damping ratio of the body modes", "1", 0.03, 0.3, "lognormal", "S Ozmen 2021: 0.098 +- 0.022, widened", 0.1, 0.4
)
SNAP_RELEASE = Parameter("release time of the slip", "s", 0.00008, 0.003, "log", ASSUMPTION)
SNAP_MODES = Parameter("body modes that ring", "1", 1, 5, "uniform", ASSUMPTION)
SNAP_UPPER = Parameter(
    "upper body modes", "Hz", 250, 6000, "log", "S jaw clicks: >1,200 Hz in 38% (Widmalm 1996); ASSUMPTION"
)
SNAP_UPPER_DAMPING = Parameter("damping ratio of the upper modes", "1", 0.015, 0.25, "log", ASSUMPTION)
SNAP_TILT = Parameter("exponent of a mode's level over frequency, contact", "1", -1.5, 0.8, "uniform", ASSUMPTION)
RADIATION = Parameter("what radiation into air adds to that exponent", "1", 0.8, 2.8, "uniform", ASSUMPTION)
SNAP_RUB = Parameter("rub while loading over the slip", "1", 0.002, 0.025, "log", ASSUMPTION)
SNAP_RUB_LENGTH = Parameter("rub before the slip", "s", 0.02, 0.25, "log", ASSUMPTION)
CADENCE = Parameter("movements per second", "Hz", 0.3, 1.5, "log", ASSUMPTION)
CADENCE_JITTER = Parameter("relative jitter of the cadence", "1", 0.01, 0.18, "log", ASSUMPTION)
SNAP_CHANGE = Parameter(
    "relative change from repeat to repeat", "1", 0.005, 0.12, "log", "S ICC 0.85-0.95 (Teague, Kalo); scale ASSUMPTION"
)  # fmt: skip

# --- other ------------------------------------------------------------------------------------------------------------
OTHER_CHANGE = Parameter(
    "relative change from repeat to repeat of taps, clicks, clocks", "1", 0.003, 0.15, "log", ASSUMPTION
)
PRESS_RELEASE = Parameter("press to release of a button", "s", 0.04, 0.25, "log", ASSUMPTION)
VOICE_PITCH = Parameter("voice pitch", "Hz", 75, 350, "log", ASSUMPTION)

# --- acoustics, the same for every class ------------------------------------------------------------------------------
SNR = Parameter(
    "level over the floor, whole span", "dB", -6, 58, "uniform", "S Widmalm 2003: 62 dB; R 40-50 dB close-miked"
)
PEAK_LEVEL = Parameter("loudest sound of a session", "dBFS", -45, -0.5, "uniform", ASSUMPTION)
HIGH_PASS = Parameter("high-pass of phones", "Hz", 90, 200, "uniform", "S some phones high-pass at 90-200 Hz")
LOW_PASS = Parameter("low-pass of a device", "Hz", 4000, 20000, "log", ASSUMPTION)
TISSUE_CUTOFF = Parameter("tissue and sensor low-pass, contact", "Hz", 350, 5000, "log", ASSUMPTION)
HOUSING_CUTOFF = Parameter("low-pass of the recorder's housing, touched", "Hz", 600, 12000, "log", ASSUMPTION)
ABSORPTION = Parameter("energy absorption of the walls", "1", 0.12, 0.7, "uniform", ASSUMPTION)

TABLE = [value for value in list(globals().values()) if isinstance(value, Parameter)]
