"""Lines of a journal: JSON objects with a checksum, and the recordings that they hold.

A line of a recording has its path relative to the folder of the batch, size, time of modification, and its
`popclass.results.Analysis`. Numbers are written such that they read back the same to the last bit. Each line ends with
its own CRC-32; a line that does not fit its checksum is damaged.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from popclass.batch.files import Fingerprint
from popclass.info import RecordingInfo
from popclass.results import Analysis, Event
from popclass.utils.files import Stamp

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""Exceptions of reading a line that is damaged, or was written by something else."""

_CRC = ',"crc":'
_INFO = ("duration_s", "sample_rate", "channels")
_EVENT = ("onset", "peak", "end", "channel", "snr_db", "peak_dbfs", "burst")


@dataclass(frozen=True, slots=True)
class Entry:
    """A processed recording.

    Attributes
    ----------
    stamp : Stamp
        Size and time of modification of its file.
    fingerprint : (int, int)
        See `popclass.batch.files.fingerprint`.
    analysis : Analysis
        Its `info.name` is the path relative to the folder of the batch.
    """

    stamp: Stamp
    fingerprint: Fingerprint
    analysis: Analysis


class Source(NamedTuple):
    """File of a processed recording, to find it again and to detect that it has changed."""

    name: str
    fingerprint: Fingerprint
    sample_rate: int
    onsets: tuple[int, ...]


def to_line(recording: str, analysis: Analysis, stamp: Stamp, fingerprint: Fingerprint) -> str:
    """Return the line of a recording, line end included."""
    info = analysis.info
    return seal(
        {
            "recording": recording,
            "size": stamp.size,
            "mtime_ns": stamp.mtime_ns,
            "piece": fingerprint,  # a stored name, as `believed` below
            **{name: getattr(info, name) for name in _INFO},
            "recorded_at": None if info.recorded_at is None else info.recorded_at.isoformat(),
            "warnings": info.warnings,
            "events": [[getattr(event, name) for name in _EVENT] for event in analysis.events],
            "acoustic": analysis.acoustic.tolist(),
            "believed": analysis.contextual.tolist(),
            "novelty": analysis.novelty.tolist(),
        }
    )


def from_line(line: str, *, classes: int) -> Entry:
    """Return what a line that `to_line` wrote holds, given the number of classes; raise ValueError if it is damaged."""
    try:
        return entry_of(unseal(line), classes)
    except MALFORMED as error:
        raise ValueError(f"a journal line is damaged: {type(error).__name__}") from None


def with_model(line: str, sha256: str) -> str:
    """Return a line that also names the model by which its recording was processed."""
    return _sealed(f'{line.rpartition(_CRC)[0]},"model":{json.dumps(sha256)}')


def seal(content: Mapping[str, Any]) -> str:
    """Return a line with its checksum and line end."""
    return _sealed(json.dumps(content, separators=(",", ":"))[:-1])


def _sealed(text: str) -> str:
    """Return a line, given its JSON without the closing brace."""
    return f"{text}{_CRC}{zlib.crc32(text.encode('utf-8', 'surrogatepass'))}}}\n"


def unseal(line: str) -> dict[str, Any]:
    """Return the content of a line; raise one of `MALFORMED` if it is damaged."""
    if line != _sealed(line.rpartition(_CRC)[0]):
        raise ValueError("damaged")
    return dict(json.loads(line))


def entry_of(content: Mapping[str, Any], classes: int) -> Entry:
    """Return the recording in the content of a line; raise one of `MALFORMED` if it has another form."""
    started = content["recorded_at"]
    info = RecordingInfo(
        name=content["recording"],
        **{name: content[name] for name in _INFO},
        recorded_at=None if started is None else datetime.fromisoformat(started),
        warnings=tuple(content["warnings"]),
    )
    events = tuple(
        Event(sample_rate=info.sample_rate, event=number, **dict(zip(_EVENT, values, strict=True)))
        for number, values in enumerate(content["events"], start=1)
    )
    shapes = {"acoustic": (len(events), classes), "believed": (len(events), classes), "novelty": (len(events),)}
    tables = (np.array(content[key], dtype=np.float64).reshape(shape) for key, shape in shapes.items())
    stamp = Stamp(content["size"], content["mtime_ns"])
    return Entry(stamp, _fingerprint(content), Analysis(info, events, *tables))


def source_of(content: Mapping[str, Any]) -> Source:
    """Return the file of the recording in the content of a line; raise one of `MALFORMED` if it has another form."""
    onsets = tuple(event[0] for event in content["events"])
    return Source(content["recording"], _fingerprint(content), content["sample_rate"], onsets)


def _fingerprint(content: Mapping[str, Any]) -> Fingerprint:
    size, checksum = content["piece"]
    return size, checksum
