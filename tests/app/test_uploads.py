"""Files and takes that arrive in blocks."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import recordings
import soundfile
from starlette.requests import ClientDisconnect

from popclass.app import uploads
from popclass.app.project import Project
from popclass.app.uploads import Take, TooLargeError, finish, receive, recover, unfinished
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


def remains(project):
    """Files in `takes/` beside the lock of the project."""
    return [path for path in project.takes_dir.iterdir() if path.name != ".lock"]


def recovered(project):
    """Complete what is unfinished; return the recordings."""
    return recover(project, unfinished(project))[0]


def kill(take):
    """End a take as the system does if the program is killed."""
    take._file.close()


def send(project, name, data, metadata=None):
    return asyncio.run(receive(project, name, metadata or {}, blocks(data)))


def test_receive_same_bytes(project):
    assert send(project, "hip/a.wav", b"x" * 12345) == "hip/a.wav"
    assert (project.recordings_dir / "hip" / "a.wav").read_bytes() == b"x" * 12345
    assert not remains(project)


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
    assert not remains(project)


def test_receive_interrupted(project):
    """A browser that goes away leaves nothing behind."""

    async def broken():
        yield b"x" * 100
        raise ClientDisconnect

    with pytest.raises(ClientDisconnect):
        asyncio.run(receive(project, "hip/a.wav", {}, broken()))
    assert not list(project.recordings_dir.iterdir())
    assert not remains(project)


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
    assert not remains(project)


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
    assert not remains(project)


def test_take_without_samples(project):
    take = Take(project, 48_000, {}, NOW)
    take.end()
    assert finish(project, take.id) is None
    assert project.recordings() == ()


def test_recover_after_kill(project):
    """All that had arrived is there after a crash in the middle of a sample; halves of uploads are not."""
    samples = recordings.samples(["cavitation"])
    take = take_of(project, samples)
    kill(take)
    with (project.takes_dir / f"{take.id}.f32").open("ab") as file:
        file.write(b"\0\0")
    (project.takes_dir / "0123.part").write_bytes(b"half")
    [name] = recovered(project)
    assert soundfile.info(project.path(name)).frames == len(samples)
    assert not remains(project)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "[" * 100_000, '{"sample_rate": 8000}'),
        '{"sample_rate": "fast", "began": "2026-11-30T10:15:00+00:00", "metadata": {}}',
        '{"sample_rate": 8000, "began": "2026-11-30T10:15:00+00:00", "metadata": {"site": "moon"}}',
    ],
)
def test_recover_damaged(project, text):
    """A take that cannot be completed stays, and others are."""
    kill(take_of(project, recordings.samples(["cavitation"])))
    (project.takes_dir / "take-0.f32").write_bytes(b"\0" * 8)
    (project.takes_dir / "take-0.json").write_text(text)
    names, failed = recover(project, unfinished(project))
    assert (len(names), list(failed)) == (1, ["take-0"])
    assert failed["take-0"].startswith("take-0.json is damaged")
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
    assert recovered(project) == []
    project.manifest_path.unlink()
    assert recovered(project) == ["2026-11-30 10.15.00.wav"]


def test_recover_after_placing(project, monkeypatch):
    """A crash between placing a recording and removing its take does not double it."""
    take = Take(project, 8000, {}, NOW)
    take.add(0, np.zeros(800, "<f4").tobytes())
    take.end()
    with monkeypatch.context() as patch:
        patch.setattr(Project, "describe", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            finish(project, take.id)
    assert recovered(project) == list(project.recordings()) == ["2026-11-30 10.15.00.wav"]
    assert not remains(project)


def subject_of(project, name):
    return project.described(project.recordings())[name].metadata.subject


@pytest.mark.parametrize("moment", ["place", "describe"])
def test_recover_upload(project, moment):
    """A file that had arrived whole when the program was killed has what was sent with it."""
    code = (
        "import asyncio, os, sys; from popclass.app import uploads; from popclass.app.project import Project\n"
        "async def body():\n    yield b'x'\n"
        f"owner = {'uploads' if moment == 'place' else 'Project'}\n"
        f"setattr(owner, {moment!r}, lambda *_: os._exit(9))\n"
        "asyncio.run(uploads.receive(Project(sys.argv[1]), 'a.wav', {'subject': 'P1', 'symptoms': ['pain']}, body()))"
    )
    place = project.folder.parent / "other"
    assert subprocess.run([sys.executable, "-c", code, str(place)], check=False, timeout=60).returncode == 9
    with Project(place) as other:
        assert recovered(other) == list(other.recordings()) == ["a.wav"]
        assert subject_of(other, "a.wav") == "P1"
        assert not remains(other)


def test_recover_orphans(project):
    """What was sent with a file or a take that is gone is removed; other files are not."""
    for name in ("take-1.json", "upload-2.json", "notes.json", "take-3.txt"):
        (project.takes_dir / name).write_text("{}")
    assert recover(project, unfinished(project)) == ([], {})
    assert {path.name for path in remains(project)} == {"notes.json", "take-3.txt"}


@pytest.mark.parametrize("removed", [1, 2, 3])
def test_finish_killed_while_removing(project, monkeypatch, removed):
    """A crash at any step leaves nothing for ever, and doubles nothing."""
    take = take_of(project, np.zeros(4800))
    take.end()
    unlink, count = Path.unlink, iter(range(10))

    def counted(path, missing_ok=False):
        if (
            path.stem == take.id
            and path.parent == project.takes_dir
            and project.recordings()
            and next(count) == removed - 1
        ):
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", counted)
        with pytest.raises(KeyboardInterrupt):
            finish(project, take.id)
    assert remains(project)
    recovered(project)
    assert not remains(project)
    assert project.recordings() == ("2026-11-30 10.15.00.wav",)


def test_recover_leaves_what_is_written(project):
    """A take and an upload of another app stay, and are complete in the end."""
    take = take_of(project, np.zeros(4800))
    seen = []

    async def body():
        yield b"x"
        seen.append(recover(project, unfinished(project)))
        yield b"y"

    asyncio.run(receive(project, "a.wav", {}, body()))
    [(names, failed)] = seen
    assert (names, len(failed)) == ([], 2)
    assert all("another popclass app" in reason for reason in failed.values())
    assert project.path("a.wav").read_bytes() == b"xy"
    take.add(4800, np.zeros(4800, "<f4").tobytes())
    take.end()
    assert soundfile.info(project.path(finish(project, take.id))).frames == 9600


def test_take_file_removed(project):
    """Samples that would be lost are refused."""
    take = take_of(project, np.zeros(4800))
    (project.takes_dir / f"{take.id}.f32").unlink()
    with pytest.raises(UsageError, match="was removed"):
        take.add(4800, np.zeros(10, "<f4").tobytes())
    with pytest.raises(UsageError, match="was removed"):
        take.end()


def test_receive_with_broken_labels(project):
    """Nothing is placed, so that another try does not place it twice."""
    project.labels_path().write_text("x\n1\n")
    with pytest.raises(LabelError):
        send(project, "a.wav", b"x", {"subject": "P1"})
    assert project.recordings() == ()
    assert not remains(project)
    assert send(project, "a.wav", b"x") == "a.wav"  # nothing to write into a table


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
