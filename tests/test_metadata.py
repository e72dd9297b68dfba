"""Metadata of recordings."""

import pandas as pd
import pytest

from popclass.errors import UsageError
from popclass.info import RecordingInfo
from popclass.metadata import Metadata


@pytest.mark.parametrize(("given", "side"), [("left", "left"), (" RIGHT ", "right"), ("", None), (None, None)])
def test_metadata_side(given, side):
    assert Metadata(side=given).apply(RecordingInfo("a.wav")).side == side


@pytest.mark.parametrize("given", ["l", "both", "links", 1])
def test_metadata_side_refused(given):
    with pytest.raises(UsageError, match="side"):
        Metadata(side=given)


def test_metadata_extra():
    extra = {"x_b": "2", "x_a": ""}
    assert list(Metadata(extra=extra).apply(RecordingInfo("a.wav")).extra.items()) == list(extra.items())


def test_recorded_at_not_a_time():
    with pytest.raises(UsageError, match="recorded_at cannot be of type NaTType"):
        Metadata(recorded_at=pd.NaT)
