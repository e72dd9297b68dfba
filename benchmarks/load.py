"""Growth of time and memory with files, hours and events.

    python benchmarks/load.py [--files N] [--hours H] [--events N] [--runs N]

- a folder of 10,000 clips against one of 1,000: time and memory per file, rows complete and in order, and the time of a
  second run with nothing left to do;
- a day of 48 kHz in one FLAC against one hour: memory;
- 100,000 events in one recording against 10,000: time and memory of detection, labelling and writing;
- 1,000 clips by two processes, repeatedly: identical bytes.

Growth is a ratio: 1 where ten times as much takes ten times as long.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from measure import Bounds, popclass, python, run

RATE = 48_000
CLIP_S = 0.25
DIFFERENT = 200  # clips; the others differ in their first sample, so that none is a duplicate
TABLES = ("events.csv", "recordings.csv")
# Peak memory of the main process, without its workers.
BATCH = """
import json, resource, sys, time
from popclass.cli import main
began = time.perf_counter()
code = main(["batch", sys.argv[1], "-o", sys.argv[2], "--jobs", "2", "--quiet"])
wall = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([wall, used.ru_maxrss / 1024]), file=sys.stderr if code else open(sys.argv[3], "w"))
sys.exit(code)
"""
CROWD = """
import json, resource, sys, time
import numpy as np
sys.path.insert(0, sys.argv[2])
from timing import START, analysis
from popclass.formats import FORMATS
from popclass.model.model import Model
from popclass.metadata import Metadata
from popclass.postprocess import postprocess
number = int(sys.argv[1])
one = analysis(np.random.default_rng(0), number, 0.36 * number, "crowd.wav", START)
model, seconds = Model.default(), {}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for cavities in (1, 24):
    began = time.process_time()
    results = postprocess([one], [Metadata(cavities=cavities, subject="P")], model)
    seconds[f"labelling, {cavities} joint cavit{'y' if cavities == 1 else 'ies'}"] = time.process_time() - began
for name, form in FORMATS.items():
    began = time.process_time()
    for piece in form(results):
        pass
    seconds[name] = time.process_time() - began
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
json.dump([seconds, memory], open(sys.argv[3], "w"))
"""


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=20, help="repetitions with two processes")
    parser.add_argument("--only", choices=["files", "day", "crowd", "again"], help="measure one of the four")
    options = parser.parse_args(argv)
    bounds = Bounds()
    parts = {
        "crowd": lambda place: crowd(place, options.events, bounds),
        "files": lambda place: many_files(place, options.files, bounds),
        "again": lambda place: again(place, options.files // 10, options.runs, bounds),
        "day": lambda place: long_recording(place, options.hours, bounds),
    }
    for name, part in parts.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory() as place:
                part(Path(place))
    return bounds.exit_code


def many_files(place: Path, files: int, bounds: Bounds) -> None:
    """Measure time and memory of ten times as many files."""
    cost = {}
    for number in (files // 10, files):
        source, results = place / f"clips{number}", place / f"results{number}"
        write_clips(source, number)
        first, second = (_batch(place, source, results) for _ in range(2))
        cost[number] = first
        print(f"  {number} files: {first[0]:.1f} s, {first[1]:.0f} MiB; second run: {second[0]:.1f} s")
        complete(source, results)
        bounds.at_most(f"{number} files: second run / first", second[0] / first[0], 0.5)
        shutil.rmtree(source)
    few, many = cost[files // 10], cost[files]
    bounds.at_most("files: growth of the time", many[0] / few[0] / 10, 1.1)
    bounds.at_most("files: memory per additional file", (many[1] - few[1]) * 1024 / (0.9 * files), 16, " KiB")


def _batch(place: Path, source: Path, results: Path) -> tuple[float, float]:
    """Return wall-clock seconds and MiB of the main process."""
    run(python(BATCH, str(source), str(results), str(place / "cost")))
    wall, mib = json.loads((place / "cost").read_text())
    return wall, mib


def complete(source: Path, results: Path) -> None:
    """Check that every file has its row, and that rows and events are in order.

    Raises
    ------
    RuntimeError
        If not.
    """
    found = {name: list(csv.DictReader((results / name).open(encoding="utf-8"))) for name in TABLES}
    rows = [row["recording"] for row in found["recordings.csv"]]
    events = [(row["recording"], int(row["event"])) for row in found["events.csv"]]
    counted = sum(int(row["events"]) for row in found["recordings.csv"])
    if rows != sorted(path.name for path in source.iterdir()) or events != sorted(events) or counted != len(events):
        raise RuntimeError(f"{results}: the tables are not complete and in order")


def again(place: Path, files: int, runs: int, bounds: Bounds) -> None:
    """Check that the tables have the same bytes every time."""
    source = place / "clips"
    write_clips(source, files)
    seen = set()
    for number in range(runs):
        results = place / f"results{number}"
        run(popclass("batch", str(source), "-o", str(results), "--jobs", "2", "--quiet"))
        seen.add(tuple(hashlib.sha256((results / name).read_bytes()).hexdigest() for name in TABLES))
        shutil.rmtree(results)
    bounds.at_most(f"{files} files, two processes, {runs} times: different tables", len(seen), 1)


def crowd(place: Path, events: int, bounds: Bounds) -> None:
    """Measure the growth of detection, labelling and writing with the events."""
    cost = {}
    for number in (events // 10, events):
        run(python(CROWD, str(number), str(Path(__file__).parent), str(place / "cost")))
        cost[number] = json.loads((place / "cost").read_text())
    (few, _), (many, memory) = cost[events // 10], cost[events]
    for name, seconds in many.items():
        print(f"  {events} events, {name}: {seconds:.2f} s; a tenth of them {few[name]:.2f} s")
    bounds.at_most("events: growth of labelling and writing", sum(many.values()) / sum(few.values()) / 10, 1.5)
    bounds.at_most("events: memory for each while labelled and written", memory * 1024 / events, 8, " KiB")
    classified = {}
    for number in (events // 10, events):
        source = place / f"{number}.wav"
        write_crowd(source, number)
        cost = classified[number] = run(popclass("classify", str(source), "-o", str(place / "events.csv")))
        lines = (place / "events.csv").read_bytes().count(b"\n") - 1
        print(f"  {number} clicks: {lines} events, {cost.cpu_s:.1f} s of CPU, {cost.mib:.0f} MiB")
        source.unlink()
    fewer, more = classified[events // 10], classified[events]
    bounds.at_most("clicks: growth of the time of classify", more.cpu_s / fewer.cpu_s / 10, 1.1)
    memory = (more.mib - fewer.mib) * 1024 / (0.9 * events)
    bounds.at_most("clicks: memory per additional click", memory, 16, " KiB")


def long_recording(place: Path, hours: int, bounds: Bounds) -> None:
    """Compare the memory of a day with that of an hour."""
    cost = {}
    for number in (1, hours):
        source = place / f"{number}.flac"
        write_hours(source, number)
        cost[number] = run(popclass("classify", str(source), "-o", str(place / "events.csv")))
        lines = (place / "events.csv").read_bytes().count(b"\n") - 1
        print(f"  {number} h: {lines} events, {cost[number].cpu_s:.1f} s of CPU, {cost[number].mib:.0f} MiB")
        source.unlink()
    bounds.at_most(f"memory of {hours} h / of 1 h", cost[hours].mib / cost[1].mib, 1.05)
    bounds.at_most(f"memory of {hours} h", cost[hours].mib, 200, " MiB")


def click(rng: np.random.Generator) -> np.ndarray:
    """Generate 10 ms of a damped sine."""
    time = np.arange(RATE // 100) / RATE
    return 0.3 * np.sin(2 * np.pi * rng.uniform(300, 6000) * time) * np.exp(-time / rng.uniform(0.0005, 0.002))


def write_clips(folder: Path, files: int) -> None:
    """Write clips of a quarter of a second with a click each, all different."""
    rng = np.random.default_rng(0)
    pieces = []
    for _ in range(DIFFERENT):
        samples = rng.normal(0, 0.003, round(CLIP_S * RATE))
        samples[RATE // 10 : RATE // 10 + RATE // 100] += click(rng)
        pieces.append((samples * 32_000).astype(np.int16))
    folder.mkdir()
    for number in range(files):
        samples = pieces[number % DIFFERENT].copy()
        samples[0] = number // DIFFERENT
        soundfile.write(folder / f"{number:06d}.wav", samples, RATE)


def write_crowd(path: Path, clicks: int) -> None:
    """Write ten clicks a second in quiet noise, ten seconds repeated."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.001, 10 * RATE)
    for at in range(RATE // 20, 10 * RATE, RATE // 10):
        samples[at : at + RATE // 100] += click(rng)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(clicks // 100):
            file.write(samples)


def write_hours(path: Path, hours: int) -> None:
    """Write a minute of quiet noise with two clicks, repeated."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.001, 60 * RATE)
    for at in (10, 40):
        samples[at * RATE : at * RATE + RATE // 100] += click(rng)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(60 * hours):
            file.write(samples)


if __name__ == "__main__":
    sys.exit(main())
