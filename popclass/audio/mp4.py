"""Walk over the boxes of an mp4 (m4a, mov, 3gp) to find out if they are complete and if the audio is encrypted.

Recorders write the index, `moov`, last; without it the recorder was stopped too early. Copy-protected audio has the
sample description `drms` or `enca` instead of its codec; decoders return noise or an unspecific error.

Source: ISO/IEC 14496-12; 23001-7 for `enca`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from popclass.audio.container import ContainerHeader, is_chunk

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
        if name == b"moov" and index is None:
            index = name, start, end
    if index is not None:
        codecs = list(_codecs(file, index))
        if codecs and all(codec in ENCRYPTED for codec in codecs):
            header.fault = f"its audio is encrypted, as purchased music is ({codecs[0].decode()})"
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


def _codecs(file: BinaryIO, index: Box) -> Iterator[bytes]:
    """Yield the codec in the first sample description of each audio track."""
    for media in _find(file, index, b"trak", b"mdia"):
        handler = next(_find(file, media, b"hdlr"), None)
        if handler is not None and _four_bytes(file, handler[1] + 8) == b"soun":
            for table in _find(file, media, b"minf", b"stbl", b"stsd"):
                yield _four_bytes(file, table[1] + 12)  # after version, number of descriptions, length of the first


def _four_bytes(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(4)


def _find(file: BinaryIO, box: Box, name: bytes, *path: bytes) -> Iterator[Box]:
    """Yield the boxes at the end of a path of names."""
    for inner in _boxes(file, box[1], box[2]):
        if inner[0] == name:
            yield from _find(file, inner, *path) if path else (inner,)
