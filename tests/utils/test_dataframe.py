"""Types of the columns of a DataFrame."""

import sys

import pandas as pd
import pytest

from popclass.errors import MissingLibraryError
from popclass.utils.dataframe import import_pandas, typed

ZONED, PLAIN = "2026-11-22T10:00:00+01:00", "2026-11-22T10:00:00"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], "datetime64[ns, UTC]"),
        ([None], "datetime64[ns, UTC]"),
        ([ZONED, None], "datetime64[ns, UTC]"),
        ([PLAIN, None], "datetime64[ns]"),
        ([ZONED, PLAIN], "object"),
        (["9000-01-01T00:00:00"], "object"),
    ],
)
def test_typed_moments(texts, expected):
    frame = typed(pd.DataFrame({"at": pd.Series(texts, dtype=object)}), {"at": "moment"})
    assert str(frame["at"].dtype) == expected


def test_typed_missing():
    frame = pd.DataFrame({"n": [1, None], "text": ["a", None], "label": ["x", None]})
    frame = typed(frame, {"n": "Int64", "text": "string", "label": ("x", "y")})
    assert [str(kind) for kind in frame.dtypes] == ["Int64", "string", "category"]
    assert frame.isna().sum().tolist() == [1, 1, 1]


def test_import_pandas_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingLibraryError, match="pip install pandas"):
        import_pandas()
