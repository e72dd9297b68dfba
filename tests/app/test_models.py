"""Models of a project."""

from pathlib import Path

import pytest
import recordings

from popclass.app.models import Models
from popclass.errors import UsageError


def test_models(project):
    assert (project.models.names(), project.models.in_use) == (["default"], "default")
    recordings.make_model(project.models_dir / "mine.onnx")
    (project.models_dir / "candidate.onnx").write_bytes(b"not yet")
    assert project.models.names() == ["default", "mine"]
    project.models.use("mine")
    assert Models.in_use.fget(project.models) == "mine"
    assert project.models.load().classes == ("cavitation", "snapping", "other")


def test_use_unknown(project):
    with pytest.raises(UsageError, match="no model of this project"):
        project.models.use("../x")


def test_file_gone(project):
    """A model that somebody removed is not in use any more."""
    recordings.make_model(project.models_dir / "mine.onnx")
    project.models.use("mine")
    Path(project.models_dir / "mine.onnx").unlink()
    assert (project.models.in_use, project.models.file_in_use) == ("default", None)
