"""Recall of the pops of manipulation thrusts, next to librosa.onset with its defaults.

    python benchmarks/thrusts.py [--scenes N] [--write]

A thrust is a series of 2-9 pops 14-60 ms apart. The first stands 30-50 dB over the background; each of the others is up
to 9 dB weaker than the first. Two kinds of scenes hold four thrusts each: cavitations of popclass's generator in its
rooms and on the skin, and the clicks of `detection.py` in rooms of exponentially decaying noise, with reverberation
times of 0.1-0.6 s, and on a skin that may resonate. A pop is found if an onset lies within 3 ms of it; librosa, whose
onsets are late, gets 50 ms. `--write` puts the output into docs/detection.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from detection import RATE, burst, coloured, contact, librosa_onsets, popclass_onsets, ring, written
from measure import Bounds
from mir_eval.util import match_events
from scipy.signal import fftconvolve

from popclass.schema import CAVITATION
from popclass.synthesis import draw_settings
from popclass.synthesis.joints import Cavity
from popclass.synthesis.recorder import Recorder
from popclass.synthesis.waves import Regime, SynthSound

THRUSTS = 4  # in a scene
FIRST_DB, WEAKER_DB = (30, 50), 9
GAP_S, PAUSE_S = (0.014, 0.060), (1.0, 1.6)
ROOMS = ("small", "medium", "large")  # of the generator
DECAYS_S = (0.1, 0.2, 0.3, 0.45, 0.6)  # reverberation times of the rooms of noise
SKIN = "skin"
NEAR_S, NEAR_LIBROSA_S, EXACT_S = 0.003, 0.050, 0.001
QUIET = 0.001  # rms of the background, of full scale
GAPS_MS, LEVELS_DB = (14, 20, 30, 45, 60), (0, -3, -6, -9)
MARK = "<!-- thrusts -->\n"


@dataclass(frozen=True, slots=True)
class Pop:
    """A pop of a thrust: onset, time since the one before it (infinite for the first), level relative to the first."""

    onset_s: float
    gap_s: float
    level_db: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A recording of thrusts."""

    samples: np.ndarray
    rate: int
    thrusts: list[list[Pop]]
    sensor: str = ""  # of the generator

    @property
    def pops(self) -> list[Pop]:
        """All pops in order."""
        return [pop for thrust in self.thrusts for pop in thrust]


@dataclass(frozen=True, slots=True)
class Found:
    """Pops of some scenes, whether and how exactly each was found (NaN where missed), and events that are none."""

    pops: list[Pop]
    errors_s: np.ndarray
    extra: int

    def recall(self, keep: Callable[[Pop], bool]) -> float:
        """Return the share found of the pops that a condition keeps."""
        return float(np.mean(~np.isnan(self.errors_s)[[keep(pop) for pop in self.pops]]))

    @property
    def exact(self) -> float:
        """Share of the found within 1 ms."""
        return float(np.mean(self.errors_s[~np.isnan(self.errors_s)] < EXACT_S))

    @property
    def extra_per_thrust(self) -> float:
        """Events that are none, per thrust."""
        return self.extra / sum(map(is_first, self.pops))


def is_first(pop: Pop) -> bool:
    """Return True for the first pop of a thrust."""
    return pop.gap_s == np.inf


def is_later(pop: Pop) -> bool:
    """Return True for the other pops."""
    return not is_first(pop)


def plan(rng: np.random.Generator) -> list[tuple[float, list[Pop]]]:
    """Draw the thrusts of a scene: the level of the first pop over the background in dB, and the pops."""
    thrusts, at = [], 0.7
    for _ in range(THRUSTS):
        pops, gap = [], np.inf
        for number in range(int(rng.integers(2, 10))):
            pops.append(Pop(at, gap, -rng.uniform(0, WEAKER_DB) if number else 0.0))
            gap = rng.uniform(*GAP_S)
            at += gap
        thrusts.append((rng.uniform(*FIRST_DB), pops))
        at += rng.uniform(*PAUSE_S)
    return thrusts


def generated(seed: int, place: str) -> Scene:
    """Generate thrusts with popclass's generator, in the air of a room ("open" is outdoors) or on the skin."""
    rng = np.random.default_rng([seed, ("open", *ROOMS, SKIN).index(place)])
    on_skin = place == SKIN
    settings = replace(
        draw_settings(rng),
        sensor=str(rng.choice(["contact", "contact air-coupled"] if on_skin else ["airborne near", "airborne far"])),
        room="open" if on_skin else place,
        device=str(rng.choice(["flat", "phone", "webcam", "laptop"])),
        background=str(rng.choice(["white", "pink", "brown", "fan"])),
        **{"processing": "none", "codec": "none", "sample_rate": RATE, "bits": 16, "channels": 1},
    )
    thrusts, sounds = plan(rng), []
    for level, pops in thrusts:
        for number, pop in enumerate(pops):
            wave = Cavity(rng, RATE, Regime(), number, contact=on_skin).pop()
            about = {"cavity": number, "label": CAVITATION, "kind": "pop", "place": "joint"}
            sounds.append(SynthSound(wave, time_s=pop.onset_s, level_db=level + pop.level_db, **about))
    recorder = Recorder(rng, settings)
    recorder.set_level([sound.level_db for sound in sounds])
    recording = recorder.record(datetime(2024, 1, 1, tzinfo=UTC), sounds[-1].time_s + 1, sounds)
    onsets = iter(label.start_s for label in recording.labels)
    placed = [[replace(pop, onset_s=next(onsets)) for pop in pops] for _, pops in thrusts]
    return Scene(recording.samples, RATE, placed, settings.sensor)


def mixed(seed: int, decay_s: float | None) -> Scene:
    """Generate thrusts of the clicks of `detection.py`, in a room of noise or (None) on the skin."""
    rng = np.random.default_rng([seed, round(1000 * (decay_s or 0)), 1])
    thrusts = plan(rng)
    seconds = thrusts[-1][1][-1].onset_s + 1
    samples, placed = np.zeros(round(seconds * RATE)), []
    for level, pops in thrusts:
        starts = [round(pop.onset_s * RATE) for pop in pops]
        for start, pop in zip(starts, pops, strict=True):
            wave = contact(rng) if decay_s is None else (ring, burst)[int(rng.random() < 0.4)](rng)
            wave = resonant(rng, wave) if decay_s is None and rng.random() < 0.5 else wave
            wave = wave / np.sqrt(np.mean(wave[: RATE // 100] ** 2)) * 10 ** ((level + pop.level_db) / 20)
            samples[start : start + len(wave)] += wave
        placed.append([replace(pop, onset_s=start / RATE) for pop, start in zip(pops, starts, strict=True)])
    if decay_s is not None:
        samples = fftconvolve(samples, room(rng, decay_s))[: len(samples)]
    samples += coloured(rng, len(samples) / RATE, RATE, str(rng.choice(["white", "pink", "brown"])))
    return Scene((samples * QUIET).astype(np.float32), RATE, placed)


def room(rng: np.random.Generator, decay_s: float) -> np.ndarray:
    """Generate the response of a room: the direct sound, then noise, sparse at first, that falls by 60 dB in `decay_s`.

    The ratio of direct to reverberant energy is -4 to 10 dB. High frequencies are damped.
    """
    seconds = np.arange(round(0.9 * decay_s * RATE)) / RATE
    density = np.minimum((seconds / 0.03) ** 2 + 0.02, 1)
    tail = rng.standard_normal(len(seconds)) * np.exp(-seconds * np.log(1000) / decay_s)
    tail *= (rng.random(len(seconds)) < density) / np.sqrt(density) * (seconds > rng.uniform(0.001, 0.005))
    damping = np.exp(-np.arange(64) / rng.uniform(0.3, 3))
    tail = np.convolve(tail, damping)[: len(seconds)]
    tail *= np.sqrt(10 ** (-rng.uniform(-4, 10) / 10) / np.sum(tail**2))
    tail[0] += 1
    return tail


def resonant(rng: np.random.Generator, wave: np.ndarray) -> np.ndarray:
    """Add the resonance of skin and sensor, 60-300 Hz, which falls by 20 dB in 10-50 ms."""
    seconds = np.arange(round(0.15 * RATE)) / RATE
    response = np.sin(2 * np.pi * rng.uniform(60, 300) * seconds) * np.exp(-2.3 * seconds / rng.uniform(0.01, 0.05))
    return np.convolve(wave, np.concatenate([[1], response * rng.uniform(0.0005, 0.003)]))


def search(scenes: Sequence[Scene], detect: Callable[[np.ndarray], np.ndarray], near_s: float) -> Found:
    """Match the pops of scenes with what a detector finds."""
    pops: list[Pop] = []
    errors, extra = [], 0
    for scene in scenes:
        onsets, found = np.array([pop.onset_s for pop in scene.pops]), detect(scene.samples)
        pairs = match_events(onsets, found, near_s)
        error = np.full(len(onsets), np.nan)
        for true, other in pairs:
            error[true] = abs(found[other] - onsets[true])
        pops += scene.pops
        errors.append(error)
        extra += len(found) - len(pairs)
    return Found(pops, np.concatenate(errors), extra)


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=12, help="recordings of four thrusts in each place")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    if not options.write:
        return report(options.scenes)
    return written(lambda: report(options.scenes), f"python benchmarks/thrusts.py --scenes {options.scenes}", MARK)


def report(number: int) -> int:
    """Print the tables and the bounds."""
    places = {f"{place}, generated": [generated(seed, place) for seed in range(number)] for place in (*ROOMS, SKIN)}
    places |= {f"{decay} s, noise": [mixed(seed, decay) for seed in range(number)] for decay in DECAYS_S}
    places["skin, mixed"] = [mixed(seed, None) for seed in range(number)]
    rooms = [scene for place, scenes in places.items() if SKIN not in place for scene in scenes]
    skins = [scene for place, scenes in places.items() if SKIN in place for scene in scenes]
    print("                                  popclass                          librosa.onset.onset_detect")
    print("                  thrusts pops    first  later   1 ms  extra    first  later  extra")
    found = {}
    for place, scenes in {**places, "rooms together": rooms, "skin together": skins}.items():
        mine, other = (search(scenes, *each) for each in DETECTORS)
        found[place] = mine, other
        print(
            f"{place:18s} {sum(map(is_first, mine.pops)):6d} {len(mine.pops):4d} {recalls(mine)} {mine.exact:6.3f} "
            f"{mine.extra_per_thrust:6.2f} {recalls(other)} {other.extra_per_thrust:6.2f}",
            flush=True,
        )
    for group in ("rooms together", "skin together"):
        print(f"\nrecall of later pops, {group}: popclass, librosa")
        for low, high in pairwise(GAPS_MS):
            print_share(f"{low}-{high} ms after the one before", found[group], between("gap_s", low / 1e3, high / 1e3))
        for high, low in pairwise(LEVELS_DB):
            print_share(f"{-high}-{-low} dB below the first", found[group], between("level_db", low, high))
    print()
    bounds = Bounds()
    for group in ("rooms together", "skin together"):
        mine = found[group][0]
        bounds.at_least(f"{group}: recall of later pops", mine.recall(is_later), 0.97)
        bounds.at_least(f"{group}: share of the found within 1 ms", mine.exact, 0.97)
    return bounds.exit_code


DETECTORS = ((popclass_onsets, NEAR_S), (librosa_onsets, NEAR_LIBROSA_S))


def recalls(found: Found) -> str:
    """Format the recall of first and later pops."""
    return f"  {found.recall(is_first):6.3f} {found.recall(is_later):6.3f}"


def between(quantity: str, low: float, high: float) -> Callable[[Pop], bool]:
    """Return the condition that a later pop's gap or level lies in a range."""
    return lambda pop: is_later(pop) and low <= getattr(pop, quantity) < high


def print_share(title: str, found: tuple[Found, Found], keep: Callable[[Pop], bool]) -> None:
    """Print the recall of both detectors for some pops."""
    number = sum(map(keep, found[0].pops))
    print(f"  {title:32s} {number:5d}  {found[0].recall(keep):6.3f} {found[1].recall(keep):6.3f}")


if __name__ == "__main__":
    sys.exit(main())
