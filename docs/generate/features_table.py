"""Table of docs/features.md: unit, range, meaning and reproducibility of every feature.

    python docs/generate/features_table.py [--write] [--measure]

`--write` writes the page. `--measure` prints the differences between the features of the same sounds at 48 kHz and at
other sample rates, from which the tolerances were read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from popclass.detection import Detector
from popclass.features import FEATURES, NAMES, FrontEnd, extract

PAGE = Path(__file__).resolve().parents[1] / "features.md"
RATES = (44_100, 96_000, 192_000)

# 90th percentile of the difference of a feature at another sample rate, in the feature's unit.
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

TOP = """# Features

Every event has the {count} features below, in this order. `popclass features RECORDING` prints them;
`popclass.extract_features` returns them as an array. This page is written by `python docs/generate/features_table.py
--write` from `popclass/features/definitions.py`.

The clip around an event is resampled to 24 kHz and aligned on its onset. The *attack* is the 21 ms spectral frame that
begins 2 ms before the onset. The spectrum of the 21 ms before it is subtracted first (at most 99 % of each bin).
Temporal features use an envelope with steps of a third of a millisecond, with the energy of the background subtracted.
Times and frequencies are base-2 logarithms: 1 more is twice as long or an octave higher. Values outside the range are
clipped to it, so every feature is finite and within its range.

"""

BOTTOM = """
## Reproducibility

*Same sound, other rate* is the 90th percentile of the difference when the same sounds are recorded at 44.1, 96 or 192
kHz instead of 48 kHz (`python docs/generate/features_table.py --measure`). The sounds are damped rings of 0.3-6 kHz in
noise up to 10 kHz. The remaining tenth are sounds at a threshold: a second peak that is or is not counted, a tail that
is or is not above the background. `rise` depends on single samples, hence its octave and a half.

- **Level.** The same recording 100 times quieter or 10 times louder has the same features within 0.02, if its
  background stays above -90 dB of full scale. Below that the detector does not trust the floor, and `snr` shrinks.
- **Channels.** A sound in one channel, in both of a stereo recording or in one of four has exactly the same features.
  The channel in which the event stands out most is used.
- **Batching.** Features do not depend on the number or order of the events computed together, within 1e-9.
- **Next onset.** The window ends there. Only the resampling filter and the removal of rumble (a moving mean of 12 ms)
  reach across it. A second pop 6 ms later, up to 10 dB louder or quieter, changes the median sound by less than: 0.05
  in `rise`, `fall_10`, `fall_20`, `duration`, `peaks`; 0.1 in `centroid`, `dominant`, `cycles`; 0.3 in
  `band_1000_2000` and `band_2000_4000`; 4 in the MFCC; 10 dB in the bands below 500 Hz, which so short a window hardly
  contains.
- **librosa.** The MFCC equal those of `librosa.feature.mfcc` within 1e-4 (Slaney mel bands from 50 Hz to 12 kHz, Hann
  window of 512 samples, no padding).
"""


def main(argv: list[str] | None = None) -> int:
    """Print or write the page, or measure the tolerances."""
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
    """Return the page."""
    return TOP.format(count=len(FEATURES)) + "".join(_rows()) + BOTTOM


def group(name: str) -> str:
    """Return the key of a feature in `TOLERANCES`."""
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
    """Return absolute differences of features to those at 48 kHz, shape (sounds and rates, features)."""
    import soxr

    frontend = FrontEnd.build()
    differences = []
    for seed in seeds:
        samples, onsets = recording(seed)
        resampled = {rate: soxr.resample(samples, 192_000, rate, quality="VHQ") for rate in (48_000, *RATES)}
        tables = {rate: features_at(each, rate, onsets, frontend) for rate, each in resampled.items()}
        differences += [np.abs(tables[rate] - tables[48_000]) for rate in RATES]
    return np.concatenate(differences)


def recording(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Generate sounds in noise below 10 kHz at 192 kHz; return samples and onsets in seconds."""
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


def features_at(samples: np.ndarray, rate: int, onsets: np.ndarray, frontend: FrontEnd) -> np.ndarray:
    """Return the features of the sounds at the onsets, shape (onsets, features).

    Raises
    ------
    ValueError
        If one is not detected within 3 ms.
    """
    detector = Detector(rate, 1)
    sounds = detector.feed(samples.astype(np.float32)[:, None]) + detector.flush()
    starts = np.array([sound.event.start_s for sound in sounds])
    nearest = [int(np.abs(starts - onset).argmin()) for onset in onsets]
    if np.abs(starts[nearest] - onsets).max() > 0.003:
        raise ValueError(f"an onset at {rate} Hz was not detected")
    return extract([sounds[index] for index in nearest], frontend)


if __name__ == "__main__":
    sys.exit(main())
