"""The tables of a batch as Parquet, for those who go on in pandas or DuckDB.

They are made from the lines of the CSV tables: the same rows in the same order, the same values to the last decimal.
Numbers are int64 and float64, text is string, what is unknown is null. `recorded_at` is a timestamp in microseconds of
the clock that the recorder showed, and one more column, `utc_offset_s`, says how far that clock was ahead of UTC, null
where nobody knows; a CSV says both in one text. The bytes depend on rows and the version of pyarrow alone.

pyarrow is as large as everything else together, hence an extra of its own, imported only when asked for.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popclass.errors import OutputError, UsageError
from popclass.utils.files import replacing
from popclass.utils.text import one_line

if TYPE_CHECKING:
    import pyarrow as pa

PART_CHARS = 4_000_000  # of CSV in one row group; bounds the memory, and never depends on how the batch was run
OFFSET = "utc_offset_s"

TEXT = frozenset(
    ("recording", "status", "reason", "label", "acoustic_label", "timing", "site", "subject", "recorded_at", "warnings")
)


def check_pyarrow() -> None:
    """Find out before the work starts whether Parquet can be written.

    Raises
    ------
    UsageError
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise UsageError(
            "--to parquet needs pyarrow, which is not installed: pip install 'popclass[parquet]', or say --to csv"
        ) from None


def write_parquet(target: Path, header: str, lines: Iterable[str], *, integers: frozenset[str]) -> None:
    """Write a CSV table as Parquet, in one move.

    Parameters
    ----------
    target : Path
    header : str
        The header line.
    lines : iterable of str
        Pieces of whole lines.
    integers : frozenset of str
        Columns of whole numbers; what is neither these nor text has fractions.

    Raises
    ------
    OutputError
        Where it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = _types(header, integers)
    try:
        with replacing(target) as part, pq.ParquetWriter(part, _schema(types)) as writer:
            for text in _parts(lines):
                writer.write_table(_table(header + text, types))
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"cannot write {one_line(str(target))}: {one_line(reason)}") from None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table written here, in the columns and values of the CSV.

    Raises
    ------
    OutputError
        Where it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

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


def _types(header: str, integers: frozenset[str]) -> dict[str, pa.DataType]:
    import csv

    import pyarrow as pa

    names = next(csv.reader([header]))
    return {name: pa.string() if name in TEXT else pa.int64() if name in integers else pa.float64() for name in names}


def _schema(types: dict[str, pa.DataType]) -> pa.Schema:
    import pyarrow as pa

    fields = []
    for name, kind in types.items():
        fields.append((name, pa.timestamp("us") if name == "recorded_at" else kind))
        if name == "recorded_at":
            fields.append((OFFSET, pa.int32()))
    return pa.schema(fields)


def _parts(lines: Iterable[str]) -> Iterator[str]:
    """Lines put together to pieces that are worth a row group."""
    held: list[str] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= PART_CHARS:
            yield "".join(held)
            held, size = [], 0
    if size:
        yield "".join(held)


def _table(text: str, types: dict[str, pa.DataType]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    data = text.encode()
    table = csv.read_csv(
        io.BytesIO(data),
        read_options=csv.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    moments = [None if text is None else datetime.fromisoformat(text) for text in table["recorded_at"].to_pylist()]
    columns = {name: table[name] for name in types}
    place = list(types).index("recorded_at")
    columns["recorded_at"] = pa.array([m and m.replace(tzinfo=None) for m in moments], pa.timestamp("us"))
    offsets = pa.array([_offset(moment) for moment in moments], pa.int32())
    made = pa.table(columns).add_column(place + 1, OFFSET, offsets)
    return made.cast(_schema(types))


def _offset(moment: datetime | None) -> int | None:
    offset = None if moment is None else moment.utcoffset()
    return None if offset is None else round(offset.total_seconds())
