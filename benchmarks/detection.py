"""Recall, precision, onset error and speed of the detector, next to librosa.onset with its defaults.

    python benchmarks/detection.py [--seconds S] [--hours H] [--write]

Clicks of four kinds, one every half second, are laid over a background so that their rms over the first 10 ms stands at
20 to 0 dB relative to the background's rms. popclass runs with its defaults. A click is found if an onset lies within
10 ms of it; librosa, whose onsets are late, gets 50 ms. Then events in continuous speech and in stationary noise alone.
`--write` puts the output into docs/detection.md.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure import Bounds
from mir_eval.util import match_events
from speech import speech

from popclass.detection import Detector
from popclass.features import FrontEnd  # noqa: F401  sets the cache that importing librosa needs

RATE = 48_000
LEVELS_DB = (20, 10, 6, 3, 0)
BACKGROUNDS = ("white", "pink", "brown", "speech")
EVERY_S = 0.5
NEAR_S, NEAR_LIBROSA_S = 0.010, 0.050
QUIET = 0.01  # rms of the background, of full scale
NOISE_RATES = (8_000, 16_000, 44_100, 48_000, 96_000)
PIECE_S = 120
PAGE = Path(__file__).resolve().parents[1] / "docs" / "detection.md"
MARK = "<!-- measured -->\n"
Kind = Callable[[np.random.Generator], np.ndarray]


def ring(rng: np.random.Generator) -> np.ndarray:
    """Generate a cavitation in air: a damped sine of 0.9-6 kHz that falls by 20 dB in 1-5 ms."""
    seconds = np.arange(RATE // 20) / RATE
    fall = np.exp(-seconds * 2.3 / rng.uniform(0.001, 0.005))
    return np.sin(2 * np.pi * rng.uniform(900, 6000) * seconds + rng.uniform(0, 2 * np.pi)) * fall


def burst(rng: np.random.Generator) -> np.ndarray:
    """Generate white noise that falls by 20 dB in 1-5 ms."""
    seconds = np.arange(RATE // 20) / RATE
    return rng.standard_normal(len(seconds)) * np.exp(-seconds * 2.3 / rng.uniform(0.001, 0.005))


def contact(rng: np.random.Generator, low: float = 140, high: float = 1830) -> np.ndarray:
    """Generate a cavitation on the skin (Reggars 1996): one or two cycles, log-normal about 235 Hz, from rest."""
    hertz = 0.0
    while not low <= hertz <= high:
        hertz = 235 * float(np.exp(0.7 * rng.standard_normal()))
    seconds = np.arange(RATE // 20) / RATE
    return np.sin(2 * np.pi * hertz * seconds) * np.exp(-seconds * 2.3 * hertz / rng.uniform(1.2, 1.9))


def low_contact(rng: np.random.Generator) -> np.ndarray:
    """Generate a contact pop of 86-140 Hz: a fifth of those on the skin, and the hardest to detect."""
    return contact(rng, 86, 140)


def impulse(rng: np.random.Generator) -> np.ndarray:
    """Generate a single sample, like a digital glitch or an electrical click."""
    return np.eye(1, RATE // 20)[0] * rng.choice([-1, 1])


# the share of low contact pops follows Reggars
KINDS: dict[str, tuple[Kind, float]] = {
    "ring 0.9-6 kHz": (ring, 0.25),
    "noise burst": (burst, 0.25),
    "contact 140-1830 Hz": (contact, 0.2),
    "contact 86-140 Hz": (low_contact, 0.05),
    "one sample": (impulse, 0.25),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A recording with its click onsets and kinds."""

    samples: np.ndarray
    onsets_s: np.ndarray
    kinds: np.ndarray


@dataclass(frozen=True, slots=True)
class Score:
    """Scores of one detector on one scene; the error is the median distance between click and onset."""

    recall: float
    precision: float
    error_ms: float
    found: np.ndarray
    speed: float


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300, help="length of each recording with clicks")
    parser.add_argument("--hours", type=float, default=4.0, help="of noise alone, all together")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    if not options.write:
        return report(options.seconds, options.hours)
    command = f"python benchmarks/detection.py --seconds {options.seconds} --hours {options.hours:g}"
    return written(lambda: report(options.seconds, options.hours), command, MARK)


def written(measure: Callable[[], int], command: str, mark: str) -> int:
    """Run a measurement and put its output into the documentation, between a mark and the next heading."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = measure()
    print(printed.getvalue(), end="")
    before, after = PAGE.read_text("utf-8").split(mark)
    _, heading, rest = after.partition("\n## ")
    PAGE.write_text(f"{before}{mark}\n```text\n$ {command}\n{printed.getvalue()}```\n{heading}{rest}", "utf-8")
    return code


def report(seconds: int, hours: float) -> int:
    """Print the tables and the bounds."""
    bounds = Bounds()
    spoken, voice = speech(seconds, RATE)
    print(f"{seconds} s with a click every {EVERY_S} s for each line; speech by {voice}\n")
    print("background  level      popclass                       librosa.onset.onset_detect")
    print("               dB   recall precision   error  speed    recall precision   error  speed")
    scores: dict[tuple[str, int], Score] = {}
    scenes: dict[tuple[str, int], Scene] = {}
    for name in BACKGROUNDS:
        for level in LEVELS_DB:
            scene = scenes[name, level] = make_scene(name, level, seconds, spoken)
            mine = scores[name, level] = score(popclass_onsets, scene, NEAR_S)
            other = score(librosa_onsets, scene, NEAR_LIBROSA_S)
            print(f"{name:10s} {level:6d}   {line(mine)}    {line(other)}", flush=True)
    print("\nrecall of popclass by kind of click, at 20 / 10 / 6 / 3 / 0 dB")
    print(f"{'':22s}" + "".join(f"{name:>28s}" for name in BACKGROUNDS))
    for kind in KINDS:
        cells = (
            " ".join(by_kind(scores[name, db], scenes[name, db], kind) for db in LEVELS_DB) for name in BACKGROUNDS
        )
        print(f"{kind:22s}" + "".join(f"{cell:>28s}" for cell in cells))
    print()
    check_bounds(scores, scenes, bounds)
    events = len(popclass_onsets((spoken * QUIET).astype(np.float32)))
    bounds.at_most("events a minute in continuous speech", events / seconds * 60, 150)
    print()
    noise_alone(hours, bounds)
    return bounds.exit_code


def line(result: Score) -> str:
    """Format the scores of one detector."""
    return f"{result.recall:6.3f} {result.precision:9.3f} {result.error_ms:7.2f} {result.speed:6.0f}"


def by_kind(result: Score, scene: Scene, kind: str) -> str:
    """Format the recall of one kind of click."""
    return f"{result.found[scene.kinds == kind].mean():.2f}"


def check_bounds(scores: dict[tuple[str, int], Score], scenes: dict[tuple[str, int], Scene], bounds: Bounds) -> None:
    """Check the bounds for clicks, without and with contact pops."""
    for name in ("white", "pink", "brown"):
        bounds.at_most(f"{name}, 20 dB: median onset error", scores[name, 20].error_ms, 1.0, " ms")
    for name in ("white", "pink"):
        worst = min(scores[name, level].precision for level in LEVELS_DB)
        bounds.at_least(f"{name}, 20-0 dB: least precision", worst, 0.99)
    for name, level, bound in (("white", 6, 0.99), ("pink", 6, 0.99), ("speech", 6, 0.95), ("white", 0, 0.95)):
        found, kinds = scores[name, level].found, scenes[name, level].kinds
        sharp = ~np.char.startswith(kinds, "contact")
        bounds.at_least(f"{name}, {level} dB: recall of clicks", found[sharp].mean(), bound)
        bounds.at_least(f"{name}, {level} dB: recall with contact pops among them", found.mean(), bound)
    rings = scenes["speech", 6].kinds == "ring 0.9-6 kHz"
    bounds.at_least("speech, 6 dB: recall of rings", scores["speech", 6].found[rings].mean(), 0.98)


def make_scene(background: str, level_db: float, seconds: int, spoken: np.ndarray, seed: int = 0) -> Scene:
    """Generate a background with clicks at the level of a quiet recording."""
    rng = np.random.default_rng([BACKGROUNDS.index(background), int(level_db), seed])
    samples = spoken.copy() if background == "speech" else coloured(rng, seconds, RATE, background)
    onsets = np.arange(EVERY_S, seconds - EVERY_S, EVERY_S)
    onsets = np.round((onsets + rng.uniform(-0.15, 0.15, len(onsets))) * RATE).astype(int)
    shares = [share for _, share in KINDS.values()]
    kinds = rng.choice(list(KINDS), len(onsets), p=shares)
    for onset, kind in zip(onsets, kinds, strict=True):
        wave = KINDS[kind][0](rng)
        wave = wave / np.sqrt(np.mean(wave[: RATE // 100] ** 2)) * 10 ** (level_db / 20)
        samples[onset : onset + len(wave)] += wave
    return Scene((samples * QUIET).astype(np.float32), onsets / RATE, kinds)


def coloured(rng: np.random.Generator, seconds: float, rate: int, colour: str) -> np.ndarray:
    """Generate stationary noise of unit rms, its power falling by 0, 3 or 6 dB per octave from 20 Hz."""
    size = round(seconds * rate)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    slope = {"white": 0.0, "pink": 0.5, "brown": 1.0}[colour]
    spectrum /= np.maximum(np.fft.rfftfreq(size, 1 / rate), 20.0) ** slope
    samples = np.fft.irfft(spectrum, size)
    return samples / samples.std()


def popclass_onsets(samples: np.ndarray, rate: int = RATE) -> np.ndarray:
    """Return onsets in seconds by popclass, fed in blocks."""
    detector = Detector(rate, 1)
    sounds = [found for at in range(0, len(samples), 65536) for found in detector.feed(samples[at : at + 65536, None])]
    return np.array([sound.event.start_s for sound in sounds + detector.flush()])


def librosa_onsets(samples: np.ndarray) -> np.ndarray:
    """Return onsets in seconds by librosa."""
    import librosa

    return librosa.onset.onset_detect(y=samples, sr=RATE, units="time")


def score(detect: Callable[[np.ndarray], np.ndarray], scene: Scene, near_s: float) -> Score:
    """Run a detector and match each click with at most one onset."""
    detect(scene.samples[: 5 * RATE])  # compiles and loads what a first call does
    began = time.process_time()
    found = detect(scene.samples)
    cpu = time.process_time() - began
    pairs = match_events(scene.onsets_s, found, near_s)
    hit = np.zeros(len(scene.onsets_s), dtype=bool)
    hit[[true for true, _ in pairs]] = True
    errors = [abs(found[other] - scene.onsets_s[true]) for true, other in pairs]
    return Score(
        recall=len(pairs) / len(scene.onsets_s),
        precision=len(pairs) / max(len(found), 1),
        error_ms=1000 * float(np.median(errors)) if errors else float("nan"),
        found=hit,
        speed=len(scene.samples) / RATE / cpu,
    )


def noise_alone(hours: float, bounds: Bounds) -> None:
    """Count events in noise without clicks."""
    conditions = [(colour, rate) for colour in BACKGROUNDS[:3] for rate in NOISE_RATES]
    pieces = max(1, round(hours * 3600 / PIECE_S / len(conditions)))
    analysed = len(conditions) * pieces * PIECE_S / 3600
    print(f"stationary noise alone, {analysed:.1f} h: {', '.join(f'{rate / 1000:g}' for rate in NOISE_RATES)} kHz")
    total = 0
    for colour in BACKGROUNDS[:3]:
        counts = [sum(count_in_noise(colour, rate, pieces)) for rate in NOISE_RATES]
        total += sum(counts)
        print(f"  {colour:6s} events: {' '.join(map(str, counts))}", flush=True)
    bounds.at_most("events an hour in stationary noise", total / analysed, 1.0)


def count_in_noise(colour: str, rate: int, pieces: int) -> Iterator[int]:
    """Count events in each piece."""
    for number in range(pieces):
        rng = np.random.default_rng([number, rate, BACKGROUNDS.index(colour)])
        samples = coloured(rng, PIECE_S, rate, colour) * QUIET
        yield len(popclass_onsets(samples.astype(np.float32), rate))


if __name__ == "__main__":
    sys.exit(main())
