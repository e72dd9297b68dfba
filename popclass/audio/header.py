"""What the header of an audio file promises, held against what the file holds.

Decoders read a file that was cut short, or whose recorder died before it could fill in the length, without a word.
`read_header` walks the chunks of a WAV (also RF64, BW64, RIFX, W64), AIFF, CAF or AU file as far as they are needed;
mp4, Ogg and MP3 have modules of their own. It decodes nothing, reads a few kilobytes (Ogg and MP3 whole) and returns
None for what it does not know. What it finds is explained in `popclass.audio.container`.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from popclass.audio.container import Header, is_chunk
from popclass.audio.mp3 import read_mp3
from popclass.audio.mp4 import read_mp4
from popclass.audio.ogg import read_ogg

MAX_CHUNKS = 10_000
"""Chunks looked at in one file; recorders write fewer than ten."""

MAX_TEXT = 1 << 20
"""Largest metadata chunk that is read, in bytes."""

WRITTEN_BY_PIPES = ((0x7FFF0000, 0x80000000), (0xFFFF0000, 0xFFFFFFFF))
"""Lengths that stand for "unknown" in 32-bit headers: ffmpeg writes the largest, sox 0x7FFFF000, arecord 2 GiB."""

_W64_GUID = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_TEXT_CHUNKS = (b"bext", b"iXML")
_STREAMINFO = 34
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


def read_header(file: BinaryIO) -> Header | None:
    """Header of an audio file, from its first byte on; None for a format that is not known here.

    Parameters
    ----------
    file : seekable binary file

    Raises
    ------
    OSError
        Where the file cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    magic = file.read(12)
    try:
        if magic[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and magic[8:] == b"WAVE":
            return _read_riff(file, size, magic[:4])
        if magic == b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb":
            return _read_w64(file, size)
        if magic[:4] == b"FORM" and magic[8:] in (b"AIFF", b"AIFC"):
            return _read_aiff(file, size)
        if magic[:4] == b"caff":
            return _read_caf(file, size)
        if magic[:4] == b"fLaC":
            return _read_flac(file)
        if magic[:4] == b".snd":
            return _read_au(size, magic)
        if magic[4:8] == b"ftyp":
            return read_mp4(file, size)
        if magic[:4] == b"OggS":
            return read_ogg(file)
        if magic[:3] == b"ID3" or (magic[:1] == b"\xff" and magic[1] & 0xE0 == 0xE0):
            return read_mp3(file, size)
    except (struct.error, ValueError, IndexError, OverflowError):
        return None
    return None


def _is_unknown(length: int) -> bool:
    return any(low <= length <= high for low, high in WRITTEN_BY_PIPES)


def _riff_chunks(file: BinaryIO, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, length and position of each chunk after the file's first twelve bytes."""
    position = 12
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or not is_chunk(head[:4]):
            return
        length = struct.unpack(f"{order}I", head[4:])[0]
        yield head[:4], length, position + 8
        position += 8 + length + length % 2
        if position >= size:
            return


def _read_riff(file: BinaryIO, size: int, magic: bytes) -> Header:
    header = Header("WAV" if magic in (b"RIFF", b"RIFX") else "RF64")
    order = ">" if magic == b"RIFX" else "<"
    long_length: int | None = None
    data: tuple[int, int] | None = None
    for name, length, position in _riff_chunks(file, size, order):
        if name == b"ds64":
            long_length = struct.unpack("<Q", file.read(24)[8:16])[0]
        elif name == b"fmt ":
            _read_format(header, file.read(min(length, 40)), order)
        elif name == b"data" and data is None:
            data = (length, position)
            if length in (0, 0xFFFFFFFF) or position + length >= size:
                break
        elif name in _TEXT_CHUNKS and length <= MAX_TEXT:
            header.chunks[name] = file.read(length)
    if data is None:
        header.fault = "it has no data chunk"
        return header
    length, position = data
    promised: int | None = length
    if header.kind == "RF64" and length == 0xFFFFFFFF and long_length is not None:
        promised = None if long_length >= 1 << 62 else long_length
    elif _is_unknown(length) and position + length > size:
        promised = None
    header.judge(promised, size - position, more_follows=_chunk_at(file, size, position + (promised or 0)), wraps=True)
    return header


def _chunk_at(file: BinaryIO, size: int, position: int) -> bool:
    """Whether a chunk's name stands at `position` or, after a pad byte, next to it."""
    file.seek(min(position, size))
    name = file.read(5)
    return is_chunk(name[:4]) or is_chunk(name[1:])


def _read_format(header: Header, chunk: bytes, order: str) -> None:
    if len(chunk) < 16:
        header.fault = f"its format chunk has {len(chunk)} bytes; 16 are the least"
        return
    code, channels, rate, byte_rate, align, bits = struct.unpack(f"{order}HHIIHH", chunk[:16])
    if code == _EXTENSIBLE and len(chunk) >= 26:
        code = struct.unpack(f"{order}H", chunk[24:26])[0]
    if code in (_PCM, _FLOAT):
        header.byte_rate = rate * align
        if bits == 0 or align != channels * math.ceil(bits / 8):
            header.fault = (
                f"its format chunk contradicts itself ({bits} bits, {channels} channel(s), {align} bytes a frame)"
            )
    else:
        header.byte_rate = byte_rate


def _read_w64(file: BinaryIO, size: int) -> Header:
    header = Header("W64")
    position = 40
    for _ in range(MAX_CHUNKS):
        file.seek(min(position, size))
        head = file.read(24)
        if len(head) < 24:
            break
        length = struct.unpack("<Q", head[16:])[0]
        if head[:4] == b"fmt ":
            _read_format(header, file.read(40), "<")
        if head[:4] == b"data":
            present = size - position - 24
            promised = None if length >= 1 << 62 else max(length - 24, 0)
            after = position + (max(length, 24) + 7) // 8 * 8
            file.seek(min(after, size))
            header.judge(promised, present, more_follows=file.read(16)[4:] == _W64_GUID)
            # libsndfile reads a W64 to the end of the file, whatever its header says
            header.length_lost, header.ignored = header.length_lost or header.ignored > 0, 0
            return header
        if length < 24:
            break
        position += (length + 7) // 8 * 8
    header.fault = "it has no data chunk"
    return header


def _read_aiff(file: BinaryIO, size: int) -> Header:
    header = Header("AIFF")
    frames, rate = 0, 0.0
    for name, length, position in _riff_chunks(file, size, ">"):
        if name == b"COMM":
            _, frames, bits, exponent, mantissa = struct.unpack(">HIHHQ", file.read(18))
            if bits == 0:
                header.fault = "its format chunk says that samples have no bits"
            rate = math.ldexp(mantissa, (exponent & 0x7FFF) - 16383 - 63)
        elif name == b"SSND":
            promised, present = max(length - 8, 0), size - position - 8
            if frames and rate:
                header.byte_rate = promised / frames * rate
            unknown = _is_unknown(length) and promised > present
            header.judge(None if unknown else promised, present, more_follows=_chunk_at(file, size, position + length))
            return header
    header.fault = "it has no sound chunk (SSND)"
    return header


def _read_caf(file: BinaryIO, size: int) -> Header:
    header = Header("CAF")
    position = 8
    for _ in range(MAX_CHUNKS):
        file.seek(min(position, size))
        head = file.read(12)
        if len(head) < 12:
            break
        name, length = head[:4], struct.unpack(">q", head[4:])[0]
        if name == b"desc":
            rate, _, _, packet_bytes, packet_frames = struct.unpack(">d4sIII", file.read(24))
            header.byte_rate = rate * packet_bytes / packet_frames if packet_frames else None
        if name == b"data":
            promised = None if length < 0 else length
            header.judge(
                promised,
                size - position - 12,
                more_follows=_chunk_at(file, size, position + 12 + max(length, 0)),
            )
            return header
        position += 12 + max(length, 0)
    header.fault = "it has no data chunk"
    return header


def _read_flac(file: BinaryIO) -> Header | None:
    """STREAMINFO gives the number of samples; 0 is written by who could not know it."""
    file.seek(4)
    head = file.read(4)
    if len(head) < 4 or head[0] & 0x7F or int.from_bytes(head[1:], "big") != _STREAMINFO:
        return None
    info = file.read(_STREAMINFO)
    header = Header("FLAC")
    header.length_unknown = len(info) == _STREAMINFO and int.from_bytes(info[13:18], "big") & ((1 << 36) - 1) == 0
    return header


def _read_au(size: int, magic: bytes) -> Header:
    header = Header("AU")
    offset, length = struct.unpack(">II", magic[4:12])
    header.judge(None if length == 0xFFFFFFFF else length, size - offset, more_follows=False)
    return header
