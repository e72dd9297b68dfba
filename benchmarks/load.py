"""What many files, a long recording and many events cost, beside a tenth of them.

    python benchmarks/load.py [--files N] [--hours H] [--events N] [--runs N]

- a folder of 10,000 clips against one of 1,000: time and memory for each file, every row there and in order, and what
  it takes to be told again that all is done;
- a day of 48 kHz in one FLAC against its first hour: memory;
- 100,000 events in one recording against 10,000: time and memory of deciding, labelling and writing;
- 1,000 clips heard by two processes again and again: one and the same bytes.

Growth is given as a ratio: 1 where ten times as much takes ten times as long.
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
from measure import Verdicts, popclass, python, run

RATE = 48_000
CLIP_S = 0.25
DIFFERENT = 200  # clips; the others are copies with another sample in front, so that none is a duplicate
TABLES = ("events.csv", "recordings.csv")
# The largest memory of the process that asked, without its workers.
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
from timing import START, heard
from popclass.conclusion import Metadata, postprocess
from popclass.formats import FORMATS
from popclass.model import Model
number = int(sys.argv[1])
take = heard(np.random.default_rng(0), number, 0.36 * number, "crowd.wav", START)
model, seconds = Model.default(), {}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for cavities in (1, 24):
    began = time.process_time()
    results = postprocess([take], [Metadata(cavities=cavities, subject="P")], model)
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
    """Measure, print, and give 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=20, help="how often the clips are heard by two processes")
    parser.add_argument("--only", choices=["files", "day", "crowd", "again"], help="measure one of the four")
    options = parser.parse_args(argv)
    verdicts = Verdicts()
    parts = {
        "crowd": lambda place: crowd(place, options.events, verdicts),
        "files": lambda place: many_files(place, options.files, verdicts),
        "again": lambda place: again(place, options.files // 10, options.runs, verdicts),
        "day": lambda place: long_recording(place, options.hours, verdicts),
    }
    for name, part in parts.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory() as place:
                part(Path(place))
    return verdicts.exit_code


def many_files(place: Path, files: int, verdicts: Verdicts) -> None:
    """Ten times as many files take ten times as long, and a little more memory for their rows."""
    cost = {}
    for number in (files // 10, files):
        source, results = place / f"clips{number}", place / f"results{number}"
        write_clips(source, number)
        first, second = (_batch(place, source, results) for _ in range(2))
        cost[number] = first
        print(f"  {number} files: {first[0]:.1f} s, {first[1]:.0f} MiB; done already: {second[0]:.1f} s")
        complete(source, results)
        verdicts.at_most(f"{number} files: done already / heard", second[0] / first[0], 0.5)
        shutil.rmtree(source)
    few, many = cost[files // 10], cost[files]
    verdicts.at_most("files: growth of the time", many[0] / few[0] / 10, 1.1)
    verdicts.at_most("files: memory for each of the others", (many[1] - few[1]) * 1024 / (0.9 * files), 16, " KiB")


def _batch(place: Path, source: Path, results: Path) -> tuple[float, float]:
    """Wall-clock seconds and MiB of the process that asked."""
    run(python(BATCH, str(source), str(results), str(place / "cost")))
    wall, mib = json.loads((place / "cost").read_text())
    return wall, mib


def complete(source: Path, results: Path) -> None:
    """Every file has its row, in order, and its events are in the order of the rows.

    Raises
    ------
    RuntimeError
        Where that is not so.
    """
    found = {name: list(csv.DictReader((results / name).open(encoding="utf-8"))) for name in TABLES}
    rows = [row["recording"] for row in found["recordings.csv"]]
    events = [(row["recording"], int(row["event"])) for row in found["events.csv"]]
    counted = sum(int(row["events"]) for row in found["recordings.csv"])
    if rows != sorted(path.name for path in source.iterdir()) or events != sorted(events) or counted != len(events):
        raise RuntimeError(f"{results}: the tables are not complete and in order")


def again(place: Path, files: int, runs: int, verdicts: Verdicts) -> None:
    """The tables are the same bytes every time."""
    source = place / "clips"
    write_clips(source, files)
    seen = set()
    for number in range(runs):
        results = place / f"results{number}"
        run(popclass("batch", str(source), "-o", str(results), "--jobs", "2", "--quiet"))
        seen.add(tuple(hashlib.sha256((results / name).read_bytes()).hexdigest() for name in TABLES))
        shutil.rmtree(results)
    verdicts.at_most(f"{files} files, two processes, {runs} times: different tables", len(seen), 1)


def crowd(place: Path, events: int, verdicts: Verdicts) -> None:
    """Deciding, labelling and writing grow with the events, and no faster."""
    cost = {}
    for number in (events // 10, events):
        run(python(CROWD, str(number), str(Path(__file__).parent), str(place / "cost")))
        cost[number] = json.loads((place / "cost").read_text())
    (few, _), (many, memory) = cost[events // 10], cost[events]
    for name, seconds in many.items():
        print(f"  {events} events, {name}: {seconds:.2f} s; a tenth of them {few[name]:.2f} s")
    verdicts.at_most("events: growth of labelling and writing", sum(many.values()) / sum(few.values()) / 10, 1.5)
    verdicts.at_most("events: memory for each while labelled and written", memory * 1024 / events, 8, " KiB")
    heard = {}
    for number in (events // 10, events):
        source = place / f"{number}.wav"
        write_crowd(source, number)
        heard[number] = run(popclass("classify", str(source), "-o", str(place / "events.csv")))
        lines = (place / "events.csv").read_bytes().count(b"\n") - 1
        print(f"  {number} clicks: {lines} events, {heard[number].cpu_s:.1f} s of CPU, {heard[number].mib:.0f} MiB")
        source.unlink()
    few_heard, many_heard = heard[events // 10], heard[events]
    verdicts.at_most("clicks: growth of the time of classify", many_heard.cpu_s / few_heard.cpu_s / 10, 1.1)
    memory = (many_heard.mib - few_heard.mib) * 1024 / (0.9 * events)
    verdicts.at_most("clicks: memory for each of the others", memory, 16, " KiB")


def long_recording(place: Path, hours: int, verdicts: Verdicts) -> None:
    """A day takes the memory of an hour."""
    cost = {}
    for number in (1, hours):
        source = place / f"{number}.flac"
        write_hours(source, number)
        cost[number] = run(popclass("classify", str(source), "-o", str(place / "events.csv")))
        lines = (place / "events.csv").read_bytes().count(b"\n") - 1
        print(f"  {number} h: {lines} events, {cost[number].cpu_s:.1f} s of CPU, {cost[number].mib:.0f} MiB")
        source.unlink()
    verdicts.at_most(f"memory of {hours} h / of 1 h", cost[hours].mib / cost[1].mib, 1.05)
    verdicts.at_most(f"memory of {hours} h", cost[hours].mib, 200, " MiB")


def click(rng: np.random.Generator) -> np.ndarray:
    """10 ms of a damped sine."""
    time = np.arange(RATE // 100) / RATE
    return 0.3 * np.sin(2 * np.pi * rng.uniform(300, 6000) * time) * np.exp(-time / rng.uniform(0.0005, 0.002))


def write_clips(folder: Path, files: int) -> None:
    """Clips of a quarter of a second with a click each, every one different."""
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
    """Ten clicks a second in quiet noise, the same ten seconds over and over."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.001, 10 * RATE)
    for at in range(RATE // 20, 10 * RATE, RATE // 10):
        samples[at : at + RATE // 100] += click(rng)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(clicks // 100):
            file.write(samples)


def write_hours(path: Path, hours: int) -> None:
    """A minute of quiet noise with two clicks, over and over."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.001, 60 * RATE)
    for at in (10, 40):
        samples[at * RATE : at * RATE + RATE // 100] += click(rng)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(60 * hours):
            file.write(samples)


if __name__ == "__main__":
    sys.exit(main())
