"""Duration of `popclass train`.

    python benchmarks/training.py [--events N]

A folder per class of clips of 0.4 s, each with one sound, as a whole process on two cores: detection, features, grouped
cross-validation of every classifier, calibration, novelty, model file. The bound is a minute for 10,000 events, and
proportional to the number of events.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from measure import Bounds, popclass, run

RATE = 48_000
CLASSES = ("cavitation", "snapping", "other")
BOUND_S, BOUND_EVENTS = 60.0, 10_000


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and give 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=BOUND_EVENTS)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        labelled = Path(name, "labelled")
        write_clips(labelled, options.events)
        # a small run first: the first import of librosa after an installation compiles for some 20 s
        small = Path(name, "small")
        write_clips(small, 60)
        run(popclass("train", str(small), "-o", str(Path(name, "small.onnx"))))
        cost = run(popclass("train", str(labelled), "-o", str(Path(name, "model.onnx"))))
    print(f"{options.events} events: {cost.wall_s:.1f} s, CPU {cost.cpu_s:.1f} s, {cost.mib:.0f} MiB")
    bounds = Bounds()
    bound = BOUND_S * options.events / BOUND_EVENTS
    bounds.at_most(f"train on {options.events} events, seconds / {bound:g} s", cost.wall_s / bound, 1.0)
    return bounds.exit_code


def write_clips(folder: Path, events: int) -> None:
    """Write clips of three overlapping classes: damped sines that differ in mean pitch and damping."""
    rng = np.random.default_rng(0)
    for number in range(events):
        kind = number % len(CLASSES)
        path = folder / CLASSES[kind] / f"{number:05d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        hertz = np.exp(rng.normal(np.log((800, 300, 2000)[kind]), 0.7))
        fall_s = np.exp(rng.normal(np.log((0.004, 0.020, 0.008)[kind]), 0.6))
        time = np.arange(RATE // 5) / RATE
        wave = np.sin(2 * np.pi * min(hertz, 10_000) * time + rng.uniform(0, 6.28)) * np.exp(-time * 2.3 / fall_s)
        samples = rng.normal(0, 0.002, 2 * RATE // 5)
        samples[RATE // 5 :] += wave * rng.uniform(0.05, 0.5)
        soundfile.write(path, samples, RATE, subtype="PCM_16")


if __name__ == "__main__":
    sys.exit(main())
