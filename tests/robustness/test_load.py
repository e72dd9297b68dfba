"""Growth of time and memory with the load; `benchmarks/load.py` measures the same at full size."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import recordings

from popclass.batch import classify_folder
from popclass.extraction import number_events
from popclass.formats import FORMATS
from popclass.info import RecordingInfo
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.pipeline import analyze
from popclass.postprocess import postprocess
from popclass.results import Analysis, Event

RATE = recordings.RATE
TABLES = ("events.csv", "bursts.csv", "recordings.csv")


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.default()


def crowd(events: int, classes: int) -> Analysis:
    """Return an analysis with an event every third of a second, half of them likely cavitations."""
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(0, events * RATE // 3, events)).tolist()
    chances = rng.dirichlet(np.ones(classes), events)
    sounds = number_events([Event(onset, onset + 20, onset + 300, RATE, 1, 20.0, -20.0) for onset in at])
    novelty = np.zeros(events)
    return Analysis(
        RecordingInfo("crowd.wav", sample_rate=RATE, channels=1, duration_s=events / 3, recorded_at=None, warnings=()),
        events=sounds,
        acoustic=chances,
        contextual=chances,
        novelty=novelty,
    )


def cpu_s(events: int, model: Model) -> float:
    """Processor time of labelling and of every table, the lesser of two."""
    take, spans = crowd(events, len(model.classes)), []
    for _ in range(2):
        began = time.process_time()
        results = postprocess([take], [Metadata(cavities=2)], model)
        written = [sum(map(len, form(results))) for form in FORMATS.values()]
        spans.append(time.process_time() - began)
        assert min(written) > events
    return min(spans)


def test_postprocess_linear_time(model: Model) -> None:
    """Quadratic growth would be a factor of 64."""
    assert cpu_s(4_000, model) < 24 * cpu_s(500, model)


def test_analyze_flat_memory(model: Model, tmp_path: Path) -> None:
    peaks = {}
    for seconds in (60, 200):  # buffers are full after less than a minute
        path = recordings.write(tmp_path / "long.flac", ["other"], seconds=seconds)
        analyze(path, model)  # what is imported and kept once is not counted
        tracemalloc.start()
        analyze(path, model)
        peaks[seconds] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[200] < 1.1 * peaks[60]


def test_batch_same_bytes(model: Model, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for index in range(150):
        kinds = list(rng.choice(recordings.KINDS, rng.integers(0, 2)))
        recordings.write(tmp_path / "in" / f"{index:03d}.wav", kinds, seed=index, seconds=0.3)
    seen = set()
    for run in range(4):
        folder = tmp_path / f"out{run}"
        result = classify_folder(tmp_path / "in", folder, model=model, jobs=2)
        seen.add(tuple((folder / name).read_bytes() for name in TABLES))
        assert [row.recording for row in result.recordings] == [f"{index:03d}.wav" for index in range(150)]
    assert len(seen) == 1
    events = [line.split(",")[:2] for line in seen.pop()[0].decode().splitlines()[1:]]
    assert len(events) > 30
    assert events == sorted(events, key=lambda event: (event[0], int(event[1])))
