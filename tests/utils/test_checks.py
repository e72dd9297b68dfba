"""Checks of arguments from Python."""

import numpy as np
import pytest

from popclass.errors import UsageError
from popclass.utils.checks import as_array, check_number, check_path, check_texts


@pytest.mark.parametrize("value", ["1", None, True, float("nan"), 1j, [1], -1, 11])
def test_check_number_refuses(value):
    with pytest.raises(UsageError, match="allowed is 0 to 10"):
        check_number(value, "x", 0, 10)


def test_check_number_numpy():
    check_number(np.float32(0.5), "x", 0, 10)
    check_number(np.int64(3), "x", 0, 10, whole=True)
    with pytest.raises(UsageError, match="allowed is 0 to 10"):
        check_number(np.float32(10.5), "x", 0, 10)
    with pytest.raises(UsageError, match="a whole number"):
        check_number(0.5, "x", 0, 10, whole=True)


@pytest.mark.parametrize("value", [b"a.wav", 3, None, ["a"]])
def test_check_path_refuses(value):
    with pytest.raises(UsageError, match="give its path"):
        check_path(value, "a model")


@pytest.mark.parametrize("value", ["abc", [[1], [1, 2]], None, ["a"]])
def test_as_array_refuses(value):
    with pytest.raises(UsageError, match="not an array of numbers"):
        as_array(value, "samples")


def test_check_texts_refuses():
    with pytest.raises(UsageError, match="not a list of texts"):
        check_texts([3], "own_classes")
