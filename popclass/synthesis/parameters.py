"""Ranges from which the generator draws, with their sources.

A source that begins with a flag (`S`, `2`, `D`, `R`) is a published, derived or measured figure. `ASSUMPTION` marks a
range without a published figure, drawn wide on purpose. The documentation prints this table.

Draws use the quantile function, so they can be limited to a part of a range: the `pitch` and `duration` regimes of a
session use the lower, middle or upper part, the same for every class, and folds can leave a part out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import numpy as np

ASSUMPTION = "ASSUMPTION"


@dataclass(frozen=True, slots=True)
class Parameter:
    """Distribution of one quantity.

    Attributes
    ----------
    law : str
        `uniform`, `log` (uniform in the logarithm) or `lognormal` (clipped to the range).
    name, unit : str
    low, high : float
        No draw lies outside.
    source : str
    median, sigma : float
        Of `lognormal`; sigma is the standard deviation of the natural logarithm.
    """

    law: str
    name: str
    unit: str
    low: float
    high: float
    source: str = ASSUMPTION
    median: float = math.nan
    sigma: float = math.nan

    def at(self, quantile: float) -> float:
        """Return the value at a quantile in 0-1."""
        if self.law == "uniform":
            value = self.low + quantile * (self.high - self.low)
        elif self.law == "log":
            value = self.low * (self.high / self.low) ** quantile
        else:
            value = self.median * math.exp(self.sigma * NormalDist().inv_cdf(min(max(quantile, 1e-6), 1.0 - 1e-6)))
        return min(max(value, self.low), self.high)

    def draw(self, rng: np.random.Generator, part: tuple[float, float] = (0.0, 1.0)) -> float:
        """Return a draw from the part of the distribution between two quantiles."""
        return self.at(part[0] + (part[1] - part[0]) * rng.random())


uniform = partial(Parameter, "uniform")
log = partial(Parameter, "log")
lognormal = partial(Parameter, "lognormal")

# --- cavitation -------------------------------------------------------------------------------------------------------
CAVITY_FREQUENCY = lognormal(
    "cavity frequency at the skin", "Hz", 86, 1830, "S Reggars 1996; D log-normal, median 215-260, sigma 0.7", 280, 0.66
)
POP_DURATION = lognormal(
    "cavity sound, time to -20 dB, contact", "s", 0.0018, 0.016, "S Dunning 2013: 5.66 ms; D median 5.65", 0.0045, 0.38
)
POP_CYCLES = uniform("cycles in one pop to -20 dB, contact", "1", 0.9, 4.0, "D 1.2-1.9, widened")
PRESSURE_ONSET = log("tribonucleation pressure step, rise", "s", 0.00003, 0.0008)
CAVITY_GROWTH = uniform("frequency at the end over that at the start", "1", 0.6, 1.15)
EMISSION_CONTACT = log("emission at inception over the cavity sound, contact", "1", 0.02, 1.0)
EMISSION_AIR = log("cavity sound over the emission at inception, airborne", "1", 0.001, 0.3)
CRACK_WIDTH = log("emission pulse width", "s", 0.00003, 0.0004)
CRACK_FREQUENCY = lognormal("strongest airborne mode", "Hz", 500, 8000, "R peaks 0.9-6 kHz, widened", 2600, 0.65)
CRACK_DECAY = lognormal("airborne click, time to -20 dB", "s", 0.0006, 0.02, "R 1-5 ms, widened", 0.002, 0.8)
CRACK_MODES = uniform("airborne modes of one crack", "1", 2, 7)
CRACK_PULSE_SHARE = log("direct pulse over the modes", "1", 0.1, 4.0)
SECOND_PEAK_SHARE = uniform("pops with a second peak", "1", 0.15, 0.6, "2 Meal & Scott 1986 (share ASSUMPTION)")
SECOND_PEAK_DELAY = log("second peak after the first", "s", 0.0004, 0.0045)
SECOND_PEAK_LEVEL = log("second peak over the first", "1", 0.15, 1.2)
GAP_SPINE = lognormal("gap between pops of a thrust", "s", 0.006, 0.12, "D mean 33-36 ms", 0.030, 0.55)
GAP_AIR = log("gap between clicks of a series, finger and wrist", "s", 0.006, 0.095, "R 6-67 ms")
SECOND_CAVITATION = uniform(
    "pops that leave the cavity free", "1", 0.0, 0.31, "S Cramer 2011: 8 of 46 (two quick thrusts); D 9-31 %"
)
REFRACTORY = uniform("refractory period of one cavity", "s", 900, 1800, "S about 20 min; 2 15-30 min")

# --- snapping ---------------------------------------------------------------------------------------------------------
SNAP_FREQUENCY = lognormal(
    *("first body mode, contact", "Hz", 45, 420),
    *("S Ozmen 2021, knees: 115 +- 44 Hz (healthy side of 9 injured), 67 +- 10 Hz (injured), widened", 120, 0.5),
)
SNAP_RING = lognormal(
    *(
        "first body mode, time to -20 dB",
        "s",
        0.004,
        0.06,
        "S Ozmen 2021, decay of 46 healthy legs; D about 15 ms, 5-44 ms",
    ),
    *(0.016, 0.66),
)
INJURED_RING = lognormal(
    *("same, of an injured joint", "s", 0.04, 0.35, "S Ozmen 2021, decay of injured legs; D about 144 ms"),
    *(0.13, 0.5),
)
INJURED_SHARE = uniform("tendons that ring as long as in an injured joint", "1", 0.0, 0.4)
SNAP_RELEASE = log("release time of the slip", "s", 0.00008, 0.003)
SNAP_MODES = uniform("body modes that ring", "1", 1, 5)
SNAP_UPPER = log("upper body modes", "Hz", 250, 6000, "S jaw clicks: >1,200 Hz in 38% (Widmalm 1996); ASSUMPTION")
SNAP_UPPER_DAMPING = log("damping ratio of the upper modes", "1", 0.015, 0.25)
SNAP_TILT = uniform("exponent of a mode's level over frequency, contact", "1", -1.5, 0.8)
RADIATION = uniform("what radiation into air adds to that exponent", "1", 0.8, 2.8)
SNAP_RUB = log("rub while loading over the slip", "1", 0.002, 0.025)
SNAP_RUB_LENGTH = log("rub before the slip", "s", 0.02, 0.25)
CADENCE = log("movements per second", "Hz", 0.3, 1.5)
CADENCE_JITTER = log("relative jitter of the cadence", "1", 0.01, 0.18)
SNAP_CHANGE = log(
    *("relative change from repeat to repeat; a third of it in frequency", "1", 0.01, 0.3),
    "S Kalo 2020: frequency within 14 Hz, at most 7 %, of sets of five; ICC 0.85-0.95; widened",
)
SNAP_LEVEL = log("level from repeat to repeat", "dB", 0.7, 5.0, "S Kalo 2020: 1.4-2.4 dB of sets of five, widened")

# --- other ------------------------------------------------------------------------------------------------------------
OTHER_CHANGE = log("relative change from repeat to repeat of taps, clicks, clocks", "1", 0.003, 0.3)
OTHER_LEVEL = log("level from repeat to repeat of taps, clicks, clocks", "dB", 0.1, 5.0)
BRIGHTNESS = uniform("exponent of a mode's level over its frequency, of what is struck", "1", -0.8, 1.0)
REBOUND_GAP = log("first rebound after an impact", "s", 0.005, 0.12)
RESTITUTION = uniform("speed after a rebound over that before it", "1", 0.25, 0.95)
TOE_AFTER_HEEL = log("toe after heel", "s", 0.02, 0.25)
MOUTH_STEP = log("second pulse of a click of tongue or lips", "s", 0.001, 0.03)
CHEWING = log("bites per second", "Hz", 0.7, 3.0)
HEART_RATE = uniform("beats per minute", "1/min", 45, 180)
PRESS_RELEASE = log("press to release of a button", "s", 0.04, 0.25)
VOICE_PITCH = log("voice pitch", "Hz", 75, 350)

# --- acoustics, the same for every class ------------------------------------------------------------------------------
SNR = uniform(
    "level over the floor", "dB", -6.0, 58.0, "S Widmalm 2003: 62 dB (jaw clicks); place over the floor ASSUMPTION"
)
PEAK_LEVEL = uniform("loudest sound of a session", "dBFS", -45, -0.5)
HIGH_PASS = uniform("high-pass of phones", "Hz", 90, 200, "S some phones high-pass at 90-200 Hz")
LOW_PASS = log("low-pass of a device", "Hz", 4000, 20000)
TISSUE_CUTOFF = log(
    *("tissue, sensor and mounting, low-pass, contact", "Hz", 350, 7000),
    "S PMC8208483: mounting alone moves the centroid 0.8-1.35 kHz, roll-off 4.15-5.9 kHz (knee), widened",
)
HOUSING_CUTOFF = log("low-pass of the recorder's housing, touched", "Hz", 600, 12000)
ABSORPTION = uniform("energy absorption of the walls", "1", 0.12, 0.7)
BARE_WALL = uniform("energy absorption of a bare wall", "1", 0.02, 0.12)
SLAP_DETOUR = log("detour of a reflection out of doors", "m", 0.05, 40.0)
SENSOR_LAG = log("two sensors: arrival at the farther one", "s", 0.00003, 0.0015)
SENSOR_LOSS = uniform("two sensors: level at the farther one, lower by", "dB", 1.0, 18.0)

TABLE = [value for value in list(globals().values()) if isinstance(value, Parameter)]
