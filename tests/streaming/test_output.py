"""Tests of popclass.streaming.output."""

import io
import json
import time

import numpy as np
import pytest
from live_session import RATE, FakeSource, run_to_json

from popclass.errors import OutputError
from popclass.pipeline import classify
from popclass.schema import event_columns
from popclass.streaming import Listener
from popclass.streaming.output import EventLines, Meter, QueuedOutput, View
from popclass.streaming.source import Begin
from popclass.streaming.tracker import LiveEvent


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
    lines.begin(Listener(RATE, model=model))
    lines.process(np.zeros((0, 1)), [LiveEvent(0, 0, 0, RATE, 0, 0.0, 0.0, event=3, revision=2)])
    output.close()
    row = json.loads(text[0])
    assert {name: value for name, value in row.items() if value is not None} == {
        **{"schema_version": 2, "revision": 2, "recording": "-", "event": 3}
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


def test_view_page(model, samples):
    from rich.console import Console

    screen = io.StringIO()
    view = View("a microphone", Console(file=screen, force_terminal=True, width=160))
    listener = Listener(RATE, model=model, site="mcp", refractory=1200.0, min_probability=0.0)
    view.begin(listener)
    for block in np.array_split(samples, 450):
        view.process(block, listener.feed(block))
    view.process(samples[:0], listener.close())
    view.notify("a notice")
    page = Console(width=160, record=True, file=io.StringIO())
    page.print(view.page())
    text = page.export_text()
    view.close()
    assert "a microphone  48 kHz  1 ch  mcp  0:04.5" in text
    assert "floor  -5" in text, "noise of 0.002 is -54 dB"
    assert "a notice" in text
    assert ("could crack again in" in text) == (listener.rest_s > 0)
    events = classify(samples, sample_rate=RATE, model=model, site="mcp", min_probability=0.0).events
    assert f"{events[-1].probabilities['other']:.2f}" in text
    assert text.count("snapping ") >= 5


def test_meter_levels():
    meter = Meter(RATE)
    meter.update(np.zeros((0, 1), np.float32))
    assert meter.level_db == meter.floor_db == -90
    for scale in (0.1, 0.01, 1.0):
        meter.update(scale * np.sin(np.arange(RATE) * 0.3)[:, None].astype(np.float32))
    assert meter.level_db == pytest.approx(-3.01, abs=0.05)
    assert meter.peak_db == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("width", [80, 120])
def test_view_fits_width(model, samples, width):
    from rich.console import Console

    view = View("-", Console(file=io.StringIO(), force_terminal=True, width=width))
    listener = Listener(RATE, model=model, site="mcp", min_probability=0.0)
    view.begin(listener)
    view.process(samples, listener.feed(samples) + listener.close())
    page = Console(width=width, record=True, file=io.StringIO())
    page.print(view.page())
    lines = page.export_text().splitlines()
    view.close()
    level = next(line for line in lines if line.startswith("level"))
    assert level.endswith(" dB"), "not broken"
    assert level.count(" dB") == 3
    for name in ("sound alone", "cavitation", "snapping", "other", "timing"):
        assert any(name in line for line in lines[:6])
