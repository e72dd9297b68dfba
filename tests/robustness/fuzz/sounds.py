"""Fuzz targets for recordings: headers, the time a recording began, and the whole way from bytes to labels."""

from __future__ import annotations

import io
import json
import math
from datetime import datetime
from functools import cache

import numpy as np

from popclass.audio.container import ContainerHeader
from popclass.audio.decode import Decoder, PyAVDecoder, SoundFileDecoder
from popclass.audio.header import MAX_CHUNKS, read_header
from popclass.audio.timestamps import _DATE_TAGS, EARLIEST_YEAR, from_file_name, recording_time
from popclass.errors import AudioError
from popclass.formats.csv_io import events_csv
from popclass.formats.table import table
from popclass.formats.tracks import audacity, raven
from popclass.formats.write import events_jsonl
from popclass.model.model import Model
from popclass.pipeline import classify
from popclass.results import RecordingResult

from .invariants import Refused, check, check_line, twice, workplace

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".caf", ".m4a", ".webm", ".w64", ".au", ".raw", "")
READS = 4 * MAX_CHUNKS + 16  # places a header is looked at in, beside the boxes of an mp4, which are 8 bytes and more


class _Counted(io.BytesIO):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


def headers(data: bytes) -> None:
    """A header is read in a few places, says what it knows in a line, and its metadata give a time or none."""
    file = _Counted(data)
    header = twice(lambda: read_header(io.BytesIO(data)))
    read_header(file)
    check(file.reads <= READS + len(data) // 8, f"{file.reads} reads of a header")
    if not isinstance(header, ContainerHeader):
        return
    check_line(header.shortfall())
    check("nan" not in header.shortfall() and "inf" not in header.shortfall(), header.shortfall())
    check(not (header.cut_short and header.length_lost), "too short and too long at once")
    if header.fault:
        check_line(header.fault)
    _check_moment(recording_time("take.wav", {}, header.chunks, 48_000))


def clock(data: bytes) -> None:
    """Whatever a name or a piece of metadata says, it is a time that a calendar has, or none."""
    text = data.decode("utf-8", "surrogateescape")
    rate = 8_000 + len(data)
    for moment in (
        from_file_name(text),
        recording_time("", {}, {b"bext": data}, rate),
        recording_time("", {}, {b"bext": bytes(320) + data.ljust(26, b"\0")}, rate),
        recording_time("", {}, {b"iXML": data}, rate),
        *(recording_time("", {name: text}, {}, rate) for name in (*_DATE_TAGS, "comment")),
    ):
        _check_moment(moment)


def audio(data: bytes) -> None:
    """Bytes with a suffix are classified or refused in a line; the first byte picks the suffix and the decoder."""
    if not data:
        return
    path = workplace("audio") / f"take{SUFFIXES[data[0] % len(SUFFIXES)]}"
    path.write_bytes(data[1:])
    if data[0] >= 128:  # what soundfile reads never comes to PyAV otherwise
        twice(lambda: _decoded(PyAVDecoder(str(path))), AudioError)
    elif data[0] >= 64:
        twice(lambda: _decoded(SoundFileDecoder(str(path))), AudioError)
    result = twice(lambda: classify(path, model=_model(), site="mcp"), AudioError)
    if not isinstance(result, Refused):
        _check_result(result)


def _decoded(decoder: Decoder) -> tuple[int, int]:
    """Frames and channels of what a decoder gives, in blocks as they are asked for."""
    frames = 0
    try:
        while len(block := decoder.read(4096)):
            check(block.dtype == np.float32 and block.shape[1] == decoder.channels, f"a block of {block.shape}")
            check(len(block) <= 4096, f"{len(block)} frames where 4096 were asked for")
            frames += len(block)
        missing = decoder.missing(frames)
        check(missing is None or math.isfinite(missing), f"{missing} s are missing")
    finally:
        decoder.close()
    return frames, decoder.channels


def _check_moment(moment: datetime | None) -> None:
    if moment is None:
        return
    check(moment.year >= EARLIEST_YEAR, f"{moment} is before any recorder")
    check(datetime.fromisoformat(moment.isoformat()) == moment, f"{moment!r} is not read back")


def _check_result(result: RecordingResult) -> None:
    check(math.isfinite(result.duration_s) and result.duration_s > 0, f"a length of {result.duration_s} s")
    for warning in result.warnings:
        check_line(warning)
    onsets = [event.onset for event in result.events]
    check(onsets == sorted(onsets), "events out of order")
    last = round(result.duration_s * result.sample_rate)
    for event in result.events:
        check(0 <= event.onset <= event.peak <= event.end <= last, f"an event outside the recording: {event}")
        check(event.label in (*result.classes, "uncertain"), f"a label of no class: {event.label}")
        check(math.isclose(sum(event.probabilities.values()), 1, abs_tol=1e-6), f"no probabilities: {event}")
        check(math.isfinite(event.snr_db) and math.isfinite(event.peak_dbfs), f"a level that is none: {event}")
    for format in (audacity, events_csv, raven, table):
        "".join(format([result])).encode("utf-8")
    lines = list(events_jsonl([result]))
    check(len([json.loads(line) for line in lines]) == len(result.events), "an event was lost on the way")


@cache
def _model() -> Model:
    return Model.default()
