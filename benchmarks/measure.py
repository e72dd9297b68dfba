"""Shared helpers of the benchmarks: cost of processes, medians and bounds.

Most figures are ratios of two measurements of the same run, since absolute times depend on the machine and its load.
Commands under comparison take turns, so a busy minute affects both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A second BLAS thread costs CPU time and gains nothing for matrices as small as these.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of a process: CPU seconds including children, wall-clock seconds, peak memory in MiB."""

    cpu_s: float
    wall_s: float
    mib: float


def popclass(*arguments: str) -> list[str]:
    """Return a popclass command line of this environment."""
    return [sys.executable, "-m", "popclass", *arguments]


def python(script: str, *arguments: str) -> list[str]:
    """Return a command that runs a script given as text."""
    return [sys.executable, "-c", script, *arguments]


# A process inherits the peak memory of its parent, so the parent has to be small.
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
    """Run a command and discard its output.

    Raises
    ------
    RuntimeError
        If it fails; with its standard error.
    """
    environment = {**os.environ, **ONE_THREAD}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    launcher = [sys.executable, "-c", _LAUNCHER, *command]
    done = subprocess.run(launcher, env=environment, capture_output=True, check=False)
    if done.returncode:
        stderr = done.stderr.decode(errors="replace")
        raise RuntimeError(f"{' '.join(command)[:200]}: exit code {done.returncode}\n{stderr}")
    return Cost(*json.loads(done.stdout))


def in_turn(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, list[Cost]]:
    """Run commands in turn and return the costs of each."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            costs[name].append(run(command))
    return costs


def median(costs: Sequence[Cost], field: str) -> float:
    """Return the median of one field of several costs."""
    return statistics.median(getattr(cost, field) for cost in costs)


@dataclass(slots=True)
class Bounds:
    """Bounds checked so far; each is printed when checked."""

    missed: int = 0

    def at_most(self, what: str, measured: float, bound: float, unit: str = "") -> None:
        """Check that a measured value is at most the bound."""
        self._check(what, measured, bound, unit, "at most", measured <= bound)

    def at_least(self, what: str, measured: float, bound: float, unit: str = "") -> None:
        """Check that a measured value is at least the bound."""
        self._check(what, measured, bound, unit, "at least", measured >= bound)

    def _check(self, what: str, measured: float, bound: float, unit: str, relation: str, holds: bool) -> None:
        self.missed += not holds
        value = f"{measured:.3g}{unit}"
        print(f"{what:58s} {value:>9s}   {relation} {bound:g}{unit:4s} {'holds' if holds else 'MISSED'}", flush=True)

    @property
    def exit_code(self) -> int:
        """Return 0 if every bound holds, else 1."""
        return int(self.missed > 0)
