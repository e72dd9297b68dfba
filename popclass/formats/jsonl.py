"""Events as JSON lines: one object an event.

Each object has `schema_version` and the keys of `popclass.results.event_columns`, with the numbers of the CSV and null
for unknown values. Without events there are no lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from popclass.formats.text import fields
from popclass.results import SCHEMA_VERSION, RecordingResult


def events_jsonl(results: Iterable[RecordingResult]) -> Iterator[str]:
    """Yield the events of several recordings as JSON lines."""
    for result in results:
        for row in fields(result):
            record = {"schema_version": SCHEMA_VERSION, **row}
            yield json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
