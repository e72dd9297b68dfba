"""What the benchmarks share: the cost of whole processes, medians, and bounds that hold or do not.

Every figure is a ratio of two things measured in the same run, since absolute times move between machines and with
what else is running. Rivals take turns, so that a busy minute hits both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A second BLAS thread would count as CPU time and do nothing for matrices as small as these.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: CPU seconds with its children's, wall-clock seconds, and its largest memory in MiB."""

    cpu_s: float
    wall_s: float
    mib: float


def popclass(*arguments: str) -> list[str]:
    """The command line of popclass in this environment."""
    return [sys.executable, "-m", "popclass", *arguments]


def python(script: str, *arguments: str) -> list[str]:
    """A command that runs a script given as text."""
    return [sys.executable, "-c", script, *arguments]


# A process inherits the largest memory of the one that starts it, so that one has to be small.
_LAUNCHER = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
wall = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024]))
sys.stderr.buffer.write(done.stderr)
sys.exit(done.returncode)
"""


def run(command: Sequence[str]) -> Cost:
    """Run a command to its end, its output thrown away.

    Raises
    ------
    RuntimeError
        With what it said, if it failed.
    """
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, *command], env={**os.environ, **ONE_THREAD}, capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        raise RuntimeError(f"{' '.join(command)[:200]}: exit code {done.returncode}\n{said}")
    return Cost(*json.loads(done.stdout))


def in_turn(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, list[Cost]]:
    """What each command took each time, the commands taking turns."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            costs[name].append(run(command))
    return costs


def median(costs: Sequence[Cost], field: str) -> float:
    """Median of one field of several costs."""
    return statistics.median(getattr(cost, field) for cost in costs)


@dataclass(slots=True)
class Verdicts:
    """Bounds that were looked at, printed as they come."""

    missed: int = 0

    def at_most(self, what: str, measured: float, bound: float, unit: str = "") -> None:
        """Print and remember whether the measured value is at most the bound."""
        self._say(what, measured, bound, unit, "at most", measured <= bound)

    def at_least(self, what: str, measured: float, bound: float, unit: str = "") -> None:
        """Print and remember whether the measured value is at least the bound."""
        self._say(what, measured, bound, unit, "at least", measured >= bound)

    def _say(self, what: str, measured: float, bound: float, unit: str, relation: str, holds: bool) -> None:
        self.missed += not holds
        value = f"{measured:.3g}{unit}"
        print(f"{what:58s} {value:>9s}   {relation} {bound:g}{unit:4s} {'holds' if holds else 'MISSED'}", flush=True)

    @property
    def exit_code(self) -> int:
        """0 where every bound holds, else 1."""
        return int(self.missed > 0)
