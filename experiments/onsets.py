"""Coefficients of the verification of candidate onsets, learnt from generated sounds.

    python experiments/onsets.py [--write]

Every candidate of the detector in these sounds, whether kept or not, is a sample of a logistic regression:

- thrusts of the generator in rooms, near and far, and on the skin (`benchmarks/thrusts.py`, other seeds);
- clicks at 6-20 dB in speech, white and pink noise (`benchmarks/detection.py`, other seeds), and speech alone;
- noise whose level changes: steps, gates, ramps, modulation at 2-15 Hz, and bursts of 80-500 ms.

A candidate within 5 ms of a pop or click is a short sound. The pops of thrusts, which are the hardest, count 20 times.
The bias is then set so that continuous speech keeps 150 candidates a minute. The exit code is 1 where the coefficients
differ from those of `popclass.detection.verification`.
`--write` puts the output into docs/research/onsets.md.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
from mir_eval.util import match_events
from sklearn.linear_model import LogisticRegression

from popclass.detection import Detector, verification

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import detection  # noqa: E402
import thrusts  # noqa: E402
from speech import speech  # noqa: E402

RATE = detection.RATE
FIRST_SEED = 1000  # the benchmarks use smaller ones
THRUSTS, CHANGES = 14, 40  # recordings in each place, and of changing noise
CLICKS = (("speech", 20), ("speech", 10), ("speech", 6), ("white", 20), ("white", 6), ("pink", 20), ("pink", 6))
SPEECH_S, CHANGE_S = 120, 10
NEAR_S = 0.005
SPEECH_PER_MINUTE = 150
POP_WEIGHT = 20
PAGE = ROOT / "docs" / "research" / "onsets.md"
MARK = "<!-- measured -->\n"


@dataclass(frozen=True, slots=True)
class Material:
    """Candidates of one recording.

    Attributes
    ----------
    name : str
    features : ndarray, shape (candidates, 3)
        As `popclass.detection.verification` weighs them.
    short : ndarray of bool, shape (candidates,)
        True for pops and clicks.
    sounds : int
        Number of pops and clicks.
    """

    name: str
    features: np.ndarray
    short: np.ndarray
    sounds: int

    @property
    def is_thrust(self) -> bool:
        """True if the sounds are the pops of thrusts."""
        return self.name.startswith("thrusts")


def main(argv: list[str] | None = None) -> int:
    """Learn and print the coefficients; return 1 where they differ from the detector's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = report()
    print(printed.getvalue(), end="")
    if options.write:
        text = PAGE.read_text("utf-8").split(MARK)[0]
        PAGE.write_text(f"{text}{MARK}\n```text\n$ python experiments/onsets.py\n{printed.getvalue()}```\n", "utf-8")
    return code


def report() -> int:
    """Print the materials, what is kept of each, and the coefficients."""
    materials = [candidates_of(*each) for each in recordings()]
    weights, bias = learn(materials)
    print("                          pops and clicks            other candidates")
    print("                     number proposed  kept           proposed   kept")
    for name in dict.fromkeys(each.name for each in materials):
        these = [each for each in materials if each.name == name]
        features, short = (np.concatenate([getattr(each, key) for each in these]) for key in ("features", "short"))
        kept, number = features @ weights + bias > 0, sum(each.sounds for each in these)
        shares = f"{short.sum() / number:8.3f} {(short & kept).sum() / number:6.3f}" if number else " " * 15
        print(f"{name:20s} {number:6d} {shares} {(~short).sum():17d} {(~short & kept).sum():6d}")
    found = (*weights.round(2).tolist(), round(bias, 2))
    held = (*verification.WEIGHTS, verification.BIAS)
    print("\n                 after before periodicity   bias")
    for title, values in (("learnt", found), ("verification.py", held)):
        print("{:15s} {:6.2f} {:6.2f} {:11.2f} {:6.2f}".format(title, *values))
    return int(found != held)


def learn(materials: list[Material]) -> tuple[np.ndarray, float]:
    """Fit the weights; return them with the bias at which speech keeps a number of candidates a minute."""
    features = np.concatenate([each.features for each in materials])
    short = np.concatenate([each.short for each in materials])
    counts = np.concatenate([np.where(each.short & each.is_thrust, POP_WEIGHT, 1) for each in materials])
    weights = LogisticRegression(max_iter=2000).fit(features, short, counts).coef_[0]
    (spoken,) = (each.features @ weights for each in materials if each.name == "speech")
    return weights, -float(np.sort(spoken)[::-1][SPEECH_PER_MINUTE * SPEECH_S // 60])


def candidates_of(name: str, samples: np.ndarray, onsets_s: np.ndarray) -> Material:
    """Return the candidates of a recording that reach the verification."""
    detector, features, times = Detector(RATE, 1), [np.zeros((0, 3))], [np.zeros(0)]

    def keep(after, before, part, places, rate):  # type: ignore[no-untyped-def]
        channels, firsts = (each[before > verification.LEAST_BEFORE] for each in places)
        after, before = (each[before > verification.LEAST_BEFORE] for each in (after, before))
        if len(firsts):
            voiced = verification.periodicity(*verification.stretches(part, channels, firsts, rate))
            features.append(np.stack([np.log1p(after), np.log1p(before), voiced], axis=1))
            times.append((firsts + detector._samples_start) / rate)
        return np.zeros(len(places[0]), bool)

    with patch.object(verification, "verify", keep):
        detector.feed(samples.astype(np.float32).reshape(-1, 1))
        detector.flush()
    found = np.concatenate(times)
    short = np.zeros(len(found), bool)
    short[[other for _, other in match_events(onsets_s, found, NEAR_S)]] = True
    return Material(name, np.concatenate(features), short, len(onsets_s))


def recordings() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, samples and onsets of all recordings."""
    for place in (*thrusts.ROOMS, thrusts.SKIN):
        for number in range(THRUSTS):
            scene = thrusts.generated(FIRST_SEED + number, place)
            yield f"thrusts, {place}", scene.samples, np.array([pop.onset_s for pop in scene.pops])
    spoken, _ = speech(SPEECH_S, RATE)
    yield "speech", spoken * detection.QUIET, np.zeros(0)
    for background, level in CLICKS:
        clicks = detection.make_scene(background, level, SPEECH_S, spoken, seed=FIRST_SEED)
        yield f"{background}, {level} dB", clicks.samples, clicks.onsets_s
    for number in range(CHANGES):
        kind = list(GAINS)[number % len(GAINS)]
        yield kind, changing(FIRST_SEED + number, kind), np.zeros(0)


def changing(seed: int, kind: str) -> np.ndarray:
    """Generate noise whose level changes, with 16 bits."""
    rng = np.random.default_rng(seed)
    samples = detection.coloured(rng, CHANGE_S, RATE, str(rng.choice(["white", "pink", "brown"])))
    samples *= 0.03 * GAINS[kind](rng, np.arange(len(samples)) / RATE)
    return np.round(samples * 2**15) / 2**15


def steps(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """Generate four jumps to a level within 30 dB."""
    levels_db = np.array([0.0, *rng.uniform(-30, 0, 4)])
    return 10 ** (levels_db[np.searchsorted(np.sort(rng.uniform(1, CHANGE_S - 1, 4)), seconds)] / 20)


def gates(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """Generate gaps of digital silence."""
    gain = np.ones(len(seconds))
    for start in np.arange(0.5, CHANGE_S - 1, rng.uniform(0.6, 2)):
        gain[(seconds >= start) & (seconds < start + rng.uniform(0.1, 1.2))] = 0
    return gain


def ramps(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """Generate a level in decibels that rises and falls along lines of 50-800 ms."""
    corners = np.cumsum(rng.uniform(0.05, 0.8, 40))
    return 10 ** (np.interp(seconds, corners, rng.uniform(-30, 0, 40)) / 20)


def modulation(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """Generate a periodic level, like rustling."""
    depth_db, hertz = rng.uniform(6, 25), rng.uniform(2, 15)
    return 10 ** (-depth_db * (0.5 + 0.5 * np.sin(2 * np.pi * hertz * seconds)) / 20)


def bursts(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """Generate bursts with edges of 10-80 ms, like breaths and fricatives."""
    gain, at = np.full(len(seconds), 0.03), 0.3
    while at < CHANGE_S - 0.7:
        length, edge = rng.uniform(0.08, 0.5), rng.uniform(0.01, 0.08)
        shape = np.clip(np.minimum((seconds - at) / edge, (at + length - seconds) / edge), 0, 1)
        gain += shape * 10 ** (rng.uniform(-15, 0) / 20)
        at += length + rng.uniform(0.1, 0.8)
    return gain


GAINS = {"steps": steps, "gates": gates, "ramps": ramps, "modulation": modulation, "bursts": bursts}

if __name__ == "__main__":
    sys.exit(main())
