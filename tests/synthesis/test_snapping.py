"""Sounds of snapping."""

from __future__ import annotations

import numpy as np
from synth_measures import WHOLE, fall_s

from popclass.synthesis import snapping


def test_snap_contact_published_figures() -> None:
    """S Ozmen 2021: first mode 115 +- 44 Hz; D rings 13-32 ms to -20 dB. Drawn wider."""
    rng, rate = np.random.default_rng(9), 48000
    tendons = [snapping.draw_tendon(rng, WHOLE, contact=True) for _ in range(300)]
    first = np.array([tendon.modes.hz[0] for tendon in tendons])
    assert 95 < np.median(first) < 160
    sounds = [snapping.snap(rng, rate, tendon) for tendon in tendons]
    falls = np.array([fall_s(sound.wave[sound.release :], rate) for sound in sounds])
    assert 0.013 < np.median(falls) < 0.032
    assert np.percentile(falls, 8) < 0.012
