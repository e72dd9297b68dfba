"""Fixtures of the tests of the app."""

import pytest
import recordings
from app_process import running

from popclass.app.project import Project

SOUNDS = ["cavitation", "snapping", "other", "cavitation"]


@pytest.fixture
def project(tmp_path):
    """A project of two recordings."""
    with Project(tmp_path / "p") as made:
        recordings.write(made.recordings_dir / "a.wav", ["cavitation", "snapping"])
        recordings.write(made.recordings_dir / "knee" / "b.wav", ["other"])
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of a project, with a file outside of it."""
    made = tmp_path_factory.mktemp("app") / "project"
    recordings.write(made / "recordings" / "a b.wav", SOUNDS, seconds=2.0)
    recordings.write(made / "recordings" / "sub" / "c.flac", SOUNDS, seed=1, seconds=2.0)
    (made / "recordings" / "broken.wav").write_bytes(b"RIFF nothing")
    (made.parent / "secret.wav").write_bytes(b"secret")
    return made


@pytest.fixture(scope="module")
def app(folder):
    """A running app that has classified its recordings."""
    with running(folder) as started:
        started.classified(3)
        yield started
