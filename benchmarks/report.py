"""Size and duration of HTML reports.

    python benchmarks/report.py [--runs N]

A minute with 30 sounds and an hour with 600, classified with a report as whole processes. Bounds: 2 MB for the minute;
10 MB and 8 s for the hour; and the CPU of the hour with report over that without.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from measure import Bounds, in_turn, median, popclass

RATE = 48_000
LENGTHS = {"minute": (60, 30), "hour": (3600, 600)}


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        commands, pages = {}, {}
        for name, (seconds, sounds) in LENGTHS.items():
            recording, table = Path(folder, f"{name}.wav"), str(Path(folder, f"{name}.csv"))
            pages[name] = Path(folder, f"{name}.html")
            make_recording(recording, seconds, sounds)
            commands[f"{name}, no report"] = popclass("classify", str(recording), "-o", table)
            commands[name] = [*commands[f"{name}, no report"], "--report", str(pages[name])]
        in_turn({"minute": commands["minute"]}, 1)
        costs = in_turn(commands, options.runs)
        sizes = {name: page.stat().st_size / 1e6 for name, page in pages.items()}
    wall = {name: median(each, "wall_s") for name, each in costs.items()}
    cpu = {name: median(each, "cpu_s") for name, each in costs.items()}
    for name, each in costs.items():
        print(f"{name:18s} {wall[name]:6.2f} s, CPU {cpu[name]:6.2f} s, {median(each, 'mib'):4.0f} MiB")
    print()
    bounds = Bounds()
    bounds.at_most("size of a minute's report in MB", sizes["minute"], 2.0)
    bounds.at_most("size of an hour's report in MB", sizes["hour"], 10.0)
    bounds.at_most("seconds for an hour with report", wall["hour"], 8.0)
    bounds.at_most("CPU of an hour with report / without", cpu["hour"] / cpu["hour, no report"], 3.0)
    return bounds.exit_code


def make_recording(path: Path, seconds: int, sounds: int) -> None:
    """Write quiet noise with decaying rings, one in each stretch of equal length."""
    rng = np.random.default_rng(0)
    stretch = seconds * RATE // sounds
    t = np.arange(4800)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(sounds):
            samples = rng.normal(0, 0.001, stretch)
            at = int(rng.integers(RATE // 10, stretch - 4800))
            ring = np.exp(-t / rng.uniform(60, 900)) * np.sin(2 * np.pi * rng.uniform(150, 3000) * t / RATE)
            samples[at : at + 4800] += 0.3 * rng.uniform(0.05, 1) * ring
            file.write(samples)


if __name__ == "__main__":
    sys.exit(main())
