"""Strict JSON reader for untrusted input, with limits on size, depth and numbers.

Python's own parser keeps the last of two equal names, accepts `NaN` and `1e999`, and reads integers of any length.
Here each of these is an error.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from itertools import accumulate
from typing import Any

LARGEST_INTEGER = 2**63 - 1
_LONGEST_NUMBER = 20  # characters of an integer


def read_json(text: bytes, *, largest: int, deepest: int) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    text : bytes
    largest : int
        Maximum number of bytes.
    deepest : int
        Maximum nesting of objects and lists.

    Raises
    ------
    ValueError
        If the text is not JSON or exceeds a limit.

    Examples
    --------
    >>> read_json(b'{"a": [1, 2.5]}', largest=1000, deepest=10)
    {'a': [1, 2.5]}
    >>> read_json(b'{"a": 1, "a": 2}', largest=1000, deepest=10)
    Traceback (most recent call last):
    ValueError: 'a' stands twice in one object
    """
    if len(text) > largest:
        raise ValueError(f"it has {len(text)} bytes, allowed are {largest}")
    # deep nesting is found before the recursive parser runs
    brackets = re.findall(rb"[\[\]{}]", re.sub(rb'"(?:[^"\\]|\\.)*+"', b"", text))
    most = max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0)
    if most > deepest:
        raise ValueError(f"it is nested {most} deep, allowed are {deepest}")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    return json.loads(
        decoded, object_pairs_hook=_unique, parse_int=_integer, parse_float=_finite, parse_constant=_finite
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{twice[:80]!r} stands twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER or abs(int(digits)) > LARGEST_INTEGER:
        raise ValueError(f"the number {digits[:_LONGEST_NUMBER]} is beyond 64 bits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:_LONGEST_NUMBER]} is not finite")
    return value
