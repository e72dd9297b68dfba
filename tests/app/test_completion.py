"""Takes and uploads that become recordings, also after a crash."""

import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import recordings
import soundfile
from app_takes import NOW, kill, recovered, remains, take_of

from popclass.app import completion
from popclass.app.completion import finish, recover, unfinished
from popclass.app.project import Project
from popclass.app.takes import Take
from popclass.app.uploads import receive
from popclass.batch.manifest import read_manifest
from popclass.errors import LabelError, OutputError


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "p") as made:
        yield made


def subject_of(project, name):
    return project.described(project.recordings())[name].metadata.subject


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


@pytest.mark.parametrize("moment", ["place", "describe"])
def test_recover_upload(project, moment):
    """A file that had arrived whole when the program was killed has what was sent with it."""
    code = (
        "import asyncio, os, sys\nfrom popclass.app import completion, uploads\n"
        "from popclass.app.project import Project\n"
        "async def body():\n    yield b'x'\n"
        f"owner = {'completion' if moment == 'place' else 'Project'}\n"
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


@pytest.mark.parametrize("error", [soundfile.LibsndfileError(2), AssertionError(), OSError(28, "No space left")])
def test_finish_disk_full(project, monkeypatch, error):
    """The take stays, and is finished once there is room."""
    take = Take(project, 8000, {}, NOW)
    take.add(0, np.zeros(800, "<f4").tobytes())
    take.end()
    with monkeypatch.context() as patch:
        patch.setattr(completion, "_write_wav", lambda *_: (_ for _ in ()).throw(error))
        with pytest.raises(OutputError, match="full"):
            finish(project, take.id)
    assert not list(project.takes_dir.glob("*.part"))
    assert finish(project, take.id) == "2026-11-30 10.15.00.wav"
