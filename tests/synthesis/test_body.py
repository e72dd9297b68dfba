"""Sounds of the body at the skin."""

from __future__ import annotations

import numpy as np
from synth_measures import WHOLE, spectrum

from popclass.synthesis import body


def test_heart_rate_and_pitch() -> None:
    """Hearts beat 45 to 180 times a minute, one or two dull sounds a beat."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        sounds = body.heart(rng, 8000, WHOLE)()
        beats = sounds[0].time_s, sounds[-1].time_s
        per_minute = 60.0 * len(sounds) / (beats[1] - beats[0])
        assert 30.0 < per_minute < 4.5 * 180.0
        frequency, power = spectrum(sounds[0].wave, 8000)
        assert float(np.sum(frequency * power) / np.sum(power)) < 500.0
