"""Model and recording for tests of live sessions."""

import pytest
import recordings

from popclass.model.model import Model

KINDS = ["cavitation", "snapping", "other"] * 4


@pytest.fixture(scope="package")
def model():
    return Model.default()


@pytest.fixture(scope="package")
def samples():
    return recordings.samples(KINDS, seed=5, seconds=4.5)[:, None]
