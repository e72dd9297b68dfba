"""Files that arrive in blocks."""

import asyncio

import pytest
from app_takes import remains, send
from starlette.requests import ClientDisconnect

from popclass.app import uploads
from popclass.app.project import Project
from popclass.app.uploads import TooLargeError, receive
from popclass.batch.manifest import read_manifest
from popclass.errors import LabelError, UsageError


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "p") as made:
        yield made


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


def test_receive_with_broken_labels(project):
    """Nothing is placed, so that another try does not place it twice."""
    project.labels_path().write_text("x\n1\n")
    with pytest.raises(LabelError):
        send(project, "a.wav", b"x", {"subject": "P1"})
    assert project.recordings() == ()
    assert not remains(project)
    assert send(project, "a.wav", b"x") == "a.wav"  # nothing to write into a table
