"""Tests of popclass.streaming.view."""

import io

import numpy as np
import pytest
import recordings

from popclass.pipeline import classify
from popclass.streaming import Listener
from popclass.streaming.view import Meter, View

RATE = recordings.RATE


def test_view_page(model, samples):
    from rich.console import Console

    screen = io.StringIO()
    view = View("a microphone", Console(file=screen, force_terminal=True, width=160))
    listener = Listener(RATE, model=model, site="mcp", refractory=1200.0, min_probability=0.0)
    view.begin(listener, 1)
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
