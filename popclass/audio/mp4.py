"""Walk over the boxes of an mp4 (m4a, mov, 3gp): completeness, encryption, edit list.

Recorders write the index, `moov`, last; without it the recorder was stopped too early. Copy-protected audio has the
sample description `drms` or `enca` instead of its codec; decoders return noise or an unspecific error.

Source: ISO/IEC 14496-12; 23001-7 for `enca`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import BinaryIO

from popclass.audio.container import ContainerHeader, Edit, is_chunk

MAX_BOXES = 1_000_000
"""Boxes examined on one level: a fragmented recording has two for each second or two; a box takes microseconds."""

ENCRYPTED = (b"drms", b"enca", b"drmi", b"encv")

Box = tuple[bytes, int, int]


def read_mp4(file: BinaryIO, size: int, header: ContainerHeader) -> None:
    """Check the boxes of an mp4; a reader of `popclass.audio.header`."""
    index: Box | None = None
    count = 0
    for name, start, end in _boxes(file, 0, size):
        count += 1
        if end > size:
            header.check_length(end - start, size - start, more_follows=True)
            return
        if name == b"ftyp" and index is not None:
            header.ignored = size - start
            break
        if name == b"moov" and index is None:
            index = name, start, end
    if index is not None:
        codecs = list(_codecs(file, index))
        if codecs and all(codec in ENCRYPTED for codec in codecs):
            header.fault = f"its audio is encrypted, as purchased music is ({codecs[0].decode()})"
        header.edits = next((_edits(file, index, track) for track in _audio_tracks(file, index)), ())
    elif count < MAX_BOXES:  # else the index may follow
        header.fault = "its index (moov) is missing: the recorder was stopped before it was written"


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield name, first byte of content and end of each box in a range; the last may end beyond it."""
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        file.seek(start)
        head = file.read(16)
        if len(head) < 8 or not is_chunk(head[4:8]):
            return
        length, offset = struct.unpack(">I", head[:4])[0], 8
        if length == 1 and len(head) == 16:
            length, offset = struct.unpack(">Q", head[8:])[0], 16
        if length == 0:  # to the end of the file
            length = end - start
        yield head[4:8], start + offset, start + length
        start += max(length, 8)


def _audio_tracks(file: BinaryIO, index: Box) -> Iterator[Box]:
    for track in _find(file, index, b"trak"):
        handler = next(_find(file, track, b"mdia", b"hdlr"), None)
        if handler is not None and _read(file, handler[1] + 8, 4) == b"soun":
            yield track


def _codecs(file: BinaryIO, index: Box) -> Iterator[bytes]:
    """Yield the codec in the first sample description of each audio track."""
    for track in _audio_tracks(file, index):
        for table in _find(file, track, b"mdia", b"minf", b"stbl", b"stsd"):
            yield _read(file, table[1] + 12, 4)  # after version, number of descriptions, length of the first


def _edits(file: BinaryIO, index: Box, track: Box) -> tuple[Edit, ...]:
    """Return the edit list of a track."""
    movie_rate = _time_scale(file, next(_find(file, index, b"mvhd")))
    media_rate = _time_scale(file, next(_find(file, track, b"mdia", b"mdhd")))
    if not (movie_rate and media_rate):
        return ()
    edits = []
    for _, start, end in _find(file, track, b"edts", b"elst"):
        version, count = struct.unpack(">B3xI", _read(file, start, 8))
        entry = struct.Struct(">Qq4x" if version else ">Ii4x")
        content = _read(file, start + 8, min(end - start - 8, count * entry.size))
        for duration, media in entry.iter_unpack(content):
            # in a fragmented file, whose length is not yet known, 0 means the whole rest
            seconds = duration / movie_rate if duration or media < 0 else math.inf
            edits.append(Edit(seconds, None if media < 0 else media / media_rate))
    return tuple(edits)


def _time_scale(file: BinaryIO, header: Box) -> int:
    """Return the units per second of a movie or media header."""
    position = header[1] + (20 if _read(file, header[1], 1) == b"\x01" else 12)
    return int.from_bytes(_read(file, position, 4), "big")


def _read(file: BinaryIO, position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)


def _find(file: BinaryIO, box: Box, name: bytes, *path: bytes) -> Iterator[Box]:
    """Yield the boxes at the end of a path of names."""
    for inner in _boxes(file, box[1], box[2]):
        if inner[0] == name:
            yield from _find(file, inner, *path) if path else (inner,)
