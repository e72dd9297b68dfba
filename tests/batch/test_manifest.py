"""Tests of popclass.batch.manifest: reading and validation of manifests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.batch.manifest import COLUMNS, read_manifest
from popclass.errors import LabelError
from popclass.formats.csv_io import csv_line
from popclass.metadata import Metadata

NAMES = ("1.wav", "2.wav", "below/3.wav")
subjects = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,8}[A-Za-z0-9]", fullmatch=True)
rows = st.fixed_dictionaries(
    {
        "site": st.sampled_from([None, "hip", "neck"]),
        "subject": st.none() | subjects,
        "cavities": st.none() | st.integers(1, 20),
        "recorded_at": st.none() | st.datetimes(datetime(1900, 1, 2), timezones=st.none() | st.just(UTC)),
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("manifest")
    (place / "below").mkdir()
    for name in NAMES:
        (place / name).touch()
    return place


@settings(max_examples=100, deadline=None)
@given(entries=st.dictionaries(st.sampled_from(NAMES), rows), columns=st.permutations(COLUMNS))
def test_read_manifest_column_order(folder: Path, entries: dict, columns: list[str]) -> None:
    path = folder / "manifest.csv"
    lines = [csv_line(columns)]
    for name, known in entries.items():
        moment = known["recorded_at"]
        cells = {**known, "file": name, "recorded_at": None if moment is None else moment.isoformat()}
        lines.append(csv_line(cells.get(column) for column in columns))
    path.write_text("".join(lines), encoding="utf-8")
    assert read_manifest(path, folder, NAMES, site=None) == {name: Metadata(**known) for name, known in entries.items()}


cells = st.text(max_size=30) | st.sampled_from([*COLUMNS, *NAMES, "hip", "2", "2026-11-22 10:15", "\0", "9" * 5000])


@settings(max_examples=200, deadline=None)
@given(table=st.lists(st.lists(cells, min_size=1, max_size=4), max_size=4), head=st.permutations(COLUMNS))
def test_read_manifest_any_table(folder: Path, table: list[list[str]], head: list[str]) -> None:
    path = folder / "any.csv"
    text = "".join(csv_line(row) for row in [head[:3] if "file" in head[:3] else ["file", *head[:2]], *table])
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    refused = ""
    known = {}
    try:
        known = read_manifest(path, folder, NAMES, site="hip")
    except LabelError as error:
        refused = str(error)
    assert set(known) <= set(NAMES)
    assert not refused or (refused.startswith(str(path)) and len(refused.splitlines()) == 1)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\0b.wav,", "row 2: file 'a\\\\x00b.wav' holds a null byte"),
        ("1.wav," + "9" * 5000, "not a whole number of up to"),
    ],
    ids=["null byte", "5000 digits"],
)
def test_read_manifest_bad_cell(folder: Path, row: str, message: str) -> None:
    (folder / "odd.csv").write_text(f"file,cavities\n{row}\n")
    with pytest.raises(LabelError, match=message):
        read_manifest(folder / "odd.csv", folder, NAMES, site=None)
