"""Numbers, names and foreign text files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popclass.errors import LabelError
from popclass.formats.text import Row, number, read_rows, rounded


@pytest.mark.parametrize(("value", "expected"), [(None, None), (math.nan, None), (math.inf, None), (-1e-9, 0.0)])
def test_rounded_special_values(value: float | None, expected: float | None) -> None:
    result = rounded(value, 4)
    assert result == expected
    assert result is None or math.copysign(1, result) == 1


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_round_trip(value: float) -> None:
    assert number(f" {value!r} ") == value
    assert number(repr(value).replace(".", ",")) == value


@pytest.mark.parametrize("text", ["", " ", "nan", "inf", "1_0", "1.2.3", "1,000.5", "0x1p3", "1e999", "--1", "１"])
def test_number_invalid(text: str) -> None:
    assert number(text) is None or text == "１"  # digits of another script are digits


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_read_rows_encodings(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(end.join(["1\tR\xfccken", "", "2\tb", ""]).encode(encoding))
    assert list(read_rows(path)) == [(path, 1, ["1", "R\xfccken"]), (path, 3, ["2", "b"])]


def test_read_rows_older_encoding(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"R\xfccken.wav")
    assert list(read_rows(path)) == [(path, 1, ["R\udcfccken.wav"])]


def test_read_rows_missing(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"none\.txt: cannot be read: No such file"):
        list(read_rows(tmp_path / "none.txt"))


def test_read_rows_damaged_utf16(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfea")
    with pytest.raises(LabelError, match="damaged UTF-16"):
        list(read_rows(tmp_path / "a.txt"))


def test_row_error_shortened() -> None:
    error = Row(Path("a.txt"), 3, ["x" * 500, "y"]).error("nonsense")
    assert str(error).startswith("a.txt, row 3: nonsense; the row reads 'xxx")
    assert len(str(error)) < 150
