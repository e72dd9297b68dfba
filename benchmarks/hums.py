"""Events in hums, and recall of the clicks in them.

    python benchmarks/hums.py [--seconds S] [--write]

Hums of mains and motors with sharp cycles, over faint white noise: harmonics of a ground loop, a sawtooth, a dimmer (a
sine cut at a phase), and damped pulses at the rate of a rectifier or a motor, with jitter of their interval and level.
Clicks are those of `detection.py` but for those below 140 Hz, one every half second, their rms over 10
ms at 20 and 10 dB relative to that of the hum. `--write` puts the output into docs/detection.md.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from detection import EVERY_S, KINDS, NEAR_S, QUIET, RATE, popclass_onsets, written
from measure import Bounds
from mir_eval.util import match_events

LEVELS_DB = (20, 10)
NOISE = 0.01  # rms, relative to that of the hum
MARK = "<!-- hums -->\n"
# hertz, harmonics, slope of their amplitude
HARMONICS = {"ground loop, 50 Hz": (50, 40, 1.0), "ground loop, 60 Hz": (60, 100, 0.5), "sawtooth, 60 Hz": (60, 200, 1)}
DIMMERS = {"dimmer, 50 Hz, early": (50, 0.3), "dimmer, 60 Hz, late": (60, 0.6)}  # hertz, phase of a half-cycle
# hertz, milliseconds to -20 dB, standard deviations of interval and level
PULSES = {
    "pulses, 50 Hz": (50, 5, 0, 0),
    "pulses, 60 Hz": (60, 3, 0, 0),
    "pulses, 100 Hz": (100, 1, 0, 0),
    "pulses, 120 Hz": (120, 3, 0, 0),
    "motor, 25 Hz": (25, 3, 0.03, 0.1),
    "motor, 30 Hz": (30, 5, 0.01, 0.1),
    "motor, 40 Hz": (40, 3, 0.03, 0.1),
}


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="length of each recording")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    if not options.write:
        return report(options.seconds)
    return written(lambda: report(options.seconds), f"python benchmarks/hums.py --seconds {options.seconds}", MARK)


def report(seconds: int) -> int:
    """Print the table and the bounds."""
    print("                        events a minute   recall of clicks")
    print("                           without them     20 dB   10 dB")
    bounds, rates, recalls = Bounds(), [], []
    for number, name in enumerate((*HARMONICS, *DIMMERS, *PULSES)):
        rng = np.random.default_rng(number)
        samples = hum(rng, name, seconds * RATE)
        samples = samples / samples.std() + NOISE * rng.standard_normal(len(samples))
        rates.append(len(onsets_in(samples)) / seconds * 60)
        recalls.append([recall(rng, samples, level) for level in LEVELS_DB])
        print(f"{name:24s} {rates[-1]:14.0f} {recalls[-1][0]:9.2f} {recalls[-1][1]:7.2f}", flush=True)
    print()
    bounds.at_most("most events a minute in a hum", max(rates), 150)
    bounds.at_least("least recall of clicks, 20 dB", min(recalls)[0], 0.95)
    return bounds.exit_code


def hum(rng: np.random.Generator, name: str, size: int) -> np.ndarray:
    """Generate a hum."""
    time = np.arange(size) / RATE
    if name in HARMONICS:
        hertz, number, slope = HARMONICS[name]
        tones = (np.sin(2 * np.pi * hertz * k * time + rng.uniform(0, 0.3)) / k**slope for k in range(1, number))
        return sum(tones)
    if name in DIMMERS:
        hertz, phase = DIMMERS[name]
        return np.sin(2 * np.pi * hertz * time) * ((2 * hertz * time) % 1 > phase)
    return pulses(rng, size, *PULSES[name])


def pulses(
    rng: np.random.Generator, size: int, hertz: float, fall_ms: float, jitter: float, variation: float
) -> np.ndarray:
    """Generate damped sines at a rate; `jitter` and `variation` are relative deviations of interval and level."""
    intervals = (1 + jitter * rng.standard_normal(2 * size * int(hertz) // RATE)) / hertz
    starts = np.cumsum(intervals * RATE).astype(int)
    train = np.zeros(size)
    train[starts[starts < size]] = 1 + variation * rng.standard_normal((starts < size).sum())
    seconds = np.arange(RATE // 30) / RATE
    wave = np.sin(2 * np.pi * rng.uniform(500, 3000) * seconds + 1) * np.exp(-2300 / fall_ms * seconds)
    return np.convolve(train, wave)[:size]


def recall(rng: np.random.Generator, samples: np.ndarray, level_db: float) -> float:
    """Return the share of clicks that are found in a hum of unit rms."""
    with_clicks, seconds = samples.copy(), len(samples) / RATE
    starts = np.arange(EVERY_S, seconds - EVERY_S, EVERY_S)
    starts += rng.uniform(-0.15, 0.15, len(starts))
    makers = [make for name, (make, _) in KINDS.items() if name != "contact 86-140 Hz"]
    for start in (starts * RATE).astype(int):
        wave = makers[rng.integers(len(makers))](rng)
        wave = wave / np.sqrt(np.mean(wave[: RATE // 100] ** 2)) * 10 ** (level_db / 20)
        with_clicks[start : start + len(wave)] += wave
    return len(match_events(starts, onsets_in(with_clicks), NEAR_S)) / len(starts)


def onsets_in(samples: np.ndarray) -> np.ndarray:
    """Return the onsets in samples, at the level of a quiet recording."""
    return popclass_onsets((samples * QUIET).astype(np.float32))


if __name__ == "__main__":
    sys.exit(main())
