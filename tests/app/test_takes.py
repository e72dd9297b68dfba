"""Takes while they arrive."""

import numpy as np
import pytest
import recordings
from app_takes import NOW, remains, take_of

from popclass.app import takes
from popclass.app.project import Project
from popclass.app.takes import Take
from popclass.app.uploads import TooLargeError
from popclass.errors import OutputError, UsageError


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "p") as made:
        yield made


def test_take_shows_events(project):
    take = take_of(project, recordings.samples(["cavitation"] * 3, seconds=2.0))
    assert [round(each["start_s"], 1) for each in take.shown()][:2] == [0.2, 0.5]
    assert take.revision >= 2


def test_take_block_again(project):
    """A block that was sent twice, since its answer was lost, is there once."""
    samples = recordings.samples(["cavitation"])
    take = take_of(project, samples)
    assert take.add(len(samples) - 100, samples[-100:].astype("<f4").tobytes()) == len(samples)


def test_take_gap(project):
    take = take_of(project, recordings.samples(["cavitation"]))
    with pytest.raises(UsageError, match="leaves a gap"):
        take.add(take.frames + 1, b"\0" * 4)


@pytest.mark.parametrize("block", [b"\0" * 3, np.array([np.nan], "<f4").tobytes(), np.array([np.inf], "<f4").tobytes()])
def test_take_wrong_samples(project, block):
    take = take_of(project, recordings.samples(["cavitation"]))
    before = take.frames
    with pytest.raises(UsageError):
        take.add(before, block)
    assert take.frames == before


def test_take_too_long(project, monkeypatch):
    monkeypatch.setattr(takes, "LONGEST_TAKE_S", 1)
    take = take_of(project, np.zeros(recordings.RATE, np.float32))
    with pytest.raises(TooLargeError):
        take.add(take.frames, b"\0" * 4)


@pytest.mark.parametrize("rate", [None, 0, 48000.5, "48000", 10**9])
def test_take_wrong_rate(project, rate):
    with pytest.raises(UsageError, match="sample_rate"):
        Take(project, rate, {}, NOW)
    assert not remains(project)


def test_take_file_removed(project):
    """Samples that would be lost are refused."""
    take = take_of(project, np.zeros(4800))
    (project.takes_dir / f"{take.id}.f32").unlink()
    with pytest.raises(UsageError, match="was removed"):
        take.add(4800, np.zeros(10, "<f4").tobytes())
    with pytest.raises(UsageError, match="was removed"):
        take.end()


def test_add_after_end(project):
    take = Take(project, 8000, {}, NOW)
    take.end()
    with pytest.raises(UsageError, match="has ended"):
        take.add(0, b"")


def test_add_huge_samples(project):
    """They are refused before they are in the file, so the next block has its place."""
    take = Take(project, 8000, {}, NOW)
    with pytest.raises(UsageError, match="full scale"):
        take.add(0, np.full(10, 1e30, "<f4").tobytes())
    assert take.add(0, np.zeros(10, "<f4").tobytes()) == 10


def test_add_disk_full(project):
    """A block is in the file as a whole or not at all."""
    take = Take(project, 8000, {}, NOW)
    take.add(0, np.zeros(10, "<f4").tobytes())

    class Full:
        closed = False

        def __init__(self, file):
            self.file, self.left = file, 20

        def write(self, data):
            if not self.left:
                raise OSError(28, "No space left on device")
            written, self.left = self.file.write(data[: self.left]), 0
            return written

        def __getattr__(self, name):
            return getattr(self.file, name)

    whole, take._file = take._file, Full(take._file)
    with pytest.raises(OutputError, match="No space"):
        take.add(10, np.ones(10, "<f4").tobytes())
    take._file = whole
    assert take.add(10, np.ones(10, "<f4").tobytes()) == 20
    take.end()
    assert (project.takes_dir / f"{take.id}.f32").stat().st_size == 80
