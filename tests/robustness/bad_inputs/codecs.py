"""FLAC, MP3, Ogg, AAC and AMR streams whose headers lie, or which hold everything but sound."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from functools import cache

from bad_inputs.kinds import Kind, accepted, either, holding, refused, warned
from bad_inputs.sources import encoded, good, samples, written

FLAC = "FLAC headers that lie"
MP3 = "MP3 and its tags"
OGG = "Ogg pages that lie"
RAW = "AAC and AMR streams that lie"
DEVICES = "Recordings that lack something"
LATE = struct.pack("<q", 1 << 62)
UNUSABLE = (
    "cannot be read as audio",
    "is not a usable",
    "cut short",
    "contains no sound",
    "breaks off",
    "a sample rate of",
)


def kinds() -> Iterator[Kind]:
    yield from _flac()
    yield from _mp3()
    yield from _ogg()
    yield from _raw()
    yield from _devices()


@cache
def picture() -> bytes:
    """A small PNG."""
    import numpy as np
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def _block(kind: int, data: bytes, *, last: bool = False, length: int | None = None) -> bytes:
    """A metadata block of a FLAC file."""
    said = len(data) if length is None else length
    return bytes([kind | 0x80 * last]) + said.to_bytes(3, "big") + data


def _flac_picture(length: int | None = None) -> bytes:
    image = picture()
    said = len(image) if length is None else length
    head = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">IIIIII", 0, 64, 64, 24, 0, said)
    return head + image


@cache
def _flac_parts() -> tuple[bytes, bytes]:
    """The body of STREAMINFO and the frames of a good file."""
    data = good("flac")
    at, last = 4, False
    while not last:
        last, length = bool(data[at] & 0x80), int.from_bytes(data[at + 1 : at + 4], "big")
        at += 4 + length
    return data[8:42], data[at:]


def _info(
    *, rate: int = 48_000, channels: int = 1, bits: int = 16, total: int = 48_000, blocks: int | None = None
) -> bytes:
    body = _flac_parts()[0]
    packed = rate << 44 | (channels - 1) << 41 | (bits - 1) << 36 | total
    sizes = body[:4] if blocks is None else struct.pack(">HH", blocks, blocks)
    return sizes + body[4:10] + packed.to_bytes(8, "big") + bytes(16)


def _flac_of(info: bytes, *blocks: bytes) -> bytes:
    return b"fLaC" + _block(0, info, last=not blocks) + b"".join(blocks) + _flac_parts()[1]


def _flac() -> Iterator[Kind]:
    unknown = holding(lambda: _flac_of(_info(total=0)))
    yield warned(
        FLAC, "flac-total-0", "a length of 0: not known", unknown, "does not declare its length", ending=".flac"
    )
    for name, total in (("one-more", 48_001), ("double", 96_000), ("2-36", (1 << 36) - 1)):
        data = holding(lambda total=total: _flac_of(_info(total=total)))
        what = "a length beyond the end of the file"
        yield refused(FLAC, f"flac-total-{name}", what, data, "cut short", "breaks off", ending=".flac", of=name)
    less = holding(lambda: _flac_of(_info(total=24_000)))
    yield accepted(FLAC, "flac-total-half", "a length of half of what is there, which counts", less, ".flac")
    other = holding(lambda: _flac_of(_info(rate=0)))
    yield either(FLAC, "flac-rate-0", "a sample rate of 0, where each frame says it again", other, ".flac")
    for rate in (7, 999_999):
        data = holding(lambda rate=rate: _flac_of(_info(rate=rate)))
        yield refused(
            FLAC,
            f"flac-rate-{rate}",
            "a sample rate outside 8-192 kHz",
            data,
            *UNUSABLE,
            ending=".flac",
            of=f"{rate} Hz",
        )
    for name, info in (("channels", {"channels": 8}), ("bits", {"bits": 4}), ("block", {"blocks": 0})):
        data = holding(lambda info=info: _flac_of(_info(**info)))
        yield either(
            FLAC,
            f"flac-{name}",
            "channels, bits or block sizes that are not those of the frames",
            data,
            ".flac",
            of=name,
        )
    fine = {
        "flac-picture-lies": ("a picture longer than its block", lambda: _block(6, _flac_picture(1 << 31), last=True)),
        "flac-padding": ("1,000 blocks of padding", lambda: _block(1, b"") * 999 + _block(1, b"", last=True)),
        "flac-seek-table": ("a seek table that points nowhere", lambda: _block(3, b"\xfe" * 180, last=True)),
        "flac-comments": ("a comment longer than its block", lambda: _block(4, b"\xff" * 8, last=True)),
    }
    for name, (what, block) in fine.items():
        data = holding(lambda block=block: _flac_of(_info(), block()))
        yield either(FLAC, name, what, data, ".flac")
    nothing = {
        "flac-magic-only": ("four bytes of magic", lambda: b"fLaC"),
        "flac-picture-only": ("a picture and no sound", lambda: b"fLaC" + _block(6, _flac_picture(), last=True)),
        "flac-info-only": ("a header and no sound", lambda: b"fLaC" + _block(0, _info(), last=True)),
        "flac-info-and-picture": (
            "a header, a picture and no sound",
            lambda: b"fLaC" + _block(0, _info()) + _block(6, _flac_picture(), last=True),
        ),
        "flac-block-16-mib": (
            "a block of 16 MiB that is not there",
            lambda: b"fLaC" + _block(0, _info()) + _block(1, b"", last=True, length=(1 << 24) - 1),
        ),
        "flac-no-last-block": ("blocks without end", lambda: b"fLaC" + _block(0, _info()) + _block(1, b"") * 50_000),
    }
    for name, (what, make) in nothing.items():
        yield refused(FLAC, name, what, holding(make), *UNUSABLE, ending=".flac")


def _id3(data: bytes, length: int | None = None) -> bytes:
    size = len(data) if length is None else length
    return b"ID3\x04\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + data


def _id3_frame(name: bytes, data: bytes) -> bytes:
    return name + bytes(len(data) >> shift & 0x7F for shift in (21, 14, 7, 0)) + b"\0\0" + data


def _cover() -> bytes:
    return _id3(_id3_frame(b"APIC", b"\0image/png\0\x03\0" + picture()))


def _mp3() -> Iterator[Kind]:
    nothing = {
        "mp3-id3-only": ("a title and no sound", lambda: _id3(_id3_frame(b"TIT2", b"\3hip"))),
        "mp3-cover-only": ("a cover and no sound", _cover),
        "mp3-id3-header-only": ("ten bytes of a tag", lambda: _id3(b"")),
        "mp3-id3-v1-only": ("a tag of the older kind and no sound", lambda: b"TAG" + bytes(125)),
        "mp3-frame-header": ("four bytes of a frame", lambda: good("mp3")[:4]),
        "mp3-sync-only": ("10,000 beginnings of frames", lambda: b"\xff\xfb\x94\xc4" * 10_000),
        "mp3-id3-long": ("a tag that says it is longer than the file", lambda: _id3(b"", (1 << 28) - 1) + good("mp3")),
    }
    for name, (what, make) in nothing.items():
        yield refused(MP3, name, what, holding(make), *UNUSABLE, "are needed", "silence", ending=".mp3")
    cover = holding(lambda: _cover() + good("mp3"))
    yield accepted(MP3, "mp3-cover", "a cover before the sound, which is no recording's fault", cover, ".mp3")
    short = holding(lambda: _id3(bytes(64), 10) + good("mp3"))
    yield either(MP3, "mp3-id3-short", "a tag that says it is shorter than it is", short, ".mp3")
    tagged = holding(lambda: good("mp3") + b"TAG" + bytes(125))
    yield accepted(MP3, "mp3-id3-v1", "a tag of the older kind after the sound", tagged, ".mp3")
    for name, at, value in (
        ("frames", 8, 0xFFFFFFFF),
        ("frames-0", 8, 0),
        ("bytes", 12, 0xFFFFFFFF),
        ("bytes-0", 12, 0),
    ):
        lying = holding(lambda at=at, value=value: _xing(at, value))
        yield either(MP3, f"mp3-xing-{name}", "a table of contents that lies", lying, ".mp3", of=f"{name} {value}")
    junk = holding(lambda: good("mp3")[:5000] + bytes(5000) + good("mp3")[5000:])
    yield refused(MP3, "mp3-junk", "5,000 zeros in the middle", junk, "damaged", "breaks off", ending=".mp3")
    again = holding(lambda: good("mp3") + _id3(bytes(100)) + good("mp3"))
    yield either(MP3, "mp3-twice", "two files, one after the other", again, ".mp3")


def _xing(at: int, value: int) -> bytes:
    data = bytearray(good("mp3"))
    found = re.search(rb"Xing|Info", data)
    assert found is not None
    data[found.start() + at : found.start() + at + 4] = struct.pack(">I", value)
    return bytes(data)


def pages(data: bytes) -> list[bytes]:
    """The pages of an Ogg file."""
    found, at = [], 0
    while at < len(data):
        count = data[at + 26]
        length = 27 + count + sum(data[at + 27 : at + 27 + count])
        found.append(data[at : at + length])
        at += length
    return found


def page_checksum(page: bytes) -> int:
    """CRC-32 with polynomial 0x04C11DB7, not reflected, from 0 (RFC 3533), bit by bit."""
    value = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
            value &= 0xFFFFFFFF
    return value


def _changed(page: bytes, at: int, new: bytes) -> bytes:
    """A page with other bytes in its header, and the checksum that goes with them."""
    page = page[:at] + new + page[at + len(new) :]
    return page[:22] + struct.pack("<I", page_checksum(page)) + page[26:]


def _ogg() -> Iterator[Kind]:
    for name in ("vorbis", "opus"):
        end = ".ogg" if name == "vorbis" else ".opus"

        def of_pages(change: object, name: str = name) -> bytes:
            return b"".join(change(pages(good(name))))  # type: ignore[operator]

        broken = {
            "page-lost": ("a page lost", lambda all_pages: all_pages[:2] + all_pages[3:]),
            "page-twice": ("a page twice", lambda all_pages: all_pages[:3] + all_pages[2:]),
            "pages-swapped": ("two pages in the wrong order", lambda p: [*p[:-2], p[-1], p[-2]]),
            "checksum": ("a wrong checksum", lambda p: [*p[:-1], p[-1][:22] + bytes(4) + p[-1][26:]]),
            "serial": ("a page of another stream", lambda p: [*p[:-1], _changed(p[-1], 14, b"\1\2\3\4")]),
            "headers-only": ("its headers and no sound", lambda p: p[:2]),
        }
        for suffix, (what, change) in broken.items():
            data = holding(lambda change=change, of_pages=of_pages: of_pages(change))
            yield refused(OGG, f"{name}-{suffix}", what, data, *UNUSABLE, "damaged", ending=end, of=name)
        negative = holding(lambda of_pages=of_pages: of_pages(lambda p: [*p[:-1], _changed(p[-1], 6, b"\xff" * 8)]))
        yield either(OGG, f"{name}-granule-negative", "a last page at no sample", negative, end, of=name)
        beyond = holding(lambda of_pages=of_pages: of_pages(lambda p: [*p[:-1], _changed(p[-1], 6, LATE)]))
        yield either(OGG, f"{name}-granule", "a last page at sample 2^62", beyond, end, of=name)
        unended = holding(lambda of_pages=of_pages: of_pages(lambda p: [*p[:-1], _changed(p[-1], 5, b"\0")]))
        says = "does not declare its length"
        yield warned(OGG, f"{name}-no-end", "a last page that is not marked so", unended, says, ending=end, of=name)
        garbage = holding(lambda name=name: good(name) + b"\0" * 1000)
        yield either(OGG, f"{name}-tail", "zeros after its last page", garbage, end, of=name)


def _raw() -> Iterator[Kind]:
    for name, length in (("0", 0), ("7", 7), ("8191", 8191)):
        data = holding(lambda length=length: _adts_of(length))
        what = "a frame that lies about its length"
        yield either(RAW, f"aac-frame-{name}", what, data, ".aac", of=f"AAC {length}")
    magic = holding(b"#!AMR\n")
    yield refused(RAW, "amr-magic", "a header and no sound", magic, *UNUSABLE, ending=".amr", of="AMR")
    noise = holding(b"#!AMR\n" + bytes(range(256)) * 20)
    yield either(RAW, "amr-noise", "a header and noise", noise, ".amr", of="AMR")


def _devices() -> Iterator[Kind]:
    """Yield what recorders write that states its last sample or its first one badly or not at all."""
    for frames in (7_990, 7_700):  # 25 blocks of 65 bytes have a pad byte
        data = holding(lambda frames=frames: written(samples(8_000)[:frames], 8_000, "WAV", "GSM610"))
        yield accepted(DEVICES, f"gsm-{frames}", "GSM in WAV whose last block is filled up", data)
    unknown = (("mp2", "wav", ".wav"), ("eac3", "eac3", ".eac3"), ("libopus", "mpegts", ".ts"), ("aac", "avi", ".avi"))
    for codec, form, end in unknown:
        data = holding(lambda codec=codec, form=form: encoded(samples(48_000), 48_000, form, codec))
        says, of = "encoder is not in the file", f"{codec.removeprefix('lib')} in {form}"
        yield warned(DEVICES, f"delay-{form}", "no delay of the encoder", data, says, ending=end, of=of)


def _adts_of(length: int) -> bytes:
    """An AAC stream whose third frame says another length."""
    data, at = bytearray(good("aac")), 0
    for _ in range(2):
        at += (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    data[at + 3] = data[at + 3] & 0xFC | length >> 11
    data[at + 4] = length >> 3 & 0xFF
    data[at + 5] = data[at + 5] & 0x1F | (length & 7) << 5
    return bytes(data)
