"""The line of bars: every event has a place on it, and what matters most is what is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from formats_samples import FULL, ODD
from hypothesis import given
from hypothesis import strategies as st

from popclass.formats.sparkline import EMPTY, HEIGHTS, of_recordings, sparkline
from popclass.formats.table import terminal_table
from popclass.results import Session

POINTS = st.lists(
    st.tuples(st.floats(0, 100), st.floats(-20, 90), st.sampled_from(["cavitation", "snapping", "other"]))
)


@given(points=POINTS, width=st.integers(1, 120))
def test_there_is_a_bar_where_there_is_an_event(points: list[tuple[float, float, str]], width: int) -> None:
    bars = sparkline(points, 100.0, width)
    assert len(bars) == width
    filled = {min(int(seconds / 100 * width), width - 1) for seconds, _, _ in points}
    assert {at for at, bar in enumerate(bars) if bar.label is not None} == filled
    assert all((bar.character == EMPTY) == (bar.label is None) for bar in bars)


def test_louder_is_higher() -> None:
    bars = sparkline([(at + 0.5, level, "other") for at, level in enumerate((0, 21, 42, 80))], 4.0, 4)
    assert [bar.character for bar in bars] == [HEIGHTS[0], HEIGHTS[3], HEIGHTS[-1], HEIGHTS[-1]]


def test_a_cavitation_is_not_hidden_by_a_louder_knock() -> None:
    (bar,) = sparkline([(0, 40, "other"), (0, 10, "cavitation"), (0, 20, "snapping")], 1.0, 1)
    assert (bar.label, bar.letter, bar.character) == ("cavitation", "c", HEIGHTS[-1])


@pytest.mark.parametrize("level", [float("nan"), float("inf"), float("-inf")])
def test_levels_that_are_no_numbers_are_drawn_all_the_same(level: float) -> None:
    assert sparkline([(0, level, "other")], 0.0, 3)[0].character in HEIGHTS


def test_recordings_of_a_session_lie_where_they_began() -> None:
    later = replace(FULL, recording="b.wav", recorded_at=FULL.recorded_at + timedelta(hours=1))
    points, duration = of_recordings([FULL, later])
    assert duration == 3600 + FULL.duration_s
    assert points[len(FULL.events)][0] == 3600 + FULL.events[0].start_s


def test_a_terminal_shows_one_line_for_the_session_within_80_columns() -> None:
    both = Session(("a.wav", "b.wav"), cavities=1, refractory_s=1200.0, cavities_needed=2)
    takes = [replace(ODD, recording=name, session=both, recorded_at=FULL.recorded_at) for name in both.recordings]
    shown = terminal_table(takes, width=80, colour=False)
    (line,) = [line for line in shown.splitlines() if EMPTY in line]
    assert len(line) <= 80
    assert line.endswith(" 2 h 1 min 40 s")
