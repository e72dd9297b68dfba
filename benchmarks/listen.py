"""CPU, delay and memory of live listening.

    python benchmarks/listen.py [--minutes N] [--hours H] [--events N]

- delay: sample clock from the end of each event to its revision 0, for blocks of 10 ms at 48 kHz;
- CPU of `popclass listen -` as a whole process, over the length of the audio;
- memory after hours of 8 kHz over that after the first hour (a whole day takes some 20 minutes);
- the events of a day without audio, at a site of one joint with far more cavitations than its cavity allows, the worst
  case: memory, and the CPU per event in the last quarter of the day.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from measure import Bounds, popclass, python, run
from throughput import RATE, noisy_minute

from popclass.label_rules import LabelRules
from popclass.model.model import Model
from popclass.pipeline import extract_features
from popclass.results import Event
from popclass.streaming import Listener
from popclass.streaming.session import History
from popclass.streaming.tracker import EventTracker

BLOCK = 480
SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "labelled" / "cavitation"
HOURS = """
import sys
import numpy as np
sys.path.insert(0, "benchmarks")
from throughput import noisy_minute
from popclass import Listener
rng = np.random.default_rng(0)
minutes = [noisy_minute(rng, 8000, 2) for _ in range(10)]
listener = Listener(8000, site="mcp")
for minute in range(60 * int(sys.argv[1])):
    for block in np.array_split(minutes[minute % 10], 60):
        listener.feed(block)
"""


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=5, help="of sound for delay and CPU")
    parser.add_argument("--hours", type=int, default=3, help="for memory")
    parser.add_argument("--events", type=int, default=10_000, help="of the day without sound")
    options = parser.parse_args(argv)
    bounds = Bounds()
    delay(options.minutes, bounds)
    cpu(options.minutes, bounds)
    memory(options.hours, bounds)
    worst_day(options.events, bounds)
    return bounds.exit_code


def delay(minutes: int, bounds: Bounds) -> None:
    """Measure the sample clock from the end of an event to its first report."""
    rng = np.random.default_rng(1)
    listener = Listener(RATE)
    first: dict[int, float] = {}
    last: dict[int, Event] = {}
    for _ in range(minutes):
        samples = noisy_minute(rng, RATE, 30)
        for at in range(0, len(samples), BLOCK):
            for event in listener.feed(samples[at : at + BLOCK]):
                first.setdefault(event.event, listener.time_s)
                last[event.event] = event
    late = np.array([first[number] - event.end_s for number, event in last.items() if not event.withdrawn])
    withdrawn = sum(event.withdrawn for event in last.values())
    print(f"  {len(late)} events, {withdrawn} numbers withdrawn; delay {np.median(late) * 1000:.0f} ms in the middle")
    bounds.at_most("delay of revision 0, 99 of 100 events", 1000 * float(np.quantile(late, 0.99)), 150, " ms")
    bounds.at_most("delay of revision 0, all events", 1000 * float(late.max()), 150, " ms")


def cpu(minutes: int, bounds: Bounds) -> None:
    """Measure the CPU of the whole process over the length of the audio."""
    rng = np.random.default_rng(2)
    for events in (2, 30):
        sound = np.concatenate([noisy_minute(rng, RATE, events) for _ in range(minutes)])
        data = (sound * 32767).astype("<i2").tobytes()
        command = popclass("listen", "-", "--rate", str(RATE), "--encoding", "s16le", "--format", "jsonl")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, input=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        what = f"CPU of listening, {events} events a minute, of one core"
        bounds.at_most(what, 100 * used / (60 * minutes), 5, " %")


def memory(hours: int, bounds: Bounds) -> None:
    """Measure the peak memory of a process that listens for hours."""
    costs = {length: run(python(HOURS, str(length))) for length in (1, hours)}
    for length, cost in costs.items():
        print(f"  {length:2d} h {cost.mib:8.1f} MiB {cost.cpu_s:8.1f} s CPU")
    bounds.at_most(f"memory of {hours} h / 1 h", costs[hours].mib / costs[1].mib, 1.05)


def worst_day(events: int, bounds: Bounds) -> None:
    """Feed the events of a day without audio, so close together that none becomes final."""
    default = Model.default()
    model = Model(default.graph, {**default.info, "context": None})  # otherwise repeats become snapping
    cracks = [extract_features(path)[0] for path in sorted(SAMPLES.glob("*.flac"))]
    table = np.concatenate(cracks)
    table = table[(model.probabilities(table)[:, 0] > 0.5) & (model.novelty(table) < 0.9)]
    tracker = EventTracker(
        model, RATE, LabelRules.of(model, capacity=1, refractory_s=1200.0), History.empty(len(model.classes))
    )
    took = []
    step = 86_400 * RATE // events
    for number in range(events):
        began = time.process_time()
        onset = number * step
        tracker.add([Event(onset, onset, onset + 100, RATE, 1, 20.0, -20.0)], table[[number % len(table)]])
        for _ in tracker.update(onset + step):
            pass
        took.append(time.process_time() - began)
    quarter = events // 4
    first, last = (1000 * float(np.mean(part)) for part in (took[:quarter], took[-quarter:]))
    held = tracker.rows.nbytes / 2**20
    print(f"  {events} events, {len(tracker.rows)} held in {held:.1f} MiB; {first:.1f} and {last:.1f} ms an event")
    bounds.at_most("memory of a day's events that all stay open", held, 32, " MiB")
    bounds.at_most("CPU for such events in the last quarter, of one core", last * events / 864_000, 5, " %")


if __name__ == "__main__":
    sys.exit(main())
