"""Tests of popclass.utils.strict_json."""

import pytest

from popclass.utils.strict_json import read_json


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a": NaN}', "not finite"),
        (b'{"a": 1e999}', "not finite"),
        (b'{"a": ' + b"9" * 5000 + b"}", "64 bits"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"[" * 100_000, "nested"),
        (b'{"a": "' + b"x" * 3000 + b'"}', "bytes"),
        (b'"\xff"', "UTF-8"),
        (b"{", "Expecting"),
    ],
)
def test_read_json_bounds(text, message):
    with pytest.raises(ValueError, match=message):
        read_json(text, largest=2000 if message == "bytes" else 10**6, deepest=50)
