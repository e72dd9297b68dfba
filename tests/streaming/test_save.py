"""Tests of popclass.streaming.save."""

import numpy as np
import pytest
import recordings
import soundfile as sf
from live_session import RATE, FakeSource, run

from popclass.errors import OutputError
from popclass.extraction import extract_events
from popclass.labels.matching import match
from popclass.labels.read import read_labels
from popclass.pipeline import classify
from popclass.schema import UNCERTAIN
from popclass.streaming.save import Saver
from popclass.streaming.source import Begin


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
        x[at : at + 2880] += 10 ** rng.uniform(-1.7, -0.3) * recordings.sound(rng.choice(recordings.KINDS), rng)
        at += round(RATE * rng.choice([0.009, 0.02, 0.15, 0.6, 1.5, 5.0]) * rng.uniform(0.8, 1.2))
    return x.astype(np.float32)[:, None]


@pytest.mark.slow
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


@pytest.mark.slow
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
