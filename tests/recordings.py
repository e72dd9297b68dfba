"""Small recordings of clicks in noise, and a model that tells three kinds of them apart; quick to make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile as sf

RATE = 48_000
KINDS = ("cavitation", "snapping", "other")


def sound(kind: str, rng: np.random.Generator) -> np.ndarray:
    """60 ms: a burst of noise that is over at once, a low ring, or a high one."""
    t = np.arange(round(0.06 * RATE)) / RATE
    if kind == "cavitation":
        return np.exp(-t / rng.uniform(0.0005, 0.001)) * rng.uniform(-1, 1, len(t))
    low, high, decay = (80, 200, 0.010) if kind == "snapping" else (1500, 4000, 0.030)
    return np.exp(-t / (decay * rng.uniform(0.7, 1.4))) * np.sin(2 * np.pi * rng.uniform(low, high) * t)


def samples(kinds: list[str], *, seed: int = 0, seconds: float = 1.0) -> np.ndarray:
    """Noise with a sound every 0.3 s, from 0.2 s on."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.002, round(seconds * RATE))
    for index, kind in enumerate(kinds):
        at = round((0.2 + 0.3 * index) * RATE)
        x[at : at + round(0.06 * RATE)] += rng.uniform(0.1, 0.5) * sound(kind, rng)
    return x.astype(np.float32)


def write(path: Path, kinds: list[str] | None = None, *, seed: int = 0, seconds: float = 1.0) -> Path:
    """A 16-bit recording; its format by its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, samples(["cavitation"] if kinds is None else kinds, seed=seed, seconds=seconds), RATE)
    return path


def make_model(path: Path, *, other: str = "other") -> Path:
    """Train a model on such recordings and save it; its class of other sounds may have another name."""
    from popclass.extraction import extract_events
    from popclass.features import FrontEnd
    from popclass.training.fit import fit
    from popclass.training.settings import FitConfig

    frontend = FrontEnd.build()
    tables, labels, groups = [], [], []
    for index in range(45):
        kind = KINDS[index % 3]
        heard = extract_events(samples([kind] * 2, seed=index), frontend, sample_rate=RATE)
        tables.append(heard.features)
        labels += [other if kind == "other" else kind] * len(heard.events)
        groups += [str(index)] * len(heard.events)
    model = fit(np.concatenate(tables), labels, groups, frontend, FitConfig(classifier="logistic", folds=3))
    model.save(path)
    return path
