"""Checks of arguments from Python: paths, numbers and texts of the wrong type raise UsageError."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import PopclassError, UsageError
from popclass.utils.text import one_line


def check_path(value: Any, what: str) -> str:
    """Return a path as text; raise UsageError if the value is not a text or path.

    Examples
    --------
    >>> check_path(3, "a model")
    Traceback (most recent call last):
    popclass.errors.UsageError: a model cannot be of type int; give its path
    """
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"{what} cannot be of type {type(value).__name__}; give its path")
    return os.fsdecode(value)


def check_text(value: Any, what: str) -> None:
    """Raise UsageError if a value is neither a text nor None.

    Examples
    --------
    >>> check_text(7, "subject")
    Traceback (most recent call last):
    popclass.errors.UsageError: subject 7 is not a text: write it in quotes
    """
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{what} {one_line(repr(value))[:60]} is not a text: write it in quotes")


def check_number(value: Any, what: str, low: float, high: float, *, whole: bool = False) -> None:
    """Raise UsageError for anything but a number between two bounds, both allowed; NaN is none.

    Examples
    --------
    >>> check_number("0.5", "min_probability", 0, 1)
    Traceback (most recent call last):
    popclass.errors.UsageError: min_probability '0.5' is out of range: allowed is 0 to 1
    """
    number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if not number or not low <= value <= high or (whole and value != int(value)):
        kind = "a whole number from " if whole else ""
        shown = one_line(repr(value))[:60]
        raise UsageError(f"{what} {shown} is out of range: allowed is {kind}{low:g} to {high:g}")


def as_array(values: Any, what: str, error: type[PopclassError] = UsageError) -> NDArray[Any]:
    """Return an array or (nested) list of numbers as an array; raise an error if it is neither.

    Examples
    --------
    >>> as_array([[0.0, 1.0], [2.0]], "samples")
    Traceback (most recent call last):
    popclass.errors.UsageError: samples are not an array of numbers; allowed are arrays and lists of equal length
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind in "OSUV":
            raise ValueError(array.dtype)
    except (TypeError, ValueError, OverflowError):
        raise error(f"{what} are not an array of numbers; allowed are arrays and lists of equal length") from None
    return array


def check_texts(values: Any, what: str) -> None:
    """Raise UsageError if values are not a sequence of texts."""
    if isinstance(values, str) or not isinstance(values, Sequence) or not all(isinstance(each, str) for each in values):
        raise UsageError(f"{what} {one_line(repr(values))[:60]} is not a list of texts")
