"""popclass.streaming.runner, output, save and view: a sitting from samples to lines, files and a page."""

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
from popclass.streaming.output import Counts, Lines, Outlet
from popclass.streaming.records import withdrawal
from popclass.streaming.runner import Sitting
from popclass.streaming.save import Saver
from popclass.streaming.source import Begin, Notice
from popclass.streaming.view import Meter, View

RATE = recordings.RATE
KINDS = ["cavitation", "snapping", "other"] * 4


class Played:
    """A source that gives these messages; arrays in blocks of 10 ms."""

    name = "played"

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
def take():
    return recordings.samples(KINDS, seed=5, seconds=4.5)[:, None]


def sit(source, sinks, model, **more):
    said = []
    sitting = Sitting(source, {"model": model, "site": "mcp"}, sinks, said.append, **more)
    sitting.run()
    return sitting, said


def lines_of(source, model, **more):
    text = []
    outlet = Outlet(text.append, lambda line: text.append(line) or True)
    sitting, said = sit(source, [Lines(outlet, source.name, as_json=True)], model, **more)
    outlet.close()
    return [json.loads(line) for line in text], sitting, said


def test_json_lines_are_those_of_classify_with_a_revision(model, take):
    rows, _, _ = lines_of(Played(Begin(RATE, 1), take), model)
    assert list(rows[0]) == ["schema_version", "revision", *event_columns(model.classes)]
    last = {row["event"]: row for row in rows}
    whole = list(classify(take, sample_rate=RATE, model=model, site="mcp").rows())
    assert [last[number]["label"] for number in sorted(last)] == [row["label"] for row in whole]
    for number, expected in enumerate(whole, start=1):
        for name in ("start_s", "end_s", "p_label", "novelty", "snr_db"):
            assert last[number][name] == pytest.approx(expected[name], abs=0.006), name


def test_a_withdrawn_event_has_nothing_but_its_number(model):
    text = []
    outlet = Outlet(text.append, lambda line: text.append(line) or True)
    lines = Lines(outlet, "-", as_json=True)
    lines.begin(Listener(RATE, model=model), 1)
    lines.take(np.zeros((0, 1)), [withdrawal(3, 2, RATE)])
    outlet.close()
    row = json.loads(text[0])
    assert {name: value for name, value in row.items() if value is not None} == {
        **{"schema_version": 1, "revision": 2, "recording": "-", "event": 3}
    }


def test_a_new_rate_is_a_recording_of_its_own_and_the_clock_runs_on(model, take):
    other = recordings.samples(["cavitation"], seed=9)[::2, None]
    rows, sitting, said = lines_of(Played(Begin(RATE, 1), take, Notice("is back"), Begin(24_000, 1), other), model)
    assert list(dict.fromkeys(row["recording"] for row in rows)) == ["played", "played#2"]
    assert next(row["event"] for row in rows if row["recording"] == "played#2") == 1
    assert sitting.heard_s == pytest.approx(5.5)
    assert said == ["played at 4.5 s: is back"]


def test_what_was_heard_is_reported_when_the_listening_is_interrupted_or_fails(model, take):
    whole = len(classify(take, sample_rate=RATE, model=model).events)
    for end in (KeyboardInterrupt(), OutputError("the disk is full")):
        counts = {}
        source = Played(Begin(RATE, 1), take, end=end)
        sitting = Sitting(source, {"model": model}, [Counts(counts)], print)
        if isinstance(end, KeyboardInterrupt):
            sitting.run()
        else:
            with pytest.raises(OutputError):
                sitting.run()
        assert sum(counts.values()) == whole


def test_samples_that_are_no_numbers_are_said_and_survived(model, take):
    broken = take.copy()
    broken[100_000:100_010] = broken[150_000] = np.nan
    rows, _, said = lines_of(Played(Begin(RATE, 1), broken), model)
    assert len(said) == 1, "once is enough"
    assert "NaN" in said[0]
    assert "taken for silence" in said[0]
    assert len(rows) > 5


def test_a_session_file_is_left_and_taken_up(model, take, tmp_path):
    path, began = tmp_path / "session.json", datetime(2026, 11, 24, 10, tzinfo=UTC)
    sit(Played(Begin(RATE, 1), take), [], model, keep=str(path), now=lambda: began)
    later = began + timedelta(minutes=1)
    sitting, _ = sit(Played(Begin(RATE, 1), take), [], model, resume=str(path), keep=str(path), now=lambda: later)
    assert json.loads(path.read_text())["began_at"] == later.isoformat()
    assert sitting.heard_s == 4.5


# Output


def test_a_reader_that_stalls_is_said_and_nothing_is_lost(monkeypatch):
    monkeypatch.setattr("popclass.streaming.output.STALLED_S", 0.05)
    said, written = [], []

    def slow(text):
        time.sleep(0.15 if not written else 0)
        written.append(text)
        return True

    outlet = Outlet(said.append, slow)
    for number in range(20):
        outlet.put(str(number))
        time.sleep(0.01)
    outlet.close()
    assert written == [str(number) for number in range(20)]
    assert len(said) == 1
    assert "lines wait" in said[0]


def test_a_reader_that_has_gone_ends_it_and_a_full_disk_is_an_error():
    outlet = Outlet(print, lambda text: False)
    outlet.put("x")
    outlet.close()
    assert outlet.closed_by_reader

    def full(text):
        raise OutputError("no space left")

    outlet = Outlet(print, full)
    outlet.put("x")
    with pytest.raises(OutputError, match="no space"):
        outlet.close()


# Sounds that are kept


def test_the_sounds_of_a_sitting_are_labels_to_train_with(model, take, tmp_path):
    folder = tmp_path / "kept"
    sit(Played(Begin(RATE, 1), take), [Saver(folder)], model)
    whole = classify(take, sample_rate=RATE, model=model, site="mcp").events
    assert [label for _, label in taken_from(folder, model)] == [e.label for e in whole if e.label != UNCERTAIN]
    assert len(list(folder.iterdir())) == 2, "bursts this close are in one piece"
    for path in folder.glob("*.flac"):
        assert sf.info(path).subtype == "PCM_24"


def taken_from(folder, model):
    """Features and label of each event to train with, as `popclass train --partial` takes them from a folder."""
    taken = []
    for recording in read_labels(folder).recordings:
        heard = extract_events(recording.path, model.frontend)
        labels = match(heard.events, recording, partial=True).labels
        taken += [(x, label) for x, label in zip(heard.features, labels, strict=True) if label is not None]
    return taken


@pytest.fixture(scope="module")
def uneven():
    """45 s of noise that rises and falls, in which sounds of all strengths come close together and far apart."""
    rng = np.random.default_rng(11)
    x = rng.normal(0, 0.003, 45 * RATE) * (1.2 + np.sin(np.arange(45 * RATE) / RATE * 1.7))
    at = RATE
    while at < 44 * RATE:
        x[at : at + 2880] += 10 ** rng.uniform(-1.7, -0.3) * recordings.sound(rng.choice(KINDS[:3]), rng)
        at += round(RATE * rng.choice([0.009, 0.02, 0.15, 0.6, 1.5, 5.0]) * rng.uniform(0.8, 1.2))
    return x.astype(np.float32)[:, None]


def test_each_label_finds_its_very_event_again(model, uneven, tmp_path):
    """A piece is heard as the stream was: no label is lost, none taken by another sound, features are the same."""
    sit(Played(Begin(RATE, 1), uneven), [Saver(tmp_path)], model)
    taken = taken_from(tmp_path, model)
    whole = classify(uneven, sample_rate=RATE, model=model, site="mcp").events
    features = extract_events(uneven, model.frontend, sample_rate=RATE).features
    expected = [(x, event.label) for x, event in zip(features, whole, strict=True) if event.label != UNCERTAIN]
    assert len(expected) > 25
    assert [label for _, label in taken] == [label for _, label in expected]
    np.testing.assert_allclose([x for x, _ in taken], [x for x, _ in expected], rtol=0.02, atol=0.02)
    assert len(list(tmp_path.glob("*.flac"))) > 3


def test_a_second_sitting_adds_to_the_folder(model, take, tmp_path):
    for _ in range(2):
        sit(Played(Begin(RATE, 1), take), [Saver(tmp_path)], model)
    rows = (tmp_path / "labels.csv").read_text().splitlines()
    names = [row.split(",")[0] for row in rows[1:]]
    assert rows.count(rows[0]) == 1
    assert len(rows) % 2 == 1
    assert len(set(names)) == 2 * len(set(names[: len(names) // 2]))
    assert all((tmp_path / name).is_file() for name in names)
    assert not list(tmp_path.glob(".*"))


def test_a_burst_without_an_end_is_kept_in_pieces(model, tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.001, (30 * RATE, 1))
    for at in range(RATE, 28 * RATE, RATE // 6):
        noise[at : at + 2880, 0] += 0.3 * recordings.sound("cavitation", rng)
    saver = Saver(tmp_path)
    sit(Played(Begin(RATE, 1), noise.astype(np.float32)), [saver], model)
    kept = sum(sf.info(path).frames for path in tmp_path.glob("*.flac"))
    assert len(list(tmp_path.glob("*.flac"))) > 1
    assert 25 * RATE < kept < 45 * RATE
    whole = classify(noise.astype(np.float32), sample_rate=RATE, model=model, site="mcp").events
    assert [label for _, label in taken_from(tmp_path, model)] == [e.label for e in whole if e.label != UNCERTAIN]


def test_a_folder_with_other_labels_is_left_alone(tmp_path):
    (tmp_path / "labels.csv").write_text("file,start_s,label\n")
    with pytest.raises(OutputError, match="not of popclass listen"):
        Saver(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file is a file: name a folder"):
        Saver(tmp_path / "file")


# The view


def test_the_view_shows_level_floor_events_and_the_time_to_wait(model, take):
    from rich.console import Console

    seen = io.StringIO()
    view = View("a microphone", Console(file=seen, force_terminal=True, width=160))
    listener = Listener(RATE, model=model, site="mcp", refractory=1200.0, min_probability=0.0)
    view.begin(listener, 1)
    for block in np.array_split(take, 450):
        view.take(block, listener.feed(block))
    view.take(take[:0], listener.close())
    view.say("a notice")
    page = Console(width=160, record=True, file=io.StringIO())
    page.print(view.page())
    text = page.export_text()
    view.close()
    assert "a microphone  48 kHz  1 ch  mcp  0:04.5" in text
    assert "floor  -5" in text, "noise of 0.002 is -54 dB"
    assert "a notice" in text
    assert ("could crack again in" in text) == (listener.rest_s > 0)
    events = classify(take, sample_rate=RATE, model=model, site="mcp", min_probability=0.0).events
    assert f"{events[-1].probabilities['other']:.2f}" in text
    assert text.count("snapping ") >= 5


def test_the_time_to_wait_is_that_of_the_cavity_that_is_free_first(model, take):
    listener = Listener(RATE, model=model, cavities=1, refractory=100.0)
    assert listener.rest_s == 0
    for block in np.array_split(take, 50):
        listener.feed(block)
    listener.close()
    events = classify(take, sample_rate=RATE, model=model, cavities=1, refractory=100.0).events
    took = [event.start_s for event in events if event.timing == "consistent"]
    assert listener.rest_s == pytest.approx(max(took[-1] + 100 - 4.5, 0) if took else 0)


def test_the_meter_reads_decibels_of_full_scale():
    meter = Meter(RATE)
    meter.take(np.zeros((0, 1), np.float32))
    assert meter.level_db == meter.floor_db == -90
    for scale in (0.1, 0.01, 1.0):
        meter.take(scale * np.sin(np.arange(RATE) * 0.3)[:, None].astype(np.float32))
    assert meter.level_db == pytest.approx(-3.01, abs=0.05)
    assert meter.peak_db == pytest.approx(0, abs=0.01)
