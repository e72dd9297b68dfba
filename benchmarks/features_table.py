"""Print docs/features.md from the code: every feature with its unit, range, meaning and how well it is reproduced.

    python benchmarks/features_table.py [--write] [--measure]

`--write` writes the page. `--measure` prints what the tolerances were read off: the differences between the features of
the same sounds at 48 kHz and at other sample rates.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from popclass.detection import Detector
from popclass.features import FEATURES, NAMES, FrontEnd, extract

PAGE = Path(__file__).resolve().parents[1] / "docs" / "features.md"
RATES = (44_100, 96_000, 192_000)

# By how much a feature of the same sound differs at another sample rate, in nine sounds of ten, in the feature's unit.
TOLERANCES = {
    "mfcc_attack": 0.6,
    "mfcc_tail": 2.5,
    "band": 0.4,
    "centroid": 0.02,
    "bandwidth": 0.05,
    "rolloff": 0.1,
    "flatness": 0.5,
    "dominant": 0.05,
    "prominence": 0.2,
    "cycles": 0.3,
    "rise": 1.5,
    "fall_10": 0.4,
    "fall_20": 0.3,
    "duration": 0.2,
    "time_centroid": 0.25,
    "fall_low": 0.2,
    "fall_mid": 0.3,
    "fall_high": 0.15,
    "stage": 0.7,
    "start": 0.7,
    "start_centroid": 0.05,
    "crest": 1.0,
    "peaks": 0.1,
    "peak_spacing": 0.1,
    "second_peak": 0.5,
    "late": 0.1,
    "before": 0.3,
    "fill_before": 1.0,
    "fill_after": 1.0,
    "crossings": 0.4,
    "snr": 1.0,
}
GROUPS = ("mfcc_attack", "mfcc_tail", "band", "stage", "start")

TOP = """# The features, one by one

Every event is described by the {count} numbers below, in this order; `popclass features RECORDING` prints them, and
`popclass.extract_features` returns them as an array. This page is written by `python benchmarks/features_table.py
--write` from `popclass/features/definitions.py`; a test holds it to the code.

What is measured: the clip around the event is resampled to 24 kHz and aligned on its onset. The *attack* is the
spectral frame of 21 ms that begins 2 ms before the onset; the spectrum of the 21 ms before it is taken off first (at
most 99 % of each bin). Features of time use an envelope with steps of a third of a millisecond, the background's energy
taken off. Times and frequencies are logarithms to the base 2: 1 more is twice as long or an octave higher. A value
beyond its range is set to the nearer bound, so every feature of every input is finite and within its range.

"""

BOTTOM = """
## How well they are reproduced

*Same sound, other rate* is the difference that nine sounds of ten stay within when the same sounds, damped rings of
0.3-6 kHz in noise up to 10 kHz, are recorded at 44.1, 96 or 192 kHz instead of 48 kHz (`python
benchmarks/features_table.py --measure`). The rest are sounds at a threshold: a second peak that is or is not counted, a
tail that is or is not above the background. `rise` depends on single samples of the waveform, hence its octave and a
half.

- **Level.** The same recording 100 times quieter or 10 times louder gives the same features within 0.02, as long as its
  background stays above -90 dB of full scale; below, the detector takes no floor for real, and `snr` shrinks.
- **Channels.** A sound in one channel, in both of a stereo recording or in one of four gives the same features exactly;
  those of the channel in which it stands out most are taken.
- **Company in a call.** Features do not depend on how many events are computed together, nor in which order: within
  1e-9.
- **The next onset.** The window stops there: nothing of the next event is heard as such. What remains is what the
  resampling filter and the removal of rumble (a moving mean of 12 ms) carry across the boundary. A pop 6 ms later, as
  loud or up to 10 dB louder or weaker, changes half of the sounds by less than: `rise`, `fall_10`, `fall_20`,
  `duration`, `peaks` 0.05; `centroid`, `dominant`, `cycles` 0.1; `band_1000_2000` and `band_2000_4000` 0.3; the MFCC 4,
  and the bands below 500 Hz 10 dB, since so short a window holds little of them.
- **librosa.** The MFCC are those of `librosa.feature.mfcc` (Slaney mel bands from 50 Hz to 12 kHz, Hann window of 512
  samples, no padding) within 1e-4.
"""


def main(argv: list[str] | None = None) -> int:
    """Print or write the page, or what it rests on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args(argv)
    if options.measure:
        return measure()
    if options.write:
        PAGE.write_text(page(), "utf-8")
    else:
        print(page(), end="")
    return 0


def page() -> str:
    """The page as the code has it."""
    return TOP.format(count=len(FEATURES)) + "".join(_rows()) + BOTTOM


def group(name: str) -> str:
    """The key of a feature in `TOLERANCES`."""
    return name if name in TOLERANCES else next(each for each in GROUPS if name.startswith(f"{each}_"))


def _rows() -> Iterator[str]:
    yield "| feature | unit | range | meaning | same sound, other rate |\n| --- | --- | --- | --- | --- |\n"
    for feature in FEATURES:
        yield (
            f"| `{feature.name}` | {feature.unit} | {feature.low:g} to {feature.high:g} | {feature.meaning} | "
            f"{TOLERANCES[group(feature.name)]:g} |\n"
        )


def measure() -> int:
    """Print the differences and whether the tolerances hold."""
    differences = between_rates(range(4))
    print(f"{'feature':16s}{'median':>9s}{'90 %':>9s}{'largest':>9s}{'stated':>9s}")
    missed = 0
    for name, column in zip(NAMES, differences.T, strict=True):
        middle, most, largest = np.quantile(column, [0.5, 0.9, 1.0])
        holds = most <= TOLERANCES[group(name)]
        missed += not holds
        stated = f"{TOLERANCES[group(name)]:9g}"
        print(f"{name:16s}{middle:9.3f}{most:9.3f}{largest:9.3f}{stated} {'holds' if holds else 'MISSED'}")
    return int(missed > 0)


def between_rates(seeds: Sequence[int]) -> np.ndarray:
    """Absolute differences of features at other rates to those at 48 kHz, shape (sounds and rates, features)."""
    import soxr

    frontend = FrontEnd.build()
    differences = []
    for seed in seeds:
        samples, onsets = recording(seed)
        resampled = {rate: soxr.resample(samples, 192_000, rate, quality="VHQ") for rate in (48_000, *RATES)}
        tables = {rate: described(each, rate, onsets, frontend) for rate, each in resampled.items()}
        differences += [np.abs(tables[rate] - tables[48_000]) for rate in RATES]
    return np.concatenate(differences)


def recording(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sounds in noise, all below 10 kHz, at 192 kHz; and the onsets in seconds."""
    rate, seconds = 192_000, 10
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(rate * seconds))
    spectrum[np.fft.rfftfreq(rate * seconds, 1 / rate) > 10_000] = 0
    samples = np.fft.irfft(spectrum)
    samples *= 1e-3 / samples.std()
    onsets = np.arange(1.0, seconds - 0.5, 0.5)
    time = np.arange(rate // 20) / rate
    for onset in onsets:
        ring = np.sin(2 * np.pi * rng.uniform(300, 6000) * time) * np.exp(-time * 2.3 / rng.uniform(0.001, 0.008))
        at = round(onset * rate)
        samples[at : at + len(ring)] += ring / ring.std() * 1e-3 * 10 ** (rng.uniform(10, 40) / 20)
    return samples, onsets


def described(samples: np.ndarray, rate: int, onsets: np.ndarray, frontend: FrontEnd) -> np.ndarray:
    """Features of the sounds at the onsets, shape (onsets, features).

    Raises
    ------
    ValueError
        If one is not found within 3 ms.
    """
    detector = Detector(rate, 1)
    sounds = detector.feed(samples.astype(np.float32)[:, None]) + detector.flush()
    starts = np.array([sound.event.start_s for sound in sounds])
    nearest = [int(np.abs(starts - onset).argmin()) for onset in onsets]
    if np.abs(starts[nearest] - onsets).max() > 0.003:
        raise ValueError(f"an onset at {rate} Hz was not found")
    return extract([sounds[index] for index in nearest], frontend)


if __name__ == "__main__":
    sys.exit(main())
