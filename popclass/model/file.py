"""The model file: an ONNX graph, a JSON and a seal, in one file that any ONNX tool can open.

A model file has three parts, one after the other:

    graph    the classifier as skl2onnx wrote it
    JSON     an ONNX `metadata_props` entry with the key `popclass`: everything else about the model
    seal     an ONNX `metadata_props` entry with the key `popclass.seal`: the length of the JSON (8 hexadecimal digits),
             a colon, and the SHA-256 of every byte of the file before the digest

Protocol buffers allow a repeated field to be appended, so the whole is a valid ONNX model. The digest is the last 64
bytes and covers all others. It shows damage, not forgery. Reading needs no ONNX library and opens no pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from popclass.errors import ModelError, require
from popclass.utils.strict_json import read_json
from popclass.utils.text import one_line

SCHEMA_VERSION = 2  # 1 had no costs of novelty
LARGEST_FILE = 32 * 2**20  # bytes; the default model has less than a tenth of it
LARGEST_JSON = 16 * 2**20
DEEPEST_JSON = 128  # objects and lists inside each other; each time a model is adapted adds two

_JSON_KEY = b"popclass"
_SEAL_KEY = b"popclass.seal"
_DIGEST = 64  # hexadecimal digits of a SHA-256
_SEAL_VALUE = 8 + 1 + _DIGEST
_ARCHIVES = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "zstd"}
_METADATA_TAG = 14 << 3 | 2  # field 14 of ModelProto, metadata_props, length-delimited


def join(graph: bytes, info: Mapping[str, Any]) -> bytes:
    """Return the bytes of a model file; they depend on nothing but the graph and the JSON.

    Parameters
    ----------
    graph : bytes
        A serialized ONNX model.
    info : mapping
        Content of the JSON, without NaN and infinity.

    Raises
    ------
    ModelError
        If the file would be larger than `read` allows.
    """
    text = json.dumps(info, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    found = f"the model would have a graph of {len(graph)} and a JSON of {len(text)} bytes"
    most = f"allowed are {(LARGEST_FILE - LARGEST_JSON) >> 20} and {LARGEST_JSON >> 20} MiB"
    fits = len(text) <= LARGEST_JSON and len(graph) <= LARGEST_FILE - LARGEST_JSON
    require(fits, f"{found}, {most}; train on fewer recordings or another classifier", ModelError)
    blank = _entry(_SEAL_KEY, b"%08x:" % len(text) + b"0" * _DIGEST)
    sealed = graph + _entry(_JSON_KEY, text) + blank[:-_DIGEST]
    return sealed + _digest(sealed)


def split(data: bytes, name: str) -> tuple[bytes, dict[str, Any]]:
    """Return the graph and the JSON of a model file, after a check of its seal.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Name of the file in errors.

    Raises
    ------
    ModelError
        If the file is damaged, newer than this popclass, or not a popclass model.
    """
    _check_seal(data, name)
    length = int(data[-_SEAL_VALUE : -_DIGEST - 1], 16)
    end = len(data) - len(_entry(_SEAL_KEY, b"0" * _SEAL_VALUE))
    text = data[end - length : end] if length <= end else b""
    entry = _entry(_JSON_KEY, text)
    placed = data[end - len(entry) : end] == entry
    require(placed, f"{name}: its JSON is not where its seal says; train the model anew", ModelError)
    return data[: end - len(entry)], _parse(text, name)


def read(path: Path) -> bytes:
    """Return the bytes of a file that may be a model.

    Raises
    ------
    ModelError
        If the file does not exist, cannot be read, or is too large.
    """
    shown = one_line(str(path))
    require(not path.is_dir(), f"{shown}: this is a folder; name the model file in it", ModelError)
    # opening a pipe without a writer would block, and a device has no end; a link to a file is as good as the file
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            require(regular, f"{shown}: neither a file nor a link to one; copy the model into a file", ModelError)
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ModelError(f"{shown}: no such model file; `popclass train` makes one") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{shown}: the model cannot be read ({reason})") from None
    fits = len(data) <= LARGEST_FILE
    require(fits, f"{shown}: larger than {LARGEST_FILE // 2**20} MiB, so not a popclass model", ModelError)
    return data


def _entry(key: bytes, value: bytes) -> bytes:
    """Return one serialized `metadata_props` entry."""
    body = b"\x0a" + _varint(len(key)) + key + b"\x12" + _varint(len(value)) + value
    return _varint(_METADATA_TAG) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    """Return an unsigned integer as a protocol buffers varint: seven bits a byte, lowest first."""
    groups = [number >> place & 0x7F for place in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode("ascii")


def _check_seal(data: bytes, name: str) -> None:
    def check(met: object, problem: str) -> None:
        require(met, f"{name}: {problem}", ModelError)

    check(data, "the file is empty")
    pickled = re.match(rb"\x80[\x00-\x05]", data)
    check(not pickled, "this is a pickle, which may run code and is never opened; popclass reads ONNX")
    archive = next((kind for magic, kind in _ARCHIVES.items() if data.startswith(magic)), None)
    check(archive is None, f"this is a {archive} archive, which is never unpacked; name the model file in it")
    check(_JSON_KEY in data, "not a popclass model; `popclass train` makes one")  # the key of the seal contains it
    head = _entry(_SEAL_KEY, b"0" * _SEAL_VALUE)[:-_SEAL_VALUE]
    sealed = re.fullmatch(re.escape(head) + rb"[0-9a-f]{8}:[0-9a-f]{64}", data[-len(head) - _SEAL_VALUE :])
    check(sealed, "damaged or cut short, or not a popclass model; copy the file anew")
    matches = _digest(data[:-_DIGEST]) == data[-_DIGEST:]
    check(matches, "damaged: its content does not match its checksum; copy the file anew")


def _parse(text: bytes, name: str) -> dict[str, Any]:
    try:
        info = read_json(text, largest=LARGEST_JSON, deepest=DEEPEST_JSON)
    except ValueError as error:
        raise ModelError(f"{name}: its JSON is refused: {one_line(str(error))}; train the model anew") from None
    version = info.get("schema_version") if isinstance(info, dict) else None
    if type(version) is not int or version < 1:
        raise ModelError(f"{name}: it has no schema version; train the model anew")
    newer = f"made by a newer popclass (schema {version}, known up to {SCHEMA_VERSION})"
    require(version <= SCHEMA_VERSION, f"{name}: {newer}; update popclass", ModelError)
    return dict(info)
