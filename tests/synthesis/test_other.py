"""Sounds of neither class."""

from __future__ import annotations

import math

import numpy as np
import pytest
from synth_measures import RATES, WHOLE, fall_s, similarity, spectrum

from popclass.synthesis import other


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", list(other.KINDS))
def test_other_kinds_at_every_rate(kind: str, rate: int) -> None:
    rng = np.random.default_rng([1, rate])
    maker = other.KINDS[kind](rng, rate, WHOLE)
    for sound in (*maker(), *maker()):
        assert np.all(np.isfinite(sound.wave))
        assert np.max(np.abs(sound.wave)) > 0.0
        assert 0 <= sound.release < len(sound.wave)
        assert sound.time_s >= 0.0
        assert math.isfinite(sound.level_db)


def test_groups_cover_kinds() -> None:
    """Each kind has a group, and no group is so small that leaving it out shows nothing."""
    assert set(other.FAMILIES) == set(other.KINDS)
    assert set(other.FAMILIES.values()) == {"mouth", "struck", "rubbed", "electronic", "voiced", "body"}
    for kinds in (
        other.FREQUENT,
        other.CONTACT_KINDS,
        other.SKIN_KINDS,
        other.ONGOING_KINDS,
        other.SWARM_KINDS,
        other.CADENCE_KINDS,
    ):
        assert set(kinds) <= set(other.KINDS)


def test_similarity_of_taps_and_crackles() -> None:
    """Repetition and similarity alone prove nothing, and neither does a burst of unlike sounds."""
    rng, rate = np.random.default_rng(5), 48000
    for kind in ("tap", "mouse click", "clock", "nail tap"):
        scores = []
        for _ in range(25):
            maker = other.KINDS[kind](rng, rate, WHOLE)
            scores.append(similarity(maker()[0].wave, maker()[0].wave))
        assert np.median(scores) > 0.88, kind
    bursts = [b for _ in range(30) if len(b := other.KINDS["crackle"](rng, rate, WHOLE)()) > 1]
    assert np.median([similarity(burst[0].wave, burst[1].wave) for burst in bursts]) < 0.75


def test_other_as_bright_as_pops() -> None:
    """Other clicks reach as bright and as short as the pops; a bright short click alone proves nothing."""
    rng, rate = np.random.default_rng(8), 48000
    for kind in ("mouse click", "stick crack", "teeth", "nail tap"):
        centroids, falls = [], []
        for _ in range(60):
            wave = other.KINDS[kind](rng, rate, WHOLE)()[0].wave
            frequency, power = spectrum(wave, rate)
            centroids.append(float(np.sum(frequency * power) / np.sum(power)))
            falls.append(fall_s(wave, rate))
        assert 1500 < np.median(centroids) < 6000, kind
        assert np.median(falls) < 0.006, kind
