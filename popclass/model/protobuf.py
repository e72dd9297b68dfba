"""Protocol buffers, read strictly: what one reader could take one way and another reader another way is refused.

A message is read by a table of its fields. A field that is not in the table, a second value where there may be one, or
a value that ends beyond its message raises `ValueError`. So what is checked here is all that onnxruntime will find.
Long lists of numbers, one field after the other as onnx writes them, are read with numpy: a forest has a hundred
thousand of them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5  # wire types; 3 and 4, groups, are in no file of ours
LONGEST_VARINT = 10
LONGEST_TEXT = 256  # bytes


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes
    ----------
    name : str
    kind : str
        `int`, `float`, `text` or `part` (bytes of another message), once; `texts`, `parts`, `numbers` (a few integers),
        any number of times; `ints` and `floats`, one field a number; `packed ints` and `packed floats`, all numbers in
        one field; `words`, strings out of `words` alone.
    words : tuple of bytes
        For `words`; none of them may hold the byte that begins the field.
    """

    name: str
    kind: str
    words: tuple[bytes, ...] = ()


_WIRE = {
    **{"int": VARINT, "float": FOUR_BYTES, "text": BYTES, "part": BYTES, "texts": BYTES, "parts": BYTES},
    **{"numbers": VARINT, "ints": VARINT, "floats": FOUR_BYTES, "words": BYTES},
    **{"packed ints": BYTES, "packed floats": BYTES},
}
_REPEATED = frozenset({"texts", "parts", "numbers"})


def read_message(data: bytes, fields: Mapping[int, Field], what: str, refused: Mapping[int, str]) -> dict[str, Any]:
    """The values of a message by name; one that is not there has no entry, a repeated one is a list.

    Parameters
    ----------
    data : bytes
    fields : mapping
        Number of each field that may be there.
    what : str
        What error messages call the message.
    refused : mapping
        Number of a field that may not, and what to say of it.

    Raises
    ------
    ValueError
        If the bytes are no such message, or hold a field that is not among `fields`.

    Examples
    --------
    >>> read_message(bytes([8, 150, 1]), {1: Field("version", "int")}, "the model", {})
    {'version': 150}
    """
    found: dict[str, Any] = {}
    at = 0
    while at < len(data):
        key, begin = _varint(data, at, what)
        number, wire = key >> 3, key & 7
        field = fields.get(number)
        if field is None:
            raise ValueError(refused.get(number, f"{what} has a field ({number}) that popclass never writes"))
        if _WIRE[field.kind] != wire:
            raise ValueError(f"{what} has its {field.name} in a form that popclass never writes")
        if field.name in found and field.kind not in _REPEATED:
            raise ValueError(f"{what} has two values for {field.name}")
        value, at = _value(data, at, begin, field, what)
        if field.kind in _REPEATED:
            found.setdefault(field.name, []).append(value)
        else:
            found[field.name] = value
    return found


def _value(data: bytes, tag: int, at: int, field: Field, what: str) -> tuple[Any, int]:
    """The value of a field that begins at `tag` and whose content begins at `at`, and where it ends."""
    kind = field.kind
    if kind in ("int", "numbers"):
        value, end = _varint(data, at, what)
        return value - (1 << 64) if value >> 63 else value, end
    if kind == "float":
        if at + 4 > len(data):
            raise ValueError(f"{what} is cut short")
        return struct.unpack_from("<f", data, at)[0], at + 4
    if kind == "ints":
        return _ints(data, tag, what)
    if kind == "floats":
        return _floats(data, tag)
    if kind == "words":
        return _words(data, tag, field, what)
    size, at = _varint(data, at, what)
    end = at + size
    if end > len(data):
        raise ValueError(f"{what} is cut short")
    return _content(data[at:end], field, what), end


def _content(content: bytes, field: Field, what: str) -> Any:
    """What the bytes of a length-delimited field mean."""
    if field.kind == "packed floats":
        if len(content) % 4:
            raise ValueError(f"{what} has {field.name} that are no float32 numbers")
        return np.frombuffer(content, "<f4")
    if field.kind == "packed ints":
        return unpacked_varints(content, what)
    if field.kind in ("text", "texts"):
        if len(content) > LONGEST_TEXT:
            raise ValueError(f"{what} has a {field.name} of {len(content)} bytes; allowed are {LONGEST_TEXT}")
        return content.decode("utf-8")  # UnicodeDecodeError is a ValueError
    return content


def _varint(data: bytes, at: int, what: str) -> tuple[int, int]:
    value = 0
    for place in range(LONGEST_VARINT):
        if at + place >= len(data):
            raise ValueError(f"{what} is cut short")
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if value >> 64:
                break
            return value, at + place + 1
    raise ValueError(f"{what} holds a number of more than 64 bits")


def unpacked_varints(content: bytes, what: str) -> NDArray[np.int64]:
    """All numbers of bytes that hold nothing else."""
    stream = np.frombuffer(content, np.uint8)
    if len(stream) and stream[-1] >= 0x80:
        raise ValueError(f"{what} is cut short")
    ends = np.flatnonzero(stream < 0x80)
    return _numbers(stream, np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends, ends, what)


def _numbers(stream: NDArray[np.uint8], starts: Any, ends: Any, what: str) -> NDArray[np.int64]:
    lengths = ends - starts + 1
    longest = int(lengths.max(initial=0))
    if longest > LONGEST_VARINT:
        raise ValueError(f"{what} holds a number of more than 64 bits")
    values = np.zeros(len(starts), np.uint64)
    for place in range(longest):
        there = slice(None) if place == 0 else np.flatnonzero(lengths > place)
        values[there] |= (stream[starts[there] + place] & np.uint64(0x7F)).astype(np.uint64) << np.uint64(7 * place)
    return values.view(np.int64)


def _ints(data: bytes, at: int, what: str) -> tuple[NDArray[np.int64], int]:
    """Integers that each have the field's tag before them; tag and number are both varints."""
    stream = np.frombuffer(data, np.uint8, offset=at)
    ends = np.flatnonzero(stream < 0x80)
    starts = np.concatenate([[0], ends[:-1] + 1])
    pairs = len(ends) // 2
    others = np.flatnonzero(stream[starts[: 2 * pairs : 2]] != data[at])
    pairs = int(others[0]) if len(others) else pairs
    if not pairs:
        raise ValueError(f"{what} is cut short")
    values = _numbers(stream, starts[1 : 2 * pairs : 2], ends[1 : 2 * pairs : 2], what)
    return values, at + int(ends[2 * pairs - 1]) + 1


def _floats(data: bytes, at: int) -> tuple[NDArray[np.float32], int]:
    """Floats that each have the field's tag before them, five bytes together."""
    stream = np.frombuffer(data, np.uint8, offset=at)
    whole = len(stream) // 5
    rows = stream[: whole * 5].reshape(whole, 5)
    others = np.flatnonzero(rows[:, 0] != data[at])
    count = int(others[0]) if len(others) else whole
    if not count:
        raise ValueError("a list of numbers is cut short")
    return np.ascontiguousarray(rows[:count, 1:]).view("<f4")[:, 0], at + 5 * count


def _words(data: bytes, at: int, field: Field, what: str) -> tuple[NDArray[np.uint8], int]:
    """Strings that each have the field's tag before them, as their places in the list of words."""
    each = [bytes([data[at], len(word)]) + word for word in field.words]
    match = re.compile(b"(?:%s)*+" % b"|".join(map(re.escape, each))).match(data, at)
    run = match[0] if match else b""
    if not run:
        allowed = ", ".join(word.decode("ascii") for word in field.words)
        raise ValueError(f"{what} has {field.name} other than {allowed}")
    for place, word in enumerate(each):
        run = run.replace(word, bytes([place]))
    return np.frombuffer(run, np.uint8), at + len(match[0] if match else b"")
