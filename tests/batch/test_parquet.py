"""Tests of the Parquet tables of a batch: equality with CSV, types, reproducibility."""

import json
import sys
from datetime import UTC, datetime

import pytest
import recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.batch import classify_folder
from popclass.batch.parquet import read_rows, write_parquet
from popclass.errors import OutputError, UsageError
from popclass.formats.csv_io import csv_line

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'popclass[parquet]'")
pq = pytest.importorskip("pyarrow.parquet")

TABLES = ("events", "bursts", "recordings")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "archive"
    for index in range(6):
        recordings.write(folder / f"take{index}.wav", [recordings.KINDS[index % 3]] * (index % 3), seed=index)
    (folder / "broken.wav").write_bytes(b"RIFF")
    lines = ["file,subject,site,recorded_at,side,x_age_s", "take1.wav,P1,knee,2026-11-22T10:15:00+01:00,left,a 1.50"]
    lines += ['take2.wav,"P 2, left",hip,2026-11-22T10:15:00.25,,', "broken.wav,P3,,2026-11-22T23:00:00-05:00,,"]
    (folder / "manifest.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def both(archive, model, tmp_path_factory):
    """One folder of results with the tables as CSV and as Parquet; the second run processes no recording again."""
    target = tmp_path_factory.mktemp("both")
    options = {"model": model, "manifest": archive / "manifest.csv"}
    classify_folder(archive, target, **options)
    assert classify_folder(archive, target, to="parquet", **options).resumed == 6
    return target


@pytest.mark.parametrize("table", TABLES)
def test_parquet_equals_csv(both, table):
    pandas = pytest.importorskip("pandas")
    csv = pandas.read_csv(both / f"{table}.csv")
    parquet = pandas.read_parquet(both / f"{table}.parquet")
    assert len(csv) > (0 if table == "bursts" else 5)
    assert [name for name in parquet.columns if name != "utc_offset_s"] == list(csv.columns)
    for name in csv.columns:
        if name == "recorded_at":
            continue
        if name == "recorded_at_utc":
            csv[name] = pandas.to_datetime(csv[name])
        one, other = csv[name], parquet[name]
        assert list(one.isna()) == list(other.isna()), name
        assert list(one.dropna()) == list(other.dropna()), name


@pytest.mark.parametrize("table", TABLES)
def test_parquet_types(both, table):
    schema = pq.read_schema(both / f"{table}.parquet")
    of = dict(zip(schema.names, map(str, schema.types), strict=True))
    expected = {"recording": "string", "site": "string", "recorded_at": "timestamp[us]", "utc_offset_s": "int32"}
    if table == "events":
        expected |= {"event": "int64", "burst": "int64", "channel": "int64", "label": "string", "timing": "string"}
        expected |= dict.fromkeys(
            ("start_s", "p_label", "p_other", "novelty", "since_cavitation_s", "snr_db"), "double"
        )
        expected |= {"side": "string", "posterior_other": "double"}
    else:
        counts = ("events", "cavitation", "uncertain", "cavities_needed", "cavitations_low", "cavitations_high")
        expected |= dict.fromkeys(counts, "int64") | {"expected_cavitations": "double"}
    if table == "recordings":
        expected |= {"duration_s": "double", "status": "string", "reason": "string", "warnings": "string"}
        expected |= {"sample_rate": "int64", "recorded_at_utc": "timestamp[us, tz=UTC]"}
    expected |= {"side": "string", "x_age_s": "string"}
    assert {name: of[name] for name in expected} == expected


def test_parquet_recorded_at(both):
    rows = {row["recording"]: row for row in pq.read_table(both / "recordings.parquet").to_pylist()}
    assert (rows["take1.wav"]["recorded_at"], rows["take1.wav"]["utc_offset_s"]) == (
        datetime(2026, 11, 22, 10, 15),
        3600,
    )
    assert rows["take2.wav"]["recorded_at"] == datetime(2026, 11, 22, 10, 15, 0, 250_000)
    assert rows["take2.wav"]["utc_offset_s"] is None
    assert rows["broken.wav"]["utc_offset_s"] == -18_000
    assert rows["take0.wav"]["recorded_at"] is None
    assert rows["take1.wav"]["recorded_at_utc"] == datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
    assert rows["take2.wav"]["recorded_at_utc"] is None


def test_parquet_events(both, archive, model):
    options = {"model": model, "manifest": archive / "manifest.csv"}
    csv = classify_folder(archive, both, **options)
    parquet = classify_folder(archive, both, to="parquet", **options)
    assert parquet.events == csv.events
    assert len(parquet.to_dataframe()) == len(csv.events) > 3


def test_parquet_reproducible(both, archive, model, tmp_path):
    classify_folder(archive, tmp_path, model=model, manifest=archive / "manifest.csv", to="parquet", jobs=2)
    assert sorted(path.name for path in tmp_path.glob("*.*")) == [
        *("bursts.parquet", "events.parquet", "journal.jsonl", "recordings.parquet", "run.json")
    ]
    for table in TABLES:
        assert (tmp_path / f"{table}.parquet").read_bytes() == (both / f"{table}.parquet").read_bytes()
    assert json.loads((tmp_path / "run.json").read_text())["parameters"]["to"] == "parquet"


def test_parquet_no_events(model, tmp_path):
    recordings.write(tmp_path / "in" / "quiet.wav", [])
    result = classify_folder(tmp_path / "in", tmp_path / "out", model=model, to="parquet")
    assert result.events == []
    assert pq.read_schema(tmp_path / "out" / "events.parquet").names[:3] == ["recording", "event", "burst"]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, st.none() | st.integers(-9, 9**15), st.none() | st.floats(0, 1)), max_size=5))
def test_parquet_round_trip(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / "t.parquet"
    columns = ("recording", "event", "novelty", "recorded_at")
    lines = [csv_line((text, whole, fraction, None)) for text, whole, fraction in rows]
    write_parquet(path, iter([csv_line(columns), *lines]))
    assert [tuple(row.values()) for row in read_rows(path)] == [(*row, None) for row in rows]


def test_parquet_without_pyarrow(archive, model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.delitem(sys.modules, "popclass.batch.parquet")
    with pytest.raises(UsageError, match=r"--to parquet needs pyarrow.*pip install 'popclass\[parquet\]'"):
        classify_folder(archive, tmp_path / "out", model=model, to="parquet")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match=r"to 'xlsx' is unknown: allowed are csv, parquet"):
        classify_folder(archive, tmp_path / "out", model=model, to="xlsx")


def test_parquet_write_failure(tmp_path):
    (tmp_path / "t.parquet").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_parquet(tmp_path / "t.parquet", iter([csv_line(("recording", "recorded_at"))]))
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
