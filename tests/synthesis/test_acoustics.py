"""Acoustics of a session."""

from __future__ import annotations

import numpy as np

from popclass.synthesis.acoustics import draw_acoustics
from popclass.synthesis.settings import draw_settings


def test_acoustics_direct_sound_first() -> None:
    """A click leaves every place within a millisecond of when it entered, room or tissue, whatever the device."""
    for index in range(25):
        rng = np.random.default_rng([12, index])
        drawn = draw_settings(rng)
        acoustics = draw_acoustics(rng, drawn)
        for response in acoustics.values():
            size = np.abs(response)
            assert np.argmax(size > 0.1 * size[: int(0.02 * drawn.work_rate)].max()) <= 0.001 * drawn.work_rate
            assert np.all(np.isfinite(response))


def test_acoustics_any_number_of_threads() -> None:
    from pyroomacoustics import constants

    before = constants.get("num_threads")
    found = []
    for threads in (1, 3):
        constants.set("num_threads", threads)
        rng = np.random.default_rng(2)
        drawn = next(s for s in (draw_settings(rng) for _ in range(99)) if s.room == "medium" and not s.contact)
        found.append(draw_acoustics(rng, drawn)["joint"].tobytes())
        assert constants.get("num_threads") == threads
    constants.set("num_threads", before)
    assert found[0] == found[1]
