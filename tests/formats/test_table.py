"""The table for people: fits, says what matters, and cannot be broken by a name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from formats_samples import EMPTY, FULL, ODD, SETS, event
from formats_strategies import results
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from popclass.formats.table import clock, notes, summary, table, terminal_table, total
from popclass.results import CONSISTENT, REFRACTORY, RecordingResult, Session


def _words(text: str) -> set[str]:
    return set(text.replace("─", " ").split())


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_table_fits_and_says_what_the_plain_one_says(width: int) -> None:
    shown = terminal_table(SETS["several"], width=width, colour=False)
    assert max(map(len, shown.splitlines())) <= width
    drawn = [line for line in shown.splitlines() if "▁" in line]
    assert len(drawn) == 1  # a sparkline where there is more than one event, its letters below
    at = shown.splitlines().index(drawn[0])
    rest = "\n".join(line for number, line in enumerate(shown.splitlines()) if number not in (at, at + 1))
    assert _words(rest) == _words("".join(table(SETS["several"])))


def test_a_reason_is_wrapped_within_its_column() -> None:
    """A sentence is told whole at any width, and no other column suffers for it."""
    shown = terminal_table([replace(FULL, events=FULL.events[-1:])], width=80, colour=False)
    lines = shown.splitlines()
    (first,) = [at for at, line in enumerate(lines) if "5:01.000" in line]
    column = lines[first].index("refractory:")
    told = " ".join(line[column:] for line in lines[first : lines.index("", first)])
    assert told == f"refractory: {FULL.events[-1].timing_reason}"


def test_recordings_of_one_timeline_are_summed_up_together() -> None:
    """Those that stand alone have their sum in their own summary already."""
    both = Session(("a.wav", "b.wav"), cavities=1, refractory_s=1200.0, cavities_needed=2)
    alone = Session(("c.wav",), cavities=None, refractory_s=1200.0, cavities_needed=1)
    takes = [replace(ODD, recording=name, session=both) for name in both.recordings]
    other = replace(ODD, recording="c.wav", session=alone)
    assert total(takes) == (
        "2 recordings, 2 events: 2 cavitation; "
        "on one timeline the recordings need 2 joint cavities, more than the 1 there is"
    )
    assert total([*takes, other]).endswith(
        "on one timeline the 2 recordings need 2 joint cavities, more than the 1 there is"
    )
    assert total([other, replace(other, session=None)]) == "2 recordings, 2 events: 2 cavitation"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(many=st.lists(results(), max_size=2))
def test_any_result_can_be_shown(many: list[RecordingResult]) -> None:
    shown = terminal_table(many, width=80, colour=False) + "".join(table(many))
    assert not any(ord(character) < 32 and character != "\n" for character in shown)


def test_a_name_cannot_send_commands_to_the_terminal() -> None:
    name = "[red]a\x1b[2J\n.wav"
    for shown in ("".join(table([replace(EMPTY, recording=name)])), terminal_table([replace(EMPTY, recording=name)])):
        assert "[red]a\\x1b[2J\\n.wav" in shown


def test_no_events_are_said_in_words() -> None:
    assert "".join(table([EMPTY])) == "quiet[1].wav\n42 s, 44.1 kHz, stereo\n\nno events\n"


def test_a_burst_of_several_is_bracketed() -> None:
    lines = [line[3:8].rstrip() for line in table([FULL]) if line[:3].strip().isdigit()]
    assert lines == ["  1", "┌ 2", "│", "└", "  3", "  4", "  5"]


def test_the_channel_is_shown_where_there_are_several() -> None:
    assert " ch " not in "".join(table([FULL]))
    assert " ch " in "".join(table([ODD]))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ""),
        ({"timing": CONSISTENT}, "consistent"),
        ({"timing": CONSISTENT, "timing_reason": "25.0 min after the last"}, "consistent: 25.0 min after the last"),
        ({"timing": REFRACTORY}, "refractory"),
        ({"timing": REFRACTORY, "since_cavitation_s": 300.0}, "refractory"),
        ({"acoustic_label": "snapping", "p_acoustic": 0.6}, "sounds like snapping 0.60"),
        ({"novelty": 0.9499}, ""),
        ({"novelty": 0.9899}, "novelty 0.98"),
        ({"novelty": 0.99}, "novelty 0.99"),
        ({"novelty": 1.0}, "novelty 1.00"),
    ],
)
def test_notes_say_what_weighs_against_a_label(fields: dict[str, object], said: str) -> None:
    assert notes(event(1, 1, 1.0, "cavitation", 0.9, **fields)) == said


def test_the_summary_counts_and_says_what_the_cavitations_need() -> None:
    assert summary(FULL) == (
        "7 events: 4 cavitation, 1 snapping, 1 other, 1 uncertain; 2 within the refractory period; "
        "the cavitations need 4 joint cavities, more than the 3 there are"
    )
    assert summary(ODD) == "1 event: 1 cavitation; the cavitation needs 1 joint cavity"
    assert summary(replace(ODD, cavities_needed=None)) == "1 event: 1 cavitation"


@given(st.floats(0, 1e6))
def test_clock_is_the_time_to_the_millisecond(seconds: float) -> None:
    parts = [float(part) for part in clock(seconds).split(":")]
    back = 0.0
    for part in parts:
        back = back * 60 + part
    assert back == pytest.approx(seconds, abs=0.00051)
    assert all(part < 60 for part in parts[1:])
