"""The app: time to its page, a dropped minute, a project of 1,000 recordings, memory of a long recording.

    python benchmarks/app.py [--recordings N]

A dropped minute is compared with `popclass classify` of the same file; both take turns. The project has N recordings of
20 sounds each; its page reads the state whenever something changes, and the map when it is opened. Bounds are absolute.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from measure import Bounds, popclass, run

RATE = 48_000
RUNS = 5
START_S, MORE_S, STATE_S, MAP_S, MEMORY = 1.0, 0.5, 0.5, 2.0, 1.2


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and give 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=1000)
    options = parser.parse_args(argv)
    bounds = Bounds()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        starts = []
        for number in range(RUNS):
            began = time.perf_counter()
            with running(folder / f"empty{number}"):
                starts.append(time.perf_counter() - began)
        bounds.at_most(f"start to the page in seconds / {START_S:g} s", statistics.median(starts) / START_S, 1.0)

        minute = write(folder / "minute.wav", seconds=60, sounds=20)
        commands, dropped = [], []
        with running(folder / "drop") as get:
            for number in range(RUNS):
                commands.append(run(popclass("classify", str(minute))).wall_s)
                dropped.append(drop(get, minute, f"{number}.wav"))
        more = statistics.median(dropped) - statistics.median(commands)
        print(f"a minute: command {statistics.median(commands):.2f} s, dropped {statistics.median(dropped):.2f} s")
        bounds.at_most(f"a dropped minute, seconds more than the command / {MORE_S:g} s", more / MORE_S, 1.0)

        with running(folder / "memory") as get:
            used = []
            for seconds in (60, 3600):
                drop(get, write(folder / "long.wav", seconds=seconds, sounds=20), f"{seconds}.wav")
                until(get, idle)
                used.append(peak_mib(get.pid))
        bounds.at_most(
            f"memory after an hour / after a minute ({used[1]:.0f} / {used[0]:.0f} MiB)", used[1] / used[0], MEMORY
        )

        large = folder / "large"
        for number in range(options.recordings):
            write(large / "recordings" / f"{number:04d}.flac", seconds=10, sounds=20, seed=number)
        began = time.perf_counter()
        with running(large) as get:
            until(get, lambda state: done(state) == options.recordings and idle(state))
            events = sum(each["events"] or 0 for each in get("api/state")["recordings"])
            classified = time.perf_counter() - began
            print(f"{options.recordings} recordings, {events} events: classified after {classified:.0f} s")
            state, drawn = seconds_of(lambda: get("api/state")), seconds_of(lambda: get("api/map"))
            bounds.at_most(f"state of {options.recordings} recordings, seconds / {STATE_S:g} s", state / STATE_S, 1.0)
            bounds.at_most(f"map of {events} events, seconds / {MAP_S:g} s", drawn / MAP_S, 1.0)
            print(f"page of 20 sounds to label: {seconds_of(lambda: get.text('label')):.2f} s")
            began = time.perf_counter()
            more = drop(get, minute, "more.wav") - statistics.median(commands)
            until(get, idle)
            print(f"one more minute: all sounds sorted anew after {time.perf_counter() - began:.1f} s")
            bounds.at_most(f"its result there, seconds more than the command / {MORE_S:g} s", more / MORE_S, 1.0)
    return bounds.exit_code


def write(path: Path, *, seconds: int, sounds: int, seed: int = 0) -> Path:
    """Write noise with damped sines at equal distances."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = rng.normal(0, 0.002, seconds * RATE).astype(np.float32)
    t = np.arange(RATE // 20) / RATE
    for at in np.linspace(RATE // 10, len(samples) - RATE // 10, sounds).astype(int):
        hertz, fall_s = np.exp(rng.uniform(5, 8)), np.exp(rng.uniform(-6, -4))
        samples[at : at + len(t)] += 0.2 * np.sin(2 * np.pi * hertz * t) * np.exp(-t / fall_s)
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path


class Server:
    """Requests to a running app."""

    def __init__(self, address: str, pid: int) -> None:
        self.address, self.pid = address, pid
        place = urllib.parse.urlsplit(address)
        self._origin = f"{place.scheme}://{place.netloc}"

    def __call__(self, path: str, body: Any = None) -> Any:
        """Return the JSON of a request; a file as body is posted in blocks."""
        headers = {} if body is None else {"Origin": self._origin, "Content-Type": "application/octet-stream"}
        if body is not None:
            headers["Content-Length"] = str(Path(body.name).stat().st_size)
        request = urllib.request.Request(self.address + path, body, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def text(self, path: str) -> str:
        """Return a page."""
        with urllib.request.urlopen(self.address + path) as answer:
            return str(answer.read().decode())


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Start the app of a project; its page can be opened when the block begins."""
    command = popclass("app", str(folder), "--no-browser")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            urllib.request.urlopen(address).read()
            yield Server(address, process.pid)
        finally:
            process.terminate()


def drop(get: Server, path: Path, name: str) -> float:
    """Upload a file, and return the seconds until its result is shown."""
    began = time.perf_counter()
    with path.open("rb") as file:
        get(f"api/recordings?name={name}", file)

    def holds(state: dict[str, Any]) -> bool:
        return any(each["name"] == name and each["status"] == "ok" for each in state["recordings"])

    until(get, holds)
    return time.perf_counter() - began


def done(state: dict[str, Any]) -> int:
    """Return the number of classified recordings."""
    return sum(each["status"] == "ok" for each in state["recordings"])


def idle(state: dict[str, Any]) -> bool:
    """Return True if nothing is left to do in the background."""
    return state["work"]["kind"] is None


def until(get: Server, holds: Callable[[dict[str, Any]], bool]) -> None:
    """Wait for a state."""
    while not holds(get("api/state")):
        time.sleep(0.02)


def seconds_of(action: Callable[[], object]) -> float:
    """Return the median duration of an action."""
    found = []
    for _ in range(RUNS):
        began = time.perf_counter()
        action()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def peak_mib(pid: int) -> float:
    """Return the peak memory of a process, without those that it started."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main())
