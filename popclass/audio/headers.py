"""What the header of an audio file promises, held against what the file holds.

Decoders read a file that was cut short, or whose recorder died before it could fill in the length, without a word.
`read_header` walks the chunks of a WAV (also RF64, BW64, RIFX, W64), AIFF, CAF, AU or mp4 (m4a, mov, 3gp)
file as far as they are needed, and looks at the last page of an Ogg and the first frame of an MP3. It decodes nothing,
reads a few kilobytes (of an Ogg 64) and returns None for what it does not know.

- `cut_short`: the file ends before the sound its header promises. Nobody knows what is missing: it is refused.
- `length_lost`: the header says that there is no sound, or less than 4 GiB of a longer file, and sound follows:
  the recorder lost power, or could not count that far. The sound is read to the end of the file, with a warning.
- `length_unknown`: the header says that the writer could not know the length (a pipe). Read to the end, with a warning.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

MAX_CHUNKS = 100
"""Chunks looked at in one file; recorders write fewer than ten."""

MAX_BOXES = 1_000_000
"""Boxes looked at in an mp4: one in pieces has two for each second or two, and a box is passed by in microseconds."""

MAX_TEXT = 1 << 20
"""Largest metadata chunk that is read, in bytes."""

WRITTEN_BY_PIPES = ((0x7FFF0000, 0x80000000), (0xFFFF0000, 0xFFFFFFFF))
"""Lengths that stand for "unknown" in 32-bit headers: ffmpeg writes the largest, sox 0x7FFFF000, arecord 2 GiB."""

_TEXT_CHUNKS = (b"bext", b"iXML")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


@dataclass(slots=True)
class Header:
    """What `read_header` found.

    Attributes
    ----------
    kind : str
        Name of the file format.
    promised, present : int or None
        Bytes of sound by the header and by the size of the file; None where one of them is unknown.
    byte_rate : float or None
        Bytes per second of sound, where that is a constant.
    cut_short, length_lost, length_unknown : bool
        See the module.
    fault : str
        Why the file cannot be read as what it says it is; empty for a sound one.
    chunks : dict of bytes to bytes
        The metadata chunks `bext` and `iXML`.
    """

    kind: str
    promised: int | None = None
    present: int | None = None
    byte_rate: float | None = None
    cut_short: bool = False
    length_lost: bool = False
    length_unknown: bool = False
    fault: str = ""
    chunks: dict[bytes, bytes] = field(default_factory=dict)

    def shortfall(self) -> str:
        """How much of the promised sound is there, in seconds where the byte rate is known."""
        if self.promised is None or self.present is None:
            return "its last page is missing"
        believable = self.byte_rate is not None and 0 < self.byte_rate < math.inf  # a CAF may say anything
        unit, scale = ("s", self.byte_rate) if self.byte_rate and believable else ("bytes", 1)
        digits = 2 if unit == "s" else 0
        return (
            f"the header promises {self.promised / scale:.{digits}f} {unit}, "
            f"the file holds {self.present / scale:.{digits}f} {unit}"
        )


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
        if magic[:4] == b".snd":
            return _read_au(size, magic)
        if magic[4:8] == b"ftyp":
            return _read_mp4(file, size)
        if magic[:4] == b"OggS":
            return _read_ogg(file, size)
        if magic[:3] == b"ID3" or (magic[:1] == b"\xff" and magic[1] & 0xE0 == 0xE0):
            return _read_mp3(file, size)
    except (struct.error, ValueError, IndexError, OverflowError):
        return None
    return None


def _judge(header: Header, promised: int | None, present: int, *, more_follows: bool, wraps: bool = False) -> None:
    """Hold the promised number of bytes (None: unknown) against the number that is there."""
    header.promised, header.present = promised, present
    if promised is None:
        header.length_unknown = True
    elif promised > present:
        header.cut_short = True
    elif present > promised and not more_follows:
        header.length_lost = promised == 0 or (wraps and (present - promised) >> 32 > 0)


def _is_chunk(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def _is_unknown(length: int) -> bool:
    return any(low <= length <= high for low, high in WRITTEN_BY_PIPES)


def _riff_chunks(file: BinaryIO, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, length and position of each chunk after the file's first twelve bytes."""
    position = 12
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or not _is_chunk(head[:4]):
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
    _judge(
        header, promised, size - position, more_follows=_chunk_at(file, size, position + (promised or 0)), wraps=True
    )
    return header


def _chunk_at(file: BinaryIO, size: int, position: int) -> bool:
    """Whether a chunk's name stands at `position` or, after a pad byte, next to it."""
    file.seek(min(position, size))
    name = file.read(5)
    return _is_chunk(name[:4]) or _is_chunk(name[1:])


def _read_format(header: Header, chunk: bytes, order: str) -> None:
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
            _judge(header, promised, present, more_follows=0 < length < size - position)
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
            _, frames, _, exponent, mantissa = struct.unpack(">HIHHQ", file.read(18))
            rate = math.ldexp(mantissa, (exponent & 0x7FFF) - 16383 - 63)
        elif name == b"SSND":
            promised, present = max(length - 8, 0), size - position - 8
            if frames and rate:
                header.byte_rate = promised / frames * rate
            unknown = _is_unknown(length) and promised > present
            _judge(
                header, None if unknown else promised, present, more_follows=_chunk_at(file, size, position + length)
            )
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
            _judge(
                header,
                promised,
                size - position - 12,
                more_follows=_chunk_at(file, size, position + 12 + max(length, 0)),
            )
            return header
        position += 12 + max(length, 0)
    header.fault = "it has no data chunk"
    return header


def _read_au(size: int, magic: bytes) -> Header:
    header = Header("AU")
    offset, length = struct.unpack(">II", magic[4:12])
    _judge(header, None if length == 0xFFFFFFFF else length, size - offset, more_follows=False)
    return header


def _read_mp4(file: BinaryIO, size: int) -> Header:
    """An mp4 (m4a, mov, 3gp) is a row of boxes; recorders write the index, `moov`, last."""
    header = Header("MP4")
    names: set[bytes] = set()
    position = 0
    for _ in range(MAX_BOXES):
        if position >= size:
            break
        file.seek(position)
        head = file.read(16)
        length, name = struct.unpack(">I", head[:4])[0], head[4:8]
        names.add(name)
        if length == 1:
            length = struct.unpack(">Q", head[8:16])[0]
        if length == 0 or not _is_chunk(name):
            break
        if position + length > size:
            header.promised, header.present, header.cut_short = length, size - position, True
            return header
        position += max(length, 8)
    else:
        return header  # nobody knows what follows so many
    if b"moov" not in names:
        header.fault = "its index (moov) is missing: the recorder was stopped before it could write it"
    return header


def _read_ogg(file: BinaryIO, size: int) -> Header:
    """An Ogg file is cut short where its last page is not all there; a page is at most 65,307 bytes long."""
    header = Header("Ogg")
    start = max(size - 65_307, 0)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"OggS")
    page = tail[at:]
    if at < 0:
        header.cut_short = True
    else:
        segments = page[26] if len(page) > 26 else 0
        length = 27 + segments + sum(page[27 : 27 + segments])
        ends_stream = len(page) > 26 and bool(page[5] & 4)
        header.cut_short = len(page) < length
        header.length_unknown = not header.cut_short and not ends_stream
    return header


def _read_mp3(file: BinaryIO, size: int) -> Header | None:
    """The Xing or Info frame of an MP3 gives the number of bytes from that frame on; without it nothing is promised."""
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    file.seek(start)
    frame = file.read(256)
    if not (frame[:1] == b"\xff" and frame[1] & 0xE6 == 0xE2):
        return None
    header = Header("MP3")
    at = max(frame.find(b"Xing", 4, 44), frame.find(b"Info", 4, 44))
    if at > 0:
        flags = struct.unpack(">I", frame[at + 4 : at + 8])[0]
        fields = struct.unpack(">II", frame[at + 8 : at + 16])
        if flags & 3 == 3 and fields[1]:
            header.promised, header.present = fields[1], size - start
            header.byte_rate = _mp3_byte_rate(frame, frames=fields[0], length=fields[1])
            header.cut_short = header.present < header.promised
    return header


def _mp3_byte_rate(frame: bytes, *, frames: int, length: int) -> float | None:
    version, layer = frame[1] >> 3 & 3, frame[1] >> 1 & 3
    rates = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
    index = frame[2] >> 2 & 3
    if version not in rates or layer != 1 or index == 3 or not frames:
        return None
    samples = 1152 if version == 3 else 576
    return length / (frames * samples / rates[version][index])
