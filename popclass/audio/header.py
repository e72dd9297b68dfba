"""Readers of container headers, for comparing the declared with the actual length of the audio.

Decoders silently read a file that was cut short, or whose recorder stopped before it filled in the length.
`read_header` recognises the format and walks the chunks of a WAV (also RF64, BW64, RIFX), W64, AIFF, CAF or AU file;
mp4, Ogg and MP3 have modules of their own. Nothing is decoded. Ogg and MP3 are read whole, of other files a few
kilobytes.
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from popclass.audio.container import ContainerHeader, begins_recording, is_chunk
from popclass.audio.mp3 import read_mp3
from popclass.audio.mp4 import read_mp4
from popclass.audio.ogg import read_ogg

MAX_CHUNKS = 10_000
"""Chunks examined in one file; recorders write fewer than ten."""

MAX_TEXT = 1 << 20
"""Largest metadata chunk that is read, in bytes."""

WRITTEN_BY_PIPES = ((0x7FFF0000, 0x80000000), (0xFFFF0000, 0xFFFFFFFF))
"""Lengths that mean "unknown" in 32-bit headers: ffmpeg writes the largest, sox 0x7FFFF000, arecord 2 GiB."""

_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb"
_W64_GUID = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_UNKNOWN_32, _UNKNOWN_64 = 0xFFFFFFFF, 1 << 62
_STREAMINFO = 34
_PCM, _FLOAT, _MP3, _EXTENSIBLE = 1, 3, 0x55, 0xFFFE


class WavFormat(NamedTuple):
    """Format chunk of a WAV; `code` is that of the subformat in an extensible one."""

    code: int
    channels: int
    rate: int
    byte_rate: int
    align: int
    bits: int


def read_header(file: BinaryIO) -> ContainerHeader | None:
    """Read the header of an audio file; None if its format is not one of these.

    Parameters
    ----------
    file : seekable binary file

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    magic = file.read(12)
    for pattern, kind, reader in _READERS:
        if re.match(pattern, magic, re.DOTALL):
            header = ContainerHeader(kind)
            try:
                reader(file, size, header)
            except (struct.error, ValueError, LookupError, OverflowError):
                return None
            return header
    return None


def parse_wav_format(chunk: bytes, order: str = "<") -> WavFormat:
    """Parse the content of a WAV format chunk of at least 16 bytes.

    Parameters
    ----------
    chunk : bytes
    order : str
        Byte order as in `struct`: `>` in a RIFX file.

    Examples
    --------
    >>> parse_wav_format(bytes.fromhex("0100 0100 401f0000 803e0000 0200 1000"))
    WavFormat(code=1, channels=1, rate=8000, byte_rate=16000, align=2, bits=16)
    """
    parsed = WavFormat(*struct.unpack(f"{order}HHIIHH", chunk[:16]))
    if parsed.code == _EXTENSIBLE and len(chunk) >= 26:
        return parsed._replace(code=struct.unpack(f"{order}H", chunk[24:26])[0])
    return parsed


def _chunks(
    file: BinaryIO, size: int, start: int, layout: str, *, align: int = 1, overhead: int = 0
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, length of content and position of content of each chunk, the file being at the content.

    `layout` is that of a chunk's name and length, which counts `overhead` bytes besides the content.
    """
    head = struct.Struct(layout)
    for _ in range(MAX_CHUNKS):
        file.seek(min(start, size))
        read = file.read(head.size)
        if len(read) < head.size:
            return
        name, length = head.unpack(read)
        position = start + head.size
        yield name, length - overhead, position
        start = position + _padded(length - overhead, align)


def _padded(length: int, align: int) -> int:
    return -(-max(length, 0) // align) * align


def _declared(length: int, present: int) -> int | None:
    """Return a 32-bit length; None if it means "unknown" and is not the actual one by chance."""
    unknown = any(low <= length <= high for low, high in WRITTEN_BY_PIPES)
    return None if unknown and length > present else length


def _check_audio(file: BinaryIO, size: int, header: ContainerHeader, start: int, declared: int | None) -> None:
    """Compare the length of the audio from `start` on; the name of a chunk may follow it, or a pad byte and one."""
    file.seek(min(start + (declared or 0), size))
    name = file.read(5)
    joined = begins_recording(name) or begins_recording(name[1:])
    more_follows = not joined and (is_chunk(name[:4]) or is_chunk(name[1:]))
    header.check_length(declared, size - start, more_follows=more_follows)


def _read_riff(file: BinaryIO, size: int, header: ContainerHeader) -> None:
    file.seek(0)
    order = ">" if file.read(4) == b"RIFX" else "<"
    long_length: int | None = None
    frames = long_frames = 0
    for name, length, position in _chunks(file, size, 12, f"{order}4sI", align=2):
        if not is_chunk(name):
            break
        if begins_recording(name):
            header.ignored = size - position + 8
            break
        if name == b"ds64" and header.kind == "RF64":
            long_length, long_frames = struct.unpack("<8xQQ", file.read(24))
        elif name == b"fmt ":
            _read_wav_format(file.read(min(length, 40)), order, header)
        elif name == b"fact" and length >= 4:
            frames = struct.unpack(f"{order}I", file.read(4))[0]
        elif name == b"data" and header.present is None:
            declared = _declared(length, size - position)
            if length == _UNKNOWN_32 and long_length is not None:
                declared = None if long_length >= _UNKNOWN_64 else long_length
            _check_audio(file, size, header, position, declared)
            if length in (0, _UNKNOWN_32):
                break
        elif name in (b"bext", b"iXML") and length <= MAX_TEXT:
            header.chunks[name] = file.read(length)
    if header.present is None:
        header.fault = "it has no data chunk"
    header.set_frames(long_frames if frames == _UNKNOWN_32 else frames)


def _read_wav_format(chunk: bytes, order: str, header: ContainerHeader) -> None:
    if len(chunk) < 16:
        header.fault = f"its format chunk has {len(chunk)} bytes; at least 16 are needed"
        return
    parsed = parse_wav_format(chunk, order)
    header.byte_rate = parsed.byte_rate
    header.needs_ffmpeg = parsed.code == _MP3  # of which libsndfile reads a part
    if parsed.code not in (_PCM, _FLOAT) and len(chunk) >= 20:
        header.block = parsed.align, struct.unpack(f"{order}H", chunk[18:20])[0]
    if parsed.code in (_PCM, _FLOAT):
        header.byte_rate = parsed.rate * parsed.align
        if parsed.bits == 0 or parsed.align != parsed.channels * math.ceil(parsed.bits / 8):
            sizes = f"{parsed.bits} bits, {parsed.channels} channel(s), {parsed.align} bytes per frame"
            header.fault = f"its format chunk contradicts itself ({sizes})"


def _read_w64(file: BinaryIO, size: int, header: ContainerHeader) -> None:
    frames = 0
    for name, length, position in _chunks(file, size, 40, "<4s12xQ", align=8, overhead=24):
        if name == b"fmt ":
            _read_wav_format(file.read(40), "<", header)
        if name == b"fact":
            frames = int.from_bytes(file.read(8), "little")
        if name == b"data":
            declared = None if length >= _UNKNOWN_64 - 24 else max(length, 0)
            file.seek(min(position + _padded(length, 8), size))
            header.check_length(declared, size - position, more_follows=file.read(16)[4:] == _W64_GUID)
            # libsndfile reads a W64 to the end of the file, whatever length it declares
            header.length_lost, header.ignored = header.length_lost or header.ignored > 0, 0
            header.set_frames(frames)
            return
        if length < 0:
            break
    header.fault = "it has no data chunk"


def _read_aiff(file: BinaryIO, size: int, header: ContainerHeader) -> None:
    frames, rate = 0, 0.0
    for name, length, position in _chunks(file, size, 12, ">4sI", align=2):
        if not is_chunk(name):
            break
        if name == b"COMM":
            _, frames, bits, exponent, mantissa = struct.unpack(">HIHHQ", file.read(18))
            if bits == 0:
                header.fault = "its format chunk declares samples of 0 bits"
            rate = math.ldexp(mantissa, (exponent & 0x7FFF) - 16383 - 63)
        elif name == b"SSND" and header.present is None:
            audio = max(length - 8, 0)  # less offset and block size
            if frames and rate:
                header.byte_rate = audio / frames * rate
            known = _declared(length, size - position) is not None
            _check_audio(file, size, header, position + 8, audio if known else None)
        elif begins_recording(name):
            header.ignored = size - position + 8
            break
    if header.present is None:
        header.fault = "it has no sound chunk (SSND)"


def _read_caf(file: BinaryIO, size: int, header: ContainerHeader) -> None:
    for name, length, position in _chunks(file, size, 8, ">4sq"):
        if name == b"desc":
            rate, _, _, packet_bytes, packet_frames = struct.unpack(">d4sIII", file.read(24))
            header.byte_rate = rate * packet_bytes / packet_frames if packet_frames else None
        if name == b"data":
            _check_audio(file, size, header, position, None if length < 0 else length)
            return
    header.fault = "it has no data chunk"


def _read_flac(file: BinaryIO, size: int, header: ContainerHeader) -> None:
    """Read STREAMINFO; its number of samples is 0 if the writer did not know it."""
    file.seek(4)
    head, info = file.read(4), file.read(_STREAMINFO)
    if head[:1] not in (b"\x00", b"\x80") or int.from_bytes(head[1:], "big") != _STREAMINFO:
        raise ValueError("STREAMINFO is missing")
    header.length_unknown = len(info) == _STREAMINFO and int.from_bytes(info[13:18], "big") & ((1 << 36) - 1) == 0


def _read_au(file: BinaryIO, size: int, header: ContainerHeader) -> None:
    file.seek(4)
    offset, length = struct.unpack(">II", file.read(8))
    header.check_length(None if length == _UNKNOWN_32 else length, size - offset, more_follows=False)


_READERS: tuple[tuple[bytes, str, Callable[[BinaryIO, int, ContainerHeader], None]], ...] = (
    (rb"RIF[FX]....WAVE", "WAV", _read_riff),
    (rb"(RF64|BW64)....WAVE", "RF64", _read_riff),
    (re.escape(_W64_RIFF), "W64", _read_w64),
    (rb"FORM....AIF[FC]", "AIFF", _read_aiff),
    (rb"caff", "CAF", _read_caf),
    (rb"fLaC", "FLAC", _read_flac),
    (rb"\.snd", "AU", _read_au),
    (rb"....(ftyp|mdat)|\0...(moov|wide|free|skip|pnot)", "MP4", read_mp4),
    (rb"OggS", "Ogg", read_ogg),
    (rb"ID3|\xff[\xe0-\xff]", "MP3", read_mp3),
)
"""First bytes of a file (a pattern), name of its format, and the reader that fills in the header.

A reader gets the file, its size in bytes and the header. It raises ValueError if the file is not of its format.
"""
