"""Tests of popclass.model.protobuf."""

import struct

import pytest

from popclass.model.protobuf import Field, read_message


def test_read_message_ambiguous():
    schema = {1: Field("a", "int"), 2: Field("b", "bytes"), 3: Field("c", "ints"), 4: "is refused"}
    for data, expected in (
        (b"\x08\x01\x08\x02", "more than 1 of a"),
        (b"\x18\x01\x08\x01\x18\x02", "more than 1 of c"),
        (b"\x98\x00\x01", "not allowed"),
        (b"\x22\x00", "it is refused"),
        (b"\x28\x01", "never writes"),
        (b"\x12\x05ab", "cut short"),
        (b"\x0d" + struct.pack("<f", 1.0), "form"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "64 bits"),
        (b"\x08", "cut short"),
    ):
        with pytest.raises(ValueError, match=expected):
            read_message(data, schema, "it")
