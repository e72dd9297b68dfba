"""WAV, RF64 and W64 headers that lie: about rates, channels, widths, lengths, and the order of their chunks."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache

from bad_inputs.kinds import Kind, accepted, either, holding, refused, warned
from bad_inputs.sources import RATE, good, samples, written

WAV = "WAV headers that lie"
LONG = "RF64 and W64 headers that lie"
FORMAT = ("is not a usable WAV file", "cannot be read as audio")
WIDEST = 1 << 64


@cache
def sound() -> bytes:
    """One second of 16-bit samples."""
    return good("wav")[44:]


def chunk(name: bytes, data: bytes, length: int | None = None) -> bytes:
    """A RIFF chunk with its pad byte; `length` is what it says."""
    said = len(data) if length is None else length
    return name + struct.pack("<I", said) + data + bytes(len(data) % 2)


def fmt(
    code: int = 1,
    channels: int = 1,
    rate: int = RATE,
    *,
    bits: int = 16,
    align: int | None = None,
    byte_rate: int | None = None,
) -> bytes:
    """The body of a format chunk."""
    align = channels * -(-bits // 8) & 0xFFFF if align is None else align
    byte_rate = rate * align & 0xFFFFFFFF if byte_rate is None else byte_rate
    return struct.pack("<HHIIHH", code, channels, rate, byte_rate, align, bits)


def riff(*chunks: bytes, magic: bytes = b"RIFF", size: int | None = None) -> bytes:
    """A RIFF file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(body) if size is None else size) + body


def wav(form: bytes | None = None, *, data_size: int | None = None, size: int | None = None) -> bytes:
    """A good WAV but for what is given."""
    return riff(chunk(b"fmt ", fmt() if form is None else form), chunk(b"data", sound(), data_size), size=size)


def kinds() -> Iterator[Kind]:
    yield from _lengths()
    yield from _rates()
    yield from _channels()
    yield from _widths()
    yield from _codes()
    yield from _order()
    yield from _rf64()
    yield from _w64()


def _lengths() -> Iterator[Kind]:
    lost, unknown = "header gives a wrong length", "does not declare its length"
    yield warned(WAV, "wav-length-0", "data length 0: the recorder lost power", holding(wav(data_size=0)), lost)
    for name, length in (("ffffffff", 0xFFFFFFFF), ("7ffff000", 0x7FFFF000), ("80000000", 0x80000000)):
        what = "data length as programs write it into a pipe"
        yield warned(WAV, f"wav-length-{name}", what, holding(wav(data_size=length)), unknown, of=f"0x{name}")
    for name, length in (("one-more", 96_001), ("double", 192_000), ("a-gigabyte", 1 << 30), ("3-gib", 3 << 30)):
        what = "data length beyond the end of the file"
        yield refused(WAV, f"wav-length-{name}", what, holding(wav(data_size=length)), "cut short", of=name)
    ignored = "more bytes follow"
    yield warned(WAV, "wav-length-half", "data length half of what is there", holding(wav(data_size=48_000)), ignored)
    yield refused(WAV, "wav-length-2", "data length of one sample", holding(wav(data_size=2)), "has 1 sample(s)")
    yield accepted(WAV, "wav-size-0", "file size 0 in the first chunk, which is ignored", holding(wav(size=0)))
    yield accepted(WAV, "wav-size-large", "file size 4 GiB in the first chunk", holding(wav(size=0xFFFFFFF0)))
    what = "padded with zeros to a whole sector"
    yield accepted(WAV, "wav-padded", what, holding(wav() + bytes(4096 - len(wav()) % 4096)))


def _rates() -> Iterator[Kind]:
    for rate in (0, 1, 7, 7_999, 192_001, (1 << 31) - 1, 1 << 31, (1 << 32) - 1):
        reasons = (f"a sample rate of {rate} Hz", "cannot be read as audio")
        name = f"wav-rate-{rate}"
        yield refused(
            WAV, name, "sample rate outside 8-192 kHz", holding(wav(fmt(rate=rate))), *reasons, of=f"{rate} Hz"
        )
    lies = holding(wav(fmt(byte_rate=3)))
    yield accepted(WAV, "wav-byte-rate", "bytes per second that do not fit, which is ignored", lies)


def _channels() -> Iterator[Kind]:
    for channels in (0, 9, 256, 1024, 1025, 65_535):
        reasons = (f"{channels} channels", "cannot be read as audio", "is not a usable WAV file")
        data = holding(wav(fmt(channels=channels)))
        name, of = f"wav-channels-{channels}", str(channels)
        yield refused(WAV, name, "number of channels outside 1-8", data, *reasons, of=of)


def _widths() -> Iterator[Kind]:
    for bits in (0, 1, 17, 33, 128, 255, 65_535):
        name, data = f"wav-bits-{bits}", holding(wav(fmt(bits=bits, align=2)))
        yield refused(WAV, name, "bits per sample that do not fit", data, *FORMAT, of=str(bits))
    for bits in (7, 8, 24, 32, 64):
        what = "bits per sample that fit and are not those of the samples, which nothing can tell"
        yield either(WAV, f"wav-bits-{bits}", what, holding(wav(fmt(bits=bits))), of=str(bits))
    for align in (0, 1, 3, 65_535):
        name, data = f"wav-align-{align}", holding(wav(fmt(align=align)))
        yield refused(WAV, name, "bytes per frame that do not fit", data, *FORMAT, of=str(align))


def _codes() -> Iterator[Kind]:
    for name, code in (("0", 0), ("ffff", 0xFFFF), ("adpcm", 2), ("mp3", 0x55), ("gsm", 0x31), ("extensible", 0xFFFE)):
        what = "a format code that is not that of the samples"
        reasons = (*FORMAT, "contains no sound", "breaks off")
        yield refused(WAV, f"wav-code-{name}", what, holding(wav(fmt(code))), *reasons, of=name)
    guid = fmt(0xFFFE) + struct.pack("<HHI", 22, 16, 4) + bytes(range(16))
    yield refused(WAV, "wav-guid", "an unknown extensible format", holding(wav(guid)), *FORMAT)


def _order() -> Iterator[Kind]:
    form, data = chunk(b"fmt ", fmt()), chunk(b"data", sound())
    reasons = ("is not a usable WAV file", "cannot be read as audio", "cut short")
    broken = {
        "wav-header-only": ("12 bytes and no chunk", riff()),
        "wav-no-data": ("no data chunk", riff(form)),
        "wav-no-format": ("no format chunk", riff(data)),
        "wav-format-2-bytes": ("a format chunk of 2 bytes", riff(chunk(b"fmt ", b"\1\0"), data)),
        "wav-format-14-bytes": ("a format chunk of 14 bytes", riff(chunk(b"fmt ", fmt()[:14]), data)),
        "wav-format-4-gib": ("a format chunk of 4 GiB", riff(chunk(b"fmt ", fmt(), 0xFFFFFFFF), data)),
        "wav-chunk-4-gib": (
            "a chunk of 4 GiB before the samples",
            riff(form, chunk(b"LIST", b"INFO", 0xFFFFFFF0), data),
        ),
        "wav-chunk-names": ("a chunk whose name is zeros", riff(form, chunk(bytes(4), bytes(64)), data)),
    }
    for name, (what, content) in broken.items():
        yield refused(WAV, name, what, holding(content), *reasons)
    sound_ones = {
        "wav-many-chunks": ("2,000 chunks before the samples", riff(form, chunk(b"junk", b"") * 2_000, data)),
        "wav-format-last": ("the format after the samples", riff(data, form)),
        "wav-two-formats": ("the format twice", riff(form, form, data)),
        "wav-two-data": ("samples in two chunks, of which the first counts", riff(form, data, data)),
        "wav-list-after": ("a text chunk cut short after the samples", riff(form, data, chunk(b"LIST", b"INFO", 99))),
        "wav-bext-damaged": (
            "a time of origination that is noise",
            riff(form, chunk(b"bext", bytes(range(256)) * 3), data),
        ),
    }
    for name, (what, content) in sound_ones.items():
        yield accepted(WAV, name, what, holding(content))


def _ds64(data_size: int, riff_size: int = 0, frames: int = 48_000) -> bytes:
    return chunk(b"ds64", struct.pack("<QQQI", riff_size, data_size, frames, 0))


def _rf64() -> Iterator[Kind]:
    form, data = chunk(b"fmt ", fmt()), chunk(b"data", sound(), 0xFFFFFFFF)

    def rf64(*before: bytes) -> bytes:
        return riff(*before, form, data, magic=b"RF64", size=0xFFFFFFFF)

    whole = holding(rf64(_ds64(WIDEST - 1)))
    yield refused(
        LONG, "rf64-length-2-64", "a length that is negative to some", whole, ending=".rf64", of="RF64 2^64 - 1"
    )
    for name, size in (("0", 0), ("2-62", 1 << 62), ("2-63", 1 << 63)):
        what = "a length of 0, or beyond any file"
        says = ("header gives a wrong length", "does not declare its length")
        data_of = holding(rf64(_ds64(size)))
        yield warned(LONG, f"rf64-length-{name}", what, data_of, *says, ending=".rf64", of=f"RF64 {size}")
    for name, size in (("one-more", 96_001), ("a-terabyte", 1 << 40), ("2-61", 1 << 61)):
        what, data_of = "a length beyond the end of the file", holding(rf64(_ds64(size)))
        yield refused(LONG, f"rf64-length-{name}", what, data_of, "cut short", ending=".rf64", of=f"RF64 {size}")
    half = holding(rf64(_ds64(48_000)))
    yield warned(LONG, "rf64-length-half", "a length of half", half, "more bytes follow", ending=".rf64", of="RF64")
    frames = holding(rf64(_ds64(96_000, frames=WIDEST - 1)))
    yield accepted(LONG, "rf64-frames", "2^64 - 1 frames, which is ignored", frames, ".rf64", of="RF64")
    sizes = holding(rf64(_ds64(96_000, riff_size=WIDEST - 1)))
    yield accepted(LONG, "rf64-size", "a file size of 2^64 - 1, which is ignored", sizes, ".rf64", of="RF64")
    unreadable = ("cannot be read as audio", "is not a usable", "cut short")
    missing = holding(rf64())
    yield refused(LONG, "rf64-no-ds64", "no chunk of lengths", missing, *unreadable, ending=".rf64", of="RF64")
    short = holding(rf64(chunk(b"ds64", bytes(4))))
    yield refused(
        LONG, "rf64-ds64-short", "a chunk of lengths of 4 bytes", short, *unreadable, ending=".rf64", of="RF64"
    )


def _w64() -> Iterator[Kind]:
    whole = written(samples(), RATE, "W64")
    at = whole.index(b"data\xf3\xac\xd3\x11") + 16

    def w64(size: int) -> bytes:
        return whole[:at] + struct.pack("<Q", size) + whole[at + 8 :]

    says = ("header gives a wrong length", "does not declare its length")
    for name, size in (("0", 0), ("24", 24), ("2-63", 1 << 63), ("2-64", WIDEST - 1)):
        what = "a length of 0, or beyond any file"
        yield warned(LONG, f"w64-length-{name}", what, holding(w64(size)), *says, ending=".w64", of=f"W64 {size}")
    for name, size in (("one-more", 96_025), ("2-61", 1 << 61)):
        what = "a length beyond the end of the file"
        yield refused(
            LONG, f"w64-length-{name}", what, holding(w64(size)), "cut short", ending=".w64", of=f"W64 {size}"
        )
    half = holding(w64(48_024))
    yield warned(LONG, "w64-length-half", "a length of half", half, says[0], ending=".w64", of="W64")
    guid = whole.replace(b"fmt \xf3", b"fmt \xf4")
    unreadable = ("cannot be read as audio", "is not a usable")
    yield refused(
        LONG, "w64-guid", "a format chunk by another name", holding(guid), *unreadable, ending=".w64", of="W64"
    )
