"""A strict, schema-driven reader of protocol buffers.

A schema lists the fields of a message. A field that is not in the schema, a value too many, or a value that ends beyond
its message raises ValueError, so that no other reader of the same bytes can find anything else in them. Long lists of
numbers are decoded with numpy: a forest has a hundred thousand of them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from popclass.errors import require

LONGEST_TEXT = 256  # bytes
_VARINT = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_NEXT_VARINT = re.compile(_VARINT)
_UNITS = {"ints": _VARINT, "floats": rb".{4}"}
_WIRE_TYPES = {"int": 0, "ints": 0, "float": 5, "floats": 5}  # all others are length-delimited: 2


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes
    ----------
    name : str
    kind : str, tuple of bytes or schema
        `int`, `float`, `text`, `bytes`; `packed ints` and `packed floats` (all numbers in one field); `ints` and
        `floats` (a run of fields with one number each, read as one array); allowed words, for a run of fields with one
        word each, read as the array of their indices; the schema of a nested message.
    most : int
        Number of values allowed; with more than one the value is a list.
    """

    name: str
    kind: str | tuple[bytes, ...] | Schema
    most: int = 1


Schema: TypeAlias = Mapping[int, Field | str]
"""Fields by number; a text is the reason why a field is refused."""


def read_message(data: bytes, schema: Schema, what: str) -> dict[str, Any]:
    """Return the values of a message by field name; an absent field has no entry.

    Parameters
    ----------
    data : bytes
    schema : Schema
    what : str
        Name of the message in errors.

    Raises
    ------
    ValueError
        If the bytes do not follow the schema.

    Examples
    --------
    >>> read_message(bytes([8, 150, 1]), {1: Field("version", "int")}, "the model")
    {'version': 150}
    """
    found: dict[str, Any] = {}
    at = 0
    while at < len(data):
        key, begin = _varint(data, at, what)
        field = schema.get(key >> 3)
        if not isinstance(field, Field):
            raise ValueError(f"{what} {field or f'has a field ({key >> 3}) that popclass never writes'}")
        kind = field.kind
        wire_type = _WIRE_TYPES.get(kind, 2) if isinstance(kind, str) else 2
        require(key & 7 == wire_type, f"{what} has its {field.name} in a form that popclass never writes")
        if isinstance(kind, tuple) or kind in ("ints", "floats"):
            value, at = _run(data, at, bytes([key]), field, what)
        else:
            value, at = _single(data, begin, field, what)
        values = found.setdefault(field.name, [])
        require(len(values) < field.most, f"{what} has more than {field.most} of {field.name}")
        values.append(value)
    single = {field.name for field in schema.values() if isinstance(field, Field) and field.most == 1}
    return {name: values[0] if name in single else values for name, values in found.items()}


def _single(data: bytes, at: int, field: Field, what: str) -> tuple[Any, int]:
    """Return the value of a field whose content begins at `at`, and where it ends."""
    if field.kind == "int":
        value, end = _varint(data, at, what)
        return value - (1 << 64) if value >> 63 else value, end
    size, begin = (4, at) if field.kind == "float" else _varint(data, at, what)
    end = begin + size
    require(end <= len(data), f"{what} is cut short")
    content = data[begin:end]
    if field.kind == "float":
        return struct.unpack("<f", content)[0], end
    return _content(content, field, what), end


def _content(content: bytes, field: Field, what: str) -> Any:
    """Return the meaning of the bytes of a length-delimited field."""
    if isinstance(field.kind, Mapping):
        return read_message(content, field.kind, f"{what}.{field.name}")
    if field.kind == "packed floats":
        require(len(content) % 4 == 0, f"{what}: {field.name} is not a list of float32 numbers")
        return np.frombuffer(content, "<f4")
    if field.kind == "packed ints":
        whole = re.fullmatch(b"(?:%s)*+" % _VARINT, content)
        require(whole, f"{what}: {field.name} is not a list of numbers of 64 bits")
        return _varints(content)
    if field.kind == "text":
        size = len(content)
        require(size <= LONGEST_TEXT, f"{what} has a {field.name} of {size} bytes; allowed are {LONGEST_TEXT}")
        return content.decode("utf-8")  # UnicodeDecodeError is a ValueError
    return content


def _run(data: bytes, at: int, tag: bytes, field: Field, what: str) -> tuple[NDArray[Any], int]:
    """Return the values of fields with the same tag that follow each other, and where they end."""
    words = [tag + bytes([len(word)]) + word for word in field.kind] if isinstance(field.kind, tuple) else []
    unit = b"|".join(map(re.escape, words)) or re.escape(tag) + _UNITS[str(field.kind)]
    match = re.compile(b"(?:%s)++" % unit, re.DOTALL).match(data, at)
    if match is None:
        raise ValueError(f"{what} has {field.name} that are cut short or not allowed")
    run = match[0]
    if field.kind == "ints":
        return _varints(run)[1::2], match.end()  # tags are varints too
    if field.kind == "floats":
        return np.frombuffer(run, [("tag", "u1"), ("value", "<f4")])["value"].copy(), match.end()
    for index, word in enumerate(words):
        run = run.replace(word, bytes([index]))
    return np.frombuffer(run, np.uint8), match.end()


def _varint(data: bytes, at: int, what: str) -> tuple[int, int]:
    match = _NEXT_VARINT.match(data, at)
    value = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(match[0])) if match else 1 << 64
    if match is None or value >> 64:
        raise ValueError(f"{what} is cut short or holds a number of more than 64 bits")
    return value, match.end()


def _varints(content: bytes) -> NDArray[np.int64]:
    """Return the numbers of bytes that hold nothing but varints of at most ten bytes."""
    stream = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(stream < 0x80)
    starts = np.concatenate([[0], ends + 1])[:-1]
    lengths = ends - starts + 1
    values = np.zeros(len(ends), np.uint64)
    for place in range(int(lengths.max(initial=0))):
        there = np.flatnonzero(lengths > place)
        values[there] |= (stream[starts[there] + place] & np.uint64(0x7F)).astype(np.uint64) << np.uint64(7 * place)
    return values.view(np.int64)
