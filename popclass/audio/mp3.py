"""Walk over the frames of an MP3 to find gaps.

An MP3 has no checksums and no length, and decoders silently skip what is not a frame. The walk from one frame header to
the next takes a twentieth of the time of decoding. Tags may precede, separate and follow the frames; if anything else
lies between two frames, audio is missing there. A Xing or Info frame declares the number of bytes from that frame on.

Source: ISO/IEC 11172-3 and 13818-3, layer III; the extension for low sample rates ("MPEG 2.5") as LAME writes it.
"""

from __future__ import annotations

import struct
from itertools import product
from typing import BinaryIO

from popclass.audio.container import ContainerHeader

SEARCHED = 1 << 18
"""Bytes searched for another frame after the last; except for long tags this is more than ten seconds."""

_CHUNK = 1 << 20
_KILOBITS = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_VERSION_1 = 3
_RATES = {_VERSION_1: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_LAYER_3 = 1

FrameLengths = dict[bytes, int]


def read_mp3(file: BinaryIO, size: int, header: ContainerHeader) -> None:
    """Read the declared length of an MP3 and search it for gaps; a reader of `popclass.audio.header`.

    Raises
    ------
    ValueError, LookupError
        If it does not begin with a layer III frame.
    """
    file.seek(0)
    tagged = _id3_length(file.read(10))
    file.seek(tagged)
    padded = file.read(SEARCHED)
    start = tagged + len(padded) - len(padded.lstrip(b"\0"))
    file.seek(start)
    frame = file.read(256)
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0 or frame[1] >> 1 & 3 != _LAYER_3:
        raise ValueError("not a layer III frame")
    version = frame[1] >> 3 & 3
    rate = _RATES[version][frame[2] >> 2 & 3]
    lengths = _frame_lengths(frame, version, rate)
    if frame[1:3] not in lengths:
        raise ValueError("not a bit rate of layer III")
    at = max(frame.find(b"Xing", 4, 44), frame.find(b"Info", 4, 44))
    if at >= 0 and len(frame) >= at + 16:
        flags, frames, length = struct.unpack(">III", frame[at + 4 : at + 16])
        if flags & 3 == 3 and length:
            header.check_length(length, size - start, more_follows=True)
            if frames:
                header.byte_rate = length / (frames * (1152 if version == _VERSION_1 else 576) / rate)
    header.first_frame = start if start > tagged else 0
    header.damage, header.last_frame = _find_gap(file, start, size, lengths)


def _id3_length(head: bytes) -> int:
    """Return the length of the ID3v2 tag with these first ten bytes; 0 if it is not one."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    footer = 10 if head[5] & 0x10 else 0
    return 10 + footer + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def _frame_lengths(head: bytes, version: int, rate: int) -> FrameLengths:
    """Return the lengths of the frames of one stream by the second and third byte of their headers.

    Version, layer and sample rate are constant in a stream; bit rate and padding are not.
    """
    factor = 144_000 if version == _VERSION_1 else 72_000
    lengths: FrameLengths = {}
    rates = enumerate(_KILOBITS[version == _VERSION_1], start=1)
    for (index, kilobits), protection, padding, private in product(rates, (0, 1), (0, 1), (0, 1)):
        key = bytes((head[1] & 0xFE | protection, index << 4 | head[2] & 0x0C | padding << 1 | private))
        lengths[key] = factor * kilobits // rate + padding
    return lengths


def _find_gap(file: BinaryIO, start: int, size: int, lengths: FrameLengths) -> tuple[str, int]:
    """Describe the first gap between frames, empty if there is none, and return the end of the last frame before it."""
    position = end = start
    while True:
        after = _end_of_frames(file, position, lengths)
        end = after if after > position else end
        if after >= size:
            return "", end
        file.seek(after)
        head = file.read(SEARCHED)
        length = _tag_length(head)
        if not length:
            skipped = _next_frame(head, lengths)
            return f"{skipped} bytes at byte {after} are not MP3, though more MP3 follows" if skipped else "", end
        position = after + length


def _tag_length(head: bytes) -> int:
    """Return the length of a tag that may lie between frames; 0 if it is not one."""
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX" and len(head) >= 32:
        size, flags = struct.unpack("<I4xI", head[12:24])
        return int(size) + (32 if flags & 1 << 29 else 0)
    return _id3_length(head[:10])


def _end_of_frames(file: BinaryIO, position: int, lengths: FrameLengths) -> int:
    """Return the end of the unbroken sequence of frames that begins at `position`."""
    while True:
        file.seek(position)
        piece = file.read(_CHUNK)
        at, last = 0, len(piece) - 4
        while at <= last and piece[at] == 0xFF and (length := lengths.get(piece[at + 1 : at + 3])):
            at += length
        position += at
        if at <= last or len(piece) < _CHUNK:
            return position


def _next_frame(piece: bytes, lengths: FrameLengths) -> int | None:
    """Return the position of the first two consecutive frames in a piece."""
    at = 0
    while (at := piece.find(b"\xff", at + 1)) >= 0:
        following = at + lengths.get(piece[at + 1 : at + 3], len(piece))
        if piece[following : following + 1] == b"\xff" and piece[following + 1 : following + 3] in lengths:
            return at
    return None
