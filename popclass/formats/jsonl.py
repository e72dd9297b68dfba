"""The events as JSON lines: one object an event, for programs.

Each object has `schema_version` and the keys of `popclass.results.event_columns`, null where a value is unknown, with
the numbers of the CSV. Where there are no events there are no lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from popclass.formats.text import fields
from popclass.results import SCHEMA_VERSION, RecordingResult


def jsonl_rows(result: RecordingResult) -> Iterator[str]:
    """The lines of one recording, each with its line end."""
    for row in fields(result):
        record = {"schema_version": SCHEMA_VERSION, **row}
        yield json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def events_jsonl(results: Iterable[RecordingResult]) -> Iterator[str]:
    """The events of several recordings as JSON lines."""
    for result in results:
        yield from jsonl_rows(result)
