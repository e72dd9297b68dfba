"""Terminal tables and sparklines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from formats_samples import EMPTY, FULL, ODD, SETS, named
from formats_strategies import results
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from popclass.formats import terminal
from popclass.formats.table import table
from popclass.formats.terminal import HEIGHTS, sparkline, sparkline_points, terminal_table
from popclass.results import Event, RecordingResult, Session
from popclass.schema import REFRACTORY

POINTS = st.lists(
    st.tuples(st.floats(0, 100), st.floats(-20, 90), st.sampled_from(["cavitation", "snapping", "other"]))
)


def _words(text: str) -> set[str]:
    return set(text.replace("─", " ").split())


@pytest.fixture(scope="module", autouse=True)
def _columns() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        yield


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_table_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = terminal_table(SETS["several"], show_all=True).splitlines()
    assert max(map(len, lines)) <= width
    (at,) = [at for at, line in enumerate(lines) if "▁" in line]  # a sparkline for more than one event, letters below
    rest = "\n".join(lines[:at] + lines[at + 2 :])
    assert _words(rest) == _words("".join(table(SETS["several"])))


def test_terminal_table_long_notes() -> None:
    lines = terminal_table([replace(FULL, events=FULL.events[-1:])]).splitlines()
    (first,) = [at for at, line in enumerate(lines) if "5:01.000" in line]
    column = lines[first].index("refractory:")
    text = " ".join(line[column:] for line in lines[first : lines.index("", first)])
    assert text == f"refractory: {FULL.events[-1].timing_reason}"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(many=st.lists(results(), max_size=2))
def test_terminal_table_any_result(many: list[RecordingResult]) -> None:
    shown = terminal_table(many) + "".join(table(many))
    assert not any(ord(character) < 32 and character != "\n" for character in shown)


def test_terminal_table_joint_sounds_first() -> None:
    lines = terminal_table([FULL]).splitlines()
    assert not any("other       0.99" in line for line in lines)
    (at,) = [at for at, line in enumerate(lines) if line.endswith("other (--all shows them)")]
    assert lines[at] == "+ 1 other (--all shows them)"
    assert lines[at + 1] == ""
    others = replace(FULL, events=tuple(event.gain(label="other") for event in FULL.events))
    assert "7 other (--all shows them)" in terminal_table([others]).splitlines()
    assert "--all" not in terminal_table([FULL], show_all=True)


def test_terminal_table_repeated_notes() -> None:
    same = [replace(each, timing_reason="", burst=2) for each in FULL.events[1:4]]
    shown = terminal_table([replace(FULL, events=(*same, FULL.events[4]))])
    assert "consistent (3 events)" in shown
    assert shown.count("consistent") == 1


def _refractory(burst: int, reason: str, label: str = "other", sounds_like: str = "") -> Event:
    event = replace(FULL.events[1], burst=burst, label=label, timing=REFRACTORY, timing_reason=reason, novelty=0.1)
    return replace(event, acoustic_label=sounds_like or label, probabilities={sounds_like or label: 0.58})


def test_terminal_table_notes_of_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assumption = "at an unknown site one joint is assumed, refractory for 20min"
    first, second = (f"this burst came {gap} s after one with a cavitation" for gap in ("1.2", "1.3"))
    events = [
        *(_refractory(1, f"{first}; {assumption}", sounds_like=each) for each in ("", "snapping", "")),
        *(_refractory(2, f"{second}; {assumption}", sounds_like=each) for each in ("snapping", "", "")),
    ]
    events.insert(4, replace(_refractory(2, "", "uncertain"), timing="unchecked"))
    lines = terminal_table([replace(FULL, events=tuple(events))], show_all=True).splitlines()
    (head,) = [at for at, line in enumerate(lines) if "notes" in line]
    notes = [line[lines[head].index("notes") :] for line in lines[head + 2 : head + 2 + len(events)]]
    assert notes == [
        f"refractory: {first} (3 events); {assumption}",
        "sounds like snapping 0.58",
        "",
        f"refractory: {second} (3 events), sounds like snapping 0.58",
        *("", "", ""),
    ]


def test_terminal_table_endings_of_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    cause = "4.0 min after a cavitation, which makes the one joint cavity refractory for 20min"
    endings = ["more likely soft tissue", "more likely soft tissue", "label uncertain"]
    events = [_refractory(1, f"{cause}; {ending}", "snapping") for ending in endings]
    events += [_refractory(2, f"{cause}; {endings[0]}", "snapping")]
    shown = terminal_table([replace(FULL, events=tuple(events))])
    assert f"{cause} (3 events); {endings[0]}" in shown
    assert shown.count(endings[2]) == 1
    assert shown.count(f"{endings[0]}\n") == 2, "said again of the next burst, as it is not an assumption"


def test_terminal_table_odd_names() -> None:
    name = "[red]a\x1b[2J\n.wav"
    for shown in ("".join(table([named(EMPTY, name)])), terminal_table([named(EMPTY, name)])):
        assert "[red]a\\x1b[2J\\n.wav" in shown


def test_terminal_table_session_line() -> None:
    both = Session(("a.wav", "b.wav"), cavities=1, refractory_s=1200.0, cavities_needed=2)
    recordings = [replace(named(ODD, name, recorded_at=FULL.recorded_at), session=both) for name in both.recordings]
    shown = terminal_table(recordings)
    (line,) = [line for line in shown.splitlines() if terminal.EMPTY in line]
    assert len(line) <= 80
    assert line.endswith(" 2 h 1 min 40 s")


@given(points=POINTS, width=st.integers(1, 120))
def test_sparkline_bar_for_each_event(points: list[tuple[float, float, str]], width: int) -> None:
    bars = sparkline(points, 100.0, width)
    assert len(bars) == width
    filled = {min(int(seconds / 100 * width), width - 1) for seconds, _, _ in points}
    assert {at for at, bar in enumerate(bars) if bar.label} == filled
    assert all((bar.character == terminal.EMPTY) == (not bar.label) for bar in bars)


def test_sparkline_heights() -> None:
    bars = sparkline([(at + 0.5, level, "other") for at, level in enumerate((0, 21, 42, 80))], 4.0, 4)
    assert [bar.character for bar in bars] == [HEIGHTS[0], HEIGHTS[3], HEIGHTS[-1], HEIGHTS[-1]]


def test_sparkline_label_priority() -> None:
    (bar,) = sparkline([(0, 40, "other"), (0, 10, "cavitation"), (0, 20, "snapping")], 1.0, 1)
    assert (bar.label, bar.character) == ("cavitation", HEIGHTS[-1])


@pytest.mark.parametrize("level", [float("nan"), float("inf"), float("-inf")])
def test_sparkline_level_not_finite(level: float) -> None:
    assert sparkline([(0, level, "other")], 0.0, 3)[0].character in HEIGHTS


def test_sparkline_points_session() -> None:
    later = named(FULL, "b.wav", recorded_at=FULL.recorded_at + timedelta(hours=1))
    points, duration = sparkline_points([FULL, later])
    assert duration == 3600 + FULL.duration_s
    assert points[len(FULL.events)][0] == 3600 + FULL.events[0].start_s


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_wrapped_sentences_only(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    sentence, row = (
        "Sensitivity: found and given the class, of all labelled. " * 2,
        "class   n  " + "0.500  " * 30 + "x",
    )
    text = f"{sentence.strip()}\n\n{row}\n"
    monkeypatch.setenv("COLUMNS", str(columns))
    assert terminal.wrapped(text) == text, "a file or pipe"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    lines = terminal.wrapped(text).split("\n")
    assert row in lines
    prose = [line for line in lines if line not in (row, "")]
    assert max(map(len, prose)) <= columns
    assert " ".join(prose) == sentence.strip()
