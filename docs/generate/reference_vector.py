"""Write docs/reference-vector.json: samples, features and probabilities to hold another implementation against.

python docs/generate/reference_vector.py
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.extraction import extract_events
from popclass.model.model import Model
from popclass.pipeline import apply_model

PAGE = Path(__file__).resolve().parents[1] / "reference-vector.json"
RATE = 48_000
POPS = ((0.25, 0.30, 1200.0, 0.0015), (0.285, 0.15, 2100.0, 0.0012), (0.70, 0.20, 180.0, 0.008))
"""Onset in seconds, amplitude, frequency in hertz and time constant in seconds of each sound."""
FACTOR, STEP, SEED = 1664525, 1013904223, 1  # Press et al., Numerical Recipes: u -> (FACTOR u + STEP) mod 2^32


def samples() -> NDArray[np.int16]:
    """Return the signal of docs/embedding.md, shape (48000,)."""
    noise, state = np.empty(RATE), SEED
    for n in range(RATE):
        state = (FACTOR * state + STEP) % 2**32
        noise[n] = state / 2**31 - 1
    signal = 0.0005 * noise
    for onset_s, amplitude, hertz, decay_s in POPS:
        t = np.arange(RATE - round(onset_s * RATE)) / RATE
        signal[round(onset_s * RATE) :] += amplitude * np.exp(-t / decay_s) * np.sin(2 * np.pi * hertz * t)
    return np.round(signal * 32767).astype("<i2")


def vector() -> dict[str, Any]:
    """Return all steps from the samples to the posteriors, by the bundled model."""
    pcm, model = samples(), Model.default()
    found = extract_events(pcm / 32768, model.frontend, sample_rate=RATE)
    (analysis,) = apply_model([found], model)
    raw = model.raw_probabilities(found.features)
    steps = {
        "graph": raw,
        "acoustic": analysis.acoustic,
        "novelty": analysis.novelty,
        "with_novelty": model.include_novelty(analysis.acoustic, analysis.novelty),
        "with_context": analysis.contextual,
    }
    return {
        "model_sha256": model.sha256,
        "sample_rate": RATE,
        "pcm_sha256": hashlib.sha256(pcm.tobytes()).hexdigest(),
        "first_samples": pcm[:8].tolist(),
        "classes": list(model.classes),
        "feature_names": list(model.features),
        "onset_s": [round(event.start_s, 6) for event in found.events],
        "features": found.features.astype(np.float32).tolist(),  # all digits: trees compare them with thresholds
        **{name: np.round(values, 6).tolist() for name, values in steps.items()},
    }


if __name__ == "__main__":
    PAGE.write_text(json.dumps(vector(), indent=1) + "\n", "utf-8")
