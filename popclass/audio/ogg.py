"""Whether every page of an Ogg file is there, in its order, as it was written.

Decoders of Ogg pass over a page whose checksum is wrong, and over pages that are missing, without a word: 256 damaged
bytes in a second of Vorbis made half of it vanish here. So the pages are counted and their checksums computed, which
takes a twentieth of the time of decoding. Whatever follows the last page and is no page is passed over, as everybody
does.

Source: RFC 3533. The checksum is a CRC-32 with polynomial 0x04C11DB7 that takes the highest bit of each byte first; it
is that of zlib, from another start, over bytes and in a result whose bits are in the opposite order.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

from popclass.audio.container import Header

MAGIC = b"OggS"
_FIXED = 27
_BEGINS, _ENDS = 2, 4
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def read_ogg(file: BinaryIO) -> Header:
    """What is wrong with the pages of an Ogg file, from its first byte on.

    Parameters
    ----------
    file : seekable binary file

    Returns
    -------
    Header
        `cut_short`, where its last page is not all there; `length_unknown`, where the last is not marked as the last;
        `damage`.
    """
    header = Header("Ogg")
    file.seek(0)
    streams: dict[bytes, int] = {}
    number, last = 0, b""
    while head := file.read(_FIXED):
        number += 1
        if head[:4] != MAGIC[: len(head)]:
            ended = last and last[5] & _ENDS
            if not ended or MAGIC in head or _another_page(file):
                header.damage = f"page {number} does not begin where the page before it ends"
            break
        page = _rest(file, head)
        if page is None:
            header.cut_short = True
            break
        header.damage = _fault(page, streams, number)
        if header.damage:
            break
        last = page
    header.length_unknown = not header.cut_short and not (last and last[5] & _ENDS)
    return header


def _rest(file: BinaryIO, head: bytes) -> bytes | None:
    """A whole page; None where the file ends within it."""
    if len(head) < _FIXED:
        return None
    sizes = file.read(head[26])
    body = file.read(sum(sizes))
    whole = len(sizes) == head[26] and len(body) == sum(sizes)
    return head + sizes + body if whole else None


def _another_page(file: BinaryIO) -> bool:
    """Whether a page begins anywhere in what follows."""
    before = b""
    while piece := file.read(1 << 20):
        if MAGIC in before + piece:
            return True
        before = piece[-3:]
    return False


def _fault(page: bytes, streams: dict[bytes, int], number: int) -> str:
    """What is wrong with a page; `streams` has the number of the last page of each stream."""
    if not is_whole(page):
        return f"page {number} does not match its checksum"
    serial, sequence = page[14:18], int.from_bytes(page[18:22], "little")
    if page[5] & _BEGINS:
        streams[serial] = sequence
        return ""
    if serial not in streams:
        return f"page {number} belongs to a stream that never began"
    expected, streams[serial] = (streams[serial] + 1) & 0xFFFFFFFF, sequence
    return "" if sequence == expected else f"page {number} has the number {sequence}, due was {expected}"


def is_whole(page: bytes) -> bool:
    """Whether a page matches its checksum.

    Examples
    --------
    >>> is_whole(b"OggS" + bytes(18) + bytes.fromhex("03d7f4ea") + bytes(1))
    False
    """
    bits = (page[:22] + bytes(4) + page[26:]).translate(_REVERSED)
    return zlib.crc32(bits, 0xFFFFFFFF) ^ 0xFFFFFFFF == int.from_bytes(page[22:26].translate(_REVERSED), "big")
