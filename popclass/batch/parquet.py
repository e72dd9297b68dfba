"""Tables of a batch as Parquet, for pandas or DuckDB.

They are made from the lines of the CSV tables: the same rows in the same order, the same values to the last decimal.
Numbers are int64 and float64, text is string, unknown values are null. `recorded_at` is a timestamp in microseconds of
the clock of the recorder. A further column, `utc_offset_s`, says how far that clock was ahead of UTC, null if unknown;
a CSV has both in one text. `recorded_at_utc` is a timestamp in UTC, and columns of the user's own are text. The bytes
depend on the rows and the version of pyarrow alone.

pyarrow is as large as everything else together. So it is an extra of its own, and this module is imported on demand.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from popclass.errors import OutputError
from popclass.formats.csv_io import UTC_COLUMN
from popclass.formats.text import decimals
from popclass.schema import is_extra
from popclass.utils.files import replacing, system_errors
from popclass.utils.text import one_line

PART_CHARS = 4_000_000  # of CSV in a row group; bounds the memory and does not depend on how the batch was run
OFFSET = "utc_offset_s"

TEXT = frozenset(
    (
        *("recording", "status", "reason", "label", "acoustic_label", "timing"),
        *("site", "subject", "side", "recorded_at", UTC_COLUMN, "warnings"),
    )
)
MOMENTS = {"recorded_at": pa.timestamp("us"), UTC_COLUMN: pa.timestamp("us", tz="UTC")}


def write_parquet(target: Path, lines: Iterator[str]) -> None:
    """Write a CSV table as Parquet, in one move.

    Parameters
    ----------
    target : Path
    lines : iterator of str
        The header line, then pieces of whole lines. Columns that hold neither text nor fractions are int64.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    header = next(lines)
    names = next(csv.reader([header]))
    texts = {name for name in names if name in TEXT or is_extra(name)}
    types = {name: pa.string() if name in texts else pa.float64() if decimals(name) else pa.int64() for name in names}
    fields = [(name, MOMENTS.get(name, kind)) for name, kind in types.items()]
    fields.insert(names.index("recorded_at") + 1, (OFFSET, pa.int32()))
    schema = pa.schema(fields)
    with replacing(target) as part, system_errors(target), pq.ParquetWriter(part, schema) as writer:
        for text in _parts(lines):
            writer.write_table(_table(header + text, types, schema))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a table written here, in the columns and values of the CSV.

    Raises
    ------
    OutputError
        If it cannot be read.
    """
    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{one_line(str(path))}: cannot be read as Parquet: {one_line(str(error))}") from None
    for row in rows:
        moment, offset = row["recorded_at"], row.pop(OFFSET)
        if offset is not None:
            moment = moment.replace(tzinfo=timezone(timedelta(seconds=offset)) if offset else UTC)
        row["recorded_at"] = None if moment is None else moment.isoformat()
    return rows


def _parts(lines: Iterable[str]) -> Iterator[str]:
    """Join lines to texts of the size of a row group."""
    text = io.StringIO()
    for line in lines:
        text.write(line)
        if text.tell() >= PART_CHARS:
            yield text.getvalue()
            text = io.StringIO()
    if text.tell():
        yield text.getvalue()


def _table(text: str, types: dict[str, pa.DataType], schema: pa.Schema) -> pa.Table:
    data = text.encode()
    table = pa.csv.read_csv(
        io.BytesIO(data),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    columns = {name: table[name] for name in types}
    moments = _moments(table["recorded_at"])
    offsets = [None if moment is None else moment.utcoffset() for moment in moments]
    if UTC_COLUMN in columns:
        columns[UTC_COLUMN] = pa.array(_moments(table[UTC_COLUMN]), MOMENTS[UTC_COLUMN])
    columns["recorded_at"] = pa.array([moment and moment.replace(tzinfo=None) for moment in moments])
    columns[OFFSET] = pa.array([None if each is None else round(each.total_seconds()) for each in offsets])
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)


def _moments(column: pa.ChunkedArray) -> list[datetime | None]:
    return [None if text is None else datetime.fromisoformat(text) for text in column.to_pylist()]
