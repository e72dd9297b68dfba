"""Tests of popclass.batch.manifest: reading and validation of manifests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.batch.manifest import (
    COLUMNS,
    check_summary,
    extra_columns,
    metadata_of,
    notices,
    read_manifest,
    summarize,
)
from popclass.errors import LabelError, UsageError
from popclass.formats.csv_io import csv_line, recording_columns
from popclass.metadata import Metadata

NAMES = ("1.wav", "2.wav", "below/3.wav")
subjects = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,8}[A-Za-z0-9]", fullmatch=True)
rows = st.fixed_dictionaries(
    {
        "site": st.sampled_from([None, "hip", "neck"]),
        "subject": st.none() | subjects,
        "cavities": st.none() | st.integers(1, 20),
        "side": st.sampled_from([None, "left", "right"]),
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
        ("1.wav,1,both", "side 'both' is not left or right; or leave it empty"),
        ("1.wav,1,left,=1+1", "x_Note '=1\\+1' begins like a spreadsheet formula"),
    ],
    ids=["null byte", "5000 digits", "side", "formula"],
)
def test_read_manifest_bad_cell(folder: Path, row: str, message: str) -> None:
    (folder / "odd.csv").write_text(f"file,cavities,side,x_Note\n{row}\n")
    with pytest.raises(LabelError, match=message):
        read_manifest(folder / "odd.csv", folder, NAMES, site=None)


def test_read_manifest_own_columns(folder: Path) -> None:
    """Their cells are kept as they are, in the order of the manifest; a number or a single sign is not a formula."""
    path = folder / "own.csv"
    path.write_text("x_B,file,Side,x_a\n-1.50,1.wav,LEFT,-\n,below/3.wav,,NA\n")
    assert extra_columns(path) == ("x_B", "x_a")
    found = read_manifest(path, folder, NAMES, site=None)
    assert {name: (each.side, list(each.extra.items())) for name, each in found.items()} == {
        "1.wav": ("left", [("x_B", "-1.50"), ("x_a", "-")]),
        "below/3.wav": (None, [("x_B", ""), ("x_a", "NA")]),
    }


def test_metadata_of() -> None:
    """A row of few columns; the site of the batch counts where the row has none."""
    found = metadata_of({"subject": "P1", "x_a": "loud"}, site="hip")
    assert found == Metadata("hip", "P1", extra={"x_a": "loud"})
    assert metadata_of({"site": "mcp"}, site="hip").site == "mcp"
    with pytest.raises(UsageError, match=r"^cavities 'two' is not a whole number"):
        metadata_of({"cavities": "two"})


@pytest.mark.parametrize("column", ["sensor", "x_", "xsensor", "subjects"])
def test_read_manifest_unknown_column(folder: Path, column: str) -> None:
    (folder / "odd.csv").write_text(f"file,{column}\n1.wav,\n")
    for read in (extra_columns, lambda path: read_manifest(path, folder, NAMES, site=None)):
        with pytest.raises(LabelError, match=rf"unknown column '{column}': allowed are .* that begin with x_"):
            read(folder / "odd.csv")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("recording,subject", "found: recording, subject; did you mean it by 'recording'? Rename it file"),
        ("Filename;site", "found: filename, site; did you mean it by 'filename'? Rename it file"),
        ("subject,site", "found: subject, site"),
        (",".join(recording_columns(())), "write a table with file and what is known of each recording"),
        ("file,group", "unknown column 'group'"),
        ("file,Group", "; rename it x_group to keep it, or remove it"),
        ("file,,subject", "; remove it"),
    ],
)
def test_read_manifest_columns_advice(folder: Path, head: str, message: str) -> None:
    (folder / "odd.csv").write_text(f"{head}\n")
    with pytest.raises(LabelError) as caught:
        read_manifest(folder / "odd.csv", folder, NAMES, site=None)
    assert message in str(caught.value)
    assert str(caught.value).endswith(message) or "unknown column" in message


def test_read_manifest_file_in_older_encoding(folder: Path) -> None:
    (folder / "odd.csv").write_bytes("file,site\nHüfte.wav,hip\n".encode("cp1252"))
    with pytest.raises(LabelError, match=r"row 2: file 'H\\xfcfte\.wav' is not UTF-8: save the table as UTF-8"):
        read_manifest(folder / "odd.csv", folder, NAMES, site=None)


def test_check_summary() -> None:
    """Side and own columns are kept only where they are stated, as in journals made before there were any."""
    moment = datetime(2026, 11, 22, 10, 15)
    stated = {"1.wav": Metadata("hip", "P1", 2, moment), "2.wav": Metadata(side="left", extra={"x_a": "1"})}
    summary = summarize(stated)
    assert summary["1.wav"] == ["P1", "hip", 2, "2026-11-22T10:15:00"]
    assert summary["2.wav"] == [None, None, None, None, "left", {"x_a": "1"}]
    assert check_summary(summary) == summary
    with pytest.raises(TypeError):
        check_summary({"1.wav": ["P1", "hip", 2, None, None]})


def test_notices_side_and_own_columns() -> None:
    """A recording without them differs from one with them, and not from one of an older journal."""
    plain, own = ["P1", None, None, None], ["P1", None, None, None, "left", {"x_a": "1"}]
    (line,) = notices(["1.wav", "2.wav"], "m.csv", {"1.wav": own, "2.wav": plain}, {"1.wav": plain, "2.wav": plain})
    assert line.endswith("changed: side of 1 recording, columns of your own of 1 recording")
    same = [*plain, None, {}]
    assert list(notices(["1.wav"], "m.csv", {"1.wav": plain}, {"1.wav": same})) == []
