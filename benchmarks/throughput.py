"""CPU of classify and batch relative to decoding the audio, and memory.

    python benchmarks/throughput.py [--runs N] [--events N] [--hours H] [--clips N]

- an hour of 48 kHz noise with an event every half minute, as FLAC and as WAV: CPU of `popclass classify` over that of a
  script that decodes it with soundfile, both as whole processes;
- the same for an hour of continuous speech, and its events per minute;
- memory of a day over that of an hour of 8 kHz in one file, with as many events in all, and with as many an hour;
- a folder of clips of 1 s: CPU of `popclass batch` over that of a script that reads each with soundfile and takes one
  rfft;
- two jobs against one, by the wall clock (needs two idle cores), on the same folder and on one with ten times as many
  clips; the bound applies to the larger one, since both share the start-up time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from measure import Bounds, Cost, in_turn, median, popclass, python, run
from speech import speech

RATE = 48_000
DECODE = """
import sys, soundfile
with soundfile.SoundFile(sys.argv[1]) as file:
    while len(file.read(65536, dtype="float32")):
        pass
"""
READ_CLIPS = """
import sys
from pathlib import Path
import numpy as np, soundfile
for path in sorted(Path(sys.argv[1]).iterdir()):
    np.fft.rfft(soundfile.read(path)[0])
"""


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured")
    parser.add_argument("--events", type=int, default=120, help="events in an hour")
    parser.add_argument("--hours", type=int, default=24, help="length of the long recording")
    parser.add_argument("--clips", type=int, default=2000)
    options = parser.parse_args(argv)
    bounds = Bounds()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        an_hour(folder, options.events, options.runs, bounds)
        an_hour_of_speech(folder, options.runs, bounds)
        a_day(folder, options.events, options.hours, bounds)
        many_clips(folder, options.clips, options.runs, bounds)
        two_jobs(folder, options.clips, options.runs, bounds)
    return bounds.exit_code


def an_hour(folder: Path, events: int, runs: int, bounds: Bounds) -> None:
    """Measure CPU relative to decoding."""
    for ending, bound in (("flac", 1.6), ("wav", 4.0)):
        path = folder / f"hour.{ending}"
        write_noise(path, RATE, 60, events / 60)
        ratio = classify_over_decode(path, runs)
        bounds.at_most(f"1 h of {ending.upper()}: CPU of classify / decode", ratio, bound)


def an_hour_of_speech(folder: Path, runs: int, bounds: Bounds) -> None:
    """Measure CPU relative to decoding, and events, of ten minutes of continuous speech six times."""
    lines = folder / "speech.jsonl"
    samples, _ = speech(600, RATE)
    for ending in ("flac", "wav"):
        path = folder / f"speech.{ending}"
        with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
            for _ in range(6):
                file.write(samples * (0.9 / np.abs(samples).max()))
        if not lines.exists():
            run(popclass("classify", str(path), "-o", str(lines)))
            bounds.at_most("events per minute of speech", len(lines.read_text("utf-8").splitlines()) / 60, 150)
        name = f"1 h of speech as {ending.upper()}: CPU of classify / decode"
        bounds.at_most(name, classify_over_decode(path, runs), 8)


def classify_over_decode(path: Path, runs: int) -> float:
    """Return the CPU of classifying a recording over that of decoding it, and delete the recording."""
    commands = {"decode": python(DECODE, str(path)), "classify": popclass("classify", str(path))}
    costs = in_turn(commands, runs)
    path.unlink()
    for name, each in costs.items():
        print(f"  {path.name} {name:10s} {median(each, 'cpu_s'):6.2f} s CPU")
    return median(costs["classify"], "cpu_s") / median(costs["decode"], "cpu_s")


def a_day(folder: Path, events: int, hours: int, bounds: Bounds) -> None:
    """Measure memory by the length of a recording and by its events."""
    costs: dict[str, tuple[Cost, int]] = {}
    for name, length, an_hour in (
        ("1 h", 1, events),
        (f"{hours} h, as many events", hours, events / hours),
        (f"{hours} h, as often", hours, events),
    ):
        path, lines = folder / "long.wav", folder / "events.jsonl"
        write_noise(path, 8_000, 60 * length, an_hour / 60)
        cost = run(popclass("classify", str(path), "-o", str(lines)))
        found = len(lines.read_text("utf-8").splitlines())
        path.unlink()
        lines.unlink()
        costs[name] = cost, found
        print(f"  {name:24s} {found:5d} events {cost.mib:8.1f} MiB {cost.cpu_s:8.2f} s CPU")
    (hour, few), (same, _), (often, many) = costs.values()
    bounds.at_most(f"memory of {hours} h / 1 h with as many events", same.mib / hour.mib, 1.05)
    bounds.at_most("memory of an event", (often.mib - hour.mib) * 1024 / (many - few), 4, " KiB")
    bounds.at_most(f"memory of {hours} h", often.mib, 200, " MiB")


def many_clips(folder: Path, clips: int, runs: int, bounds: Bounds) -> None:
    """Measure CPU relative to reading."""
    source = folder / "clips"
    write_clips(source, clips)
    target = folder / "results"
    costs: dict[str, list[Cost]] = {"read": [], "batch": []}
    for _ in range(runs):
        costs["read"].append(run(python(READ_CLIPS, str(source))))
        costs["batch"].append(a_batch(source, target, 1))
    for name, each in costs.items():
        print(f"  {clips} clips, {name:6s} CPU {median(each, 'cpu_s'):6.2f} s")
    ratio = median(costs["batch"], "cpu_s") / median(costs["read"], "cpu_s")
    bounds.at_most(f"{clips} clips: CPU of batch / reading and one rfft each", ratio, 1.8)
    shutil.rmtree(source)


def two_jobs(folder: Path, clips: int, runs: int, bounds: Bounds) -> None:
    """Measure the gain of a second process."""
    if (os.cpu_count() or 1) < 2:
        print("  a single core: two jobs cannot be faster than one")
        return
    source, target = folder / "clips", folder / "results"
    for number in (clips, 10 * clips):
        write_clips(source, number)
        costs: dict[int, list[Cost]] = {1: [], 2: []}
        for _ in range(runs):
            for jobs, each in costs.items():
                each.append(a_batch(source, target, jobs))
        shutil.rmtree(source)
        wall = {jobs: median(each, "wall_s") for jobs, each in costs.items()}
        print(f"  {number} clips: one job {wall[1]:.2f} s, two jobs {wall[2]:.2f} s, {wall[1] / wall[2]:.2f} times")
    bounds.at_least(f"{number} clips: two jobs faster than one by", wall[1] / wall[2], 1.8)


def a_batch(source: Path, target: Path, jobs: int) -> Cost:
    """Return the cost of one batch and discard its results."""
    cost = run(popclass("batch", str(source), "-o", str(target), "--jobs", str(jobs), "--quiet"))
    shutil.rmtree(target)
    return cost


def write_noise(path: Path, rate: int, minutes: int, events_per_minute: float) -> None:
    """Write ten different minutes of quiet noise with clicks, repeated."""
    rng = np.random.default_rng(0)
    pieces = [noisy_minute(rng, rate, events_per_minute) for _ in range(min(minutes, 10))]
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as file:
        for minute in range(minutes):
            file.write(pieces[minute % len(pieces)])


def noisy_minute(rng: np.random.Generator, rate: int, events: float) -> np.ndarray:
    """Generate a minute of noise at -50 dB with clicks 10-40 dB above it; `events` is their mean number."""
    samples = rng.normal(0, 0.003, 60 * rate)
    for onset in rng.integers(0, len(samples) - rate // 10, rng.poisson(events)):
        samples[onset : onset + rate // 10] += click(rng, rate) * 0.003 * 10 ** (rng.uniform(10, 40) / 20)
    return samples.clip(-1, 1)


def click(rng: np.random.Generator, rate: int) -> np.ndarray:
    """Generate a damped sine of 0.1 s that falls by 20 dB in 1-10 ms; unit rms over its first 10 ms."""
    time = np.arange(rate // 10) / rate
    wave = np.sin(2 * np.pi * rng.uniform(300, 0.3 * rate) * time) * np.exp(-time * 2.3 / rng.uniform(0.001, 0.01))
    return wave / np.sqrt(np.mean(wave[: rate // 100] ** 2))


def write_clips(folder: Path, clips: int) -> None:
    """Write clips of 1 s, 48 kHz, each with one click."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(clips):
        samples = rng.normal(0, 0.003, RATE)
        samples[RATE // 2 : RATE // 2 + RATE // 10] += click(rng, RATE) * 0.05
        soundfile.write(folder / f"{number:05d}.wav", samples.clip(-1, 1), RATE, subtype="PCM_16")


if __name__ == "__main__":
    sys.exit(main())
