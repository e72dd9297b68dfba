"""Plans of sessions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from popclass.schema import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import Settings, draw_settings, other
from popclass.synthesis import plan as planning
from popclass.synthesis.waves import SynthSound


def _planned(count: int) -> list[tuple[Settings, SynthSound]]:
    """Return the plans of many sessions, without their recordings."""
    found = []
    for index in range(count):
        rng = np.random.default_rng([11, index])
        settings = replace(draw_settings(rng), sample_rate=44100, codec="none")
        planner = planning.Planner(rng, settings, (CAVITATION, SNAPPING, OTHER))
        for start in planning.draw_starts(rng):
            found += [(settings, sound) for sound in planner.plan(start, 20.0)]
    return found


@pytest.mark.slow
def test_levels_independent_of_class() -> None:
    """Levels have one distribution for all classes, over 60 dB, and no factor of the settings prefers a class."""
    planned = _planned(120)
    gestures: dict[str, dict[tuple[int, float], float]] = defaultdict(dict)
    for settings, sound in planned:
        gestures[sound.label].setdefault((id(settings), round(sound.time_s)), sound.level_db)
    levels = {label: np.sort(list(values.values())) for label, values in gestures.items()}
    grid = np.linspace(-6.0, 58.0, 129)
    shares = {label: np.searchsorted(values, grid) / len(values) for label, values in levels.items()}
    for label in (CAVITATION, SNAPPING):
        assert np.max(np.abs(shares[label] - shares[OTHER])) < 0.13
    everything = np.concatenate(list(levels.values()))
    assert np.percentile(everything, 99) - np.percentile(everything, 1) > 55.0


@pytest.mark.slow
def test_classes_on_both_sensor_paths() -> None:
    found = {(sound.label, settings.contact) for settings, sound in _planned(40)}
    assert found == {(label, contact) for label in (CAVITATION, SNAPPING, OTHER) for contact in (True, False)}


@pytest.mark.slow
def test_kinds_named() -> None:
    """Each sound has the kind of its source, also in a burst of several kinds; those of the skin need contact."""
    kinds = defaultdict(set)
    contact = set()
    for settings, sound in _planned(40):
        kinds[sound.label].add(sound.kind)
        contact |= {settings.contact} if sound.kind in other.SKIN_KINDS else set()
    assert kinds[CAVITATION] == {"pop"}
    assert kinds[SNAPPING] == {"snap"}
    assert kinds[OTHER] <= set(other.KINDS)
    assert len(kinds[OTHER]) > 25
    assert contact == {True}
