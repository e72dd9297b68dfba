"""Overview and clips collected by a second thread."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import recordings

from popclass.extraction import BLOCK, extract_events
from popclass.features import FrontEnd
from popclass.report import media
from popclass.report.clips import Cutter
from popclass.report.media import AHEAD, gather
from popclass.report.overview import OverviewBuilder

FRONTEND = FrontEnd.build()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recording of six blocks with a sound in most of them."""
    return recordings.write(tmp_path / "long.wav", ["cavitation"] * 100, seconds=6 * BLOCK / recordings.RATE)


def test_gather_as_in_one_thread(path: Path) -> None:
    overview, cutter = OverviewBuilder(recordings.RATE, 1), Cutter()

    def collect(block: np.ndarray, sample_rate: int) -> None:
        overview.feed(block)
        cutter.feed(block, sample_rate)

    found = extract_events(
        path, FRONTEND, on_block=collect, on_sounds=lambda sounds: cutter.add([sound.event for sound in sounds])
    )
    gathered = gather(path, FRONTEND)
    assert gathered.extraction.events == found.events
    assert gathered.overview == overview.finish()
    assert list(gathered.clips) == cutter.finish(found.info.duration_s)
    assert None not in gathered.clips


def test_gather_waits_for_thread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow second thread delays the reading, so that few blocks are in memory."""
    done, behind = 0, []

    class Slow(OverviewBuilder):
        def feed(self, block: np.ndarray) -> None:
            nonlocal done
            assert threading.current_thread() is not threading.main_thread()
            time.sleep(0.1)
            super().feed(block)
            done += 1

    monkeypatch.setattr(media, "OverviewBuilder", Slow)
    gather(path, FRONTEND, progress=lambda read, _: behind.append(read // BLOCK - done))
    assert len(behind) == 6
    assert max(behind) <= AHEAD + 1


@pytest.mark.parametrize("block", [0, 5])
def test_gather_error_in_thread(path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    def fail(self: Cutter, samples: np.ndarray, sample_rate: int) -> None:
        if next(turns) == block:
            raise MemoryError("no memory")

    turns = iter(range(6))
    monkeypatch.setattr(Cutter, "feed", fail)
    monkeypatch.setattr(Cutter, "add", lambda self, events: None)
    with pytest.raises(MemoryError, match="no memory"):
        gather(path, FRONTEND)
