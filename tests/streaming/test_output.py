"""Tests of popclass.streaming.output."""

import json
import time

import numpy as np
import pytest
from live_session import RATE, FakeSource, run_to_json

from popclass.errors import OutputError
from popclass.pipeline import classify
from popclass.results import event_columns
from popclass.streaming import Listener
from popclass.streaming.output import EventLines, QueuedOutput
from popclass.streaming.records import withdrawal
from popclass.streaming.source import Begin


def test_event_lines_match_classify(model, samples):
    rows, _, _ = run_to_json(FakeSource(Begin(RATE, 1), samples), model)
    assert list(rows[0]) == ["schema_version", "revision", *event_columns(model.classes)]
    last = {row["event"]: row for row in rows}
    whole = list(classify(samples, sample_rate=RATE, model=model, site="mcp").rows())
    assert [last[number]["label"] for number in sorted(last)] == [row["label"] for row in whole]
    for number, expected in enumerate(whole, start=1):
        for name in ("start_s", "end_s", "p_label", "novelty", "snr_db"):
            assert last[number][name] == pytest.approx(expected[name], abs=0.006), name


def test_event_lines_withdrawn(model):
    text = []
    output = QueuedOutput(text.append, lambda line: text.append(line) or True)
    lines = EventLines(output, "-", as_json=True)
    lines.begin(Listener(RATE, model=model), 1)
    lines.process(np.zeros((0, 1)), [withdrawal(3, 2, RATE)])
    output.close()
    row = json.loads(text[0])
    assert {name: value for name, value in row.items() if value is not None} == {
        **{"schema_version": 1, "revision": 2, "recording": "-", "event": 3}
    }


def test_queued_output_stalled_reader(monkeypatch):
    monkeypatch.setattr("popclass.streaming.output.STALLED_S", 0.05)
    notices, written = [], []

    def slow(text):
        time.sleep(0.15 if not written else 0)
        written.append(text)
        return True

    output = QueuedOutput(notices.append, slow)
    for number in range(20):
        output.put(str(number))
        time.sleep(0.01)
    output.close()
    assert written == [str(number) for number in range(20)]
    assert len(notices) == 1
    assert "lines wait" in notices[0]


def test_queued_output_closed_or_full():
    output = QueuedOutput(print, lambda text: False)
    output.put("x")
    output.close()
    assert output.closed_by_reader

    def full(text):
        raise OutputError("no space left")

    output = QueuedOutput(print, full)
    output.put("x")
    with pytest.raises(OutputError, match="no space"):
        output.close()
