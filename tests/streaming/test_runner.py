"""Tests of popclass.streaming.runner."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import recordings
from live_session import RATE, FakeSource, run, run_to_json

from popclass.errors import OutputError
from popclass.pipeline import classify
from popclass.streaming.runner import Runner, Sink
from popclass.streaming.save import Saver
from popclass.streaming.source import Begin


def test_run_new_rate(model, samples):
    other = recordings.samples(["cavitation"], seed=9)[::2, None]
    rows, runner, notices = run_to_json(FakeSource(Begin(RATE, 1), samples, "is back", Begin(24_000, 1), other), model)
    assert list(dict.fromkeys(row["recording"] for row in rows)) == ["fake", "fake#2"]
    assert next(row["event"] for row in rows if row["recording"] == "fake#2") == 1
    assert runner.processed_s == pytest.approx(5.5)
    assert notices == ["fake at 4.5 s: is back"]


def test_run_joints_of_all_recordings(tmp_path):
    model = recordings.make_model(tmp_path / "m.onnx")
    pop, again = recordings.samples(["cavitation"], seconds=2.0)[:, None], Begin(RATE, 1)
    runner, _ = run(FakeSource(again, pop, again, pop, again, np.concatenate([pop, pop])), [], model)
    assert runner.counts["cavitation"] == 4
    assert runner.timeline.cavities_needed == 4, "bursts of different recordings have the same number"
    starts = iter(datetime(2026, 11, 24, 10, tzinfo=UTC) + timedelta(hours=hour) for hour in range(3))
    source = FakeSource(again, pop, again, pop, again, np.concatenate([pop, pop]))
    runner, _ = run(source, [], model, clock=lambda: next(starts))
    assert runner.timeline.cavities_needed == 2, "an hour lies between the recordings"


def test_run_interrupted_or_failed(model, samples):
    whole = len(classify(samples, sample_rate=RATE, model=model).events)
    for end in (KeyboardInterrupt(), OutputError("the disk is full")):
        source = FakeSource(Begin(RATE, 1), samples, end=end)
        runner = Runner(source, {"model": model}, [], print)
        if isinstance(end, KeyboardInterrupt):
            runner.run()
        else:
            with pytest.raises(OutputError):
                runner.run()
        assert sum(number for label, number in runner.counts.items() if label) == whole


def test_run_nan_samples(model, samples):
    broken = samples.copy()
    broken[100_000:100_010] = broken[150_000] = np.nan
    rows, _, notices = run_to_json(FakeSource(Begin(RATE, 1), broken), model)
    assert len(notices) == 1, "reported once"
    assert "NaN" in notices[0]
    assert "replaced by silence" in notices[0]
    assert len(rows) > 5


def test_run_session_file(model, samples, tmp_path):
    path, began = tmp_path / "session.json", datetime(2026, 11, 24, 10, tzinfo=UTC)
    run(FakeSource(Begin(RATE, 1), samples), [], model, session=str(path), clock=lambda: began)
    later = began + timedelta(minutes=1)
    runner, _ = run(FakeSource(Begin(RATE, 1), samples), [], model, session=str(path), clock=lambda: later)
    assert json.loads(path.read_text())["began_at"] == later.isoformat()
    assert runner.processed_s == 4.5


def test_run_idle_before_first_samples(model, samples, tmp_path):
    """A pipe may stay silent for some time before its header arrives."""
    rows, _, _ = run_to_json(FakeSource(None, "waiting", None, Begin(RATE, 1), samples, None), model)
    sinks = [Saver(tmp_path), Sink()]
    runner, _ = run(FakeSource(None, None, Begin(RATE, 1), samples, None), sinks, model)
    counts = {label: number for label, number in runner.counts.items() if label}
    assert len({row["event"] for row in rows}) == sum(counts.values()) > 0
