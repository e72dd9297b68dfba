"""Fixtures of the tests of the app."""

import pytest
import recordings

from popclass.app.project import Project


@pytest.fixture
def project(tmp_path):
    """A project of two recordings."""
    with Project(tmp_path / "p") as made:
        recordings.write(made.recordings_dir / "a.wav", ["cavitation", "snapping"])
        recordings.write(made.recordings_dir / "knee" / "b.wav", ["other"])
        yield made
