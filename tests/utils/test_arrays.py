"""Tests of popclass.utils.arrays."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from popclass.utils.arrays import numbers, pack, unpack, whole


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=5), elements=st.floats(-1e6, 1e6, width=32)))
def test_pack_round_trip(array):
    assert np.array_equal(unpack(json.loads(json.dumps(pack(array)))), array)


@pytest.mark.parametrize(
    "packed",
    [
        {"float32": "AAAAAAAAgD8=", "shape": [3]},
        {"float32": "not base64", "shape": [1]},
        {"float32": "AADAfw==", "shape": [1]},  # NaN
        {"float32": "AAAAAA=="},
        [0.0],
    ],
)
def test_unpack_invalid(packed):
    with pytest.raises(ValueError, match=r"packed array|reshape|base64"):
        unpack(packed)


@pytest.mark.parametrize("value", [["1"], [True], [None], [[1.0]], "12", {"a": 1.0}, 1.0, None, (1.0,)])
def test_numbers_invalid(value):
    with pytest.raises(ValueError, match="costs must be a list of numbers"):
        numbers(value, "costs")


@pytest.mark.parametrize("value", ["1", 1.0, True, None])
def test_whole_invalid(value):
    with pytest.raises(ValueError, match=r"events is .*, which is not a whole number"):
        whole(value, "events")
