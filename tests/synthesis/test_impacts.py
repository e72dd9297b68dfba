"""Impacts and their rebounds."""

from __future__ import annotations

import numpy as np
import pytest
from synth_measures import WHOLE, similarity

from popclass.synthesis import impacts, other
from popclass.synthesis import parameters as p


def test_rebounding_gaps_and_levels() -> None:
    """Rebounds come within 5 to 120 ms at first, then sooner each time, and are quieter on average."""
    rng, firsts, levels, shrinks = np.random.default_rng(1), [], [], []
    for _ in range(200):
        thing = impacts.Impact(rng, 48000, WHOLE, ((300, 3000), (0.002, 0.02), (0.0001, 0.001)))
        sounds = impacts.rebounding(rng, thing)()
        gaps = np.diff([sound.time_s for sound in sounds])
        firsts.append(gaps[0])
        shrinks += (gaps[1:] < gaps[:-1]).tolist()
        levels.append(sounds[1].level_db - sounds[0].level_db)
    assert 0.5 * p.REBOUND_GAP.low < min(firsts)
    assert max(firsts) < 2.0 * p.REBOUND_GAP.high
    assert np.mean(shrinks) > 0.85
    assert np.median(levels) < -2.0
    assert max(levels) > 0.0


def test_rebounding_at_other_spots() -> None:
    """Some rebounds sound as different from their impact as two pops of a thrust."""
    rng, scores = np.random.default_rng(2), []
    for _ in range(60):
        thing = impacts.Impact(rng, 48000, WHOLE, ((300, 3000), (0.002, 0.02), (0.0001, 0.001)))
        first, second = impacts.rebounding(rng, thing)()[:2]
        scores.append(similarity(first.wave, second.wave))
    assert np.percentile(scores, 15) < 0.85
    assert np.percentile(scores, 70) > 0.9


@pytest.mark.parametrize(("kind", "least_s", "most_s"), [("ceramic", 0.012, 0.3), ("dead ceramic", 0.0015, 0.02)])
def test_ceramic_decay(kind: str, least_s: float, most_s: float) -> None:
    """Plates ring for long or are dead; the wave lasts 2.5 times as long as its longest mode takes to -20 dB."""
    rng = np.random.default_rng(3)
    lengths = np.array([len(other.KINDS[kind](rng, 48000, WHOLE)()[0].wave) / 48000 / 2.5 for _ in range(80)])
    assert np.percentile(lengths, 10) > 0.8 * least_s
    assert np.percentile(lengths, 90) < 1.5 * most_s
