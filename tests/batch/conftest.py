"""Fixtures of the batch tests."""

import pytest
import recordings

from popclass.model.model import Model


@pytest.fixture(scope="package")
def model(tmp_path_factory):
    """Return a small model."""
    return Model.load(recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx"))
