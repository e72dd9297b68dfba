"""Fixtures of labelled clips."""

import pytest
import soundfile as sf
from labelled_clips import RATE, clip
from training_data import fitted

from popclass.features.frontend import FrontEnd
from popclass.model.model import Model


@pytest.fixture(scope="package")
def auto() -> Model:
    return fitted(classifier="auto", grouped_by="subject")


@pytest.fixture(scope="module")
def frontend():
    return FrontEnd.build()


@pytest.fixture
def clips(tmp_path):
    for number, kind in enumerate(("cavitation", "snapping", "other")):
        (tmp_path / kind).mkdir()
        for i in range(6):
            sf.write(tmp_path / kind / f"{i}.wav", clip(kind, 10 * number + i), RATE)
    return tmp_path
