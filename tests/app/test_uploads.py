"""Files and takes that arrive in blocks."""

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest
import recordings
import soundfile
from starlette.requests import ClientDisconnect

from popclass.app import uploads
from popclass.app.project import Project
from popclass.app.uploads import Take, TooLargeError, finish, receive, recover
from popclass.batch.manifest import read_manifest
from popclass.errors import LabelError, OutputError, UsageError

NOW = datetime(2026, 11, 30, 10, 15, 0, tzinfo=UTC)


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "p") as made:
        yield made


async def blocks(data, size=1000):
    for at in range(0, len(data), size):
        yield data[at : at + size]


def send(project, name, data, metadata=None):
    return asyncio.run(receive(project, name, metadata or {}, blocks(data)))


def test_receive_same_bytes(project):
    assert send(project, "hip/a.wav", b"x" * 12345) == "hip/a.wav"
    assert (project.recordings_dir / "hip" / "a.wav").read_bytes() == b"x" * 12345
    assert not list(project.takes_dir.iterdir())


def test_receive_never_replaces(project):
    assert [send(project, "a.wav", content) for content in (b"1", b"2")] == ["a.wav", "a (2).wav"]
    assert (project.recordings_dir / "a.wav").read_bytes() == b"1"


def test_receive_metadata(project):
    send(project, "a.wav", b"x", {"site": "hip", "subject": "P1"})
    [found] = read_manifest(project.manifest_path, project.recordings_dir, ["a.wav"], site=None).values()
    assert (found.site, found.subject) == ("hip", "P1")


def test_receive_wrong_metadata(project):
    with pytest.raises(UsageError, match="moon"):
        send(project, "a.wav", b"x", {"site": "moon"})
    assert project.recordings() == ()


def test_receive_broken_labels(project):
    """A file whose subject could not reach the labels is refused before it is there."""
    send(project, "a.wav", b"x")
    project.labels_path().write_text("file,start_s,label\nrecordings/a.wav,abc,other\n")
    for _ in range(2):
        with pytest.raises(LabelError, match="start_s is 'abc'"):
            send(project, "b.wav", b"x", {"subject": "P1"})
    assert project.recordings() == ("a.wav",)
    assert send(project, "b.wav", b"x") == "b.wav"


def test_receive_too_large(project, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", 5000)
    with pytest.raises(TooLargeError):
        send(project, "a.wav", b"x" * 5001)
    assert project.recordings() == ()
    assert not list(project.takes_dir.iterdir())


def test_receive_interrupted(project):
    """A browser that goes away leaves nothing behind."""

    async def broken():
        yield b"x" * 100
        raise ClientDisconnect

    with pytest.raises(ClientDisconnect):
        asyncio.run(receive(project, "hip/a.wav", {}, broken()))
    assert not list(project.recordings_dir.iterdir())
    assert not list(project.takes_dir.iterdir())


def take_of(project, samples, size=4800):
    take = Take(project, recordings.RATE, {"site": "hip"}, NOW)
    for at in range(0, len(samples), size):
        take.add(at, samples[at : at + size].astype("<f4").tobytes())
    return take


def test_take_becomes_recording(project):
    samples = recordings.samples(["cavitation", "other"])
    take = take_of(project, samples)
    take.end()
    name = finish(project, take.id)
    written, rate = soundfile.read(project.path(name), dtype="float32")
    assert (name, rate) == ("2026-11-30 10.15.00.wav", recordings.RATE)
    np.testing.assert_allclose(written, samples, atol=2**-23)
    [found] = read_manifest(project.manifest_path, project.recordings_dir, [name], site=None).values()
    assert (found.site, found.recorded_at) == ("hip", NOW)
    assert not list(project.takes_dir.iterdir())


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
    monkeypatch.setattr(uploads, "LONGEST_TAKE_S", 1)
    take = take_of(project, np.zeros(recordings.RATE, np.float32))
    with pytest.raises(TooLargeError):
        take.add(take.frames, b"\0" * 4)


@pytest.mark.parametrize("rate", [None, 0, 48000.5, "48000", 10**9])
def test_take_wrong_rate(project, rate):
    with pytest.raises(UsageError, match="sample_rate"):
        Take(project, rate, {}, NOW)
    assert not list(project.takes_dir.iterdir())


def test_take_without_samples(project):
    take = Take(project, 48_000, {}, NOW)
    take.end()
    assert finish(project, take.id) is None
    assert project.recordings() == ()


def test_recover_after_kill(project):
    """All that had arrived is there after a crash in the middle of a sample; halves of uploads are not."""
    samples = recordings.samples(["cavitation"])
    take = take_of(project, samples)
    with (project.takes_dir / f"{take.id}.f32").open("ab") as file:
        file.write(b"\0\0")
    (project.takes_dir / "0123.part").write_bytes(b"half")
    [name] = recover(project)
    assert soundfile.info(project.path(name)).frames == len(samples)
    assert not list(project.takes_dir.iterdir())


def test_recover_damaged(project):
    """A take that cannot be completed stays, and others are."""
    take_of(project, recordings.samples(["cavitation"]))
    (project.takes_dir / "take-0.f32").write_bytes(b"\0" * 8)
    (project.takes_dir / "take-0.json").write_text("{")
    assert len(recover(project)) == 1
    assert (project.takes_dir / "take-0.f32").exists()


def test_finish_with_broken_manifest(project):
    """Nothing is placed, so that another try does not place it twice; the take stays."""
    take = Take(project, 8000, {"site": "hip"}, NOW)
    take.add(0, np.zeros(800, "<f4").tobytes())
    take.end()
    project.manifest_path.write_text("x\n1\n")
    with pytest.raises(LabelError):
        finish(project, take.id)
    assert project.recordings() == ()
    assert recover(project) == []
    project.manifest_path.unlink()
    assert recover(project) == ["2026-11-30 10.15.00.wav"]


def test_recover_after_placing(project, monkeypatch):
    """A crash between placing a recording and removing its take does not double it."""
    take = Take(project, 8000, {}, NOW)
    take.add(0, np.zeros(800, "<f4").tobytes())
    take.end()
    with monkeypatch.context() as patch:
        patch.setattr(Project, "describe", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            finish(project, take.id)
    assert recover(project) == list(project.recordings()) == ["2026-11-30 10.15.00.wav"]
    assert not list(project.takes_dir.iterdir())


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


@pytest.mark.parametrize("error", [soundfile.LibsndfileError(2), AssertionError(), OSError(28, "No space left")])
def test_finish_disk_full(project, monkeypatch, error):
    """The take stays, and is finished once there is room."""
    take = Take(project, 8000, {}, NOW)
    take.add(0, np.zeros(800, "<f4").tobytes())
    take.end()
    with monkeypatch.context() as patch:
        patch.setattr(uploads, "_write_wav", lambda *_: (_ for _ in ()).throw(error))
        with pytest.raises(OutputError, match="full"):
            finish(project, take.id)
    assert not list(project.takes_dir.glob("*.part"))
    assert finish(project, take.id) == "2026-11-30 10.15.00.wav"
