"""Tests of popclass.streaming.runner, output, save and view."""

import io
import json
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import recordings
import soundfile as sf

from popclass.errors import OutputError
from popclass.labels.matching import match
from popclass.labels.read import read_labels
from popclass.model.model import Model
from popclass.pipeline import classify, extract_events
from popclass.results import UNCERTAIN, event_columns
from popclass.streaming import Listener
from popclass.streaming.output import EventCounts, EventLines, QueuedOutput
from popclass.streaming.records import withdrawal
from popclass.streaming.runner import Runner, Sink
from popclass.streaming.save import Saver
from popclass.streaming.source import Begin, Notice
from popclass.streaming.view import Meter, View

RATE = recordings.RATE
KINDS = ["cavitation", "snapping", "other"] * 4


class FakeSource:
    """Source of the given messages; arrays in blocks of 10 ms."""

    name = "fake"

    def __init__(self, *messages, end=None):
        self._messages, self._end = messages, end

    def messages(self):
        for message in self._messages:
            if isinstance(message, np.ndarray):
                yield from np.array_split(message, max(len(message) // 480, 1))
            else:
                yield message
        if self._end is not None:
            raise self._end


@pytest.fixture(scope="module")
def model():
    return Model.default()


@pytest.fixture(scope="module")
def samples():
    return recordings.samples(KINDS, seed=5, seconds=4.5)[:, None]


def run(source, sinks, model, **more):
    notices = []
    runner = Runner(source, {"model": model, "site": "mcp"}, sinks, notices.append, **more)
    runner.run()
    return runner, notices


def run_to_json(source, model, **more):
    text = []
    output = QueuedOutput(text.append, lambda line: text.append(line) or True)
    runner, notices = run(source, [EventLines(output, source.name, as_json=True)], model, **more)
    output.close()
    return [json.loads(line) for line in text], runner, notices


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


def test_run_new_rate(model, samples):
    other = recordings.samples(["cavitation"], seed=9)[::2, None]
    rows, runner, notices = run_to_json(
        FakeSource(Begin(RATE, 1), samples, Notice("is back"), Begin(24_000, 1), other), model
    )
    assert list(dict.fromkeys(row["recording"] for row in rows)) == ["fake", "fake#2"]
    assert next(row["event"] for row in rows if row["recording"] == "fake#2") == 1
    assert runner.processed_s == pytest.approx(5.5)
    assert notices == ["fake at 4.5 s: is back"]


def test_run_interrupted_or_failed(model, samples):
    whole = len(classify(samples, sample_rate=RATE, model=model).events)
    for end in (KeyboardInterrupt(), OutputError("the disk is full")):
        counts = {}
        source = FakeSource(Begin(RATE, 1), samples, end=end)
        runner = Runner(source, {"model": model}, [EventCounts(counts)], print)
        if isinstance(end, KeyboardInterrupt):
            runner.run()
        else:
            with pytest.raises(OutputError):
                runner.run()
        assert sum(counts.values()) == whole


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
    run(FakeSource(Begin(RATE, 1), samples), [], model, save_to=str(path), clock=lambda: began)
    later = began + timedelta(minutes=1)
    runner, _ = run(
        FakeSource(Begin(RATE, 1), samples), [], model, resume=str(path), save_to=str(path), clock=lambda: later
    )
    assert json.loads(path.read_text())["began_at"] == later.isoformat()
    assert runner.processed_s == 4.5


def test_run_idle_before_first_samples(model, samples, tmp_path):
    """A pipe may stay silent for some time before its header arrives."""
    counts = {}
    sinks = [EventCounts(counts), Saver(tmp_path), Sink()]
    rows, _, _ = run_to_json(FakeSource(None, Notice("waiting"), None, Begin(RATE, 1), samples, None), model)
    run(FakeSource(None, None, Begin(RATE, 1), samples, None), sinks, model)
    assert len({row["event"] for row in rows}) == sum(counts.values()) > 0


# Output


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


# Saved sounds


def test_saver_labels_for_training(model, samples, tmp_path):
    folder = tmp_path / "saved"
    run(FakeSource(Begin(RATE, 1), samples), [Saver(folder)], model)
    whole = classify(samples, sample_rate=RATE, model=model, site="mcp").events
    assert [label for _, label in training_events(folder, model)] == [e.label for e in whole if e.label != UNCERTAIN]
    assert len(list(folder.iterdir())) == 2, "bursts this close share one clip"
    for path in folder.glob("*.flac"):
        assert sf.info(path).subtype == "PCM_24"


def training_events(folder, model):
    """Return features and label of each training event, as `popclass train --partial` reads them from a folder."""
    events = []
    for recording in read_labels(folder).recordings:
        found = extract_events(recording.path, model.frontend)
        labels = match(found.events, recording, partial=True).labels
        events += [(x, label) for x, label in zip(found.features, labels, strict=True) if label is not None]
    return events


@pytest.fixture(scope="module")
def uneven():
    """45 s of noise of varying level, with sounds of all levels at short and long distances."""
    rng = np.random.default_rng(11)
    x = rng.normal(0, 0.003, 45 * RATE) * (1.2 + np.sin(np.arange(45 * RATE) / RATE * 1.7))
    at = RATE
    while at < 44 * RATE:
        x[at : at + 2880] += 10 ** rng.uniform(-1.7, -0.3) * recordings.sound(rng.choice(KINDS[:3]), rng)
        at += round(RATE * rng.choice([0.009, 0.02, 0.15, 0.6, 1.5, 5.0]) * rng.uniform(0.8, 1.2))
    return x.astype(np.float32)[:, None]


def test_saver_same_events_in_clips(model, uneven, tmp_path):
    """In each clip the same events are detected, with the same features and labels."""
    run(FakeSource(Begin(RATE, 1), uneven), [Saver(tmp_path)], model)
    saved = training_events(tmp_path, model)
    whole = classify(uneven, sample_rate=RATE, model=model, site="mcp").events
    features = extract_events(uneven, model.frontend, sample_rate=RATE).features
    expected = [(x, event.label) for x, event in zip(features, whole, strict=True) if event.label != UNCERTAIN]
    assert len(expected) > 25
    assert [label for _, label in saved] == [label for _, label in expected]
    np.testing.assert_allclose([x for x, _ in saved], [x for x, _ in expected], rtol=0.02, atol=0.02)
    assert len(list(tmp_path.glob("*.flac"))) > 3


def test_saver_second_session(model, samples, tmp_path):
    for _ in range(2):
        run(FakeSource(Begin(RATE, 1), samples), [Saver(tmp_path)], model)
    rows = (tmp_path / "labels.csv").read_text().splitlines()
    names = [row.split(",")[0] for row in rows[1:]]
    assert rows.count(rows[0]) == 1
    assert len(rows) % 2 == 1
    assert len(set(names)) == 2 * len(set(names[: len(names) // 2]))
    assert all((tmp_path / name).is_file() for name in names)
    assert not list(tmp_path.glob(".*"))


def test_saver_long_burst(model, tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.001, (30 * RATE, 1))
    for at in range(RATE, 28 * RATE, RATE // 6):
        noise[at : at + 2880, 0] += 0.3 * recordings.sound("cavitation", rng)
    saver = Saver(tmp_path)
    run(FakeSource(Begin(RATE, 1), noise.astype(np.float32)), [saver], model)
    saved_frames = sum(sf.info(path).frames for path in tmp_path.glob("*.flac"))
    assert len(list(tmp_path.glob("*.flac"))) > 1
    assert 25 * RATE < saved_frames < 45 * RATE
    whole = classify(noise.astype(np.float32), sample_rate=RATE, model=model, site="mcp").events
    assert [label for _, label in training_events(tmp_path, model)] == [e.label for e in whole if e.label != UNCERTAIN]


def test_saver_unusable_folder(tmp_path):
    (tmp_path / "labels.csv").write_text("file,start_s,label\n")
    with pytest.raises(OutputError, match="not written by popclass listen"):
        Saver(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file is a file: name a folder"):
        Saver(tmp_path / "file")


# View


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


def test_rest_s_first_free_cavity(model, samples):
    listener = Listener(RATE, model=model, cavities=1, refractory=100.0)
    assert listener.rest_s == 0
    for block in np.array_split(samples, 50):
        listener.feed(block)
    listener.close()
    events = classify(samples, sample_rate=RATE, model=model, cavities=1, refractory=100.0).events
    took = [event.start_s for event in events if event.timing == "consistent"]
    assert listener.rest_s == pytest.approx(max(took[-1] + 100 - 4.5, 0) if took else 0)


def test_meter_levels():
    meter = Meter(RATE)
    meter.update(np.zeros((0, 1), np.float32))
    assert meter.level_db == meter.floor_db == -90
    for scale in (0.1, 0.01, 1.0):
        meter.update(scale * np.sin(np.arange(RATE) * 0.3)[:, None].astype(np.float32))
    assert meter.level_db == pytest.approx(-3.01, abs=0.05)
    assert meter.peak_db == pytest.approx(0, abs=0.01)
