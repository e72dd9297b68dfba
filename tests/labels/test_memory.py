"""Labels from a table in memory."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from popclass.errors import LabelError, UsageError
from popclass.labels.memory import read_records
from popclass.labels.read import read_labels
from popclass.labels.validation import same_content

ARRAYS = {"a": (np.zeros(8), 8000), "b": (np.ones(8), 8000)}
ROWS = [
    {"file": "a", "start_s": 1.0, "end_s": 1.5, "label": "snapping", "subject": 1, "recorded_at": datetime(2026, 1, 2)},
    {"file": "a", "start_s": 0.25, "end_s": None, "label": "other", "subject": 1, "recorded_at": None},
    {"file": "b", "start_s": None, "end_s": None, "label": "cavitation", "subject": None, "recorded_at": None},
]


def test_read_records_as_csv(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).touch()
    (tmp_path / "labels.csv").write_text(
        "file,start_s,end_s,label,subject,recorded_at\na,1,1.5,snapping,1,2026-01-02T00:00:00\n"
        "a,0.25,,other,1,\nb,,,cavitation,,\n"
    )
    expected = read_records(tmp_path, ROWS).recordings
    assert read_labels(tmp_path).recordings == expected
    assert read_records(tmp_path, pd.DataFrame(ROWS)).recordings == expected
    assert [(each.name, each.subject, each.whole) for each in expected] == [("a", "1", None), ("b", None, "cavitation")]
    assert expected[0].recorded_at == datetime(2026, 1, 2)
    assert [each.rows for each in expected] == [each.rows for each in read_records(ARRAYS, ROWS).recordings]


def test_read_records_arrays():
    first, second = read_records(ARRAYS, ROWS).recordings
    assert first.samples[0] is ARRAYS["a"][0]
    assert first.sha256 != second.sha256
    assert same_content([first, second]) == []
    assert len(same_content([first, first])) == 1


def test_read_records_unnamed():
    [warning] = read_records({**ARRAYS, "c": "c.wav"}, ROWS).warnings
    assert warning == "1 recording that no table of labels names ignored: c"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "column file is missing"),
        (pd.DataFrame(columns=["file", "start_s", "label"]), "no rows"),
        ([{"file": "x", "start_s": 1, "label": "other"}], "labels: x not among the recordings"),
        ([{"file": "a", "start_s": -1, "label": "other"}], "labels, row 1: start_s is '-1'"),
        ([{"file": "a", "start_s": 1, "label": "Other!"}], "labels, row 1: 'Other!' cannot be a class"),
        ([{"file": "a", "start": 1, "label": "other"}], "Rename it start_s"),
    ],
)
def test_read_records_labels_refused(rows, message):
    with pytest.raises(LabelError, match=message):
        read_records(ARRAYS, rows)


@pytest.mark.parametrize(
    ("recordings", "rows"),
    [
        (ARRAYS, "labels.csv"),
        (ARRAYS, [3]),
        ({3: "a.wav"}, ROWS),
        ({"a": 3}, ROWS),
        ({"a": ("x", 8000)}, ROWS),
        (3, ROWS),
    ],
)
def test_read_records_types_refused(recordings, rows):
    with pytest.raises(UsageError):
        read_records(recordings, rows)


def test_read_records_missing_file():
    with pytest.raises(LabelError, match="not found"):
        read_records({"a": Path("nowhere.wav")}, [{"file": "a", "start_s": 1, "label": "other"}])


@pytest.mark.parametrize("given", [np.zeros(8), [0.0], b"a.wav"])
def test_read_records_samples_without_rate(given):
    with pytest.raises(UsageError, match="the recording a is not a path or a pair of samples and sample rate"):
        read_records({"a": given}, [{"file": "a", "start_s": 1, "label": "other"}])


def test_read_labels_mapping():
    with pytest.raises(UsageError, match="give a table as labels="):
        read_labels(ARRAYS)
