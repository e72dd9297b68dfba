"""Events as JSON lines."""

from __future__ import annotations

import json
from typing import Any

from formats_samples import EMPTY, FULL
from formats_strategies import results
from hypothesis import given
from hypothesis import strategies as st

from popclass.formats.jsonl import events_jsonl
from popclass.formats.text import fields
from popclass.results import event_columns


def _no_constants(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@given(st.lists(results(), max_size=3))
def test_events_jsonl_round_trip(many: list[Any]) -> None:
    lines = "".join(events_jsonl(many)).split("\n")
    assert lines.pop() == ""
    back = [json.loads(line, parse_constant=_no_constants) for line in lines]
    assert back == [{"schema_version": 1, **row} for result in many for row in fields(result)]


def test_events_jsonl_keys() -> None:
    record = json.loads(next(iter(events_jsonl([FULL]))))
    assert tuple(record) == ("schema_version", *event_columns(FULL.classes))
    assert record["start_s"] == 0.0
    assert record["since_cavitation_s"] is None


def test_events_jsonl_no_events() -> None:
    assert list(events_jsonl([EMPTY])) == []
