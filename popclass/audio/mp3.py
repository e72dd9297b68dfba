"""Whether the frames of an MP3 follow each other from the first to the last.

An MP3 has no checksums and no length, and decoders step over what is no frame without a word. So the frames are walked
through by their headers, which takes a twentieth of the time of decoding. Tags may stand before, between and after
them; where anything else stands between two frames, sound is missing there. The Xing or Info frame, where there is one,
gives the number of bytes from that frame on.

Source: ISO/IEC 11172-3 and 13818-3, layer III; the extension for low sample rates ("MPEG 2.5") as LAME writes it.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from popclass.audio.container import Header

SEARCHED = 1 << 18
"""Bytes after the last frame in which another one is looked for; longest tags apart, this is more than ten seconds."""

_CHUNK = 1 << 20
_KILOBITS = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_LAYER_3 = 1

Lengths = dict[bytes, int]


def read_mp3(file: BinaryIO, size: int) -> Header | None:
    """What an MP3 promises, and whether its frames are all there; None where no frame of layer III comes first.

    Parameters
    ----------
    file : seekable binary file
    size : int
        Of the file, in bytes.
    """
    file.seek(0)
    start = _tag_length(file.read(10))
    file.seek(start)
    frame = file.read(256)
    lengths = _lengths(frame[:4])
    if frame[1:3] not in lengths:
        return None
    header = Header("MP3")
    _read_xing(header, frame, size - start)
    header.damage = _gap(file, start, size, lengths)
    return header


def _tag_length(head: bytes) -> int:
    """Length of the ID3v2 tag whose first ten bytes these are; 0 where it is none."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    footer = 10 if head[5] & 0x10 else 0
    return 10 + footer + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def _read_xing(header: Header, frame: bytes, present: int) -> None:
    at = max(frame.find(b"Xing", 4, 44), frame.find(b"Info", 4, 44))
    if at < 0 or len(frame) < at + 16:
        return
    flags, frames, length = struct.unpack(">III", frame[at + 4 : at + 16])
    if flags & 3 == 3 and length:
        header.promised, header.present = length, present
        if frames:
            version, rate = frame[1] >> 3 & 3, _RATES[frame[1] >> 3 & 3][frame[2] >> 2 & 3]
            header.byte_rate = length / (frames * (1152 if version == 3 else 576) / rate)
        header.cut_short = present < length


def _lengths(head: bytes) -> Lengths:
    """Lengths of the frames of one stream by the second and third byte of their headers.

    Version, layer and sample rate do not change within a stream; bit rate and padding do.
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or head[1] >> 1 & 3 != _LAYER_3:
        return {}
    version, rate_index = head[1] >> 3 & 3, head[2] >> 2 & 3
    if version not in _RATES or rate_index == 3:
        return {}
    rate, factor = _RATES[version][rate_index], 144_000 if version == 3 else 72_000
    found: Lengths = {}
    for protection in (0, 1):
        for index, kilobits in enumerate(_KILOBITS[version == 3], start=1):
            for padding in (0, 1):
                for private in (0, 1):
                    second = head[1] & 0xFE | protection
                    third = index << 4 | rate_index << 2 | padding << 1 | private
                    found[bytes((second, third))] = factor * kilobits // rate + padding
    return found


def _gap(file: BinaryIO, start: int, size: int, lengths: Lengths) -> str:
    """Where something that is no frame stands between frames; empty where nothing does."""
    position = start
    while True:
        position = _end_of_frames(file, position, lengths)
        if position >= size:
            return ""
        file.seek(position)
        head = file.read(SEARCHED)
        length = _known_tag(head)
        if not length:
            break
        position += length
    skipped = _next_frame(head, lengths)
    return f"{skipped} bytes at byte {position} are no MP3, though more of it follows" if skipped else ""


def _known_tag(head: bytes) -> int:
    """Length of a tag that may stand between frames; 0 where none is known."""
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX" and len(head) >= 32:
        size, flags = struct.unpack("<I4xI", head[12:24])
        return int(size) + (32 if flags & 1 << 29 else 0)
    return _tag_length(head[:10])


def _end_of_frames(file: BinaryIO, position: int, lengths: Lengths) -> int:
    """Where the frames that follow each other from `position` on come to an end."""
    while True:
        file.seek(position)
        piece = file.read(_CHUNK)
        at, last = 0, len(piece) - 4
        while at <= last and piece[at] == 0xFF and (length := lengths.get(piece[at + 1 : at + 3])):
            at += length
        position += at
        if at <= last or len(piece) < _CHUNK:
            return position


def _next_frame(piece: bytes, lengths: Lengths) -> int | None:
    """Where in a piece two frames follow each other, the first one found."""
    at = piece.find(b"\xff", 1)
    while at >= 0:
        length = lengths.get(piece[at + 1 : at + 3])
        if (
            length
            and piece[at + length : at + length + 1] == b"\xff"
            and piece[at + length + 1 : at + length + 3] in lengths
        ):
            return at
        at = piece.find(b"\xff", at + 1)
    return None
