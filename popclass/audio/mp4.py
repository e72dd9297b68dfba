"""The boxes of an mp4 (m4a, mov, 3gp): whether they are all there, and whether the sound in them is encrypted.

Recorders write the index, `moov`, last; where it is missing they were stopped before they could. Sound bought with a
copy protection is described as `drms` or `enca` instead of its codec: a decoder makes noise of it, or an error that
says nothing.

Source: ISO/IEC 14496-12; 23001-7 for `enca`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from popclass.audio.container import Header, is_chunk

MAX_BOXES = 1_000_000
"""Boxes looked at on one level: a recording in pieces has two for each second or two, and a box is passed by in
microseconds."""

ENCRYPTED = (b"drms", b"enca", b"drmi", b"encv")

Box = tuple[bytes, int, int]


def read_mp4(file: BinaryIO, size: int) -> Header:
    """What is wrong with the boxes of an mp4, from its first byte on.

    Parameters
    ----------
    file : seekable binary file
    size : int
        Of the file, in bytes.
    """
    header = Header("MP4")
    index: Box | None = None
    looked_at = 0
    for name, start, end in _boxes(file, 0, size):
        looked_at += 1
        if end > size:
            header.promised, header.present, header.cut_short = end - start, size - start, True
            return header
        if name == b"moov" and index is None:
            index = name, start, end
    if index is None and looked_at == MAX_BOXES:
        return header  # nobody knows what follows so many
    if index is None:
        header.fault = "its index (moov) is missing: the recorder was stopped before it could write it"
        return header
    codecs = list(_codecs(file, index))
    if codecs and all(codec in ENCRYPTED for codec in codecs):
        header.fault = f"its sound is encrypted, as bought music is ({codecs[0].decode()})"
    return header


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Name, first byte of content and end of each box between two places; the last may reach beyond."""
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
    """What the first description of each sound track calls its codec."""
    for track in _within(file, index, b"trak"):
        for media in _within(file, track, b"mdia"):
            if _handler(file, media) != b"soun":
                continue
            for table in _deep(file, media, b"minf", b"stbl", b"stsd"):
                file.seek(table[1] + 12)  # version, number of descriptions, length of the first
                yield file.read(4)


def _handler(file: BinaryIO, media: Box) -> bytes:
    for _, start, _ in _within(file, media, b"hdlr"):
        file.seek(start + 8)
        return file.read(4)
    return b""


def _within(file: BinaryIO, box: Box, name: bytes) -> Iterator[Box]:
    """The boxes of one name in a box."""
    return (inner for inner in _boxes(file, box[1], box[2]) if inner[0] == name)


def _deep(file: BinaryIO, box: Box, *path: bytes) -> Iterator[Box]:
    """The boxes at the end of a path of names."""
    for inner in _within(file, box, path[0]):
        if path[1:]:
            yield from _deep(file, inner, *path[1:])
        else:
            yield inner
