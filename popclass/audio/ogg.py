"""Check of the pages of an Ogg file: number, order and checksums.

Ogg decoders silently skip missing pages and those with a wrong checksum: 256 damaged bytes in a second of Vorbis
removed half of it. The check takes a twentieth of the time of decoding. Bytes after the last page that are not a page
are skipped, as in every decoder.

Source: RFC 3533. The checksum is a CRC-32 with polynomial 0x04C11DB7, highest bit of each byte first: that of zlib with
another start value, over bytes with reversed bits and with a reversed result.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

from popclass.audio.container import ContainerHeader, find_bytes

MAGIC = b"OggS"
_FIXED = 27
_CONTINUED, _FIRST_PAGE, _LAST_PAGE = 1, 2, 4
_SILK, _HYBRID, _CELT = (480, 960, 1920, 2880), (480, 960, 480, 960), (120, 240, 480, 960)  # lengths of Opus frames
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def read_ogg(file: BinaryIO, size: int, header: ContainerHeader) -> None:
    """Check the pages of an Ogg file; a reader of `popclass.audio.header`.

    Sets `cut_short` if its last page is incomplete, `length_unknown` if that is not marked as the last, `damage`, and
    `needs_ffmpeg` for chained streams, of which libsndfile reads the first only, and for Opus that was cut out of a
    longer stream, which it misplaces.
    """
    file.seek(0)
    streams: dict[bytes, int] = {}
    number, ended, opus = 0, False, False
    while head := file.read(_FIXED):
        number += 1
        if head[:4] != MAGIC[: len(head)]:
            if not ended or MAGIC in head or find_bytes(file, MAGIC) >= 0:
                header.damage = f"page {number} does not begin at the end of the page before it"
            break
        segments = head[26] if len(head) == _FIXED else 0
        sizes = file.read(segments)
        page = head + sizes + file.read(sum(sizes))
        if len(page) < _FIXED + segments + sum(sizes):
            header.cut_short = True
            return
        header.damage = _check_page(page, streams, number)
        if header.damage:
            break
        granule = int.from_bytes(page[6:14], "little", signed=True)
        if page[5] & _FIRST_PAGE:
            header.needs_ffmpeg |= ended
            opus = page[_FIXED + page[26] :].startswith(b"OpusHead")
        elif opus and granule > 0:
            header.needs_ffmpeg |= granule > _opus_samples(page)
            opus = False  # later pages tell nothing about the start
        ended = bool(page[5] & _LAST_PAGE)
    header.length_unknown = not ended


def _opus_samples(page: bytes) -> int:
    """Return the length in samples at 48 kHz of the Opus packets that begin in a page (RFC 6716, section 3.1)."""
    sizes, total, new = page[_FIXED : _FIXED + page[26]], 0, not page[5] & _CONTINUED
    at = _FIXED + page[26]
    for size in sizes:
        if new and size:
            setting, code = page[at] >> 3, page[at] & 3
            lengths = (
                (480, 960, 1920, 2880) if setting < 12 else (480, 960) * 2 if setting < 16 else (120, 240, 480, 960)
            )
            total += lengths[setting & 3] * (page[at + 1] & 63 if code == 3 and size > 1 else min(code, 1) + 1)
        new = size < 255
        at += size
    return total


def _check_page(page: bytes, streams: dict[bytes, int], number: int) -> str:
    """Describe the damage of a page; `streams` has the number of the last page of each stream."""
    if not checksum_matches(page):
        return f"page {number} does not match its checksum"
    serial, sequence = page[14:18], int.from_bytes(page[18:22], "little")
    if page[5] & _FIRST_PAGE:
        streams[serial] = sequence
        return ""
    if serial not in streams:
        return f"page {number} belongs to a stream without a first page"
    expected, streams[serial] = (streams[serial] + 1) & 0xFFFFFFFF, sequence
    return "" if sequence == expected else f"page {number} has the number {sequence}, expected {expected}"


def checksum_matches(page: bytes) -> bool:
    """Return True if a page matches its checksum.

    Examples
    --------
    >>> checksum_matches(b"OggS" + bytes(18) + bytes.fromhex("03d7f4ea") + bytes(1))
    False
    """
    bits = (page[:22] + bytes(4) + page[26:]).translate(_REVERSED)
    return zlib.crc32(bits, 0xFFFFFFFF) ^ 0xFFFFFFFF == int.from_bytes(page[22:26].translate(_REVERSED), "big")
