"""Start-up time of whole processes.

    python benchmarks/startup.py [--runs N]

`popclass classify` of a 10 s WAV with 20 events against a script with librosa.load, librosa.feature.mfcc and a random
forest loaded with joblib (it gets the onsets, which saves it a second); and `popclass --help` against classify.
Wall-clock medians; every library has been imported once before.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from measure import Bounds, in_turn, median, popclass, python

RATE, SECONDS = 48_000, 10
BY_HAND = """
import sys
import joblib, librosa, numpy as np
samples, rate = librosa.load(sys.argv[1], sr=None)
clips = np.stack([samples[at : at + 4800] for at in range(rate // 4, len(samples) - 4800, rate // 2)])
features = librosa.feature.mfcc(y=clips, sr=rate, n_mfcc=13).mean(axis=-1)
print(joblib.load(sys.argv[2]).predict_proba(features))
"""


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        recording, forest = str(Path(folder, "recording.wav")), str(Path(folder, "forest.joblib"))
        make_recording(recording)
        make_forest(forest)
        commands = {
            "by hand": python(BY_HAND, recording, forest),
            "classify": popclass("classify", recording),
            "--help": popclass("--help"),
            "python alone": python("pass"),
        }
        in_turn(commands, 1)
        costs = in_turn(commands, options.runs)
    wall = {name: median(each, "wall_s") for name, each in costs.items()}
    for name, each in costs.items():
        print(f"{name:14s} {wall[name]:6.3f} s, CPU {median(each, 'cpu_s'):6.3f} s, {median(each, 'mib'):4.0f} MiB")
    print()
    bounds = Bounds()
    bounds.at_most("classify of 10 s / by hand", wall["classify"] / wall["by hand"], 1 / 8)
    bounds.at_most("--help / classify", wall["--help"] / wall["classify"], 0.6)
    return bounds.exit_code


def make_recording(path: str) -> None:
    """Write ten seconds of quiet noise with a click every half second."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.001, RATE * SECONDS)
    for at in range(RATE // 4, len(samples) - 4800, RATE // 2):
        samples[at : at + 480] += rng.normal(0, 0.2, 480) * np.exp(-np.arange(480) / 60)
    soundfile.write(path, samples, RATE, subtype="PCM_16")


def make_forest(path: str) -> None:
    """Write a random forest of scikit-learn's default size."""
    import joblib
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    forest = RandomForestClassifier(random_state=0).fit(rng.normal(size=(2000, 13)), rng.integers(0, 3, 2000))
    joblib.dump(forest, path)


if __name__ == "__main__":
    sys.exit(main())
