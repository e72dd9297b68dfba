"""Softmax, and numbers inside JSON: arrays are little-endian float32 in base64, exact and fast to read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np

from popclass.errors import require

LARGEST = 2**24  # values along one axis


def pack(array: np.ndarray) -> dict[str, Any]:
    """Return an array as JSON: its shape, and its values as little-endian float32 in base64.

    Examples
    --------
    >>> pack(np.array([[0.0, 1.0]]))
    {'float32': 'AAAAAAAAgD8=', 'shape': [1, 2]}
    """
    values = np.ascontiguousarray(array, dtype="<f4")
    return {"float32": base64.b64encode(values.tobytes()).decode("ascii"), "shape": list(values.shape)}


def unpack(packed: Mapping[str, Any]) -> np.ndarray:
    """Return the read-only float64 array of packed float32 values.

    Raises
    ------
    ValueError
        If `packed` is not the JSON of `pack`, or holds NaN or infinity.
    """
    if not isinstance(packed, Mapping) or set(packed) != {"float32", "shape"}:
        raise ValueError("expected a packed array with `float32` and `shape`")
    try:
        values = np.frombuffer(base64.b64decode(packed["float32"], validate=True), dtype="<f4")
        shape = packed["shape"]
        if not isinstance(shape, list) or not all(type(n) is int and 0 <= n <= LARGEST for n in shape):
            raise ValueError(f"a packed array has the shape {shape!r:.60}, which is not a list of sizes")
        array = values.reshape(shape).astype(np.float64)
    except (TypeError, binascii.Error) as error:
        raise ValueError(f"broken packed array: {error}") from None
    if not np.isfinite(array).all():
        raise ValueError("a packed array holds NaN or infinity")
    array.flags.writeable = False  # models share it
    return array


def numbers(value: Any, what: str) -> tuple[float, ...]:
    """Return a list of JSON as floats; raise ValueError if it holds anything else, such as texts and booleans.

    Examples
    --------
    >>> numbers([1, 0.5], "costs")
    (1.0, 0.5)
    """
    fits = isinstance(value, list) and all(type(each) in (int, float) for each in value)
    require(fits, f"{what} must be a list of numbers")
    return tuple(map(float, value))


def whole(value: Any, what: str) -> int:
    """Return a whole number of JSON; raise ValueError if it is anything else."""
    require(type(value) is int, f"{what} is {value!r:.40}, which is not a whole number")
    return int(value)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the softmax of each row.

    scipy has the same function, but takes too long to import.

    Parameters
    ----------
    logits : ndarray, shape (n, classes)

    Examples
    --------
    >>> softmax(np.log([[3.0, 1.0]]))
    array([[0.75, 0.25]])
    """
    weight = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
