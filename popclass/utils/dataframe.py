"""Tables for pandas, which is optional: its import, and the same types in every table of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from popclass.errors import MissingLibraryError

if TYPE_CHECKING:
    import pandas as pd

LAST_YEAR_IN_NS = 2261  # pandas counts nanoseconds in 64 bits


def import_pandas() -> Any:
    """Return pandas; raise MissingLibraryError if it is not installed."""
    try:
        import pandas
    except ImportError:
        raise MissingLibraryError("a DataFrame needs pandas: pip install pandas; records need nothing") from None
    return pandas


def typed(frame: pd.DataFrame, types: Mapping[str, str | Sequence[str]]) -> pd.DataFrame:
    """Return a table with the types of its columns set, whatever their values; missing ones become NA, NaN or NaT.

    Parameters
    ----------
    frame : DataFrame
    types : mapping
        A type of pandas by column, the categories of a categorical column, or `moment` for texts in ISO 8601. Other
        columns are not changed.
    """
    pandas = import_pandas()
    columns = {}
    for name, kind in types.items():
        if kind == "moment":
            columns[name] = _moments(frame[name], pandas)
        else:
            columns[name] = frame[name].astype(kind if isinstance(kind, str) else pandas.CategoricalDtype(list(kind)))
    return frame.assign(**columns)


def _moments(column: pd.Series, pandas: Any) -> pd.Series:
    """Return times in UTC, or without a zone if none has one; as objects if there are both, or years beyond 2261."""
    moments = [datetime.fromisoformat(text) if isinstance(text, str) else None for text in column]
    known = [each for each in moments if each is not None]
    zones = {each.utcoffset() is not None for each in known}
    if len(zones) > 1 or any(each.year > LAST_YEAR_IN_NS for each in known):
        return pandas.Series(moments, column.index, dtype=object)
    if zones == {False}:
        return pandas.Series(moments, column.index, dtype="datetime64[ns]")
    return pandas.Series(pandas.to_datetime(moments, utc=True), column.index, dtype="datetime64[ns, UTC]")
