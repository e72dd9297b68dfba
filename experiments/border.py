"""Event separation: pops and second peaks detected for `separation_s` from 2 to 10 ms.

    python experiments/border.py [--series N] [--pairs N] [--write]

Series of 2-9 pops are generated (`popclass.synthesis`), half with the gaps of the spine and half with those of fingers
and wrists, over faint white noise, in air and at the skin. Some pops have a second peak 0.4-4.5 ms after the first, a
few a third; that share is assumed. For each separation the study counts the pops with an event within 3 ms, the
remaining events at a second peak, and those at neither. Then it measures the distance from which pairs of sharp clicks
become two events. `--write` puts the output into docs/research/separation.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
from mir_eval.util import match_events

from popclass.detection import Detector
from popclass.synthesis import joints, parameters
from popclass.synthesis.waves import Regime

RATE = 48_000
BORDERS_MS = (2, 3, 4, 5, 6, 8, 10)
DEFAULT_MS = 5
GAPS_MS = (2.0, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0, 10.0)
NEAR_S = 0.003
NOISE = 0.001  # rms; the pops' largest sample is about 0.3
LEAD_S = 1.0  # of noise before each series
PAGE = Path(__file__).resolve().parents[1] / "docs" / "research" / "separation.md"
MARK = "<!-- measured -->\n"


@dataclass(frozen=True, slots=True)
class Scene:
    """A recording of many series, with the times of their pops and of further peaks within a pop."""

    samples: np.ndarray
    pops_s: np.ndarray
    second_s: np.ndarray


class _Noting:
    """Stand-in for the delay of a second peak that records the values drawn."""

    def __init__(self) -> None:
        self._drawn = parameters.SECOND_PEAK_DELAY
        self.delays_s: list[float] = []

    def draw(self, rng: np.random.Generator) -> float:
        self.delays_s.append(self._drawn.draw(rng))
        return self.delays_s[-1]


def main(argv: list[str] | None = None) -> int:
    """Run the study, print, and write the page with --write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=300, help="of pops, for air and for skin")
    parser.add_argument("--pairs", type=int, default=100, help="of clicks, for each distance")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    lines = []
    for contact in (False, True):
        scene = make_scene(np.random.default_rng(1), options.series, contact=contact)
        where = "at the skin" if contact else "in air"
        lines += [f"{where}: {options.series} series, {len(scene.pops_s)} pops, {len(scene.second_s)} further peaks"]
        lines += ["border   events   of pops   of further peaks   of neither   events / pops"]
        for border in BORDERS_MS:
            pops, second, neither = count(scene, border / 1000)
            ratio = (pops + second + neither) / len(scene.pops_s)
            counts = f"{border:3d} ms {pops + second + neither:8d} {pops:9d} {second:18d} {neither:12d} {ratio:15.3f}"
            lines.append(counts + ("   the default" if border == DEFAULT_MS else ""))
        lines.append("")
    lines += pairs_table(options.pairs)
    print("\n".join(lines), flush=True)
    if options.write:
        write(options.series, lines)
    return 0


def write(series: int, lines: list[str]) -> None:
    """Replace the output shown in the page."""
    before = PAGE.read_text("utf-8").partition(MARK)[0]
    block = "\n".join(["```text", f"$ python experiments/border.py --series {series}", *lines, "```", ""])
    PAGE.write_text(f"{before}{MARK}\n{block}", "utf-8")


def make_scene(rng: np.random.Generator, number: int, *, contact: bool) -> Scene:
    """Generate series of 2-9 pops, each after a second of noise."""
    pieces, pops, second, start = [], [], [], 0
    for index in range(number):
        numbers = range(int(rng.integers(2, 10)))
        cavities = [joints.Cavity(rng, RATE, Regime(), each, contact=contact) for each in numbers]
        with _noted() as found:
            sounds = joints.series(rng, cavities, spine=index % 2 == 0)
        begin = round(LEAD_S * RATE)
        at = [begin + round(sound.time_s * RATE) for sound in sounds]
        piece = np.zeros(max(a + len(sound.wave) for a, sound in zip(at, sounds, strict=True)))
        for a, sound, delays_s in zip(at, sounds, found, strict=True):
            scale = 0.3 * 10 ** (sound.level_db / 20) / np.abs(sound.wave).max()
            piece[a : a + len(sound.wave)] += scale * sound.wave
            pops.append((start + a) / RATE)
            second += [pops[-1] + delay for delay in delays_s]
        pieces.append(piece)
        start += len(piece)
    samples = np.concatenate(pieces)
    samples += rng.normal(0, NOISE, len(samples))
    return Scene(samples.astype(np.float32), np.array(pops), np.sort(second))


def pairs_table(number: int) -> list[str]:
    """Tabulate the share of pairs of sharp clicks that become two events, by distance."""
    lines = [f"share of {number} pairs of sharp clicks that become two events, by their distance in ms"]
    lines.append("border" + "".join(f"{gap:6g}" for gap in GAPS_MS))
    for border in BORDERS_MS:
        shares = [sum(_are_two(seed, gap, border) for seed in range(number)) / number for gap in GAPS_MS]
        lines.append(f"{border:3d} ms" + "".join(f"{share:6.2f}" for share in shares))
    return lines


def _are_two(seed: int, gap_ms: float, border_ms: float) -> bool:
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, NOISE, RATE // 2)
    first = RATE // 4 + int(rng.integers(64))  # anywhere in a frame
    for at in (first, first + round(gap_ms * RATE / 1000)):
        fall = np.exp(-np.arange(RATE // 100) / RATE * 2.3 / rng.uniform(0.0003, 0.0006))
        samples[at : at + len(fall)] += 0.1 * rng.standard_normal(len(fall)) * fall
    detector = Detector(RATE, 1, separation_s=border_ms / 1000)
    return len(detector.feed(samples[:, None].astype(np.float32)) + detector.flush()) == 2


@contextmanager
def _noted() -> Iterator[list[list[float]]]:
    """Collect the delays of the second peaks of each pop generated inside the block."""
    noting, found, pop = _Noting(), [], joints.Cavity.pop

    def listen(cavity: joints.Cavity) -> np.ndarray:
        before = len(noting.delays_s)
        wave = pop(cavity)
        found.append(noting.delays_s[before:])
        return wave

    with patch.object(parameters, "SECOND_PEAK_DELAY", noting), patch.object(joints.Cavity, "pop", listen):
        yield found


def count(scene: Scene, border_s: float) -> tuple[int, int, int]:
    """Count events at a pop, remaining events at a second peak, and events at neither."""
    detector = Detector(RATE, 1, separation_s=border_s)
    sounds = detector.feed(scene.samples[:, None]) + detector.flush()
    onsets = np.array([sound.event.start_s for sound in sounds])
    of_pops = match_events(scene.pops_s, onsets, NEAR_S)
    left = np.delete(onsets, [event for _, event in of_pops])
    of_second = match_events(scene.second_s, left, NEAR_S)
    return len(of_pops), len(of_second), len(left) - len(of_second)


if __name__ == "__main__":
    sys.exit(main())
