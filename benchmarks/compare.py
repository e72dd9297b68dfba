"""CPU of popclass against librosa scripts and pyAudioAnalysis on the same recordings.

    python benchmarks/compare.py [--runs N] [--clips N] [--minutes M] [--pyaudioanalysis PYTHON]

- an hour of 48 kHz WAV with two events a minute: `popclass classify` against a script with `librosa.load`,
  `librosa.onset.onset_detect`, `librosa.feature.mfcc` of a clip at each onset, and a random forest loaded with joblib;
- a folder of clips of 1 s: `popclass batch` in one process against the same script, and against pyAudioAnalysis, which
  classifies every file with a support vector machine it has trained on forty of them.

Each figure is the CPU of a whole process; the commands take turns. pyAudioAnalysis needs an environment of its own
(`python -m venv paa && paa/bin/pip install pyAudioAnalysis numpy scipy scikit-learn imbalanced-learn matplotlib pydub
eyed3 plotly tqdm hmmlearn`); name its interpreter with `--pyaudioanalysis`. Without it that comparison is skipped.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Bounds, Cost, in_turn, median, popclass, python, run
from startup import make_forest
from throughput import RATE, write_clips, write_noise

BY_HAND = """
import sys
from pathlib import Path
import joblib, librosa, numpy as np

forest = joblib.load(sys.argv[2])
given = Path(sys.argv[1])
for path in sorted(given.iterdir()) if given.is_dir() else [given]:
    samples, rate = librosa.load(path, sr=None)
    onsets = librosa.onset.onset_detect(y=samples, sr=rate, units="samples")
    clips = [samples[at : at + 4800] for at in onsets if at + 4800 <= len(samples)]
    if clips:
        features = librosa.feature.mfcc(y=np.stack(clips), sr=rate, n_mfcc=13).mean(axis=-1)
        print(path.name, forest.predict_proba(features))
"""
PAA_TRAIN = """
import sys
from pyAudioAnalysis import audioTrainTest
audioTrainTest.extract_features_and_train(sys.argv[2:], 1.0, 1.0, 0.05, 0.05, "svm", sys.argv[1], False)
"""
PAA_CLASSIFY = """
import sys
from pathlib import Path
from pyAudioAnalysis import audioTrainTest
for path in sorted(Path(sys.argv[1]).iterdir()):
    print(path.name, audioTrainTest.file_classification(str(path), sys.argv[2], "svm"))
"""


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured")
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--minutes", type=int, default=60, help="length of the long recording")
    parser.add_argument("--pyaudioanalysis", metavar="PYTHON", help="the interpreter of an environment that has it")
    options = parser.parse_args(argv)
    bounds = Bounds()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_forest(str(folder / "forest.joblib"))
        an_hour(folder, options.minutes, options.runs, bounds)
        many_clips(folder, options.clips, options.runs, options.pyaudioanalysis, bounds)
    return bounds.exit_code


def an_hour(folder: Path, minutes: int, runs: int, bounds: Bounds) -> None:
    """Compare on one long recording."""
    path = folder / "hour.wav"
    write_noise(path, RATE, minutes, 2)
    commands = {
        "librosa": python(BY_HAND, str(path), str(folder / "forest.joblib")),
        "classify": popclass("classify", str(path)),
    }
    costs = in_turn(commands, runs)
    path.unlink()
    show(f"{minutes} min of WAV", costs)
    bounds.at_least(f"{minutes} min of WAV: CPU of librosa script / classify", ratio(costs, "librosa", "classify"), 5)


def many_clips(folder: Path, clips: int, runs: int, paa: str | None, bounds: Bounds) -> None:
    """Compare on a folder of clips."""
    source, forest = folder / "clips", str(folder / "forest.joblib")
    write_clips(source, clips)
    others = {"librosa": python(BY_HAND, str(source), forest)}
    if paa is None:
        print("  pyAudioAnalysis skipped: name an interpreter that has it with --pyaudioanalysis")
    else:
        others["pyAudioAnalysis"] = [paa, "-c", PAA_CLASSIFY, str(source), train_paa(paa, source, folder)]
    fresh = (str(folder / f"results{number}") for number in itertools.count())
    costs: dict[str, list[Cost]] = {name: [] for name in (*others, "batch")}
    for _ in range(runs):
        for name, command in others.items():
            costs[name].append(run(command))
        target = next(fresh)
        costs["batch"].append(run(popclass("batch", str(source), "-o", target, "--jobs", "1", "--quiet")))
        shutil.rmtree(target)
    show(f"{clips} clips", costs)
    for name, bound in (("librosa", 3), ("pyAudioAnalysis", 8)):
        if name in costs:
            bounds.at_least(f"{clips} clips: CPU of {name} / batch", ratio(costs, name, "batch"), bound)


def train_paa(paa: str, source: Path, folder: Path) -> str:
    """Train a support vector machine of pyAudioAnalysis on two classes of twenty clips.

    Raises
    ------
    SystemExit
        If the interpreter has no pyAudioAnalysis, or training fails.
    """
    paths = sorted(source.iterdir())[:40]
    classes = [folder / "paa one", folder / "paa two"]
    for place, half in zip(classes, (paths[:20], paths[20:]), strict=True):
        place.mkdir()
        for path in half:
            shutil.copy(path, place)
    model = str(folder / "paa_svm")
    try:
        done = subprocess.run(
            [paa, "-c", PAA_TRAIN, model, *map(str, classes)], capture_output=True, text=True, cwd=folder, check=False
        )
    except OSError as error:
        raise SystemExit(f"--pyaudioanalysis {paa}: {error.strerror}; name a Python interpreter") from None
    if done.returncode or not Path(model).is_file():
        reason = (done.stderr.strip() or "it made no model").splitlines()[-1]
        raise SystemExit(f"--pyaudioanalysis {paa}: pyAudioAnalysis could not be trained: {reason}")
    return model


def ratio(costs: dict[str, list[Cost]], other: str, own: str) -> float:
    """Return the ratio of median CPU times."""
    return median(costs[other], "cpu_s") / median(costs[own], "cpu_s")


def show(what: str, costs: dict[str, list[Cost]]) -> None:
    """Print CPU and memory of each command."""
    for name, each in costs.items():
        print(f"  {what}, {name:16s} {median(each, 'cpu_s'):7.2f} s CPU {median(each, 'mib'):7.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
