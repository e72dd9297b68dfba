"""Tables that users write: encodings, delimiters, columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from popclass.errors import LabelError
from popclass.formats.read_csv import read_columns


def test_read_columns_own(tmp_path: Path) -> None:
    """The user's own columns keep their case and their cells; other names are in lower case, other cells composed."""
    path = tmp_path / "t.csv"
    path.write_text("File,X_Sensor Type,Subject\na.wav,e\u0301,e\u0301\n", encoding="utf-8")
    ((_, cells),) = read_columns(path, lambda shown, columns: None)
    assert cells == {"file": "a.wav", "x_Sensor Type": "e\u0301", "subject": "\u00e9"}
    path.write_text("file,x_a,x_A\n")
    with pytest.raises(LabelError, match="named twice"):
        list(read_columns(path, lambda shown, columns: None))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_read_columns_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("file;subject\nHüfte.wav;Jürgen\n".encode(encoding))
    ((where, cells),) = read_columns(tmp_path / "a.csv", lambda *_: None)
    assert (where, cells) == (f"{tmp_path / 'a.csv'}, row 2", {"file": "Hüfte.wav", "subject": "Jürgen"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.wav,Hüfte\n", r", row 2: label 'H\xfcfte' is not UTF-8: save the table as UTF-8 (CSV UTF-8)"),
        ("file,x_ort\na.wav,Füßen\n", r", row 2: x_ort 'F\xfc\xdfen' is not UTF-8"),
        ("file,größe\na.wav,\n", r"a.csv: column 'gr\xf6\xdfe' is not UTF-8"),
    ],
)
def test_read_columns_older_encoding(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(LabelError) as caught:
        list(read_columns(tmp_path / "a.csv", lambda *_: None))
    assert message in str(caught.value)


def test_read_columns_file_name_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"file\ncaf\xe9.wav\n")
    assert [cells["file"] for _, cells in read_columns(tmp_path / "a.csv", lambda *_: None)] == ["caf\udce9.wav"]


@pytest.mark.parametrize("first", [b"PK\x03\x04\x14\0", b"\xd0\xcf\x11\xe0\xa1\xb1"], ids=["xlsx", "xls"])
def test_read_columns_workbook(tmp_path: Path, first: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(first + bytes(100))
    with pytest.raises(LabelError, match=r"a\.csv: is an Excel workbook; save it as CSV UTF-8"):
        list(read_columns(tmp_path / "a.csv", lambda *_: None))


def test_read_columns_damaged_utf16(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("file\na.wav\n".encode("utf-16")[:-1])
    with pytest.raises(LabelError, match="it is not UTF-8, or is damaged; save it as CSV UTF-8"):
        list(read_columns(tmp_path / "a.csv", lambda *_: None))
