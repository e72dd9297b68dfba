"""Plain tables of events."""

from __future__ import annotations

from dataclasses import replace

import pytest
from formats_samples import EMPTY, FULL, ODD, event, named
from hypothesis import given
from hypothesis import strategies as st

from popclass.formats.table import cells, clock, notes, summary, table, total
from popclass.results import Session
from popclass.schema import CONSISTENT, REFRACTORY


def test_total_shared_timeline() -> None:
    """Recordings without a shared timeline have the number in their own summary."""
    both = Session(("a.wav", "b.wav"), cavities=1, refractory_s=1200.0, cavities_needed=2)
    alone = Session(("c.wav",), cavities=None, refractory_s=1200.0, cavities_needed=1)
    shared = [replace(named(ODD, name), session=both) for name in both.recordings]
    other = replace(named(ODD, "c.wav"), session=alone)
    assert total(shared) == (
        "2 recordings, 2 events: 2 cavitation; "
        "in the recordings of one timeline at least 2 joints must have popped, more than the 1 there is, "
        "if each burst is one joint cavity"
    )
    assert total([*shared, other]).endswith(
        "in the 2 recordings of one timeline at least 2 joints must have popped, more than the 1 there is, "
        "if each burst is one joint cavity"
    )
    assert total([other, replace(other, session=None)]) == "2 recordings, 2 events: 2 cavitation"


def test_table_no_events() -> None:
    assert "".join(table([EMPTY])) == "quiet[1].wav\n42 s, 44.1 kHz, stereo\n\nno events\n"


def test_table_brackets() -> None:
    lines = [line[3:8].rstrip() for line in table([FULL]) if line[:1].isdigit() and line[1:3] == "  "]
    assert lines == ["  1", "┌ 2", "│", "└", "  3", "  4", "  5"]


def test_table_channel_column() -> None:
    assert " ch " not in "".join(table([FULL]))
    assert " ch " in "".join(table([ODD]))


@pytest.mark.parametrize(
    ("fields", "expected"),
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
def test_notes(fields: dict[str, object], expected: str) -> None:
    assert notes(event(1, 1, 1.0, "cavitation", 0.9, **fields)) == expected


def test_cells_unlike_training_data() -> None:
    novel = event(1, 1, 1.0, "uncertain", 1.0, novelty=0.99)
    unsure = event(2, 2, 2.0, "uncertain", 0.4, novelty=0.98)
    rows = cells(replace(ODD, events=(novel, unsure)))
    assert [row["prob"] for row in rows] == ["", "0.40"]
    assert [row["notes"].split(", ")[-1] for row in rows] == ["unlike the training data", "novelty 0.98"]


def test_table_repeated_warnings() -> None:
    results = [named(EMPTY, name, warnings=("DC offset", name)) for name in ("a.wav", "b.wav")]
    lines = "".join(table(results)).splitlines()
    assert [line for line in lines if "warning" in line] == [
        "warning: a.wav",
        "warning: b.wav",
        "2 recordings (a.wav, b.wav): warning: DC offset",
    ]


def test_summary_joints() -> None:
    assert summary(FULL) == (
        "7 events: 4 cavitation, 1 snapping, 1 other, 1 uncertain; 2 within the refractory period; "
        "at least 4 joints must have popped, more than the 3 there are, if each burst is one joint cavity"
    )
    assert FULL.session is not None
    by_pop = replace(FULL.session, count_by="pop")
    assert summary(replace(FULL, session=by_pop)).endswith("if each pop is one joint cavity")
    estimated = replace(FULL.session, recordings=("a.wav",), frequencies={"cavitation": 0.25, "other": 0.75})
    text = summary(replace(FULL, session=estimated))
    assert text.endswith("; class frequencies, estimated: 25.0 % cavitation, 75.0 % other")
    assert summary(ODD) == "1 event: 1 cavitation; at least 1 joint must have popped"
    assert summary(replace(ODD, cavities_needed=None)) == "1 event: 1 cavitation"


@given(st.floats(0, 1e6))
def test_clock_milliseconds(seconds: float) -> None:
    parts = [float(part) for part in clock(seconds).split(":")]
    back = 0.0
    for part in parts:
        back = back * 60 + part
    assert back == pytest.approx(seconds, abs=0.00051)
    assert all(part < 60 for part in parts[1:])
